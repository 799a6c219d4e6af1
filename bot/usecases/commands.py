"""What each command does: words in, a `Reply` out. What our own rules refuse is raised, and explained by the desk."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from bot.domain.incident import Incident
from bot.domain.operation import Operation, OperationState
from bot.domain.people import Person
from bot.domain.plan import OperationKind
from bot.domain.routing import Right, may
from bot.domain.severity import Severity
from bot.ports.clock import Clock
from bot.ports.store import Store, Transaction
from bot.usecases import decide, lists, operate, request, respond, rights, summaries, undo
from bot.usecases.grammar import NOT_BUILT, USAGE, Words, number, usage_error
from bot.usecases.place import Place, incident_at
from bot.usecases.reply import Reply, Tone, say
from bot.usecases.request import Wish
from bot.usecases.setup import Setup
from bot.usecases.storm import backlog
from bot.usecases.systems import Systems

DoctorReport = Callable[[], Awaitable[Reply]]
PageLink = Callable[[int], str]
"""The address of an incident's timeline page for whoever is given it; empty where the program has no address."""


class Commands:
    """Every command that is built, by its name."""

    def __init__(
        self,
        store: Store,
        setup: Setup,
        systems: Systems,
        clock: Clock,
        *,
        doctor: DoctorReport | None = None,
        page: PageLink = lambda _: "",
    ) -> None:
        self._store = store
        self._setup = setup
        self._systems = systems
        self._clock = clock
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
            "rollback": self._change,
            "promote": self._change,
            "freeze": self._change,
            "shift": self._change,
            "retrain": self._change,
            "pause": self._change,
            "resume": self._change,
            "undo": self._undo,
            "approve": self._decide,
            "reject": self._decide,
            "cancel": self._decide,
            "break-glass": self._decide,
            "runbook": self._runbook,
            "who": self._who,
            "rights": self._rights,
            "changes": self._changes,
            "timeline": self._timeline,
            "digest": self._digest,
            "doctor": self._diagnose,
        }

    async def run(self, words: Words, by: Person, place: Place) -> Reply:
        """Do what the words say; of what is not built, say so."""
        if words.name in NOT_BUILT:
            return not_built(words.name)
        return await self._commands[words.name](words, by, place)

    async def ask(self, wish: Wish) -> Reply:
        """Plan it and ask for its approval."""
        return await request.ask(self._store, self._setup, self._systems, self._clock, wish)

    async def undo(self, ref: int, by: Person, reason: str = "") -> Reply:
        """Plan the way back of an operation that was carried out."""
        done = await self._store.read(lambda tx: operate.get(tx, ref))
        about = await self._store.read(lambda tx: tx.incidents.get(done.incident) if done.incident else None)
        return await self.ask(undo.wish(done, about, by, reason))

    # ------------------------------------------------------------ commands on incidents

    async def _ack(self, words: Words, by: Person, place: Place) -> Reply:
        ref, _ = await self._incident_and_rest(words, place)
        return await self._store.write(lambda tx: respond.acknowledge(tx, self._setup, ref, by))

    async def _resolve(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        return await self._store.write(lambda tx: respond.resolve(tx, self._setup, ref, by, rest))

    async def _reopen(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        return await self._store.write(lambda tx: respond.reopen(tx, self._setup, ref, by, rest))

    async def _assign(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        if not rest:
            raise usage_error("assign", "Whom should it be assigned to?")
        to = self._setup.people.find(rest)
        if to is None:
            known = ", ".join(self._setup.people.ids[:10]) or "nobody"
            raise usage_error("assign", f"“{rest[:60]}” is nobody in particular. The configuration knows: {known}.")
        return await self._store.write(lambda tx: respond.assign(tx, self._setup, ref, to, by))

    async def _severity(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        severity = _severity_of(rest)
        if severity is None:
            raise usage_error("severity", "Which severity? sev1 (worst) to sev4.")
        return await self._store.write(lambda tx: respond.set_severity(tx, self._setup, ref, severity, by))

    async def _note(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        if not rest:
            raise usage_error("note", "The note is empty.")
        return await self._store.write(lambda tx: respond.note(tx, ref, rest, by))

    async def _timeline(self, words: Words, by: Person, place: Place) -> Reply:
        ref, rest = await self._incident_and_rest(words, place)
        if not rest:
            return await self.timeline(ref)
        verb, _, fmt = rest.partition(" ")
        if verb.lower() != "export":
            raise usage_error("timeline", f"“{verb[:40]}” is not something a timeline can do.")
        return await summaries.export(self._store, self._setup, self._clock, ref, fmt.strip() or "md", by)

    async def timeline(self, ref: int) -> Reply:
        """The last entries, and where all of them are."""
        return await self._store.read(lambda tx: lists.timeline(tx, ref, self._page(ref)))

    async def _declare(self, words: Words, by: Person, place: Place) -> Reply:
        del place
        _only(words, "title", "model", "severity")
        severity_word = words.options.get("severity", "")
        severity = _severity_of(severity_word)
        if severity_word and severity is None:
            raise usage_error("declare", f"There is no severity “{severity_word[:20]}”; they are sev1 to sev4.")
        title = words.options.get("title") or " ".join(words.words)
        return await self.declare(title, words.options.get("model") or None, severity, by)

    async def declare(self, title: str, model: str | None, severity: Severity | None, by: Person) -> Reply:
        """Open an incident by hand. Raises BadInput without a title."""
        if not title.strip():
            raise usage_error("declare", "An incident needs a title.")
        return await self._store.write(lambda tx: respond.declare(tx, self._setup, title, model, severity, by))

    # ------------------------------------------------------------ commands on operations

    async def _change(self, words: Words, by: Person, place: Place) -> Reply:
        """Everything that plans a change: `rollback promote freeze shift retrain pause resume`."""
        _only(words, *_OPTIONS[words.name])
        name = words.name
        percent: int | None = None
        plain = list(words.words)
        if name == "shift":
            percent = next((int(w.rstrip("%")) for w in reversed(plain) if w.rstrip("%").isdigit()), None)
            plain = [w for w in plain if not w.rstrip("%").isdigit()]
        if len(plain) > 1:
            hint = "; a version goes after --to" if "to" in _OPTIONS[name] else ""
            raise usage_error(name, f"“{plain[1][:40]}” was not understood{hint}.")
        if "to" in words.options and not words.options["to"]:
            raise usage_error(name, "To which version?")
        if "pipeline" in words.options and not words.options["pipeline"]:
            raise usage_error(name, "Which pipeline?")
        about = await self._about(words, place)
        model = plain[0] if plain else (about.model if about else None)
        if model is None:
            raise usage_error(name, "Which model?")
        if about is not None and about.model != model and "incident" not in words.options:
            about = None  # said in the thread of another model's incident
        return await self.ask(
            Wish(
                _KINDS[name], model, by, about, words.options.get("reason", ""), words.options.get("to"), percent,
                _pairs(name, words.options.get("set", "")), pipeline=words.options.get("pipeline", ""),
            )
        )  # fmt: skip

    async def _about(self, words: Words, place: Place) -> Incident | None:
        """The incident that is named, else the one of this place."""
        if "incident" not in words.options:
            return await self._store.read(lambda tx: incident_at(tx, place))
        named = number(words.options["incident"], "INC")
        if named is None:
            raise usage_error(words.name, "An incident reads INC-42.")
        return await self._store.read(lambda tx: respond.find(tx, named))

    async def _undo(self, words: Words, by: Person, place: Place) -> Reply:
        del place
        _only(words, "reason")
        ref = number(words.words[0], "OP") if words.words else None
        if ref is None:
            raise usage_error("undo", "Which operation? They read OP-17; see /mlops operations.")
        return await self.undo(ref, by, words.options.get("reason", ""))

    async def _decide(self, words: Words, by: Person, place: Place) -> Reply:
        del place
        ref = number(words.words[0], "OP") if words.words else None
        if ref is None:
            raise usage_error(words.name, "Which operation? They read OP-17; see /mlops operations.")
        verb = decide.VERBS[words.name]
        return await self._store.write(lambda tx: verb(tx, self._setup, ref, by, words.after(1)))

    # ------------------------------------------------------------ looking things up

    async def _help(self, words: Words, by: Person, place: Place) -> Reply:
        del words
        here = await self._store.read(lambda tx: incident_at(tx, place))
        waiting = await self._store.read(lambda tx: waiting_for(tx, by))
        return lists.help_for(self._setup, by, here, waiting, await self._store.read(backlog))

    async def _incidents(self, words: Words, by: Person, place: Place) -> Reply:
        del words, by, place
        return await self._store.read(lambda tx: lists.incidents(tx, self._setup))

    async def _models(self, words: Words, by: Person, place: Place) -> Reply:
        del words, by, place
        return await self._store.read(lambda tx: lists.models(tx, self._setup))

    async def _operations(self, words: Words, by: Person, place: Place) -> Reply:
        del words, by, place
        return await self._store.read(lambda tx: lists.operations(tx, self._setup))

    async def _runbook(self, words: Words, by: Person, place: Place) -> Reply:
        del by
        ref = number(words.words[0], "INC") if len(words.words) == 1 else None
        if ref is not None:
            return await self._store.read(lambda tx: lists.runbook_of(tx, self._setup, ref))
        if words.words:
            return lists.runbooks(self._setup, words.tail)
        here = await self._store.read(lambda tx: incident_at(tx, place))
        if here is not None:
            return await self._store.read(lambda tx: lists.runbook_of(tx, self._setup, here.number))
        return lists.runbooks(self._setup, "")

    async def _who(self, words: Words, by: Person, place: Place) -> Reply:
        del by
        here = await self._store.read(lambda tx: incident_at(tx, place))
        return lists.who(self._setup, words.tail or (here.model if here and here.model else ""))

    async def _rights(self, words: Words, by: Person, place: Place) -> Reply:
        del by
        here = await self._store.read(lambda tx: incident_at(tx, place))
        model = words.words[0] if words.words else (here.model if here else None)
        if not model:
            raise usage_error("rights", "On which model?")
        if model not in self._setup.models:
            known = ", ".join(self._setup.models[:10]) or "none"
            raise usage_error("rights", f"The model {model[:60]} is not in the configuration. It knows: {known}.")
        return rights.table(self._setup, model)

    async def _changes(self, words: Words, by: Person, place: Place) -> Reply:
        del by
        here = await self._store.read(lambda tx: incident_at(tx, place))
        model = words.words[0] if words.words else (here.model if here else None)
        if not model:
            raise usage_error("changes", "Of which model?")
        return await self._store.read(lambda tx: lists.changes(tx, self._setup, model))

    async def _digest(self, words: Words, by: Person, place: Place) -> Reply:
        del by, place
        kind = words.words[0].lower() if words.words else ""
        return await summaries.digest(self._store, self._setup, self._systems, self._clock, kind)

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
        here = await self._store.read(lambda tx: incident_at(tx, place))
        if here is None:
            raise usage_error(words.name, "Which incident? Outside its thread it must be named, like INC-42.")
        return here.number, words.tail


_KINDS: Mapping[str, OperationKind] = {kind.command: kind for kind in OperationKind}
_USUAL = ("incident", "reason")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "rollback": ("to", *_USUAL), "promote": ("to", *_USUAL), "freeze": _USUAL, "shift": ("to", *_USUAL),
    "retrain": ("pipeline", "set", *_USUAL), "pause": ("pipeline", *_USUAL), "resume": ("pipeline", *_USUAL),
}  # fmt: skip


def _pairs(name: str, lines: str) -> Mapping[str, str]:
    """`key=value`, one a line."""
    found: dict[str, str] = {}
    for line in lines.splitlines():
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            raise usage_error(name, f"“{line[:40]}” is no key=value.")
        found[key.strip()] = value
    return found


def waiting_for(tx: Transaction, by: Person) -> Sequence[Operation]:
    """Operations that wait for this person's approval."""
    return tuple(
        operation
        for operation in tx.operations.in_state(OperationState.AWAITING_APPROVAL)
        if may(by.id, Right.APPROVE, operation.route, requester=operation.requested_by).allowed
    )


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


def not_built(name: str) -> Reply:
    """What is promised and not there yet is never pretended."""
    return say(
        f"{NOT_BUILT[name]} is not built yet.",
        "Nothing was done.",
        f"It will be: /mlops {USAGE[name]}",
        tone=Tone.REFUSED,
    )
