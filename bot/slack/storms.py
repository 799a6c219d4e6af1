"""When many problems begin at once: which channel gets one message about all of them, and what it takes over.

A channel takes a message a second, so twenty cards need twenty seconds, and a person would be paged twenty times. From
a few waiting on, one message names all of them; it is a post like others, whose members are rows. Cards follow it one
by one; pages don't, since that message has paged already, and has the button for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.post import Lane, Post, PostKind
from bot.ports.store import Transaction
from bot.slack.shared import OpenStorm, Shared
from bot.usecases.storm import LATE, Storm

CROWD = 2
"""More than so many cards that can't be shown at once are a storm."""
AT_ONCE = 2
"""Messages that page one person, or tell one person what is over, before a list does."""
LISTS = {PostKind.PAGE: "", PostKind.SUMMARY: " over"}
"""What a list may stand for in direct messages, and what is added to the person to tell their lists apart."""
RECENT = 60.0
"""Seconds: problems that began so long before a storm belong to it; one that ended so long ago goes on."""
SAME_ALARM = 30.0
"""Seconds in which somebody who was paged by a list is not paged anew by what is added to it, unless it is worse."""
BUZZ_AGAIN = 5.0
"""Seconds after which a sev1 counts as worse in any case."""


@dataclass(frozen=True, slots=True)
class Storms:
    """Decides in the transaction that holds posts."""

    tx: Transaction
    shared: Shared

    @property
    def _at(self) -> float:
        return self.tx.now.timestamp()

    def settle(self, due: Sequence[Post]) -> bool:
        """Open, fill, renew and close. True when posts were changed, so that what is due must be asked anew."""
        changed = False
        for post in due:
            if post.told_elsewhere:  # its state has changed: the list says so
                self.tx.posts.enlist(post.key, post.listed)
                self._want_anew(post.listed)
                changed = True
            if post.kind is PostKind.STORM and not post.ts:
                changed |= self._told_late(post)
        fresh = [post for post in due if not post.ts and not post.told_elsewhere]
        for channel in dict.fromkeys(post.channel for post in fresh):
            mine = [post for post in fresh if post.channel == channel]
            changed |= self._cards([post for post in mine if post.kind is PostKind.CARD], due)
            for kind in LISTS:  # what may have been sent is looked for, and has its own message
                changed |= self._for_a_person([post for post in mine if post.kind is kind and not post.sending])
        for channel, storm in list(self.shared.storms.items()):
            changed |= self._renew(channel, storm)
        return changed

    def _told_late(self, post: Post) -> bool:
        """One that could not be shown for long says so."""
        storm, now = Storm.of(post), self.tx.now
        if now - storm.since <= LATE or (storm.told is not None and now - storm.told <= LATE):
            return False
        self.tx.posts.want(replace(post, body=replace(storm, told=now).to_json()))
        return True

    # ------------------------------------------------------------ cards

    def _cards(self, cards: Sequence[Post], due: Sequence[Post]) -> bool:
        """Cards that wait in one channel."""
        if not cards:
            return False
        channel, storm = cards[0].channel, self.shared.storms.get(cards[0].channel)
        if storm is None or storm.closed:
            late = [p for p in due if p.channel == channel and p.kind is PostKind.CARD and self._is_late(p)]
            crowd = len(cards) - self.shared.budget.left(cards[0], self.tx.now) > CROWD
            if not crowd and (not late or len({p.key for p in (*cards, *late)}) < 2):
                return False
            storm = self._again(channel, storm) or self._begin(channel, [*cards, *late])
            for post in (*self._shown_since(channel, [*cards, *late]), *late):
                self.tx.posts.enlist(post.key, storm.key)
        new = [post for post in cards if post.listed != storm.key]
        for post in new:
            self.tx.posts.enlist(post.key, storm.key)
        return bool(new)

    def _is_late(self, post: Post) -> bool:
        return post.wanted_at is not None and self.tx.now - post.wanted_at > LATE

    def _shown_since(self, channel: str, waiting: Sequence[Post]) -> list[Post]:
        """Cards that are there already, of problems that began a moment before those that wait: they belong to it."""
        begun, found = _since(waiting, self.tx.now).timestamp() - RECENT, []
        for incident in self.tx.incidents.newest(limit=20):
            card = self.tx.posts.get(f"card:{incident.number}")
            if card is not None and card.channel == channel and card.ts and incident.opened_at.timestamp() >= begun:
                found.append(card)
        return found

    # ------------------------------------------------------------ direct messages

    def _for_a_person(self, posts: Sequence[Post]) -> bool:
        """Pages, or summaries of what is over, that wait for one person."""
        if not posts:
            return False
        place = posts[0].channel + LISTS[posts[0].kind]
        storm = self.shared.storms.get(place)
        if storm is None or not -1 <= self._at - storm.opened <= SAME_ALARM:
            if len(posts) <= min(AT_ONCE, self.shared.budget.left(posts[0], self.tx.now) - 1):
                return False
            storm = self._begin(place, posts)
        listed = [post for post in posts if not self._alone(place, storm, post)]
        for post in listed:
            self.tx.posts.enlist(post.key, storm.key)
        if listed:
            self._want_anew(storm.key)
        return bool(listed)

    def _alone(self, place: str, storm: OpenStorm, page: Post) -> bool:
        """Whether a page is a message of its own nevertheless: an edit of the list would wake nobody."""
        urgent = page.rank < storm.worst or (page.rank == 1 and self._at - storm.opened > BUZZ_AGAIN)
        if page.kind is not PostKind.PAGE or not urgent or self.shared.budget.left(page, self.tx.now) < 1:
            return False
        woken = self.shared.storms[place]
        self.shared.storms[place] = replace(woken, worst=min(page.rank, woken.worst), opened=self._at)
        return True

    # ------------------------------------------------------------ the messages

    def _again(self, channel: str, storm: OpenStorm | None) -> OpenStorm | None:
        """One that has ended a moment ago goes on."""
        if storm is None or not 0 <= self._at - storm.closed <= RECENT:
            return None
        storm = replace(storm, closed=0.0, edited=self._at)
        self.shared.storms[channel] = storm
        self._want(storm, channel, Lane.NEW_INCIDENT)
        return storm

    def _begin(self, place: str, posts: Sequence[Post]) -> OpenStorm:
        since, worst = _since(posts, self.tx.now), min(post.rank for post in posts)
        storm = OpenStorm(f"storm:{place}:{int(self._at)}", self._at, self._at, worst)
        self.shared.storms[place] = storm
        lane = posts[0].lane if place.startswith("@") else Lane.ACKNOWLEDGEMENT
        body = Storm(since).to_json()
        self.tx.posts.want(Post(storm.key, PostKind.STORM, 0, posts[0].channel, lane, body=body, rank=1))
        return storm

    def _renew(self, channel: str, storm: OpenStorm) -> bool:
        """Show what has changed, not too often; and say when it is over."""
        if channel.startswith("@") or storm.closed:
            going_on = any(not s.closed for place, s in self.shared.storms.items() if not place.startswith("@"))
            if self._at - max(storm.closed, storm.opened) > RECENT and not going_on:
                del self.shared.storms[channel]
            return False
        if 0 <= self._at - storm.edited < pace(self._at - storm.opened):
            return False
        members = self.tx.posts.listed(storm.key)
        closed = bool(members) and all(post.ts for post in members)
        if not closed and not any(_changed_since(post, storm.edited_at) for post in members):
            return False
        storm = replace(storm, edited=self._at, closed=self._at if closed else 0.0)
        self.shared.storms[channel] = storm
        self._want(storm, channel, Lane.NEW_INCIDENT)
        if closed:  # whoever was paged by a list of their own finds the cards from there, too
            for place, other in self.shared.storms.items():
                if place.startswith("@"):
                    self._want_anew(other.key)
        return True

    def _want(self, storm: OpenStorm, channel: str, lane: Lane) -> None:
        have = self.tx.posts.get(storm.key)
        assert have is not None, "posts are never removed"
        body = replace(Storm.of(have), closed=bool(storm.closed)).to_json()
        self.tx.posts.want(replace(have, channel=channel, lane=lane, body=body))

    def _want_anew(self, key: str) -> None:
        have = self.tx.posts.get(key)
        if have is not None:
            self.tx.posts.want(replace(have, lane=Lane.UPDATE))

    def next_at(self) -> float | None:
        """When something is to be renewed, in seconds since the epoch."""
        return min(
            (
                storm.edited + pace(self._at - storm.opened)
                for channel, storm in self.shared.storms.items()
                if not channel.startswith("@") and not storm.closed
            ),
            default=None,
        )


def pace(age: float) -> float:
    """Seconds between two edits: quick at first, when everybody looks."""
    return 1.5 if age < 6 else 4.0 if age < 40 else 10.0


def _since(posts: Sequence[Post], now: datetime) -> datetime:
    return min((post.wanted_at for post in posts if post.wanted_at is not None), default=now)


def _changed_since(post: Post, moment: datetime) -> bool:
    return post.changed_at is not None and post.changed_at > moment
