"""Who is told what: cards, pages, summaries, and the timers behind them, all as rows of the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.incident import Incident, Status
from bot.domain.people import Person
from bot.domain.post import Lane, Post, PostKind
from bot.domain.routing import NO_RULE, Assignment, Route
from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.store import Timer, Transaction
from bot.usecases.charting import owed
from bot.usecases.reply import Mentions, Reply, to_json
from bot.usecases.setup import Setup

ESCALATE = "escalate"
REMIND = "remind"


def card_key(number: int) -> str:
    """The post that is an incident's card."""
    return f"card:{number}"


def page_key(number: int, person: str, reopened: int = 0, occasion: str = "") -> str:
    """The post that pages a person. A message that is edited wakes nobody, so each occasion is a message of its own."""
    again = f":again-{reopened}" if reopened else ""
    return f"page:{number}:{person}{again}{f':{occasion}' if occasion else ''}"


def routing_text(setup: Setup, incident: Incident) -> str:
    """Who does what about it and why, as one timeline entry."""
    route = incident.route
    rule = "no routing rule matched" if route.rule == NO_RULE else f"rule {route.rule}: {route.why}"
    lines = [f"Phase {route.phase.value} ({rule})."]
    if route.accountable is not None:
        lines.append(f"Accountable: {setup.name(route.accountable.person)} ({route.accountable.why}).")
    else:
        lines.append("Accountable: nobody is configured.")
    lines += [f"Responsible: {setup.name(a.person)} ({a.why})." for a in route.responsible]
    if not route.responsible:
        lines.append("Responsible: nobody is configured, so nobody was paged.")
    lines.append(f"Runbook: {incident.runbook or 'none'} ({incident.runbook_why}).")
    return "\n".join(lines)


def announce(tx: Transaction, setup: Setup, incident: Incident) -> None:
    """A new incident: its card, which names who is Consulted; pages to who is Responsible; the escalation's timer.

    For what is part of a common problem, that one pages.
    """
    tx.posts.want(
        Post(
            key=card_key(incident.number),
            kind=PostKind.CARD,
            ref=incident.number,
            channel=setup.channel_of(incident.model),
            lane=Lane.NEW_INCIDENT,
            rank=incident.severity.rank,
        )
    )
    if incident.part_of is None:
        page_responsible(tx, setup, incident, why="")


def page_responsible(tx: Transaction, setup: Setup, incident: Incident, *, why: str) -> None:
    """Page everybody who is Responsible, and start the clock of the escalation."""
    for assignment in _one_each(incident.route.responsible):
        _page(tx, incident, setup.person(assignment.person), why or assignment.why)
    due = tx.now + setup.policies.escalate_after
    tx.timers.set(Timer(f"{ESCALATE}:{incident.number}", ESCALATE, incident.number, due))


def page_again(tx: Transaction, setup: Setup, incident: Incident, occasion: str, *, why: str) -> None:
    """Page who is Responsible and who has it, once per occasion. The clock of the escalation goes on as it was."""
    everyone = [a.person for a in incident.route.responsible]
    if incident.assignee is not None:
        everyone.append(incident.assignee)
    for person in dict.fromkeys(everyone):
        _page(tx, incident, setup.person(person), why, occasion)


def _page(tx: Transaction, incident: Incident, person: Person, why: str, occasion: str = "") -> None:
    if not person.reachable:
        text = f"{person.name} could not be paged: no Slack id is configured for them. They were wanted because: {why}."
        tx.timeline.append(incident.number, Draft(Kind.NOTE, text, BOT, tx.now))
        return
    tx.posts.want(
        Post(
            key=page_key(incident.number, person.id, incident.reopened, occasion),
            kind=PostKind.PAGE,
            ref=incident.number,
            channel=f"@{person.id}",
            lane=Lane.PAGE,
            body=person.id,
            rank=incident.severity.rank,
        )
    )
    tx.timeline.append(incident.number, Draft(Kind.PAGED, f"Paged {person.name}: {why}.", BOT, tx.now))


def paged(tx: Transaction, incident: Incident) -> tuple[str, ...]:
    """Who has been paged about it: they may always acknowledge."""
    people = dict.fromkeys((*(a.person for a in incident.route.responsible), *_ladder(incident.route)))
    return tuple(person for person in people if _pages(tx, incident, person))


def _pages(tx: Transaction, incident: Incident, person: str) -> list[Post]:
    times = range(incident.reopened + 1)
    found = (tx.posts.get(page_key(incident.number, person, time)) for time in times)
    return [post for post in found if post is not None]


def _ladder(route: Route) -> tuple[str, ...]:
    """Who is paged when nobody acknowledges, one after the other."""
    return ((route.accountable.person,) if route.accountable else ()) + route.delegates


def refresh_pages(tx: Transaction, incident: Incident) -> None:
    """Have the pages show that somebody has it, or that it is over: who reads one later need not get up."""
    for person in paged(tx, incident):
        for post in _pages(tx, incident, person):
            tx.posts.want(replace(post, lane=Lane.UPDATE))


def show(tx: Transaction, incident: Incident, lane: Lane = Lane.UPDATE) -> None:
    """Have the card show the incident as it is now. What only counts goes by `Lane.ENRICHMENT`, and may wait."""
    have = tx.posts.get(card_key(incident.number))
    if have is not None:
        tx.posts.want(replace(have, lane=lane, rank=incident.severity.rank))


def show_all(tx: Transaction, incidents: Sequence[Incident], lane: Lane) -> None:
    """Have the cards of many show how they are now, when no more than their counts changed."""
    tx.posts.touch([card_key(incident.number) for incident in incidents], lane)


def quiet(tx: Transaction, number: int) -> None:
    """Stop the clocks of an incident that somebody has, or that is over."""
    tx.timers.cancel(f"{ESCALATE}:{number}")
    tx.timers.cancel(f"{REMIND}:{number}")


def resolved(tx: Transaction, setup: Setup, incident: Incident) -> None:
    """The clocks stop, and who is Informed gets the summary; the thread, the whole course."""
    quiet(tx, incident.number)
    owed.owe_end(tx, setup, incident)
    show(tx, incident)
    refresh_pages(tx, incident)
    for assignment in _one_each(incident.route.informed):
        if not setup.person(assignment.person).reachable:
            continue
        tx.posts.want(
            Post(
                key=f"summary:{incident.number}:{incident.reopened}:{assignment.person}",
                kind=PostKind.SUMMARY,
                ref=incident.number,
                channel=f"@{setup.person(assignment.person).id}",
                lane=Lane.HOUSEKEEPING,
                body=assignment.person,
            )
        )


def _one_each(assignments: tuple[Assignment, ...]) -> tuple[Assignment, ...]:
    return tuple({a.person: a for a in reversed(assignments)}.values())[::-1]


# ---------------------------------------------------------------- timers


@dataclass(frozen=True, slots=True)
class Rung:
    """Whether a timer of an incident did something."""

    number: int
    did: bool


def escalate(tx: Transaction, setup: Setup, number: int) -> Rung:
    """Nobody acknowledged in time: the Accountable is paged, then their delegates, one after the other."""
    incident = tx.incidents.get(number)
    if incident is None or incident.status is not Status.OPEN:
        return Rung(number, did=False)
    owner = incident.route.accountable
    waited = int(setup.policies.escalate_after.total_seconds() // 60)
    ladder = [p for p in _ladder(incident.route) if setup.person(p).reachable]
    following = next((p for p in ladder if tx.posts.get(page_key(number, p, incident.reopened)) is None), None)
    if owner is None or following is None:
        text = f"Nobody has acknowledged for {waited} min, and there is nobody further to page."
        tx.timeline.append(number, Draft(Kind.REMINDED, text, BOT, tx.now))
        return Rung(number, did=True)
    why = owner.why if following == owner.person else f"delegate of {setup.name(owner.person)}"
    _page(tx, incident, setup.person(following), f"nobody acknowledged for {waited} min; {why}")
    show(tx, incident)
    tx.timers.set(Timer(f"{ESCALATE}:{number}", ESCALATE, number, tx.now + setup.policies.escalate_after))
    return Rung(number, did=True)


def remind(tx: Transaction, setup: Setup, number: int) -> Rung:
    """Acknowledged long ago and still going on: the assignee is asked."""
    incident = tx.incidents.get(number)
    if incident is None or incident.status is not Status.ACKNOWLEDGED or incident.assignee is None:
        return Rung(number, did=False)
    count = len([e for e in tx.timeline.of(number) if e.kind is Kind.REMINDED]) + 1
    reminder = Reply(
        f"{incident.ref} was acknowledged a while ago and is still going on.",
        parts=(Mentions("Still on it? Resolve it, hand it over, or say what is happening:", (incident.assignee,)),),
    )
    tx.posts.want(
        Post(
            key=f"reminder:{number}:{count}", kind=PostKind.NOTICE, ref=number,
            channel=setup.channel_of(incident.model), lane=Lane.HOUSEKEEPING, thread=card_key(number),
            body=to_json(reminder),
        )
    )  # fmt: skip
    text = f"Reminded {setup.name(incident.assignee)}: acknowledged and still going on."
    tx.timeline.append(number, Draft(Kind.REMINDED, text, BOT, tx.now))
    tx.timers.set(Timer(f"{REMIND}:{number}", REMIND, number, tx.now + setup.policies.remind_after))
    return Rung(number, did=True)
