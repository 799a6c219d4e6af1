"""What people look up: lists, who and why, runbooks, changes, timelines. Values in, a `Reply` out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.errors import BadInput
from bot.domain.incident import Incident
from bot.domain.metrics import spoken
from bot.domain.models import Binding
from bot.domain.operation import Operation
from bot.domain.people import Person
from bot.domain.post import Backlog
from bot.domain.routing import Phase, PhaseChoice, Route, letters
from bot.domain.runbook import Runbook, search
from bot.ports.store import Transaction
from bot.usecases.grammar import NOT_BUILT, USAGE
from bot.usecases.markdown import parts_of
from bot.usecases.reply import Bullets, Code, Facts, Heading, Link, Paragraph, Part, Reply, Table, Tone, say
from bot.usecases.setup import Setup
from bot.usecases.views import no_incident

SHOWN = 20


def help_for(
    setup: Setup, by: Person, here: Incident | None, waiting: Sequence[Operation], behind: Backlog | None = None
) -> Reply:
    """Help for this person, here: what waits for them first. `behind`: what Slack does not show yet."""
    parts: list[Part] = []
    if behind is not None:
        parts.append(Paragraph(f"{behind.told}; /mlops incidents is up to date."))
    if waiting:
        parts.append(Heading("Waiting for you"))
        parts.append(Bullets(tuple(f"{o.ref}: {o.kind.noun} of {o.model}: /mlops approve {o.ref}" for o in waiting)))
    if here is not None:
        parts.append(Paragraph(f"Here it is about {here.ref} ({here.status.value}): {here.title}"))
    if setup.people.by_id(by.id) is None:
        parts.append(Paragraph("You are not in the configuration: you may look, declare and take notes."))
    built = [f"/mlops {line}" for name, line in USAGE.items() if name not in NOT_BUILT]
    parts.append(Code("\n".join(built)))
    parts.append(Paragraph("Inside an incident's thread INC may be left out."))
    return Reply("What I can do", parts=tuple(parts))


def incidents(tx: Transaction, setup: Setup) -> Reply:
    """What is going on, worst first."""
    live = sorted(tx.incidents.live(limit=100), key=lambda i: (i.severity.value, -i.number))
    if not live:
        last = next(iter(tx.incidents.newest(limit=1)), None)
        ended = f"The last one was {last.ref} ({last.status.value}): {last.title}" if last else "There was none yet."
        return say("No incident is open.", ended)
    rows = tuple(
        (i.ref, i.severity.value, i.status.value, i.title, spoken(tx.now - i.opened_at), setup.name(i.assignee))
        for i in live[:SHOWN]
    )
    more = (Paragraph(f"… and {len(live) - SHOWN} more."),) if len(live) > SHOWN else ()
    table = Table(("Incident", "Severity", "Status", "What", "Age", "With"), rows)
    return Reply(f"{len(live)} incident{'s' if len(live) > 1 else ''} open", parts=(table, *more))


def operations(tx: Transaction, setup: Setup) -> Reply:
    """The newest operations."""
    newest = tx.operations.newest(limit=SHOWN)
    if not newest:
        return say("There was no operation yet.", "Ask for one: /mlops rollback MODEL")
    rows = tuple(
        (
            o.ref, o.kind.noun, o.model, o.plan.aim.headline, o.state.value,
            setup.name(o.requested_by), spoken(tx.now - o.requested_at),
        )
        for o in newest
    )  # fmt: skip
    return Reply(
        "Operations, newest first", parts=(Table(("Id", "What", "Model", "Change", "State", "By", "Age"), rows),)
    )


def models(tx: Transaction, setup: Setup) -> Reply:
    """The configured models and what the ledger says is live."""
    if not setup.bindings:
        return say("No model is configured.", "Add a section models to the configuration.")
    rows = tuple(_model_row(tx, binding) for binding in setup.bindings)
    return Reply("Models", parts=(Table(("Model", "Environment", "Live version", "Since", "Known by"), rows),))


def _model_row(tx: Transaction, binding: Binding) -> tuple[str, ...]:
    span = tx.ledger.open_span(binding.model, binding.environment)
    if span is None:
        return binding.model, binding.environment, "not seen yet", "–", "–"
    return binding.model, binding.environment, span.version, _ago(tx.now, span.since), span.evidence.value


def changes(tx: Transaction, setup: Setup, model: str) -> Reply:
    """What was changed about a model lately, newest first."""
    if model not in setup.models:
        raise _no_model(setup, model)
    window = max(setup.policies.changes_window, timedelta(days=30))
    found = tx.changes.of(model, tx.now - window)[:SHOWN]
    if not found:
        return say(f"Nothing is known to have changed about {model} in the last {spoken(window)}.")
    items = tuple(f"{_ago(tx.now, c.at)}: {c.told}" for c in found)
    return Reply(f"What changed about {model}", parts=(Bullets(items),))


# ---------------------------------------------------------------- who


def who(setup: Setup, words: str) -> Reply:
    """Who is Responsible, Accountable, Consulted, Informed for a model or a phase, and why."""
    asked = words.strip()
    if not asked:
        raise BadInput("Who, for what?", not_done="", next_step="Usage: /mlops who MODEL|PHASE")
    phase = next((p for p in Phase if asked.casefold() in {p.value.casefold(), p.name.casefold()}), None)
    phase = phase or next((p for p in Phase if asked.casefold() in p.value.casefold()), None)
    if asked in setup.models:
        return _who_model(setup, asked)
    if phase is not None:
        return Reply(f"Who, for {phase.value}", parts=_who_parts(setup, setup.route_for(_asked(phase), None)))
    raise _no_model(setup, asked)


def _who_model(setup: Setup, model: str) -> Reply:
    parts: list[Part] = []
    for phase in (Phase.DEPLOYMENT, Phase.RETRAINING):
        what = "roll back" if phase is Phase.DEPLOYMENT else "retrain"
        parts.append(Heading(f"{phase.value} (to {what})"))
        parts += _who_parts(setup, setup.route_for(_asked(phase), model))
    parts.append(Paragraph(f"Other phases: /mlops who PHASE, like “{Phase.MONITORING.value}”."))
    return Reply(f"Who, for {model}", parts=tuple(parts))


def _who_parts(setup: Setup, route: Route) -> tuple[Part, ...]:
    lines: list[str] = []
    if route.accountable is None:
        lines.append("Accountable: nobody is configured, so nothing can be approved.")
    else:
        lines.append(f"Accountable: {setup.name(route.accountable.person)}: {route.accountable.why}")
        lines += [f"Delegate of the Accountable: {setup.name(person)}" for person in route.delegates]
    for word, people in (
        ("Responsible", route.responsible), ("Consulted", route.consulted), ("Informed", route.informed),
    ):  # fmt: skip
        lines += [f"{word}: {setup.name(a.person)}: {a.why}" for a in people]
    if not route.responsible:
        lines.append("Responsible: nobody is configured, so nobody is paged.")
    row = setup.table.cells.get(route.phase, {})
    cells = ", ".join(f"{role.label} {letters(cell)}" for role, cell in row.items() if cell)
    where = setup.table.origin.get(route.phase, "the RACI table")
    return Bullets(tuple(lines)), Paragraph(f"Row ({where}): {cells}")


def _asked(phase: Phase) -> PhaseChoice:
    return PhaseChoice(phase, "asked", "asked for")


def _no_model(setup: Setup, model: str) -> BadInput:
    known = ", ".join(setup.models[:10]) or "none"
    return BadInput(
        f"“{model[:60]}” is neither a configured model nor a phase.",
        next_step=f"Models: {known}. Phases: {', '.join(p.value for p in Phase)}.",
    )


# ---------------------------------------------------------------- runbooks and timelines


def runbook_of(tx: Transaction, setup: Setup, ref: int) -> Reply:
    """The runbook of an incident, with its commands filled in."""
    incident = tx.incidents.get(ref)
    if incident is None:
        raise no_incident(ref)
    runbook = next((r for r in setup.runbooks if r.slug == incident.runbook), None)
    if runbook is None:
        return say(
            f"No runbook fits {incident.ref} ({incident.runbook_why}).",
            f"There are: {', '.join(r.slug for r in setup.runbooks) or 'none'}.",
            "Look for one: /mlops runbook WORDS",
        )
    return show_runbook(runbook, model=incident.model or "MODEL", incident=incident.ref, why=incident.runbook_why)


def show_runbook(runbook: Runbook, *, model: str = "MODEL", incident: str = "INC", why: str = "") -> Reply:
    """A runbook's steps, how to see that it worked, and its prose."""
    steps = tuple(
        f"{step.text} → {step.command.format(model=model, incident=incident)}" if step.command else step.text
        for step in runbook.steps
    )
    reviewed = f"{runbook.reviewed:%Y-%m-%d}" if runbook.reviewed else "never"
    parts: list[Part] = [Bullets(steps, ordered=True)]
    if runbook.verify:
        parts.append(Facts((("It worked when", runbook.verify),)))
    parts += parts_of(runbook.prose)
    parts.append(
        Facts((("Reviewed", reviewed), ("Owner", runbook.owner or "nobody"), ("Chosen because", why or "asked for")))
    )
    return Reply(f"Runbook: {runbook.title}", parts=tuple(parts))


def runbooks(setup: Setup, words: str) -> Reply:
    """All runbooks, or those that fit the words; a single fit is shown whole."""
    found = search(setup.runbooks, words) if words.strip() else setup.runbooks
    if not found:
        return say(f"No runbook has the words “{words.strip()[:60]}”.", "See /mlops runbook for all of them.")
    exact = next((r for r in found if r.slug == words.strip().lower()), None)
    if exact is not None or (len(found) == 1 and words.strip()):
        return show_runbook(exact or found[0])
    rows = tuple((r.slug, r.title, f"{r.reviewed:%Y-%m-%d}" if r.reviewed else "never") for r in found[:SHOWN])
    return Reply("Runbooks", parts=(Table(("Runbook", "What for", "Reviewed"), rows),))


def timeline(tx: Transaction, ref: int, page: str = "") -> Reply:
    """The last entries of a timeline. `page` is the address of all of them, if there is one."""
    incident = tx.incidents.get(ref)
    if incident is None:
        raise no_incident(ref)
    entries = tx.timeline.of(ref)
    items = tuple(f"{e.happened_at:%H:%M:%S} {e.actor.name}: {e.text.splitlines()[0][:300]}" for e in entries[-SHOWN:])
    earlier = len(entries) - len(items)
    parts: list[Part] = [Paragraph(f"{earlier} earlier entries are left out.")] if earlier else []
    parts.append(Bullets(items))
    if incident.url:
        parts.append(Link("The alert at its source", incident.url))
    if page:
        parts.append(Link("The whole timeline, for a while", page))
    parts.append(Paragraph(f"Times are UTC. Whole: /mlops timeline {incident.ref} export md"))
    return Reply(f"{incident.ref}, {incident.status.value}: {incident.title}", Tone.INFO, tuple(parts))


def _ago(now: datetime, at: datetime) -> str:
    return f"{spoken(now - at)} ago"
