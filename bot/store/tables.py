"""The tables. What is searched by is a column; the rest of a value is JSON in `data`, written and read by `mapping`."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from bot.domain.timeline import stamp


class Moment(TypeDecorator[datetime]):
    """A UTC time with microseconds as text of fixed width: sorts and compares alike on both databases."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        del dialect
        return None if value is None else stamp(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else datetime.fromisoformat(value)


def _moment(*, nullable: bool = False, index: bool = False) -> Any:
    return Column(Moment, nullable=nullable, index=index)


def _text() -> Any:
    return Column(Text, nullable=False)


class IncidentRow(SQLModel, table=True):
    __tablename__ = "incidents"
    __table_args__ = (Index("ix_incidents_place", "model", "status", "resolved_at"),)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    status: str = Field(index=True)
    model: str | None
    environment: str | None
    source: str
    opened_at: datetime = Field(sa_column=_moment(index=True))
    resolved_at: datetime | None = Field(sa_column=_moment(nullable=True))
    data: str = Field(sa_column=_text())
    counts: str = Field(sa_column=_text())
    """What alerts change, each of them: written without the rest, and newer than what `data` says of it."""


_FIRING = text("status = 'firing'")
"""What fires is asked for often and is little beside what ever did."""


class EpisodeRow(SQLModel, table=True):
    __tablename__ = "episodes"
    __table_args__ = (
        UniqueConstraint("source", "instance", "fingerprint", "starts_at"),
        Index("ix_episodes_incident", "incident", "starts_at"),
        Index("ix_episodes_firing", "source", sqlite_where=_FIRING, postgresql_where=_FIRING),
    )
    id: int | None = Field(default=None, primary_key=True)
    source: str
    instance: str
    fingerprint: str
    starts_at: datetime = Field(sa_column=_moment(index=True))
    status: str
    first_seen: datetime = Field(sa_column=_moment())
    last_seen: datetime = Field(sa_column=_moment())
    ends_at: datetime | None = Field(sa_column=_moment(nullable=True))
    deliveries: int
    incident: int | None = Field(foreign_key="incidents.number")
    alert: str = Field(sa_column=_text())


class DeliveryRow(SQLModel, table=True):
    """A delivery that changed something, or that can't be read; the others are only counted."""

    __tablename__ = "deliveries"
    id: int | None = Field(default=None, primary_key=True)
    integration: str
    received_at: datetime = Field(sa_column=_moment())
    digest: str
    size: int
    outcome: str = Field(index=True)
    alerts: int
    reason: str
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))


class HeardRow(SQLModel, table=True):
    """When an integration was heard from, and how much it said in all."""

    __tablename__ = "heard"
    integration: str = Field(primary_key=True)
    at: datetime = Field(sa_column=_moment())
    deliveries: int
    alerts: int


class EntryRow(SQLModel, table=True):
    """Triggers of the database itself refuse to change or remove a row: see the migrations."""

    __tablename__ = "timeline"
    incident: int = Field(primary_key=True, foreign_key="incidents.number")
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str
    text: str = Field(sa_column=_text())
    actor_kind: str
    actor_id: str
    actor_name: str
    happened_at: datetime = Field(sa_column=_moment())
    learned_at: datetime = Field(sa_column=_moment())
    evidence: str = Field(sa_column=_text())
    prev_hash: str
    hash: str


class OperationRow(SQLModel, table=True):
    __tablename__ = "operations"
    __table_args__ = (Index("ix_operations_model", "model", "environment", "state"),)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    state: str = Field(index=True)
    model: str
    environment: str
    lane: str
    incident: int | None = Field(index=True, foreign_key="incidents.number")
    requested_at: datetime = Field(sa_column=_moment())
    data: str = Field(sa_column=_text())


class IntentRow(SQLModel, table=True):
    __tablename__ = "intents"
    key: str = Field(primary_key=True)
    operation: int = Field(index=True, foreign_key="operations.number")
    step: str
    state: str = Field(index=True)
    call: str = Field(sa_column=_text())
    intended_at: datetime = Field(sa_column=_moment())
    finished_at: datetime | None = Field(sa_column=_moment(nullable=True))
    result: str = Field(sa_column=_text())
    attempts: int


class SpanRow(SQLModel, table=True):
    __tablename__ = "live_spans"
    __table_args__ = (Index("ix_live_spans_model", "model", "environment"),)
    id: int | None = Field(default=None, primary_key=True)
    model: str
    environment: str
    version: str
    evidence: str
    since: datetime = Field(sa_column=_moment())
    until: datetime | None = Field(sa_column=_moment(nullable=True))
    verdict: str
    cause: str = Field(sa_column=_text())
    incident: int | None


class ChangeRow(SQLModel, table=True):
    __tablename__ = "changes"
    __table_args__ = (UniqueConstraint("model", "kind", "version", "at"),)
    id: int | None = Field(default=None, primary_key=True)
    model: str
    kind: str
    version: str
    at: datetime = Field(sa_column=_moment(index=True))
    data: str = Field(sa_column=_text())


class PostRow(SQLModel, table=True):
    __tablename__ = "posts"
    __table_args__ = (Index("ix_posts_message", "channel_id", "ts"),)
    key: str = Field(primary_key=True)
    kind: str
    ref: int
    channel: str
    lane: int
    wanted: int
    shown: int
    waits: bool = Field(index=True)
    """`wanted > shown`, as a column of its own so that the projector's question needs no scan."""
    thread: str | None
    body: str = Field(sa_column=_text())
    sending: bool
    held_by: str
    held_until: datetime | None = Field(sa_column=_moment(nullable=True))
    channel_id: str
    ts: str
    attempts: int
    not_before: datetime | None = Field(sa_column=_moment(nullable=True))
    last_error: str = Field(sa_column=_text())
    wanted_at: datetime = Field(sa_column=_moment())
    """Since when it waits."""
    changed_at: datetime = Field(sa_column=_moment())
    """When it was wanted last."""
    rank: int
    listed: str = Field(index=True)


class TimerRow(SQLModel, table=True):
    __tablename__ = "timers"
    key: str = Field(primary_key=True)
    kind: str
    ref: int
    due_at: datetime = Field(sa_column=_moment(index=True))
    detail: str = Field(sa_column=_text())


class JobRow(SQLModel, table=True):
    __tablename__ = "jobs"
    name: str = Field(primary_key=True)
    cron: str
    zone: str
    last_tick: datetime | None = Field(sa_column=_moment(nullable=True))
    catch_up: bool


class SlackEventRow(SQLModel, table=True):
    __tablename__ = "slack_events"
    event_id: str = Field(primary_key=True)
    received_at: datetime = Field(sa_column=_moment())
    done: bool = Field(index=True)
    body: str = Field(sa_column=_text())


class KeyRow(SQLModel, table=True):
    __tablename__ = "keys"
    scope: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: str = Field(sa_column=_text())
    at: datetime = Field(sa_column=_moment())


class ReplicaRow(SQLModel, table=True):
    __tablename__ = "replicas"
    replica: str = Field(primary_key=True)
    alive_until: datetime = Field(sa_column=_moment())
    taken_over_by: str | None
