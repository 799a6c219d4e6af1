"""Two Bolt apps that know nothing of the sandbox but its address, each in both modes: ours, and what beginners start with."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.domain.incident import Status
from bot.domain.timeline import Kind
from bot.slack.manifest import manifest
from sandbox.manifest import app_of
from sandbox.workspace.seed import APP
from tests.slack.office import Office, office
from tests.slack.office import until as in_time
from tests.slack.reading import text
from tests.usecases.world import DANA, DEVI, MIKA, OMAR, PAULA

from . import starter
from .conftest import BOT, INCIDENTS, World, a_world, until
from .conftest import MIKA as MIKAS_ID
from .listening import listening

SEV2 = {"text": {"type": "plain_text", "text": "sev2"}, "value": "sev2"}
BOTH = pytest.mark.parametrize("mode", ["socket", "http"])


# ------------------------------------------------------------ the beginner's app


@asynccontextmanager
async def wishing(mode: str) -> AsyncIterator[World]:
    """A workspace in which the starter app is installed, by its manifest, and connected."""
    app = app_of(json.dumps(starter.MANIFEST), APP)
    if mode == "socket":
        async with a_world(app=app) as world:
            await world.connect(starter.starter(world.slack, APP.signing_secret))
            yield world
        return
    async with listening() as server, a_world(app=app, app_url=f"{server.url}/slack/events") as world:
        server.serve(starter.starter(world.slack, APP.signing_secret))
        yield world


@pytest.fixture(params=["socket", "http"])
async def well(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with wishing(request.param) as world:
        yield world
        assert [call for call in (await world.get("calls"))["calls"] if not call["ok"]] == []


async def opened(world: World) -> Any:
    done = await world.act("shortcut", user="mika", callback_id=starter.SHORTCUT)
    assert done["acknowledged"] is True
    return (await world.get(f"interactions/{done['interaction']}", wait=10))["view"]


async def test_its_message_listener_greets_once(well: World) -> None:
    await well.act("message", user="mika", channel=INCIDENTS, text="Oh, Hello there")
    await until(well, lambda: len(well.messages()) == 2)
    assert (well.texts()[1], well.messages()[1]["user"]) == ("Hello, what do you wish for?", BOT)
    await asyncio.gather(*(sent.ended.wait() for sent in well.sandbox.deliveries.sent.values()))
    assert len(well.messages()) == 2, "its own greeting is a greeting, too, but it does not answer itself"


async def test_its_command_is_answered_to_the_person_alone(well: World) -> None:
    done = await well.act("command", user="mika", channel=INCIDENTS, command=starter.COMMAND, text="rain")
    assert done["acknowledged"] is True
    await well.get(f"interactions/{done['interaction']}", responses=1, wait=10)
    assert (well.texts(user=MIKAS_ID), well.texts()) == (["You wished for rain."], [])


async def test_its_shortcut_opens_a_modal_that_its_button_changes(well: World) -> None:
    view = await opened(well)
    assert view["title"]["text"] == "Make a wish"
    typed = {"wish": {"wish": {"type": "plain_text_input", "value": "rain"}}}
    done = await well.act("click", user="mika", view_id=view["id"], action_id=starter.BUTTON, values=typed)
    assert done["acknowledged"] is True
    views = well.sandbox.workspace.views_of
    await until(well, lambda: views(MIKAS_ID)[0]["title"]["text"] == "Make another wish")
    assert views(MIKAS_ID)[0]["state"]["values"]["wish"]["wish"]["value"] == "rain", "what was typed stays"


async def test_its_modal_is_submitted_and_answered_in_two_ways(well: World) -> None:
    view = await opened(well)
    values = {
        "wish": {"wish": {"type": "plain_text_input", "value": "rain"}},
        "place": {"place": {"type": "conversations_select", "selected_conversation": INCIDENTS}},
    }
    done = await well.act("submit", user="mika", view_id=view["id"], values=values)
    assert (done["acknowledged"], done["error"]) == (True, None)
    assert well.sandbox.workspace.views_of(MIKAS_ID) == []
    await until(well, lambda: len(well.messages(user=MIKAS_ID)) == 2)
    assert well.texts(user=MIKAS_ID) == [f"<@{MIKAS_ID}> wishes for rain", "Thank you!"]
    assert well.texts() == [f"<@{MIKAS_ID}> wishes for rain"]


async def test_its_home_is_shown_when_it_is_opened(well: World) -> None:
    assert (await well.act("home", user="mika"))["acknowledged"] is True
    await until(well, lambda: well.sandbox.workspace.home_of(MIKAS_ID) is not None)
    home = well.sandbox.workspace.home_of(MIKAS_ID)
    assert home is not None
    assert home["blocks"][0]["text"]["text"] == f"*Welcome home, <@{MIKAS_ID}>*"


# ------------------------------------------------------------ our own


@BOTH
async def test_our_bot_hears_everything_that_its_manifest_asks_for(mode: Any, tmp_path: Path) -> None:
    """Its command, both shortcuts, its modal, a button, App Home, a mention and a reaction: each shows its effect."""
    async with office(tmp_path, mode) as here:
        assert here.sandbox.workspace.app == app_of(manifest(mode=mode, base_url="https://bot.example"), APP)
        await here.start()
        number = await here.world.fire()
        card = await here.known_card(number)
        said = await events(here, number, card)
        answer = await here.click(MIKA, card, "incident.acknowledge")
        assert f"INC-{number} is yours now." in text(answer)
        assert f"INC-{number}" in text(await here.command(PAULA, "incidents"))
        done = await here.post("shortcut", user=OMAR.slack_id, callback_id="timeline.pin", channel=INCIDENTS, ts=said)
        assert f"Put on INC-{number}'s timeline." in text(await here.answer_to(done))
        await declared(here)
        assert (await here.world.incident(number)).status is Status.ACKNOWLEDGED
        assert [call for call in await here.calls() if not call["ok"]] == []


async def events(here: Office, number: int, card: Any) -> str:
    """What comes to the bot by the Events API; the time stamp of what was said to it."""
    await here.post("react", user=DANA.slack_id, channel=INCIDENTS, ts=card["ts"], name="pushpin")
    await in_time(lambda: here.world.timeline(number, Kind.MESSAGE))
    words = f"<@{BOT}> note INC-{number} seen by hand"
    said = await here.post("message", user=OMAR.slack_id, channel=INCIDENTS, text=words, thread_ts=card["ts"])
    await in_time(lambda: here.world.timeline(number, Kind.NOTE))
    await here.post("home", user=DEVI.slack_id)

    async def home() -> Any:
        return (await here.get("views", user=DEVI.slack_id))["home"]

    assert f"INC-{number}" in text(await in_time(home))
    return str(said["ts"])


async def declared(here: Office) -> None:
    """The modal, from its shortcut to a new card."""
    done = await here.post("shortcut", user=PAULA.slack_id, callback_id="incident.declare")
    view = (await here.get(f"interactions/{done['interaction']}", wait=15))["view"]
    values = {
        "title": {"title": {"type": "plain_text_input", "value": "Checkout is slow"}},
        "severity": {"severity": {"type": "static_select", "selected_option": SEV2}},
    }
    taken = await here.post("submit", user=PAULA.slack_id, view_id=view["id"], values=values)
    assert taken["acknowledged"], taken
    assert "Checkout is slow" in text(await here.card(2, "sev2"))
