"""What the bot does by itself when an alert fires: nothing, a plan that waits for its approval, or, signed, all of it.

A policy never goes before a person: it asks through the same door, its plan has the same checks, and whatever does not
pass them, or goes beyond the policy's own limits, waits for the Accountable.
"""

from collections.abc import Callable
from datetime import timedelta

from bot.domain.errors import BotError
from bot.domain.incident import Incident
from bot.domain.operation import Operation, OperationState, move
from bot.domain.people import Person
from bot.domain.plan import CheckResult
from bot.domain.post import Lane
from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.clock import Clock
from bot.ports.engine import Steps
from bot.ports.store import Store, Transaction
from bot.usecases import operate, request
from bot.usecases.setup import Mode, Policy, Setup
from bot.usecases.systems import Systems

POLICY = "policy"
"""The name of the durable work; its number is the incident's."""
DAY = timedelta(days=1)


def consider(tx: Transaction, setup: Setup, incident: Incident, alert: str) -> None:
    """A new incident: start what its policy says, in the same commit."""
    if incident.model is None or incident.drill:
        return
    rule = setup.policies.rule(incident.model, alert)
    if rule is not None and rule.mode is not Mode.SUGGEST and tx.keys.first(POLICY, f"{incident.number}", rule.name):
        tx.start_work(POLICY, incident.number)


def signature_holds(setup: Setup, name: str, model: str) -> bool:
    """Whether who has signed a policy is still the one who answers for what it does to this model."""
    rule = next((rule for rule in setup.policies.rules if rule.name == name), None)
    if rule is None or rule.mode is not Mode.AUTO:
        return False
    accountable = operate.route_of(setup, rule.kind, model).accountable
    return accountable is not None and accountable.person == rule.signed_by


class PolicyStory:
    """Carries out what a policy says about one incident."""

    def __init__(self, store: Store, setup: Setup, systems: Systems, clock: Clock, nudge: Callable[[], None]) -> None:
        self._store = store
        self._setup = setup
        self._systems = systems
        self._clock = clock
        self._nudge = nudge

    async def story(self, number: int, steps: Steps) -> None:
        """Plan, and where it is signed and safe, approve. The durable engine calls this, again after a crash."""
        await steps.run("plan", lambda: self._plan(number))
        await steps.run("approve", lambda: self._approve(number))
        self._nudge()

    def _rule(self, tx: Transaction, incident: Incident) -> Policy | None:
        name = tx.keys.get(POLICY, f"{incident.number}")
        return next((rule for rule in self._setup.policies.rules if rule.name == name), None)

    async def _plan(self, number: int) -> str:
        def look(tx: Transaction) -> tuple[Incident | None, Policy | None]:
            incident = tx.incidents.get(number)
            return incident, self._rule(tx, incident) if incident else None

        incident, rule = await self._store.read(look)
        if incident is None or rule is None or incident.model is None or not incident.status.live:
            return "nothing to do"
        who = f"policy:{rule.name}"
        wish = request.Wish(
            rule.kind, incident.model, Person(who, f"The policy {rule.name}", ""), about=incident,
            reason=f"{incident.ref}: {incident.title}", policy=rule.name,
        )  # fmt: skip
        try:
            reply = await request.ask(self._store, self._setup, self._systems, self._clock, wish)
        except BotError as error:
            text = f"The policy {rule.name} wanted a {rule.kind.noun}; it could not be planned: {error}"
            await self._store.write(lambda tx: _note(tx, number, text))
            return "not planned"
        return reply.title[:200]

    async def _approve(self, number: int) -> str:
        return await self._store.write(lambda tx: self._decide(tx, number))

    def _decide(self, tx: Transaction, number: int) -> str:
        incident = tx.incidents.get(number)
        rule = self._rule(tx, incident) if incident else None
        operation = next(
            (o for o in tx.operations.newest(limit=10, incident=number)
             if rule is not None and o.policy == rule.name and o.state is OperationState.AWAITING_APPROVAL), None,
        )  # fmt: skip
        if rule is None or rule.mode is not Mode.AUTO or operation is None:
            return "left to people"
        against = self._against(tx, rule, operation)
        if against:
            _note(tx, number, f"{operation.ref} is not carried out by itself: {against}. It waits for an approval.")
            return "left to people"
        after = move(
            operation, OperationState.APPROVED, decided_by=f"policy:{rule.name}", decided_at=tx.now,
            decision_reason=f"signed by {self._setup.name(rule.signed_by)} ({rule.origin})",
        )  # fmt: skip
        tx.operations.save(after, expected=OperationState.AWAITING_APPROVAL)
        tx.timers.cancel(f"{operate.EXPIRE}:{operation.number}")
        tx.start_work(operate.EXECUTE, operation.number)
        text = f"The policy {rule.name} approved {operation.ref}, plan {operation.plan.digest[:12]}: "
        text += f"{after.decision_reason}."
        operate.record(tx, after, Kind.APPROVED, text, BOT, f"sha256:{operation.plan.digest}")
        operate.show(tx, self._setup, after, Lane.PAGE)
        return "approved"

    def _against(self, tx: Transaction, rule: Policy, operation: Operation) -> str:
        """What speaks against doing it without a person."""
        if not signature_holds(self._setup, rule.name, operation.model):
            return f"{self._setup.name(rule.signed_by)}, who signed the policy, is not Accountable for it"
        doubts = [check for check in operation.plan.checks if check.result is not CheckResult.PASS]
        if doubts:
            return f"{doubts[0].name}: {doubts[0].evidence}"
        if tx.now >= operation.plan.expires_at:
            return "its plan has expired"
        since = tx.now - DAY
        done = [
            o for o in tx.operations.newest(limit=200, model=operation.model, since=since)
            if o.policy == rule.name and o.decided_by == f"policy:{rule.name}"
        ]  # fmt: skip
        if len(done) >= rule.per_day:
            return f"the policy's {rule.per_day} a day are used up"
        if self._setup.policies.frozen_at(tx.now, operation.model) is not None:
            return "a freeze window is on"
        return ""


def _note(tx: Transaction, incident: int, text: str) -> None:
    if tx.incidents.get(incident) is not None:
        tx.timeline.append(incident, Draft(Kind.NOTE, text, BOT, tx.now))
