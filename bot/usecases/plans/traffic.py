"""The plan of a change of traffic: how requests are shared now, and how they will be."""

from datetime import datetime, timedelta

from bot.domain.errors import BadInput
from bot.domain.models import Binding, Target
from bot.domain.plan import Check, CheckResult, OperationKind, Plan, TrafficMove
from bot.ports.systems import Split
from bot.usecases.systems import Systems

_UNCHANGED = "Nothing was planned or changed."


async def plan_shift(
    systems: Systems, binding: Binding, to: str | None, percent: int | None, *, now: datetime, ttl: timedelta
) -> Plan:
    """Read the split and make the plan. Raises BadInput where requests can't be shared, IntegrationErrors."""
    target = _target(systems, binding)
    splitter = systems.splitters[target.integration]
    split = await splitter.split(target.name)
    version = _version(binding, split, to)
    if percent is None or not 0 <= percent <= 100:
        raise BadInput(
            "How many percent? A whole number from 0 to 100.", not_done=_UNCHANGED,
            next_step=f"Like: /mlops shift {binding.model} 10 --to {version}",
        )  # fmt: skip
    if split.share(version) == percent:
        raise BadInput(f"Version {version} has {percent} % already.", not_done=_UNCHANGED, next_step="")
    before = f"version {version} back to {split.share(version)} %"
    return Plan(
        kind=OperationKind.SHIFT_TRAFFIC,
        model=binding.model,
        environment=binding.environment,
        aim=TrafficMove(target, version, percent, split.shares, split.token),
        checks=(_at_rest(split), _shares(split), *_others(systems, binding, target)),
        calls=(splitter.plan_shift(target.name, version, percent, expected=split),),
        cannot=systems.cannot.get(target.integration, ()),
        undo=f"The same way back: {before}.",
        made_at=now,
        expires_at=now + ttl,
    )


def _target(systems: Systems, binding: Binding) -> Target:
    found = next((t for t in binding.serving if t.integration in systems.splitters), None)
    if found is None:
        raise BadInput(
            f"Nothing that serves {binding.model} can share its requests between versions.",
            not_done=_UNCHANGED,
            next_step="See mlops-bot integrations for what can (TrafficSplitter).",
        )
    return found


def _version(binding: Binding, split: Split, to: str | None) -> str:
    """The one asked for, else the newest; it must be deployed there."""
    there = [version for version, _ in split.shares]
    wanted = to or (there[0] if there else "")
    wanted = wanted[1:] if wanted[:1] in "vV" and wanted[1:].isdigit() else wanted
    if len(there) < 2 or wanted not in there:
        raise BadInput(
            f"Deployed for {binding.model} now: {', '.join(f'version {v}' for v in there) or 'nothing'}.",
            not_done=_UNCHANGED,
            next_step="Requests can be shared between two versions that are both deployed.",
        )
    return wanted


def _at_rest(split: Split) -> Check:
    if split.in_progress:
        return Check("nothing is going on there", CheckResult.BLOCK, f"a change is going on now {split.detail}".strip())
    return Check("nothing is going on there", CheckResult.PASS, split.detail or "it is at rest")


def _others(systems: Systems, binding: Binding, target: Target) -> tuple[Check, ...]:
    """Where requests are shared as well, and stay as they are."""
    left = [t.name for t in binding.serving if t != target and t.integration in systems.splitters]
    if not left:
        return ()
    text = f"only {target.name} is changed; {', '.join(left)} shares its requests as before"
    return (Check("other targets", CheckResult.WARN, text),)


def _shares(split: Split) -> Check:
    shown = ", ".join(f"version {version} {percent} %" for version, percent in split.shares)
    return Check("how requests are shared now", CheckResult.PASS, shown)
