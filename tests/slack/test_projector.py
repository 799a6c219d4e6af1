"""P2: whatever Slack does, every post ends as exactly one message that shows the last state."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.operation import OperationState, Stage
from bot.domain.post import Lane, Post, PostKind
from bot.domain.timeline import Kind
from bot.ports.store import Transaction
from bot.slack.connection import Connection
from bot.slack.projector import Projector
from bot.usecases import operate
from tests.fakes.clock import FakeClock
from tests.slack.office import INCIDENTS, Office, incident_of, key_of, office, until
from tests.slack.reading import text
from tests.slack.states import RUN, a_training
from tests.usecases.world import DEVI, FRAUD, MIKA, PAULA, World, a_setup, an_alert


async def only_once(here: Office) -> None:
    """No post has two messages."""
    for channel in (INCIDENTS, "@mika", "@devi", "@dana", "@omar", "@paula"):
        names = [incident_of(m) or key_of(m) for m in await here.messages(channel)]
        mine = [name for name in names if name]
        assert len(mine) == len(set(mine)), (channel, mine)


@pytest.mark.parametrize("kind", ["lost_answer", "http_500", "http_503", "invalid_json", "timeout"])
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update", "*"])
async def test_exactly_one_card(here: Office, kind: str, method: str) -> None:
    await here.start(call_timeout=0.2 if kind == "timeout" else 5.0)
    await here.post("fault", kind=kind, method=method, count=4)
    number = await here.world.fire()
    await here.caught_up()
    await here.world.say(f"ack INC-{number}", MIKA)
    await here.caught_up()
    await here.card(number, "Mika Laine")
    await only_once(here)


async def test_an_error_of_slacks_own_is_looked_into_before_posting_again(here: Office) -> None:
    await here.start()
    await here.post("fault", kind="slack_error", method="chat.postMessage", error="internal_error", count=2)
    number = await here.world.fire()
    await here.caught_up()
    await here.card(number)
    assert await here.calls("conversations.history")
    await only_once(here)


async def test_slow_down_is_obeyed_to_the_second(here: Office) -> None:
    await here.start()
    await here.caught_up()
    await here.post("fault", kind="rate_limited", method="chat.postMessage", count=1, retry_after=7)
    await here.world.store.write(lambda tx: tx.posts.want(_notice("one")))
    here.world.on_nudge()
    await until(lambda: here.calls("chat.postMessage"))

    async def put_off() -> bool:
        post = await here.world.post("one")
        return post.not_before == here.world.clock.now() + timedelta(seconds=7)

    await until(put_off)
    here.world.clock.advance(6.9)
    await here.world.store.write(lambda tx: tx.posts.want(_notice("two", channel="@mika")))
    here.world.on_nudge()
    await here.shown("two", "@mika")  # a round has gone by, and another channel is not kept waiting
    assert len([c for c in await here.calls("chat.postMessage") if c["arguments"]["channel"] == "C0INCIDENT"]) == 1
    here.world.clock.advance(0.1)
    here.world.on_nudge()
    await here.shown("one")


@pytest.mark.parametrize("in_thread", [False, True])
async def test_the_process_ends_between_posting_and_remembering(here: Office, in_thread: bool) -> None:
    await here.start()
    number = await here.world.fire()
    if in_thread:
        await here.caught_up()
        await here.world.learn()
    await here.post("fault", kind="lost_answer", method="chat.postMessage")
    if in_thread:
        await here.world.request(MIKA, f"rollback {FRAUD} --incident INC-{number}")
    key = "operation:1" if in_thread else f"card:{number}"

    async def posted() -> bool:
        post = await here.world.post(key)
        return post.sending and any(
            key_of(m) == key or incident_of(m) == f"INC-{number}" for m in await here.messages()
        )

    await until(posted)
    await here.stop()
    await here.world.restart()
    await here.post("fault", kind="clear")
    await here.start()
    await here.caught_up()
    await only_once(here)
    assert (await here.world.post(key)).ts


async def _in_doubt(here: Office) -> int:
    """A card was posted, the answer was lost, and the process ended."""
    await here.start()
    await here.caught_up()
    await here.post("fault", kind="lost_answer", method="chat.postMessage")
    number = await here.world.fire(model=None)

    async def posted() -> bool:
        return (await here.world.post(f"card:{number}")).last_error.startswith("no answer")

    await until(posted)
    await here.stop()
    await here.post("fault", kind="clear")
    return number


async def test_a_card_in_doubt_is_found_when_its_channel_is_no_longer_archived(here: Office) -> None:
    number = await _in_doubt(here)
    await here.post("archive", channel="ml-incidents", archived=True)
    await here.start()

    async def not_found() -> bool:
        return "channel_not_found" in (await here.world.post(f"card:{number}")).last_error

    await here.as_time_passes(not_found)
    await here.post("archive", channel="ml-incidents", archived=False)
    await here.caught_up()
    await here.card(number)
    await only_once(here)


async def test_a_card_in_doubt_is_looked_for_from_within_the_channel(here: Office) -> None:
    number = await _in_doubt(here)
    await here.post("membership", channel="ml-incidents", user="mlops", member=False)
    await here.start()
    await here.caught_up()
    await here.card(number)
    await only_once(here)
    assert [call for call in await here.calls("conversations.join") if call["ok"]]


async def test_a_card_in_doubt_stays_so_when_even_its_channel_can_not_be_asked_for(here: Office) -> None:
    number = await _in_doubt(here)
    await here.post("token", revoke=True)
    await here.start(bot_token="sandbox-bot-token")

    async def refused() -> bool:
        return "token_revoked" in (await here.world.post(f"card:{number}")).last_error

    await here.as_time_passes(refused)
    await here.post("token", revoke=False)
    await here.caught_up()
    await here.card(number)
    await only_once(here)


async def test_two_projectors_on_one_store_after_the_other(here: Office) -> None:
    """A second process finds what the first has posted, also in a thread that many have written in."""
    await here.start()
    number = await here.world.fire()
    card = await here.card(number)
    words = {"user": PAULA.slack_id, "channel": INCIDENTS, "thread_ts": card["ts"]}
    await asyncio.gather(*(here.post("message", text=f"look {place}", **words) for place in range(205)))
    await here.world.learn()
    await here.world.request(MIKA, f"rollback {FRAUD} --incident INC-{number}")
    await here.shown("operation:1")
    await here.caught_up()
    await here.stop()
    post = await here.world.post("operation:1")
    forgotten = replace(post, ts="", shown=0, sending=True)
    await here.world.store.write(lambda tx: tx.posts.save(forgotten))
    await here.start()
    await here.caught_up()
    assert (await here.world.post("operation:1")).ts == post.ts


async def test_a_revoked_token(here: Office) -> None:
    side = await here.start()
    number = await here.world.fire()
    await here.card(number)
    await here.caught_up()
    await here.post("token", revoke=True)
    await here.world.say(f"ack INC-{number}", MIKA)

    async def said() -> bool:
        return "token_revoked" in (side.fault() or "")

    await until(said)
    assert "MLOPS_BOT_SLACK__BOT_TOKEN" in (side.fault() or "")
    second = await here.world.fire("ModelFeatureDrift", "churn")
    assert (await here.world.say(f"resolve INC-{number} by the command line", DEVI)).ok
    await here.post("token", revoke=False)
    await here.caught_up()
    await here.card(number, "resolved")
    await here.card(second)

    async def well() -> bool:
        return side.fault() is None

    await here.as_time_passes(well)
    await only_once(here)


async def test_a_token_that_is_revoked_while_nothing_is_to_be_shown(here: Office) -> None:
    side = await here.start()
    await here.caught_up()
    await here.post("token", revoke=True)

    async def said() -> bool:
        return "revoked" in (side.fault() or "")

    await here.as_time_passes(said, step=5.0)


@pytest.mark.parametrize(
    ("tokens", "named"),
    [({"bot_token": "another-word"}, "does not know the bot token"), ({"app_token": "another-word"}, "refuses the app token")],
)  # fmt: skip
async def test_wrong_tokens_stop_nothing_else(here: Office, tokens: dict[str, str], named: str) -> None:
    side = await here.start(**tokens)

    async def said() -> bool:
        return named in (side.fault() or "") and "not connected yet" not in (side.fault() or "")

    await until(said)
    assert (await here.world.say("incidents", MIKA)).ok


async def test_a_channel_that_the_bot_is_not_in_is_joined(tmp_path: Path) -> None:
    setup = replace(a_setup(), channel="#ml-platform")
    async with office(tmp_path, world=World(tmp_path / "w.db", setup, FakeClock())) as here:
        side = await here.start()
        await here.world.fire()

        async def shown() -> bool:
            return bool(await here.cards(1, "ml-platform"))

        await here.as_time_passes(shown)
        assert side.fault() is None


@pytest.mark.parametrize(
    ("channel", "advice"),
    [("#nowhere", "create it, or say there /invite @mlops"), ("#ml-leads", "/invite @mlops")],
)  # fmt: skip
async def test_a_channel_that_only_a_person_can_open(tmp_path: Path, channel: str, advice: str) -> None:
    setup = replace(a_setup(), channel=channel)
    async with office(tmp_path, world=World(tmp_path / "w.db", setup, FakeClock())) as here:
        side = await here.start()
        await here.world.fire()

        async def said() -> bool:
            return advice in (side.fault() or "")

        await here.as_time_passes(said)
        await here.shown("page:1:mika", "@mika")
        if channel == "#ml-leads":
            await here.post("membership", channel="ml-leads", user="U0MLOPSBOT", member=True)

            async def shown() -> bool:
                return bool(await here.cards(1, "ml-leads")) and side.fault() is None

            await here.as_time_passes(shown, step=30)


async def test_an_archived_channel(here: Office) -> None:
    side = await here.start()
    number = await here.world.fire()
    await here.card(number)
    await here.caught_up()
    await here.post("archive", channel=INCIDENTS, archived=True)
    await here.world.say(f"ack INC-{number}", MIKA)

    async def said() -> bool:
        return "archived" in (side.fault() or "")

    await here.as_time_passes(said)
    await here.post("archive", channel=INCIDENTS, archived=False)
    await here.as_time_passes(lambda: _nothing_waits(here), step=30)
    await here.card(number, "Mika Laine")
    await until(lambda: _well(side))


async def _well(side) -> bool:
    return side.fault() is None


async def _nothing_waits(here: Office) -> bool:
    return await here.world.store.read(lambda tx: tx.posts.waiting()) == 0


async def test_a_card_that_somebody_deleted_is_posted_anew(here: Office) -> None:
    await here.start()
    number = await here.world.fire()
    card = await here.card(number)
    await here.caught_up()
    deleted = await here.http.post(
        "/api/chat.delete", data={"channel": "C0INCIDENT", "ts": card["ts"]},
        headers={"Authorization": "Bearer sandbox-bot-token"},
    )  # fmt: skip
    assert deleted.json()["ok"]
    await here.world.say(f"ack INC-{number}", MIKA)
    await here.caught_up()
    assert (await here.card(number, "Mika Laine"))["ts"] != card["ts"]


async def test_one_message_that_can_not_be_made_does_not_keep_back_the_others(here: Office) -> None:
    await here.world.store.write(lambda tx: tx.posts.want(replace(_notice("bad"), body="{not json", lane=Lane.PAGE)))
    await here.start()
    number = await here.world.fire()
    await here.card(number)
    assert "could not be made" in (await here.world.post("bad")).last_error


async def test_a_person_whose_id_slack_does_not_know(tmp_path: Path) -> None:
    setup = a_setup()
    people = tuple(replace(p, slack_id="U0NOSUCHONE") if p.id == "mika" else p for p in setup.people.people)
    setup = replace(setup, people=replace(setup.people, people=people))
    async with office(tmp_path, world=World(tmp_path / "w.db", setup, FakeClock())) as here:
        side = await here.start()
        number = await here.world.fire()
        await here.card(number)

        async def noted() -> list:
            return [e for e in await here.world.timeline(number, Kind.NOTE) if "did not reach them" in e.text]

        (entry,) = await here.as_time_passes(noted)
        assert "The page to Mika Laine did not reach them" in entry.text
        assert side.fault() is None, "one person's id is no fault of the bot's"


async def test_nobody_is_paged_who_has_no_slack_id(tmp_path: Path) -> None:
    setup = a_setup()
    people = tuple(replace(p, slack_id="") if p.id == "mika" else p for p in setup.people.people)
    setup = replace(setup, people=replace(setup.people, people=people))
    async with office(tmp_path, world=World(tmp_path / "w.db", setup, FakeClock())) as here:
        await here.start()
        number = await here.world.fire()
        assert "Mika Laine" in text(await here.card(number)), "named, since they can't be mentioned"
        texts = [entry.text for entry in await here.world.timeline(number, Kind.NOTE)]
        assert any("Mika Laine could not be paged: no Slack id" in text for text in texts)


async def test_the_budget_asks_slack_for_nothing_that_it_refuses(tmp_path: Path) -> None:
    """Both clocks go together: eighteen incidents at once, then more edits than a minute has; never a 429, and pages go first."""
    async with office(tmp_path, driven=True) as here:
        world, clock = here.world, here.world.clock
        for place in range(18):
            await world.say(f"declare number {place}", PAULA)
        connection = Connection(here.settings(), clock)
        await connection.open()
        projector = Projector(world.store, world.setup, connection, clock)

        async def shown() -> None:
            for _ in range(600):
                while await projector.round():
                    pass
                if await _nothing_waits(here):
                    return
                clock.advance(1.0)
                here.sandbox.clock.jump(1.0)
            raise AssertionError("the budget never lets everything through")

        await shown()
        posts = [c for c in await here.calls("chat.postMessage") if c["ok"]]
        first = {c["arguments"]["channel"] for c in posts[:8]}
        assert len(first) > 1, "pages go beside the first cards, and not behind all of them"
        for incident in await world.store.read(lambda tx: tx.incidents.live(limit=60)):
            await world.say(f"ack {incident.ref}", MIKA)
            await world.say(f"severity {incident.ref} sev1", MIKA)
        await shown()
        await connection.close()
        assert [c for c in await here.calls() if c["error"] == "ratelimited"] == []
        await only_once(here)


async def test_ten_bad_minutes(here: Office) -> None:
    """Faults at random, sockets that break, restarts in between: in the end every incident has one card, as it is."""
    chance = random.Random(20261123)  # the same bad day each time
    await here.start(call_timeout=1.0)
    numbers = []
    for place in range(16):
        kind = chance.choice(["http_500", "http_503", "lost_answer", "rate_limited", "invalid_json"])
        await here.post(
            "fault", kind=kind, method=chance.choice(["chat.*", "*", "conversations.*"]), count=chance.randint(1, 4)
        )
        receipt = await here.world.send(an_alert(here.world.clock, f"Odd{place}", None, fingerprint=f"f{place}"))
        numbers += receipt.incidents
        declared = await here.world.say(f"declare number {place}", PAULA)
        numbers.append(int(declared.title.split()[0].removeprefix("INC-")))
        if place % 6 == 5:
            await here.post("socket", what=chance.choice(["abort", "refresh_requested", "disconnect_warning"]))
        if place % 8 == 7:
            await here.stop()
            await here.start(call_timeout=1.0)
        here.world.clock.advance(25)
        here.world.on_nudge()
    for number in set(numbers):
        await here.world.say(f"severity INC-{number} sev1", MIKA)
    await here.post("fault", kind="clear")
    await here.caught_up()
    for number in set(numbers):
        incident = await here.world.incident(number)
        (card,) = await here.cards(number)
        assert card["metadata"]["event_payload"]["revision"] == incident.revision
        assert "sev1" in text(card)
    await only_once(here)


@pytest.mark.parametrize("what", ["abort", "refresh_requested", "disconnect_warning"])
async def test_a_socket_that_breaks(here: Office, what: str) -> None:
    await here.start()
    await here.post("socket", what=what)

    async def connected() -> bool:
        return (await here.get("state"))["connected"] > 0

    await here.as_time_passes(connected)

    async def answered() -> bool:
        done = await here.post("command", user=MIKA.slack_id, channel=INCIDENTS, command="/mlops", text="incidents")
        return done["acknowledged"]

    await here.as_time_passes(answered)


def _notice(key: str, channel: str = "#ml-incidents") -> Post:
    body = '{"title": "A notice", "tone": "info", "parts": [], "public": false}'
    return Post(key, PostKind.NOTICE, 0, channel, Lane.UPDATE, body=body)


async def test_a_workspace_that_does_not_know_task_cards(here: Office) -> None:
    """The progress of a run is shown as a list then, from the first refusal on, and nothing is shown twice."""
    await here.start()
    number = await here.world.fire()
    await here.card(number)
    trained = replace(
        a_training(OperationState.RUNNING, run=RUN, stage=Stage.RUN_STARTED, outcome="It runs."), incident=number
    )
    await here.post("fault", kind="slack_error", method="chat.postMessage", error="invalid_blocks", count=1)

    def put(tx: Transaction) -> None:
        tx.operations.add(trained)
        operate.show(tx, here.world.setup, trained)

    await here.world.store.write(put)
    here.world.on_nudge()
    await here.caught_up()
    shown = await here.shown(f"operation:{trained.number}", saying="train")
    assert {block["type"] for block in shown["blocks"]} & {"plan"} == set()
    assert "▸ train" in text(shown)
