"""What a call that did not work means: for the post, for the people who read what is wrong, and for what comes next."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.domain.post import REFUSED, Post, PostKind
from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.store import Transaction
from bot.slack.connection import api_error
from bot.slack.finder import LookupFailed
from bot.slack.sending import retry_after
from bot.usecases.setup import Setup

BACK_OFF = (1, 2, 5, 10, 30, 60, 120)
"""Seconds until the next attempt, by the number of failed ones."""
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
LIMITED = {"ratelimited", "rate_limited", "http_429"}
NETWORK = (aiohttp.ClientError, TimeoutError, OSError)
Failure = SlackApiError | LookupFailed | aiohttp.ClientError | TimeoutError | OSError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What follows from a failure."""

    post: Post
    """As it is to be kept."""
    code: str = ""
    """Slack's code; nothing when there was no answer."""
    away: bool = False
    """Whether Slack itself seems to be away: then others need not be tried."""
    limited: float | None = None
    """Seconds that Slack asks us to wait with its kind."""

    @property
    def advice(self) -> str | None:
        """What a person must do, where only a person can. One person's wrong id is no fault of the bot's."""
        known = ADVICE.get(self.code)
        return None if known is None or self.post.channel.startswith("@") else f"{self.post.channel}: {known}"

    @property
    def unreached(self) -> bool:
        """Whether somebody who was to be paged can't be: "paged" must not stand there alone."""
        paging = self.post.kind in {PostKind.PAGE, PostKind.STORM} and self.post.channel.startswith("@")
        return paging and self.code in UNREACHABLE


def of(post: Post, error: Failure, now: datetime) -> Aftermath:
    """Judge a failure. What was in doubt before stays so: only a look or a post that was answered settles it."""
    match error:
        case LookupFailed():
            code, text, uncertain = error.code, error.what, True
        case SlackApiError():
            code = api_error(error)
            text = f"no answer ({code})" if _no_answer(code) else f"{REFUSED}{code}"
            # A refusal is an answer: nothing was posted now. Anything else is none: look before posting again.
            uncertain = post.sending or _no_answer(code)
        case _:
            code, text = "", f"no answer ({type(error).__name__})"
            uncertain = post.sending or not isinstance(error, aiohttp.ClientConnectorError)
    if code in LIMITED:
        # It may be the lookups that are too many: then what was in doubt still is.
        seconds = retry_after(error) if isinstance(error, SlackApiError) else _back_off(post)
        return Aftermath(later(post, "Slack asked us to slow down", now, post.sending, seconds), code, limited=seconds)
    if code in ABSENT and not post.ts and not isinstance(error, LookupFailed):
        post = replace(post, channel_id="")
    if code and not _no_answer(code):
        _log.warning("Slack did not take %s: %s", post.key, code)
    away = not code or _no_answer(code) or code in FATAL
    return Aftermath(later(post, text, now, uncertain), code, away)


def later(post: Post, why: str, now: datetime, uncertain: bool, seconds: float | None = None) -> Post:
    """Try again later. `uncertain`: it may have been posted, so the next attempt looks for it first."""
    return replace(
        post,
        attempts=post.attempts + 1,
        not_before=now + timedelta(seconds=_back_off(post) if seconds is None else seconds),
        last_error=why,
        sending=uncertain and not post.ts,
    )


def note_unreached(tx: Transaction, setup: Setup, post: Post, code: str) -> None:
    """On the timelines: who was to be paged was not."""
    person = post.channel.removeprefix("@")
    for page in (post, *tx.posts.listed(post.key)):
        if page.kind is PostKind.PAGE and tx.keys.first("unreached", page.key):
            text = f"The page to {setup.name(person)} did not reach them: Slack says {code}. Correct people → slack."
            tx.timeline.append(page.ref, Draft(Kind.NOTE, text, BOT, tx.now))


def _back_off(post: Post) -> float:
    return BACK_OFF[min(post.attempts, len(BACK_OFF) - 1)]


def _no_answer(code: str) -> bool:
    return code.startswith("http_") or code in UNSURE
