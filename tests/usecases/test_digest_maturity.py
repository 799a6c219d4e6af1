"""The maturity digest claims nothing that rows and registries do not show, and says what would."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.alert import Direction, Drift, DriftKind
from bot.domain.errors import Unauthorized
from bot.domain.incident import Status
from bot.domain.maturity import Criterion, Finding, Judgement
from bot.domain.models import Change, LiveSpan, Verdict
from bot.domain.models import Evidence as Seen
from bot.domain.timeline import BOT, Draft, Kind
from bot.slack.blocks.replies import MESSAGE_BUDGET, _weight, reply_message
from bot.usecases import digest
from bot.usecases.digest import lineage, practice
from bot.usecases.digest.evidence import Evidence
from bot.usecases.reply import Reply, from_json, to_json
from bot.usecases.setup import Schedule
from tests.fakes.systems import down
from tests.usecases.world import DANA, FRAUD, World, shown

LINEAGE = {"git_commit": "5b1d0c7e", "data_version": "payments-2026-11", "pipeline_run": "train-fraud-144"}
CI = {"triggered_by": "push 5b1d0c7e", "tests_data": "passed", "tests_code": "passed", "validation_status": "approved"}


async def evidence(world: World) -> Sequence[Evidence]:
    return await digest.collect(world.systems, world.setup, world.store, world.clock)


async def judged(world: World, model: str = FRAUD) -> Mapping[Criterion, Judgement]:
    mine = next(one for one in await evidence(world) if one.binding.model == model)
    now = world.clock.now()
    found = await world.store.read(
        lambda tx: (*lineage.judge(tx, world.setup, mine, now), *practice.judge(tx, world.setup, mine, now))
    )
    assert len(found) == len({one.criterion for one in found}) == len(Criterion)
    assert all(one.evidence for one in found)
    return {one.criterion: one for one in found}


async def made(world: World) -> Reply:
    read, now = await evidence(world), world.clock.now()
    return await world.store.read(lambda tx: digest.maturity(tx, world.setup, read, now=now))


def findings(found: Mapping[Criterion, Judgement], *criteria: Criterion) -> list[Finding]:
    return [found[criterion].finding for criterion in criteria]


# ---------------------------------------------------------------- what the registry shows

FROM_TAGS = (Criterion.REGISTERED, Criterion.PIPELINE_RUN, Criterion.CODE_REVISION, Criterion.DATA_VERSION)


async def test_without_tags_nothing_of_the_lineage_is_known_and_it_is_said_what_would_prove_it(world: World) -> None:
    found = await judged(world)
    assert set(findings(found, *FROM_TAGS)) == {Finding.UNKNOWN}
    assert found[Criterion.CODE_REVISION].evidence == (
        "version 3 does not name the commit it was made from; a tag mlflow.source.git.commit or git_commit would prove it"
    )


async def test_tags_of_the_live_version_prove_its_lineage(world: World) -> None:
    world.registry.change(FRAUD, "3", tags=LINEAGE, url="http://mlflow/3")
    found = await judged(world)
    assert set(findings(found, *FROM_TAGS, Criterion.LAST_RUN)) == {Finding.PROVED}
    assert found[Criterion.DATA_VERSION].evidence == "version 3 has data_version payments-2026-11"
    assert found[Criterion.DATA_VERSION].url == "http://mlflow/3"


async def test_tags_of_a_version_that_is_not_live_prove_nothing(world: World) -> None:
    world.registry.change(FRAUD, "2", tags=LINEAGE)
    assert set(findings(await judged(world), *FROM_TAGS)) == {Finding.UNKNOWN}


async def test_an_empty_tag_proves_nothing(world: World) -> None:
    world.registry.change(FRAUD, "3", tags=dict.fromkeys(LINEAGE, " "))
    assert set(findings(await judged(world), *FROM_TAGS)) == {Finding.UNKNOWN}


async def test_an_alert_of_a_failed_run_outweighs_the_last_version(world: World) -> None:
    world.registry.change(FRAUD, "3", tags=LINEAGE)
    await world.fire("TrainingRunFailed")
    last = (await judged(world))[Criterion.LAST_RUN]
    assert last.finding is Finding.FAILED
    assert "TrainingRunFailed told of a failed run" in last.evidence


async def test_a_run_longer_ago_than_the_window_is_none(world: World) -> None:
    world.registry.change(FRAUD, "3", tags=LINEAGE)
    world.clock.advance(timedelta(days=91))
    assert (await judged(world))[Criterion.LAST_RUN].finding is Finding.UNKNOWN


@pytest.mark.parametrize(("tags", "finding"), [
    ({}, Finding.UNKNOWN),
    (CI, Finding.PROVED),
    ({**CI, "tests_code": "FAILED"}, Finding.FAILED),
    ({**CI, "tests_code": "perhaps"}, Finding.UNKNOWN),
    ({"validation_status": "approved"}, Finding.UNKNOWN),
])  # fmt: skip
async def test_tests_of_all_three_kinds_must_have_passed(
    world: World, tags: Mapping[str, str], finding: Finding
) -> None:
    world.registry.change(FRAUD, "3", tags=tags)
    assert (await judged(world))[Criterion.TESTED].finding is finding


@pytest.mark.parametrize(("trigger", "finding"), [
    ("push 5b1d0c7e", Finding.PROVED), ("new data", Finding.PROVED), ("schedule", Finding.FAILED), ("Dana", Finding.FAILED),
])  # fmt: skip
async def test_only_a_change_of_code_or_data_is_a_trigger(world: World, trigger: str, finding: Finding) -> None:
    world.registry.change(FRAUD, "3", tags={"triggered_by": trigger})
    assert (await judged(world))[Criterion.TRIGGERED].finding is finding


@pytest.mark.parametrize(
    ("scan", "finding"), [("passed", Finding.PROVED), ("failed", Finding.FAILED), ("?", Finding.UNKNOWN)]
)
async def test_a_scan_counts_by_its_result(world: World, scan: str, finding: Finding) -> None:
    world.registry.change(FRAUD, "3", tags={"security_scan": scan})
    assert (await judged(world))[Criterion.SCANNED].finding is finding


async def test_a_model_that_the_registry_does_not_have_fails(world: World) -> None:
    del world.registry.models[FRAUD]
    found = await judged(world)
    assert found[Criterion.REGISTERED].finding is Finding.FAILED
    assert set(findings(found, *FROM_TAGS[1:])) == {Finding.UNKNOWN}


async def test_an_alias_that_points_nowhere_fails(world: World) -> None:
    del world.registry.aliases[FRAUD, "champion"]
    assert (await judged(world))[Criterion.REGISTERED].evidence == "fraud-detector has no alias champion in registry"


@pytest.mark.parametrize("error", [down(), Unauthorized("The registry wants another token.", system="registry")])
async def test_a_registry_that_can_not_be_asked_leaves_it_unknown(world: World, error: Exception) -> None:
    for call in ("versions", "version", "resolve"):
        world.registry.faults.always(call, error)
    world.feed.faults.always("changes_since", error)
    found = await judged(world)
    assert set(findings(found, *FROM_TAGS, Criterion.LAST_RUN, Criterion.READY)) == {Finding.UNKNOWN}
    assert found[Criterion.REGISTERED].evidence == f"it could not be asked: {str(error).split('.')[0]}"


async def test_a_model_without_a_registry_is_unknown_and_it_is_said_where_to_name_one(world: World) -> None:
    found = await judged(world, "pricing")
    for criterion in (*FROM_TAGS, Criterion.READY):
        assert found[criterion].finding is Finding.UNKNOWN
    assert found[Criterion.REGISTERED].evidence == (
        "no registry is configured for it; models → registry in the configuration would tell where to look"
    )


async def test_a_registry_that_is_not_connected_is_no_crash(world: World) -> None:
    world.systems = replace(world.systems, registries={})
    assert (await judged(world))[Criterion.READY].evidence.startswith("registry is not connected")


# ---------------------------------------------------------------- what our rows show


async def test_monitors_count_when_both_kinds_have_reported(world: World) -> None:
    assert "no drift and no performance monitor" in (await judged(world))[Criterion.MONITORED].evidence
    drift = Drift(DriftKind.DATA, "psi", 0.31, 0.2, Direction.ABOVE)
    await world.fire("InputShift", drift=drift, url="http://evidently/r")
    half = (await judged(world))[Criterion.MONITORED]
    assert (half.finding, "no performance monitor" in half.evidence) == (Finding.UNKNOWN, True)
    await world.fire("ModelErrorRateHigh")
    whole = (await judged(world))[Criterion.MONITORED]
    assert (whole.finding, whole.url) == (Finding.PROVED, "http://evidently/r")


async def test_a_monitor_at_fault_or_in_a_drill_has_not_reported(world: World) -> None:
    await world.fire("ModelErrorRateHigh", monitoring_fault=True)
    assert (await judged(world))[Criterion.MONITORED].finding is Finding.UNKNOWN
    await world.fire("ModelFeatureDrift")
    number = await world.fire("ModelErrorRateHigh", fingerprint="other")
    await _change(world, number, drill=True)
    assert (await judged(world))[Criterion.MONITORED].finding is Finding.UNKNOWN


async def _change(world: World, number: int, **what: object) -> None:
    incident = replace(await world.incident(number), **what)
    await world.store.write(lambda tx: tx.incidents.save(incident))


async def _copies(world: World, number: int, count: int, **what: object) -> None:
    original = await world.incident(number)

    def decide(tx) -> None:
        for _ in range(count):
            copy = replace(original, number=tx.incidents.next_number(), **what)
            tx.incidents.add(copy)
            tx.timeline.append(copy.number, Draft(Kind.OPENED, "Opened.", BOT, tx.now))

    await world.store.write(decide)


@pytest.mark.parametrize(("without", "finding"), [(0, Finding.PROVED), (1, Finding.PROVED), (2, Finding.FAILED)])
async def test_nine_of_ten_alerts_need_an_owner_and_a_runbook(world: World, without: int, finding: Finding) -> None:
    number = await world.fire()
    await _copies(world, number, 9 - without)
    await _copies(world, number, without, runbook=None)
    owned = (await judged(world))[Criterion.OWNED]
    assert owned.finding is finding
    assert owned.evidence.startswith(f"{10 - without} of 10 alerts in 90 days")


async def test_a_declared_incident_is_no_alert(world: World) -> None:
    await _change(world, await world.fire(), source="declared", runbook=None)
    assert (await judged(world))[Criterion.OWNED].finding is Finding.UNKNOWN


@pytest.mark.parametrize(("minutes", "never", "finding"), [
    ((1, 4, 30), 0, Finding.PROVED),
    ((1, 6, 30), 0, Finding.FAILED),
    ((1,), 1, Finding.FAILED),
    ((1, 2), 1, Finding.PROVED),
    ((), 1, Finding.FAILED),
])  # fmt: skip
async def test_the_median_counts_and_never_is_longer_than_any_time(
    world: World, minutes: Sequence[int], never: int, finding: Finding
) -> None:
    number = await world.fire()
    opened = (await world.incident(number)).opened_at
    await _change(world, number, drill=True)
    for late in minutes:
        await _copies(world, number, 1, drill=False, acknowledged_at=opened + timedelta(minutes=late))
    await _copies(world, number, never, drill=False)
    world.clock.advance(timedelta(hours=1))
    found = (await judged(world))[Criterion.ACKNOWLEDGED]
    assert found.finding is finding, found.evidence
    assert ("never acknowledged" in found.evidence) is bool(never)


async def test_who_still_has_time_is_not_late(world: World) -> None:
    number = await world.fire()
    waiting = (await judged(world))[Criterion.ACKNOWLEDGED]
    assert waiting.finding is Finding.UNKNOWN
    assert waiting.evidence.startswith("1 incident is not acknowledged yet, target ")
    await _change(world, number, status=Status.RESOLVED, resolved_at=world.clock.now() + timedelta(minutes=1))
    world.clock.advance(timedelta(days=1))
    assert (await judged(world))[Criterion.ACKNOWLEDGED].finding is Finding.UNKNOWN


async def test_readiness_is_that_of_the_plan_a_person_would_get(world: World) -> None:
    await world.learn()
    ready = (await judged(world))[Criterion.READY]
    assert (ready.finding, ready.evidence) == (Finding.PROVED, "to version 2: all 5 checks pass")
    world.registry.change(FRAUD, "2", artifact_loadable=None)
    assert (await judged(world))[Criterion.READY].finding is Finding.UNKNOWN
    world.registry.change(FRAUD, "2", artifact_loadable=False)
    broken = (await judged(world))[Criterion.READY]
    assert broken.finding is Finding.FAILED
    assert "the registry has no artefact for this version" in broken.evidence


async def test_a_model_with_nothing_to_go_back_to_is_not_ready(world: World) -> None:
    await world.learn()
    ready = (await judged(world, "churn"))[Criterion.READY]
    assert ready.finding is Finding.FAILED
    assert "has a single version" in ready.evidence


async def test_collecting_evidence_changes_nothing(world: World) -> None:
    await world.learn()
    await evidence(world)
    assert world.registry.moves == []
    assert await world.operations() == []


async def test_a_change_that_nobody_recorded_is_named(world: World) -> None:
    await world.learn()
    assert (await judged(world))[Criterion.GOVERNED].finding is Finding.PROVED
    world.clock.advance(timedelta(days=1))
    world.registry.point(FRAUD, "champion", "2")
    world.clock.advance(timedelta(minutes=1))
    await world.learn()
    await world.learn()
    found = (await judged(world))[Criterion.GOVERNED]
    assert found.finding is Finding.FAILED
    assert "match neither an operation nor a recorded change: version 2 on 2026-11-24" in found.evidence


async def test_a_rollback_of_ours_is_a_governed_change(world: World) -> None:
    await world.approved()
    assert await world.carry_out()
    await world.learn()
    found = (await judged(world))[Criterion.GOVERNED]
    assert found.finding is Finding.PROVED, found.evidence


async def test_a_recorded_change_governs_what_follows_it_not_what_came_before(world: World) -> None:
    now = world.clock.now()
    span = LiveSpan(FRAUD, "production", "9", Seen.ANSWER, now, None, Verdict.UNKNOWN, cause="seen live")

    def decide(tx) -> None:
        tx.ledger.begin(replace(span, version="8", since=now - timedelta(days=2), until=now))
        tx.ledger.begin(span)
        tx.changes.add(Change(FRAUD, "promotion", "version 9 promoted", now + timedelta(minutes=5), "", "9"))

    await world.store.write(decide)
    assert (await judged(world))[Criterion.GOVERNED].finding is Finding.FAILED
    change = Change(FRAUD, "promotion", "version 9 promoted", now - timedelta(minutes=5), "", "9")
    await world.store.write(lambda tx: tx.changes.add(change))
    assert (await judged(world))[Criterion.GOVERNED].finding is Finding.PROVED


async def test_an_unseen_ledger_governs_nothing(world: World) -> None:
    assert (await judged(world))[Criterion.GOVERNED].finding is Finding.UNKNOWN


async def test_every_chain_of_the_model_is_verified(world: World) -> None:
    assert (await judged(world))[Criterion.INTACT].finding is Finding.UNKNOWN
    number = await world.fire()
    await _copies(world, number, 2)
    intact = (await judged(world))[Criterion.INTACT]
    assert intact.finding is Finding.PROVED
    assert intact.evidence.startswith("3 timelines with")


async def test_only_a_drill_whose_operation_succeeded_counts_as_recovery(world: World) -> None:
    number = await world.approved()
    assert await world.carry_out()
    assert (await judged(world))[Criterion.RECOVERED].finding is Finding.UNKNOWN
    about = (await world.operation(number)).incident
    assert about is not None
    await _change(world, about, drill=True)
    recovered = (await judged(world))[Criterion.RECOVERED]
    assert recovered.evidence == f"drill INC-{about}: OP-{number} succeeded on 2026-11-23"


# ---------------------------------------------------------------- the digest


async def test_the_level_is_that_of_the_lowest_model_and_every_model_says_what_would_raise_it(world: World) -> None:
    world.registry.change(FRAUD, "3", tags=LINEAGE)
    reply = await made(world)
    assert reply.title == "Maturity: level 0 of 4 (manual process), 3 production models"
    text = shown(reply)
    assert "2 at level 0, 1 at level 1. The team's level is the lowest of its production models'." in text
    assert "fraud-detector: level 1, pipeline automation" in text
    assert (
        "For level 2: runs started by commits or data changes: what started the run of version 3 is not recorded"
        in text
    )
    assert "1 ✓ code revision known: version 3 has git_commit 5b1d0c7e" in text
    assert text.index("churn: level 0") < text.index("pricing: level 0") < text.index("fraud-detector: level 1")
    assert "staging" not in text


async def test_without_a_model_there_is_no_level(world: World) -> None:
    world.setup = replace(world.setup, bindings=())
    assert (await made(world)).title == "Maturity: no production model is configured."


async def test_a_model_with_two_environments_in_production_is_two_lines(world: World) -> None:
    world.setup = replace(world.setup, bindings=tuple(replace(b, production=True) for b in world.setup.bindings))
    text = shown(await made(world))
    assert "fraud-detector (production): level 0" in text
    assert "fraud-detector (staging): level 0" in text


async def test_everything_down_is_a_digest_not_a_crash(world: World) -> None:
    for call in ("versions", "version", "resolve"):
        world.registry.faults.always(call, down())
    world.serving.faults.always("observe", down("serving"))
    world.feed.faults.always("changes_since", down())
    reply = await made(world)
    assert reply.ok
    assert "it could not be asked: The registry does not answer" in shown(reply)


async def test_it_fits_into_a_message_with_many_models(world: World) -> None:
    fraud = world.setup.bindings[0]
    many = tuple(replace(fraud, model=f"model-{n}") for n in range(40))
    world.setup = replace(world.setup, bindings=many)
    reply = await made(world)
    assert "40 production models" in reply.title
    message = reply_message(reply, world.setup)
    assert len(message.blocks) <= 50
    assert sum(_weight(block) for block in message.blocks) <= MESSAGE_BUDGET + 100
    assert "more parts did not fit" in str(message.blocks[-1])
    assert "model-0: level 0" in str(message.blocks)


async def test_it_is_kept_and_read_again_as_it_is(world: World) -> None:
    reply = await made(world)
    again = from_json(to_json(reply))
    assert (again.title, list(again.parts)) == (reply.title, list(reply.parts))


# ---------------------------------------------------------------- posting


async def post(world: World, kind: str, reply: Reply) -> None:
    tick = world.clock.now()
    await world.store.write(lambda tx: digest.post(tx, world.setup, kind, reply, tick))


async def test_the_trend_is_against_the_last_posted_digest_not_the_last_printed(world: World) -> None:
    world.setup = replace(world.setup, bindings=world.setup.bindings[:1])
    await post(world, "maturity", await made(world))
    world.clock.advance(timedelta(days=7))
    world.registry.change(FRAUD, "3", tags=LINEAGE)
    for _ in range(2):
        reply = await made(world)
        assert (
            reply.title == "Maturity: level 1 of 4 (pipeline automation), 1 production model, up from 0 on 2026-11-23"
        )
    await post(world, "maturity", reply)
    world.clock.advance(timedelta(days=7))
    assert (await made(world)).title.endswith("1 production model, as on 2026-11-30")
    world.registry.change(FRAUD, "3", tags={})
    assert "down from 1 on 2026-11-30" in shown(await made(world))


async def test_what_another_version_remembered_is_no_trend_and_no_crash(world: World) -> None:
    await world.store.write(lambda tx: tx.keys.put("maturity", "last posted", '{"levels": 3}'))
    assert " from " not in (await made(world)).title


async def test_a_digest_is_posted_once_a_tick_in_the_channel_of_its_schedule(world: World) -> None:
    world.setup = replace(world.setup, digests={"daily": Schedule("0 8 * * *", "Pacific/Auckland", "#ops-digest")})
    reply = await world.store.read(lambda tx: digest.daily(tx, world.setup, now=tx.now))
    await post(world, "daily", reply)
    await post(world, "daily", reply)
    found = await world.post("digest:daily:2026-11-23")
    assert (found.channel, found.wanted, found.shown, found.body) == ("#ops-digest", 1, 0, to_json(reply))
    world.clock.advance(timedelta(hours=8))
    await post(world, "daily", reply)
    assert await world.post("digest:daily:2026-11-24") is not None


async def test_a_later_digest_of_the_day_edits_the_message_in_the_default_channel(world: World) -> None:
    await post(world, "maturity", await made(world))
    world.clock.advance(60)
    await world.fire()
    await post(world, "maturity", later := await made(world))
    found = await world.post("digest:maturity:2026-11-23")
    assert (found.channel, found.wanted, found.body) == ("#ml-incidents", 2, to_json(later))


async def test_two_replicas_at_one_tick_make_one_digest(world: World) -> None:
    tick = world.clock.now()
    for _ in range(2):
        await world.clockwork.daily_digest(tick, lambda tx: tx.jobs.claim("digest:daily", tick))
        await world.clockwork.maturity_digest(tick, lambda tx: tx.jobs.claim("digest:maturity", tick))
    for kind in ("daily", "maturity"):
        found = await world.post(f"digest:{kind}:2026-11-23")
        assert (found is None) or found.wanted == 1


async def test_both_are_made_by_command(world: World) -> None:
    assert "Daily digest" in shown(await world.say("digest daily", DANA))
    assert "Maturity: level 0" in shown(await world.say("digest maturity", DANA))
    assert not (await world.say("digest weekly", DANA)).ok
