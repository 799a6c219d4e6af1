"""P1: whenever the process is killed between the approval and the end, the alias is moved exactly once."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import Response

from bot.demo.story import CHANNEL, DEVI
from tests.needs import needs
from tests.servers.proxy import Held, proxy
from tests.smoke.conftest import Bot

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("machines"),
    needs("mlflow", "bentoml"),
]
MOVE = "/registered-models/alias"


def is_move(request: Request) -> bool:
    return request.method == "POST" and request.url.path.endswith(MOVE)


async def told(bot: Bot) -> None:
    """What everything must look like in the end, however it came about."""
    await bot.story.card(lambda text: "serving confirmed" in text.lower())
    assert await bot.story.alias() == "2"
    assert await bot.story.served() == "v2"
    entries = await bot.timeline()
    assert len([e for e in entries if e.startswith("about to change:")]) == 1
    assert len([e for e in entries if e.startswith("changed:")]) == 1
    assert len([e for e in entries if e.startswith("verified:")]) == 1
    assert any("restarted" in e for e in entries if e.startswith("continued after a restart:")), entries
    cards = [m for m in await bot.workspace.messages(CHANNEL) if "mlops_incident" in str(m.get("metadata"))]
    assert len(cards) == 1
    verified = await bot.run("timeline", "verify", "--all")
    assert verified.code == 0, verified


async def test_killed_when_the_request_was_on_its_way(bot: Bot) -> None:
    """The intent is written, the call never arrives: after the restart the world is as it was, so it is made."""
    held = Held()

    async def hold(request: Request) -> Response | None:
        if not is_move(request):
            return None
        await held.stand_still()
        return Response(status_code=503)

    async with proxy(bot.machines.mlflow) as way:
        bot.mlflow = way.url
        await bot.start()
        plan = await bot.planned()
        way.before = hold
        await bot.workspace.click(DEVI, CHANNEL, str(plan["ts"]), "operation.approve")
        await asyncio.wait_for(held.arrived.wait(), 30)
        await bot.kill()
        way.before = None
        held.release()
        assert await bot.story.alias() == "3"
        await bot.start()
        await told(bot)
        assert way.count("POST", MOVE) == 1


async def test_killed_when_the_answer_was_on_its_way(bot: Bot) -> None:
    """The call was made and nobody was there to hear the answer: after the restart it is found, not repeated."""
    held = Held()

    async def hold(request: Request) -> None:
        if is_move(request):
            await held.stand_still()

    async with proxy(bot.machines.mlflow) as way:
        bot.mlflow = way.url
        await bot.start()
        plan = await bot.planned()
        way.after = hold
        await bot.workspace.click(DEVI, CHANNEL, str(plan["ts"]), "operation.approve")
        await asyncio.wait_for(held.arrived.wait(), 30)
        await bot.kill()
        held.release()
        await bot.start()
        await told(bot)
        assert way.count("POST", MOVE) == 1


async def test_killed_right_after_the_approval_was_answered(bot: Bot) -> None:
    """The approval and the start of its work are one commit: nothing is forgotten, whatever was begun already."""
    async with proxy(bot.machines.mlflow) as way:
        bot.mlflow = way.url
        await bot.start()
        plan = await bot.planned()
        await bot.workspace.click(DEVI, CHANNEL, str(plan["ts"]), "operation.approve")
        await bot.kill()
        await bot.start()
        await bot.story.card(lambda text: "serving confirmed" in text.lower())
        assert await bot.story.alias() == "2"
        assert way.count("POST", MOVE) == 1
        entries = await bot.timeline()
        assert len([e for e in entries if e.startswith("operation approved:")]) == 1
        assert len([e for e in entries if e.startswith("changed:")]) == 1
