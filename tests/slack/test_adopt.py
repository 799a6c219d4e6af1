"""Alerts that another app posts in a channel become incidents: once, whatever comes twice, late, edited, or in between."""

import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import Unreachable
from bot.domain.incident import Status
from bot.domain.timeline import Kind
from bot.slack.listeners.messages import CATCH_UP_SECONDS
from bot.usecases.hearing import HEARD
from bot.usecases.reconcile import reconcile
from bot.usecases.setup import Adoption, Monitor, Policies
from integrations.alertmanager.adapter import Alertmanager
from integrations.alertmanager.manifest import Settings
from sandbox.workspace import messages
from tests.integrations.deliveries import load
from tests.integrations.posted import body
from tests.slack.adopting import ALERTS, MONITOR, STRANGER, Newsroom, newsroom
from tests.slack.office import INCIDENTS
from tests.slack.reading import text
from tests.usecases.world import FRAUD, MIKA

SOURCE = Alertmanager(Settings(instance="http://am"))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with newsroom(tmp_path) as made:
        await made.here.start()
        yield made


@pytest.fixture(params=["socket", "http"])
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with newsroom(tmp_path, request.param) as made:
        await made.here.start()
        yield made


def default(status: str, name: str = "QueueLag payments", more: str = "(eu1 warning)") -> dict[str, Any]:
    """A message of Alertmanager's own template."""
    color = "danger" if status == "FIRING:1" else "good"
    one = {"title": f"[{status}] {name} {more}", "title_link": "http://am/#/alerts?receiver=x", "color": color}
    return {"username": "Alertmanager", "attachments": [{**one, "fallback": f"[{status}] {name} {more} | http://am"}]}


async def deliver(room: Newsroom, name: str) -> None:
    """The webhook of the same Alertmanager."""
    request = load("alertmanager", name)
    await room.world.intake.take("alertmanager", request, list(SOURCE.alerts(request)))


# ------------------------------------------------------------ by our template


async def test_a_message_opens_an_incident_and_is_answered_with_its_card(both: Newsroom) -> None:
    message = await both.captured("posted_shipped_two_firing")
    await both.settled()
    (incident,) = await both.incidents()
    assert (incident.model, incident.environment, incident.version) == (FRAUD, "production", "3")
    assert (incident.alerts_firing, incident.alerts_seen) == (2, 2)
    told = [entry for entry in await both.timeline(incident.number) if "Told by a message in Slack" in entry.text]
    assert [entry.evidence for entry in told] == [await permalink(both, message.ts)]
    card = await both.here.card(incident.number)
    assert "low fidelity" not in text(card)
    (answer,) = await both.answers(message)
    assert "INC-1 · sev1 · ModelFeatureDrift on fraud-detector" in text(answer)
    assert card["ts"].replace(".", "") in json.dumps(answer["blocks"]), "it leads to the card"


async def permalink(room: Newsroom, ts: str) -> str:
    channel = room.here.sandbox.workspace.channel(ALERTS)
    assert channel is not None
    return room.here.sandbox.workspace.permalink(channel.id, ts)


@pytest.mark.parametrize("first", ["message", "delivery"])
async def test_message_and_delivery_are_one_incident(room: Newsroom, first: str) -> None:
    for way in (first, "delivery" if first == "message" else "message"):
        if way == "message":
            message = await room.captured("posted_shipped_two_firing")
        else:
            await deliver(room, "posted_two_firing")
        await room.settled()
    (incident,) = await room.incidents()
    assert (incident.alerts_firing, incident.alerts_seen) == (2, 2)
    fired = [entry for entry in await room.timeline(incident.number) if entry.kind is Kind.ALERT_FIRED]
    assert len(fired) == 2
    assert len(await room.answers(message)) == 1


async def test_a_message_takes_nothing_away_from_what_a_delivery_told(room: Newsroom) -> None:
    """It may hold less: labels that were cut, no link."""
    await deliver(room, "posted_two_firing")
    posted = body("alertmanager", "posted_shipped_two_firing")
    posted["attachments"][0]["text"] = posted["attachments"][0]["text"].replace(" l.severity=critical", "")
    message = await room.post(posted)
    await room.settled()
    assert len(await room.answers(message)) == 1
    alerts = await room.world.store.read(lambda tx: tx.episodes.alerts_of(1))
    assert [alert.labels["severity"] for alert in alerts] == ["critical", "critical"]


async def test_the_end_is_told_by_a_message_too(room: Newsroom) -> None:
    await room.captured("posted_shipped_two_firing")
    await room.settled()
    resolved = await room.captured("posted_shipped_resolved")
    await room.settled()
    (incident,) = await room.incidents()
    assert (incident.status, incident.confirmed, incident.alerts_firing) == (Status.RESOLVED, False, 0)
    assert await room.answers(resolved) == [], "the end needs no answer"


async def test_the_end_that_comes_first_opens_nothing(room: Newsroom) -> None:
    for name in ("posted_shipped_resolved", "posted_shipped_two_firing"):
        await room.captured(name)
        await room.settled()
    assert await room.incidents() == []


async def test_the_same_event_five_times_and_over_a_restart_is_one(room: Newsroom) -> None:
    message = await room.captured("posted_shipped_two_firing")
    await room.settled()
    event = next(reversed(room.here.sandbox.deliveries.sent))
    for _ in range(2):
        await room.here.post("redeliver", event=event)
    await room.here.stop()
    await room.world.restart()
    room.connect()
    await room.here.start()
    for _ in range(3):
        await room.here.post("redeliver", event=event)
    await room.settled()
    (incident,) = await room.incidents()
    assert incident.alerts_seen == 2
    assert len(await room.answers(message)) == 1


async def test_what_was_taken_before_the_process_ended_is_read_by_the_next(tmp_path: Path) -> None:
    """Slack has its acknowledgement, and the event is only in the inbox."""
    async with newsroom(tmp_path) as room:
        message = await room.captured("posted_shipped_two_firing")
        attempts = next(a for a in room.here.sandbox.deliveries.sent.values() if a.envelope["event"].get("bot_id"))
        stored = json.dumps(attempts.envelope)
        await room.world.store.write(lambda tx: tx.inbox.put(attempts.envelope["event_id"], stored))
        await room.here.start()

        async def opened() -> Any:
            return await room.incidents()

        await room.here.as_time_passes(opened, step=CATCH_UP_SECONDS)
        await room.here.caught_up()
        await room.world.clockwork.timers()
        await room.here.caught_up()
        assert len(await room.answers(message)) == 1


async def test_the_answer_is_looked_for_before_it_is_posted_again(room: Newsroom) -> None:
    """Slack took it, and its answer got lost."""
    await deliver(room, "posted_two_firing")
    await room.settled()
    await room.here.post("fault", kind="lost_answer", method="chat.postMessage", count=1)
    message = await room.captured("posted_shipped_two_firing")
    await room.settled()

    async def shown() -> bool:
        post = await room.world.post(f"adopted:{message.channel}:{message.ts}")
        return bool(post and post.ts)

    await room.here.as_time_passes(shown)
    assert len(await room.answers(message)) == 1


# ------------------------------------------------------------ who is read


async def test_nobody_else_is_read_or_kept(room: Newsroom) -> None:
    posted = body("alertmanager", "posted_shipped_two_firing")
    await room.post(posted, bot=STRANGER)
    await room.post(posted, channel=INCIDENTS)
    await room.post({**posted, "username": "Alertmanager", "bot_id": MONITOR, "app_id": MONITOR}, bot=STRANGER)
    footer, words = posted["attachments"][0]["footer"], posted["attachments"][0]["text"]
    await room.here.post("message", user=MIKA.slack_id, channel=ALERTS, text=f"[FIRING:1] X\n{words}\n{footer}")
    await room.settled()
    assert await room.incidents() == []
    assert await kept_of(room, STRANGER, MIKA.slack_id) == 0


async def kept_of(room: Newsroom, *senders: str) -> int:
    """How many of these senders' messages are in the inbox, handled or not."""
    sent = room.here.sandbox.deliveries.sent
    assert all(attempts.acknowledged for attempts in sent.values())
    events = {key: attempts.envelope["event"] for key, attempts in sent.items()}
    theirs = {key for key, e in events.items() if {e.get("bot_id"), e.get("user")} & {*senders}}
    assert theirs, "they have posted something that the bot was told"
    with sqlite3.connect(room.world.path) as database:
        kept = {key for (key,) in database.execute("select event_id from slack_events")}
    return len(theirs & kept)


async def test_our_own_messages_are_never_read(tmp_path: Path) -> None:
    """Also when somebody names our own bot as a sender: a card would open a card."""
    ours = (Adoption(f"#{INCIDENTS}", "alertmanager", frozenset({"B0MLOPSBOT", "A0MLOPSBOT"})),)
    async with newsroom(tmp_path, adoptions=ours) as room:
        await room.here.start()
        await room.world.fire("[FIRING:1] Echo")
        await room.settled()
        assert len(await room.incidents()) == 1
        assert await kept_of(room, "B0MLOPSBOT") == 0, "it was told of its own card"


@pytest.mark.parametrize(("app", "wanted"), [("A0OTHER", True), ("A0MLOPSBOT", False)])
async def test_our_own_app_is_never_wanted(room: Newsroom, app: str, wanted: bool) -> None:
    """Bolt leaves out what it knows to be ours; while Slack can't say who we are, it knows nothing."""
    adopter = room.here.sides[-1]._adopter()
    assert adopter is not None
    event = {"type": "message", "subtype": "bot_message", "bot_id": MONITOR, "app_id": app, "ts": "5.000001"}
    assert adopter.wants({"api_app_id": "A0MLOPSBOT", "event": event}) is wanted


async def test_without_adoptions_no_message_is_looked_at(tmp_path: Path) -> None:
    async with newsroom(tmp_path, adoptions=()) as room:
        await room.here.start()
        await room.captured("posted_shipped_two_firing")
        await room.settled()
        assert await room.incidents() == []
        assert await kept_of(room, MONITOR) == 0


# ------------------------------------------------------------ words alone


async def test_words_alone_are_an_alert_of_low_fidelity(room: Newsroom) -> None:
    message = await room.post(default("FIRING:1"))
    await room.settled()
    (incident,) = await room.incidents()
    assert incident.model is None
    assert incident.subject_why == "read from a message, whose text names no configured model"
    card = text(await room.here.card(incident.number))
    assert "Read from a message; low fidelity" in card
    assert "unknown model" in card
    assert incident.url == await permalink(room, message.ts)
    told = [entry.text for entry in await room.timeline(incident.number) if entry.kind is Kind.ALERT_FIRED]
    assert len(told) == 1
    assert told[0].startswith("QueueLag fires (read from a message; low fidelity):")
    assert len(await room.answers(message)) == 1

    await room.post(default("RESOLVED"))
    await room.settled()
    (incident,) = await room.incidents()
    assert (incident.status, incident.confirmed) == (Status.RESOLVED, False)


async def test_a_model_that_the_text_names_is_said_to_be_mentioned(room: Newsroom) -> None:
    for name, more in (("QueueLag fraud-detector", ""), ("QueueLag churn-v2", ""), ("BothSlow churn", "(pricing)")):
        await room.post(default("FIRING:1", name, more))
        await room.settled()
    found = {incident.title: (incident.model, incident.subject_why) for incident in await room.incidents()}
    assert found == {
        "QueueLag on fraud-detector": (FRAUD, "mentioned in its text"),
        "QueueLag (unknown model)": (None, "read from a message, whose text names no configured model"),
    }, "the third has joined the second: of neither a model is known"


async def test_a_card_tells_what_of_it_is_read_from_a_message(room: Newsroom) -> None:
    number = await room.world.fire("QueueFull", model=None, url="http://am/graph")
    await room.post(default("FIRING:1"))
    await room.settled()
    (incident,) = await room.incidents()
    assert (incident.number, incident.alerts_seen) == (number, 2)
    card = await room.here.card(number, saying="Some of it is read from a message; low fidelity")
    assert "The alert at its source" in text(card)


async def test_a_source_that_can_not_be_asked_keeps_no_message_from_being_read(room: Newsroom) -> None:
    room.connect(polled=True)
    await room.here.stop()
    await room.here.start()
    for place, fault in enumerate((Unreachable("It is away.", system="alertmanager"), KeyError("an adapter's fault"))):
        room.poll.fault = fault  # type: ignore[assignment]
        await room.post(default("FIRING:1", f"Lag{place} payments"))
        await room.settled()
    (incident,) = await room.incidents()
    assert (incident.alerts_seen, room.poll.asked) == (2, 2)


async def test_a_monitor_is_heard_in_the_channel_too(tmp_path: Path) -> None:
    async with newsroom(tmp_path) as room:
        monitor = Monitor("alertmanager", timedelta(hours=1))
        room.world.setup = replace(room.world.setup, policies=Policies(monitors=(monitor,)))
        room.world.rebuild()
        await room.here.start()
        await room.post(default("RESOLVED"))
        await room.settled()
        assert await room.world.store.read(lambda tx: tx.keys.get(HEARD, "alertmanager"))


async def test_a_repeated_message_by_words_refreshes(room: Newsroom) -> None:
    messages = [await room.post(default("FIRING:1")) for _ in range(3)]
    await room.settled()
    (incident,) = await room.incidents()
    assert (incident.alerts_seen, incident.alerts_firing) == (1, 1)
    assert [len(await room.answers(message)) for message in messages] == [1, 1, 1]


async def test_an_older_message_that_comes_late_does_not_reopen(room: Newsroom) -> None:
    for status in ("FIRING:1", "RESOLVED"):
        await room.post(default(status))
        await room.settled()
    first = next(
        a for a in room.here.sandbox.deliveries.sent.values() if "[FIRING:1]" in json.dumps(a.envelope["event"])
    )
    again = {**first.envelope, "event_id": "Ev0AGAIN"}
    await room.world.store.write(lambda tx: tx.inbox.put("Ev0AGAIN", json.dumps(again)))

    async def read() -> bool:
        return not await room.world.store.read(lambda tx: tx.inbox.pending())

    await room.here.as_time_passes(read, step=CATCH_UP_SECONDS)
    (incident,) = await room.incidents()
    assert incident.status is Status.RESOLVED


@pytest.mark.parametrize("mark", [True, False])
async def test_an_edit_is_read_as_the_message_is_now(room: Newsroom, mark: bool) -> None:
    """Newer Alertmanagers edit one message for a group's whole life; Slack does not mark every edit."""
    message = await room.post(default("FIRING:1"))
    await room.settled()
    room.edit(message, default("RESOLVED"), mark=mark)
    await room.settled()
    assert [incident.status for incident in await room.incidents()] == [Status.RESOLVED]
    room.edit(message, default("FIRING:1"), mark=mark)
    await room.settled()
    (incident,) = await room.incidents()
    assert (incident.status, incident.reopened) == (Status.OPEN, 1)
    assert len(await room.answers(message)) == 1


async def test_an_edit_of_our_template_tells_the_end(room: Newsroom) -> None:
    message = await room.captured("posted_shipped_two_firing")
    await room.settled()
    room.edit(message, body("alertmanager", "posted_shipped_resolved"))
    await room.settled()
    assert [incident.status for incident in await room.incidents()] == [Status.RESOLVED]


async def test_a_deleted_message_ends_nothing_and_is_noted_once(room: Newsroom) -> None:
    message = await room.post(default("FIRING:1"))
    await room.settled()
    messages.delete(room.here.sandbox.workspace, message)  # it has our answer below: Slack leaves a tombstone
    await room.settled()
    told = next(reversed(room.here.sandbox.deliveries.sent.values())).envelope
    await room.world.store.write(lambda tx: tx.inbox.put("Ev0AGAIN", json.dumps(told)))

    async def read() -> bool:
        return not await room.world.store.read(lambda tx: tx.inbox.pending())

    await room.here.as_time_passes(read, step=CATCH_UP_SECONDS)
    (incident,) = await room.incidents()
    assert (incident.status, incident.alerts_firing) == (Status.OPEN, 1)
    notes = [entry.text for entry in await room.timeline(incident.number) if "was deleted" in entry.text]
    assert notes == ["The message in Slack that told an alert was deleted; the alert stays as it is."]


# ------------------------------------------------------------ words, and a source that can be asked


def listed() -> list[Any]:
    return list(SOURCE.alerts(load("alertmanager", "posted_two_firing")))


async def test_the_source_says_which_alerts_are_meant(room: Newsroom) -> None:
    room.connect(polled=True)
    room.poll.lists = [*listed(), replace(listed()[0], fingerprint="other", labels={"alertname": "Other"})]
    await room.here.stop()
    await room.here.start()
    message = await room.captured("posted_default_two_firing")
    await room.settled()
    (incident,) = await room.incidents()
    assert (incident.model, incident.alerts_firing) == (FRAUD, 2)
    assert "low fidelity" not in text(await room.here.card(incident.number))
    await deliver(room, "posted_two_firing")
    await room.settled()
    assert len(await room.incidents()) == 1
    assert len(await room.answers(message)) == 1

    room.poll.lists = []
    await room.captured("posted_default_resolved")
    await room.settled()
    (incident,) = await room.incidents()
    assert (incident.status, incident.alerts_firing) == (Status.RESOLVED, 0)


async def test_asking_neither_ends_nor_confirms_what_only_words_told(room: Newsroom) -> None:
    """The source doesn't list it under this identity, whether it fires or not."""
    room.connect(polled=True)
    await room.here.stop()
    await room.here.start()

    async def ask_for_a_while() -> None:
        for _ in range(5):
            room.world.clock.advance(60)  # type: ignore[attr-defined]
            await reconcile(room.world.store, room.world.setup, room.world.systems, room.world.clock, lambda: None)

    await room.post(default("FIRING:1"))
    await room.settled()
    await ask_for_a_while()
    assert [incident.status for incident in await room.incidents()] == [Status.OPEN]
    await room.post(default("RESOLVED"))
    await room.settled()
    await ask_for_a_while()
    assert [(i.status, i.confirmed) for i in await room.incidents()] == [(Status.RESOLVED, False)]


async def test_words_end_nothing_that_a_delivery_told_while_the_source_lists_it(room: Newsroom) -> None:
    room.connect(polled=True)
    room.poll.lists = listed()
    await room.here.stop()
    await room.here.start()
    await deliver(room, "posted_two_firing")
    await room.captured("posted_default_resolved")
    await room.settled()
    (incident,) = await room.incidents()
    assert (incident.status, incident.alerts_firing) == (Status.OPEN, 2)


async def test_without_asking_words_anchor_what_a_delivery_told(room: Newsroom) -> None:
    await deliver(room, "posted_two_firing")
    message = await room.captured("posted_default_two_firing")
    await room.captured("posted_default_resolved")
    await room.settled()
    (incident,) = await room.incidents()
    assert (incident.alerts_seen, incident.alerts_firing) == (2, 2), "words end nothing that a delivery has told"
    assert len(await room.answers(message)) == 1


# ------------------------------------------------------------ hostile text, odd events


async def test_the_longest_message_is_read_and_shown_within_limits(room: Newsroom) -> None:
    long = "<!channel> & *b* " * 2_500
    posted = default("FIRING:1", "Long")
    posted["attachments"][0]["text"] = long
    posted["text"] = long
    await room.post(posted)
    await room.settled()
    (incident,) = await room.incidents()
    card = json.dumps(await room.here.card(incident.number))
    assert '"broadcast"' not in card
    assert len(incident.summary) <= 2_000


async def test_blocks_and_plain_text_are_read_like_attachments(room: Newsroom) -> None:
    await room.post({"text": "[FIRING:1] PlainText\nsecond line"})
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "[FIRING:1] <http://am/x|InBlocks> eu1"}}
    await room.post({"text": "fallback", "blocks": [section, {"type": "divider"}]})
    await room.post({"text": "Deployment of the week is done :tada:"})
    await room.settled()
    (incident,) = await room.incidents()
    fired = [e.text.split()[0] for e in await room.timeline(incident.number) if e.kind is Kind.ALERT_FIRED]
    assert sorted(fired) == ["InBlocks", "PlainText"]


ODD: list[dict[str, Any]] = [
    {}, {"ts": None}, {"ts": "x"}, {"ts": "99999999999.000000"}, {"attachments": "no"}, {"attachments": [None, 5, []]},
    {"attachments": [{"title": 5, "text": {"a": 1}, "fields": [None, {"title": []}], "color": 7, "blocks": [[{}]]}]},
    {"subtype": "message_changed"}, {"subtype": "message_changed", "message": [], "previous_message": 5},
    {"subtype": "message_deleted"}, {"subtype": "channel_join"}, {"thread_ts": "1.000001"}, {"bot_profile": []},
    {"blocks": [{"type": "rich_text", "elements": [{"elements": [{"elements": [{"elements": [{"text": "x"}]}]}]}]}]},
]  # fmt: skip


async def test_no_event_is_too_odd(room: Newsroom) -> None:
    base = {"type": "message", "subtype": "bot_message", "bot_id": MONITOR, "channel": "C0PLATFORM", "ts": "5.000001"}
    for place, odd in enumerate(ODD):
        event = json.dumps({"event": {**base, **odd}})
        await room.world.store.write(lambda tx, place=place, event=event: tx.inbox.put(f"Ev{place}", event))

    async def handled() -> bool:
        return not await room.world.store.read(lambda tx: tx.inbox.pending())

    await room.here.as_time_passes(handled, step=CATCH_UP_SECONDS)
    assert await room.incidents() == []
    side = room.here.sides[-1]
    assert side._edge is not None
    assert side._edge.unexpected == 0


# ------------------------------------------------------------ Grafana


async def test_grafanas_own_message_lists_labels(room: Newsroom) -> None:
    rows = ["**Firing**", "", "Value: B=0.31, C=1", "Labels:", " - alertname = FeatureDrift", " - model_name = churn",
            " - severity = critical", "Annotations:", " - summary = drift of churn", "Source: http://grafana/alerting/1"]  # fmt: skip
    part = {"title": "[FIRING:1] FeatureDrift ml (churn critical)", "color": "#D63232", "text": "\n".join(rows),
            "title_link": "http://grafana/alerting/list", "footer": "Grafana v12.1.0"}  # fmt: skip
    await room.post({"username": "Grafana", "attachments": [part]}, bot="B0GRAFANA")
    await room.settled()
    (incident,) = await room.incidents()
    assert (incident.model, incident.subject_why, incident.source) == ("churn", "label model_name", "grafana")
    assert "low fidelity" in text(await room.here.card(incident.number))
    rows[0] = "**Resolved**"
    part = {**part, "title": "[RESOLVED] FeatureDrift ml (churn critical)", "color": "#36a64f", "text": "\n".join(rows)}
    await room.post({"username": "Grafana", "attachments": [part]}, bot="B0GRAFANA")
    await room.settled()
    assert [i.status for i in await room.incidents()] == [Status.RESOLVED]
