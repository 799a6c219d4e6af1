"""An operation ends once; what was approved is exactly what was shown."""

import itertools
from dataclasses import fields, replace

import pytest

from bot.domain.errors import IllegalTransition
from bot.domain.operation import OperationState, legal, move, progress
from bot.domain.plan import Call, Check, CheckResult, Live, OperationKind, Plan
from tests.unit.worlds import SIGNATURE, T0, a_plan, an_operation, minutes, version

S = OperationState


@pytest.mark.parametrize(("before", "after"), list(itertools.product(S, S)))
def test_the_whole_matrix_of_moves(before: S, after: S) -> None:
    start = an_operation(before)
    if after in legal(before):
        moved = move(start, after, outcome="so it went")
        assert (moved.state, moved.revision, moved.outcome) == (after, start.revision + 1, "so it went")
        return
    with pytest.raises(IllegalTransition) as refused:
        move(start, after)
    assert refused.value.what == f"OP-17 is {before.value}."
    assert refused.value.not_done == f"It was not moved to {after.value}."


def test_what_has_ended_stays_ended() -> None:
    assert {(before, after) for before in S if before.final for after in legal(before)} == set()


def test_every_state_can_reach_an_end_and_the_first_reaches_all() -> None:
    reached: dict[S, set[S]] = {}
    for start in S:
        seen, todo = {start}, [start]
        while todo:
            for after in legal(todo.pop()) - seen:
                seen.add(after)
                todo.append(after)
        reached[start] = seen
    assert all(any(state.final for state in seen) for seen in reached.values())
    assert reached[S.AWAITING_APPROVAL] == set(S)


def test_nothing_is_executed_without_an_approval() -> None:
    before = {state for state in S if S.EXECUTING in legal(state)}
    assert before == {S.APPROVED}
    assert {state for state in S if S.APPROVED in legal(state)} == {S.AWAITING_APPROVAL}


def test_a_model_is_held_until_the_operation_has_ended() -> None:
    for state in S:
        # Whoever sees during the watch that it doesn't help must be able to act.
        assert state.holds_the_model is (not state.final and state is not S.WATCHING)


def test_progress_changes_what_is_shown_and_not_the_state() -> None:
    shown = progress(an_operation(S.VERIFYING), evidence="answer carries 2")
    assert (shown.state, shown.revision, shown.evidence) == (S.VERIFYING, 2, "answer carries 2")


# ---------------------------------------------------------------- the digest

CALL = Call("mlflow", "POST", "http://mlflow/api", '{"alias": "champion", "version": "2"}')
CHECK = Check("ready", CheckResult.PASS, "READY")
PLAN = a_plan()
RELIED_ON: dict[str, Plan] = {
    "kind": a_plan(kind=OperationKind.RETRAIN),
    "model": a_plan(model="churn"),
    "environment": a_plan(environment="staging"),
    "version now": a_plan(now=replace(PLAN.move.now, version="4")),
    "pointer's token": a_plan(now=replace(PLAN.move.now, pointer=replace(PLAN.move.now.pointer, token="etag-2"))),  # type: ignore[type-var]  # it is set
    "pointer's version": a_plan(now=replace(PLAN.move.now, pointer=replace(PLAN.move.now.pointer, version="4"))),  # type: ignore[type-var]  # it is set
    "what serves": a_plan(now=Live("3", PLAN.move.now.pointer, PLAN.move.now.pointer)),
    "target": a_plan(target=version("1")),
    "current's metrics": a_plan(current=version("3", metrics={"auc": 0.9})),
    "target's status": a_plan(target=version("2", artifact_loadable=False)),
    "a call's warning": a_plan(calls=(replace(CALL, note="not protected"),)),
    "target's reason": a_plan(target_why="it is old"),
    "target's metrics": a_plan(target=version("2", metrics={"auc": 0.5})),
    "a call's system": a_plan(calls=(replace(CALL, integration="wandb"),)),
    "a call's method": a_plan(calls=(replace(CALL, method="DELETE"),)),
    "a call's address": a_plan(calls=(replace(CALL, url="http://elsewhere"),)),
    "a call's body": a_plan(calls=(replace(CALL, body="{}"),)),
    "a call more": a_plan(calls=(CALL, CALL)),
    "a call less": a_plan(calls=()),
    "a check's name": a_plan(checks=(replace(CHECK, name="loadable"),)),
    "a check's result": a_plan(checks=(replace(CHECK, result=CheckResult.WARN),)),
    "a check's evidence": a_plan(checks=(replace(CHECK, evidence="PENDING"),)),
    "signature": a_plan(signature_diff=None),
    "propagation": a_plan(propagation="restart"),
    "what can't be promised": a_plan(cannot=()),
    "the way back": a_plan(undo="none"),
    "when it was made": a_plan(made_at=T0 + minutes(1)),
    "until when": a_plan(expires_at=T0 + minutes(20)),
}


@pytest.mark.parametrize("what", RELIED_ON)
def test_the_digest_changes_with_everything_an_approver_relies_on(what: str) -> None:
    assert RELIED_ON[what].digest != PLAN.digest


def test_the_digests_of_all_of_them_differ() -> None:
    assert len({plan.digest for plan in RELIED_ON.values()}) == len(RELIED_ON)


def test_the_digest_is_the_same_for_the_same_plan() -> None:
    assert a_plan().digest == PLAN.digest
    assert len(PLAN.digest) == 64
    assert a_plan(current=version("3", description="prettier words", url="http://elsewhere")).digest == PLAN.digest
    later = replace(PLAN.move.now, pointer=replace(PLAN.move.now.pointer, at=T0 + minutes(1)))  # type: ignore[type-var]  # it is set
    assert a_plan(now=later).digest == PLAN.digest
    assert (
        a_plan(target=version("2", tags={"b": "2", "a": "1"})).digest
        == a_plan(target=version("2", tags={"a": "1", "b": "2"})).digest
    )


def test_every_field_of_a_plan_is_relied_on() -> None:
    varied = {
        f.name for f in fields(Plan) for plan in RELIED_ON.values() if getattr(plan, f.name) != getattr(PLAN, f.name)
    }
    assert {f.name for f in fields(Plan)} == varied


def test_only_a_block_blocks() -> None:
    checks = tuple(Check(result.value, result, "") for result in CheckResult)
    assert [check.name for check in a_plan(checks=checks).blocked] == ["block"]
    assert SIGNATURE.inputs
