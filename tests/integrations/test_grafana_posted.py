"""Grafana's messages in a channel. Grafana can't run here: what it posts is written as its templates would.

The shipped template is run by the real Go engine of Alertmanager in `tests/slack/test_adopt_alertmanager.py`, but for what
only Grafana's alerts have; here is what that part becomes.
"""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

from bot.domain.alert import Alert, AlertStatus, LabelMapping, subject_of
from bot.kit.told import MARK
from bot.ports.messages import ChannelMessage, MessagePart
from integrations.grafana.adapter import Grafana
from integrations.grafana.manifest import Settings
from integrations.grafana.messages import ALERTS
from tests.integrations.deliveries import NOW, load
from tests.integrations.posted import told

SOURCE = Grafana(Settings())


def line(alert: dict[str, Any]) -> str:
    """What `slack.tmpl` writes of one alert of a delivery."""
    fields = {
        "f": alert["fingerprint"], "s": alert["status"], "t": alert["startsAt"],
        **({"e": alert["endsAt"]} if alert["status"] == "resolved" else {}), "g": alert["generatorURL"],
        **{f"l.{name}": value for name, value in sorted(alert["labels"].items())},
        **{f"a.{name}": value for name, value in sorted(alert["annotations"].items())},
        **{f"v.{name}": f"{value:g}" for name, value in sorted((alert.get("values") or {}).items())},
        **{f"a.{ours}": alert[theirs] for ours, theirs in (
            ("value_string", "valueString"), ("dashboard_url", "dashboardURL"), ("panel_url", "panelURL"),
        ) if alert.get(theirs)},
    }  # fmt: skip
    return f"`{MARK} {' '.join(f'{quote_plus(name)}={quote_plus(value)}' for name, value in fields.items())} .`"


def test_our_template_tells_what_the_delivery_tells() -> None:
    """But for the link that silences, which is long."""
    for name in ("own_drift_firing", "own_drift_resolved"):
        request = load("grafana", name)
        sent = json.loads(request.body)
        text = "• firing: something\n" + "\n".join(map(line, sent["alerts"]))
        footer = f"{MARK} n={len(sent['alerts'])} am={quote_plus(sent['externalURL'])}"
        part = {"title": "[FIRING:1] X", "text": text, "footer": footer, "color": "#D63232"}
        found = SOURCE.told_by(told({"attachments": [part]}))
        assert [plain(alert) for alert in found.alerts] == [plain(alert) for alert in SOURCE.alerts(request)], name
        assert found.alerts[0].reading is not None


def plain(alert: Alert) -> Alert:
    annotations = {name: text for name, text in alert.annotations.items() if name not in {"silence_url", "image_url"}}
    return replace(alert, annotations=annotations)


DEFAULT = """**Firing**

Value: B=0.31, C=1
Labels:
 - alertname = FeatureDrift
 - grafana_folder = ml models
 - model_name = fraud-detector
Annotations:
 - summary = drift = bad
Source: <http://grafana.example/alerting/grafana/abc/view?orgId=1>
Silence: <http://grafana.example/alerting/silence/new?alertmanager=grafana>


**Resolved**

Value: [no value]
Labels:
 - alertname = FeatureDrift
 - model_name = churn
Annotations:
"""


def a_part(**more: str) -> MessagePart:
    values = {"title": "[FIRING:1, RESOLVED:1] FeatureDrift ml models (…)", "text": DEFAULT, "color": "d63232", **more}
    return MessagePart(link="http://grafana.example/alerting/list", footer="Grafana v12.1.0", **values)


def a_message(*parts: MessagePart) -> ChannelMessage:
    return ChannelMessage("C0", "1796060000.000100", "B0GRAFANA", NOW, "https://ml.slack.example/m", parts)


def test_its_own_message_lists_alerts_with_labels() -> None:
    found = SOURCE.told_by(told({"attachments": [{"title": "[FIRING:1] X", "text": DEFAULT}]}))
    assert found.alerts == ()
    fired, ended = (alert for _, alert in found.hearsay)
    assert (fired.status, ended.status) == (AlertStatus.FIRING, AlertStatus.RESOLVED)
    assert fired.labels == {
        "alertname": "FeatureDrift", "grafana_folder": "ml models", "model_name": "fraud-detector",
    }  # fmt: skip
    assert (fired.summary, fired.annotations["rule_url"]) == (
        "drift = bad", "http://grafana.example/alerting/grafana/abc/view?orgId=1",
    )  # fmt: skip
    assert subject_of(fired, LabelMapping(), ("fraud-detector", "churn")).why == "label model_name"
    assert fired.low_fidelity
    assert ended.low_fidelity


def test_an_alert_is_meant_when_its_labels_are_those() -> None:
    (words, alert), _ = SOURCE.told_by(a_message(a_part())).hearsay
    listed = Alert(
        "grafana", "http://grafana.example", "f", "FeatureDrift", AlertStatus.FIRING, NOW, labels=alert.labels
    )
    assert SOURCE.is_told(words, listed)
    assert not SOURCE.is_told(words, replace(listed, labels={**alert.labels, "pod": "a"}))


def test_without_lists_the_title_has_to_do() -> None:
    ((words, alert),) = SOURCE.told_by(a_message(a_part(text="somebody's own words"))).hearsay
    assert (words.group, words.labels) == ("FeatureDrift ml models", {})
    assert (alert.name, alert.instance) == ("FeatureDrift", "http://grafana.example")


def test_more_than_anybody_reads() -> None:
    many = "**Firing**\n" + "".join(f"Labels:\n - alertname = A{place}\nAnnotations:\n" for place in range(900))
    assert len(SOURCE.told_by(a_message(a_part(text=many))).hearsay) == ALERTS
