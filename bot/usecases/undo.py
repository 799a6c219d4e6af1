"""The way back of an operation: a plan of its own, with an approval of its own. A click alone undoes nothing."""

from bot.domain.errors import BadInput
from bot.domain.incident import Incident
from bot.domain.operation import Operation
from bot.domain.people import Person
from bot.domain.plan import OperationKind, Switch, TrafficMove, VersionMove
from bot.usecases.request import Wish


def wish(done: Operation, about: Incident | None, by: Person, reason: str) -> Wish:
    """What to ask for. Raises BadInput when there is nothing that could be taken back."""
    if not done.can_be_undone:
        trained = done.kind is OperationKind.RETRAIN
        raise BadInput(
            f"{done.ref} is {done.state.value}: there is nothing of it to take back."
            if not trained
            else f"{done.ref} has changed nothing that serves, so there is nothing to take back.",
            not_done="Nothing was planned or changed.",
            next_step=f"What serves is changed by /mlops rollback {done.model}",
        )
    why = reason or f"undo of {done.ref}"
    match done.plan.aim:
        case VersionMove() as aim:
            back = OperationKind.ROLLBACK
            return Wish(back, done.model, by, about, why, to=aim.now.version, undoes=done.number)
        case TrafficMove() as aim:
            shift = OperationKind.SHIFT_TRAFFIC
            return Wish(shift, done.model, by, about, why, to=aim.version, percent=aim.was, undoes=done.number)
        case Switch() as aim:
            kind = OperationKind.RESUME_PIPELINE if aim.paused else OperationKind.PAUSE_PIPELINE
            return Wish(kind, done.model, by, about, why, undoes=done.number, pipeline=aim.name)
        case _:
            raise AssertionError("a training was refused above")
