"""Telling serving systems that do not follow the registry by themselves: one irreversible call for each target."""

from bot.domain.errors import BotError
from bot.domain.models import Binding, Observation, Target
from bot.domain.operation import Operation
from bot.usecases.once import Found, Once, Outcome, Step
from bot.usecases.plans.version import to_tell
from bot.usecases.systems import Systems


async def tell(
    once: Once, systems: Systems, binding: Binding, operation: Operation, version: str, *, undoing: bool = False
) -> str:
    """Tell them all to serve a version, one after the other; gives what went wrong, or nothing.

    What is in doubt is not an end: whether it serves is looked at afterwards in any case.
    """
    for target in to_tell(systems, binding):
        try:
            before = await systems.serving(target.integration).observe(target.name)
        except BotError as error:
            return f"{target.name} was not told: {error.what}"
        step = _step(systems, target, operation, before, version, undoing=undoing)
        if before.version == version and not await once.begun(step):
            continue
        result = await once.do(step)
        if result.outcome in {Outcome.CONFLICT, Outcome.REFUSED}:
            return f"{target.name} was not changed: {result.text}"
    return ""


def _step(
    systems: Systems, target: Target, operation: Operation, before: Observation, wanted: str, *, undoing: bool
) -> Step:
    deployer = systems.deployers[target.integration]

    async def call() -> str:
        seen = await deployer.serve(target.name, wanted, expected=before)
        return f"{target.integration}: {target.name} was told to serve version {wanted}, and says {seen.version}."

    async def find() -> Found:
        seen = await systems.serving(target.integration).observe(target.name)
        if seen.version == wanted:
            return Found.THERE
        return Found.AS_BEFORE if seen.version == before.version else Found.OTHERWISE

    guarantees = systems.guarantees.get(target.integration)
    assert operation.incident is not None
    return Step(
        operation=operation.number,
        incident=operation.incident,
        name=f"{'undo: ' if undoing else ''}serve {target.name}",
        describe=f"making {target.name} serve version {wanted} instead of {before.version}",
        call=call,
        find=find,
        repeatable=guarantees is not None and guarantees.idempotent_write,
    )
