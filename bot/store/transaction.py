"""One transaction as the decisions see it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlmodel import Session

from bot.domain.errors import BotError
from bot.ports import store as port
from bot.store.deliveries import Deliveries
from bot.store.episodes import Episodes
from bot.store.incidents import Incidents
from bot.store.operations import Changes, Intents, Ledger, Operations
from bot.store.posts import Posts
from bot.store.queues import Jobs, Keys, Replicas, SlackInbox, Timers
from bot.store.timeline import TimelineLog

StartWork = Callable[[Session, str, int, timedelta | None], None]
"""Starts durable work within the session's transaction; handed in, so that the store knows no engine."""


class SqlTransaction(port.Transaction):
    """Repositories on one session. They live as long as the decision runs."""

    def __init__(self, session: Session, now: datetime, start_work: StartWork | None) -> None:
        self._session = session
        self._now = now
        self._start_work = start_work
        self._incidents = Incidents(session)
        self._episodes = Episodes(session)
        self._deliveries = Deliveries(session, now)
        self._timeline = TimelineLog(session, now)
        self._operations = Operations(session)
        self._intents = Intents(session)
        self._ledger = Ledger(session)
        self._changes = Changes(session)
        self._posts = Posts(session, now)
        self._timers = Timers(session)
        self._jobs = Jobs(session)
        self._inbox = SlackInbox(session, now)
        self._keys = Keys(session, now)
        self._replicas = Replicas(session, now)

    @property
    def now(self) -> datetime:
        return self._now

    @property
    def incidents(self) -> port.Incidents:
        return self._incidents

    @property
    def episodes(self) -> port.Episodes:
        return self._episodes

    @property
    def deliveries(self) -> port.Deliveries:
        return self._deliveries

    @property
    def timeline(self) -> port.TimelineLog:
        return self._timeline

    @property
    def operations(self) -> port.Operations:
        return self._operations

    @property
    def intents(self) -> port.Intents:
        return self._intents

    @property
    def ledger(self) -> port.Ledger:
        return self._ledger

    @property
    def changes(self) -> port.Changes:
        return self._changes

    @property
    def posts(self) -> port.Posts:
        return self._posts

    @property
    def timers(self) -> port.Timers:
        return self._timers

    @property
    def jobs(self) -> port.Jobs:
        return self._jobs

    @property
    def inbox(self) -> port.SlackInbox:
        return self._inbox

    @property
    def keys(self) -> port.Keys:
        return self._keys

    @property
    def replicas(self) -> port.Replicas:
        return self._replicas

    def start_work(self, work: str, ref: int, *, delay: timedelta | None = None) -> None:
        """Start durable work when, and only when, this transaction commits."""
        if self._start_work is None:
            raise BotError("This process has no engine, so it can't start work.", not_done="Nothing was changed.")
        self._start_work(self._session, work, ref, delay)
