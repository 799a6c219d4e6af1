"""The story of a version that is to serve (rollback, promotion, fallback): move the pointer once, see it serve.

Further pointers follow when everything that serves was told: `bot.usecases.stories.mirrors`.

Each step may be interrupted by kill -9 and is then run again: what it finds in the store tells it what is left to do.
`requested`, `registry changed` and `serving confirmed` are three different things, and each is claimed only when seen.
"""

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.errors import BotError
from bot.domain.incident import Status, mitigate
from bot.domain.models import Binding, Change, Evidence, LiveSpan, Observation, Pointer, Verdict
from bot.domain.operation import Operation, OperationState, Stage, Watch, move, progress
from bot.domain.plan import OperationKind
from bot.domain.timeline import BOT, Kind
from bot.ports.engine import Steps
from bot.ports.store import Transaction
from bot.usecases import notify, operate
from bot.usecases.once import Result, step_key
from bot.usecases.plans.following import patience, restart_now
from bot.usecases.stories.course import GO_ON, STOP, UNDO, Course, finish, record
from bot.usecases.stories.mirrors import FOLLOW, Mirrors, not_moved, noted, pointer_step, with_behind
from bot.usecases.stories.rollout import Told, tell
from bot.usecases.stories.watching import Watching

MOVE = "move the pointer"
MOVE_BACK = "undo: move the pointer back"

POLL_EVERY = 0.5
"""Seconds between questions to the serving side while it follows, at least."""
LOOKS = 300
"""So many questions at most."""
_DONE = {
    OperationKind.ROLLBACK: "rolled {model} back to version {version}",
    OperationKind.PROMOTE: "promoted version {version} of {model}",
    OperationKind.FREEZE: "froze {model} to version {version}",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the serving targets said in one round."""

    confirmed: bool
    text: str


class VersionStory:
    """Carries out the move of a version."""

    def __init__(self, course: Course, watching: Watching) -> None:
        self._course = course
        self._watching = watching
        self._mirrors = Mirrors(course)

    async def tell(self, number: int, steps: Steps) -> None:
        """From the approved plan to what is true at the end."""
        if await steps.run(MOVE, lambda: self._move_pointer(number)) == STOP:
            return
        if await steps.run("tell the serving side", lambda: self._tell_serving(number)) == STOP:
            return
        if await steps.run(FOLLOW, lambda: self._mirrors.follow(number)) == STOP:
            return
        if await steps.run("see it serve", lambda: self._see_it_serve(number)) == STOP:
            return
        if await steps.run("watch", lambda: self._watching.watch(number)) != UNDO:
            return
        if await steps.run(MOVE_BACK, lambda: self._move_back(number)) == STOP:
            return
        await steps.run("see it undone", lambda: self._see_it_undone(number))

    # ------------------------------------------------------------ the pointer

    async def _move_pointer(self, number: int) -> str:
        operation = await self._course.read(number)
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return STOP if operation.state.final else GO_ON
        off = await self._course.off_plan(number, MOVE, self._registry_changed)
        if off is not None:
            return off
        aim = operation.plan.move
        if aim.only_mirrors:
            return await self._course.write(lambda tx: self._nothing_to_move(tx, number))
        before = aim.now.pointer or Observation(aim.now.version, Evidence.REGISTRY, operation.plan.made_at)
        step = pointer_step(self._course, operation, MOVE, self._pointer(operation), before, aim.target.version)
        return await self._course.act(number, step, self._registry_changed, during=OperationState.EXECUTING)

    def _pointer_now(self, operation: Operation) -> Pointer | None:
        binding = self._binding(operation)
        return binding.pointer if binding is not None else None

    def _binding(self, operation: Operation) -> Binding | None:
        return self._course.setup.binding(operation.model, operation.environment)

    def _pointer(self, operation: Operation) -> Pointer:
        binding = self._binding(operation)
        assert binding is not None
        assert binding.pointer is not None, "looked at before"
        return binding.pointer

    def _registry_changed(self, tx: Transaction, operation: Operation, result: Result) -> str:
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return GO_ON
        after = move(
            operation, OperationState.VERIFYING, stage=Stage.REGISTRY_CHANGED, evidence=result.text,
            outcome=f"The registry was changed; {self._being_looked_at(operation)}",
        )  # fmt: skip
        tx.operations.save(after, expected=operation.state)
        restart = restart_now(self._course.setup.policies, self._binding(operation))
        record(tx, after, Kind.CHANGED, f"{operation.ref}: registry changed. {result.text} {restart}".rstrip())
        tx.changes.add(self._change(after, tx))
        operate.show(tx, self._course.setup, after)
        return GO_ON

    def _being_looked_at(self, operation: Operation) -> str:
        restart = restart_now(self._course.setup.policies, self._binding(operation))
        return f"whether it serves is being looked at. {restart}".rstrip()

    def _nothing_to_move(self, tx: Transaction, number: int) -> str:
        """What serves stays as it is; its mirrors are to follow."""
        operation = operate.get(tx, number)
        if operation.state is not OperationState.EXECUTING:
            return STOP if operation.state.final else GO_ON
        after = move(operation, OperationState.VERIFYING, stage=Stage.REGISTRY_CHANGED, outcome="The mirrors follow.")
        tx.operations.save(after, expected=OperationState.EXECUTING)
        operate.show(tx, self._course.setup, after)
        return GO_ON

    def _change(self, operation: Operation, tx: Transaction) -> Change:
        aim = operation.plan.move
        return Change(
            model=operation.model, kind=operation.kind.value, at=tx.now,
            by=self._course.setup.name(operation.requested_by),
            text=f"{operation.ref}: version {aim.now.version} → {aim.target.version}",
            version=aim.target.version, integration="bot",
        )  # fmt: skip

    # ------------------------------------------------------------ serving

    async def _tell_serving(self, number: int) -> str:
        """Serving systems that do not follow the registry by themselves are told; the others are only watched."""
        operation = await self._course.read(number)
        if operation.state is not OperationState.VERIFYING:
            return STOP if operation.state.final else GO_ON
        if operation.plan.move.only_mirrors:
            return GO_ON
        binding = self._binding(operation)
        once, systems, version = self._course.once, self._course.systems, operation.plan.move.target.version
        told = await tell(once, systems, binding, operation, version) if binding is not None else Told()
        if not told.faults:
            return GO_ON
        part = "was not" if not told.done else "only in part"
        left = not_moved(operation.plan.move.mirrors)
        text = f"The registry was changed, the serving side {part}: {told.text}{left}"
        return await self._course.end(number, OperationState.INCONCLUSIVE, Kind.IN_DOUBT, text)

    async def _see_it_serve(self, number: int) -> str:
        """Ask the serving side until it answers with the new version, or for as long as the policy says."""
        operation = await self._course.read(number)
        if operation.state is not OperationState.VERIFYING:
            return STOP if operation.state.final else GO_ON
        version = operation.plan.move.target.version
        answers = await self._wait_for(operation, version)
        behind = await self._mirrors.behind(operation, self._pointer_now(operation))
        if answers.confirmed:
            watch = await self._watching.begin(operation)
            return await self._course.write(lambda tx: self._confirmed(tx, number, answers, behind, watch))
        text = f"The registry was changed; that version {version} serves is not confirmed: {answers.text}."
        if restart_now(self._course.setup.policies, self._binding(operation)):
            text = f"{text} It serves that version when it was restarted."
        text = " ".join((text, *behind))
        return await self._course.end(number, OperationState.INCONCLUSIVE, Kind.IN_DOUBT, text)

    async def _wait_for(self, operation: Operation, version: str) -> Answers:
        binding = self._binding(operation)
        within = patience(self._course.setup.policies, binding) if binding is not None else timedelta()
        deadline = self._course.clock.now() + within
        pause = max(POLL_EVERY, within.total_seconds() / LOOKS)
        answers = Answers(confirmed=False, text="no serving target is configured")
        while binding is not None and binding.serving:
            answers = await self._ask(binding, version)
            if answers.confirmed or self._course.clock.now() >= deadline:
                break
            await self._course.clock.sleep(pause)
        return answers

    async def _ask(self, binding: Binding, version: str) -> Answers:
        said: list[str] = []
        confirmed = True
        for target in binding.serving:
            try:
                seen = await self._course.systems.observe(target)
            except BotError as error:  # the integration may be gone from the configuration, too
                said.append(f"{binding.called(target)}: {error.what}")
                confirmed = False
                continue
            said.append(f"{binding.called(target)} answers with version {seen.version} {seen.detail}".strip())
            confirmed &= seen.version == version and seen.healthy is not False and seen.evidence is Evidence.ANSWER
        return Answers(confirmed, "; ".join(said))

    def _confirmed(
        self, tx: Transaction, number: int, answers: Answers, behind: tuple[str, ...], watch: Watch | None
    ) -> str:
        operation = operate.get(tx, number)
        if operation.state is not OperationState.VERIFYING:
            return STOP if operation.state.final else GO_ON
        record(tx, operation, Kind.VERIFIED, f"{operation.ref}: serving confirmed. {answers.text}.")
        version = operation.plan.move.target.version
        after = noted(progress(operation, stage=Stage.SERVING_CONFIRMED, evidence=answers.text), behind)
        _ledger(tx, after, version, after.ref)
        self._mitigated(tx, after)
        text = with_behind(after, f"Serving confirmed: version {version} answers.")
        if watch is None and after.behind:
            return finish(tx, self._course.setup, after, OperationState.PARTLY, Kind.FAILED, text)
        if watch is None:
            return finish(tx, self._course.setup, after, OperationState.SUCCEEDED, Kind.SUCCEEDED, text)
        return self._watching.go_on(tx, after, watch, text)

    def _mitigated(self, tx: Transaction, operation: Operation) -> None:
        incident = tx.incidents.get(operation.incident) if operation.incident else None
        serves_already = operation.plan.move.only_mirrors
        if incident is None or serves_already or incident.status not in {Status.OPEN, Status.ACKNOWLEDGED}:
            return
        did = _DONE[operation.kind].format(model=operation.model, version=operation.plan.move.target.version)
        mitigated, draft = mitigate(incident, BOT, tx.now, f"{operation.ref} {did}, serving confirmed")
        tx.incidents.save(mitigated)
        tx.timeline.append(incident.number, draft)
        notify.show(tx, mitigated)

    # ------------------------------------------------------------ the way back

    async def _move_back(self, number: int) -> str:
        """The same call with the versions exchanged; refused when somebody else has moved it since."""
        operation = await self._course.read(number)
        aim = operation.plan.move
        binding = self._binding(operation)
        if binding is None or binding.pointer is None:
            text = f"It could not be undone: {operation.model} is no longer bound to a registry in the configuration."
            return await self._course.end(number, OperationState.INCONCLUSIVE, Kind.FAILED, text)
        if aim.only_mirrors:
            return GO_ON
        before = Observation(aim.target.version, Evidence.REGISTRY, self._course.clock.now())
        step = pointer_step(self._course, operation, MOVE_BACK, binding.pointer, before, aim.now.version)
        return await self._course.act(number, step, self._moved_back, during=OperationState.UNDOING)

    def _moved_back(self, tx: Transaction, operation: Operation, result: Result) -> str:
        if not tx.keys.first("story", step_key(operation.number, MOVE_BACK)):
            return GO_ON  # told before a restart; its state is no witness, for it stays the same
        after = progress(operation, outcome=f"The registry was moved back; {self._being_looked_at(operation)}")
        if operation.state is OperationState.IN_DOUBT:
            after = move(operation, OperationState.UNDOING, outcome=after.outcome)
        tx.operations.save(after, expected=operation.state)
        record(tx, after, Kind.CHANGED, f"{operation.ref}: moved back. {result.text}")
        operate.show(tx, self._course.setup, after)
        return GO_ON

    async def _see_it_undone(self, number: int) -> str:
        operation = await self._course.read(number)
        if operation.state is not OperationState.UNDOING:
            return STOP
        version = operation.plan.move.now.version
        binding = self._binding(operation)
        once, systems = self._course.once, self._course.systems
        told = await tell(once, systems, binding, operation, version, undoing=True) if binding is not None else Told()
        left = await self._mirrors.go_back(operation)
        answers = await self._wait_for(operation, version) if not told.faults else Answers(False, told.text)
        if not answers.confirmed:
            text = f"The registry was moved back; that version {version} serves is not confirmed: {answers.text}."
            text = " ".join((text, *left))
            return await self._course.end(number, OperationState.INCONCLUSIVE, Kind.IN_DOUBT, text)
        return await self._course.write(lambda tx: self._undone(tx, number, version, answers, left))

    def _undone(self, tx: Transaction, number: int, version: str, answers: Answers, left: tuple[str, ...]) -> str:
        operation = operate.get(tx, number)
        if operation.state is not OperationState.UNDOING:
            return STOP
        record(tx, operation, Kind.VERIFIED, f"{operation.ref}: undone, serving confirmed. {answers.text}.")
        _ledger(tx, operation, version, f"{operation.ref}, undone")
        text = " ".join((f"It got worse, so it was undone: version {version} answers again.", *left))
        if left:
            after = progress(operation, behind=left)
            return finish(tx, self._course.setup, after, OperationState.PARTLY, Kind.FAILED, text)
        return finish(tx, self._course.setup, operation, OperationState.UNDONE, Kind.UNDONE, text)


def _ledger(tx: Transaction, operation: Operation, version: str, cause: str) -> None:
    """The version that was gone back from was unhealthy; the target is live from now on."""
    model, environment = operation.model, operation.environment
    open_span = tx.ledger.open_span(model, environment)
    if open_span is not None and open_span.version == version:
        return
    if open_span is not None:
        if operation.kind is not OperationKind.PROMOTE or operation.state is OperationState.UNDOING:
            tx.ledger.judge(model, environment, Verdict.UNHEALTHY, operation.incident)
        tx.ledger.end(model, environment, tx.now)
    tx.ledger.begin(LiveSpan(model, environment, version, Evidence.ANSWER, tx.now, None, Verdict.UNKNOWN, cause=cause))
