"""Whether what was approved can still be done as it was planned: the configuration may have changed since."""

from bot.domain.operation import Call, Operation
from bot.usecases.rollback import calls_of
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems


def off_plan(setup: Setup, systems: Systems, operation: Operation) -> str:
    """What keeps the approved calls from being made, as a sentence; nothing when exactly they would be made."""
    binding = setup.binding(operation.model, operation.environment)
    if binding is None or binding.pointer is None or binding.environment != operation.environment:
        return f"{operation.model} is no longer bound to a registry in the configuration."
    if binding.pointer.integration not in systems.registries:
        return f"The integration {binding.pointer.integration} is no longer configured as a model registry."
    now = calls_of(systems, binding, binding.pointer, operation.plan.target.version)
    if [_essence(call) for call in now] != [_essence(call) for call in operation.plan.calls]:
        return "The configuration was changed since: other calls would be made than those that were approved."
    return ""


def _essence(call: Call) -> tuple[str, ...]:
    """Without the note, which is prose."""
    return call.integration, call.method, call.url, call.body
