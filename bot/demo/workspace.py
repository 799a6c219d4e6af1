"""The workspace on this machine as a person at a keyboard uses it: reads messages, presses buttons, types commands."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bot.domain.errors import BotError

LOOK_EVERY = 0.1
ANSWER_WITHIN = 20.0
"""Seconds until an answer to a command must have come."""

FOLLOWS = "The answer follows here."
"""What the bot says first when an answer takes it a while."""

Message = Mapping[str, Any]
"""A message in Slack's own JSON."""


class NotSeen(BotError):
    """What was waited for did not come."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person sees after a command or a press: messages, oldest first, and a modal if one opened."""

    messages: tuple[Message, ...]
    view: Message | None
    error: str = ""
    """What Slack shows when the app did not acknowledge in time."""


class Workspace:
    """A client of the sandbox's own endpoints, `/sandbox/…`."""

    def __init__(self, url: str, http: httpx.AsyncClient, sleep: Callable[[float], Any]) -> None:
        self._url = url
        self._http = http
        self._sleep = sleep

    async def messages(self, channel: str, user: str = "") -> list[Message]:
        """Everything in a channel, thread replies too, oldest first; with `user` also what only that person sees."""
        found = await self._get("messages", channel=channel, **({"user": user} if user else {}))
        return list(found["messages"])

    async def wait_for_message(
        self, channel: str, wanted: Callable[[Message], bool], within: float, user: str = ""
    ) -> Message:
        """The newest message that is as wanted, as soon as there is one. Raises NotSeen."""
        until = time.monotonic() + within
        while True:
            everything = await self.messages(channel, user)
            found = next((m for m in reversed(everything) if wanted(m)), None)
            if found is not None:
                return found
            if time.monotonic() > until:
                shown = "; ".join(str(m.get("text", ""))[:120] for m in everything[-3:]) or "nothing"
                raise NotSeen(f"It did not show up in {channel} within {within:.0f} s. The newest there: {shown}")
            await self._sleep(LOOK_EVERY)

    async def command(self, user: str, text: str, channel: str) -> Answer:
        """Type `/mlops TEXT` in a channel, and wait for the answer to it."""
        return await self._answer(await self._post("command", user=user, channel=channel, command="/mlops", text=text))

    async def click(self, user: str, channel: str, ts: str, action: str) -> Answer:
        """Press a button of a message, and wait for the answer to it."""
        return await self._answer(await self._post("click", user=user, channel=channel, ts=ts, action_id=action))

    async def react(self, user: str, channel: str, ts: str, name: str) -> None:
        """Add an emoji to a message."""
        await self._post("react", user=user, channel=channel, ts=ts, name=name)

    async def say(self, user: str, channel: str, text: str, thread_ts: str = "") -> str:
        """Write a message; its time stamp."""
        done = await self._post("message", user=user, channel=channel, text=text, thread_ts=thread_ts or None)
        return str(done.get("ts") or "")

    async def files(self) -> list[Message]:
        """The files that were uploaded, oldest first."""
        return list((await self._get("files"))["files"])

    async def wait_for_file(self, ending: str, within: float) -> bytes:
        """The bytes of the newest file whose name ends so, as soon as it was uploaded. Raises NotSeen."""
        until = time.monotonic() + within
        while True:
            found = [file for file in await self.files() if str(file["name"]).endswith(ending)]
            if found:
                return (await self._http.get(str(found[-1]["url_private"]))).content
            if time.monotonic() > until:
                raise NotSeen(f"No file {ending} was uploaded within {within:.0f} s.")
            await self._sleep(LOOK_EVERY)

    async def calls(self, method: str = "") -> list[Message]:
        """The Web API calls that the app made."""
        return list((await self._get("calls", **({"method": method} if method else {})))["calls"])

    async def fault(self, kind: str, **how: object) -> None:
        """Have Slack misbehave: see the sandbox's README."""
        await self._post("fault", kind=kind, **how)

    async def token(self, *, revoke: bool) -> None:
        """Revoke the bot's token, or give it back."""
        await self._post("token", revoke=revoke)

    # ------------------------------------------------------------ shared

    async def _answer(self, done: Message) -> Answer:
        if not done.get("acknowledged"):
            return Answer((), None, str(done.get("error") or "not acknowledged"))
        path = f"interactions/{done['interaction']}"
        came = await self._get(path, responses="1", wait=str(ANSWER_WITHIN))
        if len(came["responses"]) == 1 and FOLLOWS in str(came["responses"][0]):
            came = await self._get(path, responses="2", wait=str(ANSWER_WITHIN))
        return Answer(tuple(came["responses"]), came.get("view"))

    async def _get(self, path: str, **parameters: str) -> Any:
        answer = await self._http.get(f"{self._url}/sandbox/{path}", params=parameters, timeout=ANSWER_WITHIN + 10)
        return _checked(answer)

    async def _post(self, path: str, **body: object) -> Any:
        answer = await self._http.post(f"{self._url}/sandbox/{path}", json=body, timeout=ANSWER_WITHIN + 10)
        return _checked(answer)


def _checked(answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise NotSeen(f"The workspace answered {answer.status_code} to {answer.request.url.path}: {answer.text[:300]}")
    return answer.json()
