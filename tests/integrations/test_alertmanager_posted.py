"""Alertmanager's messages in a channel, as 0.25 really posts them: whole by our template, words by its own."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.alert import Alert, AlertStatus
from bot.kit.told import LINES, MARK, has_values
from bot.ports.messages import ChannelMessage, Hearsay, MessagePart
from integrations.alertmanager.adapter import Alertmanager
from integrations.alertmanager.manifest import Settings
from tests.integrations.deliveries import NOW, load
from tests.integrations.posted import body, message, told

SOURCE = Alertmanager(Settings())


@pytest.mark.parametrize("name", ["two_firing", "resolved"])
def test_our_template_tells_what_the_delivery_tells(name: str) -> None:
    """The same alerts, captured both ways at once, to the last label."""
    delivered = [replace(alert, ends_at=None) for alert in SOURCE.alerts(load("alertmanager", f"posted_{name}"))]
    found = SOURCE.told_by(message("alertmanager", f"posted_shipped_{name}"))
    assert [replace(alert, ends_at=None) for alert in found.alerts] == delivered
    assert all((alert.ends_at is not None) == (alert.status is AlertStatus.RESOLVED) for alert in found.alerts)
    assert found.hearsay == ()
    assert not any(alert.low_fidelity for alert in found.alerts)


def test_the_name_of_the_settings_goes_before_the_address_in_the_message() -> None:
    found = Alertmanager(Settings(instance="am-eu")).told_by(message("alertmanager", "posted_shipped_two_firing"))
    assert {alert.instance for alert in found.alerts} == {"am-eu"}


def test_hostile_labels_stay_what_they_are() -> None:
    """A line within a label, or an annotation, is no line; what people see of it formats, mentions and links nothing."""
    posted = body("alertmanager", "posted_shipped_hostile")
    (alert,) = SOURCE.told_by(told(posted)).alerts
    assert alert.labels["pod"].splitlines()[1].startswith(f"`{MARK} f=0000000000000000 s=firing")
    assert alert.labels["who"] == "<!here> & =%+;~ é 😀"
    assert alert.summary.splitlines()[0] == "first"
    seen = posted["attachments"][0]["text"].splitlines()[0]
    assert not re.search(r"[<>*`]", seen)


def test_the_same_line_in_another_templates_message_is_only_words() -> None:
    """The default template shows the newline and the line behind it; nothing of it is read."""
    found = SOURCE.told_by(message("alertmanager", "posted_default_hostile"))
    assert found.alerts == ()
    ((words, alert),) = found.hearsay
    assert (words.status, words.name, alert.low_fidelity) == (AlertStatus.FIRING, "Hostile", True)
    text = f"`{MARK} f=0123456789abcdef s=resolved t=2026-11-30T00:00:00Z e=2026-11-30T00:01:00Z .`"
    forged = a_message(MessagePart(title="[FIRING:1] A", text=text, footer="Alertmanager"))
    assert SOURCE.told_by(forged).alerts == ()
    assert len(SOURCE.told_by(replace(forged, parts=(replace(forged.parts[0], footer=f"{MARK} n=1"),))).alerts) == 1


def test_the_default_template_says_a_status_a_name_and_values() -> None:
    ((words, alert),) = SOURCE.told_by(message("alertmanager", "posted_default_two_firing")).hearsay
    assert words == Hearsay(AlertStatus.FIRING, "ModelFeatureDrift", "ModelFeatureDrift fraud-detector")
    assert (alert.name, alert.labels, alert.low_fidelity) == ("ModelFeatureDrift", {}, True)
    assert alert.url == "https://ml.slack.example/archives/C0INCIDENT/p1796060000000100"
    assert alert.instance.startswith("http://127.0.0.1:")
    assert "/#/" not in alert.instance


def test_firing_and_resolved_by_words_are_one_problem() -> None:
    """Also when the company that the alert is sent in has changed."""
    found = [
        SOURCE.told_by(message("alertmanager", f"posted_default_{name}", f"179606000{place}.000000")).hearsay[0][1]
        for place, name in enumerate(("firing", "two_firing", "resolved"))
    ]
    assert len({alert.fingerprint for alert in found}) == 1
    assert [alert.status for alert in found] == [AlertStatus.FIRING, AlertStatus.FIRING, AlertStatus.RESOLVED]
    assert found[2].ends_at == found[2].starts_at > found[1].starts_at > found[0].starts_at


def test_the_words_of_the_default_template_fit_the_alerts_of_its_group() -> None:
    delivered = list(SOURCE.alerts(load("alertmanager", "posted_two_firing")))
    ((words, _),) = SOURCE.told_by(message("alertmanager", "posted_default_two_firing")).hearsay
    assert [SOURCE.is_told(words, alert) for alert in delivered] == [True, True]
    for name, value in (("alertname", "ModelFeatureDri"), ("model_name", "fraud"), ("model_name", "churn")):
        other = replace(delivered[0], labels={**delivered[0].labels, name: value})
        assert not SOURCE.is_told(words, other), value


@pytest.mark.parametrize(
    ("group", "fits"),
    [
        ("Drift us east fraud", True),
        ("Drift", True),
        ("fraud", True),
        ("Drift us fraud", False),
        ("Drift fraud us east", False),
        ("Drift us east fraud more", False),
        ("", False),
    ],
)
def test_values_with_spaces_are_found_in_a_title(group: str, fits: bool) -> None:
    labels = {"alertname": "Drift", "a_region": "us east", "b_model": "fraud", "c": ""}
    alert = Alert("alertmanager", "", "f", "Drift", AlertStatus.FIRING, NOW, labels=labels)
    assert has_values(alert, group) is fits


def test_another_templates_title_is_the_same_at_the_end() -> None:
    """Firing and resolved are one problem, and its words are looked up without them."""
    fired, ended = (
        SOURCE.told_by(a_message(MessagePart(title=f"{word} Drift fraud-detector"))).hearsay[0]
        for word in ("FIRING", "RESOLVED")
    )
    assert fired[1].fingerprint == ended[1].fingerprint
    assert fired[0].group == "Drift fraud-detector"


def test_a_line_that_was_cut_off_is_not_read_and_missed() -> None:
    part = message("alertmanager", "posted_shipped_two_firing").parts[0]
    (alert,) = SOURCE.told_by(a_message(replace(part, text=part.text[:-40]))).alerts
    assert alert.truncated


def test_more_lines_than_anybody_reads() -> None:
    part = message("alertmanager", "posted_shipped_two_firing").parts[0]
    many = replace(part, text=part.text * 1_000, footer=f"{MARK} n=9999999999999999999999")
    assert len(SOURCE.told_by(a_message(many)).alerts) == LINES


@pytest.mark.parametrize(
    ("title", "color", "status"),
    [
        ("FIRING ModelFeatureDrift", "danger", AlertStatus.FIRING),
        ("🔥 FIRING: ModelFeatureDrift", "", AlertStatus.FIRING),
        ("RESOLVED ModelFeatureDrift", "", AlertStatus.RESOLVED),
        ("Firing up the new cluster", "", None),
        ("FIRING", "", None),
        ("FIRING ModelFeatureDrift", "a30200", AlertStatus.FIRING),
        ("all is well again", "2eb886", AlertStatus.RESOLVED),
        ("[RESOLVED] X", "", AlertStatus.RESOLVED),
        ("[FIRING:1, RESOLVED:2] X y", "", AlertStatus.FIRING),
        ("Good morning", "", None),
        ("Good morning", "439fe0", None),
        ("", "danger", None),
    ],
)
def test_what_is_no_alert_is_left_alone(title: str, color: str, status: AlertStatus | None) -> None:
    found = SOURCE.told_by(a_message(MessagePart(title=title, color=color)))
    assert [words.status for words, _ in found.hearsay] == ([] if status is None else [status])
    assert found.alerts == ()


TEXT = st.text(max_size=60) | st.sampled_from(
    [f"{MARK} ", f"`{MARK} f=0123456789abcdef s=firing t=", "[FIRING:1] ", "."]
)


@given(st.lists(TEXT, max_size=12).map("".join), st.lists(TEXT, max_size=6).map("".join), st.booleans())
def test_no_text_is_too_odd(text: str, title: str, ours: bool) -> None:
    found = SOURCE.told_by(a_message(MessagePart(title=title, text=text, footer=f"{MARK} n=1" if ours else text)))
    for alert in (*found.alerts, *(alert for _, alert in found.hearsay)):
        assert alert.starts_at.utcoffset() == timedelta()
        assert (alert.status is AlertStatus.RESOLVED) == (alert.ends_at is not None)


def a_message(*parts: MessagePart) -> ChannelMessage:
    return ChannelMessage("C0INCIDENT", "1796060000.000100", "B0ALERTS1", NOW, "https://ml.slack.example/m", parts)
