"""An hour of Slack's bad days in under a minute: whatever happened, afterwards everything is as it should be.

`SANDBOX_HOURS=40 pytest tests/sandbox/test_an_hour.py` lives through forty of them; a seed can be named, too:
`SANDBOX_HOUR=17`.
"""

import asyncio
import logging
import os
import traceback
from collections import Counter
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

import bot
from bot.domain.timeline import Kind
from tests.sandbox.hour import CHANNEL, PATIENCE, Done, Hour
from tests.slack.office import incident_of, key_of, office

FEW = 2
OURS = Path(bot.__file__).parent
EXPECTED = (SlackApiError, aiohttp.ClientError, TimeoutError, OSError)
"""What calls may end with on a bad day; anything else that is logged is a fault of ours."""
EVERYWHERE = (CHANNEL, "@mika", "@devi", "@dana", "@omar", "@paula")


def _seeds() -> list[int]:
    if one := os.environ.get("SANDBOX_HOUR"):
        return [int(one)]
    return list(range(1, 1 + int(os.environ.get("SANDBOX_HOURS", FEW))))


@pytest.mark.parametrize("seed", _seeds())
async def test_an_hour(tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """Odd seeds in Socket Mode, even ones in HTTP mode."""
    mode: Literal["socket", "http"] = "socket" if seed % 2 else "http"
    async with office(tmp_path, mode, driven=True) as here:
        hour = Hour(here, seed)
        again = f"run it again: SANDBOX_HOUR={seed} pytest tests/sandbox/{Path(__file__).name}"
        try:
            await hour.run()
            await _cards_are_true(hour)
            await _nothing_is_doubled(hour)
            _everybody_heard(hour)
            await _events_are_handled_once(hour)
            _nothing_unexpected(hour, caplog)
        except BaseException as error:
            error.add_note(f"{again}\ntroubles met: {hour.tally}")
            raise
        assert len(hour.tally) > 8, f"an hour has many troubles: {hour.tally}; {again}"
        assert len(hour.acts) > 40, again


async def _cards_are_true(hour: Hour) -> None:
    """Every incident has exactly one card, which shows its last state."""
    here = hour.here
    newest = await here.world.store.read(lambda tx: tx.incidents.live(limit=500))
    numbers = set(hour.numbers) | {incident.number for incident in newest}
    cards = [message for message in await here.messages() if incident_of(message)]
    assert Counter(map(incident_of, cards)).most_common(1)[0][1] == 1
    shown = {incident_of(card): card["metadata"]["event_payload"]["revision"] for card in cards}
    assert {name: (await here.world.incident(int(name[4:]))).revision for name in shown} == shown
    assert shown.keys() >= {f"INC-{number}" for number in numbers}


async def _nothing_is_doubled(hour: Hour) -> None:
    for channel in EVERYWHERE:
        names = Counter(incident_of(m) or key_of(m) for m in await hour.here.messages(channel))
        del names[""]
        assert all(count == 1 for count in names.values()), (channel, names.most_common(3))


def _everybody_heard(hour: Hour) -> None:
    """Within three seconds the app has taken it, or Slack has told the person that it didn't; then comes an answer."""
    for done in hour.acts:
        assert done.ended >= done.begun, f"{done} never ended"
        if done.what in {"mention", "pin"}:  # events: no person waits for an acknowledgement
            continue
        waited = done.ended - done.begun
        assert waited <= PATIENCE or _jumped(hour, done), done
        if done.impossible:
            continue
        assert done.outcome is not None
        assert done.outcome.acknowledged or done.outcome.error, done
        if done.outcome.acknowledged and not done.outcome.error and not _away(hour, done):
            exchange = hour.here.sandbox.interactions.exchanges.get(done.outcome.interaction)
            assert exchange is not None
            assert exchange.responses, f"{done} was taken, and never answered"


def _jumped(hour: Hour, done: Done) -> bool:
    """Whether the clock leapt meanwhile: then it is later than three seconds the moment it is said."""
    return any(done.begun < at <= done.ended for at in hour.jumps)


def _away(hour: Hour, done: Done) -> bool:
    """Whether the workspace was lost, or the bot ended, while the answer was on its way."""
    return any(begun - 5 <= done.ended <= until for begun, until in hour.lost) or any(
        done.begun <= at <= done.ended + 5 for at in hour.restarts
    )


async def _events_are_handled_once(hour: Hour) -> None:
    here = hour.here
    titles = Counter(incident.title for incident in await _every_incident(hour))
    pinned = Counter[str]()
    for incident in await _every_incident(hour):
        pinned.update(entry.text for entry in await here.world.timeline(incident.number, Kind.MESSAGE))
    taken = {_said(one.envelope["event"], here) for one in here.sandbox.deliveries.sent.values() if one.acknowledged}
    for done in (done for done in hour.acts if done.title):
        found = titles[done.title] or sum(n for text, n in pinned.items() if f": {done.title} (" in text)
        sure = done.title in taken or bool(done.what == "command" and done.outcome and done.outcome.acknowledged)
        assert found <= 1, f"{done} was done {found} times"
        assert found == 1 or not sure, f"{done} was taken and not done"


async def _every_incident(hour: Hour):
    last = max((int(incident_of(m)[4:]) for m in await hour.here.messages() if incident_of(m)), default=0)
    return [await hour.here.world.incident(number) for number in range(1, last + 1)]


def _said(event: dict, here) -> str:
    """The words that an event is about."""
    if event["type"] == "reaction_added":
        message = here.sandbox.workspace.conversations[CHANNEL].messages.get(event["item"]["ts"])
        return message.body["text"] if message else ""
    return str(event.get("text", "")).partition(" declare ")[2]


def _nothing_unexpected(hour: Hour, caplog: pytest.LogCaptureFixture) -> None:
    assert [side._edge.unexpected for side in hour.sides if side._edge] == [0] * len(hour.sides)
    broken = [record for record in caplog.records if record.levelno >= logging.ERROR and _is_ours(record)]
    assert not broken, [record.getMessage() + f" {record.exc_info}" for record in broken[:3]]


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether something nobody foresaw went through our own code; Slack's library has bad moments of its own."""
    if not record.exc_info or isinstance(record.exc_info[1], (*EXPECTED, asyncio.CancelledError)):
        return False
    frames = traceback.extract_tb(record.exc_info[2])
    return any(Path(frame.filename).is_relative_to(OURS) for frame in frames)
