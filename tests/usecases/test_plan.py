"""Asking for a rollback: the plan says what is true, what will be sent and what forbids it; nothing is ever guessed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import Unauthorized
from bot.domain.models import Column, Propagation, Signature, Verdict, VersionStatus
from bot.domain.operation import OperationState
from bot.domain.plan import CheckResult
from bot.domain.timeline import Kind
from bot.ports.manifest import Guarantees
from bot.usecases.reply import Tone
from tests.fakes.systems import SIGNATURE, down, model_version
from tests.usecases.test_respond import thread_of
from tests.usecases.world import DEVI, FRAUD, MIKA, PAULA, World, a_setup, shown


async def asked(world: World, text: str = f"rollback {FRAUD}"):
    """The plan of the operation that was asked for."""
    await world.learn()
    return (await world.operation(await world.request(MIKA, text))).plan


async def refused(world: World, text: str = f"rollback {FRAUD}", tone: Tone = Tone.REFUSED) -> str:
    """What is said instead of a plan; nothing was planned, changed or asked of anybody."""
    await world.learn()
    reply = await world.say(text, MIKA)
    assert reply.tone is tone, shown(reply)
    assert not [o for o in await world.operations() if not o.state.final]
    assert not world.registry.our_moves
    assert "Nothing was" in shown(reply)
    return shown(reply)


async def test_the_previous_good_version_comes_from_the_ledger(world: World) -> None:
    plan = await asked(world)
    assert (plan.move.now.version, plan.move.target.version) == ("3", "2")
    assert plan.move.target_why.startswith("the version before: live from 2026-10-14")
    assert plan.move.current is not None
    assert (plan.move.current.metrics["auc"], plan.move.target.metrics["auc"]) == (0.94, 0.93)
    assert [check.result for check in plan.checks] == [CheckResult.PASS] * 5
    assert [(call.method, call.body) for call in plan.calls] == [
        ("POST", '{"name": "fraud-detector", "alias": "champion", "version": "2"}')
    ]
    assert plan.cannot == ("It has no compare-and-set.",)
    assert plan.undo == "The same way back: champion → version 3."


@pytest.mark.parametrize(("verdict", "result", "says"), [
    (Verdict.UNKNOWN, CheckResult.PASS, "; whether it was healthy is not known (ledger)"),
    (Verdict.HEALTHY, CheckResult.PASS, ", healthy (ledger)"),
    (Verdict.UNHEALTHY, CheckResult.WARN, ", unhealthy (ledger)"),
])  # fmt: skip
async def test_a_version_is_called_healthy_only_when_it_is_known_to_be(
    world: World, verdict: Verdict, result: CheckResult, says: str
) -> None:
    await world.learn()

    def relive(tx) -> None:
        _, second, third = tx.ledger.spans(FRAUD, "production")
        tx.ledger.end(FRAUD, "production", tx.now)
        tx.ledger.begin(replace(second, since=tx.now, until=None, verdict=verdict))
        tx.ledger.end(FRAUD, "production", tx.now + timedelta(minutes=1))
        tx.ledger.begin(replace(third, since=tx.now + timedelta(minutes=1), until=None))

    await world.store.write(relive)
    plan = (await world.operation(await world.request(MIKA, f"rollback {FRAUD} --to 2"))).plan
    check = next(check for check in plan.checks if check.name == "was live before")
    assert check.result is result
    assert check.evidence.endswith(says)


async def test_a_version_that_was_bad_is_passed_over(world: World) -> None:
    await world.learn()

    def condemn(tx) -> None:
        spans = tx.ledger.spans(FRAUD, "production")
        assert [span.version for span in spans] == ["1", "2", "3"]
        tx.ledger.end(FRAUD, "production", tx.now)
        tx.ledger.begin(replace(spans[1], since=tx.now, until=None))
        tx.ledger.judge(FRAUD, "production", Verdict.UNHEALTHY, 7)
        tx.ledger.end(FRAUD, "production", tx.now)
        tx.ledger.begin(replace(spans[2], since=tx.now, until=None))

    await world.store.write(condemn)
    number = await world.request(MIKA)
    plan = (await world.operation(number)).plan
    assert plan.move.target.version == "1"
    assert plan.move.target_why.startswith("an earlier version: live from")
    assert plan.move.target_why.endswith("; no incident is known about it (ledger)")


@pytest.mark.parametrize("word", ["1", "v1", "V1"])
async def test_a_named_version(world: World, word: str) -> None:
    plan = await asked(world, f"rollback {FRAUD} --to {word}")
    assert plan.move.target.version == "1"
    assert plan.move.target_why.startswith("asked for; live from")


async def test_a_version_that_was_never_live_is_minded(world: World) -> None:
    world.registry.register(FRAUD, model_version(FRAUD, "4", world.clock.now()))
    plan = await asked(world, f"rollback {FRAUD} --to 4")
    minded = {check.name: check.evidence for check in plan.checks if check.result is CheckResult.WARN}
    assert minded == {"was live before": "the ledger has never seen it live"}


async def test_a_version_that_is_not_there(world: World) -> None:
    text = await refused(world, f"rollback {FRAUD} --to 9")
    assert "has no version 9" in text
    assert "It has: 3, 2, 1." in text


async def test_the_version_that_is_live(world: World) -> None:
    assert "Version 3 is the live one already." in await refused(world, f"rollback {FRAUD} --to 3")


async def test_a_model_with_a_single_version(world: World) -> None:
    assert "single version (1); there is nothing to roll back to" in await refused(world, "rollback churn")


async def test_a_model_that_is_not_configured(world: World) -> None:
    text = await refused(world, "rollback ghost")
    assert "The model ghost is not in the configuration." in text
    assert FRAUD in text


async def test_a_model_without_a_registry(world: World) -> None:
    assert "pricing has no registry pointer" in await refused(world, "rollback pricing")


async def test_an_alias_that_is_gone(world: World) -> None:
    del world.registry.aliases[FRAUD, "champion"]
    assert "has no alias champion" in await refused(world)


async def test_a_ledger_that_knows_nothing_does_not_guess(world: World) -> None:
    world.feed.changes.clear()
    text = await refused(world)
    assert "so none is guessed" in text
    assert f"/mlops rollback {FRAUD} --to VERSION (it has 2, 1)" in text


async def test_the_registry_is_down(world: World) -> None:
    await world.learn()
    world.registry.faults.always("versions", down())
    text = await refused(world, tone=Tone.FAULT)
    assert "The registry does not answer." in text


async def test_the_registry_wants_other_credentials(world: World) -> None:
    error = Unauthorized("The token was refused.", next_step="Set a new one.", not_done="Nothing was read.")
    world.registry.faults.always("versions", error)
    assert "Set a new one." in await refused(world, tone=Tone.FAULT)


async def test_the_serving_side_is_silent(world: World) -> None:
    await world.learn()
    world.serving.faults.always("observe", down("serving"))
    plan = (await world.operation(await world.request())).plan
    silent = next(check for check in plan.checks if check.name == "serving: fraud")
    assert silent.result is CheckResult.WARN
    assert "The serving does not answer. The result could not be confirmed." in silent.evidence


async def test_the_serving_side_answers_with_another_version(world: World) -> None:
    world.serving.endpoints["fraud"].follows = False
    world.serving.endpoints["fraud"].version = "2"
    plan = await asked(world, f"rollback {FRAUD} --to 1")
    check = next(check for check in plan.checks if check.name == "serving: fraud")
    assert check.result is CheckResult.WARN
    assert check.evidence == "it answers with version 2, the registry points at 3"


@pytest.mark.parametrize(
    ("signature", "evidence"),
    [
        (Signature((*SIGNATURE.inputs, Column("merchant_id", "string")), SIGNATURE.outputs), "it needs merchant_id"),
        (Signature((Column("amount", "string"), SIGNATURE.inputs[1]), SIGNATURE.outputs), "amount becomes string"),
        (Signature(SIGNATURE.inputs, (Column("score", "string"),)), "its outputs differ"),
    ],
    ids=["a new input", "another type", "other outputs"],
)
async def test_callers_could_not_use_it(world: World, signature: Signature, evidence: str) -> None:
    world.registry.change(FRAUD, "2", signature=signature)
    text = await refused(world)
    assert "is not safe" in text
    assert evidence in text
    assert f"/mlops rollback {FRAUD} --to VERSION" in text


async def test_a_blocked_plan_is_on_record_and_nobody_is_asked(world: World) -> None:
    number = await world.fire()
    world.registry.change(FRAUD, "2", artifact_loadable=False)
    assert "no artefact" in await refused(world)
    assert "Its checks forbid it" in (await world.timeline(number, Kind.REFUSAL))[0].text
    assert await world.post("ask:1:devi") is None


@pytest.mark.parametrize("status", [VersionStatus.ARCHIVED, VersionStatus.FAILED, VersionStatus.PENDING])
async def test_a_version_that_can_not_be_used(world: World, status: VersionStatus) -> None:
    world.registry.change(FRAUD, "2", status=status)
    assert f"the registry says {status.value}" in await refused(world)


async def test_what_could_not_be_looked_at_is_minded_not_forbidden(world: World) -> None:
    world.registry.change(FRAUD, "2", signature=None, artifact_loadable=None)
    plan = await asked(world)
    assert [c.name for c in plan.checks if c.result is CheckResult.WARN] == [
        "artefact is there", "callers can use it unchanged",
    ]  # fmt: skip


async def test_the_incident_decides_about_the_environment(world: World) -> None:
    labels = {"model": FRAUD, "environment": "staging", "severity": "high"}
    number = await world.fire(labels=labels)
    await world.learn()
    reply = await world.press("incident.rollback", f"INC-{number}", MIKA)
    assert reply.ok, shown(reply)
    operation = (await world.operations())[0]
    assert (operation.environment, operation.incident) == ("staging", number)
    assert '"alias": "candidate"' in operation.plan.calls[0].body


async def test_an_environment_that_is_not_configured_is_minded(world: World) -> None:
    labels = {"model": FRAUD, "environment": "canary", "severity": "high"}
    number = await world.fire(labels=labels)
    plan = await asked(world, f"rollback {FRAUD} --incident INC-{number}")
    assert plan.environment == "production"
    assert plan.checks[-1].name == "environment"
    assert "the incident is about canary, which is not configured" in plan.checks[-1].evidence


async def test_in_a_thread_the_model_may_be_left_out(world: World) -> None:
    number = await world.fire()
    await world.learn()
    reply = await world.say("rollback --reason errors", MIKA, await thread_of(world, number))
    assert reply.ok, shown(reply)
    operation = await world.operation(1)
    assert (operation.model, operation.incident, operation.reason) == (FRAUD, number, "errors")


async def test_the_button_gives_the_incident_as_the_reason(world: World) -> None:
    number = await world.fire()
    await world.learn()
    await world.press("incident.rollback", f"INC-{number}", MIKA)
    assert (await world.operation(1)).reason == f"INC-{number}: ModelErrorRateHigh on {FRAUD}"


async def test_the_button_of_an_incident_about_an_unknown_model(world: World) -> None:
    number = await world.fire("KubePodCrash", None)
    reply = await world.press("incident.rollback", f"INC-{number}", MIKA)
    assert f"INC-{number} does not say which model it is about" in reply.title


@pytest.mark.parametrize(
    ("text", "said"),
    [("rollback", "Which model?"), (f"rollback {FRAUD} 2", "“2” was not understood; a version goes after --to"),
     (f"rollback {FRAUD} --to", "To which version?"), (f"rollback {FRAUD} --too 2", "There is no option --too"),
     (f"rollback {FRAUD} --incident OP-1", "An incident reads INC-42"),
     (f"rollback {FRAUD} --incident INC-9", "There is no INC-9")],
)  # fmt: skip
async def test_what_was_not_understood_is_not_passed_over(world: World, text: str, said: str) -> None:
    assert said in await refused(world, text)


async def test_a_second_request_joins_the_first(world: World) -> None:
    await world.learn()
    number = await world.request(MIKA)
    reply = await world.say(f"rollback {FRAUD} --to 1", DEVI)
    assert reply.tone is Tone.INFO
    assert f"OP-{number} is going on for {FRAUD} already: rollback, version 3 → 2" in reply.title
    assert "No second one was started. Mika Laine asked for it." in shown(reply)
    await world.say(f"rollback {FRAUD}", DEVI)
    await world.say(f"rollback {FRAUD}", MIKA)
    assert (await world.operation(number)).joined_by == ("devi",)
    assert len(await world.operations()) == 1


async def test_two_environments_do_not_wait_for_each_other(world: World) -> None:
    number = await world.fire(labels={"model": FRAUD, "environment": "staging", "severity": "low"})
    await world.learn()
    await world.request(MIKA, f"rollback {FRAUD} --incident INC-{number}")
    await world.request(MIKA, f"rollback {FRAUD}")
    assert {operation.environment for operation in await world.operations()} == {"production", "staging"}


async def test_who_is_asked_and_for_how_long(world: World) -> None:
    await world.learn()
    reply = await world.say(f"rollback {FRAUD} --reason “error ratio 31 %”", MIKA)
    assert reply.title == "OP-1 is planned: rollback of fraud-detector (production) from version 3 to version 2."
    assert "Nothing has been changed. Devi Rao must approve it within 10 min." in shown(reply)
    assert (await world.post("ask:1:devi")).channel == "@devi"
    assert await world.post("ask:1:mika") is None
    planned = await world.timeline(1, Kind.PLANNED)
    assert "Call: POST http://registry.example/alias" in planned[0].text
    assert planned[0].evidence == f"sha256:{(await world.operation(1)).plan.digest}"


async def test_a_change_without_an_incident_gets_a_timeline_and_pages_nobody(world: World) -> None:
    await world.learn()
    await world.request(MIKA)
    incident = await world.incident(1)
    assert incident.title == f"Planned rollback of {FRAUD}"
    assert not await world.timeline(1, Kind.PAGED)
    assert await world.post("card:1") is not None


async def test_the_calls_name_what_a_serving_system_must_be_told(world: World) -> None:
    """Where the serving side does not follow by itself, the plan has a call for it."""
    binding = replace(world.setup.bindings[0], propagation=Propagation.REDEPLOY)
    world.setup = replace(world.setup, bindings=(binding, *world.setup.bindings[1:]))
    guarantees = {**world.systems.guarantees, "serving": Guarantees()}
    world.systems = replace(world.systems, deployers={"serving": world.serving}, guarantees=guarantees)
    world.rebuild()
    plan = await asked(world)
    assert [call.url for call in plan.calls] == ["http://registry.example/alias", "http://serving.example/fraud"]


async def test_who_must_deploy_what_can_not_be_told_is_said(world: World) -> None:
    binding = replace(world.setup.bindings[0], propagation=Propagation.REDEPLOY)
    world.setup = replace(world.setup, bindings=(binding, *world.setup.bindings[1:]))
    world.rebuild()
    plan = await asked(world)
    assert [call.integration for call in plan.calls] == ["registry"]
    check = next(check for check in plan.checks if check.name == "deploy: fraud")
    assert (check.result, check.evidence) == (CheckResult.WARN, "somebody must do it: serving can't be told")


async def test_an_integration_that_is_not_configured(world: World) -> None:
    world.systems = replace(world.systems, registries={})
    world.rebuild()
    text = shown(await world.say(f"rollback {FRAUD}", MIKA))
    assert "registry is not configured as a model registry" in text


async def test_the_digest_changes_with_whatever_an_approver_relies_on(world: World) -> None:
    plan = await asked(world)
    for other in (
        replace(plan, environment="staging"),
        replace(plan, aim=replace(plan.move, target=replace(plan.move.target, version="1"))),
        replace(plan, checks=plan.checks[1:]),
        replace(plan, calls=()),
        replace(plan, aim=replace(plan.move, target_why="because")),
        replace(plan, aim=replace(plan.move, now=replace(plan.move.now, pointer=None))),
    ):
        assert other.digest != plan.digest
    assert replace(plan).digest == plan.digest


async def test_nobody_configured_who_could_approve(world: World) -> None:
    setup = a_setup()
    fillings = {
        role: filling for role, filling in setup.roster.fillings["default"].items() if filling.people != ("devi",)
    }
    world.setup = replace(setup, roster=replace(setup.roster, fillings={"default": fillings}))
    world.rebuild()
    await world.learn()
    reply = await world.say(f"rollback {FRAUD}", MIKA)
    assert "nobody is configured who could approve it" in shown(reply)
    assert (await world.operation(1)).state is OperationState.AWAITING_APPROVAL
    assert not (await world.say("approve OP-1", PAULA)).ok
