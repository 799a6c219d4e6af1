"""Telling serving systems that do not follow the registry by themselves: one irreversible call for each target."""

from dataclasses import dataclass

from bot.domain.errors import BotError
from bot.domain.models import Binding, Observation, Target
from bot.domain.operation import Operation
from bot.usecases.once import Found, Once, Outcome, Step
from bot.usecases.plans.following import to_tell
from bot.usecases.systems import Systems


@dataclass(frozen=True, slots=True)
class Told:
    """What became of the targets: a sentence about each that was not told, and the names of the others."""

    faults: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Which were not, and which were."""
        told = f" Told: {', '.join(self.done)}." if self.done and self.faults else ""
        return f"{' '.join(self.faults)}{told}"


async def tell(
    once: Once, systems: Systems, binding: Binding, operation: Operation, version: str, *, undoing: bool = False
) -> Told:
    """Tell them all to serve a version, one after the other; one that can't be told keeps no other from it.

    What is in doubt is not an end: whether it serves is looked at afterwards in any case.
    """
    faults: list[str] = []
    done: list[str] = []
    for target in to_tell(systems, binding):
        fault = await _tell(once, systems, target, operation, version, undoing=undoing)
        if fault:
            faults.append(f"{binding.called(target)} {fault}")
        else:
            done.append(binding.called(target))
    return Told(tuple(faults), tuple(done))


async def _tell(
    once: Once, systems: Systems, target: Target, operation: Operation, version: str, *, undoing: bool
) -> str:
    """What went wrong, or nothing."""
    try:
        before = await systems.observe(target)
    except BotError as error:
        return f"was not told: {error.what}"
    step = _step(systems, target, operation, before, version, undoing=undoing)
    if before.version == version and not await once.begun(step):
        return ""
    result = await once.do(step)
    if result.outcome in {Outcome.CONFLICT, Outcome.REFUSED}:
        return f"was not changed: {result.text}"
    return ""


def _step(
    systems: Systems, target: Target, operation: Operation, before: Observation, wanted: str, *, undoing: bool
) -> Step:
    deployer = systems.deployers[target.integration]

    async def call() -> str:
        seen = await deployer.serve(target.name, wanted, expected=before)
        return f"{target.integration}: {target.name} was told to serve version {wanted}, and says {seen.version}."

    async def find() -> Found:
        seen = await systems.observe(target)
        if seen.version == wanted:
            return Found.THERE
        return Found.AS_BEFORE if seen.version == before.version else Found.OTHERWISE

    guarantees = systems.guarantees.get(target.integration)
    assert operation.incident is not None
    return Step(
        operation=operation.number,
        incident=operation.incident,
        name=f"{'undo: ' if undoing else ''}serve {target.name} in {target.integration}",
        describe=f"making {target.name} serve version {wanted} instead of {before.version}",
        call=call,
        find=find,
        repeatable=guarantees is not None and guarantees.idempotent_write,
    )
