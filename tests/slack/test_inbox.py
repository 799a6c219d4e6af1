"""The inbox of Slack events: no bad row keeps back a good one, and a long absence of Slack's loses nothing."""

import json
from typing import Any

import pytest

from bot.domain.timeline import Kind
from bot.slack.listeners.messages import CATCH_UP_SECONDS, TRIES
from tests.slack.office import Office, until
from tests.usecases.world import MIKA

Step = tuple[str, dict[str, Any]]
"""Something that the sandbox's control API is asked for."""


def an_event(channel: str, ts: str) -> dict[str, object]:
    item = {"type": "message", "channel": channel, "ts": ts}
    return {"event": {"type": "reaction_added", "reaction": "pushpin", "user": MIKA.slack_id, "item": item}}


async def pinned(here: Office, number: int) -> int:
    return len(await here.world.timeline(number, Kind.MESSAGE))


async def a_reply(here: Office) -> tuple[int, str, str]:
    """An incident, and a message in the thread of its card."""
    number = await here.world.fire()
    card = await here.card(number)
    await here.caught_up()
    post = await here.world.post(f"card:{number}")
    said = {
        "user": MIKA.slack_id,
        "channel": post.channel_id,
        "text": "it was the new feature",
        "thread_ts": card["ts"],
    }
    return number, post.channel_id, (await here.post("message", **said))["ts"]


async def put(here: Office, event_id: str, body: str) -> None:
    await here.world.store.write(lambda tx: tx.inbox.put(event_id, body))


async def handled(here: Office, number: int) -> None:
    """The pin is on the timeline once, and nothing is left in the inbox; the bot's own clock goes on meanwhile."""

    async def look() -> bool:
        return not await here.world.store.read(lambda tx: tx.inbox.pending()) and await pinned(here, number) == 1

    await here.as_time_passes(look, step=CATCH_UP_SECONDS)


async def test_what_can_not_be_read_keeps_back_nothing(here: Office) -> None:
    """A row that was cut, by hand or by a full disk, comes first; everything after it is handled all the same."""
    await here.start()
    number, channel, ts = await a_reply(here)
    for place, body in enumerate(('{"event": {"type": "app_men', "[]", "{}", '{"event": {"type": "unheard_of"}}')):
        await put(here, f"Ev{place}", body)
    await put(here, "Ev9", json.dumps(an_event(channel, ts)))
    await handled(here, number)


async def test_the_longest_message_that_slack_takes_is_whole_after_a_restart(here: Office) -> None:
    await here.start()
    number, channel, ts = await a_reply(here)
    await put(here, "Ev1", json.dumps(an_event(channel, ts) | {"text": "😀" * 40_000, "blocks": ["😀" * 40_000]}))
    await handled(here, number)


async def test_slack_is_away_for_a_while_and_the_pin_is_not_lost(here: Office) -> None:
    await here.start()
    number, channel, ts = await a_reply(here)
    await here.post("fault", kind="http_503", method="conversations.*")
    await put(here, "Ev1", json.dumps(an_event(channel, ts)))
    asked = len(await here.calls("conversations.replies"))

    async def tried() -> bool:
        return len(await here.calls("conversations.replies")) >= asked + 2 * TRIES

    await here.as_time_passes(tried, step=CATCH_UP_SECONDS)
    assert await pinned(here, number) == 0
    await here.post("fault", kind="clear")
    await handled(here, number)


@pytest.mark.parametrize(
    ("away", "back"),
    [
        (("token", {"revoke": True}), ("token", {"revoke": False})),
        (
            ("membership", {"channel": "ml-incidents", "user": "mlops", "member": False}),
            ("membership", {"channel": "ml-incidents", "user": "mlops", "member": True}),
        ),
    ],
)
async def test_the_bot_is_shut_out_for_a_while_and_the_pin_is_not_lost(here: Office, away: Step, back: Step) -> None:
    await here.start()
    number, channel, ts = await a_reply(here)
    await here.post(away[0], **away[1])
    await put(here, "Ev1", json.dumps(an_event(channel, ts)))
    asked = len(await here.calls("conversations.replies"))

    async def tried() -> bool:
        return len(await here.calls("conversations.replies")) >= asked + 2 * TRIES

    await here.as_time_passes(tried, step=CATCH_UP_SECONDS)
    await here.post(back[0], **back[1])
    await handled(here, number)


async def test_what_comes_in_while_slack_can_not_say_who_we_are_is_taken_all_the_same(both: Office) -> None:
    """Bolt would acknowledge it, drop it, and tell the person to install an app that they have."""
    await both.post("fault", kind="slack_error", method="auth.test", error="internal_error")
    said = await both.post("message", user=MIKA.slack_id, channel="ml-incidents", text="@mlops declare it burns again")
    assert said["ok"]
    typed = await both.post(
        "command", user=MIKA.slack_id, channel="ml-incidents", command="/mlops", text="declare it burns as well"
    )
    assert "declare" not in str(typed["ack"])
    assert typed["ack"] is None, "an acknowledgement, and no word of Bolt's own"

    async def declared() -> set[str]:
        live = await both.world.store.read(lambda tx: tx.incidents.live(limit=10))
        return {incident.title for incident in live} & {"it burns again", "it burns as well"}

    async def both_declared() -> bool:
        return len(await declared()) == 2

    await until(both_declared)
