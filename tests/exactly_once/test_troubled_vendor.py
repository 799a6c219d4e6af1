"""A vendor that fails in every way, at every call, when a plan is made and when it is carried out.

Whatever happens: no write that may not be repeated is sent twice, and what the bot says is what is true outside.
"""

import asyncio
from pathlib import Path

import pytest

from bot.domain.operation import Operation, OperationState
from bot.domain.timeline import Kind
from bot.usecases.export import verify_chain
from tests.exactly_once.office import Office
from tests.exactly_once.plots import APPROVES, ASKS, REQUEST, TARGET
from tests.exactly_once.world import WRITES, Server, Trouble, World
from tests.usecases.world import shown

PAGE = "<html><head><title>Sign in</title></head></html>"
NO = '{"message": "no"}'
SILENT = {"silence": Trouble(), "silence after the effect": Trouble(after=True)}
TROUBLES = {
    "500": Trouble(500, body=NO),
    "500 after the effect": Trouble(500, after=True),
    "503": Trouble(503, headers=(("retry-after", "1"),)),
    "409": Trouble(409, body=NO),
    "403": Trouble(403, body=NO),
    "429": Trouble(429, headers=(("retry-after", "2"),)),
    "a redirect": Trouble(302, headers=(("location", "/login"),)),
    "a page": Trouble(200, body=PAGE),
    "a page after the effect": Trouble(200, after=True, body=PAGE),
    "half of an answer": Trouble(200, after=True, body='{"version": '),
    **SILENT,
}
NOT_TAKEN = {"429", "503", "409", "403"}
"""Answers by which a vendor says that nothing was done: of these, those that ask for patience may be tried again."""
READS = ("resolve", "versions", "version", "observe")
CALLS = ("resolve", "observe", "move", "serve")


def times_of(trouble: str) -> tuple[int, ...]:
    """Once, and longer than a client tries; where that costs no time, longer than anybody waits."""
    return (1, 6) if trouble in SILENT else (1, 500)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("call", READS)
async def test_when_the_plan_is_made(server: Server, tmp_path: Path, call: str, trouble: str) -> None:
    for times in times_of(trouble):
        with server.world(follows=False) as world:
            async with Office(world, tmp_path / f"{times}.db", counts=False) as office:
                world.trouble(call, *[TROUBLES[trouble]] * times)
                reply = await office.say(REQUEST, ASKS)
                assert not world.writes
                operations = await office.operations()
                assert bool(operations) == reply.ok, shown(reply)
                if not reply.ok:
                    assert "Nothing was" in shown(reply)
                    world.troubles.clear()
                    reply = await office.say(REQUEST, ASKS)
                world.troubles.clear()
                assert (await office.say("approve OP-1", APPROVES)).ok
                await office.carry_out()
                await _honest(office, world)
                assert (await office.operations())[0].state is OperationState.SUCCEEDED


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("counts", [False, True], ids=["repeatable", "not repeatable"])
async def test_when_it_is_carried_out(server: Server, tmp_path: Path, call: str, trouble: str, counts: bool) -> None:
    for times in times_of(trouble):
        with server.world(counted=WRITES if counts else (), follows=False) as world:
            async with Office(world, tmp_path / f"{times}.db", counts=counts) as office:
                assert (await office.say(REQUEST, ASKS)).ok
                assert (await office.say("approve OP-1", APPROVES)).ok
                world.trouble(call, *[TROUBLES[trouble]] * times)
                await _carried_out_or_given_up(office, world)
                await _honest(office, world)
                assert (await office.operations())[0].state.final
                if counts and trouble not in NOT_TAKEN:
                    assert max(world.calls[name] for name in ("move", "serve")) <= 1, world.order


async def _carried_out_or_given_up(office: Office, world: World) -> None:
    """A person who sees that it stays in doubt ends it."""
    work = asyncio.create_task(office.carry_out())
    while not work.done():
        await asyncio.wait({work}, timeout=0.02)
        (operation,) = await office.operations()
        if operation.state is OperationState.IN_DOUBT:
            await _honest(office, world)
            await office.say("cancel OP-1", APPROVES)
    await work


async def _honest(office: Office, world: World) -> None:
    """What is said about the operation is what is true."""
    (operation,) = await office.operations()
    moved = [write for write in world.effects if write.call == "move"]
    told = [write for write in world.effects if write.call == "serve"]
    assert len(moved) <= 1
    assert len(told) <= 1
    entries = await office.timeline(operation)
    assert verify_chain(entries).intact
    kinds = [entry.kind for entry in entries]
    assert (Kind.VERIFIED in kinds) == (operation.state is OperationState.SUCCEEDED)
    assert Kind.CHANGED not in kinds or moved
    _agrees(operation, world, moved=bool(moved))


def _agrees(operation: Operation, world: World, *, moved: bool) -> None:
    outcome = operation.outcome
    match operation.state:
        case OperationState.SUCCEEDED:
            assert (world.alias, world.served) == (TARGET, TARGET)
        case OperationState.INCONCLUSIVE:
            assert moved
            assert outcome.startswith("The registry was changed")
        case OperationState.IN_DOUBT:
            assert "not confirmed" in outcome or "stays in doubt" in outcome, outcome
        case OperationState.FAILED if "does not know" in outcome:
            pass
        case OperationState.FAILED | OperationState.STALE:
            assert not moved, f"{operation.state}: {outcome}"
            assert "Nothing was" in outcome, outcome
        case other:
            raise AssertionError(f"it ended as {other}: {outcome}")
