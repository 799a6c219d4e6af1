"""The budget: Slack's limits in any minute, what is kept for what is urgent, a clock that is set back, two replicas."""

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.post import Lane, Post, PostKind
from bot.slack.budget import EDITS, POSTS, Budget
from bot.slack.shared import Shared
from bot.store.sqlstore import SqlStore
from tests.fakes.clock import START, FakeClock
from tests.store.conftest import clock, migrated_postgres, migrated_sqlite, other_store, postgres, store, url

__all__ = ["clock", "migrated_postgres", "migrated_sqlite", "other_store", "postgres", "store", "url"]

POST = Post("card:1", PostKind.CARD, 1, "#ml-incidents", Lane.NEW_INCIDENT)
EDIT = replace(POST, ts="1700000000.000100", lane=Lane.UPDATE)
SECOND = timedelta(seconds=1)


def flood(budget: Budget, post: Post, now: datetime) -> int:
    """Send as many as may go."""
    count = 0
    while not budget.wait(post, now):
        budget.spend(post, now)
        count += 1
    return count


def test_a_second_each_and_a_short_burst() -> None:
    budget = Budget()
    assert flood(budget, POST, START) == 2
    assert budget.wait(POST, START) == pytest.approx(1 / 0.95)
    assert flood(budget, POST, START + 1.1 * SECOND) == 1
    assert flood(budget, replace(POST, channel="#other"), START + SECOND) == 2, "a channel of its own"


def test_a_flood_of_updates_leaves_what_a_page_and_an_acknowledgement_need() -> None:
    budget = Budget()
    flood(budget, replace(EDIT, lane=Lane.HOUSEKEEPING), START)
    flood(budget, EDIT, START)
    assert flood(budget, replace(EDIT, lane=Lane.ACKNOWLEDGEMENT), START) == EDITS.keep[Lane.UPDATE]
    flood(budget, replace(POST, lane=Lane.HOUSEKEEPING), START)
    flood(budget, POST, START)
    assert flood(budget, replace(POST, lane=Lane.PAGE), START) == POSTS.keep[Lane.NEW_INCIDENT]


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from(list(Lane))), max_size=120))
def test_never_more_than_fifty_edits_in_any_minute(asked: list[tuple[float, Lane]]) -> None:
    budget, now, made = Budget(), START, deque[datetime]()
    for pause, lane in asked:
        now += timedelta(seconds=pause)
        made += [now] * flood(budget, replace(EDIT, lane=lane), now)
        while made[0] <= now - timedelta(minutes=1):
            made.popleft()
        assert len(made) <= 50


def test_what_slack_asked_for_is_kept_to_the_second() -> None:
    budget = Budget()
    budget.limited(POST, 7, START)
    assert budget.wait(POST, START) == pytest.approx(7.0)
    assert not budget.wait(EDIT, START), "only its kind is limited"
    after = START + 7 * SECOND
    assert flood(budget, POST, after) == 1, "and then no burst"
    assert flood(budget, POST, after + 60 * SECOND) == 1, "nor a minute later"
    assert flood(budget, POST, after + 61.1 * SECOND) == 1
    budget.tidy(after + 700 * SECOND)
    assert flood(budget, POST, after + 700 * SECOND) == 2, "but some day it is tried again"


def test_a_clock_that_is_set_back_blocks_nothing() -> None:
    budget = Budget()
    for _ in range(60):
        budget.spend(POST, START)
        budget.spend(EDIT, START)
    budget.limited(POST, 600, START)
    budget.pause(30, START)
    assert budget.wait(POST, START)
    assert budget.wait(EDIT, START)
    earlier = START - timedelta(hours=1)
    assert not budget.wait(POST, earlier)
    assert not budget.wait(EDIT, earlier)
    flood(budget, POST, earlier)
    assert budget.wait(POST, earlier), "from here on it counts as ever"
    assert not budget.wait(POST, earlier + 4 * SECOND)


async def test_replicas_spend_one_budget_and_a_restart_forgets_none(
    store: SqlStore, other_store: SqlStore, clock: FakeClock
) -> None:
    def spend(tx) -> int:
        shared = Shared.of(tx)
        count = flood(shared.budget, POST, tx.now)
        shared.keep(tx)
        return count

    assert await store.write(spend) == 2
    assert await other_store.write(spend) == 0
    clock.advance(1.1 * SECOND)
    assert await other_store.write(spend) == 1
    assert await store.write(spend) == 0


async def test_what_another_version_has_written_there_begins_anew(store: SqlStore) -> None:
    for text in ("not JSON", "[]", '{"storms": {"#c": {"unknown": 1}}}', '{"blocked": {"x": 1}}'):
        await store.write(lambda tx, text=text: tx.keys.put("slack", "shared", text))
        assert (await store.read(Shared.of)).storms == {}
