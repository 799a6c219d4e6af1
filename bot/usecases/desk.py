"""The one door for people: commands, button presses, declarations and pins, from Slack and from the command line alike.

Every call answers with a `Reply`, also when the answer is no. What our own rules or another system refuse is explained
to the person; anything unexpected is left to the edge that called.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.domain.errors import BotError, IntegrationError
from bot.domain.incident import Incident
from bot.domain.operation import Operation
from bot.domain.people import Person
from bot.domain.plan import OperationKind
from bot.domain.post import Backlog
from bot.domain.severity import Severity
from bot.domain.timeline import Draft, Kind
from bot.ports.clock import Clock
from bot.ports.store import Store, Transaction
from bot.usecases import decide, lists, operate, respond
from bot.usecases.commands import Commands, DoctorReport, PageLink, waiting_for
from bot.usecases.grammar import number, parse
from bot.usecases.place import NOWHERE, Place, incident_at
from bot.usecases.reply import Reply, Tone, refusal, say
from bot.usecases.request import Wish
from bot.usecases.setup import Setup
from bot.usecases.storm import backlog
from bot.usecases.systems import Systems

__all__ = ["NOWHERE", "Desk", "Home", "PageLink", "Place"]


@dataclass(frozen=True, slots=True)
class Home:
    """What App Home shows a person."""

    incidents: tuple[Incident, ...]
    waiting: tuple[Operation, ...]
    """Operations that wait for this person's approval."""
    backlog: Backlog | None = None
    """What Slack does not show yet, when that lasts."""


class Desk:
    """What people want, done."""

    def __init__(
        self,
        store: Store,
        setup: Setup,
        systems: Systems,
        clock: Clock,
        *,
        nudge: Callable[[], None],
        doctor: DoctorReport | None = None,
        page: PageLink = lambda _: "",
    ) -> None:
        self.setup = setup
        self._store = store
        self._nudge = nudge
        self._commands = Commands(store, setup, systems, clock, doctor=doctor, page=page)

    # ------------------------------------------------------------ doors

    async def command(self, text: str, by: Person, place: Place = NOWHERE) -> Reply:
        """Everything after `/mlops`."""
        try:
            return await self._commands.run(parse(text), by, place)
        except BotError as error:
            return _explained(error)
        finally:
            self._nudge()

    async def press(self, action: str, value: str, by: Person, place: Place = NOWHERE) -> Reply:
        """A button: `action` is its id, `value` holds `INC-42` or `OP-17`."""
        try:
            return await self._press(action, value, by, place)
        except BotError as error:
            return _explained(error)
        finally:
            self._nudge()

    async def declare(
        self, title: str, model: str | None, severity: Severity | None, by: Person, place: Place = NOWHERE
    ) -> Reply:
        """Open an incident by hand."""
        del place
        try:
            return await self._commands.declare(title, model, severity, by)
        except BotError as error:
            return _explained(error)
        finally:
            self._nudge()

    async def pin(self, text: str, author: str, said_at: datetime, link: str, by: Person, place: Place) -> Reply:
        """Put a Slack message on the timeline of the incident whose card, thread or channel it stands in."""

        def decide(tx: Transaction) -> Reply:
            incident = incident_at(tx, place)
            if incident is None:
                return say(
                    "This message belongs to no incident.",
                    "It was not put on a timeline.",
                    "Pin messages in an incident's thread, or use /mlops note INC TEXT",
                    tone=Tone.REFUSED,
                )
            key = f"{place.channel_id}:{place.message_ts}"
            if not tx.keys.first("pin", f"{incident.number}:{key}"):
                return say(f"It is on {incident.ref}'s timeline already.")
            words = text.strip() or "(a message without text)"
            draft = Draft(Kind.MESSAGE, f"{author}: {words} (pinned by {by.name})", by.actor, said_at, link)
            tx.timeline.append(incident.number, draft)
            return say(f"Put on {incident.ref}'s timeline.", tone=Tone.DONE)

        return await self._store.write(decide)

    async def home(self, by: Person) -> Home:
        """What is going on, and what waits for this person."""

        def look(tx: Transaction) -> Home:
            return Home(tuple(tx.incidents.live(limit=20)), tuple(waiting_for(tx, by)), backlog(tx))

        return await self._store.read(look)

    # ------------------------------------------------------------ presses

    async def _press(self, action: str, value: str, by: Person, place: Place) -> Reply:
        del place
        kind, _, verb = action.partition(".")
        ref = number(value, "OP" if kind == "operation" else "INC")
        if ref is None:
            return say("This button is from another version of the bot.", "Nothing was done.", tone=Tone.FAULT)
        if kind == "operation":
            return await self._press_operation(action, verb, ref, by)
        match action:
            case "incident.acknowledge":
                return await self._store.write(lambda tx: respond.acknowledge(tx, self.setup, ref, by))
            case "incident.resolve":
                return await self._store.write(lambda tx: respond.resolve(tx, self.setup, ref, by))
            case "incident.rollback":
                return await self._change_for(OperationKind.ROLLBACK, ref, by)
            case "incident.retrain":
                return await self._change_for(OperationKind.RETRAIN, ref, by)
            case "incident.runbook":
                return await self._store.read(lambda tx: lists.runbook_of(tx, self.setup, ref))
            case "incident.timeline":
                return await self._commands.timeline(ref)
            case _:
                return say(f"There is no button {action[:60]}.", "Nothing was done.", tone=Tone.FAULT)

    async def _press_operation(self, action: str, verb: str, ref: int, by: Person) -> Reply:
        if verb in decide.VERBS and verb != "break-glass":
            return await self._store.write(lambda tx: decide.VERBS[verb](tx, self.setup, ref, by, ""))
        match verb:
            case "undo":
                return await self._commands.undo(ref, by)
            case "promote":
                return await self._promote_result(ref, by)
            case _:
                return say(f"There is no button {action[:60]}.", "Nothing was done.", tone=Tone.FAULT)

    async def _promote_result(self, ref: int, by: Person) -> Reply:
        """The version that a training has yielded is to serve."""
        trained = await self._store.read(lambda tx: operate.get(tx, ref))
        if trained.result is None:
            return say(f"{trained.ref} has yielded no version.", "Nothing was planned or changed.", tone=Tone.REFUSED)
        about = await self._store.read(lambda tx: tx.incidents.get(trained.incident) if trained.incident else None)
        reason = f"the result of {trained.ref}"
        wish = Wish(OperationKind.PROMOTE, trained.model, by, about, reason, to=trained.result.version)
        return await self._commands.ask(wish)

    async def _change_for(self, kind: OperationKind, ref: int, by: Person) -> Reply:
        incident = await self._store.read(lambda tx: respond.find(tx, ref))
        if incident.model is None:
            raise operate.need_model(incident, kind.command)
        return await self._commands.ask(Wish(kind, incident.model, by, incident, f"{incident.ref}: {incident.title}"))


def _explained(error: BotError) -> Reply:
    """Our own no is a refusal; another system's is a fault, and the text says what was not done."""
    if isinstance(error, IntegrationError):
        return say(
            error.what, error.not_done or "Nothing was changed.",
            error.next_step or "Try again, or look at /mlops doctor.", tone=Tone.FAULT,
        )  # fmt: skip
    return refusal(error)
