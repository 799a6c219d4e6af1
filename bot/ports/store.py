"""The one truth, as the middle sees it: a decision is a plain function that runs inside one transaction.

    receipt = await store.write(lambda tx: ingest.take(tx, setup, alerts))

`write` runs the function with the only writer's transaction and commits before it returns; when the function raises,
nothing of it is kept. Functions that wait at the same moment may share one commit. A decision does no I/O and never
waits, so a transaction is short by construction; it may be run again after a conflict, so it has no other effects.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from bot.domain.alert import Alert, Episode
from bot.domain.incident import Incident, Status
from bot.domain.models import Change, LiveSpan, Verdict
from bot.domain.operation import Intent, Operation, OperationState
from bot.domain.post import Backlog, Lane, Post
from bot.domain.timeline import Draft, Entry

T = TypeVar("T")


class DeliveryOutcome(StrEnum):
    """What became of a delivery."""

    TAKEN = "taken"
    DEAD = "dead letter"


@dataclass(frozen=True, slots=True)
class DeliveryNote:
    """What is recorded of a delivery that changed something. `digest`: SHA-256 of its body, hex; `size` in bytes."""

    integration: str
    digest: str
    size: int
    alerts: int


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery as it is remembered. The body is kept only for dead letters."""

    id: int
    integration: str
    received_at: datetime
    digest: str
    """SHA-256 of the body, hex: the evidence that timeline entries name."""
    size: int
    outcome: DeliveryOutcome
    alerts: int
    reason: str = ""
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    """Something to do at a time, once. `key` is unique; `kind` and `ref` say what to whom."""

    key: str
    kind: str
    ref: int
    due_at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A scheduled job as the store describes it: cron in a time zone, and the newest tick that was done."""

    name: str
    cron: str
    zone: str
    last_tick: datetime | None
    catch_up: bool
    """Whether a tick missed while everything was down is done late (once) or skipped."""


@dataclass(frozen=True, slots=True)
class SlackEventRecord:
    """A Slack event that was persisted before it was handled."""

    event_id: str
    received_at: datetime
    body: str


AlertKey = tuple[str, str, str]
"""Which problem an alert is about: source, instance, fingerprint."""


@dataclass(frozen=True, slots=True)
class EpisodeWrite:
    """An episode to keep, with its alert as last seen."""

    key: AlertKey
    episode: Episode
    alert: Alert
    stored_as: datetime | None
    """The start under which the episode is stored; `None` when it is new."""


@dataclass(frozen=True, slots=True)
class Place:
    """What incidents are kept apart by: a model, or where none is known a source; and an environment."""

    model: str | None
    source: str
    """Empty with a known model, about which different sources may tell."""
    environment: str | None


class Incidents(Protocol):
    """Incidents by number; `opened` events on the timeline are the caller's to write."""

    def next_number(self) -> int: ...
    def add(self, incident: Incident) -> None: ...
    def get(self, number: int) -> Incident | None: ...
    def get_all(self, numbers: Sequence[int]) -> Mapping[int, Incident]: ...
    def save(self, incident: Incident) -> None: ...
    def count_all(self, incidents: Sequence[Incident]) -> None:
        """Save what alerts change of incidents that are otherwise as they are stored: counts and the revision."""
        ...

    def live(self, *, model: str | None = None, limit: int = 100) -> Sequence[Incident]:
        """Open, acknowledged and mitigated ones, newest first."""
        ...

    def count_live(self) -> int: ...

    def newest(
        self,
        *,
        limit: int,
        before: int | None = None,
        model: str | None = None,
        status: Status | None = None,
        since: datetime | None = None,
    ) -> Sequence[Incident]:
        """By falling number, `before` a number (for paging)."""
        ...

    def joinable(self, places: Sequence[Place], *, resolved_after: datetime) -> Mapping[Place, Incident]:
        """The incident that an alert about each place joins: live, or resolved after the given moment; the newest.

        With a known model the source doesn't matter; without one, only incidents of the same source are joined.
        """
        ...

    def by_post(self, channel_id: str, ts: str) -> Incident | None:
        """The incident whose card this Slack message is (or in whose thread, given the thread's ts)."""
        ...


class Episodes(Protocol):
    """Alert episodes: (source, instance, fingerprint, starts_at)."""

    def get(self, source: str, instance: str, fingerprint: str, starts_at: datetime) -> Episode | None: ...
    def newest(self, source: str, instance: str, fingerprint: str) -> Episode | None: ...
    def key_of(self, alert: Alert) -> AlertKey:
        """The alert's key as it is stored: two that are stored alike are one."""
        ...

    def newest_of(self, keys: Sequence[AlertKey]) -> Mapping[AlertKey, Episode]:
        """The newest episode of each, where there is one."""
        ...

    def save(self, episode: Episode, alert: Alert, *, moved_from: datetime | None = None) -> None:
        """Insert or update; the alert's name, labels, annotations are kept as last seen.

        `moved_from`: the start under which the episode was known, when its source names a newer one.
        """
        ...

    def save_all(self, writes: Sequence[EpisodeWrite]) -> None:
        """Many at once; each episode at most once."""
        ...

    def seen_again(self, alert: Alert, now: datetime, *, times: int) -> bool:
        """Count that it was delivered so many times more, if its episode fires and is stored with just this alert."""
        ...

    def alert_of(self, episode: Episode) -> Alert | None:
        """The episode's alert as last seen."""
        ...

    def tally(self, incident: int) -> tuple[int, int]:
        """How many of an incident's episodes fire, and how many there were, counted anew."""
        ...

    def firing_of(self, incident: int) -> Sequence[Episode]: ...
    def alerts_of(self, incident: int, *, limit: int = 50) -> Sequence[Alert]:
        """The alerts as last seen, newest episode first."""
        ...

    def firing_from(self, source: str) -> Sequence[Episode]: ...
    def since(self, model: str | None, since: datetime) -> Sequence[Alert]:
        """Alerts with an episode that began since then (of one model, or of all), newest first, at most 1,000."""
        ...


class Deliveries(Protocol):
    """Deliveries that changed something are recorded, the others counted; dead letters keep their body."""

    def add(
        self,
        integration: str,
        digest: str,
        size: int,
        outcome: DeliveryOutcome,
        *,
        alerts: int,
        reason: str = "",
        body: bytes | None = None,
    ) -> int: ...
    def taken(self, notes: Sequence[DeliveryNote]) -> None:
        """Record deliveries that changed something, many at once."""
        ...

    def heard(self, integration: str, *, deliveries: int, alerts: int) -> None:
        """Count deliveries, whether they are recorded or not."""
        ...

    def dead(self, *, limit: int = 50) -> Sequence[DeliveryRecord]: ...
    def count(self) -> int:
        """All that were counted."""
        ...

    def newest_at(self, integration: str) -> datetime | None:
        """When the integration was heard from last."""
        ...


class TimelineLog(Protocol):
    """Append-only, chained. There is no way to change or remove an entry."""

    def append(self, incident: int, draft: Draft) -> Entry: ...
    def extend(self, drafts: Sequence[tuple[int, Draft]]) -> None:
        """Many at once, of several incidents, in their order."""
        ...

    def of(self, incident: int) -> Sequence[Entry]: ...
    def heads(self) -> Sequence[Entry]:
        """The last entry of every chain, by incident."""
        ...


class Operations(Protocol):
    """Operations by number; one that holds the model excludes others of its lane on the same model and environment."""

    def next_number(self) -> int: ...
    def add(self, operation: Operation) -> None: ...
    def get(self, number: int) -> Operation | None: ...
    def save(self, operation: Operation, *, expected: OperationState) -> None:
        """Conditional: raises Conflict when the stored state isn't `expected` any more."""
        ...

    def holding(self, model: str, environment: str, lane: str) -> Operation | None: ...
    def in_state(self, *states: OperationState, limit: int = 100) -> Sequence[Operation]: ...
    def newest(
        self, *, limit: int, model: str | None = None, incident: int | None = None, since: datetime | None = None
    ) -> Sequence[Operation]: ...


class Intents(Protocol):
    """Rows written before irreversible calls."""

    def get(self, key: str) -> Intent | None: ...
    def add(self, intent: Intent) -> None:
        """Raises Conflict when the key exists."""
        ...

    def save(self, intent: Intent) -> None: ...
    def unfinished(self) -> Sequence[Intent]: ...


class Ledger(Protocol):
    """Who served what, from when to when."""

    def spans(self, model: str, environment: str) -> tuple[LiveSpan, ...]:
        """Oldest first."""
        ...

    def open_span(self, model: str, environment: str) -> LiveSpan | None: ...
    def begin(self, span: LiveSpan) -> None: ...
    def end(self, model: str, environment: str, at: datetime) -> None:
        """Close the open span, if there is one."""
        ...

    def judge(self, model: str, environment: str, verdict: Verdict, incident: int | None) -> None:
        """Mark the open span."""
        ...


class Changes(Protocol):
    """What was changed about models, as learned from feeds, webhooks and our own operations."""

    def add(self, change: Change) -> bool:
        """False when it is known already (same model, kind, version and time)."""
        ...

    def of(self, model: str, since: datetime) -> Sequence[Change]:
        """Newest first."""
        ...


class Posts(Protocol):
    """What Slack should show. The projector is the only one that marks what is shown."""

    def want(self, post: Post) -> Post:
        """Create it, or raise `wanted` of the existing one by one, and take over its rank and body.

        Its lane, too; one that waits already stays in the more urgent one.
        """
        ...

    def touch(self, keys: Sequence[str], lane: Lane) -> None:
        """Raise `wanted` of those that exist by one. What waits in a better lane stays there."""
        ...

    def get(self, key: str) -> Post | None: ...
    def by_message(self, channel_id: str, ts: str) -> Post | None: ...
    def due(self, now: datetime, *, by: str = "", limit: int = 100) -> Sequence[Post]:
        """`wanted > shown` and not before later; by lane, rank, age. Posts whose thread has no ts yet wait.

        What another process than `by` holds is not due.
        """
        ...

    def hold(self, key: str, by: str, lease: timedelta) -> Post | None:
        """Take a post, so that one process at a time works on it in Slack; `None` while another one has it.

        Gives it as it was, and marks it as being sent when it has no message yet.
        """
        ...

    def hold_all(self, posts: Sequence[Post], by: str, lease: timedelta) -> None:
        """Take posts that are due for this process, in the transaction that asked for them; `hold` for many."""
        ...

    def save(self, post: Post, *, by: str | None = None) -> bool:
        """Keep the projector's fields: sending, channel_id, ts, shown, attempts, not_before, last_error; let go of it.

        With `by` nothing is kept when another process holds it by now.
        """
        ...

    def enlist(self, key: str, storm: str) -> None:
        """Note that a post is listed in the message of many problems; a page without a message is shown by that."""
        ...

    def listed(self, storm: str) -> Sequence[Post]:
        """Those that are listed there, worst first."""
        ...

    def hurry(self) -> None:
        """What waits for a later try is due now: Slack is there again."""
        ...

    def waiting(self) -> int: ...
    def backlog(self, before: datetime) -> Backlog | None:
        """What waits, when something does since then or longer; what Slack refuses is not counted."""
        ...


class Timers(Protocol):
    """Durable one-time timers."""

    def set(self, timer: Timer) -> None:
        """Create or move."""
        ...

    def cancel(self, key: str) -> None: ...
    def take_due(self, now: datetime, *, limit: int = 50) -> Sequence[Timer]:
        """Remove and give the due ones: in the same transaction as what they cause."""
        ...


class Jobs(Protocol):
    """Scheduled jobs, described in the store; a tick is claimed once whichever process is first."""

    def describe(self, job: JobRecord) -> None:
        """Create, or update cron, zone and rule; the last tick is kept."""
        ...

    def get(self, name: str) -> JobRecord | None: ...
    def claim(self, name: str, tick: datetime) -> bool:
        """True for the first caller with this tick; remembers it as done."""
        ...


class SlackInbox(Protocol):
    """Slack events, persisted before they are handled, so that a crash or a repeat changes nothing."""

    def put(self, event_id: str, body: str) -> bool:
        """False when this event was received before."""
        ...

    def done(self, event_id: str) -> None: ...
    def pending(self, *, limit: int = 100) -> Sequence[SlackEventRecord]: ...


class Keys(Protocol):
    """Things to do once, by name, with what came of them."""

    def first(self, scope: str, key: str, result: str = "") -> bool:
        """True for the first caller with this key in this scope."""
        ...

    def get(self, scope: str, key: str) -> str | None: ...
    def put(self, scope: str, key: str, value: str) -> None: ...


class Replicas(Protocol):
    """Processes that share the database, each alive as long as it says so."""

    def beat(self, replica: str, lease: timedelta) -> bool:
        """Prolong the lease; False when it had run out and was taken over: this process must stop writing."""
        ...

    def alive(self, replica: str) -> bool: ...
    def take_over(self, by: str) -> Sequence[str]:
        """Replicas whose lease ran out, marked as taken over by this one.

        Also those that were taken over by one that is gone itself: whether it continued their work is not known.
        """
        ...

    def expire(self, replica: str) -> None:
        """End the lease now, so that the work goes on elsewhere at the next beat."""
        ...

    def leave(self, replica: str) -> None:
        """Forget the replica."""
        ...


class Transaction(Protocol):
    """Everything a decision may read and write. `now` is the transaction's moment (UTC)."""

    @property
    def now(self) -> datetime: ...
    @property
    def incidents(self) -> Incidents: ...
    @property
    def episodes(self) -> Episodes: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def timeline(self) -> TimelineLog: ...
    @property
    def operations(self) -> Operations: ...
    @property
    def intents(self) -> Intents: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def changes(self) -> Changes: ...
    @property
    def posts(self) -> Posts: ...
    @property
    def timers(self) -> Timers: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def inbox(self) -> SlackInbox: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def replicas(self) -> Replicas: ...
    def start_work(self, work: str, ref: int, *, delay: timedelta | None = None) -> None:
        """Start durable work (`execute operation 17`) when, and only when, this transaction commits."""
        ...


class Store(Protocol):
    """Runs decisions."""

    async def write(self, decide: Callable[[Transaction], T]) -> T:
        """Run a decision in the writer's transaction; returns after the commit."""
        ...

    async def read(self, look: Callable[[Transaction], T]) -> T:
        """Run a look in a read-only transaction."""
        ...
