"""Messages that other bots post: which are read at all, and each as a value in plain text, whatever was sent."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.ports.messages import ChannelMessage, MessagePart
from bot.ports.store import Store
from bot.slack.finder import Finder
from bot.slack.listeners.said import typed
from bot.slack.render import TEAM_URL
from bot.usecases.adopt import Adopting
from bot.usecases.setup import Adoption

Payload = Mapping[str, Any]

PARTS = 20
TEXT_LIMIT = 40_000
"""What Slack itself takes as one text."""
TITLE_LIMIT = 4_000
BLOCKS = 50
_POSTED = {"", "bot_message"}
_MARK = re.compile(r"<([^<>\s|][^<>|]*)(?:\|([^<>]*))?>")


class Adopter:
    """Takes the messages that `slack.adopt` names, and no other."""

    def __init__(self, adoptions: Sequence[Adoption], adopting: Adopting, finder: Finder, store: Store) -> None:
        self._adoptions = adoptions
        self._adopting = adopting
        self._finder = finder
        self._store = store
        self._senders = frozenset[str]().union(*(adoption.senders for adoption in adoptions))

    def wants(self, body: Payload) -> bool:
        """Whether an event is about a message of a sender that is named; what is not is neither read nor kept."""
        event = _table(body.get("event"))
        about = about_of(event)
        if about is None:
            return False
        senders = _senders(about.content)
        ours = _text(body.get("api_app_id"))
        return bool(senders & self._senders) and not (ours and ours in senders)

    async def handle(self, event: Payload) -> None:
        """Read it. Raises what the network raises, when the channel's name could not be looked up."""
        about = about_of(event)
        if about is None:
            return
        channel, senders = _text(event.get("channel")), _senders(about.content)
        for adoption in self._adoptions:
            if not senders & adoption.senders or await self._finder.channel(adoption.channel) != channel:
                continue
            if about.deleted:
                await self._adopting.deleted(channel, about.ts)
                return
            team = await self._store.read(lambda tx: tx.keys.get("slack", TEAM_URL)) or ""
            await self._adopting.take(message_of(about, channel, team), adoption.integration)
            return


@dataclass(frozen=True, slots=True)
class About:
    """What an event says of a message: its content now (or as it was), and when it became so."""

    content: Payload
    ts: str
    said_at: str
    deleted: bool = False


def about_of(event: Payload) -> About | None:
    """The message that was posted, edited or deleted; nothing for any other event, and for replies in a thread."""
    subtype, now, was = _text(event.get("subtype")), _table(event.get("message")), _table(event.get("previous_message"))
    if event.get("type") != "message":
        return None
    if subtype == "message_deleted" or (subtype == "message_changed" and now.get("subtype") == "tombstone"):
        found = About(was, _text(was.get("ts")), _text(event.get("ts")), deleted=True)
    elif subtype == "message_changed":
        found = About(now, _text(now.get("ts")), _edited_at(event, now, was))
    elif subtype in _POSTED:
        found = About(event, _text(event.get("ts")), _text(event.get("ts")))
    else:
        return None
    is_reply = _text(found.content.get("thread_ts")) not in {"", found.ts}
    if is_reply or _text(found.content.get("subtype")) not in _POSTED or _moment(found.ts) is None:
        return None
    return found


def _edited_at(event: Payload, now: Payload, was: Payload) -> str:
    """The time of the edit. Slack marks no edit of attachments, and changes a message also when it unfurls a link."""
    marked = _text(_table(now.get("edited")).get("ts"))
    if marked:
        return marked
    same = all(now.get(name) == was.get(name) for name in ("text", "attachments", "blocks"))
    return _text(now.get("ts") if same else event.get("ts"))


def _senders(content: Payload) -> frozenset[str]:
    """The ids under which the sender is known; its user name is what it likes, so it counts for nothing."""
    profile = _table(content.get("bot_profile"))
    ids = (content.get("bot_id"), content.get("app_id"), profile.get("id"), profile.get("app_id"))
    return frozenset(text for text in map(_text, ids) if text)


# ---------------------------------------------------------------- what it says


def message_of(about: About, channel: str, team: str) -> ChannelMessage:
    """The message as a value. `team` is the workspace's address, which its link begins with."""
    content = about.content
    posted = _moment(about.ts) or datetime.fromtimestamp(0, UTC)
    base = team.rstrip("/")
    return ChannelMessage(
        channel=channel,
        ts=about.ts,
        sender=_text(content.get("bot_id")),
        said_at=max(_moment(about.said_at) or posted, posted),
        permalink=f"{base}/archives/{channel}/p{about.ts.replace('.', '')}" if base else "",
        parts=tuple(_parts(content)),
    )


def _parts(content: Payload) -> Iterator[MessagePart]:
    attachments = [one for one in _tables(content.get("attachments")) if not one.get("from_url")][:PARTS]
    for one in attachments:
        title = _plain(one.get("title"), TITLE_LIMIT) or _plain(one.get("fallback"), TITLE_LIMIT).partition(" | ")[0]
        text = "\n".join(filter(None, (_plain(one.get("text")), _of_blocks(one.get("blocks")))))
        fields = (f"{_plain(f.get('title'), 200)}: {_plain(f.get('value'), 2_000)}" for f in _tables(one.get("fields")))
        yield MessagePart(
            title=title,
            link=typed(_text(one.get("title_link")))[:2_000],
            text=text[:TEXT_LIMIT],
            fields="\n".join(fields)[:TITLE_LIMIT],
            footer=_plain(one.get("footer"), TITLE_LIMIT),
            color=_text(one.get("color")).lower().removeprefix("#")[:20],
        )
    if not attachments:
        whole = _of_blocks(content.get("blocks")) or _plain(content.get("text"))
        title, _, rest = whole.strip().partition("\n")
        yield MessagePart(title=title[:TITLE_LIMIT], text=rest[:TEXT_LIMIT])


def _of_blocks(blocks: object) -> str:
    """The texts of blocks, one a line; what is no text is left out."""
    return "\n".join(text for block in _tables(blocks)[:BLOCKS] for text in _texts(block, 6))[:TEXT_LIMIT]


def _texts(value: object, depth: int) -> Iterator[str]:
    if depth <= 0:
        return
    if isinstance(value, list):
        for item in value[:200]:
            yield from _texts(item, depth - 1)
        return
    table = _table(value)
    if isinstance(table.get("text"), str):
        yield _plain(table["text"])
    for name in ("text", "fields", "elements"):
        if isinstance(table.get(name), dict | list):
            yield from _texts(table[name], depth - 1)


def _plain(value: object, limit: int = TEXT_LIMIT) -> str:
    """Without Slack's notation: what it has turned into links is as it was written."""

    def unmarked(mark: re.Match[str]) -> str:
        what, label = mark[1], mark[2]
        return f"@{label or what[1:]}" if what[0] in "@!#" else (label or what)

    return typed(_MARK.sub(unmarked, _text(value)[:limit]))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _table(value: object) -> Payload:
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> list[Payload]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _moment(ts: str) -> datetime | None:
    """A time stamp of Slack's: seconds and microseconds, exactly."""
    if not re.fullmatch(r"\d{1,11}\.\d{6}", ts):
        return None
    seconds, _, micros = ts.partition(".")
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(micros))
