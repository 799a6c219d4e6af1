"""The plan of a pipeline's schedule that is switched off or on."""

from datetime import datetime, timedelta

from bot.domain.errors import BadInput
from bot.domain.models import Binding
from bot.domain.plan import Check, CheckResult, OperationKind, Plan, Switch
from bot.usecases.operate import asked_by
from bot.usecases.plans.training import training_of
from bot.usecases.systems import Systems

_UNCHANGED = "Nothing was planned or changed."


async def plan_switch(
    systems: Systems, binding: Binding, name: str = "", *, paused: bool, now: datetime, ttl: timedelta
) -> Plan:
    """Read the pipeline and make the plan. Raises BadInput when it is so already, IntegrationErrors."""
    training = training_of(binding, name)
    ref = training.pipeline
    switch = systems.switches.get(ref.integration)
    if switch is None:
        raise BadInput(
            f"{ref.integration} can't switch a pipeline's schedule off and on.",
            not_done=_UNCHANGED,
            next_step="See mlops-bot integrations for what can (PipelineSwitch).",
        )
    pipeline = await systems.orchestrator(ref.integration).pipeline(ref.name)
    word = "off" if paused else "on"
    if pipeline.paused is paused:
        raise BadInput(f"The schedule of {ref.name} is {word} already.", not_done=_UNCHANGED, next_step=pipeline.url)
    known = "is not known" if pipeline.paused is None else f"is {'off' if pipeline.paused else 'on'}"
    schedule = f"; it reads {pipeline.schedule}" if pipeline.schedule else ""
    return Plan(
        kind=OperationKind.PAUSE_PIPELINE if paused else OperationKind.RESUME_PIPELINE,
        model=binding.model,
        environment=binding.environment,
        aim=Switch(ref, paused, pipeline.url, name=training.name),
        checks=(Check("schedule now", CheckResult.PASS, f"it {known}{schedule}"),),
        calls=(switch.plan_pause(ref.name, paused=paused),),
        cannot=systems.cannot.get(ref.integration, ()),
        undo=f"/mlops {'resume' if paused else 'pause'} {binding.model}{asked_by(training.name)}",
        made_at=now,
        expires_at=now + ttl,
    )
