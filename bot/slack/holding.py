"""What is sent next: chosen, held, marked as being sent, rendered and paid for in one transaction, before any call."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.errors import NotFound
from bot.domain.post import Backlog, Lane, Post, PostKind
from bot.ports.store import Transaction
from bot.slack.blocks.message import Message
from bot.slack.blocks.plain import plainer
from bot.slack.render import Renderer
from bot.slack.shared import Shared
from bot.slack.storms import Storms
from bot.usecases.setup import Setup
from bot.usecases.storm import backlog

LEASE = timedelta(seconds=25)
"""How long a post is held. Then its holder is taken for dead, and another goes on."""
SEEN = 500
"""Posts that are looked at in one round."""
PACE = timedelta(seconds=1), timedelta(seconds=5)
"""What counts (on a card, in the list that pages a person) is edited when it was stable for so long, or has waited."""
STORM_PACE = timedelta(seconds=4), timedelta(seconds=15)
"""The same for cards while the message of many problems tells their counts, too."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """A post that we hold, as it was before it was marked as being sent, with what it must show."""

    post: Post
    since: datetime
    message: Message | None
    parent_ts: str = ""
    fault: str = ""
    """Why it could not be made."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one transaction has taken."""

    works: tuple[Work, ...]
    wait: float | None
    """Seconds until something that waits may be sent; nothing when nothing does."""
    backlog: Backlog | None = None


@dataclass(frozen=True, slots=True)
class Taker:
    """Takes posts for one replica. `plain`: the workspace does not know newer blocks."""

    setup: Setup
    replica: str
    plain: bool = False

    def take(self, tx: Transaction, slots: int, busy: Collection[str], *, probing: bool = False) -> Taken:
        """At most so many, none of the busy ones. `probing`: what has failed least goes first."""
        shared = Shared.of(tx)
        storms = Storms(tx, shared)
        due = self._due(tx, busy)
        if (due or shared.storms) and storms.settle(due):
            due = self._due(tx, busy)
        if probing:
            due.sort(key=lambda post: post.attempts)
        held: list[Post] = []
        waits: list[float] = []
        for post in due:
            wait = max(_settled_in(post, tx.now, shared), shared.budget.wait(post, tx.now))
            if wait > 0 or len(held) >= slots:
                waits.append(wait)
                continue
            shared.budget.spend(post, tx.now)
            held.append(post)
        tx.posts.hold_all(held, self.replica, LEASE)
        shared.keep(tx)
        renderer = Renderer(tx, self.setup)
        works = [self._made(renderer, post) for post in held]
        soonest = storms.next_at()
        if soonest is not None:
            waits.append(soonest - tx.now.timestamp())
        behind = backlog(tx) if len(due) > len(works) or not works else None
        return Taken(tuple(works), min(waits, default=None), behind)

    def _due(self, tx: Transaction, busy: Collection[str]) -> list[Post]:
        return [post for post in tx.posts.due(tx.now, by=self.replica, limit=SEEN) if post.key not in busy]

    def _made(self, renderer: Renderer, post: Post) -> Work:
        """The message as it must be at this moment; one that can't be made must not keep back the others."""
        tx = renderer.tx
        parent = tx.posts.get(post.thread) if post.thread else None
        message, fault = None, ""
        try:
            message = renderer.message(post)
            if self.plain:
                message = plainer(message) or message
        except NotFound:
            pass  # what it would show is gone
        except Exception as error:  # noqa: BLE001 - whatever it was, it is this message's own
            _log.exception("the message %s could not be made", post.key)
            fault = f"it could not be made ({type(error).__name__})"
        return Work(post, tx.now, message, parent.ts if parent else "", fault)


def _settled_in(post: Post, now: datetime, shared: Shared) -> float:
    """Seconds that an edit still waits for what it counts to become stable; 0 for everything else."""
    counts = post.kind is PostKind.CARD and post.lane >= Lane.ENRICHMENT
    lists = post.kind is PostKind.STORM and post.lane >= Lane.UPDATE
    if not post.ts or not (counts or lists) or post.changed_at is None or post.wanted_at is None:
        return 0.0
    storm = shared.storms.get(post.channel)
    stable, patience = STORM_PACE if counts and storm is not None and not storm.closed else PACE
    at = min(post.changed_at + stable, post.wanted_at + patience)
    return min(max((at - now).total_seconds(), 0.0), patience.total_seconds())


def again(tx: Transaction, replica: str, work: Work) -> Work | None:
    """Hold it for longer; nothing when another process has it by now."""
    held = tx.posts.hold(work.post.key, replica, LEASE)
    return None if held is None else replace(work, since=tx.now)
