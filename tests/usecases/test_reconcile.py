"""Every webhook source loses alerts: what asking finds is entered, as learned late (P3), and nothing is made up (P10)."""

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.alert import Alert
from bot.domain.errors import IntegrationError, Refused, Unreachable
from bot.domain.incident import Status
from bot.domain.post import PostKind
from bot.domain.timeline import Kind
from bot.ports.systems import AlertSource, Delivery, Metrics, Series
from bot.usecases.asking import Asking
from bot.usecases.reconcile import Reconciled, ask_one, reconcile
from bot.usecases.systems import Systems
from tests.fakes.polls import FakeAlertPoll
from tests.usecases.ingest_world import Watch, an_alert, minutes, over

NOTHING = Reconciled("alertmanager")


class OnlyItsName(AlertSource):
    """A source that delivers, too."""

    def verify(self, delivery: Delivery) -> bool:
        raise NotImplementedError

    def alerts(self, delivery: Delivery) -> list[Alert]:
        raise NotImplementedError


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    here = Watch(tmp_path / "watch.db")
    here.systems = replace(here.systems, sources={"alertmanager": OnlyItsName()})
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
    systems = replace(watch.systems, polls={"grafana": down, "alertmanager": watch.poll})
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
    watch.systems = replace(watch.systems, sources={"alertmanager": OnlyItsName()})
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


async def test_an_end_behind_a_silence_is_found_by_asking(watch: Watch) -> None:
    """While a silence is on, Alertmanager says nothing, not even that it is over."""
    alert = an_alert(watch.start)
    await watch.send(alert)
    watch.poll.lists = [replace(alert, muted=True)]
    assert await watch.ask() == NOTHING
    watch.poll.lists = []
    assert (await watch.ask()).missed_resolved == 1
    assert (await watch.incident()).status is Status.RESOLVED


async def test_two_sources_that_tell_of_one_model_make_one_incident(watch: Watch) -> None:
    """Prometheus is asked although its Alertmanager delivers: it counts twice, and is one problem."""
    alert = an_alert(watch.start)
    await watch.send(alert)
    twin = replace(alert, source="prometheus", instance="http://prometheus", fingerprint="another")
    polls = {"alertmanager": FakeAlertPoll([alert]), "prometheus": FakeAlertPoll([twin])}
    watch.clock.advance(1)
    await reconcile(watch.store, watch.setup, replace(watch.systems, polls=polls), watch.clock, lambda: None)
    (incident,) = await watch.incidents()
    assert incident.alerts_firing == 2


async def test_a_long_name_is_the_same_name_when_it_is_asked_for(watch: Watch) -> None:
    """What is too long to be searched by is stored shorter; what is listed is looked for alike."""
    alert = an_alert(watch.start, fingerprint="f" * 3_000)
    await watch.send(alert)
    watch.poll.lists = [alert]
    assert await watch.ask() == NOTHING
    assert await watch.ask() == NOTHING
    assert (await watch.incident()).status is Status.OPEN


# ---------------------------------------------------------------- who measures it


class Witness(Metrics):
    """Answers queries about every alert, until it doesn't."""

    def __init__(self) -> None:
        self.fault: IntegrationError | None = None
        self.asked: list[str] = []

    def query_of(self, alert: Alert) -> str | None:
        return alert.name

    async def value(self, query: str) -> float | None:
        self.asked.append(query)
        if self.fault is not None:
            raise self.fault
        return 0.1

    async def range(self, query: str, *, start: datetime, end: datetime, step: float) -> Sequence[Series]:
        raise NotImplementedError


async def test_an_end_is_not_confirmed_while_who_measures_it_is_silent(watch: Watch) -> None:
    """Alertmanager says resolved when Prometheus stops, and then lists nothing any more."""
    witness = Witness()
    watch.systems = replace(watch.systems, metrics={"prometheus": witness})
    alert = an_alert(watch.start)
    await watch.send(alert)
    await watch.send(over(alert))
    witness.fault = Unreachable("Prometheus does not answer.", system="prometheus")
    assert await watch.ask() == NOTHING
    assert not (await watch.incident()).confirmed
    witness.fault = Refused("That is no query.", system="prometheus")  # it is there, and that is all we need to know
    assert await watch.ask() == replace(NOTHING, confirmed=1)


async def test_a_silent_witness_is_asked_once_a_round(watch: Watch) -> None:
    witness = Witness()
    witness.fault = Unreachable("Prometheus does not answer.", system="prometheus")
    watch.systems = replace(watch.systems, metrics={"prometheus": witness})
    alerts = [an_alert(watch.start, model=f"m{n}") for n in range(20)]
    await watch.send(*alerts)
    await watch.send(*map(over, alerts))
    assert await watch.ask() == NOTHING
    assert len(witness.asked) == 1
    witness.fault = None
    assert [(await watch.ask()).confirmed for _ in range(3)] == [10, 10, 0]


async def test_more_ends_than_a_page_are_confirmed(watch: Watch) -> None:
    alerts = [an_alert(watch.start, model=f"m{n}") for n in range(120)]
    await watch.send(*alerts)
    await watch.send(*map(over, alerts))
    assert await watch.ask() == replace(NOTHING, confirmed=120)


# ---------------------------------------------------------------- a source that only can be asked


async def test_nothing_is_late_of_a_source_that_delivers_nothing(watch: Watch) -> None:
    watch.systems = replace(watch.systems, sources={})
    alert = an_alert(watch.start)
    watch.poll.lists = [alert]
    await watch.ask()
    assert [entry.text for entry in await watch.timeline(1, Kind.ALERT_FIRED)] == [
        "ModelErrorRateHigh fires: ModelErrorRateHigh is true"
    ]
    watch.poll.lists = []
    assert (await watch.ask()).missed_resolved == 1
    assert len(await watch.timeline(1, Kind.ALERT_RESOLVED)) == 1
    assert await watch.timeline(1, Kind.LEARNED_LATE) == []


# ---------------------------------------------------------------- the rest of a delivery that was cut


async def test_the_rest_of_a_cut_delivery_is_asked_for_in_the_background(watch: Watch) -> None:
    alerts = [an_alert(watch.start, f"Alert{n}") for n in range(5)]
    watch.poll.lists = alerts
    await watch.send(replace(alerts[0], truncated=True))
    watch.clock.advance(1)
    asking = Asking(watch.systems.polls, functools.partial(_ask, watch))
    asking.now("alertmanager")
    asking.now("alertmanager")
    assert watch.poll.asked == 0  # not in the request
    await asking.settled()
    assert (await watch.incident()).alerts_firing == 5
    assert watch.poll.asked == 1
    await asking.stop()


async def test_what_is_cut_while_we_ask_is_asked_for_once_more(watch: Watch) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    times: list[str] = []

    async def slowly(source: str) -> Reconciled:
        times.append(source)
        begun.set()
        await go_on.wait()
        return NOTHING

    asking = Asking(["alertmanager"], slowly)
    asking.now("alertmanager")
    await begun.wait()
    for _ in range(10):
        asking.now("alertmanager")
    go_on.set()
    await asking.settled()
    assert times == ["alertmanager"] * 2


async def test_asking_in_vain_is_logged_and_ends(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    watch.poll.fault = Unreachable("Alertmanager does not answer.", system="alertmanager")

    async def broken(source: str) -> Reconciled:
        raise RuntimeError(source)

    for ask in (functools.partial(_ask, watch), broken):
        asking = Asking(["alertmanager"], ask)
        asking.now("alertmanager")
        asking.now("whylabs")
        await asking.settled()
    assert [record.message for record in caplog.records] == [
        "whylabs left alerts out of a delivery, and can't be asked for them",
        "alertmanager left alerts out of a delivery and could not be asked: Alertmanager does not answer.",
        "whylabs left alerts out of a delivery, and can't be asked for them",
        "alertmanager left alerts out of a delivery, and asking for them failed",
    ]


async def test_stopping_cancels_what_hangs(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.usecases.asking.PATIENCE", 0.01)
    never = asyncio.Event()
    begun = asyncio.Event()

    async def hangs(_source: str) -> Reconciled:
        begun.set()
        await never.wait()
        return NOTHING

    asking = Asking(["alertmanager"], hangs)
    asking.now("alertmanager")
    await begun.wait()
    await asking.stop()
    await asking.settled()


async def _ask(watch: Watch, source: str) -> Reconciled:
    return await ask_one(source, watch.store, watch.setup, watch.systems, watch.clock, lambda: None)
