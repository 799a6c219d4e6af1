"""The daily digest: what happened, worst first; what needs a person; a quiet day is one line; drills are kept out."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.alert import AlertStatus
from bot.domain.incident import Incident, Status
from bot.domain.models import Change
from bot.domain.operation import OperationState
from bot.ports.store import DeliveryOutcome
from bot.slack.blocks.replies import reply_message
from bot.usecases import digest
from bot.usecases.reply import Reply, from_json, to_json
from tests.usecases.world import DEVI, FRAUD, MIKA, World, an_alert, shown


async def made(world: World) -> Reply:
    now = world.clock.now()
    return await world.store.read(lambda tx: digest.daily(tx, world.setup, now=now))


async def changed(world: World, number: int, **what: object) -> Incident:
    """The incident as it would be had its story gone so."""
    incident = replace(await world.incident(number), **what)
    await world.store.write(lambda tx: tx.incidents.save(incident))
    return incident


async def test_a_quiet_day_is_one_line(world: World) -> None:
    reply = await made(world)
    assert reply.title == "Daily digest 2026-11-23: a quiet day. Nothing happened, nothing is open, nothing waits."
    assert reply.parts == ()


async def test_what_is_open_stands_first_and_worst_first(world: World) -> None:
    slight = await world.fire("ModelFeatureDrift", "churn", labels={"severity": "warning", "model": "churn"})
    grave = await world.fire("ModelErrorRateHigh", labels={"severity": "critical", "model": FRAUD})
    await world.say(f"ack INC-{grave}", MIKA)
    world.clock.advance(timedelta(hours=2))
    reply = await made(world)
    assert reply.title == "Daily digest 2026-11-23: 2 open (worst sev1), 2 opened"
    lines = shown(reply).splitlines()
    assert lines[1] == "Open, worst first"
    assert lines[2].startswith(f"INC-{grave} sev1, acknowledged for 2 h, with Mika Laine: ModelErrorRateHigh")
    assert lines[3].startswith(f"INC-{slight} sev3, open for 2 h, with nobody: ModelFeatureDrift")


async def test_response_times_come_with_median_and_count_and_the_unacknowledged_beside(world: World) -> None:
    first = await world.fire()
    for n, minutes in enumerate((2, 4, 12)):
        number = await world.store.write(lambda tx: _copy(tx, first))
        opened = world.clock.now()
        await changed(
            world, number, opened_at=opened, acknowledged_at=opened + timedelta(minutes=minutes), acknowledged_by="mika",
            status=Status.RESOLVED, resolved_at=opened + timedelta(minutes=60 + n), resolved_by="mika",
        )  # fmt: skip
    world.clock.advance(timedelta(hours=3))
    text = shown(await made(world))
    assert "Time to acknowledge (MTTA): mean 6 min, median 4 min, of 3; 1 not acknowledged" in text
    assert "Time to resolve (MTTR, mean time to resolve): mean 1 h 1 min, median 1 h 1 min, of 3" in text


def _copy(tx, number: int) -> int:
    incident = replace(tx.incidents.get(number), number=tx.incidents.next_number())
    tx.incidents.add(incident)
    return incident.number


async def test_an_old_incident_counts_on_the_day_it_is_resolved_and_on_no_other(world: World) -> None:
    number = await world.fire()
    world.clock.advance(timedelta(days=3))
    assert f"INC-{number}" in shown(await made(world))
    await world.send(
        an_alert(world.clock, status=AlertStatus.RESOLVED, starts_at=(await world.incident(number)).started_at)
    )
    reply = await made(world)
    assert "1 resolved" in reply.title
    assert f"Resolved: INC-{number} sev2 (unconfirmed)" in shown(reply)
    world.clock.advance(timedelta(days=1, minutes=1))
    assert "quiet day" in (await made(world)).title


async def test_a_drill_is_kept_out(world: World) -> None:
    await changed(world, await world.fire(), drill=True)
    assert "quiet day" in (await made(world)).title


async def test_operations_come_with_their_outcome_and_the_ledger_with_what_is_live(world: World) -> None:
    number = await world.approved()
    assert await world.carry_out()
    reply = await made(world)
    text = shown(reply)
    assert "1 operation" in reply.title
    assert (
        f"OP-{number} rollback of {FRAUD}, version 3 → 2 by Mika Laine: succeeded. Serving confirmed: version 2 answers."
        in text
    )
    assert f"{FRAUD} (production): version 2, live for" in text
    assert f"UTC {FRAUD}: OP-{number}: version 3 → 2 by Mika Laine" in text


async def test_what_waits_for_a_decision_is_named_with_the_command(world: World) -> None:
    await world.learn()
    number = await world.request()
    world.clock.advance(timedelta(minutes=4))
    reply = await made(world)
    assert "1 waiting for a decision" in reply.title
    assert f"Mika Laine asked 4 min ago: /mlops approve OP-{number}" in shown(reply)


async def test_an_operation_in_doubt_calls_for_somebody_to_look(world: World) -> None:
    number = await world.approved()
    operation = await world.operation(number)
    doubtful = replace(operation, state=OperationState.IN_DOUBT, break_glass=True)
    await world.store.write(lambda tx: tx.operations.save(doubtful, expected=OperationState.APPROVED))
    assert f"OP-{number} rollback of {FRAUD}, version 3 → 2: in doubt, somebody must look" in shown(await made(world))


async def test_what_had_no_owner_or_runbook_is_named(world: World) -> None:
    number = await world.fire("Unheard", None, labels={})
    incident = await changed(world, number, runbook=None)
    await changed(world, number, route=replace(incident.route, accountable=None, responsible=()))
    text = shown(await made(world))
    missing = "nobody is Accountable, nobody is Responsible, no runbook fits, no routing rule matched"
    assert f"INC-{number} Unheard (unknown model): {missing}" in text


async def test_dead_letters_are_counted_with_the_last_reason(world: World) -> None:
    def keep(tx) -> None:
        for reason in ("first", "the body is not JSON"):
            tx.deliveries.add("grafana", "d", 3, DeliveryOutcome.DEAD, alerts=0, reason=reason, body=b"{")

    await world.store.write(keep)
    world.clock.advance(1)
    reply = await made(world)
    assert reply.title.endswith("nothing open, 2 unreadable deliveries")
    assert "2 from grafana; the last: the body is not JSON" in shown(reply)


async def test_a_promotion_alone_makes_no_quiet_day(world: World) -> None:
    change = Change(FRAUD, "promotion", "version 4 promoted", world.clock.now(), "Dana Sutter", "4")
    await world.store.write(lambda tx: tx.changes.add(change))
    reply = await made(world)
    assert "quiet" not in reply.title
    assert f"03:10 UTC {FRAUD}: version 4 promoted by Dana Sutter" in shown(reply)


async def test_hundreds_of_incidents_still_make_a_message(world: World) -> None:
    first = await world.fire()
    await changed(world, first, title="x" * 5_000)

    def multiply(tx) -> None:
        for _ in range(300):
            _copy(tx, first)

    await world.store.write(multiply)
    reply = await made(world)
    assert "301 open" in reply.title
    assert "… and 286 more" in shown(reply)
    message = reply_message(reply, world.setup)
    assert len(message.blocks) <= 50
    assert sum(len(str(block)) for block in message.blocks) < 13_000


async def test_a_digest_is_kept_and_read_again_as_it_is(world: World) -> None:
    await world.fire()
    reply = await made(world)
    again = from_json(to_json(reply))
    assert (again.title, list(again.parts)) == (reply.title, list(reply.parts))


async def test_break_glass_is_not_passed_over(world: World) -> None:
    await world.learn()
    number = await world.request(DEVI)
    operation = await world.operation(number)
    done = replace(operation, state=OperationState.CANCELLED, break_glass=True)
    await world.store.write(lambda tx: tx.operations.save(done, expected=OperationState.AWAITING_APPROVAL))
    assert (
        f"OP-{number} rollback of {FRAUD}, version 3 → 2 by Devi Rao, without an approval (break-glass): cancelled"
        in shown(await made(world))
    )
