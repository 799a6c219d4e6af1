"""One problem, one incident: what repeated, late and out-of-order deliveries do to it (P3, P4)."""

import asyncio
import hashlib
from dataclasses import replace

from bot.domain.alert import Direction, Drift, DriftKind, FeatureDrift, Reading
from bot.domain.incident import Status
from bot.domain.post import PostKind
from bot.domain.routing import Phase
from bot.domain.severity import Severity
from bot.domain.timeline import Kind
from bot.slack.blocks.card import card
from bot.usecases.fold import Receipt
from tests.usecases.ingest_world import FRAUD, Watch, an_alert, minutes, over
from tests.usecases.world import MIKA

# ---------------------------------------------------------------- one problem, one incident


async def test_an_alert_opens_an_incident_with_card_pages_and_reasons(watch: Watch) -> None:
    alert = an_alert(watch.start, url="http://prometheus.example/graph")
    receipt = await watch.send(alert, body=b"the body")
    assert receipt == Receipt(opened=1, incidents=(1,))
    incident = await watch.incident()
    assert (incident.ref, incident.title) == ("INC-1", f"ModelErrorRateHigh on {FRAUD}")
    assert (incident.status, incident.severity) == (Status.OPEN, Severity.SEV2)
    assert (incident.model, incident.environment, incident.alerts_firing, incident.alerts_seen) == (
        FRAUD,
        "production",
        1,
        1,
    )
    assert incident.started_at == alert.starts_at
    assert incident.route.phase is Phase.DEPLOYMENT
    kinds = [entry.kind for entry in await watch.timeline()]
    assert kinds[:3] == [Kind.OPENED, Kind.ALERT_FIRED, Kind.ROUTED]
    assert set(kinds[3:]) == {Kind.PAGED}
    opened, fired = (await watch.timeline())[:2]
    assert opened.evidence == f"sha256:{hashlib.sha256(b'the body').hexdigest()}"
    assert (fired.happened_at, fired.learned_at) == (alert.starts_at, watch.clock.now())
    assert fired.evidence == alert.url
    assert [post.key for post in await watch.posts(PostKind.CARD)] == ["card:1"]
    assert {post.body for post in await watch.posts(PostKind.PAGE)} == {a.person for a in incident.route.responsible}
    assert watch.nudges == 1


async def test_a_second_alert_of_the_same_model_joins_and_the_card_is_edited(watch: Watch) -> None:
    await watch.send(an_alert(watch.start))
    before = await watch.incident()
    receipt = await watch.send(an_alert(watch.start, "ModelLatencyHigh"))
    assert (receipt.opened, receipt.joined, receipt.incidents) == (0, 1, (1,))
    after = await watch.incident()
    assert after.revision > before.revision
    assert (after.alerts_firing, after.alerts_seen) == (2, 2)
    (card,) = await watch.posts(PostKind.CARD)
    assert card.wanted > 1
    assert {alert.name for alert in (await watch.view()).alerts} == {"ModelErrorRateHigh", "ModelLatencyHigh"}
    assert len(await watch.timeline(1, Kind.ALERT_FIRED)) == 2


async def test_a_worse_alert_that_joins_is_shown_as_worse(watch: Watch) -> None:
    await watch.send(an_alert(watch.start, severity="warning"))
    assert (await watch.view()).worse is None
    await watch.send(an_alert(watch.start, "ModelLatencyHigh", severity="critical"))
    assert ((await watch.incident()).severity, (await watch.view()).worse) == (Severity.SEV3, Severity.SEV1)


async def test_different_models_and_environments_are_different_incidents(watch: Watch) -> None:
    staging = an_alert(watch.start, fingerprint="s", labels={"model": FRAUD, "environment": "staging"})
    receipt = await watch.send(an_alert(watch.start), an_alert(watch.start, model="churn"), staging)
    assert receipt.opened == 3
    assert {(i.model, i.environment) for i in await watch.incidents()} == {
        (FRAUD, "production"), ("churn", "production"), (FRAUD, "staging"),
    }  # fmt: skip


async def test_an_unknown_model_is_said_and_never_guessed(watch: Watch) -> None:
    await watch.send(an_alert(watch.start, "NodeDiskFull", model=None, severity="on fire"))
    incident = await watch.incident()
    assert incident.title == "NodeDiskFull (unknown model)"
    assert (incident.model, incident.subject_why) == (None, "none of its labels names a model")
    assert (incident.severity, incident.severity_why) == (
        Severity.SEV3,
        "label severity=on fire is not in the severity map",
    )
    await watch.send(an_alert(watch.start, model="from-nowhere"))
    assert (await watch.incident(2)).subject_why == "label model; this model is not in the configuration"


async def test_a_drift_verdict_is_kept_as_a_value_and_chooses_the_phase(watch: Watch) -> None:
    features = (FeatureDrift("amount", 0.42, 0.2, drifted=True), FeatureDrift("country", 0.1, 0.2, drifted=False))
    drift = Drift(DriftKind.DATA, "psi", 0.42, 0.2, Direction.ABOVE, features, sample_size=5_000)
    await watch.send(an_alert(watch.start, "DataDrift", drift=drift, labels={"model": FRAUD, "feature": "amount"}))
    view = await watch.view()
    assert view.incident.route.phase is Phase.RETRAINING
    assert "data drift verdict" in view.incident.route.why
    reading = view.incident.reading
    assert reading is not None
    assert (reading.metric, reading.value, reading.threshold, reading.direction) == ("psi", 0.42, 0.2, Direction.ABOVE)
    assert view.alerts[0].drift == drift
    assert view.incident.feature == "amount"


# ---------------------------------------------------------------- repeated, late, out of order


async def test_repeats_refresh_and_change_nothing_that_is_shown(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    before, entries, (card,) = await watch.incident(), await watch.timeline(), await watch.posts(PostKind.CARD)
    for _ in range(4):
        watch.clock.advance(60)
        assert (await watch.send(alert)).refreshed == 1
    assert await watch.incident() == before
    assert await watch.timeline() == entries
    assert await watch.posts(PostKind.CARD) == [card]
    (episode,) = await watch.store.read(lambda tx: tx.episodes.firing_of(1))
    assert (episode.deliveries, episode.last_seen) == (5, watch.clock.now())
    assert watch.nudges == 1
    assert await watch.store.read(lambda tx: tx.deliveries.count()) == 5


async def test_the_same_deliveries_five_times_across_a_restart_have_one_effect(watch: Watch) -> None:
    first, second = an_alert(watch.start), an_alert(watch.start, "ModelLatencyHigh", severity="critical")
    story = [(first,), (first, second), (over(first), second), (over(first), over(second))]
    for alerts in story:
        await watch.send(*alerts)
    incident, entries = await watch.incident(), await watch.timeline()
    pages = await watch.posts(PostKind.PAGE)
    for _ in range(4):
        await watch.restart()
        for alerts in story:
            assert (await watch.send(*alerts)).incidents == ()
    assert await watch.incident() == incident
    assert await watch.timeline() == entries
    assert await watch.posts(PostKind.PAGE) == pages
    assert incident.status is Status.RESOLVED


async def test_forty_equal_deliveries_at_once_open_one_incident(watch: Watch) -> None:
    alert = an_alert(watch.start)
    receipts = await asyncio.gather(*(watch.send(alert) for _ in range(40)))
    assert sorted((r.opened, r.refreshed) for r in receipts) == [(0, 1)] * 39 + [(1, 0)]
    assert len(await watch.incidents()) == 1
    assert len(await watch.timeline(1, Kind.OPENED)) == 1


async def test_forty_different_alerts_of_one_model_at_once_open_one_incident(watch: Watch) -> None:
    alerts = [an_alert(watch.start, f"Alert{n}") for n in range(40)]
    receipts = await asyncio.gather(*(watch.send(alert) for alert in alerts))
    assert sum(r.opened for r in receipts) == 1
    assert sum(r.joined for r in receipts) == 39
    assert (await watch.incident()).alerts_firing == 40


async def test_a_stale_firing_after_its_resolution_is_recorded_only(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    await watch.send(over(alert))
    entries = await watch.timeline()
    receipt = await watch.send(alert)
    assert (receipt.ignored, receipt.incidents) == (1, ())
    assert (await watch.incident()).status is Status.RESOLVED
    assert await watch.timeline() == entries


async def test_one_that_is_older_than_what_is_known_is_over(watch: Watch) -> None:
    """Nobody would ever tell that it ended: its end was told, or lost, before the newer one began."""
    older, newer = an_alert(watch.start), an_alert(watch.start + minutes(1))
    await watch.send(newer)
    await watch.send(older)
    firing = await watch.store.read(lambda tx: [e.starts_at for e in tx.episodes.firing_from("alertmanager")])
    assert firing == [newer.starts_at]
    assert (await watch.send(older)).ignored == 1
    assert (await watch.incident()).alerts_firing == 1


async def test_a_repeated_resolution_is_a_no_op(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    await watch.send(over(alert))
    before = await watch.incident()
    assert (await watch.send(over(alert))).ignored == 1
    assert await watch.incident() == before


async def test_resolved_without_firing_opens_nothing_and_its_late_firing_neither(watch: Watch) -> None:
    alert = an_alert(watch.start)
    assert (await watch.send(over(alert))).ignored == 1
    assert (await watch.send(alert)).ignored == 1
    assert await watch.incidents() == []
    newer = replace(alert, starts_at=alert.starts_at + minutes(1))
    assert (await watch.send(newer)).opened == 1


async def test_an_older_start_than_what_fires_is_recorded_only(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    older = replace(alert, starts_at=alert.starts_at - minutes(30))
    assert (await watch.send(older)).ignored == 1
    assert (await watch.send(over(older))).incidents == ()
    assert (await watch.incident()).alerts_firing == 1


async def test_the_late_end_of_an_older_start_does_not_end_what_fires_now(watch: Watch) -> None:
    """Its monitor was restarted and named a new start; the old start's end was delivered afterwards."""
    old = an_alert(watch.start)
    new = replace(old, starts_at=old.starts_at + minutes(1))
    await watch.send(old)
    assert (await watch.send(new)).refreshed == 1
    assert (await watch.send(over(old))).ignored == 1
    incident = await watch.incident()
    assert (incident.status, incident.alerts_firing) == (Status.OPEN, 1)
    assert (await watch.send(over(new))).resolved == 1
    assert (await watch.incident()).status is Status.RESOLVED


async def test_verdicts_that_arrive_late_do_not_bring_back_what_a_newer_one_ended(watch: Watch) -> None:
    """A drift monitor names a new start with every verdict."""
    first = an_alert(watch.start, "DataDrift")
    second = replace(first, starts_at=first.starts_at + minutes(1))
    none_any_more = over(replace(first, starts_at=first.starts_at + minutes(2)))
    await watch.send(first)
    await watch.send(none_any_more)
    assert (await watch.incident()).status is Status.RESOLVED
    assert (await watch.send(second)).ignored == 1
    assert (await watch.incident()).status is Status.RESOLVED


async def test_an_alert_twice_in_one_body_counts_once(watch: Watch) -> None:
    alert = an_alert(watch.start)
    receipt = await watch.send(alert, alert, over(alert))
    assert (receipt.opened, receipt.refreshed, receipt.resolved) == (1, 1, 1)
    assert (await watch.incident()).status is Status.RESOLVED


# ---------------------------------------------------------------- the end, and back again


async def test_it_ends_when_the_last_alert_ends_and_says_that_nothing_confirmed_it(watch: Watch) -> None:
    first, second = an_alert(watch.start), an_alert(watch.start, "ModelLatencyHigh")
    await watch.send(first, second)
    await watch.send(over(first))
    assert (await watch.incident()).status is Status.OPEN
    await watch.send(over(second))
    incident = await watch.incident()
    assert (incident.status, incident.confirmed, incident.resolved_by) == (Status.RESOLVED, False, "alertmanager")
    (resolved,) = await watch.timeline(1, Kind.RESOLVED)
    assert resolved.text.startswith("Resolved (unconfirmed): alertmanager says")
    ended = await watch.timeline(1, Kind.ALERT_RESOLVED)
    assert [e.happened_at for e in ended] == [first.starts_at + minutes(3)] * 2
    assert await watch.pass_time(60) == 0
    informed = {a.person for a in incident.route.informed}
    assert {post.body for post in await watch.posts(PostKind.SUMMARY)} == informed


async def test_it_is_reopened_within_the_time_and_a_new_incident_after_it(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    await watch.send(over(alert))
    watch.clock.advance(minutes(29))
    again = replace(alert, starts_at=watch.clock.now())
    assert (await watch.send(again)).joined == 1
    incident = await watch.incident()
    assert (incident.status, incident.reopened, incident.resolved_at) == (Status.OPEN, 1, None)
    assert (await watch.timeline(1, Kind.REOPENED))[0].text == "Reopened: ModelErrorRateHigh fires again"
    await watch.send(over(again))
    watch.clock.advance(minutes(31))
    assert (await watch.send(replace(alert, starts_at=watch.clock.now()))).opened == 1
    assert [i.number for i in await watch.incidents()] == [2, 1]


async def test_an_alert_that_flaps_reopens_one_incident_and_its_card_counts(watch: Watch) -> None:
    for _ in range(6):
        alert = an_alert(watch.clock.now())
        await watch.send(alert)
        watch.clock.advance(minutes(1))
        await watch.send(over(alert))
        watch.clock.advance(minutes(4))
    (incident,) = await watch.incidents()
    assert (incident.reopened, incident.status) == (5, Status.RESOLVED)
    assert len(await watch.posts(PostKind.CARD)) == 1
    assert "reopened 5 ×" in str(card(await watch.view()).blocks)


async def test_another_alert_that_reopens_is_not_said_to_fire_again(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    await watch.send(over(alert))
    await watch.send(an_alert(watch.start, "ModelLatencyHigh"))
    (entry,) = await watch.timeline(1, Kind.REOPENED)
    assert entry.text == "Reopened: ModelLatencyHigh fires, soon after it was resolved"


async def test_what_comes_back_shows_what_is_measured_now(watch: Watch) -> None:
    alert = an_alert(watch.start, reading=Reading("error ratio", 0.31, 0.05))
    await watch.send(alert)
    await watch.send(over(alert))
    await watch.send(replace(alert, starts_at=watch.clock.now(), reading=Reading("error ratio", 0.52, 0.05)))
    assert (await watch.incident()).reading == Reading("error ratio", 0.52, 0.05)


async def test_who_is_responsible_is_paged_anew_when_it_comes_back(watch: Watch) -> None:
    """A message that is edited wakes nobody."""
    alert = an_alert(watch.start)
    await watch.send(alert)
    first = {post.key for post in await watch.posts(PostKind.PAGE)}
    await watch.send(over(alert))
    await watch.send(replace(alert, starts_at=watch.clock.now()))
    both = await watch.posts(PostKind.PAGE)
    assert len(both) == 2 * len(first)
    assert {post.body for post in both if post.key not in first} == {post.body for post in both if post.key in first}


async def test_what_people_ended_comes_back_when_it_fires_anew_but_not_when_it_just_goes_on(watch: Watch) -> None:
    alert = an_alert(watch.start)
    await watch.send(alert)
    assert (await watch.desk.command("ack INC-1", MIKA)).ok
    assert (await watch.desk.command("resolve INC-1", MIKA)).ok
    assert (await watch.send(alert)).refreshed == 1
    assert (await watch.incident()).status is Status.RESOLVED
    watch.clock.advance(60)
    assert (await watch.send(replace(alert, starts_at=watch.clock.now()))).joined == 1
    incident = await watch.incident()
    assert (incident.status, incident.alerts_firing) == (Status.OPEN, 1)


async def test_a_lost_end_does_not_swallow_the_next_time(watch: Watch) -> None:
    """The end was never delivered; a person resolved it; weeks later it fires anew and must open an incident."""
    alert = an_alert(watch.start)
    await watch.send(alert)
    await watch.desk.command("ack INC-1", MIKA)
    await watch.desk.command("resolve INC-1", MIKA)
    watch.clock.advance(minutes(60 * 24 * 14))
    again = replace(alert, starts_at=watch.clock.now())
    assert (await watch.send(again)).opened == 1
    assert (await watch.incident(2)).alerts_firing == 1
    await watch.send(over(again))
    assert (await watch.incident(2)).status is Status.RESOLVED


# ---------------------------------------------------------------- worse, and many


async def test_a_worse_alert_is_mentioned_and_pages_once_and_changes_no_severity(watch: Watch) -> None:
    await watch.send(an_alert(watch.start, severity="warning"))
    await watch.desk.command("ack INC-1", MIKA)
    before = {post.key for post in await watch.posts(PostKind.PAGE)}
    await watch.send(*(an_alert(watch.start, f"Worse{n}", severity="critical") for n in range(3)))
    assert (await watch.incident()).severity is Severity.SEV3
    (note,) = await watch.timeline(1, Kind.NOTE)
    assert note.text == (
        "Worse0 speaks for sev1 (label severity=critical); the incident stays sev3 until a person changes it."
    )
    new = [post for post in await watch.posts(PostKind.PAGE) if post.key not in before]
    responsible = {a.person for a in (await watch.incident()).route.responsible}
    assert {post.body for post in new} == responsible | {MIKA.id}
    assert {post.wanted for post in new} == {1}


async def test_worse_alerts_do_not_put_off_the_escalation(watch: Watch) -> None:
    await watch.send(an_alert(watch.start, severity="info"))
    for n, severity in enumerate(("warning", "high", "critical")):
        assert await watch.pass_time(1) == 0
        await watch.send(an_alert(watch.start, f"Worse{n}", severity=severity))
    assert await watch.pass_time(2) == 1


async def test_a_storm_in_one_body_is_one_incident_a_few_entries_and_a_count(watch: Watch) -> None:
    alerts = [an_alert(watch.start, f"Alert{n % 7}", fingerprint=f"f{n}", severity="critical") for n in range(1_000)]
    receipt = await watch.send(*alerts)
    assert (receipt.opened, receipt.joined) == (1, 999)
    incident = await watch.incident()
    assert (incident.alerts_firing, incident.alerts_seen) == (1_000, 1_000)
    assert len(await watch.timeline(1, Kind.ALERT_FIRED)) == 20
    assert await watch.pass_time(1 / 6) == 1
    told = (await watch.timeline(1, Kind.ALERT_FIRED))[-1]
    assert told.text.startswith("980 more alerts fired since ")
    assert told.text.endswith(
        "1000 were seen in all, the newest Alert5, Alert4, Alert3, Alert2, Alert1 and 2 other names."
    )
    assert told.evidence.startswith("sha256:")
    assert await watch.pass_time(1 / 6) == 0
    assert (await watch.send(*(over(a) for a in alerts))).resolved == 1_000
    assert len(await watch.timeline(1, Kind.ALERT_RESOLVED)) == 21
    assert "980 were resolved since" in (await watch.timeline(1, Kind.ALERT_RESOLVED))[-1].text
    assert (await watch.incident()).status is Status.RESOLVED
    assert await watch.pass_time(1 / 6) == 0


async def test_hostile_text_is_kept_bounded_and_breaks_nothing(watch: Watch) -> None:
    hostile = "<!channel>\n*bold* \x00\ud800 " + "A" * 20_000
    labels = {"model": hostile, "severity": hostile, hostile: hostile}
    await watch.send(
        an_alert(watch.start, hostile, labels=labels, fingerprint=hostile, annotations={"summary": hostile})
    )
    incident = await watch.incident()
    assert incident.model is None
    assert len(incident.title) < 200
    assert "\n" not in incident.title
    assert all(len(entry.text) < 9_000 for entry in await watch.timeline())
    assert (await watch.send(an_alert(watch.start, hostile, labels=labels, fingerprint=hostile))).refreshed == 1
