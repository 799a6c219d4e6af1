"""What people do about an incident. A refusal is an answer, and is recorded; it is never an exception."""

from bot.domain import incident as rules
from bot.domain.alert import Alert, AlertStatus
from bot.domain.incident import Incident, Status
from bot.domain.people import Person
from bot.domain.post import Lane
from bot.domain.routing import NO_RULE, Permission, Phase, PhaseChoice, Right, may
from bot.domain.runbook import choose
from bot.domain.severity import Severity
from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.store import Timer, Transaction
from bot.usecases import notify
from bot.usecases.reply import Mentions, Reply, Tone, say
from bot.usecases.setup import Setup
from bot.usecases.views import no_incident

TITLE_LIMIT = 200
NOTE_LIMIT = 4_000


def find(tx: Transaction, number: int) -> Incident:
    """The incident. Raises NotFound."""
    incident = tx.incidents.get(number)
    if incident is None:
        raise no_incident(number)
    return incident


def acknowledge(tx: Transaction, setup: Setup, number: int, by: Person) -> Reply:
    """A person says "I have this": escalation stops."""
    incident = find(tx, number)
    allowed = permission(tx, incident, by, Right.ACKNOWLEDGE)
    if not allowed.allowed:
        return refuse(tx, setup, incident, by, "acknowledged", allowed)
    if incident.status is Status.ACKNOWLEDGED and incident.acknowledged_by == by.id:
        return say(f"You have acknowledged {incident.ref} already.", "Nothing was changed.")
    after, draft = rules.acknowledge(incident, by, tx.now)
    _keep(tx, after, draft, Lane.ACKNOWLEDGEMENT)
    notify.quiet(tx, number)
    notify.refresh_pages(tx, after)
    tx.timers.set(Timer(f"{notify.REMIND}:{number}", notify.REMIND, number, tx.now + setup.policies.remind_after))
    return say(f"{incident.ref} is yours now.", "Escalation has stopped.", tone=Tone.DONE)


def resolve(tx: Transaction, setup: Setup, number: int, by: Person, why: str = "") -> Reply:
    """A person says that the service is back to normal."""
    incident = find(tx, number)
    allowed = permission(tx, incident, by, Right.RESPOND)
    if not allowed.allowed:
        return refuse(tx, setup, incident, by, "resolved", allowed)
    if incident.status is Status.RESOLVED and not incident.confirmed:
        after, draft = rules.confirm(incident, tx.now, by.actor, f"by {by.name}")
    else:
        after, draft = rules.resolve(incident, by.actor, tx.now, why=why or f"{by.name} says so.")
    _keep(tx, after, draft, Lane.UPDATE)
    notify.resolved(tx, setup, after)
    still = incident.alerts_firing
    warning = f"{still} of its alerts still fire; if they fire anew, it is reopened." if still else ""
    return say(f"{incident.ref} is resolved.", warning, tone=Tone.DONE)


def reopen(tx: Transaction, setup: Setup, number: int, by: Person, why: str = "") -> Reply:
    """It isn't over after all."""
    incident = find(tx, number)
    allowed = permission(tx, incident, by, Right.RESPOND)
    if not allowed.allowed:
        return refuse(tx, setup, incident, by, "reopened", allowed)
    after, draft = rules.reopen(incident, by.actor, tx.now, why or f"by {by.name}")
    _keep(tx, after, draft, Lane.NEW_INCIDENT)
    notify.page_responsible(tx, setup, after, why=f"{by.name} reopened it")
    return say(f"{incident.ref} is open again.", "Who is Responsible was paged.", tone=Tone.DONE)


def assign(tx: Transaction, setup: Setup, number: int, to: Person, by: Person) -> Reply:
    """Somebody else takes it."""
    incident = find(tx, number)
    allowed = permission(tx, incident, by, Right.RESPOND)
    if not allowed.allowed:
        return refuse(tx, setup, incident, by, "assigned", allowed)
    after, draft = rules.assign(incident, to, by, tx.now)
    _keep(tx, after, draft, Lane.UPDATE)
    return Reply(
        f"{incident.ref} is assigned to {to.name}.", Tone.DONE, (Mentions("Please take over:", (to.id,)),), public=True
    )


def set_severity(tx: Transaction, setup: Setup, number: int, to: Severity, by: Person) -> Reply:
    """Only people change it."""
    incident = find(tx, number)
    allowed = permission(tx, incident, by, Right.RESPOND)
    if not allowed.allowed:
        return refuse(tx, setup, incident, by, "given another severity", allowed)
    after, draft = rules.set_severity(incident, to, by, tx.now)
    _keep(tx, after, draft, Lane.UPDATE)
    return say(f"{incident.ref} is {to.value} now: {to.meaning}.", tone=Tone.DONE)


def note(tx: Transaction, number: int, text: str, by: Person) -> Reply:
    """Anybody may add to the timeline."""
    incident = find(tx, number)
    tx.timeline.append(number, Draft(Kind.NOTE, text[:NOTE_LIMIT], by.actor, tx.now))
    cut = f"Only the first {NOTE_LIMIT} characters were kept." if len(text) > NOTE_LIMIT else ""
    return say(f"Noted on {incident.ref}'s timeline.", cut, tone=Tone.DONE)


def declare(
    tx: Transaction, setup: Setup, title: str, model: str | None, severity: Severity | None, by: Person
) -> Reply:
    """A person opens an incident."""
    plain = " ".join(title.split())[:TITLE_LIMIT]
    words = Alert(
        source="declared", instance="", fingerprint="", name=plain, status=AlertStatus.FIRING, starts_at=tx.now
    )
    choice = setup.phase_of(words)
    if choice.rule == NO_RULE:
        choice = PhaseChoice(Phase.DEPLOYMENT, NO_RULE, "declared by a person; no routing rule fits its title")
    match = choose(setup.runbooks, words, choice.phase, model)
    unknown = "not in the configuration" if model and model not in setup.models else f"named by {by.name}"
    incident = Incident(
        number=tx.incidents.next_number(),
        title=plain,
        status=Status.OPEN,
        severity=severity or Severity.SEV3,
        severity_why=f"set by {by.name}" if severity else "none was given",
        route=setup.route_for(choice, model),
        model=model,
        version=None,
        environment=None,
        feature=None,
        subject_why=unknown if model else "the person who declared it named no model",
        source="declared",
        opened_at=tx.now,
        started_at=tx.now,
        runbook=match.runbook.slug if match else None,
        runbook_why=match.why if match else "no runbook matched",
    )
    tx.incidents.add(incident)
    tx.timeline.append(
        incident.number, Draft(Kind.OPENED, f"{by.name} declared {incident.ref}: {plain}", by.actor, tx.now)
    )
    tx.timeline.append(incident.number, Draft(Kind.ROUTED, notify.routing_text(setup, incident), BOT, tx.now))
    notify.announce(tx, setup, incident)
    where = setup.channel_of(model)
    return say(f"{incident.ref} is open: {plain}", f"Its card is in {where}.", tone=Tone.DONE)


# ---------------------------------------------------------------- rights


def permission(tx: Transaction, incident: Incident, by: Person, right: Right) -> Permission:
    """Whether this person may. Where nobody is configured for the phase, everybody may respond."""
    route = incident.route
    if not route.responsible and route.accountable is None:
        return Permission(True, "nobody is configured for this phase, so everybody may")
    if right is Right.RESPOND and by.id in {incident.assignee, incident.acknowledged_by}:
        return Permission(True, "they have it")
    return may(by.id, right, route, paged=notify.paged(tx, incident))


def refuse(tx: Transaction, setup: Setup, incident: Incident, by: Person, undone: str, allowed: Permission) -> Reply:
    """Explain a refusal to the person, and record it."""
    names = tuple(setup.name(person) for person in allowed.who)
    text = f"{by.name} wanted it {undone}: not permitted ({allowed.why})."
    tx.timeline.append(incident.number, Draft(Kind.REFUSAL, text, by.actor, tx.now))
    return say(
        f"{incident.ref} was not {undone}.",
        f"This needs somebody who is: {allowed.why}.",
        f"That is {' or '.join(names)}." if names else "Nobody is configured for it.",
        f"Why: /mlops who {incident.model or incident.route.phase.value}",
        tone=Tone.REFUSED,
    )


def _keep(tx: Transaction, after: Incident, draft: Draft, lane: Lane) -> None:
    tx.incidents.save(after)
    tx.timeline.append(after.number, draft)
    notify.show(tx, after, lane)
