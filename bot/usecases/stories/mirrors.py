"""The part of a version's story in which further pointers follow: each is moved once, read back, and taken back alone.

What becomes of a mirror ends nothing: the version serves or doesn't serve without it. What is not where it should be is
said, one sentence for each, and the operation then ends as done in part.
"""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.errors import BotError
from bot.domain.models import Evidence, Observation, Pointer
from bot.domain.operation import IntentState, Operation, OperationState
from bot.domain.plan import MirrorMove
from bot.domain.timeline import Kind
from bot.ports.store import Transaction
from bot.usecases.once import Found, Outcome, Result, Step, step_key
from bot.usecases.stories.course import GO_ON, STOP, Course, record

FOLLOW = "move the mirrors"
_KINDS = {Outcome.DONE: Kind.CHANGED, Outcome.IN_DOUBT: Kind.IN_DOUBT}


def mirror_step(place: int, *, undoing: bool = False) -> str:
    """The name of the call that moves the mirror at this place of the plan, from 1 on."""
    return f"{'undo: ' if undoing else ''}move mirror {place}"


def pointer_step(
    course: Course, operation: Operation, name: str, pointer: Pointer, before: Observation, to: str
) -> Step:
    """The one call that points an alias at a version. Raises BadInput when its registry is not connected."""
    registry = course.systems.registry(pointer.integration)

    async def call() -> str:
        seen = await registry.move(pointer.model, pointer.alias, to, expected=before)
        return f"{pointer.integration}: alias {pointer.alias} of {pointer.model} read back as version {seen.version}."

    async def find() -> Found:
        seen = await registry.resolve(pointer.model, pointer.alias)
        if seen.version == to:
            return Found.THERE
        return Found.AS_BEFORE if seen.version == before.version else Found.OTHERWISE

    guarantees = course.systems.guarantees.get(pointer.integration)
    assert operation.incident is not None
    return Step(
        operation=operation.number,
        incident=operation.incident,
        name=name,
        describe=f"moving {pointer.words} from version {before.version} to version {to}",
        call=call,
        find=find,
        repeatable=guarantees is not None and guarantees.idempotent_write,
    )


class Mirrors:
    """Moves what follows."""

    def __init__(self, course: Course) -> None:
        self._course = course

    async def follow(self, number: int) -> str:
        """Move them all, one after the other; what goes wrong with one keeps no other from following."""
        operation = await self._course.read(number)
        if operation.state is not OperationState.VERIFYING:
            return STOP if operation.state.final else GO_ON
        for place, one in enumerate(operation.plan.move.mirrors, start=1):
            await self._move(operation, mirror_step(place), one.pointer, one.before, one.to)
        return GO_ON

    async def _move(
        self, operation: Operation, name: str, pointer: Pointer, before: Observation, to: str
    ) -> Result | None:
        """`None`: its registry is no longer connected, so nothing was sent; reading it back will say so."""
        try:
            step = pointer_step(self._course, operation, name, pointer, before, to)
        except BotError:
            return None
        result = await self._course.once.do(step)
        await self._course.write(lambda tx: _tell(tx, operation, step, pointer, result))
        return result

    # ------------------------------------------------------------ reading back

    async def behind(self, operation: Operation, pointer: Pointer | None) -> tuple[str, ...]:
        """Every pointer of the plan that is not where it should be. One pointer alone was read back by its own move."""
        aim = operation.plan.move
        if not aim.mirrors:
            return aim.left_out
        said = [*aim.left_out]
        if pointer is not None:
            said.append(await self._astray(operation, pointer, aim.target.version))
        for place, one in enumerate(aim.mirrors, start=1):
            said.append(await self._astray(operation, one.pointer, one.to, mirror_step(place), one.before))
        return tuple(filter(None, said))

    async def _astray(
        self, operation: Operation, pointer: Pointer, wanted: str, step: str = "", before: Observation | None = None
    ) -> str:
        """What is wrong with where a pointer is; nothing when it is where it should be."""
        intent = await self._course.store.read(lambda tx: tx.intents.get(step_key(operation.number, step)))
        moved = not step or (intent is not None and intent.state is IntentState.DONE)
        try:
            seen = await self._course.systems.registry(pointer.integration).resolve(pointer.model, pointer.alias)
        except BotError as error:
            if moved:
                return ""  # it was read back when it was moved
            why = intent.result if intent is not None else error.what
            return f"{_capital(pointer.words)} could not be read back: {why}"
        if seen.version == wanted:
            return ""
        if before is not None and seen.version == before.version and not moved:
            why = intent.result if intent is not None and intent.result else "it was not begun."
            return f"{_capital(pointer.words)} is still at version {seen.version}: {why}"
        return f"{_capital(pointer.words)} is at version {seen.version}: somebody else has moved it."

    # ------------------------------------------------------------ the way back

    async def go_back(self, operation: Operation) -> tuple[str, ...]:
        """Take back what has followed, the last first; gives what could not be, a sentence for each."""
        left: list[str] = []
        for place, one in reversed(list(enumerate(operation.plan.move.mirrors, start=1))):
            said = await self._go_back(operation, place, one)
            if said:
                left.append(said)
        return tuple(left)

    async def _go_back(self, operation: Operation, place: int, one: MirrorMove) -> str:
        assert one.before.version is not None, "what has no version is not planned"
        key = step_key(operation.number, mirror_step(place))
        intent = await self._course.store.read(lambda tx: tx.intents.get(key))
        if intent is None or intent.state in {IntentState.REFUSED, IntentState.CONFLICT}:
            return ""
        words = _capital(one.pointer.words)
        name = mirror_step(place, undoing=True)
        expected = Observation(one.to, Evidence.REGISTRY, self._course.clock.now())
        try:
            step = pointer_step(self._course, operation, name, one.pointer, expected, one.before.version)
            if not await self._course.once.begun(step) and await step.find() is Found.THERE:
                return ""
        except BotError as error:
            return f"{words} was not taken back: {error.what}"
        result = await self._move(operation, name, one.pointer, expected, one.before.version)
        if result is None or result.outcome is Outcome.DONE:
            return ""
        return f"{words} was not taken back: {result.text}"


def _tell(tx: Transaction, operation: Operation, step: Step, pointer: Pointer, result: Result) -> None:
    """Told once, also when the process ended right after it."""
    if not tx.keys.first("mirror", step.key):
        return
    did = "mirror moved" if result.outcome is Outcome.DONE else f"{pointer.words} was not moved"
    if result.outcome is Outcome.IN_DOUBT:
        did = f"whether {pointer.words} was moved is in doubt"
    record(tx, operation, _KINDS.get(result.outcome, Kind.REFUSAL), f"{operation.ref}: {did}. {result.text}")


def not_moved(moves: Sequence[MirrorMove]) -> str:
    """Said where the story ended before it was their turn."""
    if not moves:
        return ""
    return f" Not moved: {', '.join(one.pointer.words for one in moves)}."


def with_behind(operation: Operation, text: str) -> str:
    """A sentence about what is true, and what is not as it should be."""
    return " ".join((text, *operation.behind))


def noted(operation: Operation, behind: tuple[str, ...]) -> Operation:
    """What is behind, with what mends it."""
    if not behind:
        return operation
    version = operation.plan.move.target.version
    mend = f"Once that is mended: /mlops rollback {operation.model} --to {version} moves what is behind."
    return replace(operation, behind=(*behind, mend))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
