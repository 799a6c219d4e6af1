"""P6 in Slack: two replicas show the same posts on one database, and one of them may be lost at any moment."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from bot.domain.post import Lane, Post, PostKind
from bot.slack.projector import LEASE, Projector
from bot.store.sqlstore import SqlStore
from bot.usecases.reply import say, to_json
from tests.fakes.clock import FakeClock
from tests.store.conftest import clock, migrated_postgres, migrated_sqlite, other_store, postgres, store, url
from tests.usecases.world import a_setup

__all__ = ["clock", "migrated_postgres", "migrated_sqlite", "other_store", "postgres", "store", "url"]


@dataclass
class Channel:
    """One channel of Slack's, as the Web API shows it. A message is there before its sender hears of it."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    takes: bool = True
    """Whether what is being asked gets through to Slack."""
    posts: int = 0
    edits: int = 0
    edit_faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers.set()

    async def chat_postMessage(self, **message: Any) -> Mapping[str, Any]:  # noqa: N802 - Slack's name
        self.posts += 1
        ts = f"17000000{len(self.messages):02}.000100"
        if self.takes:
            self.messages.append({**message, "ts": ts})
        await self._wait()
        return {"channel": "C0INCIDENT", "ts": ts}

    async def chat_update(self, *, ts: str, **message: Any) -> Mapping[str, Any]:
        self.edits += 1
        if self.edit_faults:
            raise _refusal(self.edit_faults.pop())
        await self._wait()
        place = next(n for n, m in enumerate(self.messages) if m["ts"] == ts)
        self.messages[place] = {**message, "ts": ts}
        return {"channel": "C0INCIDENT", "ts": ts}

    async def conversations_history(self, **_: Any) -> Mapping[str, Any]:
        return {"messages": list(self.messages)}

    async def _wait(self) -> None:
        self.asked.set()
        await self.answers.wait()


def _refusal(code: str) -> SlackApiError:
    status = HTTPStatus.TOO_MANY_REQUESTS if code == "ratelimited" else HTTPStatus.OK
    answer = SimpleNamespace(get={"error": code}.get, status_code=status, headers={"retry-after": "1"})
    return SlackApiError(code, answer)


def a_projector(store: SqlStore, clock: FakeClock, channel: Channel, replica: str) -> Projector:
    return Projector(store, a_setup(), SimpleNamespace(client=channel), clock, replica)  # type: ignore[arg-type]  # only its client is used


async def want(store: SqlStore, text: str) -> None:
    post = Post("notice:1", PostKind.NOTICE, 0, "C0INCIDENT", Lane.UPDATE, body=to_json(say(text)))
    await store.write(lambda tx: tx.posts.want(post))


async def waiting(store: SqlStore) -> int:
    return await store.read(lambda tx: tx.posts.waiting())


async def under_way(projector: Projector, channel: Channel) -> "asyncio.Task[bool]":
    """A round that has asked Slack and waits for the answer."""
    channel.answers.clear()
    channel.asked.clear()
    task = asyncio.create_task(projector.round())
    async with asyncio.timeout(10):
        await channel.asked.wait()
    return task


async def test_one_message_while_the_first_call_is_under_way(
    store: SqlStore, other_store: SqlStore, clock: FakeClock
) -> None:
    channel = Channel(takes=False)  # it is on its way, so that a look would not find it
    one, two = a_projector(store, clock, channel, "one"), a_projector(other_store, clock, channel, "two")
    await want(store, "hello")
    call = await under_way(one, channel)
    assert not await two.round()
    channel.answers.set()
    assert await call
    assert not await two.round()
    assert channel.posts == 1
    assert await waiting(store) == 0


async def test_both_at_once(store: SqlStore, other_store: SqlStore, clock: FakeClock) -> None:
    channel = Channel()
    both = (a_projector(store, clock, channel, "one"), a_projector(other_store, clock, channel, "two"))
    await want(store, "hello")
    await asyncio.gather(*(projector.round() for projector in both))
    assert len(channel.messages) == 1
    assert await waiting(store) == 0


@pytest.mark.parametrize("arrived", [True, False])
async def test_one_is_lost_in_its_call(store: SqlStore, other_store: SqlStore, clock: FakeClock, arrived: bool) -> None:
    channel = Channel(takes=arrived)
    one, two = a_projector(store, clock, channel, "one"), a_projector(other_store, clock, channel, "two")
    await want(store, "hello")
    call = await under_way(one, channel)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    channel.answers.set()
    channel.takes = True
    assert not await two.round(), "its call may still be on its way"
    clock.advance(LEASE)
    while await two.round():
        pass
    assert len(channel.messages) == 1
    assert await waiting(store) == 0


async def test_the_same_replica_goes_on_at_once_after_a_restart(store: SqlStore, clock: FakeClock) -> None:
    channel = Channel()
    await want(store, "hello")
    call = await under_way(a_projector(store, clock, channel, "one"), channel)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    channel.answers.set()
    again = a_projector(store, clock, channel, "one")
    while await again.round():
        pass
    assert len(channel.messages) == 1
    assert await waiting(store) == 0


async def test_an_older_state_never_goes_over_a_newer_one(
    store: SqlStore, other_store: SqlStore, clock: FakeClock
) -> None:
    channel = Channel()
    one, two = a_projector(store, clock, channel, "one"), a_projector(other_store, clock, channel, "two")
    await want(store, "first")
    await one.round()
    await want(store, "second")
    call = await under_way(one, channel)
    await want(store, "third")
    assert not await two.round(), "the older edit is still on its way"
    channel.answers.set()
    await call
    assert await two.round()
    assert "third" in str(channel.messages[0]["blocks"])
    assert await waiting(store) == 0


async def test_who_was_taken_for_dead_changes_nothing_any_more(
    store: SqlStore, other_store: SqlStore, clock: FakeClock
) -> None:
    channel = Channel()
    one, two = a_projector(store, clock, channel, "one"), a_projector(other_store, clock, channel, "two")
    await want(store, "first")
    call = await under_way(one, channel)
    clock.advance(LEASE)
    other = asyncio.create_task(two.round())  # finds the message and remembers it
    assert await other
    edit = await under_way(two, channel)
    call.cancel()
    held = await store.read(lambda tx: tx.posts.get("notice:1"))
    assert held is not None
    kept = await store.write(lambda tx: tx.posts.save(Post("notice:1", PostKind.NOTICE, 0, "", Lane.UPDATE), by="one"))
    assert not kept
    channel.answers.set()
    await edit
    after = await store.read(lambda tx: tx.posts.get("notice:1"))
    assert after is not None
    assert (after.ts, after.shown) == (held.ts, 1)
    assert len(channel.messages) == 1


@pytest.mark.parametrize("fault", ["ratelimited", "internal_error", "fatal_error"])
async def test_what_was_found_is_remembered_before_it_is_edited(store: SqlStore, clock: FakeClock, fault: str) -> None:
    """The look after a lost answer finds the message; that the edit is refused then must not let it be posted again."""
    channel = Channel()
    one = a_projector(store, clock, channel, "one")
    await want(store, "hello")
    call = await under_way(one, channel)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    channel.answers.set()
    channel.edit_faults = [fault, fault]
    for _ in range(8):
        await one.round()
        clock.advance(10)
    assert channel.edits > 2
    assert len(channel.messages) == 1
    assert await waiting(store) == 0
