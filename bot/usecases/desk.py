"""The one door for people: commands, button presses, declarations and pins, from Slack and from the command line alike.

Every call answers with a `Reply`, also when the answer is no. What our own rules or another system refuse is explained
to the person; anything unexpected is left to the edge that called.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.errors import BotError, IntegrationError
from bot.domain.incident import Incident
from bot.domain.operation import Operation, OperationState
from bot.domain.people import Person
from bot.domain.routing import Right, may
from bot.domain.severity import Severity
from bot.domain.timeline import Draft, Kind
from bot.ports.clock import Clock
from bot.ports.store import Store, Transaction
from bot.usecases import decide, lists, operate, respond, summaries
from bot.usecases.grammar import NOT_BUILT, USAGE, Words, number, parse, usage_error
from bot.usecases.reply import Reply, Tone, refusal, say
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems
from bot.usecases.views import IncidentView, OperationView, incident_view, operation_view

DoctorReport = Callable[[], Awaitable[Reply]]
PageLink = Callable[[int], str]
"""The address of an incident's timeline page for whoever is given it; empty where the program has no address."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody said or pressed something; all empty on the command line."""

    channel_id: str = ""
    thread_ts: str = ""
    message_ts: str = ""


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Home:
    """What App Home shows a person."""

    incidents: tuple[Incident, ...]
    waiting: tuple[Operation, ...]
    """Operations that wait for this person's approval."""


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
        self._systems = systems
        self._clock = clock
        self._nudge = nudge
        self._doctor = doctor
        self._page = page
        self._commands: Mapping[str, Callable[[Words, Person, Place], Awaitable[Reply]]] = {
            "help": self._help,
            "incidents": self._incidents,
            "models": self._models,
            "operations": self._operations,
            "declare": self._declare,
            "ack": self._ack,
            "resolve": self._resolve,
            "reopen": self._reopen,
            "assign": self._assign,
            "severity": self._severity,
            "note": self._note,
            "rollback": self._rollback,
            "approve": self._decide,
            "reject": self._decide,
            "cancel": self._decide,
            "runbook": self._runbook,
            "who": self._who,
            "changes": self._changes,
            "timeline": self._timeline,
            "digest": self._digest,
            "doctor": self._diagnose,
        }

    # ------------------------------------------------------------ doors

    async def command(self, text: str, by: Person, place: Place = NOWHERE) -> Reply:
        """Everything after `/mlops`."""
        try:
            words = parse(text)
            if words.name in NOT_BUILT:
                return _not_built(words.name)
            return await self._commands[words.name](words, by, place)
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
        if not title.strip():
            return refusal(usage_error("declare", "An incident needs a title."))
        try:
            return await self._store.write(lambda tx: respond.declare(tx, self.setup, title, model, severity, by))
        except BotError as error:
            return _explained(error)
        finally:
            self._nudge()

    async def pin(self, text: str, author: str, said_at: datetime, link: str, by: Person, place: Place) -> Reply:
        """Put a Slack message on the timeline of the incident whose card, thread or channel it stands in."""

        def decide(tx: Transaction) -> Reply:
            incident = _incident_at(tx, place)
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

    async def incident(self, number_: int) -> IncidentView:
        """What the card of an incident shows. Raises NotFound."""
        return await self._store.read(lambda tx: incident_view(tx, self.setup, number_))

    async def operation(self, number_: int) -> OperationView:
        """What the message of an operation shows. Raises NotFound."""
        return await self._store.read(lambda tx: operation_view(tx, self.setup, number_))

    async def home(self, by: Person) -> Home:
        """What is going on, and what waits for this person."""

        def look(tx: Transaction) -> Home:
            waiting = tuple(
                operation
                for operation in tx.operations.in_state(OperationState.AWAITING_APPROVAL)
                if may(by.id, Right.APPROVE, operation.route, requester=operation.requested_by).allowed
            )
            return Home(tuple(tx.incidents.live(limit=20)), waiting)

        return await self._store.read(look)

    # ------------------------------------------------------------ presses

    async def _press(self, action: str, value: str, by: Person, place: Place) -> Reply:
        del place
        kind, _, verb = action.partition(".")
        ref = number(value, "OP" if kind == "operation" else "INC")
        if ref is None:
            return say("This button is from another version of the bot.", "Nothing was done.", tone=Tone.FAULT)
        if kind == "operation":
            decisions = {"approve": decide.approve, "reject": decide.reject, "cancel": decide.cancel}
            if verb in decisions:
                return await self._store.write(lambda tx: decisions[verb](tx, self.setup, ref, by))
        match action:
            case "incident.acknowledge":
                return await self._store.write(lambda tx: respond.acknowledge(tx, self.setup, ref, by))
            case "incident.resolve":
                return await self._store.write(lambda tx: respond.resolve(tx, self.setup, ref, by))
            case "incident.rollback":
                return await self._roll_back_incident(ref, by)
            case "incident.runbook":
                return await self._store.read(lambda tx: lists.runbook_of(tx, self.setup, ref))
            case "incident.timeline":
                return await self._store.read(lambda tx: lists.timeline(tx, ref, self._page(ref)))
            case "incident.retrain":
                return _not_built("retrain")
            case _:
                return say(f"There is no button {action[:60]}.", "Nothing was done.", tone=Tone.FAULT)

    async def _roll_back_incident(self, ref: int, by: Person) -> Reply:
        incident = await self._store.read(lambda tx: respond.find(tx, ref))
        if incident.model is None:
            raise operate.need_model(incident)
        reason = f"{incident.ref}: {incident.title}"
        return await self._request_rollback(incident.model, None, incident, reason, by)

    async def _request_rollback(
        self, model: str, to: str | None, about: Incident | None, reason: str, by: Person
    ) -> Reply:
        return await operate.request_rollback(
            self._store, self.setup, self._systems, self._clock,
            model=model, to=to, about=about, reason=reason, by=by,
        )  # fmt: skip

    # ------------------------------------------------------------ commands on incidents

    async def _ack(self, words: Words, by: Person, place: Place) -> Reply:
        ref, _ = await self._incident_and_rest(words, place)
        return await self._store.write(lambda tx: respond.acknowledge(tx, self.setup, ref, by))

    async def _resolve(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        return await self._store.write(lambda tx: respond.resolve(tx, self.setup, ref, by, rest))

    async def _reopen(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        return await self._store.write(lambda tx: respond.reopen(tx, self.setup, ref, by, rest))

    async def _assign(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        if not rest:
            raise usage_error("assign", "Whom should it be assigned to?")
        to = self.setup.people.find(rest)
        if to is None:
            known = ", ".join(self.setup.people.ids[:10]) or "nobody"
            raise usage_error("assign", f"“{rest[:60]}” is nobody in particular. The configuration knows: {known}.")
        return await self._store.write(lambda tx: respond.assign(tx, self.setup, ref, to, by))

    async def _severity(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        severity = _severity_of(rest)
        if severity is None:
            raise usage_error("severity", "Which severity? sev1 (worst) to sev4.")
        return await self._store.write(lambda tx: respond.set_severity(tx, self.setup, ref, severity, by))

    async def _note(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        if not rest:
            raise usage_error("note", "The note is empty.")
        return await self._store.write(lambda tx: respond.note(tx, ref, rest, by))

    async def _timeline(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        if not rest:
            return await self._store.read(lambda tx: lists.timeline(tx, ref, self._page(ref)))
        verb, _, fmt = rest.partition(" ")
        if verb.lower() != "export":
            raise usage_error("timeline", f"“{verb[:40]}” is not something a timeline can do.")
        return await summaries.export(self._store, self.setup, self._clock, ref, fmt.strip() or "md", by)

    async def _declare(self, words: Words, by: Person, place: Place) -> Reply:
        _only(words, "title", "model", "severity")
        severity_word = words.options.get("severity", "")
        severity = _severity_of(severity_word)
        if severity_word and severity is None:
            raise usage_error("declare", f"There is no severity “{severity_word[:20]}”; they are sev1 to sev4.")
        title = words.options.get("title") or " ".join(words.words)
        return await self.declare(title, words.options.get("model") or None, severity, by, place)

    # ------------------------------------------------------------ commands on operations

    async def _rollback(self, words: Words, by: Person, place: Place) -> Reply:
        _only(words, "to", "incident", "reason")
        if len(words.words) > 1:
            raise usage_error("rollback", f"“{words.words[1][:40]}” was not understood; a version goes after --to.")
        if "to" in words.options and not words.options["to"]:
            raise usage_error("rollback", "To which version?")
        about = await self._store.read(lambda tx: _incident_at(tx, place))
        if "incident" in words.options:
            named = number(words.options["incident"], "INC")
            if named is None:
                raise usage_error("rollback", "An incident reads INC-42.")
            about = await self._store.read(lambda tx: respond.find(tx, named))
        model = words.words[0] if words.words else (about.model if about else None)
        if model is None:
            raise usage_error("rollback", "Which model?")
        if about is not None and about.model != model and "incident" not in words.options:
            about = None  # said in the thread of another model's incident
        return await self._request_rollback(model, words.options.get("to"), about, words.options.get("reason", ""), by)

    async def _decide(self, words: Words, by: Person, place: Place) -> Reply:
        del place
        ref = number(words.words[0], "OP") if words.words else None
        if ref is None:
            raise usage_error(words.name, "Which operation? They read OP-17; see /mlops operations.")
        verb = {"approve": decide.approve, "reject": decide.reject, "cancel": decide.cancel}[words.name]
        return await self._store.write(lambda tx: verb(tx, self.setup, ref, by, words.after(1)))

    # ------------------------------------------------------------ looking things up

    async def _help(self, words: Words, by: Person, place: Place) -> Reply:
        del words
        here = await self._store.read(lambda tx: _incident_at(tx, place))
        home = await self.home(by)
        return lists.help_for(self.setup, by, here, home.waiting)

    async def _incidents(self, words: Words, by: Person, place: Place) -> Reply:
        del words, by, place
        return await self._store.read(lambda tx: lists.incidents(tx, self.setup))

    async def _models(self, words: Words, by: Person, place: Place) -> Reply:
        del words, by, place
        return await self._store.read(lambda tx: lists.models(tx, self.setup))

    async def _operations(self, words: Words, by: Person, place: Place) -> Reply:
        del words, by, place
        return await self._store.read(lambda tx: lists.operations(tx, self.setup))

    async def _runbook(self, words: Words, by: Person, place: Place) -> Reply:
        del by
        ref = number(words.words[0], "INC") if len(words.words) == 1 else None
        if ref is not None:
            return await self._store.read(lambda tx: lists.runbook_of(tx, self.setup, ref))
        if words.words:
            return lists.runbooks(self.setup, words.tail)
        here = await self._store.read(lambda tx: _incident_at(tx, place))
        if here is not None:
            return await self._store.read(lambda tx: lists.runbook_of(tx, self.setup, here.number))
        return lists.runbooks(self.setup, "")

    async def _who(self, words: Words, by: Person, place: Place) -> Reply:
        del by
        here = await self._store.read(lambda tx: _incident_at(tx, place))
        return lists.who(self.setup, words.tail or (here.model if here and here.model else ""))

    async def _changes(self, words: Words, by: Person, place: Place) -> Reply:
        del by
        here = await self._store.read(lambda tx: _incident_at(tx, place))
        model = words.words[0] if words.words else (here.model if here else None)
        if not model:
            raise usage_error("changes", "Of which model?")
        return await self._store.read(lambda tx: lists.changes(tx, self.setup, model))

    async def _digest(self, words: Words, by: Person, place: Place) -> Reply:
        del by, place
        kind = words.words[0].lower() if words.words else ""
        return await summaries.digest(self._store, self.setup, self._systems, self._clock, kind)

    async def _diagnose(self, words: Words, by: Person, place: Place) -> Reply:
        del words, by, place
        if self._doctor is None:
            return say("The doctor is not in.", "Use mlops-bot doctor where the bot runs.", tone=Tone.REFUSED)
        return await self._doctor()

    # ------------------------------------------------------------ shared

    async def _incident_and_rest(self, words: Words, place: Place) -> tuple[int, str]:
        """The incident that is named first, else the one of this place; and the text after it."""
        ref = number(words.words[0], "INC") if words.words else None
        if ref is not None:
            return ref, words.after(1)
        here = await self._store.read(lambda tx: _incident_at(tx, place))
        if here is None:
            raise usage_error(words.name, "Which incident? Outside its thread it must be named, like INC-42.")
        return here.number, words.tail


def _incident_at(tx: Transaction, place: Place) -> Incident | None:
    if not place.channel_id:
        return None
    ts = place.thread_ts or place.message_ts
    return tx.incidents.by_post(place.channel_id, ts) if ts else None


def _only(words: Words, *known: str) -> None:
    """An option that would be passed over in silence may be the one that mattered."""
    unknown = set(words.options) - set(known)
    if unknown:
        there = ", ".join(f"--{name}" for name in known)
        raise usage_error(words.name, f"There is no option --{min(unknown)[:40]}; there are {there}.")


def _severity_of(word: str) -> Severity | None:
    plain = word.strip().lower()
    plain = f"sev{plain}" if plain.isdigit() else plain
    return next((severity for severity in Severity if severity.value == plain), None)


def _explained(error: BotError) -> Reply:
    """Our own no is a refusal; another system's is a fault, and the text says what was not done."""
    if isinstance(error, IntegrationError):
        return say(
            error.what, error.not_done or "Nothing was changed.",
            error.next_step or "Try again, or look at /mlops doctor.", tone=Tone.FAULT,
        )  # fmt: skip
    return refusal(error)


def _not_built(name: str) -> Reply:
    return say(
        f"{NOT_BUILT[name]} is not built yet.",
        "Nothing was done.",
        f"It will be: /mlops {USAGE[name]}",
        tone=Tone.REFUSED,
    )
