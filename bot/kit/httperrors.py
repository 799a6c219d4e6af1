"""What a failed request means: one of our errors, whether it passes by itself, and the vendor's own words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from bot.domain.errors import (
    BotError,
    Conflict,
    Indeterminate,
    RateLimited,
    Refused,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from bot.kit.parsing import read_json
from bot.kit.redaction import excerpt

PASSING = frozenset({502, 503, 504})
"""Statuses of gateways and starting servers: soon otherwise."""
LONGEST_WAIT = 3600.0
DEFAULT_WAIT = 5.0
"""Seconds to wait when a server asks us to slow down and doesn't say for how long."""

_TITLE = re.compile(rb"(?is)<title[^>]*>(.{1,200}?)</title>")
_KEYS = ("message", "detail", "error_description", "error", "reason", "title", "error_code")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failed attempt. `passing`: it may go by itself. `wait`: seconds that the system asked for."""

    error: BotError
    passing: bool = False
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """Says what happened to one request, to people. `path` has no query; `secrets` are kept out."""

    system: str
    method: str
    path: str
    reads: bool
    secrets: Sequence[str]

    @property
    def _call(self) -> str:
        return excerpt(f"{self.method} {self.path}", self.secrets, 200)

    @property
    def _not_done(self) -> str:
        return "Nothing was read." if self.reads else "Nothing was changed."

    @property
    def _settings(self) -> str:
        return f"integrations.{self.system} of the configuration"

    def not_sent(self, error: Exception) -> Trouble:
        """No connection, or one to somebody who can't prove who it is: nobody has seen the request."""
        untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        return Trouble(
            Unreachable(
                f"{self.system} can't be reached: {self._why(error)}.",
                system=self.system,
                not_done="Nothing was read." if self.reads else "Nothing was sent.",
                next_step=f"Let the bot trust its authority, or correct its address in {self._settings}."
                if untrusted
                else f"Check that it runs and that its address in {self._settings} is right.",
            ),
            passing=not untrusted,
        )

    def not_sendable(self, error: Exception) -> Trouble:
        """The request itself is wrong, or a proxy is: repeating it is useless."""
        return Trouble(
            Unreachable(
                f"{self._call} could not be sent to {self.system}: {self._why(error)}.",
                system=self.system,
                not_done="Nothing was sent.",
                next_step=f"Check the address, the headers and the proxy in {self._settings} and the environment.",
            )
        )

    def no_answer(self, error: Exception) -> Trouble:
        """Sent, at least in part, and no complete answer came."""
        what = f"{self.system} gave no complete answer to {self._call}: {self._why(error)}."
        return Trouble(self._lost(what), passing=True)

    def too_big(self, limit: int) -> Trouble:
        """An answer that we don't read to its end."""
        what = f"{self.system} answered {self._call} with more than {limit // 1024:,} KiB, which is not read."
        if not self.reads:
            return Trouble(unconfirmed(self.system, what))
        return Trouble(Unreadable(what, system=self.system, not_done=self._not_done, next_step="Ask for less."))

    def bad_status(self, status: int, headers: Mapping[str, str], body: bytes) -> Trouble:
        """An answer that is not a success."""
        said = words_of(body, self.secrets)
        what = f"{self.system} answered {self._call} with {status}{f': {said}' if said else ''}."
        if status == 429:
            return self._slow_down(headers, what)
        if status >= 500 or status < 200:
            return Trouble(self._lost(what), passing=status in PASSING, wait=_asked_wait(headers))
        if status < 400:
            return Trouble(self._redirected(status, headers))
        return Trouble(self._declined(status, what))

    def _declined(self, status: int, what: str) -> BotError:
        if status in {401, 407}:
            step = f"Check the credentials in {self._settings}."
            return Unauthorized(what, system=self.system, not_done=self._not_done, next_step=step)
        if status == 403:
            step = f"Give the bot's account this permission, or check the credentials in {self._settings}."
            return Unauthorized(what, system=self.system, not_done=self._not_done, next_step=step)
        if status in {409, 412}:
            return Conflict(what, not_done=self._not_done, next_step="Look at what is there now, and decide anew.")
        step = f"Repeating it is useless; check the names and {self._settings}."
        return Refused(what, system=self.system, not_done=self._not_done, next_step=step)

    def _slow_down(self, headers: Mapping[str, str], what: str) -> Trouble:
        asked = _asked_wait(headers)
        seconds = DEFAULT_WAIT if asked is None else asked
        error = RateLimited(
            what, retry_after=seconds, system=self.system, not_done=self._not_done,
            next_step=f"Try again in {seconds:.0f} s.",
        )  # fmt: skip
        return Trouble(error, passing=True, wait=seconds)

    def _redirected(self, status: int, headers: Mapping[str, str]) -> BotError:
        """Redirects are not followed: the credentials would go along."""
        try:
            target = urlsplit(headers.get("location", ""))
            where = excerpt(f"{target.netloc.rpartition('@')[2]}{target.path}", self.secrets, 120)
        except ValueError:
            where = ""
        return Refused(
            f"{self.system} answered {self._call} with a redirect ({status}){f' to {where}' if where else ''}, "
            "which is not followed.",
            system=self.system,
            not_done=self._not_done,
            next_step=f"Set the address in {self._settings} to the one that answers itself; "
            "if it leads to a login page, a proxy in front wants credentials.",
        )

    def _lost(self, what: str) -> BotError:
        if not self.reads:
            return unconfirmed(self.system, what)
        return Unreachable(
            what, system=self.system, not_done=self._not_done,
            next_step=f"Try again; if it goes on, look at the log of {self.system}.",
        )  # fmt: skip

    def _why(self, error: Exception) -> str:
        if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
            return "it took too long"
        return excerpt(str(error), self.secrets, 200).rstrip(".") or type(error).__name__


def unconfirmed(system: str, what: str) -> Indeterminate:
    """A write whose outcome nobody knows."""
    return Indeterminate(
        what,
        system=system,
        not_done="Whether anything was changed is not known.",
        next_step=f"Look at {system} before anything is repeated.",
    )


def not_json(system: str, headers: Mapping[str, str], body: bytes, error: Unreadable) -> Unreadable:
    """A page where JSON was promised is mostly a proxy's login page; the body is never repeated."""
    if "html" in headers.get("content-type", "") or body.lstrip()[:1] == b"<":
        title = _TITLE.search(body)
        named = f" titled “{excerpt(title[1].decode('utf-8', 'replace'), limit=80)}”" if title else ""
        return Unreadable(
            f"{system} answered with a web page{named} instead of JSON.",
            system=system,
            not_done="Nothing was read.",
            next_step=f"Check the address in integrations.{system} of the configuration; if it is a login page, "
            "a proxy in front wants credentials.",
        )
    return Unreadable(
        error.what, system=system, not_done="Nothing was read.",
        next_step=f"Check the address in integrations.{system} of the configuration.",
    )  # fmt: skip


def words_of(body: bytes, secrets: Sequence[str]) -> str:
    """What a vendor says in an error's body: its message, its page's title, or its text; at most 300 characters."""
    body = body[: 64 * 1024]
    if body.lstrip()[:1] == b"<":
        title = _TITLE.search(body)
        return excerpt(title[1].decode("utf-8", "replace"), secrets) if title else "a web page"
    try:
        value = read_json(body, "")
    except Unreadable:
        return excerpt(body.decode("utf-8", "replace"), secrets).rstrip(".")
    return excerpt(_message(value), secrets).rstrip(".")


def _message(value: object, depth: int = 0) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and value and depth < 3:
        return _message(value[0], depth + 1)
    if isinstance(value, dict) and depth < 3:
        for key in _KEYS:
            text = _message(value.get(key), depth + 1)
            if text:
                return text
    return ""


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds: a number, or a date measured against the answer's own `Date`."""
    raw = headers.get("retry-after", "").strip()
    if raw.isascii() and raw.isdigit() and len(raw) < 10:
        return min(float(raw), LONGEST_WAIT)
    try:
        then, now = parsedate_to_datetime(raw), parsedate_to_datetime(headers.get("date", ""))
        return min(max(0.0, (then - now).total_seconds()), LONGEST_WAIT)
    except (TypeError, ValueError, OverflowError):
        return None
