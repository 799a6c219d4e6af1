"""People and the bot through the real libraries and real sockets: what is pressed, typed and said is answered."""

import asyncio

import pytest

from bot.domain.alert import AlertStatus
from bot.domain.incident import Status
from bot.domain.operation import OperationState
from bot.domain.timeline import Kind
from tests.slack.office import INCIDENTS, Office, until
from tests.slack.reading import buttons, text
from tests.usecases.world import DANA, DEVI, FRAUD, MIKA, OMAR, PAULA, an_alert

BOTH = "both"


async def test_the_main_story(both: Office) -> None:
    """An alert, a card, an acknowledgement, a plan, another person's yes, and what serves at the end."""
    world = both.world
    world.serving.endpoints["fraud"].lag = 0
    await world.learn()
    number = await world.fire()
    card = await both.card(number, "nobody has acknowledged")
    assert "Roll back" in text(card)

    answer = await both.click(MIKA, card, "incident.acknowledge")
    assert f"INC-{number} is yours now." in text(answer)
    await both.card(number, "Mika Laine")

    answer = await both.command(MIKA, f"rollback {FRAUD} --incident INC-{number}")
    assert "OP-1 is planned" in text(answer)
    plan = await both.shown("operation:1")
    assert plan["thread_ts"] == card["ts"]
    asked = await both.shown("ask:1:devi", "@devi")
    assert [b["text"]["text"] for b in buttons(asked)] == ["Approve", "Reject"]

    refused = await both.click(MIKA, plan, "operation.approve")
    assert "somebody else must approve it" in text(refused)
    answer = await both.click(DEVI, asked, "operation.approve", "@devi")
    assert "OP-1 is approved and starts now." in text(answer)
    going = asyncio.ensure_future(world.carry_out())

    async def confirmed() -> bool:  # the serving side follows a moment later, and is asked again then
        words = "serving confirmed: version 2 answers; whether it helps is being watched"
        return words in str([card["blocks"] for card in await both.cards(number)])

    await both.as_time_passes(confirmed)
    await world.send(an_alert(world.clock, status=AlertStatus.RESOLVED))

    async def over() -> bool:
        return going.done()

    await both.as_time_passes(over)
    assert await going == 1
    await both.shown("operation:1", saying="Serving confirmed: version 2 answers. Recovered")
    done = await both.shown("ask:1:devi", "@devi", saying="Succeeded")
    assert buttons(done) == []
    assert (await world.incident(number)).status is Status.RESOLVED
    assert [call for call in await both.calls() if not call["ok"]] == []


async def test_a_page_has_a_link_to_the_card(both: Office) -> None:
    number = await both.world.fire()
    card = await both.card(number)
    page = await both.shown(f"page:{number}:mika", "@mika")
    assert "Why you: ML engineer is Responsible for Deployment" in text(page)
    await both.click(MIKA, page, "incident.acknowledge", "@mika")
    page = await both.shown(f"page:{number}:mika", "@mika", saying="by Mika Laine")
    assert f"/archives/C0INCIDENT/p{card['ts'].replace('.', '')}" in text(page)


async def test_every_press_is_acknowledged_at_once(both: Office) -> None:
    """Bolt loses an acknowledgement that is followed by an error; ours comes first, whatever happens then."""

    async def explode(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    number = await both.world.fire()
    card = await both.card(number)
    both.world.desk.press = explode  # type: ignore[method-assign]
    done = await both.post("click", user=MIKA.slack_id, channel=INCIDENTS, ts=card["ts"], action_id="incident.rollback")
    assert done["acknowledged"]
    answer = await both.answer_to(done)
    assert "Something broke on our side." in text(answer)
    assert "Reference" in text(answer)


async def test_a_slow_vendor_is_no_dead_click(both: Office) -> None:
    release = asyncio.Event()
    desk_command = both.world.desk.command

    async def slowly(*given, **named):
        await release.wait()
        return await desk_command(*given, **named)

    both.world.desk.command = slowly  # type: ignore[method-assign]
    done = await both.post("command", user=MIKA.slack_id, channel=INCIDENTS, command="/mlops", text="incidents")
    assert done["acknowledged"]
    assert "Working on it" in text(await both.answer_to(done))
    release.set()
    assert "No incident is open." in text(await both.answer_to(done, 2))


async def test_declaring_by_the_form(both: Office) -> None:
    done = await both.post("command", user=PAULA.slack_id, channel=INCIDENTS, command="/mlops", text="declare")
    view = (await both.get(f"interactions/{done['interaction']}", wait=15))["view"]
    values = {
        "title": {"title": {"type": "plain_text_input", "value": "Checkout <!channel> is slow"}},
        "model": {"model": {"type": "static_select", "selected_option": _option(FRAUD, FRAUD)}},
        "severity": {"severity": {"type": "static_select", "selected_option": _option("sev1", "sev1")}},
    }
    empty = {**values, "title": {"title": {"type": "plain_text_input", "value": "  "}}}
    refused = await both.post("submit", user=PAULA.slack_id, view_id=view["id"], values=empty)
    assert refused["ack"]["errors"] == {"title": "An incident needs a title."}
    taken = await both.post("submit", user=PAULA.slack_id, view_id=view["id"], values=values)
    assert taken["acknowledged"]
    card = await both.card(1)
    assert "Checkout <!channel> is slow" in text(card)
    assert "sev1" in text(card)

    async def told():
        seen = await both.messages(user=PAULA.slack_id)
        return [m for m in seen if m.get("is_ephemeral") and "INC-1 is open" in text(m)]

    assert await until(told), "answered where it was asked"


async def test_the_shortcut_opens_the_form(both: Office) -> None:
    done = await both.post("shortcut", user=OMAR.slack_id, callback_id="incident.declare")
    assert done["acknowledged"]
    assert (await both.get(f"interactions/{done['interaction']}", wait=15))["view"]["callback_id"] == "incident.declare"


async def test_the_form_that_slack_does_not_open(both: Office) -> None:
    await both.post("fault", kind="slack_error", method="views.open", error="expired_trigger_id", count=1)
    done = await both.post("command", user=PAULA.slack_id, channel=INCIDENTS, command="/mlops", text="declare")
    answer = text(await both.answer_to(done))
    assert "Slack did not open the form." in answer
    assert "/mlops declare TITLE" in answer


async def test_a_message_shortcut_puts_a_message_on_the_timeline(both: Office) -> None:
    number = await both.world.fire()
    card = await both.known_card(number)
    said = await _say(both, OMAR, "the <@U0MLENG01> queue & the lag: <https://example.com/x|graph>", card["ts"])
    done = await both.post("shortcut", user=DANA.slack_id, callback_id="timeline.pin", channel=INCIDENTS, ts=said)
    assert f"Put on INC-{number}'s timeline." in text(await both.answer_to(done))
    entry = (await both.world.timeline(number, Kind.MESSAGE))[0]
    assert entry.text == (
        "Omar Haddad: the @Mika Laine queue & the lag: graph (https://example.com/x) (pinned by Dana Sutter)"
    )
    assert (
        entry.evidence.endswith(f"?thread_ts={card['ts']}&cid=C0INCIDENT")
        or f"p{said.replace('.', '')}" in entry.evidence
    )


@pytest.mark.parametrize("in_thread", [True, False], ids=["a thread's reply", "the card itself"])
async def test_a_pin_puts_a_message_on_the_timeline(both: Office, in_thread: bool) -> None:
    number = await both.world.fire()
    card = await both.known_card(number)
    ts = await _say(both, OMAR, "the queue is full", card["ts"]) if in_thread else card["ts"]
    await both.post("react", user=DANA.slack_id, channel=INCIDENTS, ts=ts, name="pushpin")
    entries = await until(lambda: both.world.timeline(number, Kind.MESSAGE))
    assert ("the queue is full" in entries[0].text) == in_thread
    assert "(pinned by Dana Sutter)" in entries[0].text


async def test_other_reactions_and_pins_elsewhere_are_nobodys_business(both: Office) -> None:
    number = await both.world.fire()
    card = await both.known_card(number)
    elsewhere = await _say(both, OMAR, "lunch?")
    await both.post("react", user=DANA.slack_id, channel=INCIDENTS, ts=card["ts"], name="eyes")
    await both.post("react", user=DANA.slack_id, channel=INCIDENTS, ts=elsewhere, name="pushpin")
    await until(lambda: _handled(both, 2))
    assert await both.world.timeline(number, Kind.MESSAGE) == []
    assert not [m for m in await both.messages(user=DANA.slack_id) if m.get("is_ephemeral")]


async def test_an_event_that_is_delivered_again_has_one_effect(both: Office) -> None:
    number = await both.world.fire()
    card = await both.known_card(number)
    said = await _say(both, MIKA, f"<@U0MLOPSBOT> note INC-{number} seen twice", card["ts"])
    assert said
    await until(lambda: both.world.timeline(number, Kind.NOTE))
    for _ in range(5):
        await both.post("redeliver", event="last")
    await both.stop()
    await both.start()
    for _ in range(5):
        await both.post("redeliver", event="last")
    await until(lambda: _handled(both, 1))
    assert len(await both.world.timeline(number, Kind.NOTE)) == 1
    answers = [m for m in await both.messages(user=MIKA.slack_id) if m.get("is_ephemeral")]
    assert len(answers) == 1, "and one answer"


async def test_a_mention_is_a_command_in_its_place(both: Office) -> None:
    number = await both.world.fire()
    card = await both.known_card(number)
    await _say(both, MIKA, "hey <@U0MLOPSBOT> ack", card["ts"])

    async def answered():
        seen = await both.messages(user=MIKA.slack_id)
        return [m for m in seen if m.get("is_ephemeral") and f"INC-{number} is yours now." in text(m)]

    (answer,) = await until(answered)
    assert answer["thread_ts"] == card["ts"]


async def test_a_command_is_read_as_it_was_typed(both: Office) -> None:
    number = await both.world.fire()
    await both.command(MIKA, f"note INC-{number} a < b & c > d “quoted” —dash")
    assert (await both.world.timeline(number, Kind.NOTE))[0].text == "a < b & c > d “quoted” —dash"


async def test_app_home(both: Office) -> None:
    await both.world.learn()
    await both.world.fire()
    await both.world.request(MIKA)
    await both.post("home", user=DEVI.slack_id)

    async def home():
        return (await both.get("views", user=DEVI.slack_id))["home"]

    view = await until(home)
    assert "OP-1 · fraud-detector" in text(view)
    done = await both.post(
        "click", user=DEVI.slack_id, view_id=view["id"], action_id="operation.reject", block_id="home-1", value="OP-1"
    )
    assert done["acknowledged"], done

    async def renewed():
        return "Nothing waits for your approval." in text(await home())

    await until(renewed)
    assert (await both.world.operation(1)).state is OperationState.REJECTED
    direct = [m for m in await both.messages("@devi") if "OP-1 is rejected." in text(m)]
    assert direct, "where there is no channel to answer in, a direct message"


async def test_a_timeline_is_handed_over_as_a_file(both: Office) -> None:
    number = await both.world.fire()
    await both.card(number)
    answer = await both.command(MIKA, f"timeline INC-{number} export md")
    assert f"Timeline of INC-{number} as md" in text(answer)

    async def uploaded():
        return (await both.get("files"))["files"]

    (file,) = await until(uploaded)
    assert file["name"].endswith(".md")
    body = (await both.http.get(file["url_private"], headers={"Authorization": "Bearer sandbox-bot-token"})).text
    assert f"INC-{number}" in body


async def test_where_the_bot_is_no_member_the_file_comes_as_a_direct_message(both: Office) -> None:
    number = await both.world.fire()
    await both.command(MIKA, f"timeline INC-{number} export json", channel="general")

    async def arrived():
        return [m for m in await both.messages("@mika") if m.get("files")]

    assert await until(arrived)


async def test_a_file_that_can_not_be_handed_over_is_said(both: Office) -> None:
    number = await both.world.fire()
    await both.post("fault", kind="slack_error", method="files.*", error="file_uploads_disabled")
    done = await both.post(
        "command", user=MIKA.slack_id, channel=INCIDENTS, command="/mlops", text=f"timeline INC-{number} export md"
    )
    assert "could not be uploaded to Slack." in text(await both.answer_to(done, 2))


async def test_commands_work_where_the_bot_is_no_member(both: Office) -> None:
    assert "No incident is open." in text(await both.command(PAULA, "incidents", channel="ml-platform"))


async def test_two_people_press_at_the_same_moment(both: Office) -> None:
    number = await both.world.fire()
    card = await both.card(number)
    answers = await asyncio.gather(
        both.click(MIKA, card, "incident.acknowledge"), both.click(DEVI, card, "incident.acknowledge")
    )
    titles = sorted(text(answer).splitlines()[0] for answer in answers)
    assert titles == [f"✅ INC-{number} is yours now.", f"🚫 INC-{number} is acknowledged already."]


async def test_a_card_follows_a_burst_of_alerts_by_edits(both: Office) -> None:
    alerts = [an_alert(both.world.clock, f"Error{place}", fingerprint=f"f{place}") for place in range(30)]
    for one in alerts:
        await both.world.send(one)
    await both.card(1, "30 alerts, 30 firing")
    await both.caught_up()
    assert len(await both.calls("chat.postMessage")) < 10


async def test_what_slack_sends_and_nobody_handles_is_acknowledged(both: Office) -> None:
    """A dead click is never right, also on something that an older version has drawn."""
    number = await both.world.fire()
    card = await both.card(number)
    done = await both.post("click", user=MIKA.slack_id, channel=INCIDENTS, ts=card["ts"], action_id="incident.runbook")
    assert done["acknowledged"]
    assert "Runbook:" in text(await both.answer_to(done))


def _option(label: str, value: str) -> dict:
    return {"text": {"type": "plain_text", "text": label}, "value": value}


async def _say(here: Office, by, words: str, thread: str = "") -> str:
    more = {"thread_ts": thread} if thread else {}
    return (await here.post("message", user=by.slack_id, channel=INCIDENTS, text=words, **more))["ts"]


async def _handled(here: Office, count: int) -> bool:
    """So many events came in, and nothing of them is left to do."""
    events = [e for e in (await here.get("events"))["events"] if e["acknowledged"]]
    pending = await here.world.store.read(lambda tx: tx.inbox.pending())
    return len(events) >= count and not pending
