"""Several models that read one dataset alert within a while: one incident says so, and the models' own are part of it.

The first ones have paged their people before anybody could know. From the one on that makes it a shared cause, only the
common incident pages: whoever answers for the data, once, in the place of every model's people.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.alert import Alert, AlertStatus
from bot.domain.incident import Incident, Status, confirm, resolve, touched
from bot.domain.post import Lane
from bot.domain.routing import Phase, PhaseChoice
from bot.domain.runbook import choose
from bot.domain.timeline import BOT, Actor, ActorKind, Draft, Kind
from bot.ports.store import Store, Transaction
from bot.usecases import notify, witness
from bot.usecases.setup import Setup

SOURCE = "lineage"
"""The source of the common incidents: no alert joins them."""
SCOPE = "upstream"
PARTS = "upstream parts"
RULE = "shared-upstream"
NAMES_SHOWN = 20

_LINEAGE = Actor(ActorKind.SYSTEM, SOURCE, SOURCE)


@dataclass(slots=True)
class _Readers:
    """The models of one dataset and environment that alert: their incidents, and since when; and the common one."""

    since: dict[str, tuple[int, datetime]]
    common: int | None = None

    @classmethod
    def of(cls, text: str | None) -> "_Readers":
        known = json.loads(text or "{}")
        since = known.get("since", {}).items()
        read = {model: (int(number), datetime.fromisoformat(at)) for model, (number, at) in since}
        return cls(read, known.get("common"))

    def to_json(self) -> str:
        since = {model: (number, at.isoformat()) for model, (number, at) in self.since.items()}
        return json.dumps({"since": since, "common": self.common})


def placed(tx: Transaction, setup: Setup, incident: Incident, known: dict[int, Incident]) -> Incident:
    """A new incident of a model, as part of a common one where there is one now.

    `known` are the incidents that this transaction has changed and not written yet; those that become a part are
    changed there as well.
    """
    for dataset in setup.reads.get(incident.model or "", ()):
        place = f"{dataset} {incident.environment or ''}"
        readers = _Readers.of(tx.keys.get(SCOPE, place))
        common = _live(tx, readers.common)
        readers.since[incident.model or ""] = (incident.number, tx.now)
        if common is None:
            readers.common = None
            parts = _together(tx, setup, readers, known)
            if len(parts) >= setup.policies.upstream_models:
                common = _open(tx, setup, dataset, parts)
                readers.common = common.number
                for part in parts:
                    if part.number != incident.number:
                        _link(tx, common, part, known)
        tx.keys.put(SCOPE, place, readers.to_json())
        if common is not None:
            linked = _link(tx, common, incident, known)
            _renew(tx, common, dataset)
            return linked
    return incident


def is_covered(tx: Transaction, incident: Incident) -> bool:
    """Whether somebody has been paged for it already: for the common problem that it is part of."""
    return incident.part_of is not None and _live(tx, incident.part_of) is not None


async def settle(store: Store, setup: Setup, nudge: Callable[[], None]) -> None:
    """End the common incidents of which no part goes on, and confirm those whose parts are confirmed."""
    if not setup.reads:
        return
    done = await store.write(lambda tx: _settle(tx, setup))
    if done:
        nudge()


# ---------------------------------------------------------------- the common incident


def _live(tx: Transaction, number: int | None) -> Incident | None:
    found = tx.incidents.get(number) if number is not None else None
    return found if found is not None and found.status.live else None


def _together(tx: Transaction, setup: Setup, readers: _Readers, known: Mapping[int, Incident]) -> list[Incident]:
    """The incidents that go on and began within the window; the others are forgotten."""
    first = tx.now - setup.policies.upstream_within
    readers.since = {model: (number, at) for model, (number, at) in readers.since.items() if at >= first}
    numbers = [number for number, _ in readers.since.values()]
    found = {**tx.incidents.get_all(numbers), **{number: known[number] for number in numbers if number in known}}
    return [found[number] for number in numbers if number in found and found[number].status.live]


def _open(tx: Transaction, setup: Setup, dataset: str, parts: list[Incident]) -> Incident:
    worst = min(parts, key=lambda part: part.severity.value)
    choice = PhaseChoice(Phase.INGESTION, RULE, f"{len(parts)} models that read {dataset} alert")
    alert = Alert(SOURCE, SOURCE, dataset, "SharedUpstream", AlertStatus.FIRING, tx.now, labels={"dataset": dataset})
    match = choose(setup.runbooks, alert, Phase.INGESTION, None)
    common = Incident(
        number=tx.incidents.next_number(), title=_title(dataset, parts), status=Status.OPEN, severity=worst.severity,
        severity_why=f"the worst of its parts, {worst.ref}", route=setup.route_for(choice, None), model=None,
        version=None, environment=worst.environment, feature=None, subject_why="it is about a dataset",
        source=SOURCE, opened_at=tx.now, started_at=min(part.started_at for part in parts),
        summary=f"All of them read {dataset}: look there first.",
        runbook=match.runbook.slug if match else None, runbook_why=match.why if match else "no runbook matched",
    )  # fmt: skip
    tx.incidents.add(common)
    opened = f"{common.ref} opened: {common.title} ({common.severity.value}, {common.severity_why})"
    tx.timeline.append(common.number, Draft(Kind.OPENED, opened, _LINEAGE, common.started_at))
    tx.timeline.append(common.number, Draft(Kind.ROUTED, notify.routing_text(setup, common), BOT, tx.now))
    notify.announce(tx, setup, common)
    return common


def _link(tx: Transaction, common: Incident, part: Incident, known: dict[int, Incident]) -> Incident:
    linked = replace(touched(part), part_of=common.number)
    tx.incidents.save(linked)
    if part.number in known:
        known[part.number] = linked
    numbers = [*_parts(tx, common.number), part.number]
    tx.keys.put(PARTS, str(common.number), json.dumps(list(dict.fromkeys(numbers))))
    text = f"Part of {common.ref}: {common.title}. Only {common.ref} pages from now on."
    tx.timeline.append(part.number, Draft(Kind.NOTE, text, BOT, tx.now))
    about = f" ({part.model})" if part.model else ""
    tx.timeline.append(common.number, Draft(Kind.NOTE, f"{part.ref}{about} is part of it.", BOT, tx.now))
    if part.status is Status.OPEN:
        notify.quiet(tx, part.number)
    notify.show(tx, linked)
    return linked


def _renew(tx: Transaction, common: Incident, dataset: str) -> None:
    """Its title says how many models there are by now."""
    parts = list(tx.incidents.get_all(_parts(tx, common.number)).values())
    latest = tx.incidents.get(common.number) or common
    names = [f"{part.model} ({part.ref})" for part in sorted(parts, key=lambda part: part.number)]
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    summary = f"All of them read {dataset}: look there first. {', '.join(names[:NAMES_SHOWN])}{more}."
    after = replace(touched(latest), title=_title(dataset, parts), summary=summary)
    tx.incidents.save(after)
    notify.show(tx, after, Lane.UPDATE)


def _title(dataset: str, parts: list[Incident]) -> str:
    return f"{len({part.model for part in parts})} models alert; all read {dataset}"


def _parts(tx: Transaction, number: int) -> list[int]:
    found: list[int] = json.loads(tx.keys.get(PARTS, str(number)) or "[]")
    return found


# ---------------------------------------------------------------- its end


def _settle(tx: Transaction, setup: Setup) -> int:
    done = 0
    for common in [one for one in tx.incidents.live(limit=500) if one.source == SOURCE]:
        parts = list(tx.incidents.get_all(_parts(tx, common.number)).values())
        if any(part.status.live for part in parts):
            continue
        confirmed = all(part.confirmed for part in parts)
        why = "every incident that is part of it has ended"
        after, draft = resolve(common, _LINEAGE, tx.now, why=why, confirmed=confirmed)
        _write(tx, after, draft)
        notify.resolved(tx, setup, after)
        done += 1
    for common in _now_confirmed(tx):
        _write(tx, *confirm(common, tx.now, _LINEAGE, "the end of every part of it is confirmed"))
        done += 1
    return done


def _now_confirmed(tx: Transaction) -> Iterator[Incident]:
    for common in list(witness.unconfirmed(tx, SOURCE, before=tx.now)):
        parts = tx.incidents.get_all(_parts(tx, common.number)).values()
        if all(part.confirmed and not part.status.live for part in parts):
            yield common


def _write(tx: Transaction, after: Incident, draft: Draft) -> None:
    tx.incidents.save(after)
    tx.timeline.append(after.number, draft)
    notify.show(tx, after)
