"""The story of an approved rollback, to be read from top to bottom: check, move the pointer once, see it serve.

Each step may be interrupted by kill -9 and is then run again: what it finds in the store tells it what is left to do.
`requested`, `registry changed` and `serving confirmed` are three different things, and each is claimed only when seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from bot.domain.errors import BotError, IntegrationError
from bot.domain.incident import Status, mitigate
from bot.domain.metrics import spoken
from bot.domain.models import Binding, Change, Evidence, LiveSpan, Observation, Pointer, Verdict
from bot.domain.operation import IntentState, Operation, OperationState, Stage, move, progress
from bot.domain.post import Lane
from bot.domain.routing import Right, may
from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.clock import Clock
from bot.ports.engine import Fence, Steps
from bot.ports.store import Store, Transaction
from bot.usecases import notify, operate
from bot.usecases.offplan import off_plan
from bot.usecases.once import Found, Once, Outcome, Result, Step, step_key
from bot.usecases.rollout import tell
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems

T = TypeVar("T")

GO_ON = "go on"
STOP = "stop"
MOVE = "move the pointer"

LOOK_EVERY = 15.0
"""Seconds between looks at an operation in doubt."""
LOOKS = 240
"""After an hour of looks a person must decide."""
POLL_EVERY = 0.5
"""Seconds between questions to the serving side while it follows."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the serving targets said in one round."""

    confirmed: bool
    text: str


class Executor:
    """Carries out approved operations."""

    def __init__(
        self, store: Store, setup: Setup, systems: Systems, clock: Clock, fence: Fence, nudge: Callable[[], None]
    ) -> None:
        self._store = store
        self._setup = setup
        self._systems = systems
        self._clock = clock
        self._once = Once(store, clock, fence)
        self._nudge = nudge

    async def story(self, number: int, steps: Steps) -> None:
        """Carry out operation `number`; the durable engine calls this, again after a crash."""
        await self._write(lambda tx: _begun_or_resumed(tx, number))
        if await steps.run("begin", lambda: self._begin(number)) == STOP:
            return
        if await steps.run(MOVE, lambda: self._move_pointer(number)) == STOP:
            return
        if await steps.run("tell the serving side", lambda: self._tell_serving(number)) == STOP:
            return
        await steps.run("see it serve", lambda: self._see_it_serve(number))

    # ------------------------------------------------------------ begin

    async def _begin(self, number: int) -> str:
        """Rights are checked again: the person who approved may have left the table since."""

        def decide(tx: Transaction) -> str:
            operation = operate.get(tx, number)
            if operation.state is not OperationState.APPROVED:
                return STOP if operation.state.final else GO_ON
            route = operate.route_of(self._setup, operation.kind, operation.model)
            approver = operation.decided_by or ""
            if not may(approver, Right.APPROVE, route, requester=operation.requested_by).allowed:
                text = f"{self._setup.name(approver)} may no longer approve it. Nothing was changed."
                return _finish(tx, self._setup, operation, OperationState.FAILED, Kind.FAILED, text)
            after = move(operation, OperationState.EXECUTING)
            tx.operations.save(after, expected=OperationState.APPROVED)
            operate.show(tx, self._setup, after)
            return GO_ON

        return await self._write(decide)

    # ------------------------------------------------------------ the pointer

    async def _move_pointer(self, number: int) -> str:
        operation = await self._store.read(lambda tx: operate.get(tx, number))
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return STOP if operation.state.final else GO_ON
        binding = self._setup.binding(operation.model, operation.environment)
        fault = off_plan(self._setup, self._systems, operation)
        if fault or binding is None or binding.pointer is None:
            return await self._write(lambda tx: self._off_plan(tx, number, fault))
        step = self._pointer_step(operation, binding.pointer)
        if operation.state is OperationState.IN_DOUBT:
            return await self._keep_looking(number, step)
        result = await self._once.do(step)
        match result.outcome:
            case Outcome.DONE:
                return await self._write(lambda tx: self._registry_changed(tx, number, result))
            case Outcome.CONFLICT:
                text = f"{result.text} The plan is out of date; ask anew: /mlops rollback {operation.model}"
                return await self._end(number, OperationState.STALE, Kind.FAILED, text)
            case Outcome.REFUSED:
                return await self._end(number, OperationState.FAILED, Kind.FAILED, result.text)
            case Outcome.IN_DOUBT:
                return await self._in_doubt(number, step, result)

    def _pointer_step(self, operation: Operation, pointer: Pointer) -> Step:
        registry = self._systems.registry(pointer.integration)
        target = operation.plan.target.version
        before = operation.plan.now.pointer or Observation(
            operation.plan.now.version, Evidence.REGISTRY, operation.plan.made_at
        )

        async def call() -> str:
            seen = await registry.move(pointer.model, pointer.alias, target, expected=before)
            return (
                f"{pointer.integration}: alias {pointer.alias} of {pointer.model} read back as version {seen.version}."
            )

        async def find() -> Found:
            seen = await registry.resolve(pointer.model, pointer.alias)
            if seen.version == target:
                return Found.THERE
            return Found.AS_BEFORE if seen.version == before.version else Found.OTHERWISE

        guarantees = self._systems.guarantees.get(pointer.integration)
        assert operation.incident is not None
        return Step(
            operation=operation.number,
            incident=operation.incident,
            name=MOVE,
            describe=f"moving alias {pointer.alias} of {pointer.model} in {pointer.integration} "
            f"from version {before.version} to version {target}",
            call=call,
            find=find,
            repeatable=guarantees is not None and guarantees.idempotent_write,
        )

    def _off_plan(self, tx: Transaction, number: int, fault: str) -> str:
        """What was approved can't be done any more: what became of it is what is written down about its call."""
        operation = operate.get(tx, number)
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return STOP if operation.state.final else GO_ON
        intent = tx.intents.get(step_key(number, MOVE))
        match intent.state if intent is not None else None:
            case IntentState.DONE if intent is not None:
                return self._registry_changed(tx, number, Result(Outcome.DONE, intent.result))
            case IntentState.INTENDED | IntentState.IN_DOUBT:
                said = "The call may have been made before; it can't be looked at by this configuration."
                text = f"{fault} {said} A person must look and decide: /mlops cancel {operation.ref} ends it."
                after = progress(operation, outcome=text)
                if operation.state is OperationState.EXECUTING:
                    after = move(operation, OperationState.IN_DOUBT, outcome=text)
                tx.operations.save(after, expected=operation.state)
                _record(tx, after, Kind.IN_DOUBT, f"{operation.ref}: {text}")
                operate.show(tx, self._setup, after, Lane.ACKNOWLEDGEMENT)
                return STOP
            case _:
                text = f"{fault} Nothing was changed."
                return _finish(tx, self._setup, operation, OperationState.FAILED, Kind.FAILED, text)

    def _registry_changed(self, tx: Transaction, number: int, result: Result) -> str:
        operation = operate.get(tx, number)
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return STOP if operation.state.final else GO_ON
        after = move(
            operation, OperationState.VERIFYING, stage=Stage.REGISTRY_CHANGED, evidence=result.text,
            outcome="The registry was changed; whether it serves is being looked at.",
        )  # fmt: skip
        tx.operations.save(after, expected=operation.state)
        _record(tx, after, Kind.CHANGED, f"{operation.ref}: registry changed. {result.text}")
        tx.changes.add(_change(after, tx.now, self._setup))
        operate.show(tx, self._setup, after)
        return GO_ON

    async def _in_doubt(self, number: int, step: Step, result: Result) -> str:
        """Say so, and keep looking: the row decides, not the memory of this process."""
        await self._write(lambda tx: self._say_in_doubt(tx, number, result))
        return await self._keep_looking(number, step)

    async def _keep_looking(self, number: int, step: Step) -> str:
        """Until it is seen, or a person ends it; after a while a person is told that it is up to them."""
        for _ in range(LOOKS):
            await self._clock.sleep(LOOK_EVERY)
            operation = await self._store.read(lambda tx: operate.get(tx, number))
            if operation.state is not OperationState.IN_DOUBT:
                return STOP if operation.state.final else GO_ON
            try:
                seen = await self._once.look(step)
            except IntegrationError:
                continue
            if seen.outcome is Outcome.DONE:
                return await self._write(partial(self._registry_changed, number=number, result=seen))
        await self._write(lambda tx: self._leave_to_people(tx, number))
        return STOP

    def _leave_to_people(self, tx: Transaction, number: int) -> None:
        operation = operate.get(tx, number)
        if operation.state is not OperationState.IN_DOUBT:
            return
        text = f"It was looked at for {spoken(timedelta(seconds=LOOKS * LOOK_EVERY))} and stays in doubt."
        text = f"{text} A person must look and decide: /mlops cancel {operation.ref} ends it."
        after = progress(operation, outcome=text)
        tx.operations.save(after, expected=OperationState.IN_DOUBT)
        _record(tx, after, Kind.IN_DOUBT, f"{operation.ref}: {text}")
        operate.show(tx, self._setup, after, Lane.ACKNOWLEDGEMENT)

    def _say_in_doubt(self, tx: Transaction, number: int, result: Result) -> None:
        operation = operate.get(tx, number)
        if operation.state is not OperationState.EXECUTING:
            return
        after = move(operation, OperationState.IN_DOUBT, outcome=result.text)
        tx.operations.save(after, expected=OperationState.EXECUTING)
        _record(tx, after, Kind.IN_DOUBT, f"{operation.ref}: {result.text} It is looked at, never repeated blindly.")
        operate.show(tx, self._setup, after, Lane.ACKNOWLEDGEMENT)

    # ------------------------------------------------------------ serving

    async def _tell_serving(self, number: int) -> str:
        """Serving systems that do not follow the registry by themselves are told; the others are only watched."""
        operation = await self._store.read(lambda tx: operate.get(tx, number))
        if operation.state is not OperationState.VERIFYING:
            return STOP
        binding = self._setup.binding(operation.model, operation.environment)
        fault = await tell(self._once, self._systems, binding, operation) if binding is not None else ""
        if not fault:
            return GO_ON
        text = f"The registry was changed, the serving side was not: {fault}"
        return await self._end(number, OperationState.INCONCLUSIVE, Kind.IN_DOUBT, text)

    async def _see_it_serve(self, number: int) -> str:
        """Ask the serving side until it answers with the new version, or for as long as the policy says."""
        operation = await self._store.read(lambda tx: operate.get(tx, number))
        if operation.state is not OperationState.VERIFYING:
            return STOP
        binding = self._setup.binding(operation.model, operation.environment)
        deadline = self._clock.now() + self._setup.policies.confirm_within
        answers = Answers(confirmed=False, text="no serving target is configured")
        while binding is not None and binding.serving:
            answers = await self._ask(binding, operation.plan.target.version)
            if answers.confirmed or self._clock.now() >= deadline:
                break
            await self._clock.sleep(POLL_EVERY)
        if answers.confirmed:
            return await self._write(lambda tx: self._confirmed(tx, number, answers))
        version = operation.plan.target.version
        text = f"The registry was changed; that version {version} serves is not confirmed: {answers.text}."
        return await self._end(number, OperationState.INCONCLUSIVE, Kind.IN_DOUBT, text)

    async def _ask(self, binding: Binding, version: str) -> Answers:
        said: list[str] = []
        confirmed = True
        for target in binding.serving:
            try:
                seen = await self._systems.serving(target.integration).observe(target.name)
            except BotError as error:  # the integration may be gone from the configuration, too
                said.append(f"{target.name}: {error.what}")
                confirmed = False
                continue
            said.append(f"{target.name} answers with version {seen.version} {seen.detail}".strip())
            confirmed &= seen.version == version and seen.healthy is not False and seen.evidence is Evidence.ANSWER
        return Answers(confirmed, "; ".join(said))

    def _confirmed(self, tx: Transaction, number: int, answers: Answers) -> str:
        operation = operate.get(tx, number)
        if operation.state is not OperationState.VERIFYING:
            return STOP
        _record(tx, operation, Kind.VERIFIED, f"{operation.ref}: serving confirmed. {answers.text}.")
        version = operation.plan.target.version
        after = progress(operation, stage=Stage.SERVING_CONFIRMED, evidence=answers.text)
        _ledger(tx, after)
        text = f"Serving confirmed: version {version} answers."
        _finish(tx, self._setup, after, OperationState.SUCCEEDED, Kind.SUCCEEDED, text)
        incident = tx.incidents.get(operation.incident) if operation.incident else None
        if incident is not None and incident.status in {Status.OPEN, Status.ACKNOWLEDGED}:
            how = f"{operation.ref} rolled {operation.model} back to version {version}, serving confirmed"
            mitigated, draft = mitigate(incident, BOT, tx.now, how)
            tx.incidents.save(mitigated)
            tx.timeline.append(incident.number, draft)
            notify.show(tx, mitigated)
        return GO_ON

    # ------------------------------------------------------------ shared

    async def _end(self, number: int, to: OperationState, kind: Kind, text: str) -> str:
        def decide(tx: Transaction) -> str:
            operation = operate.get(tx, number)
            return STOP if operation.state.final else _finish(tx, self._setup, operation, to, kind, text)

        return await self._write(decide)

    async def _write(self, decide: Callable[[Transaction], T]) -> T:
        result = await self._store.write(decide)
        self._nudge()
        return result


def _finish(tx: Transaction, setup: Setup, operation: Operation, to: OperationState, kind: Kind, text: str) -> str:
    after = move(operation, to, outcome=text, finished_at=tx.now)
    tx.operations.save(after, expected=operation.state)
    _record(tx, after, kind, f"{operation.ref} {to.value}. {text}")
    operate.show(tx, setup, after, Lane.ACKNOWLEDGEMENT)
    return STOP


def _begun_or_resumed(tx: Transaction, number: int) -> None:
    """The first time, remember that it was begun; the next time, say that it goes on."""
    begun = not tx.keys.first("story", f"{operate.EXECUTE}:{number}")
    operation = operate.get(tx, number)
    if begun and not operation.state.final:
        text = f"{operation.ref}: the bot was restarted while it was {operation.state.value}; it goes on from there."
        _record(tx, operation, Kind.RECOVERED, text)


def _record(tx: Transaction, operation: Operation, kind: Kind, text: str) -> None:
    if operation.incident is not None:
        tx.timeline.append(operation.incident, Draft(kind, text, BOT, tx.now))


def _change(operation: Operation, at: datetime, setup: Setup) -> Change:
    return Change(
        model=operation.model, kind="rollback", at=at, by=setup.name(operation.requested_by),
        text=f"{operation.ref}: version {operation.plan.now.version} → {operation.plan.target.version}",
        version=operation.plan.target.version, integration="bot",
    )  # fmt: skip


def _ledger(tx: Transaction, operation: Operation) -> None:
    """The version that was rolled back from was unhealthy; the target is live from now on."""
    model, environment = operation.model, operation.environment
    open_span = tx.ledger.open_span(model, environment)
    if open_span is not None and open_span.version == operation.plan.target.version:
        return
    if open_span is not None:
        tx.ledger.judge(model, environment, Verdict.UNHEALTHY, operation.incident)
        tx.ledger.end(model, environment, tx.now)
    tx.ledger.begin(
        LiveSpan(
            model, environment, operation.plan.target.version, Evidence.ANSWER, tx.now, None, Verdict.UNKNOWN,
            cause=operation.ref,
        )
    )  # fmt: skip
