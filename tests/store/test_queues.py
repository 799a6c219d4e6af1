"""What waits: in order, taken once, claimed once, by however many ask at the same time."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from bot.domain.post import Backlog, Lane, Post, PostKind
from bot.ports.store import JobRecord, Timer, Transaction
from bot.store.sqlstore import SqlStore
from tests.fakes.clock import START, FakeClock
from tests.store.strategies import TEXTS
from tests.unit.worlds import minutes

QUICK = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
LEASE = timedelta(seconds=15)


def card(number: int, lane: Lane = Lane.UPDATE, **more: object) -> Post:
    return Post(f"card:{number}", PostKind.CARD, number, "#ml-incidents", lane, **more)  # type: ignore[arg-type]  # free keywords


async def due(store: SqlStore, clock: FakeClock, **more: int) -> list[str]:
    return [post.key for post in await store.read(lambda tx: tx.posts.due(clock.now(), **more))]


# ---------------------------------------------------------------- posts


async def test_a_post_is_wanted_until_that_revision_is_shown(store: SqlStore, clock: FakeClock) -> None:
    first = await store.write(lambda tx: tx.posts.want(card(1, body="one")))
    assert (first.wanted, first.shown) == (1, 0)
    again = await store.write(lambda tx: tx.posts.want(card(1, Lane.PAGE, body="two")))
    assert (again.wanted, again.shown, again.lane, again.body) == (2, 0, Lane.PAGE, "two")
    shown = replace(first, shown=1, sending=True, channel_id="C1", ts="1.1", attempts=3, last_error="ratelimited\x00")
    await store.write(lambda tx: tx.posts.save(shown))
    assert await due(store, clock) == ["card:1"]  # revision 1 is there, 2 is wanted
    kept = await store.read(lambda tx: tx.posts.get("card:1"))
    assert kept == replace(shown, wanted=2, lane=Lane.PAGE, body="two", last_error="ratelimited\ufffd")
    assert await store.read(lambda tx: tx.posts.waiting()) == 1
    await store.write(lambda tx: tx.posts.save(replace(kept, shown=2)))
    assert await due(store, clock) == []
    assert await store.read(lambda tx: tx.posts.waiting()) == 0
    assert (
        await store.write(lambda tx: tx.posts.want(card(1)))
    ).body == "two"  # nothing new to say keeps what was said


async def test_urgent_ones_go_first_and_of_one_lane_the_oldest(store: SqlStore, clock: FakeClock) -> None:
    for number, lane in ((1, Lane.HOUSEKEEPING), (2, Lane.UPDATE), (3, Lane.PAGE), (4, Lane.UPDATE), (5, Lane.PAGE)):
        post = card(number, lane)
        await store.write(lambda tx, post=post: tx.posts.want(post))
        clock.advance(1)
    await store.write(lambda tx: tx.posts.want(card(2)))  # wanted anew while it waits: it keeps its place
    assert await due(store, clock) == ["card:3", "card:5", "card:2", "card:4", "card:1"]
    assert await due(store, clock, limit=2) == ["card:3", "card:5"]


async def test_one_that_was_shown_and_is_wanted_anew_goes_to_the_end_of_its_lane(
    store: SqlStore, clock: FakeClock
) -> None:
    for number in (1, 2):
        post = card(number)
        await store.write(lambda tx, post=post: tx.posts.want(post))
        clock.advance(1)
    await store.write(lambda tx: tx.posts.save(card(1, shown=1, ts="1.1", channel_id="C1")))
    await store.write(lambda tx: tx.posts.want(card(1)))
    assert await due(store, clock) == ["card:2", "card:1"]


async def test_a_post_waits_for_its_time_and_for_its_thread(store: SqlStore, clock: FakeClock) -> None:
    reply = Post("operation:17", PostKind.OPERATION, 17, "#ml-incidents", Lane.PAGE, thread="card:1")
    orphan = replace(reply, key="operation:18", thread="card:404")
    await store.write(lambda tx: [tx.posts.want(post) for post in (reply, orphan, card(1))])
    assert await due(store, clock) == ["card:1"]
    later = card(1, not_before=clock.now() + minutes(1))
    await store.write(lambda tx: tx.posts.save(later))
    assert await due(store, clock) == []
    clock.advance(minutes(1))
    assert await due(store, clock) == ["card:1"]
    await store.write(lambda tx: tx.posts.save(replace(later, shown=1, channel_id="C1", ts="1.1")))
    assert await due(store, clock) == ["operation:17"]
    found = await store.read(lambda tx: tx.posts.by_message("C1", "1.1"))
    assert found is not None
    assert found.key == "card:1"


async def test_a_post_is_held_by_one_until_its_lease_is_over(
    store: SqlStore, other_store: SqlStore, clock: FakeClock
) -> None:
    await store.write(lambda tx: tx.posts.want(card(1)))
    stores = (store, other_store) * 5
    names = [f"r{place}" for place in range(10)]
    held = await asyncio.gather(
        *(
            one.write(lambda tx, by=by: tx.posts.hold("card:1", by, LEASE))
            for one, by in zip(stores, names, strict=True)
        )
    )
    assert [post.sending for post in held if post is not None] == [False], "one, and as it was before"
    mine = names[[post is not None for post in held].index(True)]
    assert (await store.read(lambda tx: tx.posts.get("card:1"))).sending
    assert await due(store, clock) == []
    assert len(await store.read(lambda tx: tx.posts.due(clock.now(), by=mine))) == 1
    assert (await store.write(lambda tx: tx.posts.hold("card:1", mine, LEASE))).sending, "again, after a restart"
    assert not await store.write(lambda tx: tx.posts.save(card(1, shown=1), by="another"))
    clock.advance(LEASE)
    assert await due(store, clock) == ["card:1"]
    assert await store.write(lambda tx: tx.posts.hold("card:1", "another", LEASE)) is not None
    assert not await store.write(lambda tx: tx.posts.save(card(1, shown=1), by=mine)), "it was taken for dead"
    assert await store.write(lambda tx: tx.posts.save(card(1, sending=True), by="another"))
    assert await due(store, clock) == ["card:1"], "saving lets go"
    assert await store.write(lambda tx: tx.posts.hold("card:9", "another", LEASE)) is None


async def test_the_worst_of_a_lane_goes_first_and_keeps_its_lane_while_it_waits(
    store: SqlStore, clock: FakeClock
) -> None:
    for number, rank in ((1, 3), (2, 1), (3, 2)):
        await store.write(lambda tx, n=number, r=rank: tx.posts.want(card(n, Lane.NEW_INCIDENT, rank=r)))
        clock.advance(1)
    assert await due(store, clock) == ["card:2", "card:3", "card:1"]
    await store.write(lambda tx: tx.posts.want(card(2, Lane.ENRICHMENT, rank=1)))
    await store.write(lambda tx: tx.posts.touch(["card:3", "card:404"], Lane.HOUSEKEEPING))
    assert await due(store, clock) == ["card:2", "card:3", "card:1"], "a small change is no reason to wait longer"
    assert (await store.read(lambda tx: tx.posts.get("card:3"))).wanted == 2
    await store.write(lambda tx: tx.posts.save(card(2, shown=2, ts="1.1", channel_id="C1")))
    await store.write(lambda tx: tx.posts.want(card(2, Lane.ENRICHMENT, rank=1)))
    assert await due(store, clock) == ["card:3", "card:1", "card:2"]


async def test_what_changed_while_it_was_sent_waits_since_then(store: SqlStore, clock: FakeClock) -> None:
    first = await store.write(lambda tx: tx.posts.want(card(1)))
    assert first.wanted_at == first.changed_at == clock.now()
    changed = clock.advance(5)
    await store.write(lambda tx: tx.posts.want(card(1)))
    clock.advance(5)
    await store.write(lambda tx: tx.posts.save(replace(first, shown=1, ts="1.1", channel_id="C1")))
    kept = await store.read(lambda tx: tx.posts.get("card:1"))
    assert (kept.wanted_at, kept.changed_at) == (changed, changed)


async def test_a_page_in_a_list_needs_no_message_of_its_own_and_a_card_does(store: SqlStore, clock: FakeClock) -> None:
    page = Post("page:1:mika", PostKind.PAGE, 1, "@mika", Lane.PAGE, body="mika")
    own = replace(page, key="page:2:mika", ref=2)
    await store.write(lambda tx: [tx.posts.want(post) for post in (page, own, card(1))])
    sent = replace(own, shown=1, ts="2.2", channel_id="D1")
    await store.write(lambda tx: tx.posts.save(sent))
    await store.write(lambda tx: [tx.posts.enlist(key, "storm:x") for key in (page.key, own.key, "card:1", "card:404")])
    assert await due(store, clock) == ["card:1"]
    assert [p.key for p in await store.read(lambda tx: tx.posts.listed("storm:x"))] == ["card:1", page.key, own.key]
    await store.write(lambda tx: [tx.posts.want(post) for post in (page, own)])
    assert set(await due(store, clock)) == {"card:1", page.key, own.key}
    await store.write(lambda tx: tx.posts.enlist(page.key, "storm:x"))
    kept = await store.read(lambda tx: tx.posts.get(page.key))
    assert kept.told_elsewhere
    assert kept.wanted == kept.shown == 2
    assert set(await due(store, clock)) == {"card:1", own.key}


async def test_what_lags_behind_is_told_after_a_while_and_what_is_refused_is_not(
    store: SqlStore, clock: FakeClock
) -> None:
    since = clock.now()
    for number in (1, 2):
        await store.write(lambda tx, n=number: tx.posts.want(card(n)))
    assert await store.read(lambda tx: tx.posts.backlog(since - minutes(1))) is None
    clock.advance(minutes(2))
    await store.write(lambda tx: tx.posts.want(card(3)))
    late = await store.read(lambda tx: tx.posts.backlog(clock.now() - minutes(1)))
    assert late == Backlog(3, since)
    assert late.told == f"3 updates wait for Slack since {since:%H:%M} UTC"
    assert Backlog(1, since).told.startswith("1 update waits")
    for number in (1, 2):
        refused = card(number, last_error="Slack says user_not_found", not_before=clock.now() + minutes(9))
        await store.write(lambda tx, post=refused: tx.posts.save(post))
    assert await store.read(lambda tx: tx.posts.backlog(clock.now() - minutes(1))) is None
    assert await due(store, clock) == ["card:3"]
    await store.write(lambda tx: tx.posts.hurry())
    assert set(await due(store, clock)) == {"card:1", "card:2", "card:3"}


async def test_what_nobody_wanted_is_not_marked(store: SqlStore) -> None:
    await store.write(lambda tx: tx.posts.save(card(7, shown=1)))
    assert await store.read(lambda tx: tx.posts.get("card:7")) is None


# ---------------------------------------------------------------- timers


def timer(key: str, after: float) -> Timer:
    return Timer(key, "escalate", 42, START + minutes(after), "détail")


async def test_timers_are_due_in_order_moved_and_cancelled(store: SqlStore) -> None:
    def set_up(tx: Transaction) -> None:
        for key, after in (("a", 3), ("b", 1), ("c", 2), ("d", 1)):
            tx.timers.set(timer(key, after))
        tx.timers.set(timer("a", 0))
        tx.timers.cancel("c")
        tx.timers.cancel("never set")
        tx.timers.cancel("d")
        tx.timers.set(timer("d", 9))  # in one transaction with its end

    await store.write(set_up)
    assert await store.write(lambda tx: tx.timers.take_due(START - minutes(1))) == []
    assert await store.write(lambda tx: tx.timers.take_due(START + minutes(5), limit=1)) == [timer("a", 0)]
    assert await store.write(lambda tx: tx.timers.take_due(START + minutes(5))) == [timer("b", 1)]
    assert await store.write(lambda tx: tx.timers.take_due(START + minutes(5))) == []
    assert await store.write(lambda tx: tx.timers.take_due(START + minutes(9))) == [timer("d", 9)]


async def test_a_timer_is_taken_by_one_of_many(store: SqlStore, other_store: SqlStore) -> None:
    await store.write(lambda tx: [tx.timers.set(timer(str(number), 0)) for number in range(30)])
    taken = await asyncio.gather(
        *(at.write(lambda tx: tx.timers.take_due(START, limit=2)) for at in [store, other_store] * 10)
    )
    keys = [one.key for some in taken for one in some]
    assert sorted(keys, key=int) == [str(number) for number in range(30)]


async def test_a_timer_whose_work_fails_is_not_lost(store: SqlStore) -> None:
    await store.write(lambda tx: tx.timers.set(timer("a", 0)))

    def escalate(tx: Transaction) -> None:
        assert tx.timers.take_due(START)
        raise RuntimeError("nobody is on call")

    with pytest.raises(RuntimeError, match="nobody is on call"):
        await store.write(escalate)
    assert await store.write(lambda tx: tx.timers.take_due(START)) == [timer("a", 0)]


# ---------------------------------------------------------------- jobs


async def test_a_tick_is_claimed_once_by_two_stores(store: SqlStore, other_store: SqlStore) -> None:
    await store.write(lambda tx: tx.jobs.describe(JobRecord("digest", "0 9 * * *", "UTC", None, True)))
    claims = await asyncio.gather(
        *(at.write(lambda tx: tx.jobs.claim("digest", START)) for at in [store, other_store] * 10)
    )
    assert sorted(claims) == [False] * 19 + [True]
    assert not await store.write(lambda tx: tx.jobs.claim("digest", START - minutes(1)))
    assert await store.write(lambda tx: tx.jobs.claim("digest", START + minutes(1)))
    assert not await store.write(lambda tx: tx.jobs.claim("unknown", START))


async def test_describing_a_job_again_keeps_its_last_tick(store: SqlStore) -> None:
    await store.write(lambda tx: tx.jobs.describe(JobRecord("digest", "0 9 * * *", "UTC", START, True)))
    await store.write(lambda tx: tx.jobs.describe(JobRecord("digest", "0 7 * * mon", "Europe/Berlin", None, False)))
    found = await store.read(lambda tx: tx.jobs.get("digest"))
    assert found == JobRecord("digest", "0 7 * * mon", "Europe/Berlin", START, False)
    assert await store.read(lambda tx: tx.jobs.get("unknown")) is None


# ---------------------------------------------------------------- inbox, keys


async def test_a_slack_event_is_taken_once_and_pending_until_done(
    store: SqlStore, other_store: SqlStore, clock: FakeClock
) -> None:
    for number in range(3):
        await store.write(lambda tx, number=number: tx.inbox.put(f"Ev{number}", f"body {number}"))
        clock.advance(1)
    taken = await asyncio.gather(
        *(at.write(lambda tx: tx.inbox.put("Ev9", "nine")) for at in [store, other_store] * 10)
    )
    assert sorted(taken) == [False] * 19 + [True]
    await store.write(lambda tx: tx.inbox.done("Ev1"))
    await store.write(lambda tx: tx.inbox.done("unknown"))
    pending = await store.read(lambda tx: tx.inbox.pending())
    assert [(event.event_id, event.body) for event in pending] == [
        ("Ev0", "body 0"),
        ("Ev2", "body 2"),
        ("Ev9", "nine"),
    ]
    assert len(await store.read(lambda tx: tx.inbox.pending(limit=1))) == 1
    assert not await store.write(lambda tx: tx.inbox.put("Ev1", "again"))  # also after it was done


async def test_of_forty_tasks_and_two_stores_one_is_first(store: SqlStore, other_store: SqlStore) -> None:
    first = await asyncio.gather(
        *(
            at.write(lambda tx, n=n: tx.keys.first("reply", "INC-42", str(n)))
            for n, at in enumerate([store, other_store] * 20)
        )
    )
    assert sum(first) == 1
    assert await store.read(lambda tx: tx.keys.get("reply", "INC-42")) == str(first.index(True))
    assert await store.write(lambda tx: tx.keys.first("other scope", "INC-42"))


@QUICK
@given(TEXTS, TEXTS)
async def test_any_key_is_first_once_and_holds_what_was_put(store: SqlStore, scope: str, key: str) -> None:
    def use(tx: Transaction) -> list[object]:
        known = tx.keys.get(scope, key) is not None
        return [
            known,
            tx.keys.first(scope, key, "1"),
            tx.keys.first(scope, key),
            tx.keys.put(scope, key, "2"),
            tx.keys.get(scope, key),
        ]

    known, once, twice, _, value = await store.write(use)
    assert (once, twice, value) == (not known, False, "2")


# ---------------------------------------------------------------- replicas


async def test_a_replica_lives_as_long_as_it_says_so(store: SqlStore, clock: FakeClock) -> None:
    async def beat(replica: str) -> bool:
        return await store.write(lambda tx: tx.replicas.beat(replica, LEASE))

    async def alive(replica: str) -> bool:
        return await store.read(lambda tx: tx.replicas.alive(replica))

    assert not await alive("a")
    assert await beat("a")
    clock.advance(14)
    assert await alive("a")
    clock.advance(1)
    assert not await alive("a")  # at the end of the lease, not after it
    assert await beat("a")  # nobody took over: it goes on
    assert await alive("a")
    await store.write(lambda tx: tx.replicas.expire("a"))
    assert not await alive("a")
    await beat("b")
    assert await store.write(lambda tx: tx.replicas.take_over("b")) == ["a"]
    assert await store.write(lambda tx: tx.replicas.take_over("b")) == []
    assert not await beat("a")  # too late
    assert not await alive("a")


async def test_one_of_two_takes_over(store: SqlStore, other_store: SqlStore, clock: FakeClock) -> None:
    await store.write(lambda tx: tx.replicas.beat("dead", LEASE))
    clock.advance(LEASE)
    await store.write(lambda tx: [tx.replicas.beat(name, LEASE) for name in ("b", "c")])
    taken = await asyncio.gather(
        store.write(lambda tx: tx.replicas.take_over("b")), other_store.write(lambda tx: tx.replicas.take_over("c"))
    )
    assert sorted(map(list, taken)) == [[], ["dead"]]


async def test_a_replica_that_comes_back_under_its_name_starts_anew(store: SqlStore, clock: FakeClock) -> None:
    await store.write(lambda tx: tx.replicas.beat("a", LEASE))
    clock.advance(LEASE)
    await store.write(lambda tx: tx.replicas.take_over("b"))
    assert await store.write(lambda tx: (tx.replicas.leave("a"), tx.replicas.beat("a", LEASE))[1])
    assert await store.read(lambda tx: tx.replicas.alive("a"))


async def test_what_a_replica_took_over_and_did_not_live_to_continue_is_taken_over_again(
    store: SqlStore, clock: FakeClock
) -> None:
    await store.write(lambda tx: tx.replicas.beat("a", LEASE))
    clock.advance(LEASE)
    await store.write(lambda tx: tx.replicas.beat("b", LEASE))
    assert await store.write(lambda tx: tx.replicas.take_over("b")) == ["a"]
    await store.write(lambda tx: tx.replicas.beat("c", LEASE))
    assert await store.write(lambda tx: tx.replicas.take_over("c")) == []  # b lives: it is b's business
    clock.advance(LEASE)
    await store.write(lambda tx: tx.replicas.beat("c", LEASE))
    assert sorted(await store.write(lambda tx: tx.replicas.take_over("c"))) == ["a", "b"]
    assert await store.write(lambda tx: tx.replicas.take_over("c")) == []


async def test_what_a_replica_took_over_before_it_was_restarted_is_taken_over_again(
    store: SqlStore, clock: FakeClock
) -> None:
    await store.write(lambda tx: tx.replicas.beat("a", LEASE))
    clock.advance(LEASE)
    await store.write(lambda tx: tx.replicas.take_over("b"))
    await store.write(lambda tx: (tx.replicas.leave("b"), tx.replicas.beat("b", LEASE)))
    assert await store.write(lambda tx: tx.replicas.take_over("b")) == ["a"]
    assert not await store.write(lambda tx: tx.replicas.beat("a", LEASE))  # and stays taken all the time
