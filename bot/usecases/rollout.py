"""Telling serving systems that do not follow the registry by themselves: one irreversible call for each target."""

from collections.abc import Sequence

from bot.domain.errors import BotError
from bot.domain.models import Binding, Observation, Propagation, Target
from bot.domain.operation import Operation
from bot.usecases.once import Found, Once, Outcome, Step
from bot.usecases.systems import Systems


def to_tell(systems: Systems, binding: Binding) -> Sequence[Target]:
    """The targets that must be told, and can be."""
    if binding.propagation is Propagation.WATCH:
        return ()
    return tuple(target for target in binding.serving if target.integration in systems.deployers)


async def tell(once: Once, systems: Systems, binding: Binding, operation: Operation) -> str:
    """Tell them all, one after the other; gives what went wrong, or nothing.

    What is in doubt is not an end: whether it serves is looked at afterwards in any case.
    """
    for target in to_tell(systems, binding):
        try:
            before = await systems.serving(target.integration).observe(target.name)
        except BotError as error:
            return f"{target.name} was not told: {error.what}"
        if before.version == operation.plan.target.version:
            continue
        result = await once.do(_step(systems, target, operation, before))
        if result.outcome in {Outcome.CONFLICT, Outcome.REFUSED}:
            return f"{target.name} was not changed: {result.text}"
    return ""


def _step(systems: Systems, target: Target, operation: Operation, before: Observation) -> Step:
    deployer = systems.deployers[target.integration]
    wanted = operation.plan.target.version

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
        name=f"serve {target.name}",
        describe=f"making {target.name} serve version {wanted} instead of {before.version}",
        call=call,
        find=find,
        repeatable=guarantees is not None and guarantees.idempotent_write,
    )
