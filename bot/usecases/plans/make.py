"""Which plan a request leads to, with everything that the store knows for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain.incident import Incident
from bot.domain.models import Binding, LiveSpan
from bot.domain.operation import Operation, OperationState
from bot.domain.plan import Check, CheckResult, OperationKind, Plan
from bot.ports.clock import Clock
from bot.ports.store import Store, Transaction
from bot.usecases import live
from bot.usecases.plans import switching, traffic, training, version
from bot.usecases.plans.following import follow_checks
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems

DAY = timedelta(days=1)
FORBIDDEN_WHEN_FROZEN = {OperationKind.PROMOTE, OperationKind.SHIFT_TRAFFIC, OperationKind.RETRAIN}


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan is wanted for."""

    kind: OperationKind
    to: str | None = None
    percent: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    about: Incident | None = None
    pipeline: str = ""
    """The name of a training; empty: the default one."""


async def plan(store: Store, setup: Setup, systems: Systems, clock: Clock, binding: Binding, request: Request) -> Plan:
    """Read everything anew and make the plan. Raises BadInput and IntegrationErrors that say what is missing."""
    ttl = setup.policies.plan_ttl
    match request.kind:
        case OperationKind.ROLLBACK | OperationKind.PROMOTE | OperationKind.FREEZE:
            await live.look_at(store, systems, binding, clock)
            spans: tuple[LiveSpan, ...] = await store.read(
                lambda tx: tx.ledger.spans(binding.model, binding.environment)
            )
            made = await version.plan_version(
                systems, binding, spans, request.to, kind=request.kind, now=clock.now(), ttl=ttl
            )
        case OperationKind.SHIFT_TRAFFIC:
            made = await traffic.plan_shift(systems, binding, request.to, request.percent, now=clock.now(), ttl=ttl)
        case OperationKind.RETRAIN:
            known = await store.read(lambda tx: _history(tx, binding, request.about))
            made = await training.plan_retrain(
                systems, setup.policies, binding, known, request.parameters, name=request.pipeline, now=clock.now()
            )
        case OperationKind.PAUSE_PIPELINE | OperationKind.RESUME_PIPELINE:
            made = await switching.plan_switch(
                systems, binding, request.pipeline, paused=request.kind is OperationKind.PAUSE_PIPELINE,
                now=clock.now(), ttl=ttl,
            )  # fmt: skip
    by_hand = follow_checks(systems, setup.policies, binding, made.aim)
    return replace(made, checks=(*made.checks, *by_hand, *_frozen(setup, made, clock)))


def _history(tx: Transaction, binding: Binding, about: Incident | None) -> training.History:
    """What our own records say about earlier trainings and about the data."""
    since = tx.now - DAY
    mine = [o for o in tx.operations.newest(limit=100, model=binding.model, since=since) if _begun(o)]
    troubled = [i for i in tx.incidents.live(model=binding.model) if i.route.phase in training.DATA_PHASES]
    return training.History(tuple(mine), about, tuple(troubled))


def _begun(operation: Operation) -> bool:
    never = {
        OperationState.AWAITING_APPROVAL, OperationState.REJECTED, OperationState.EXPIRED, OperationState.STALE,
        OperationState.CANCELLED,
    }  # fmt: skip
    return operation.kind is OperationKind.RETRAIN and (operation.state not in never or operation.run is not None)


def _frozen(setup: Setup, made: Plan, clock: Clock) -> tuple[Check, ...]:
    """A freeze window forbids what can wait, and is only said of what brings a good version back."""
    window = setup.policies.frozen_at(clock.now(), made.model)
    if window is None:
        return ()
    until = f"until {window.until:%Y-%m-%d %H:%M} UTC"
    text = f"a freeze window is on {until}{f': {window.why}' if window.why else ''}"
    forbids = made.kind in FORBIDDEN_WHEN_FROZEN
    return (Check("freeze window", CheckResult.BLOCK if forbids else CheckResult.WARN, text),)
