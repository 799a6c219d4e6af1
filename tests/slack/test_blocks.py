"""Every message and view as a pure function of a state: golden files, Slack's rules, and hostile text."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.alert import Alert, AlertStatus, Reading
from bot.domain.incident import Status
from bot.domain.models import Change, PipelineRef
from bot.domain.operation import OperationState, RunProgress, TaskProgress, TaskStatus
from bot.domain.people import Person
from bot.domain.plan import Call, Check, CheckResult
from bot.domain.routing import NO_RULE, Phase, PhaseChoice
from bot.domain.severity import Severity
from bot.slack.blocks import card as cards
from bot.slack.blocks import declare
from bot.slack.blocks import operation as operations
from bot.slack.blocks import storm as storms
from bot.slack.blocks.home import home
from bot.slack.blocks.message import Message
from bot.slack.blocks.plain import plainer
from bot.slack.blocks.replies import reply_message
from bot.slack.blocks.text import clean, escaped
from bot.usecases.reply import (
    Bullets,
    Button,
    Buttons,
    Code,
    Facts,
    Heading,
    Link,
    Mentions,
    Paragraph,
    Reply,
    Table,
    Tone,
    from_json,
    to_json,
)
from bot.usecases.storm import StormLine
from sandbox.blocks import faults_of_message, faults_of_view
from tests.slack.reading import buttons, lines, text
from tests.slack.states import (
    IN_DOUBT,
    LINK,
    MESSAGES,
    NOW,
    SETUP,
    SUCCEEDED,
    VIEWS,
    a_plan,
    a_training,
    acknowledged,
    an_incident,
    an_incident_view,
    an_operation,
    an_operation_view,
    decided,
    many,
    resolved,
)
from tests.usecases.world import FRAUD

GOLDEN = Path(__file__).parent / "golden"
RENEW = "MLOPS_BOT_RENEW_GOLDEN"
"""Set it to write the golden files anew; look at the difference before it is committed."""


def as_json(message: Message) -> dict[str, Any]:
    """What is handed to Slack."""
    sent: dict[str, Any] = {"text": message.text, "blocks": [dict(block) for block in message.blocks]}
    if message.metadata is not None:
        sent["metadata"] = {"event_type": message.metadata.event_type, "event_payload": dict(message.metadata.payload)}
    return sent


def accepted(message: Message) -> Message:
    """Slack would take it, as a new message and as an edit."""
    assert faults_of_message(as_json(message)) == []
    block_ids = [block["block_id"] for block in message.blocks if "block_id" in block]
    assert len(set(block_ids)) == len(block_ids)
    return message


# ---------------------------------------------------------------- golden files


@pytest.mark.parametrize("name", [*MESSAGES, *VIEWS])
def test_golden(name: str) -> None:
    made = as_json(MESSAGES[name]()) if name in MESSAGES else VIEWS[name]()
    path = GOLDEN / f"{name}.json"
    shown = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get(RENEW):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == shown, f"{name} changed; look, then set {RENEW}=1 to renew"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {*MESSAGES, *VIEWS}


@pytest.mark.parametrize("name", list(MESSAGES))
def test_slack_takes_every_message(name: str) -> None:
    accepted(MESSAGES[name]())


@pytest.mark.parametrize("name", list(VIEWS))
def test_slack_takes_every_view(name: str) -> None:
    assert faults_of_view(VIEWS[name]()) == []


# ---------------------------------------------------------------- the card, at 03:10 on a phone


def test_the_card_says_everything_that_was_promised() -> None:
    shown = text(cards.card(an_incident_view()))
    for fact in (
        FRAUD, "version 3", "production", "error ratio 0.31, limit 0.05", "2026-11-23 03:08 UTC", "Phase Deployment",
        "Responsible <@U0MLENG01> · ML engineer R", "Accountable Devi Rao · DevOps/MLOps engineer AR for Deployment",
        "1. Acknowledge", "version 3 promoted by Mika Laine", "40 min before it began",
    ):  # fmt: skip
        assert fact in shown, fact


def test_most_important_first() -> None:
    shown = lines(cards.card(an_incident_view()))
    order = [
        "#",
        "Status",
        "Model",
        "Metric",
        "Since",
        "What changed",
        "[Acknowledge]",
        "Phase",
        "Runbook",
        "[Runbook]",
    ]
    places = [next(i for i, line in enumerate(shown) if line.startswith(start)) for start in order]
    assert places == sorted(places)
    assert len(shown) <= 22, "a phone shows no more without much scrolling"


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize(
    "operation", [None, an_operation(), SUCCEEDED, IN_DOUBT], ids=["none", "plan", "done", "doubt"]
)
@pytest.mark.parametrize("can", [True, False])
def test_at_most_two_buttons_stand_first_and_one_of_them_is_primary(status: Status, operation, can: bool) -> None:
    incident = replace(an_incident(status), resolved_at=NOW)
    message = accepted(
        cards.card(an_incident_view(incident, operations=(operation,) if operation else (), can_roll_back=can))
    )
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    pressed = [button for row in rows for button in row if button["text"]["text"] != "Runbook"]
    assert len(pressed) <= 2
    assert len([b for b in buttons(message) if b.get("style")]) <= 1
    assert all(button["value"] == "INC-42" for button in buttons(message))


@pytest.mark.parametrize(
    ("status", "wanted"),
    [(Status.OPEN, ["Acknowledge", "Roll back"]), (Status.ACKNOWLEDGED, ["Roll back", "Resolve"]),
     (Status.MITIGATED, ["Resolve", "Roll back"]), (Status.RESOLVED, []), (Status.CLOSED, [])],
)  # fmt: skip
def test_the_buttons_are_what_comes_next(status: Status, wanted: list[str]) -> None:
    message = cards.card(an_incident_view(replace(an_incident(status), resolved_at=NOW)))
    assert [b["text"]["text"] for b in buttons(message) if b["text"]["text"] != "Runbook"] == wanted


def test_what_ends_or_changes_something_is_asked_twice() -> None:
    for name, make in MESSAGES.items():
        for button in buttons(make()):
            if button["action_id"] in {"incident.resolve", "incident.rollback", "operation.approve"}:
                assert "confirm" in button, name


def test_while_an_operation_is_going_on_no_other_is_offered() -> None:
    message = cards.card(an_incident_view(acknowledged(), operations=(an_operation(),)))
    assert "Roll back" not in [b["text"]["text"] for b in buttons(message)]


def test_who_has_acknowledged_need_not_be_told_to() -> None:
    shown = text(cards.card(an_incident_view(acknowledged())))
    assert "Acknowledge, so that" not in shown
    assert "1. See what changed" in shown


def test_an_end_that_nobody_confirmed_is_called_so() -> None:
    message = cards.card(an_incident_view(resolved(confirmed=False)))
    assert "resolved (unconfirmed)" in message.text
    assert "Status resolved (unconfirmed)" in text(message)
    assert [b["text"]["text"] for b in buttons(message)] == ["Resolve"]


def test_an_unknown_model_is_said_and_not_guessed() -> None:
    shown = text(MESSAGES["card_unknown_model"]())
    assert "Model unknown model (none of the labels model, model_name names one)" in shown
    assert "(no routing rule matched)" in shown
    assert "What changed" not in shown


def test_a_declared_incident_keeps_the_reason_of_its_phase() -> None:
    why = "declared by a person; no routing rule fits its title"
    route = SETUP.route_for(PhaseChoice(Phase.DEPLOYMENT, NO_RULE, why), FRAUD)
    assert f"Phase Deployment ({why})" in text(cards.card(an_incident_view(an_incident(route=route))))


def an_alert(name: str, status: AlertStatus = AlertStatus.FIRING) -> Alert:
    return Alert("alertmanager", "", name, name, status, NOW, reading=Reading("p99", 2.5, 1.0))


def test_a_card_lists_what_fires_when_it_is_more_than_one() -> None:
    alerts = tuple(an_alert(f"Alert{number}") for number in range(1, 6))
    shown = text(accepted(cards.card(an_incident_view(an_incident(alerts_firing=5), alerts=alerts))))
    assert "• Alert3: p99 2.5, limit 1 (bad above)" in shown
    assert "Alert4" not in shown
    assert "and 2 more" in shown


def test_alerts_that_read_alike_are_one_line_of_a_card() -> None:
    alerts = (*(an_alert("Drift") for _ in range(20)), an_alert("Latency"))
    shown = text(accepted(cards.card(an_incident_view(an_incident(alerts_firing=500), alerts=alerts))))
    assert shown.count("• Drift") == shown.count("• Latency") == 1
    assert "and 498 more" in shown
    ended = an_alert("Alert2", AlertStatus.RESOLVED)
    assert "Firing" not in text(cards.card(an_incident_view(alerts=(alerts[0], ended))))


def test_a_card_says_that_an_alert_speaks_for_a_worse_severity_and_how_to_raise_it() -> None:
    shown = text(accepted(cards.card(an_incident_view(worse=Severity.SEV1))))
    assert "Severity sev2, but an alert says sev1: /mlops severity INC-42 sev1 raises it" in shown
    assert "raises it" not in text(cards.card(an_incident_view(resolved(), worse=Severity.SEV1)))


def test_a_user_group_is_mentioned_in_the_place_of_people() -> None:
    shown = text(MESSAGES["card_user_group"]())
    assert "Responsible <!subteam^S0MLONCALL>" in shown
    assert "<@" not in shown


def test_a_user_group_known_by_its_handle_is_named() -> None:
    setup = replace(SETUP, user_groups=dict.fromkeys(SETUP.roster.fillings["default"], "ml-oncall"))
    assert "Responsible @ml-oncall · " in text(accepted(cards.card(an_incident_view(setup=setup))))


def test_the_accountable_is_named_and_not_woken_by_the_card() -> None:
    drift = MESSAGES["card_drift"]()
    assert "Accountable Mika Laine" in text(drift)
    assert "<@U0MLENG01>" not in text(drift)


def test_the_metadata_is_the_interfaces() -> None:
    assert as_json(cards.card(an_incident_view(an_incident(revision=7))))["metadata"] == {
        "event_type": "mlops_incident", "event_payload": {"incident": "INC-42", "revision": 7},
    }  # fmt: skip


def test_a_change_after_the_beginning_is_told_as_such() -> None:
    change = Change(FRAUD, "deployment", "image 7 deployed by argo", NOW, "argo")
    shown = text(cards.card(an_incident_view(changes=(change,))))
    assert "image 7 deployed by argo ·" in shown
    assert "2 min after it began" in shown


@pytest.mark.parametrize("severity", list(Severity))
def test_the_severity_has_a_colour(severity: Severity) -> None:
    assert cards.card(an_incident_view(an_incident(severity=severity))).text[0] in "🔴🟠🟡🔵"


def test_a_drill_says_so_first() -> None:
    assert "DRILL · INC-42" in cards.card(an_incident_view(an_incident(drill=True))).text


# ---------------------------------------------------------------- operations


@pytest.mark.parametrize("state", list(OperationState))
def test_every_state_of_an_operation_can_be_shown(state: OperationState) -> None:
    message = accepted(operations.operation(an_operation_view(decided(state, outcome="What is true now."))))
    assert state.value in message.text
    accepted(operations.ask(an_operation_view(decided(state)), LINK))
    accepted(cards.card(an_incident_view(operations=(decided(state),))))


def test_what_a_plan_leaves_out_of_its_warnings_is_counted() -> None:
    def shown(count: int) -> str:
        plan = a_plan(cannot=tuple(f"Caveat {number}." for number in range(1, count + 1)))
        return text(accepted(operations.operation(an_operation_view(an_operation(plan=plan)))))

    assert "Caveat 8." in shown(8)
    assert "not shown here" not in shown(8)
    assert "Caveat 9." not in shown(11)
    assert "and 3 more, not shown here" in shown(11)


def test_only_a_plan_that_waits_can_be_decided() -> None:
    for state in OperationState:
        pressed = {b["action_id"] for b in buttons(operations.operation(an_operation_view(decided(state))))}
        expected = {
            OperationState.AWAITING_APPROVAL: {"operation.approve", "operation.reject", "operation.cancel"},
            OperationState.IN_DOUBT: {"operation.cancel"},
            OperationState.RUNNING: {"operation.cancel"},
        }.get(state, set())
        assert pressed == expected, state


def test_serving_confirmed_is_only_claimed_when_it_was_seen() -> None:
    for state in OperationState:
        for shown in (
            text(operations.operation(an_operation_view(decided(state)))),
            text(cards.card(an_incident_view(operations=(decided(state),)))),
        ):
            assert "✓ serving confirmed" not in shown
    assert "✓ serving confirmed" in text(operations.operation(an_operation_view(SUCCEEDED)))
    assert "serving confirmed: version 2 answers" in text(cards.card(an_incident_view(operations=(SUCCEEDED,))))


def test_the_plan_shows_what_an_approver_needs() -> None:
    shown = text(operations.ask(an_operation_view(), LINK))
    for fact in ("version 3 → 2", "auc | 0.94 | 0.93", "callers can use it unchanged: same inputs", '"version": "2"',
                 "Who may approve: <@U0DEVOPS1>", "! mind", "no compare-and-set", "Expires"):  # fmt: skip
        assert fact in shown, fact


def test_who_is_asked_gets_the_buttons_that_are_for_them() -> None:
    assert [b["text"]["text"] for b in buttons(operations.ask(an_operation_view(), LINK))] == ["Approve", "Reject"]


def test_where_nobody_may_approve_no_such_button_is_drawn() -> None:
    message = operations.operation(an_operation_view(approvers=()))
    assert [b["text"]["text"] for b in buttons(message)] == ["Cancel"]
    assert "Nobody is configured who could approve it." in text(message)


def test_what_forbids_a_plan_stands_out() -> None:
    plan = a_plan(checks=(Check("artefact is there", CheckResult.BLOCK, "gone"),))
    assert "✗ forbids it" in text(operations.operation(an_operation_view(an_operation(plan=plan))))


# ---------------------------------------------------------------- hostile text

HOSTILE = (
    "<!channel> <!here> <@U0MLENG01> <#C0INCIDENT> <https://evil.example|click>", "*bold* _it_ ~no~ `code` ```block```",
    "\u202eevil\u202c \u2066x\u2069 \u200b\ufeff", "\x00\x01\x1b[31m", "x" * 20_000, "&amp; &lt;b&gt; & < >", "\n" * 500,
    "👩‍🔬🔥" * 2_000, ":fire: :rotating_light:", "a\u0301" * 5_000, "\ud800", "", " ", "\u2028line\u2029",
    "{ago} {date_num}", "﷽" * 3_000,
)  # fmt: skip


def everywhere(hostile: str) -> list[Message]:
    """This text in every place that somebody outside can write to."""
    reading = Reading(hostile, 0.5, 0.1)
    incident = an_incident(
        title=hostile, summary=hostile, model=hostile or None, version=hostile, environment=hostile, feature=hostile,
        reading=reading, source=hostile, severity_why=hostile, subject_why=hostile, url=hostile,
    )  # fmt: skip
    incident = replace(incident, route=replace(incident.route, why=hostile))
    change = Change(FRAUD, "promotion", hostile, NOW, hostile)
    stranger = Person("slack:U0STRANGE", hostile, "U0STRANGE")
    check, call = Check(hostile, CheckResult.WARN, hostile), Call("mlflow", hostile, hostile, hostile, hostile)
    plan = a_plan(
        model=hostile, target_why=hostile, checks=(check,) * 8, calls=(call,) * 3, cannot=(hostile,) * 9, undo=hostile,
        target=replace(a_plan().move.target, version=hostile, metrics={hostile: 0.1, f"{hostile}2": float("nan")}),
    )  # fmt: skip
    operation = an_operation(plan=plan, model=hostile, reason=hostile, outcome=hostile, decision_reason=hostile)
    view = an_incident_view(
        incident, changes=(change,) * 5, operations=(operation,), acknowledged_by=hostile, assignee=hostile
    )
    crowd = tuple(StormLine(replace(incident, number=n), None, hostile) for n in range(3))
    shown = an_operation_view(operation, requester=stranger, decided_by=hostile, incident=incident)
    late = an_operation_view(replace(operation, state=OperationState.IN_DOUBT), requester=stranger, decided_by=hostile)
    trained = a_training(
        OperationState.RUNNING, outcome=hostile,
        run=RunProgress(hostile, hostile, (TaskProgress(hostile, TaskStatus.ERROR, hostile),) * 25, 99),
    )  # fmt: skip
    aim = replace(
        trained.plan.aim, pipeline=PipelineRef(hostile, hostile), parameters=((hostile, hostile),) * 20, url=hostile
    )  # type: ignore[type-var]  # a training's
    trained = replace(trained, plan=replace(trained.plan, aim=aim))
    parts = (
        Paragraph(hostile), Heading(hostile), Facts(((hostile, hostile),) * 60), Bullets((hostile,) * 60),
        Table((hostile,) * 9, ((hostile,) * 9,) * 70), Code(hostile), Link(hostile, hostile), Mentions(hostile, (hostile,)),
        Buttons((Button(hostile or "x", "incident.runbook", "INC-1"),)),
    )  # fmt: skip
    return [
        cards.card(view), cards.page(view, hostile, LINK), cards.summary(view, LINK), operations.operation(shown),
        operations.operation(an_operation_view(trained)), plainer(operations.operation(an_operation_view(trained))),
        operations.operation(an_operation_view(replace(trained, state=OperationState.AWAITING_APPROVAL))),
        operations.operation(late), operations.ask(shown, LINK), reply_message(Reply(hostile, Tone.FAULT, parts), SETUP),
        reply_message(Reply("t", Tone.INFO, (Paragraph(hostile),) * 80), SETUP),
        *(storms.storm(many(lines=crowd, paged=paged), lambda _: hostile) for paged in (False, True)),
    ]  # fmt: skip


@pytest.mark.parametrize("paged", [False, True])
def test_a_storm_of_long_words_fits_and_counts_what_it_leaves_out(paged: bool) -> None:
    incident = an_incident(title="﷽" * 3_000)
    crowd = tuple(StormLine(replace(incident, number=n), None, "x" * 500) for n in range(60))
    message = storms.storm(many(lines=crowd, paged=paged), lambda n: f"https://example.slack.com/{'x' * 60}{n}")
    harmless(message)
    assert "20 more: /mlops incidents" in text(message)


def harmless(message: Message) -> None:
    """Nobody is called, nothing is formatted or linked, nothing is hidden."""
    accepted(message)
    assert "<" not in message.text, "the only place that Slack parses"
    assert ">" not in message.text
    kinds = {"plain_text", "raw_text"}
    for element in _walk(as_json(message)["blocks"]):
        assert element.get("type") not in {"mrkdwn", "markdown", "broadcast", "channel"}
        if element.get("type") in kinds:
            assert element.get("emoji") is not True
        if element.get("type") == "user":
            assert element["user_id"] in {"U0MLENG01", "U0DEVOPS1", "U0DATASCI", "U0STRANGE"}
        if element.get("type") == "link":
            assert element["url"].startswith(("http://", "https://"))
        if isinstance(element.get("text"), str):
            assert not set(element["text"]) & set("\x00\x1b\u202e\u2066\u200b\ufeff")


def _walk(value: object):
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_only_text(hostile: str) -> None:
    for message in everywhere(hostile):
        harmless(message)
    incident = an_incident(title=hostile)
    waiting = tuple(an_operation(number=number, plan=a_plan(model=hostile), model=hostile) for number in range(20))
    assert faults_of_view(home((incident,) * 60, waiting)) == []
    assert faults_of_view(declare.modal([hostile, "x"], "{}", hostile)) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(), max_size=400))
def test_any_text_is_only_text(anything: str) -> None:
    for message in everywhere(anything):
        harmless(message)


@given(st.text(st.characters(), max_size=300), st.integers(1, 100))
def test_cleaning_keeps_the_limit_and_nothing_hidden(value: str, limit: int) -> None:
    assert len(clean(value, limit)) <= limit
    assert len(escaped(value, limit)) <= limit
    assert "\n" not in clean(value, limit, one_line=True)


def test_escaping_never_cuts_an_escape_in_two() -> None:
    for limit in range(5, 40):
        cut = escaped("<&>" * 20, limit)
        assert "&" not in cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")


def test_what_did_not_fit_is_counted() -> None:
    many = reply_message(Reply("t", parts=(Bullets(tuple(f"item {n}" for n in range(60))),)), SETUP)
    assert "… 20 more" in text(accepted(many))
    rows = tuple((f"INC-{n}", "x") for n in range(80))
    assert "… 30 more rows" in text(accepted(reply_message(Reply("t", parts=(Table(("a", "b"), rows),)), SETUP)))
    parts = tuple(Paragraph(f"part {n}") for n in range(70))
    assert "… 22 more parts did not fit" in text(accepted(reply_message(Reply("t", parts=parts), SETUP)))


@settings(max_examples=50, deadline=None)
@given(
    st.builds(
        Reply, title=st.text(max_size=80), tone=st.sampled_from(Tone), public=st.booleans(),
        parts=st.lists(
            st.one_of(
                st.builds(Paragraph, st.text(max_size=80)), st.builds(Heading, st.text(max_size=40)),
                st.builds(Bullets, st.lists(st.text(max_size=30), max_size=4).map(tuple), st.booleans()),
                st.builds(Facts, st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=4).map(tuple)),
                st.builds(Mentions, st.text(max_size=20), st.lists(st.sampled_from(["devi", "x"])).map(tuple)),
                st.builds(Link, st.text(max_size=20), st.text(max_size=40)), st.builds(Code, st.text(max_size=80)),
            ), max_size=8,
        ).map(tuple),
    )
)  # fmt: skip
def test_any_reply_is_shown_and_comes_back_from_its_json(reply: Reply) -> None:
    harmless(reply_message(reply, SETUP))
    assert from_json(to_json(reply)) == reply


@settings(max_examples=80, deadline=None)
@given(
    status=st.sampled_from(Status), confirmed=st.booleans(), model=st.sampled_from([None, FRAUD]), reopened=st.integers(0, 3),
    value=st.one_of(st.none(), st.floats(allow_nan=True)), threshold=st.one_of(st.none(), st.floats()),
    changes=st.lists(st.timedeltas(timedelta(days=-400), timedelta(days=2)), max_size=6), drill=st.booleans(),
    can=st.booleans(), states=st.lists(st.sampled_from(OperationState), max_size=5),
)  # fmt: skip
def test_any_incident_has_a_card(
    status, confirmed, model, reopened, value, threshold, changes, drill, can, states
) -> None:
    incident = an_incident(
        status, confirmed=confirmed, model=model, reopened=reopened, drill=drill, resolved_at=NOW,
        reading=Reading("psi", value, threshold),
    )  # fmt: skip
    known = tuple(Change(FRAUD, "promotion", "version promoted", NOW + at) for at in changes)
    shown = an_incident_view(incident, changes=known, can_roll_back=can, operations=tuple(map(decided, states)))
    message = cards.card(shown)
    harmless(message)
    assert len(message.blocks) <= 12


def test_a_plan_of_cards_becomes_a_list_where_cards_are_not_known() -> None:
    running = MESSAGES["training_running"]()
    older = plainer(running)
    assert older is not None
    accepted(older)
    assert "plan" not in {block["type"] for block in older.blocks}
    shown = text(older)
    for line in ("1 of 3 tasks are done", "✓ prepare · 2 min", "▸ train", "○ evaluate"):
        assert line in shown
    assert plainer(older) is None
    assert plainer(MESSAGES["card_open"]()) is None


def test_what_is_in_doubt_says_where_to_look() -> None:
    move = IN_DOUBT.plan.move
    seen = replace(move, target=replace(move.target, url="https://mlflow.example/#/models/fraud-detector"))
    operation = replace(IN_DOUBT, plan=replace(IN_DOUBT.plan, aim=seen))
    shown = str(operations.operation(an_operation_view(operation)).blocks)
    assert "Look here" in shown
    assert "https://mlflow.example/#/models/fraud-detector" in shown
    strange = replace(seen, target=replace(seen.target, url="javascript:alert(1)"))
    operation = replace(IN_DOUBT, plan=replace(IN_DOUBT.plan, aim=strange))
    assert "javascript" not in str(operations.operation(an_operation_view(operation)).blocks)
