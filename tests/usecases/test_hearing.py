"""A monitor that was heard of and is silent is an incident; the bot's own absence is nobody's silence."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import Unreachable
from bot.domain.incident import Incident, Status
from bot.domain.post import PostKind
from bot.domain.routing import Phase
from bot.domain.timeline import Kind
from bot.usecases import hearing
from bot.usecases.hearing import Ear, Judged
from bot.usecases.setup import Monitor
from tests.usecases.ingest_world import Watch, an_alert, minutes
from tests.usecases.world import FRAUD

DOWN = Unreachable("Alertmanager does not answer.", system="alertmanager")
NIGHTLY = timedelta(hours=26)


class Listening(Watch):
    """A bot that asks and judges every 30 seconds, as the jobs do."""

    polls: tuple[str, ...] = ("alertmanager",)

    async def round(self) -> Judged:
        if self.polls:
            await hearing.answers(self.store, [await self.ask()])
        return await hearing.judge(self.store, self.setup, self.polls, self._nudge)

    async def listen(self, for_minutes: float) -> Judged:
        """Rounds, until so much time has passed; what they found together."""
        fell = speak = 0
        end = self.clock.now() + minutes(for_minutes)
        while self.clock.now() < end:
            judged = await self.round()
            fell, speak = fell + judged.fell_silent, speak + judged.speak_again
            self.clock.advance(minutes(0.5))
        return Judged(fell, speak)

    async def listen_sparsely(self, for_hours: float) -> Judged:
        """The same with a round only as often as it must be, for long times."""
        fell = speak = 0
        end = self.clock.now() + timedelta(hours=for_hours)
        while self.clock.now() < end:
            judged = await self.round()
            fell, speak = fell + judged.fell_silent, speak + judged.speak_again
            self.clock.advance(minutes(2.5))
        return Judged(fell, speak)

    def await_reports(self, *monitors: Monitor) -> Ear:
        self.setup = replace(self.setup, policies=replace(self.setup.policies, monitors=monitors))
        self.polls = ()
        return Ear(self.store, self.setup)

    async def only(self) -> Incident:
        (found,) = await self.incidents()
        return found


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Listening]:
    here = Listening(tmp_path / "watch.db")
    await here.store.open()
    yield here
    await here.store.close()


async def test_a_source_that_answers_is_no_incident(watch: Listening) -> None:
    assert await watch.listen(30) == Judged()
    assert await watch.incidents() == []


async def test_a_source_that_does_not_answer_any_more_is_an_incident_and_ends_when_it_answers(
    watch: Listening,
) -> None:
    await watch.listen(5)
    heard = watch.clock.now()
    watch.poll.fault = DOWN
    assert await watch.listen(9) == Judged()
    assert await watch.listen(3) == Judged(fell_silent=1)
    incident = await watch.only()
    assert incident.route.phase is Phase.MONITORING
    assert incident.title == "MonitorSilent (unknown model)"
    assert "alertmanager has not said what fires since" in incident.summary
    assert incident.summary.endswith("UTC. Alertmanager does not answer.")
    assert abs(incident.started_at - heard) < minutes(1)
    assert await watch.posts(PostKind.PAGE)
    assert await watch.listen(60) == Judged()  # once, not each round
    watch.poll.fault = None
    assert await watch.listen(1) == Judged(speak_again=1)
    incident = await watch.only()
    assert (incident.status, incident.confirmed) == (Status.RESOLVED, True)
    assert "Resolution confirmed: it was heard of again" in (await watch.timeline(1, Kind.RESOLVED))[-1].text


async def test_a_source_that_never_answered_was_never_heard_of(watch: Listening) -> None:
    """The doctor says so; there is nothing that has changed."""
    watch.poll.fault = DOWN
    assert await watch.listen(30) == Judged()


async def test_the_bots_own_absence_is_nobodys_silence(watch: Listening) -> None:
    await watch.listen(5)
    watch.poll.fault = DOWN
    watch.clock.advance(timedelta(hours=8))
    await watch.restart()
    assert await watch.listen(9) == Judged()
    assert await watch.listen(3) == Judged(fell_silent=1)


async def test_a_restart_in_a_silence_does_not_hide_it(watch: Listening) -> None:
    await watch.listen(5)
    watch.poll.fault = DOWN
    await watch.listen(6)
    await watch.restart()
    assert await watch.listen(6) == Judged(fell_silent=1)
    await watch.restart()
    assert await watch.listen(6) == Judged()


async def test_one_that_falls_silent_again_reopens_its_incident(watch: Listening) -> None:
    await watch.listen(5)
    for _ in range(2):
        watch.poll.fault = DOWN
        await watch.listen(12)
        watch.poll.fault = None
        await watch.listen(2)
    assert ((await watch.only()).reopened, (await watch.only()).status) == (1, Status.RESOLVED)


async def test_an_adapter_that_fails_is_a_source_that_does_not_answer(watch: Listening) -> None:
    await watch.listen(5)
    watch.poll.fault = KeyError("labels")  # type: ignore[assignment]  # a fault in an adapter
    await watch.listen(12)
    assert (await watch.only()).summary.endswith("Asking it failed (KeyError).")


# ---------------------------------------------------------------- monitors that have to report


async def test_a_nightly_verdict_that_does_not_come_is_an_incident_of_its_model(watch: Listening) -> None:
    ear = watch.await_reports(Monitor("evidently", NIGHTLY, FRAUD))
    await watch.round()
    await ear.heard("evidently", [an_alert(watch.clock.now(), model=FRAUD)])
    assert await watch.listen_sparsely(25) == Judged()
    await ear.heard("evidently", [an_alert(watch.clock.now(), model="another")])  # says nothing about this one
    await ear.heard("grafana", [an_alert(watch.clock.now(), model=FRAUD)])
    assert await watch.listen_sparsely(2) == Judged(fell_silent=1)
    incident = await watch.only()
    assert (incident.model, incident.route.phase) == (FRAUD, Phase.MONITORING)
    assert "evidently has reported nothing about fraud-detector since" in incident.summary
    assert incident.summary.endswith("it has to at least every 26 h.")
    await ear.heard("evidently", [an_alert(watch.clock.now(), model=FRAUD)])
    assert await watch.round() == Judged(speak_again=1)
    assert (await watch.only()).confirmed


async def test_without_a_model_whatever_it_says_counts(watch: Listening) -> None:
    ear = watch.await_reports(Monitor("evidently", minutes(90)))
    await watch.round()
    await ear.heard("evidently", [])
    await watch.listen_sparsely(1)
    await ear.heard("evidently", [an_alert(watch.clock.now(), model="another")])
    assert await watch.listen_sparsely(1) == Judged()
    assert await watch.listen_sparsely(1) == Judged(fell_silent=1)
    assert (await watch.only()).summary.endswith("at least every 1 h 30 min.")


async def test_a_rule_that_was_removed_leaves_no_incident_open(watch: Listening) -> None:
    ear = watch.await_reports(Monitor("evidently", minutes(20)))
    await watch.round()
    await ear.heard("evidently", [])
    assert await watch.listen_sparsely(0.5) == Judged(fell_silent=1)
    watch.await_reports()
    assert await watch.round() == Judged(speak_again=1)
    assert (await watch.only()).status is Status.RESOLVED


async def test_sources_that_nobody_waits_for_cost_no_write(watch: Listening) -> None:
    ear = watch.await_reports()
    await watch.store.close()
    await ear.heard("evidently", [an_alert(watch.clock.now())])  # would fail
    await watch.store.open()


async def test_one_that_judges_rarely_is_not_taken_for_one_that_was_away(watch: Listening) -> None:
    ear = watch.await_reports(Monitor("evidently", minutes(50)))
    policies = replace(watch.setup.policies, reconcile_every=minutes(10))
    watch.setup = replace(watch.setup, policies=policies)
    await watch.round()
    await ear.heard("evidently", [])
    found = []
    for _ in range(6):
        watch.clock.advance(minutes(10))
        found.append((await watch.round()).fell_silent)
    assert found == [0, 0, 0, 0, 0, 1]
