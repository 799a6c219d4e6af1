"""`emulate` as a process with the same app and people as the sandbox, behind a shim that lets slack_sdk speak to it."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.demo.process import environment, listening
from sandbox.workspace.seed import APP, PEOPLE, TEAM
from tests.needs import path_of
from tests.sandbox.conftest import EVERY_SCOPE
from tests.servers.asgi import serving

PROGRAM = Path(__file__).parent / "node_modules" / "emulate" / "dist" / "index.js"
CLOCK = Path(__file__).with_name("clock.mjs")
START_WITHIN = 60.0
POWERLESS = "token-without-scopes"


def token_of(handle: str) -> str:
    """The token with which a person of the workspace speaks."""
    return f"token-of-{handle}"


@dataclass(frozen=True, slots=True)
class Emulate:
    """A running one: where it is reached by way of the shim, and its clock, which stands still."""

    url: str
    ahead: Path

    def jump(self, seconds: float) -> None:
        """Let time pass at once."""
        self.ahead.write_text(str(float(self.ahead.read_text()) + seconds))


@asynccontextmanager
async def emulate(folder: Path) -> AsyncIterator[Emulate]:
    """It runs from start to end of a block."""
    seed, ahead = folder / "seed.json", folder / "seconds-ahead"
    seed.write_text(json.dumps({"slack": _seed()}))
    ahead.write_text("0")
    node = path_of("emulate")

    def command(port: int) -> Sequence[str | Path]:
        address = f"http://127.0.0.1:{port}"
        given = ["-s", "slack", "-p", str(port), "--seed", seed, "--base-url", address]
        return [node, "--import", CLOCK, PROGRAM, "start", *given]

    async with AsyncExitStack() as stack:
        log, env = folder / "emulate.log", environment(SECONDS_AHEAD=str(ahead))
        running = listening("emulate", command, log=log, env=env, ready="/", within=START_WITHIN, cwd=folder)
        _, port = await stack.enter_async_context(running)
        yield Emulate(await stack.enter_async_context(_shim(f"http://127.0.0.1:{port}")), ahead)


def _seed() -> dict[str, object]:
    bot = {"app_id": APP.id, "bot_id": APP.bot_id, "bot_user_id": APP.user_id}
    ours = {**bot, "type": "bot", "user_id": APP.user_id}
    return {
        "strict_scopes": True,
        "team": {"name": TEAM.name, "domain": TEAM.domain},
        "users": [
            {"name": person.name, "real_name": person.real_name, "email": person.email, "profile": {"title": person.title}}
            for person in PEOPLE
        ],
        "oauth_apps": [
            {
                **bot,
                "name": APP.name,
                "bot_name": APP.name,
                "client_id": "client",
                "client_secret": "of-no-use-elsewhere",
                "redirect_uris": [],
            }
        ],
        "tokens": [
            {**ours, "token": APP.bot_token, "scopes": sorted(EVERY_SCOPE)},
            {**ours, "token": POWERLESS, "scopes": ["commands"]},
            *({"token": token_of(one.name), "type": "user", "user": one.name, "scopes": ["chat:write"]} for one in PEOPLE),
        ],
    }  # fmt: skip


@asynccontextmanager
async def _shim(target: str) -> AsyncIterator[str]:
    """Slack takes arguments from the query and the body, by GET and by POST; emulate only from the body of a POST."""
    async with httpx.AsyncClient(base_url=target, trust_env=False, timeout=30) as http:

        async def call(request: Request) -> Response:
            headers = {"authorization": request.headers.get("authorization", "")}
            body, query = await request.body(), dict(request.query_params)
            if request.headers.get("content-type", "").startswith("application/json"):
                merged = {"json": query | json.loads(body or b"{}")}
            else:
                form = query | dict(parse_qsl(body.decode(), keep_blank_values=True))
                merged = {"content": urlencode(form)}
                headers["content-type"] = "application/x-www-form-urlencoded"
            kept = {name: value for name, value in headers.items() if value}
            answer = await http.post(request.url.path, headers=kept, **merged)
            return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

        async with serving(Starlette(routes=[Route("/api/{method}", call, methods=["GET", "POST"])])) as url:
            yield url
