"""What the callback of the README sends becomes alerts: a DAG has failed, until a run of it succeeds."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import Forged
from bot.kit.parsing import fingerprint_of, link, read
from bot.kit.signatures import fresh, hmac_sha256, same
from bot.ports.systems import Delivery
from integrations.airflow.session import SLUG
from integrations.airflow.wire import Callback

NAME = "PipelineFailed"
ERROR_LIMIT = 500


def verified(delivery: Delivery, secret: SecretStr | None) -> bool:
    """`sha256=` and HMAC-SHA256 over `<Unix seconds>.<body>`, not older than five minutes. Raises Forged."""
    if secret is None:
        return False
    seconds = delivery.headers.get("x-mlops-bot-timestamp", "")
    if not fresh(seconds, delivery.received_at):
        raise Forged("A callback's signed time is missing, or more than five minutes from ours.", system=SLUG)
    expected = "sha256=" + hmac_sha256(secret, f"{seconds}.".encode() + delivery.body).hex()
    if not same(delivery.headers.get("x-mlops-bot-signature", "").strip(), expected):
        raise Forged("A callback's signature does not fit webhook_secret.", system=SLUG)
    return True


def alerts(delivery: Delivery) -> Sequence[Alert]:
    """One alert. A task's callback and its DAG's tell of the same failure, so they have the same fingerprint."""
    told = read(Callback, delivery.body, SLUG)
    at = told.at or delivery.received_at
    failed = told.state == "failed"
    url = link(told.url)
    labels = {**told.labels, "pipeline": told.dag_id, "run": told.run_id, "task": told.task_id if failed else ""}
    return (
        Alert(
            source=SLUG,
            instance=_instance(url),
            fingerprint=fingerprint_of({"dag": told.dag_id}),
            name=NAME,
            status=AlertStatus.FIRING if failed else AlertStatus.RESOLVED,
            starts_at=at,
            ends_at=None if failed else at,
            labels={name: text for name, text in labels.items() if text},
            annotations={"summary": _summary(told)},
            url=url,
        ),
    )


def _summary(told: Callback) -> str:
    if told.state == "success":
        return f"Run {told.run_id} of {told.dag_id} succeeded"
    where = f" in task {told.task_id}" if told.task_id else ""
    why = " ".join(told.error.split())[:ERROR_LIMIT]
    return f"Run {told.run_id} of {told.dag_id} failed{where}{f': {why}' if why else ''}"


def _instance(url: str) -> str:
    """The Airflow that a link leads to; nothing where there is none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
