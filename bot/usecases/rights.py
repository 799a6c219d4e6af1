"""Who may do what to operations, as a table of the configuration: what it says is what happens."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.operation import OperationState
from bot.domain.plan import OperationKind
from bot.domain.routing import Permission, Right, may
from bot.usecases.operate import route_of
from bot.usecases.reply import Paragraph, Reply, Table
from bot.usecases.setup import Setup

S = OperationState
UNDOABLE = frozenset({S.SUCCEEDED, S.NOT_RECOVERED, S.WATCHING, S.INCONCLUSIVE, S.FAILED, S.PARTLY})


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a person may want to do to an operation: by which right, and in which of its states it counts."""

    command: str
    button: str
    right: Right
    states: frozenset[OperationState]
    """Where it does something; elsewhere the answer says that it is too late."""


DEEDS: tuple[Deed, ...] = (
    Deed("approve", "operation.approve", Right.APPROVE, frozenset({S.AWAITING_APPROVAL})),
    Deed("reject", "operation.reject", Right.REJECT, frozenset({S.AWAITING_APPROVAL})),
    Deed("cancel", "operation.cancel", Right.CANCEL, frozenset({S.AWAITING_APPROVAL, S.RUNNING, S.IN_DOUBT})),
    Deed("break-glass", "", Right.BREAK_GLASS, frozenset({S.AWAITING_APPROVAL})),
    Deed("undo", "operation.undo", Right.REQUEST, UNDOABLE),
)
"""An undo counts only where something was changed, and asks for an operation of its own."""

_WHO: Mapping[Right, str] = {
    Right.REQUEST: "Responsible, Accountable, or a delegate",
    Right.APPROVE: "Accountable or a delegate, never who asked",
    Right.REJECT: "Accountable or a delegate", Right.CANCEL: "who asked, Accountable, or a delegate",
    Right.BREAK_GLASS: "Responsible",
}  # fmt: skip


def permission(setup: Setup, kind: OperationKind, right: Right, model: str, person: str, requester: str) -> Permission:
    """Whether a person has a right about this kind of operation on this model."""
    return may(person, right, route_of(setup, kind, model), requester=requester)


def table(setup: Setup, model: str) -> Reply:
    """Who may ask for, decide about and take back what is done to a model."""
    rows: list[tuple[str, ...]] = []
    for kind in OperationKind:
        route = route_of(setup, kind, model)
        who = ", ".join(setup.name(person) for person in may("", Right.REQUEST, route).who) or "nobody"
        rows.append((f"/mlops {kind.command}", route.phase.value, _WHO[Right.REQUEST], who))
    for kind, what in ((OperationKind.ROLLBACK, "of what serves"), (OperationKind.RETRAIN, "of trainings")):
        route = route_of(setup, kind, model)
        for deed in DEEDS[:-1]:
            who = ", ".join(setup.name(person) for person in may("", deed.right, route).who) or "nobody"
            rows.append((f"/mlops {deed.command} {what}", route.phase.value, _WHO[deed.right], who))
    note = "The phase's row of the RACI table decides: /mlops who PHASE. Reading and helping are everybody's."
    return Reply(
        f"Rights, for {model}", parts=(Table(("What", "Phase", "Who may", "Now"), tuple(rows)), Paragraph(note))
    )
