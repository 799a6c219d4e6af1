"""The connection to Slack: one client with one session, Socket Mode or HTTP, and a watchdog for deaf sockets."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import BotError
from bot.ports.clock import Clock
from bot.slack.ear import Ear

CALL_TIMEOUT = 10.0
PING_SECONDS = 10
WATCH_SECONDS = 15.0
ASK_EVERY = 4
"""Looks at the socket between two questions whether the token is still good; they also keep the way open."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """What is needed to connect."""

    bot_token: str
    app_token: str
    signing_secret: str
    api_url: str
    mode: Literal["socket", "http"]
    call_timeout: float = CALL_TIMEOUT
    """Seconds that one Web API call may take; then nobody knows whether it had an effect."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are in this workspace."""

    team: str
    team_id: str
    user_id: str
    bot_id: str
    url: str = ""
    """The workspace's address, which links to messages begin with."""


Met = Callable[[Identity], Awaitable[None]]
"""Told who we are, once we know and whenever it changes."""


class Connection:
    """Makes the client before anything connects, so that listeners and projector share it."""

    def __init__(self, settings: SlackSettings, clock: Clock, met: Met | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._met = met
        self._known: Identity | None = None
        self._session: aiohttp.ClientSession | None = None
        self._client: AsyncWebClient | None = None
        self._socket: AsyncSocketModeHandler | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.fault: str | None = "not connected yet"
        """What is wrong, for readiness; `None` when all is well."""

    @property
    def client(self) -> AsyncWebClient:
        """The shared client. It repeats only what surely was not sent: the projector does the rest."""
        assert self._client is not None, "opened before it is used"
        return self._client

    async def open(self) -> AsyncWebClient:
        """Make the client. Nothing is sent yet."""
        seconds = self._settings.call_timeout
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds))
        url = self._settings.api_url
        self._client = AsyncWebClient(
            token=self._settings.bot_token,
            base_url=url if url.endswith("/") else f"{url}/",
            session=self._session,
            timeout=math.ceil(seconds),
            # The handler's own list holds "the server disconnected", too: then it may have been done already.
            retry_handlers=[AsyncConnectionErrorRetryHandler(error_types=[aiohttp.ClientConnectorError])],
        )
        return self._client

    def client_for_bolt(self) -> AsyncWebClient:
        """The same client without a token: Bolt is told it with each thing that comes in, see `authorized`."""
        client = self.client
        return AsyncWebClient(
            base_url=client.base_url,
            session=client.session,
            timeout=client.timeout,
            retry_handlers=client.retry_handlers,
        )

    def authorized(self) -> AuthorizeResult:
        """What Bolt wants to know with each thing that comes in: our token, and who we are as far as we know.

        Left to itself it asks Slack before it looks at what came in; when Slack has no answer, it acknowledges what
        nobody has taken, and tells people to install an app that they have.
        """
        who = self._known
        return AuthorizeResult(
            enterprise_id=None,
            team_id=who.team_id if who else None,
            bot_user_id=who.user_id if who else None,
            bot_id=who.bot_id if who else None,
            bot_token=self._settings.bot_token,
        )

    async def identify(self) -> Identity:
        """Ask who we are. Raises BotError that names the setting for a token that Slack refuses."""
        try:
            answer = await self.client.auth_test()
        except SlackApiError as error:
            code = api_error(error)
            raise (refused(code) if about_token(code) else away(code)) from error
        return Identity(
            str(answer.get("team", "")), str(answer.get("team_id", "")), str(answer.get("user_id", "")),
            str(answer.get("bot_id", "")), str(answer.get("url", "")),
        )  # fmt: skip

    async def connect(self, app: AsyncApp) -> None:
        """In socket mode, connect and keep connected in the background; in HTTP mode Slack comes to us."""
        if self._settings.mode == "http":
            self._tasks.append(asyncio.create_task(self._keep_identified(), name="slack-check"))
            return
        self._tasks.append(asyncio.create_task(self._keep_connected(app), name="slack-socket"))

    async def close(self) -> None:
        """Disconnect within a bounded time."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._disconnect()
        if self._session is not None:
            await self._session.close()
            self._session = None

    # ------------------------------------------------------------ staying connected

    async def _keep_connected(self, app: AsyncApp) -> None:
        """Connect, watch, and begin anew: a library's own reconnection has been seen to stay deaf for hours."""
        wait = 1.0
        while True:
            try:
                await self._ask_who()
                ear = await self._connected(app, await self._socket_url())
                self.fault = None
                wait = 1.0
                if await self._deaf_or_lost(ear):
                    continue
            except (BotError, SlackApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
                self._say(error)
            await self._disconnect()
            await self._clock.sleep(wait)
            wait = min(wait * 2, 30.0)

    async def _connected(self, app: AsyncApp, url: str) -> Ear:
        """A new connection; the one before it is closed when the new one is open, so that nobody waits."""
        before, self._socket = self._socket, None
        try:
            fresh = AsyncSocketModeHandler(app, self._settings.app_token, ping_interval=PING_SECONDS)
            self._socket = fresh
            fresh.client.wss_uri = url
            ear = Ear(fresh.client, self._clock)
            async with asyncio.timeout(CALL_TIMEOUT * 2):
                await fresh.connect_async()
        finally:
            await _closed(before)
        return ear

    async def _keep_identified(self) -> None:
        while True:
            try:
                await self._ask_who()
                self.fault = None
            except (BotError, aiohttp.ClientError, TimeoutError, OSError) as error:
                self._say(error)
            await self._clock.sleep(WATCH_SECONDS if self.fault is None else 5.0)

    async def _ask_who(self) -> None:
        who = await self.identify()
        if who == self._known:
            return
        self._known = who
        _log.info("Slack workspace %s as %s", who.team, who.user_id)
        if self._met is not None:
            await self._met(who)

    async def _socket_url(self) -> str:
        """Asked for here: the library tries a wrong app token again and again and says nothing. Raises BotError."""
        try:
            answer = await self.client.apps_connections_open(app_token=self._settings.app_token)
            return str(answer["url"])
        except SlackApiError as error:
            code = api_error(error)
            if not about_token(code):
                raise away(code) from error
            raise BotError(
                f"Slack refuses the app token ({code}).",
                not_done="Commands and buttons do not reach the bot; what it has to show is shown.",
                next_step="Set MLOPS_BOT_SLACK__APP_TOKEN to one with the scope connections:write.",
            ) from error

    async def _deaf_or_lost(self, ear: Ear) -> bool:
        """Return when there is trouble in two looks in a row; True when Slack answers, and says nothing by this socket.

        Raises what a revoked token raises.
        """
        missed, looks, trouble = 0, 0, ""
        while missed < 2:
            await self._clock.sleep(WATCH_SECONDS)
            trouble = await ear.trouble()
            missed, looks = missed + 1 if trouble else 0, looks + 1
            if looks % ASK_EVERY == 0:
                await self._ask_who()
                if ear.silent and not trouble:
                    _log.info("Slack has said nothing by its socket for long; a new one takes its place")
                    return True
        self.fault = f"{trouble}; connecting anew"
        _log.warning(self.fault)
        return False

    def _say(self, error: BaseException) -> None:
        text = error.what if isinstance(error, BotError) else _unreached(error)
        if text != self.fault:
            _log.error("%s", error if isinstance(error, BotError) else text)
        self.fault = text

    async def _disconnect(self) -> None:
        socket, self._socket = self._socket, None
        await _closed(socket)


async def _closed(socket: AsyncSocketModeHandler | None) -> None:
    """Let go of it within a bounded time."""
    if socket is None:
        return
    leaving = asyncio.ensure_future(socket.close_async())
    try:
        await asyncio.wait({leaving}, timeout=5)
    finally:
        # Not `wait_for`: it waits for what was cancelled, and the library's farewell may go on all the same.
        leaving.cancel()
        await asyncio.wait({leaving}, timeout=1)
        if leaving.done() and not leaving.cancelled():
            leaving.exception()  # seen: there is nothing to do about it
        # It comes last in the library's own farewell, which may be cut short: by the time-out, or by our own end.
        await socket.client.aiohttp_client_session.close()


def about_token(code: str) -> bool:
    """Whether an answer is a no to our token, and not a bad moment of Slack's."""
    passing = {
        "ratelimited",
        "rate_limited",
        "unreadable_answer",
        "internal_error",
        "fatal_error",
        "service_unavailable",
    }
    return code not in passing and not code.startswith("http_")


def away(code: str) -> BotError:
    """Slack has a bad moment."""
    return BotError(
        f"Slack can't be asked at the moment ({code}).",
        not_done="Nothing is shown in Slack; alerts are still taken, and commands work by mlops-bot do.",
        next_step="It is tried again by itself.",
    )


def _unreached(error: BaseException) -> str:
    """The reason in words where it holds no address with a ticket in it."""
    reason = str(error) if isinstance(error, aiohttp.ClientConnectorError) else type(error).__name__
    return f"Slack can't be reached ({reason}); it is tried again by itself."


def refused(code: str) -> BotError:
    """Slack's no to our token, in words."""
    words: dict[str, str] = {
        "invalid_auth": "Slack does not know the bot token.",
        "not_authed": "No bot token was given.",
        "token_revoked": "The bot token was revoked.",
        "token_expired": "The bot token has expired.",
        "account_inactive": "The bot's account was deactivated.",
        "missing_scope": "The bot token lacks a permission (scope).",
    }
    return BotError(
        words.get(code, f"Slack refused the bot token ({code})."),
        not_done="Nothing is shown in Slack; alerts are still taken, and commands work by mlops-bot do.",
        next_step="Reinstall the app and set MLOPS_BOT_SLACK__BOT_TOKEN; check with mlops-bot doctor.",
    )


def api_error(error: SlackApiError) -> str:
    """The error code of an answer, or `http_503` for one without; a 200 that can't be read is `unreadable_answer`."""
    response: Any = error.response
    try:
        code = response.get("error")
    except (AttributeError, ValueError):
        code = None
    status = getattr(response, "status_code", 0)
    if code:
        return str(code)
    return "unreadable_answer" if status in {0, 200} else f"http_{status}"
