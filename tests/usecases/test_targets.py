"""A model that answers at several places: each is asked as its binding says, told, shown, and confirmed by itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import Refused
from bot.domain.models import Probe, Propagation, Target
from bot.domain.operation import OperationState
from bot.domain.plan import CheckResult
from bot.domain.timeline import Kind
from bot.ports.manifest import Guarantees
from tests.fakes.systems import Endpoint, FakeServing, Killed, down
from tests.usecases.plant import Plant
from tests.usecases.world import FRAUD, MIKA, shown

S = OperationState
VERSION, TRIAL = Probe("/version", "model.version"), Probe("/predict", body='{"amount": 1}')
TARGETS = (Target("serving", "fraud", (VERSION,)), Target("elsewhere", "fraud", (VERSION, TRIAL)))
BACK = f"rollback {FRAUD} --to 2"
NO = Refused("There is no room.", not_done="Nothing was changed.")


class Branches(Plant):
    """The fraud detector answers here and elsewhere, under the same name, and both must be told."""

    elsewhere: FakeServing

    def _populate(self) -> None:
        super()._populate()
        self.elsewhere = FakeServing(self.clock, self.registry, "elsewhere")
        self.elsewhere.answers["/predict"] = (200, {"score": 0.1})
        for place in (self.serving, self.elsewhere):
            place.endpoints["fraud"] = Endpoint("3", FRAUD, "champion", follows=False)
        first = replace(self.setup.bindings[0], serving=TARGETS, propagation=Propagation.REDEPLOY)
        self.setup = replace(self.setup, bindings=(first, *self.setup.bindings[1:]))

    def _process(self) -> None:
        super()._process()
        can = Guarantees(idempotent_write=True, identity=True)
        self.systems = replace(
            self.systems,
            servings={**self.systems.servings, "elsewhere": self.elsewhere},
            deployers={"serving": self.serving, "elsewhere": self.elsewhere},
            guarantees={**self.systems.guarantees, "serving": can, "elsewhere": can},
        )
        self.rebuild()

    @property
    def told(self) -> tuple[int, int]:
        """How often each was told."""
        return len(self.serving.deployments), len(self.elsewhere.deployments)


@pytest.fixture
async def branches(tmp_path: Path) -> AsyncIterator[Branches]:
    here = Branches(tmp_path / "world.db")
    await here.open()
    await here.learn()
    yield here
    await here.close()


async def test_each_is_asked_by_its_own_probes_and_shown_in_the_plan(branches: Branches) -> None:
    branches.serving.probed.clear()
    branches.elsewhere.probed.clear()
    branches.elsewhere.endpoints["fraud"].version = "1"
    operation = await branches.operation(await branches.wish(BACK))
    assert set(branches.serving.probed) == {VERSION}
    assert set(branches.elsewhere.probed) == {VERSION, TRIAL}
    shown_ = [(c.name, c.result, c.evidence) for c in operation.plan.checks if c.name.startswith("serving: ")]
    assert shown_ == [
        ("serving: fraud in serving", CheckResult.PASS, "answers with version 3"),
        ("serving: fraud in elsewhere", CheckResult.WARN, "it answers with version 1, the registry points at 3"),
    ]
    assert [call.integration for call in operation.plan.calls] == ["registry", "serving", "elsewhere"]


async def test_both_are_told_once_and_confirmed(branches: Branches) -> None:
    done = await branches.done(BACK)
    assert done.state is S.SUCCEEDED
    assert branches.told == (1, 1), "two places of one name are two calls"
    assert done.evidence.count("answers with version 2") == 2


async def test_one_that_does_not_answer_with_it_keeps_it_from_being_confirmed(branches: Branches) -> None:
    branches.elsewhere.answers["/version"] = (200, {"model": {"version": "3"}})
    done = await branches.done(BACK)
    assert done.state is S.INCONCLUSIVE
    assert "fraud in serving answers with version 2" in done.outcome
    assert "fraud in elsewhere answers with version 3" in done.outcome


async def test_a_probe_that_is_refused_keeps_it_from_being_confirmed(branches: Branches) -> None:
    """It may be ready, have the version, and answer every request with an error."""
    branches.elsewhere.answers["/predict"] = (500, {})
    done = await branches.done(BACK)
    assert done.state is S.INCONCLUSIVE
    assert "/predict is answered with 500" in done.outcome


async def test_one_that_can_not_be_told_keeps_no_other_from_it_and_both_are_said(branches: Branches) -> None:
    number = await branches.wish(BACK)
    await branches.approve(number)
    branches.serving.faults.always("serve", NO)
    await branches.carry_out()
    done = await branches.operation(number)
    assert done.state is S.INCONCLUSIVE
    assert done.outcome == (
        "The registry was changed, the serving side only in part: fraud in serving was not changed: There is no room. "
        "Nothing was changed. Told: fraud in elsewhere."
    )
    assert branches.told == (0, 1)


async def test_none_that_could_be_told_is_said_as_that(branches: Branches) -> None:
    number = await branches.wish(BACK)
    await branches.approve(number)
    branches.serving.faults.always("serve", NO)
    branches.elsewhere.faults.always("observe", down("elsewhere"))
    await branches.carry_out()
    outcome = (await branches.operation(number)).outcome
    assert "the serving side was not: fraud in serving was not changed: There is no room." in outcome
    assert "fraud in elsewhere was not told: The elsewhere does not answer." in outcome
    assert branches.told == (0, 0)


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after it"])
async def test_killed_between_them_each_is_told_once(branches: Branches, after: bool) -> None:
    number = await branches.wish(BACK)
    await branches.approve(number)
    branches.elsewhere.faults.order("serve", Killed(), after=after)
    with pytest.raises(Killed):
        await branches.carry_out()
    await branches.restart()
    await branches.carry_out()
    done = await branches.operation(number)
    assert done.state is S.SUCCEEDED
    assert branches.told == (1, 1)
    assert len(await branches.timeline(done.incident or 0, Kind.INTENDED)) == 3


async def test_requests_are_shared_at_one_place_and_the_plan_says_where_not(plant: Plant) -> None:
    plant.splitter.put("churn-eu", {"2": 0, "1": 100})
    found = [
        replace(b, serving=(*b.serving, Target("splitter", "churn-eu"))) if b.model == "churn" else b
        for b in plant.setup.bindings
    ]
    plant.setup = replace(plant.setup, bindings=tuple(found))
    plant.rebuild()
    reply = await plant.say("shift churn 10 --to 2", MIKA)
    assert "only churn is changed; churn-eu shares its requests as before" in shown(reply)
