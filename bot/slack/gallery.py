"""Pictures in Slack: uploaded where nobody sees them, then shown in a card's thread by a call that is made once."""

from collections.abc import Sequence
from typing import Any, NoReturn

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.domain.chart import Picture
from bot.domain.errors import Indeterminate, IntegrationError, RateLimited, Refused, Unauthorized, Unreachable
from bot.domain.post import Lane, Post, PostKind
from bot.ports.charts import SLACK, Brought, Wall
from bot.ports.charts import Gallery as Port
from bot.ports.store import Transaction
from bot.slack.aftermath import FATAL, LIMITED, NETWORK, UNSURE
from bot.slack.blocks.text import clean, escaped
from bot.slack.connection import Connection, api_error
from bot.slack.finder import LOOK_BACK, PAGES_BACK
from bot.slack.sending import retry_after
from bot.slack.shared import Shared

SCOPE = "missing_scope"
ALT, TITLE, COMMENT = 1_000, 200, 2_000
"""Characters: of the words for screen readers, of a file's title, of the message beside the pictures."""
UNSEEN = "The chart is not shown in Slack; everything else is."


class Gallery(Port):
    """Made for one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # ------------------------------------------------------------ the budget

    def pay(self, tx: Transaction, wall: Wall) -> float:
        """One message to the channel, behind everything that matters more."""
        shared, post = Shared.of(tx), _as_post(wall)
        wait = shared.budget.wait(post, tx.now)
        if wait <= 0:
            shared.budget.spend(post, tx.now)
            shared.keep(tx)
        return wait

    def slow_down(self, tx: Transaction, wall: Wall, seconds: float) -> None:
        """Nothing of the kind for so long."""
        shared = Shared.of(tx)
        shared.budget.limited(_as_post(wall), seconds, tx.now)
        shared.keep(tx)

    # ------------------------------------------------------------ the pictures

    async def bring(self, picture: Picture) -> Brought:
        """Announce the file, and send its bytes."""
        try:
            answer = await self._connection.client.files_getUploadURLExternal(
                filename=picture.name, length=len(picture.png), alt_txt=clean(picture.words, ALT, one_line=True)
            )
            await self._send(str(answer["upload_url"]), picture.png)
        except (SlackApiError, *NETWORK) as error:
            _explain(error)
        return Brought(str(answer["file_id"]), clean(picture.title, TITLE, one_line=True))

    async def _send(self, url: str, png: bytes) -> None:
        session = self._connection.client.session
        assert session is not None, "opened before it is used"
        headers = {"Content-Type": "application/octet-stream"}
        async with session.post(url, data=png, headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:
                raise Unreachable(
                    f"Slack did not take the bytes of a picture (HTTP {answer.status}).", system=SLACK, not_done=UNSEEN
                )

    async def hang(self, pictures: Sequence[Brought], wall: Wall, words: str) -> None:
        """One message with all of them. Slack answers before it is there."""
        try:
            await self._connection.client.files_completeUploadExternal(
                files=[{"id": one.file, "title": one.title} for one in pictures],
                channel_id=wall.channel_id, thread_ts=wall.ts, initial_comment=escaped(words, COMMENT),
            )  # fmt: skip
        except (SlackApiError, *NETWORK) as error:
            _explain(error)

    async def hangs(self, files: Sequence[str], wall: Wall) -> bool:
        """One that was taken down again hung there, too."""
        cursor = ""
        try:
            for _ in range(PAGES_BACK):
                answer = await self._connection.client.conversations_replies(
                    channel=wall.channel_id, ts=wall.ts, limit=LOOK_BACK, cursor=cursor or None
                )
                messages: list[dict[str, Any]] = answer.get("messages") or []
                if any(one.get("id") in files for message in messages for one in message.get("files") or ()):
                    return True
                cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
                if not cursor:
                    break
        except (SlackApiError, *NETWORK) as error:
            _explain(error)
        return False


def _as_post(wall: Wall) -> Post:
    """What the budget knows: a message to this channel, in the lane of what only enriches."""
    return Post(f"chart:{wall.ts}", PostKind.NOTICE, 0, wall.channel, Lane.ENRICHMENT)


def _explain(error: Exception) -> NoReturn:
    """The same in the words of the domain: what to do next decides the class."""
    raise _explained(error) from error


def _explained(error: Exception) -> IntegrationError:
    if isinstance(error, SlackApiError):
        code = api_error(error)
        if code in LIMITED:
            return RateLimited("Slack asked us to slow down.", retry_after=retry_after(error), system=SLACK)
        if code.startswith("http_") or code in UNSURE:
            return Indeterminate(f"Slack gave no answer about a picture ({code}).", system=SLACK)
        if code == SCOPE or code in FATAL:
            return Unauthorized(
                f"Slack says {code} to a picture.", system=SLACK, not_done=UNSEEN,
                next_step="Give the app the scope files:write and reinstall it, or set slack.charts to false.",
            )  # fmt: skip
        return Refused(f"Slack says {code} to a picture.", system=SLACK, not_done=UNSEEN)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unreachable("Slack can't be reached.", system=SLACK, not_done=UNSEEN)
    return Indeterminate(f"Slack gave no answer about a picture ({type(error).__name__}).", system=SLACK)
