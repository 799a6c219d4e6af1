"""POST /sandbox/command, click, shortcut, submit …: a person does something."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.control.body import Body, Endpoint
from sandbox.interactions import Interactions

HELD = ("user", "channel", "ts", "view_id", "action_id", "block_id", "values")


class Acts:
    """One endpoint for each thing that people do."""

    def __init__(self, interactions: Interactions) -> None:
        self._people = interactions

    def endpoints(self) -> dict[str, Endpoint]:
        """By the last part of the path."""
        return {
            "command": self.command,
            "click": self.click,
            "suggest": self.suggest,
            "shortcut": self.shortcut,
            "submit": self.submit,
            "close": self.close,
            "home": self.home,
            "message": self.message,
            "react": self.react,
        }

    async def command(self, request: Request) -> Response:
        body = await Body.of(request)
        outcome = await self._people.command(
            body.text("user"),
            body.text("channel"),
            body.text("command"),
            body.text_or("text", ""),
            body.text_or("thread_ts", ""),
        )
        return JSONResponse(outcome.json())

    async def click(self, request: Request) -> Response:
        body = await Body.of(request)
        block_id = body.text_or("block_id", "") or None
        given = body.others(*HELD)
        if view_id := body.text_or("view_id", ""):
            outcome = await self._people.click_in_view(
                body.text("user"), view_id, body.text("action_id"), block_id, body.table("values"), **given
            )
        else:
            outcome = await self._people.click(
                body.text("user"), body.text("channel"), body.text("ts"), body.text("action_id"), block_id, **given
            )
        return JSONResponse(outcome.json())

    async def suggest(self, request: Request) -> Response:
        body = await Body.of(request)
        outcome = await self._people.suggest(
            body.text("user"),
            body.text("action_id"),
            body.text_or("value", ""),
            view_id=body.text_or("view_id", ""),
            channel=body.text_or("channel", ""),
            ts=body.text_or("ts", ""),
        )
        return JSONResponse(outcome.json())

    async def shortcut(self, request: Request) -> Response:
        body = await Body.of(request)
        outcome = await self._people.shortcut(
            body.text("user"), body.text("callback_id"), body.text_or("channel", ""), body.text_or("ts", "")
        )
        return JSONResponse(outcome.json())

    async def submit(self, request: Request) -> Response:
        body = await Body.of(request)
        outcome = await self._people.submit(body.text("user"), body.text("view_id"), body.table("values"))
        return JSONResponse(outcome.json())

    async def close(self, request: Request) -> Response:
        body = await Body.of(request)
        outcome = await self._people.close(body.text("user"), body.text("view_id"))
        return JSONResponse(outcome.json())

    async def home(self, request: Request) -> Response:
        body = await Body.of(request)
        return JSONResponse((await self._people.home(body.text("user"))).json())

    async def message(self, request: Request) -> Response:
        body = await Body.of(request)
        outcome = await self._people.message(
            body.text("user"), body.text("channel"), body.text("text"), body.text_or("thread_ts", "")
        )
        return JSONResponse(outcome.json())

    async def react(self, request: Request) -> Response:
        body = await Body.of(request)
        outcome = await self._people.react(
            body.text("user"), body.text("channel"), body.text("ts"), body.text("name"), remove=body.flag("remove")
        )
        return JSONResponse(outcome.json())
