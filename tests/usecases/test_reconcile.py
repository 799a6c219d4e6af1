"""Every webhook source loses alerts: what asking finds is entered, as learned late (P3), and nothing is made up (P10)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import Unreachable
from bot.domain.incident import Status
from bot.domain.post import PostKind
from bot.domain.timeline import Kind
from bot.usecases.reconcile import Reconciled, reconcile
from bot.usecases.systems import Systems
from tests.fakes.polls import FakeAlertPoll
from tests.usecases.ingest_world import Watch, an_alert, minutes, over

NOTHING = Reconciled("alertmanager")


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    here = Watch(tmp_path / "watch.db")
    await here.store.open()
    yield here
    await here.store.close()


async def test_a_missed_firing_opens_an_incident_that_says_learned_late(watch: Watch) -> None:
    alert = an_alert(watch.start)
    watch.poll.lists = [alert]
    assert await watch.ask() == replace(NOTHING, missed_firing=1)
    incident = await watch.incident()
    assert (incident.status, incident.started_at) == (Status.OPEN, alert.starts_at)
    (late,) = await watch.timeline(1, Kind.LEARNED_LATE)
    assert late.text == (
        "Learned late (by asking alertmanager, no delivery came): ModelErrorRateHigh fires: ModelErrorRateHigh is true"
    )
    assert late.happened_at == alert.starts_at
    assert late.evidence == "asked alertmanager at 2026-11-23T03:10:01Z"
    assert await watch.posts(PostKind.PAGE)
    assert watch.nudges == 1


async def test_asking_again_and_the_delivery_that_comes_after_all_change_nothing(watch: Watch) -> None:
    alert = an_alert(watch.start)
    watch.poll.lists = [alert]
    await watch.ask()
    before = await watch.incident()
    assert await watch.ask() == NOTHING
    assert (await watch.send(alert)).refreshed == 1
    assert await watch.incident() == before
    assert watch.nudges == 1


async def test_a_missed_resolution_resolves_and_says_learned_late(watch: Watch) -> None:
    await watch.send(an_alert(watch.start))
    assert await watch.ask() == replace(NOTHING, missed_resolved=1)
    incident = await watch.incident()
    assert (incident.status, incident.confirmed) == (Status.RESOLVED, False)
    (late,) = await watch.timeline(1, Kind.LEARNED_LATE)
    assert late.text == "Learned late (by asking alertmanager, no delivery came): ModelErrorRateHigh resolved."


async def test_a_source_that_was_restarted_ends_nothing(watch: Watch) -> None:
    """It lists nothing until Prometheus tells it again, which takes up to a minute: nothing is resolved meanwhile."""
    watch.setup = replace(watch.setup, policies=replace(watch.setup.policies, absent_for=minutes(2)))
    alert = an_alert(watch.start)
    await watch.send(alert)
    assert await watch.ask() == NOTHING
    await watch.pass_time(1)
    assert await watch.ask() == NOTHING
    watch.poll.lists = [alert]
    assert await watch.ask() == NOTHING
    watch.poll.lists = []
    await watch.pass_time(1.5)
    assert await watch.ask() == NOTHING  # counted anew from here
    first_absent = watch.clock.now() - timedelta(seconds=1)
    await watch.pass_time(1.9)
    assert await watch.ask() == NOTHING
    await watch.pass_time(0.1)
    assert await watch.ask() == replace(NOTHING, missed_resolved=1)
    (late,) = await watch.timeline(1, Kind.LEARNED_LATE)
    assert late.happened_at == first_absent


async def test_a_resolution_that_asking_agrees_with_is_confirmed_once(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    await watch.send(over(alert))
    assert not (await watch.incident()).confirmed
    assert await watch.ask() == replace(NOTHING, confirmed=1)
    assert (await watch.incident()).confirmed
    assert (await watch.timeline(1, Kind.RESOLVED))[-1].text == (
        "Resolution confirmed: asked, alertmanager lists none of its alerts any more"
    )
    assert await watch.ask() == NOTHING


async def test_a_source_that_is_down_ends_nothing_and_opens_nothing(watch: Watch) -> None:
    await watch.send(an_alert(watch.start))
    before = await watch.incident()
    watch.poll.fault = Unreachable("Alertmanager does not answer.", system="alertmanager")
    assert await watch.ask() == Reconciled("alertmanager", fault="Alertmanager does not answer.")
    assert await watch.incident() == before


async def test_one_source_that_is_down_does_not_keep_us_from_asking_the_others(watch: Watch) -> None:
    down = FakeAlertPoll(fault=Unreachable("It does not answer.", system="grafana"))
    watch.poll.lists = [an_alert(watch.start)]
    systems = Systems(polls={"grafana": down, "alertmanager": watch.poll})
    watch.clock.advance(1)
    results = await reconcile(watch.store, watch.setup, systems, watch.clock, lambda: None)
    assert [(r.source, r.missed_firing, bool(r.fault)) for r in results] == [
        ("grafana", 0, True),
        ("alertmanager", 1, False),
    ]


async def test_what_is_silenced_is_neither_new_nor_over(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    watch.poll.lists = [replace(alert, muted=True), an_alert(watch.start, "Unheard", muted=True)]
    assert await watch.ask() == NOTHING
    assert (await watch.incident()).status is Status.OPEN
    assert len(await watch.incidents()) == 1
    watch.poll.lists = [alert]
    assert await watch.ask() == NOTHING


async def test_a_source_that_forgot_and_remembers_is_believed(watch: Watch) -> None:
    """An Alertmanager without storage was restarted: it lists nothing, and soon the same alert with the same start."""
    alert = an_alert(watch.start)
    await watch.send(alert)
    watch.poll.lists = []
    assert (await watch.ask()).missed_resolved == 1
    assert (await watch.send(alert)).ignored == 1  # by a delivery alone it could be stale
    watch.poll.lists = [alert]
    assert await watch.ask() == replace(NOTHING, missed_firing=1)
    incident = await watch.incident()
    assert (incident.status, incident.reopened, incident.alerts_firing) == (Status.OPEN, 1, 1)
    assert (await watch.send(over(alert))).resolved == 1
    assert (await watch.incident()).status is Status.RESOLVED


async def test_after_the_time_for_reopening_what_fires_is_a_new_incident(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    await watch.send(over(alert))
    watch.clock.advance(minutes(31))
    watch.poll.lists = [alert]
    assert (await watch.ask()).missed_firing == 1
    assert [i.number for i in await watch.incidents()] == [2, 1]
    await watch.send(over(alert))
    assert (await watch.incident(2)).status is Status.RESOLVED


class Meanwhile(FakeAlertPoll):
    """While it answers, a delivery arrives: the answer is older than what we know."""

    def __init__(self, watch: Watch, delivery: object, lists: list[object]) -> None:
        super().__init__(lists)  # type: ignore[arg-type]  # alerts
        self._watch = watch
        self._delivery = delivery

    async def firing(self):
        answer = await super().firing()
        self._watch.clock.advance(1)
        await self._watch.send(self._delivery)
        return answer


async def test_an_end_that_is_delivered_while_we_ask_is_not_undone(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    systems = Systems(polls={"alertmanager": Meanwhile(watch, over(alert), [alert])})
    watch.clock.advance(1)
    (result,) = await reconcile(watch.store, watch.setup, systems, watch.clock, lambda: None)
    assert result == NOTHING
    assert (await watch.incident()).status is Status.RESOLVED


async def test_a_firing_that_is_delivered_while_we_ask_is_not_ended(watch: Watch) -> None:
    alert = an_alert(watch.start)
    systems = Systems(polls={"alertmanager": Meanwhile(watch, alert, [])})
    watch.clock.advance(1)
    (result,) = await reconcile(watch.store, watch.setup, systems, watch.clock, lambda: None)
    assert result == NOTHING
    assert (await watch.incident()).status is Status.OPEN


async def test_an_outage_in_a_storm_is_healed_in_one_round(watch: Watch) -> None:
    """300 alerts that fire, of which 200 end while the bot is down, and 100 new ones that nobody delivered."""
    alerts = [an_alert(watch.start, f"Alert{n}", model=f"m{n % 3}") for n in range(400)]
    await watch.send(*alerts[:300])
    await watch.restart()
    watch.poll.lists = alerts[200:]
    assert await watch.ask() == replace(NOTHING, missed_firing=100, missed_resolved=200)
    assert {i.alerts_firing for i in await watch.incidents()} == {66, 67}
    assert await watch.ask() == NOTHING


async def test_a_resolution_is_not_confirmed_while_the_alert_fires_silenced(watch: Watch) -> None:
    """It fires again, and nobody is told of it: that the source lists none of its alerts would not be true."""
    alert = an_alert(watch.start)
    await watch.send(alert)
    await watch.send(over(alert))
    watch.poll.lists = [replace(alert, starts_at=watch.clock.now(), muted=True)]
    assert await watch.ask() == NOTHING
    assert not (await watch.incident()).confirmed
    watch.poll.lists = []
    assert await watch.ask() == replace(NOTHING, confirmed=1)
