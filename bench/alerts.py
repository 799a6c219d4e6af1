"""Deliveries as Alertmanager makes them, of alerts that nobody has seen before."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

ENDLESS = "0001-01-01T00:00:00Z"


def model(problem: int) -> str:
    """What a problem is about."""
    return f"model-{problem:02}"


def body(
    problem: int,
    numbers: Iterable[int],
    *,
    severity: str = "warning",
    name: str = "ModelFeatureDrift",
    since: datetime | None = None,
    ended_at: datetime | None = None,
) -> bytes:
    """Alerts of one problem, each a number of its own; firing, unless they have ended."""
    begun = (since or datetime.now(UTC)).isoformat()
    status = "firing" if ended_at is None else "resolved"
    labels = {
        "alertname": name, "model_name": model(problem), "model_version": "3", "environment": "production",
        "severity": severity, "job": "model-monitor", "feature": "amount",
    }  # fmt: skip
    summary = f"A feature of {model(problem)} drifted away from what the model was trained on"
    alerts = [
        {
            "status": status, "labels": {**labels, "instance": f"node-{number}"}, "startsAt": begun,
            "annotations": {"summary": summary, "value": "0.31", "threshold": "0.2"},
            "endsAt": ENDLESS if ended_at is None else ended_at.isoformat(), "fingerprint": f"{number:016d}",
            "generatorURL": "http://prometheus.example:9090/graph?g0.expr=model_feature_psi+%3E+0.2&g0.tab=1",
        }
        for number in numbers
    ]  # fmt: skip
    return json.dumps(
        {
            "receiver": "mlops-bot", "status": status, "alerts": alerts, "groupLabels": {}, "commonLabels": {},
            "commonAnnotations": {}, "externalURL": "http://alertmanager.example:9093", "version": "4",
            "groupKey": f"{{}}:{{{name} {model(problem)}}}", "truncatedAlerts": 0,
        }
    ).encode()  # fmt: skip
