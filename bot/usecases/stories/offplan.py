"""Whether what was approved can still be done as it was planned: the configuration may have changed since."""

from collections.abc import Sequence

from bot.domain.errors import BotError
from bot.domain.models import Binding
from bot.domain.operation import Operation
from bot.domain.plan import Call, Switch, TrafficMove, TrainingRun, VersionMove
from bot.ports.systems import Split
from bot.usecases.plans.training import KEY
from bot.usecases.plans.version import calls_of
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems


def off_plan(setup: Setup, systems: Systems, operation: Operation) -> str:
    """What keeps the approved calls from being made, as a sentence; nothing when exactly they would be made."""
    binding = setup.binding(operation.model, operation.environment)
    if binding is None or binding.environment != operation.environment:
        return f"{operation.model} is no longer bound to {_what(operation)} in the configuration."
    fault = _unconnected(systems, binding, operation)
    if fault:
        return fault
    try:
        now = _calls(systems, binding, operation)
    except BotError as error:
        return f"What was approved can't be planned any more: {error.what}"
    if [_essence(call) for call in now] != [_essence(call) for call in operation.plan.calls]:
        return "The configuration was changed since: other calls would be made than those that were approved."
    return ""


def _what(operation: Operation) -> str:
    return "a registry" if isinstance(operation.plan.aim, VersionMove) else "what was planned"


def _unconnected(systems: Systems, binding: Binding, operation: Operation) -> str:
    match operation.plan.aim:
        case VersionMove():
            if binding.pointer is None:
                return f"{operation.model} is no longer bound to a registry in the configuration."
            slug, known, what = binding.pointer.integration, systems.registries.keys(), "a model registry"
        case TrainingRun(pipeline=pipeline):
            slug, known, what = pipeline.integration, systems.orchestrators.keys(), "an orchestrator"
        case TrafficMove(target=target):
            slug, known, what = target.integration, systems.splitters.keys(), "what can share requests"
        case Switch(pipeline=pipeline):
            slug, known, what = pipeline.integration, systems.switches.keys(), "what can switch a schedule"
    return "" if slug in known else f"The integration {slug} is no longer configured as {what}."


def _calls(systems: Systems, binding: Binding, operation: Operation) -> Sequence[Call]:
    """The calls as this configuration would make them."""
    match operation.plan.aim:
        case VersionMove() as aim:
            assert binding.pointer is not None, "looked at before"
            return calls_of(systems, binding, binding.pointer, aim)
        case TrainingRun() as aim:
            orchestrator = systems.orchestrators[aim.pipeline.integration]
            return (orchestrator.plan_start(aim.pipeline.name, dict(aim.parameters), key=KEY),)
        case TrafficMove() as aim:
            seen = Split(aim.before, operation.plan.made_at, token=aim.token)
            splitter = systems.splitters[aim.target.integration]
            return (splitter.plan_shift(aim.target.name, aim.version, aim.percent, expected=seen),)
        case Switch() as aim:
            switch = systems.switches[aim.pipeline.integration]
            return (switch.plan_pause(aim.pipeline.name, paused=aim.paused),)


def _essence(call: Call) -> tuple[str, ...]:
    """Without the note, which is prose."""
    return call.integration, call.method, call.url, call.body
