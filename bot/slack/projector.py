"""Slack is a projection of state: this worker makes it show the newest revision, and never the same thing twice.

A post is held and marked as being sent before the first attempt. When no answer came, or the process ended, the
message is looked for by its metadata before it is posted again. While one process holds a post no other touches it, so
that two never post the same thing, and an older state never goes over a newer one. What is rendered is always the
state of the moment of sending.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.domain.errors import BotError, NotFound
from bot.domain.post import Post, PostKind
from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.clock import Clock
from bot.ports.store import Store, Transaction
from bot.slack.blocks.message import Message
from bot.slack.blocks.plain import plainer
from bot.slack.budget import Budget
from bot.slack.connection import Connection, api_error
from bot.slack.finder import Finder, LookupFailed
from bot.slack.render import render
from bot.usecases.setup import Setup

IDLE_SECONDS = 5.0
"""How often the store is asked when nobody nudges: what another replica wanted is shown, too."""
LEASE = timedelta(seconds=25)
"""How long a post is held. Then its holder is taken for dead, and within `IDLE_SECONDS` another goes on."""
FRESH = timedelta(seconds=3)
"""Lookups that take longer renew the hold before the post, whose call may take twice its time-out."""
BACK_OFF = (1, 2, 5, 10, 30, 60, 120)
"""Seconds until the next attempt, by the number of failed ones."""
OURS, TOKEN = "ours", "token"
JOINS = 3
"""Attempts of a post in which it is tried to join its channel."""
ABSENT = {"not_in_channel", "channel_not_found"}
ADVICE = {
    "channel_not_found": "the channel does not exist, or the bot is not in it; create it, or say there /invite @mlops",
    "not_in_channel": "the bot is not a member; say there /invite @mlops",
    "is_inactive": "the channel is archived; unarchive it, or set slack.channel to another one",
    "is_archived": "the channel is archived; unarchive it, or set slack.channel to another one",
    "restricted_action": "the workspace does not let the bot post there; ask its administrators",
    "missing_scope": "the bot's token lacks a permission; see mlops-bot doctor",
}
UNKNOWN_BLOCKS = {"invalid_blocks", "invalid_blocks_format", "unsupported_block_type"}
UNSURE = {"unreadable_answer", "fatal_error", "internal_error", "service_unavailable", "request_timeout"}
UNREACHABLE = {
    "user_not_found",
    "users_not_found",
    "user_disabled",
    "cannot_dm_bot",
    "channel_not_found",
    "invalid_users",
}
FATAL = {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"}
NETWORK = (aiohttp.ClientError, TimeoutError, OSError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Work:
    """A post that we hold, with what it must show."""

    post: Post
    since: datetime
    message: Message | None
    parent_ts: str
    fault: str = ""
    """Why it could not be made."""


class _TakenError(Exception):
    """Another process holds the post by now."""


class Projector:
    """One per process. `nudge` wakes it."""

    def __init__(
        self, store: Store, setup: Setup, connection: Connection, clock: Clock, replica: str = "the only one"
    ) -> None:
        self._store = store
        self._replica = replica
        self._setup = setup
        self._connection = connection
        self._clock = clock
        self._budget = Budget(clock)
        self._finder = Finder(connection, setup)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._faults: dict[str, str] = {}
        self._plain = False
        """Whether the workspace was seen not to know newer blocks."""

    @property
    def fault(self) -> str | None:
        """What keeps Slack from being up to date; `None` when all is well."""
        return "; ".join(self._faults.values()) or None

    def nudge(self) -> None:
        """There is something new to show."""
        self._wake.set()

    async def start(self) -> None:
        """Work in the background."""
        self._task = asyncio.create_task(self._run(), name="projector")

    async def stop(self) -> None:
        """Stop; what is not shown yet stays wanted."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                more = await self.round()
                self._faults.pop(OURS, None)
            except Exception as error:  # noqa: BLE001 - the edge of a background job
                # It must go on, and readiness says that something is wrong.
                told = error.what if isinstance(error, BotError) else "an unexpected error; see the log"
                self._faults[OURS] = f"what Slack should show can't be brought there: {told}"
                _log.exception("projector")
                more = False
            if not more:
                await self._rest()

    async def _rest(self) -> None:
        wait = min(IDLE_SECONDS, self._budget.wait() or IDLE_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._wake.wait()

    async def round(self) -> bool:
        """Show what is due and what the budget allows; True when something was shown."""
        due = await self._store.read(lambda tx: tx.posts.due(self._clock.now(), by=self._replica, limit=500))
        did = False
        for post in due:
            if not self._budget.allows(post):
                continue
            held = await self._hold(post)
            if held is not None:
                did |= await self._show(await self._store.read(partial(self._prepare, held=held)))
        return did

    async def _hold(self, post: Post) -> Post | None:
        """Take it, and give it as it was before it was marked as being sent."""
        return await self._store.write(lambda tx: tx.posts.hold(post.key, self._replica, LEASE))

    def _prepare(self, tx: Transaction, held: Post) -> _Work:
        """The message as it must be at this moment; one that can't be made must not keep back the others."""
        post = tx.posts.get(held.key)
        assert post is not None, "posts are never removed"
        post = replace(post, sending=held.sending)
        parent = tx.posts.get(post.thread) if post.thread else None
        message, fault = None, ""
        try:
            message = render(tx, self._setup, post)
            if self._plain:
                message = plainer(message) or message
        except NotFound:
            pass  # what it would show is gone
        except Exception as error:  # noqa: BLE001 - whatever it was, it is this message's own
            _log.exception("the message %s could not be made", post.key)
            fault = f"it could not be made ({type(error).__name__})"
        return _Work(post, tx.now, message, parent.ts if parent else "", fault)

    # ------------------------------------------------------------ one post

    async def _show(self, work: _Work) -> bool:
        post = work.post
        if work.fault:
            await self._later(post, work.fault, uncertain=post.sending)
            return False
        if work.message is None or post.shown >= post.wanted:  # gone, or shown by another process meanwhile
            await self._keep(replace(post, shown=post.wanted, sending=False))
            return True
        try:
            after = await (self._update(work) if post.ts else self._post(work))
        except _TakenError:
            return False
        except LookupFailed as error:
            return await self._unfound(post, error)
        except SlackApiError as error:
            if api_error(error) in UNKNOWN_BLOCKS and not self._plain and plainer(work.message) is not None:
                return await self._without_newer_blocks(post)
            return await self._failed(post, error)
        except NETWORK as error:
            await self._later(post, f"no answer ({type(error).__name__})", uncertain=True)
            return False
        self._faults.pop(TOKEN, None)
        self._faults.pop(post.channel, None)
        await self._keep(replace(after, attempts=0, not_before=None, last_error=""))
        return True

    async def _post(self, work: _Work) -> Post:
        post, message = work.post, work.message
        assert message is not None
        channel = post.channel_id or await self._finder.channel(post.channel)
        if post.sending:
            ts = await self._finder.message(channel, post, work.parent_ts)
            if ts:  # remembered before anything else is tried; the next round brings it up to date
                return replace(post, sending=False, channel_id=channel, ts=ts)
        if self._clock.now() >= work.since + FRESH and await self._hold(post) is None:
            raise _TakenError
        self._budget.spend(post)
        answer = await self._connection.client.chat_postMessage(
            channel=channel,
            text=message.text,
            blocks=[dict(block) for block in message.blocks],
            metadata=_metadata(message),
            thread_ts=work.parent_ts or None,
            unfurl_links=False,
            unfurl_media=False,
        )
        return replace(post, shown=post.wanted, sending=False, channel_id=str(answer["channel"]), ts=str(answer["ts"]))

    async def _update(self, work: _Work) -> Post:
        post, message = work.post, work.message
        assert message is not None
        self._budget.spend(post)
        await self._connection.client.chat_update(
            channel=post.channel_id,
            ts=post.ts,
            text=message.text,
            blocks=[dict(block) for block in message.blocks],
            metadata=_metadata(message),
        )
        return replace(post, shown=post.wanted, sending=False)

    # ------------------------------------------------------------ when it doesn't work

    async def _failed(self, post: Post, error: SlackApiError) -> bool:
        code = api_error(error)
        if code in {"ratelimited", "rate_limited", "http_429"}:
            seconds = retry_after(error)
            self._budget.limited(post, seconds)
            # It may be the lookups that are too many: then what was in doubt still is.
            await self._later(post, "Slack asked us to slow down", uncertain=post.sending, seconds=seconds)
            return False
        if code in FATAL:
            self._faults[TOKEN] = f"Slack refuses our token ({code}): set MLOPS_BOT_SLACK__BOT_TOKEN"
            self._budget.pause(30.0)
        if code == "message_not_found" and post.ts:
            await self._keep(replace(post, ts="", sending=False))
            return True
        if code in ABSENT:
            if post.attempts < JOINS and await self._finder.join(post.channel):
                await self._keep(replace(post, channel_id="", attempts=post.attempts + 1))
                return True
            post = replace(post, channel_id="") if not post.ts else post
        await self._explain(post, code)
        _log.warning("Slack did not take %s: %s", post.key, code)
        # A refusal is an answer: nothing was posted now. Anything else is none: look before posting again. What was in
        # doubt before stays so: it may be the way to the channel that was refused, and nothing was looked for.
        uncertain = post.sending or code.startswith("http_") or code in UNSURE
        await self._later(post, f"Slack says {code}", uncertain=uncertain)
        return False

    async def _without_newer_blocks(self, post: Post) -> bool:
        """Shown in older ones from now on, at once."""
        self._plain = True
        _log.warning("this workspace does not take task cards; progress is shown as lists")
        await self._keep(replace(post, sending=False))
        return True

    async def _unfound(self, post: Post, error: LookupFailed) -> bool:
        """It could not be looked for. Where the bot is out of the channel, it looks again from within."""
        if error.code in ABSENT:
            if post.attempts < JOINS and await self._finder.join(post.channel):
                await self._keep(replace(post, channel_id="", sending=True, attempts=post.attempts + 1))
                return True
            await self._explain(post, error.code)
        await self._later(post, error.what, uncertain=True)
        return False

    async def _explain(self, post: Post, code: str) -> None:
        """What a person must do, where only a person can."""
        if post.channel.startswith("@"):
            # Not readiness: one person's wrong id is no fault of the bot's. But "paged" must not stand there alone.
            if code in UNREACHABLE and post.kind is PostKind.PAGE:
                await self._store.write(lambda tx: _note_unreached(tx, self._setup, post, code))
            return
        advice = ADVICE.get(code)
        if advice is not None:
            self._faults[post.channel] = f"{post.channel}: {advice.format(channel=post.channel)}"

    async def _later(self, post: Post, why: str, *, uncertain: bool, seconds: float | None = None) -> None:
        """Try again later. `uncertain`: it may have been posted, so the next attempt looks for it first."""
        wait = seconds if seconds is not None else BACK_OFF[min(post.attempts, len(BACK_OFF) - 1)]
        after = replace(
            post,
            attempts=post.attempts + 1,
            not_before=self._clock.now() + timedelta(seconds=wait),
            last_error=why,
            sending=uncertain and not post.ts,
        )
        self._budget.come_back(wait)
        await self._keep(after)

    async def _keep(self, post: Post) -> None:
        await self._store.write(lambda tx: tx.posts.save(post, by=self._replica))


def _note_unreached(tx: Transaction, setup: Setup, post: Post, code: str) -> None:
    if tx.keys.first("unreached", post.key):
        text = f"The page to {setup.name(post.body)} did not reach them: Slack says {code}. Correct people → slack."
        tx.timeline.append(post.ref, Draft(Kind.NOTE, text, BOT, tx.now))


def retry_after(error: SlackApiError) -> float:
    """Seconds that Slack asks us to wait."""
    headers = {str(name).lower(): value for name, value in (error.response.headers if error.response else {}).items()}
    try:
        return max(float(headers.get("retry-after", "30")), 1.0)
    except (TypeError, ValueError):
        return 30.0


def _metadata(message: Message) -> dict[str, object] | None:
    if message.metadata is None:
        return None
    return {"event_type": message.metadata.event_type, "event_payload": dict(message.metadata.payload)}
