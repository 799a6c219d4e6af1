"""The plan of a training: which pipeline with which parameters, and every guard that could forbid it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.domain.errors import BadInput, BotError
from bot.domain.incident import Incident
from bot.domain.metrics import spoken
from bot.domain.models import Binding, ModelVersion, Training
from bot.domain.operation import Operation
from bot.domain.plan import Check, CheckResult, OperationKind, ParameterValue, Plan, TrainingRun
from bot.domain.routing import Phase
from bot.domain.timeline import stamp
from bot.ports.systems import Parameter, Pipeline, Run
from bot.usecases.setup import Policies
from bot.usecases.systems import Systems

DATA_PHASES = {Phase.INGESTION, Phase.FEATURES}
"""A live incident in one of these speaks against the data that a training would take."""
KEY = "KEY"
"""Stands in a plan's call for the run's key, which holds the operation's number."""
_UNCHANGED = "Nothing was planned or started."


@dataclass(frozen=True, slots=True)
class History:
    """What our own records say. `mine`: trainings of this model that were begun in the last day, newest first."""

    mine: tuple[Operation, ...]
    about: Incident | None
    troubled: tuple[Incident, ...]
    """Live incidents about the model's data."""


@dataclass(frozen=True, slots=True)
class _Facts:
    pipeline: Pipeline
    recent: tuple[Run, ...]
    champion: ModelVersion | None
    newest: str
    age: float | None
    """Of the training data, in seconds."""
    now: datetime


def training_of(binding: Binding, name: str = "") -> Training:
    """The training of that name, else the default one. Raises BadInput when the configuration doesn't have it."""
    if name and binding.trainings:
        found = next((one for one in binding.trainings if one.called.casefold() == name.casefold()), None)
        if found is None:
            raise BadInput(
                f"{binding.model} has no training pipeline {name[:40]} in {binding.environment}.",
                not_done=_UNCHANGED,
                next_step=f"It has: {', '.join(one.called for one in binding.trainings)}.",
            )
        return found
    if binding.training is None:
        raise BadInput(
            f"No training pipeline of {binding.model} is configured.",
            not_done=_UNCHANGED,
            next_step="Name one under models → environments → training.",
        )
    return binding.training


def run_key(operation: Operation) -> str:
    """The key of the run that an operation starts: legal as a name in every orchestrator, of this installation only."""
    return f"mlops-bot-op-{operation.number}-{operation.plan.digest[:8]}"


async def plan_retrain(
    systems: Systems,
    policies: Policies,
    binding: Binding,
    known: History,
    given: Mapping[str, str],
    *,
    name: str = "",
    now: datetime,
) -> Plan:
    """Read everything and make the plan. Raises BadInput for parameters that the pipeline doesn't take."""
    training = training_of(binding, name)
    orchestrator = systems.orchestrator(training.pipeline.integration)
    facts = await _read(systems, binding, training, now)
    parameters = _parameters(training, facts.pipeline, given, known.about)
    aim = TrainingRun(
        training.pipeline, tuple(parameters.items()), facts.champion, facts.newest, binding.challenger,
        facts.pipeline.url, name=training.name,
    )  # fmt: skip
    call = orchestrator.plan_start(training.pipeline.name, parameters, key=KEY)
    return Plan(
        kind=OperationKind.RETRAIN,
        model=binding.model,
        environment=binding.environment,
        aim=aim,
        checks=_checks(policies, training, known, facts, parameters),
        calls=(call,),
        cannot=systems.cannot.get(training.pipeline.integration, ()),
        undo="Nothing serves what it yields: the new version becomes the "
        f"{binding.challenger}, and promoting it is an operation of its own.",
        made_at=now,
        expires_at=now + policies.plan_ttl,
    )


async def _read(systems: Systems, binding: Binding, training: Training, now: datetime) -> _Facts:
    orchestrator = systems.orchestrator(training.pipeline.integration)
    pipeline, recent, versions, age = await asyncio.gather(
        orchestrator.pipeline(training.pipeline.name),
        orchestrator.recent(training.pipeline.name, limit=20),
        _versions(systems, binding),
        _age(systems, training),
    )
    champion, newest = versions
    return _Facts(pipeline, tuple(recent), champion, newest, age, now)


async def _versions(systems: Systems, binding: Binding) -> tuple[ModelVersion | None, str]:
    """The champion, and the newest version there is."""
    if binding.pointer is None:
        return None, ""
    registry = systems.registry(binding.pointer.integration)
    live, versions = await asyncio.gather(
        registry.resolve(binding.pointer.model, binding.pointer.alias), registry.versions(binding.pointer.model)
    )
    champion = await registry.version(binding.pointer.model, live.version) if live.version else None
    return champion, versions[0].version if versions else ""


async def _age(systems: Systems, training: Training) -> float | None:
    metrics = systems.metrics.get(training.fresh_metrics)
    if not training.fresh_query or metrics is None:
        return None
    try:
        return await metrics.value(training.fresh_query)
    except BotError:
        return None


# ---------------------------------------------------------------- parameters


def _parameters(
    training: Training, pipeline: Pipeline, given: Mapping[str, str], about: Incident | None
) -> Mapping[str, ParameterValue]:
    """The configured ones, the end of the data's window, and a person's own, each as the pipeline declares it."""
    declared = {p.name: p for p in pipeline.parameters or ()}
    wanted: dict[str, ParameterValue] = {
        name: typed(declared.get(name, Parameter(name)), text) for name, text in training.parameters
    }
    if training.window_end and about is not None and training.window_end not in given:
        wanted[training.window_end] = stamp(about.started_at)
    for name, text in given.items():
        if pipeline.parameters is not None and name not in declared:
            known = ", ".join(declared) or "none"
            raise BadInput(
                f"{pipeline.name} takes no parameter {name[:40]}.", not_done=_UNCHANGED, next_step=f"It takes: {known}."
            )
        wanted[name] = typed(declared.get(name, Parameter(name)), text)
    missing = [p.name for p in declared.values() if p.required and p.default is None and p.name not in wanted]
    if missing:
        raise BadInput(
            f"{pipeline.name} needs {', '.join(missing)}.",
            not_done=_UNCHANGED,
            next_step=f"Give it: --set {missing[0]}=VALUE, or configure it under training → parameters.",
        )
    return wanted


def typed(parameter: Parameter, text: str) -> ParameterValue:
    """What a person typed, as the value that the pipeline declares. Raises BadInput that says what it takes."""
    value: ParameterValue | None
    match parameter.type:
        case "integer":
            value = _number(text, int)
        case "number":
            value = _number(text, float)
        case "boolean":
            value = {"true": True, "yes": True, "false": False, "no": False}.get(text.strip().lower())
        case "string":
            value = text
        case _:
            value = None
    fault = f"it is no {parameter.type}" if value is None else _unfit(parameter, value)
    if value is None or fault:
        raise BadInput(
            f"{parameter.name}={text[:60]} can't be taken: {fault}.",
            not_done=_UNCHANGED,
            next_step=parameter.description[:200],
        )
    return value


def _number(text: str, kind: type[int] | type[float]) -> int | float | None:
    try:
        number = kind(text)
    except ValueError:
        return None
    return number if abs(number) < 1e300 else None


def _unfit(parameter: Parameter, value: ParameterValue) -> str:
    if parameter.choices and value not in parameter.choices:
        return f"it takes {', '.join(str(choice) for choice in parameter.choices[:10])}"
    if isinstance(value, str | bool):
        return ""
    if parameter.minimum is not None and value < parameter.minimum:
        return f"the least is {parameter.minimum:g}"
    if parameter.maximum is not None and value > parameter.maximum:
        return f"the most is {parameter.maximum:g}"
    return ""


# ---------------------------------------------------------------- guards


def _checks(
    policies: Policies, training: Training, known: History, facts: _Facts, parameters: Mapping[str, ParameterValue]
) -> tuple[Check, ...]:
    return (
        _startable(facts.pipeline),
        _idle(facts),
        _cooled(policies, facts),
        _budget(policies, known),
        _fresh(training, known, facts),
        _window(training, known.about, parameters),
    )


def _startable(pipeline: Pipeline) -> Check:
    name = "the pipeline can be started"
    if pipeline.fault:
        return Check(name, CheckResult.BLOCK, pipeline.fault)
    if pipeline.paused:
        return Check(name, CheckResult.WARN, "its schedule is switched off")
    if pipeline.parameters is None:
        return Check(name, CheckResult.WARN, "it declares no parameters, so none could be checked")
    return Check(name, CheckResult.PASS, f"it takes {len(pipeline.parameters)} parameters; those given fit")


def _idle(facts: _Facts) -> Check:
    name = "not running already"
    going = next((run for run in facts.recent if not run.state.final), None)
    if going is not None:
        return Check(name, CheckResult.BLOCK, f"{going.id} is {going.state.value} {going.url}".strip())
    return Check(name, CheckResult.PASS, "no run of it is going on")


def _cooled(policies: Policies, facts: _Facts) -> Check:
    name = "cool-down"
    last = max((run.ended_at for run in facts.recent if run.ended_at is not None), default=None)
    if last is None:
        return Check(name, CheckResult.PASS, "no earlier run is known")
    ago = facts.now - last
    text = f"the last run ended {spoken(ago)} ago; {spoken(policies.cool_down)} must lie between"
    return Check(name, CheckResult.PASS if ago >= policies.cool_down else CheckResult.BLOCK, text)


def _budget(policies: Policies, known: History) -> Check:
    used, most = len(known.mine), policies.retrains_per_day
    result = CheckResult.PASS if used < most else CheckResult.BLOCK
    return Check("budget of a day", result, f"{used} of {most} trainings were begun in the last 24 h")


def _fresh(training: Training, known: History, facts: _Facts) -> Check:
    name = "the data is fresh"
    if known.troubled:
        refs = ", ".join(f"{i.ref} ({i.title[:60]})" for i in known.troubled[:3])
        return Check(name, CheckResult.BLOCK, f"its data is the subject of {refs}")
    if not training.fresh_query:
        return Check(name, CheckResult.WARN, "nothing is configured that could be asked (training → fresh)")
    if facts.age is None:
        return Check(name, CheckResult.WARN, f"{training.fresh_metrics} has no answer to: {training.fresh_query}")
    limit = training.fresh_within.total_seconds()
    text = f"it is {facts.age / 3600:.1f} h old, at most {limit / 3600:.1f} h are taken"
    return Check(name, CheckResult.PASS if facts.age <= limit else CheckResult.BLOCK, text)


def _window(training: Training, about: Incident | None, parameters: Mapping[str, ParameterValue]) -> Check:
    """What went wrong must not be learned."""
    name = "the incident's data is left out"
    if about is None:
        return Check(name, CheckResult.PASS, "it is about no incident")
    if not training.window_end:
        text = "no parameter is configured that says up to when data is taken (training → window_end)"
        return Check(name, CheckResult.WARN, text)
    end = _moment(str(parameters.get(training.window_end, "")))
    if end is None:
        return Check(name, CheckResult.BLOCK, f"{training.window_end} is no date: {parameters[training.window_end]}")
    began = about.started_at
    text = f"data up to {end:%Y-%m-%d %H:%M} UTC is taken; {about.ref} began at {began:%Y-%m-%d %H:%M} UTC"
    return Check(name, CheckResult.PASS if end <= began else CheckResult.BLOCK, text)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
