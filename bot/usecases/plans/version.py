"""The plan of a version that is to serve: what is live as read, what will be, every check, every call.

A rollback goes to the previous good version of the ledger, a promotion to the challenger, a freeze to the fallback.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.errors import BadInput, IntegrationError
from bot.domain.metrics import spoken
from bot.domain.models import (
    Binding,
    Evidence,
    LiveSpan,
    ModelVersion,
    Observation,
    Pointer,
    SignatureDiff,
    Target,
    Verdict,
    VersionStatus,
    compare_signatures,
    previous_good,
)
from bot.domain.plan import Call, Check, CheckResult, Live, OperationKind, Plan, VersionMove
from bot.usecases.plans.following import to_tell
from bot.usecases.plans.mirrors import Following, mirror_calls, plan_mirrors
from bot.usecases.systems import Systems

_UNCHANGED = "Nothing was planned or changed."
_WHERE: Mapping[OperationKind, str] = {
    OperationKind.ROLLBACK: "roll it back", OperationKind.PROMOTE: "promote it", OperationKind.FREEZE: "freeze it",
}  # fmt: skip
_GO: Mapping[OperationKind, str] = {
    OperationKind.ROLLBACK: "roll back", OperationKind.PROMOTE: "promote", OperationKind.FREEZE: "fall back",
}  # fmt: skip
_HEALTH: Mapping[Verdict, str] = {
    Verdict.HEALTHY: ", healthy", Verdict.UNHEALTHY: ", unhealthy",
    Verdict.UNKNOWN: "; whether it was healthy is not known",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was read for a plan, at one moment."""

    pointer: Observation
    serving: tuple[tuple[str, Observation | IntegrationError], ...]
    """Target's name, and what it said or why it didn't."""
    current: ModelVersion | None
    target: ModelVersion
    target_why: str
    span: LiveSpan | None
    """The target's own time in production, if the ledger knows one."""


async def plan_version(
    systems: Systems,
    binding: Binding,
    spans: tuple[LiveSpan, ...],
    to: str | None,
    *,
    kind: OperationKind,
    now: datetime,
    ttl: timedelta,
) -> Plan:
    """Read everything and make the plan. Raises BadInput when there is no version to go to, IntegrationErrors."""
    if binding.pointer is None:
        raise BadInput(
            f"{binding.model} has no registry pointer in the configuration.",
            not_done=_UNCHANGED,
            next_step=f"Add models → registry to the configuration, or {_WHERE[kind]} where it is deployed.",
        )
    facts = await _read(systems, binding, binding.pointer, spans, to, kind)
    live, target = facts.pointer.version or "", facts.target.version
    following = await plan_mirrors(systems, binding, live, target)
    if live == target and not following.moves:
        raise _live_already(binding, live, following)
    diff = _diff(facts)
    aim = VersionMove(
        now=Live(live, facts.pointer, _answer(facts)),
        target=facts.target,
        current=facts.current,
        target_why=facts.target_why,
        signature_diff=diff,
        propagation=binding.propagation.value,
        mirrors=following.moves,
        left_out=following.left_out,
    )
    used = dict.fromkeys(
        (binding.pointer.integration, *(t.integration for t in binding.serving),
         *(one.pointer.integration for one in following.moves))
    )  # fmt: skip
    return Plan(
        kind=kind,
        model=binding.model,
        environment=binding.environment,
        aim=aim,
        checks=(*_checks(binding, facts, diff, kind), *following.checks),
        calls=calls_of(systems, binding, binding.pointer, aim),
        cannot=tuple(sentence for slug in used for sentence in systems.cannot.get(slug, ())),
        undo=_undo(binding.pointer, aim),
        made_at=now,
        expires_at=now + ttl,
    )


def _undo(pointer: Pointer, aim: VersionMove) -> str:
    if aim.only_mirrors:
        back = ", ".join(f"{one.pointer.alias} → version {one.before.version}" for one in aim.mirrors)
        return f"What serves is not changed. The mirrors are moved back by hand: {back}."
    follow = "".join(f", {one.pointer.alias} → version {one.before.version}" for one in aim.mirrors)
    return f"The same way back: {pointer.alias} → version {aim.now.version}{follow}."


# ---------------------------------------------------------------- reading


async def _read(
    systems: Systems,
    binding: Binding,
    pointer: Pointer,
    spans: tuple[LiveSpan, ...],
    to: str | None,
    kind: OperationKind,
) -> Facts:
    registry = systems.registry(pointer.integration)
    (live, versions), answers = await asyncio.gather(
        asyncio.gather(registry.resolve(pointer.model, pointer.alias), registry.versions(pointer.model)),
        asyncio.gather(*(_observe(systems, target) for target in binding.serving)),
    )
    if live.version is None:
        raise BadInput(
            f"{pointer.model} has no alias {pointer.alias} in {pointer.integration}.",
            not_done=_UNCHANGED,
            next_step="Check models → registry → alias in the configuration.",
        )
    target, why, span = _choose(binding, versions, spans, live.version, to, kind)
    current_full, target_full = await asyncio.gather(
        registry.version(pointer.model, live.version), registry.version(pointer.model, target)
    )
    named = tuple((binding.called(t), a) for t, a in zip(binding.serving, answers, strict=True))
    return Facts(live, named, current_full, target_full, why, span)


async def _observe(systems: Systems, target: Target) -> Observation | IntegrationError:
    """What the serving side says; that it doesn't answer is a finding of the plan, not an end of it."""
    try:
        return await systems.observe(target)
    except IntegrationError as error:
        return error


def _choose(
    binding: Binding,
    versions: Sequence[ModelVersion],
    spans: tuple[LiveSpan, ...],
    live: str,
    to: str | None,
    kind: OperationKind,
) -> tuple[str, str, LiveSpan | None]:
    """The version to go to: the one asked for, else the one that this kind of operation means; never a guess."""
    known = [v.version for v in versions]
    others = [v for v in known if v != live]
    if not others:
        raise BadInput(
            f"{binding.model} has a single version ({live}); there is nothing to {_GO[kind]} to.",
            not_done=_UNCHANGED,
            next_step="Retrain it, or switch the deployment off where it is served.",
        )
    if to is not None:
        wanted = to[1:] if to[:1] in "vV" and to[1:].isdigit() else to
        _exists(binding, wanted, known, live)
        span = _last_span(spans, wanted)
        return wanted, "asked for" + (f"; {_span_text(span)}" if span else ""), span
    match kind:
        case OperationKind.PROMOTE:
            return _challenger(binding, versions, spans, live)
        case OperationKind.FREEZE:
            return _fallback(binding, known, spans, live)
        case _:
            return _previous_good(binding, spans, live, others)


def _exists(binding: Binding, wanted: str, known: Sequence[str], live: str) -> None:
    others = ", ".join([v for v in known if v != live][:10])
    if wanted == live and not binding.mirrors:
        raise BadInput(
            f"Version {live} is the live one already.", not_done=_UNCHANGED, next_step=f"Other versions: {others}."
        )
    if wanted not in known:
        raise BadInput(
            f"{binding.model} has no version {wanted[:40]}.",
            not_done=_UNCHANGED,
            next_step=f"It has: {', '.join(known[:10])}.",
        )


def _live_already(binding: Binding, live: str, following: Following) -> BadInput:
    said = "; ".join(f"{check.name}: {check.evidence}" for check in following.checks)
    return BadInput(
        f"Version {live} is the live one already, and nothing can follow it: {said}.",
        not_done=_UNCHANGED,
        next_step=f"Name another version: /mlops rollback {binding.model} --to VERSION",
    )


def _previous_good(
    binding: Binding, spans: tuple[LiveSpan, ...], live: str, others: Sequence[str]
) -> tuple[str, str, LiveSpan | None]:
    good = previous_good(tuple(span for span in spans if span.version in others), live)
    if good is None:
        raise BadInput(
            f"The ledger knows no earlier version of {binding.model} that was live, so none is guessed.",
            not_done=_UNCHANGED,
            next_step=f"Say which one: /mlops rollback {binding.model} --to VERSION (it has {', '.join(others[:10])}).",
        )
    return good.version, _why_good(good, spans, live), good


def _challenger(
    binding: Binding, versions: Sequence[ModelVersion], spans: tuple[LiveSpan, ...], live: str
) -> tuple[str, str, LiveSpan | None]:
    """The version that carries the challenger's alias."""
    found = next((v.version for v in versions if binding.challenger in v.aliases), None)
    if found is None:
        raise BadInput(
            f"No version of {binding.model} has the alias {binding.challenger}.",
            not_done=_UNCHANGED,
            next_step=f"Say which one: /mlops promote {binding.model} --to VERSION, or retrain it first.",
        )
    if found == live:
        raise BadInput(
            f"The {binding.challenger}, version {found}, is the live one already.",
            not_done=_UNCHANGED,
            next_step=f"Say which one: /mlops promote {binding.model} --to VERSION",
        )
    return found, f"it has the alias {binding.challenger}", _last_span(spans, found)


def _fallback(
    binding: Binding, known: Sequence[str], spans: tuple[LiveSpan, ...], live: str
) -> tuple[str, str, LiveSpan | None]:
    """The version that the configuration names for the worst case."""
    if not binding.fallback:
        raise BadInput(
            f"No fallback version of {binding.model} is configured.",
            not_done=_UNCHANGED,
            next_step="Name one under models → environments → fallback, or roll it back: /mlops rollback "
            f"{binding.model}",
        )
    _exists(binding, binding.fallback, known, live)
    span = _last_span(spans, binding.fallback)
    return binding.fallback, "the fallback that the configuration names", span


def _last_span(spans: tuple[LiveSpan, ...], version: str) -> LiveSpan | None:
    return max((s for s in spans if s.version == version), key=lambda s: s.since, default=None)


def _span_text(span: LiveSpan, *, health: str | None = None) -> str:
    until = f"to {span.until:%Y-%m-%d %H:%M} UTC ({spoken(span.until - span.since)})" if span.until else "until now"
    return (
        f"live from {span.since:%Y-%m-%d %H:%M} {until}{_HEALTH[span.verdict] if health is None else health} (ledger)"
    )


def _why_good(good: LiveSpan, spans: tuple[LiveSpan, ...], live: str) -> str:
    """It is called good only when it is known to be; nothing known against it is less, and said as that."""
    if good.verdict is Verdict.HEALTHY:
        return f"the previous good version: {_span_text(good)}"
    passed_over = any(span.since > good.since and span.version not in {good.version, live} for span in spans)
    which = "an earlier version" if passed_over else "the version before"
    return f"{which}: {_span_text(good, health='; no incident is known about it')}"


# ---------------------------------------------------------------- calls


def calls_of(systems: Systems, binding: Binding, pointer: Pointer, aim: VersionMove) -> tuple[Call, ...]:
    """Every call that changes something, in its order: what serves first, mirrors last."""
    follow = mirror_calls(systems, binding, aim.mirrors)
    if aim.only_mirrors:
        return follow
    version = aim.target.version
    move = systems.registry(pointer.integration).plan_move(pointer.model, pointer.alias, version)
    told = (systems.deployers[t.integration].plan_serve(t.name, version) for t in to_tell(systems, binding))
    return (move, *told, *follow)


def _answer(facts: Facts) -> Observation | None:
    return next((answer for _, answer in facts.serving if isinstance(answer, Observation)), None)


def _diff(facts: Facts) -> SignatureDiff | None:
    now, target = facts.current, facts.target
    if now is None or now.signature is None or target.signature is None:
        return None
    return compare_signatures(now.signature, target.signature)


# ---------------------------------------------------------------- checks


def _checks(binding: Binding, facts: Facts, diff: SignatureDiff | None, kind: OperationKind) -> tuple[Check, ...]:
    new = kind is OperationKind.PROMOTE and facts.span is None
    return (
        _ready(facts.target),
        _artifact(facts.target),
        *(gate(binding, facts.current, facts.target) if new else (_was_live(facts),)),
        _signature(diff),
        *(_serving(name, answer, facts) for name, answer in facts.serving),
        *(() if facts.serving else (_nothing_serves(binding),)),
    )


def _ready(target: ModelVersion) -> Check:
    good = target.status is VersionStatus.READY
    return Check(
        "version is ready",
        CheckResult.PASS if good else CheckResult.BLOCK,
        f"the registry says {target.status.value}",
    )


def _artifact(target: ModelVersion) -> Check:
    match target.artifact_loadable:
        case True:
            return Check("artefact is there", CheckResult.PASS, "its description was fetched just now")
        case False:
            return Check("artefact is there", CheckResult.BLOCK, "the registry has no artefact for this version")
        case None:
            return Check("artefact is there", CheckResult.WARN, "could not be looked at")


def _was_live(facts: Facts) -> Check:
    name = "was live before"
    if facts.span is None:
        return Check(name, CheckResult.WARN, "the ledger has never seen it live")
    match facts.span.verdict:
        case Verdict.UNHEALTHY:
            return Check(name, CheckResult.WARN, f"it was, and an incident was about it: {_span_text(facts.span)}")
        case Verdict.HEALTHY | Verdict.UNKNOWN:
            return Check(name, CheckResult.PASS, _span_text(facts.span))


def gate(binding: Binding, champion: ModelVersion | None, challenger: ModelVersion) -> tuple[Check, ...]:
    """Whether a version that never served may: in no metric of the gate worse than the champion."""
    if not binding.gate:
        return (Check("gate", CheckResult.WARN, "no gate is configured for this model; compare the metrics yourself"),)
    return tuple(_gate_of(name, higher, champion, challenger) for name, higher in binding.gate)


def _gate_of(metric: str, higher: bool, champion: ModelVersion | None, challenger: ModelVersion) -> Check:
    name = f"gate: {metric}"
    new = challenger.metrics.get(metric)
    old = champion.metrics.get(metric) if champion is not None else None
    if new is None:
        return Check(name, CheckResult.BLOCK, f"version {challenger.version} has no such metric")
    if old is None:
        return Check(name, CheckResult.WARN, f"it is {new:.4g}; the champion has none to compare with")
    worse = new < old if higher else new > old
    better = "more" if higher else "less"
    text = f"{new:.4g}, the champion has {old:.4g} ({better} is better)"
    return Check(name, CheckResult.BLOCK if worse else CheckResult.PASS, text)


def _signature(diff: SignatureDiff | None) -> Check:
    name = "callers can use it unchanged"
    if diff is None:
        return Check(name, CheckResult.WARN, "one of the two versions has no signature to compare")
    if diff.compatible:
        removed = ", ".join(column.name for column in diff.removed)
        return Check(name, CheckResult.PASS, f"same inputs and outputs{f'; {removed} is ignored' if removed else ''}")
    parts = [f"it needs {c.name} ({c.type})" for c in diff.added_required]
    parts += [f"{now.name} becomes {then.type} (is {now.type})" for now, then in diff.changed]
    if diff.outputs_changed:
        parts.append("its outputs differ")
    return Check(name, CheckResult.BLOCK, "; ".join(parts))


def _serving(name: str, answer: Observation | IntegrationError, facts: Facts) -> Check:
    title = f"serving: {name}"
    if isinstance(answer, IntegrationError):
        return Check(title, CheckResult.WARN, f"{answer.what} The result could not be confirmed.")
    if answer.in_progress:
        return Check(title, CheckResult.WARN, "a change is going on there now")
    if answer.version != facts.pointer.version:
        text = f"it answers with version {answer.version}, the registry points at {facts.pointer.version}"
        return Check(title, CheckResult.WARN, text)
    weak = "" if answer.evidence is Evidence.ANSWER else " (not from an answer of its own)"
    return Check(title, CheckResult.PASS, f"answers with version {answer.version}{weak}")


def _nothing_serves(binding: Binding) -> Check:
    text = f"no serving target is configured for {binding.model}: that it serves could not be confirmed"
    return Check("serving", CheckResult.WARN, text)
