"""Values for the tests of the domain, and strategies that make many of them."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from bot.domain.alert import Alert, AlertStatus
from bot.domain.incident import Incident, Status
from bot.domain.models import Column, Evidence, ModelVersion, Observation, Signature, VersionStatus, compare_signatures
from bot.domain.operation import Operation, OperationState
from bot.domain.people import Person
from bot.domain.plan import Call, Check, CheckResult, Live, OperationKind, Plan, VersionMove
from bot.domain.routing import Assignment, Letter, Phase, Role, Route
from bot.domain.severity import Severity
from bot.domain.timeline import Actor, ActorKind

T0 = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)
DANA = Person("dana", "Dana Sutter", "U0DANA", "dana@example.com")
OMAR = Person("omar", "Omar Haddad", "U0OMAR")
MONITOR = Actor(ActorKind.SYSTEM, "alertmanager", "Alertmanager")

TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def alert(name: str = "ModelFeatureDrift", status: AlertStatus = AlertStatus.FIRING, **more: object) -> Alert:
    values: dict[str, object] = {"fingerprint": "f1", "starts_at": T0, **more}
    return Alert("alertmanager", "http://am", name=name, status=status, **values)  # type: ignore[arg-type]  # free keywords


def assignment(person: str, letter: Letter, role: Role = Role.ML_ENGINEER) -> Assignment:
    return Assignment(person, role, letter, f"{person} because")


def a_route(
    responsible: tuple[str, ...] = ("r1", "r2"),
    accountable: str | None = "acc",
    delegates: tuple[str, ...] = ("del",),
    consulted: tuple[str, ...] = ("c",),
    informed: tuple[str, ...] = ("i",),
) -> Route:
    return Route(
        Phase.DEPLOYMENT,
        "rule",
        "because",
        assignment(accountable, Letter.ACCOUNTABLE) if accountable else None,
        delegates,
        tuple(assignment(p, Letter.RESPONSIBLE) for p in responsible),
        tuple(assignment(p, Letter.CONSULTED) for p in consulted),
        tuple(assignment(p, Letter.INFORMED) for p in informed),
    )


def an_incident(status: Status = Status.OPEN, **more: object) -> Incident:
    values: dict[str, object] = {
        "number": 42, "title": "drift", "status": status, "severity": Severity.SEV2, "severity_why": "label", "route": a_route(),
        "model": "fraud-detector", "version": "3", "environment": "production", "feature": None, "subject_why": "label model",
        "source": "alertmanager", "opened_at": T0, "started_at": T0, **more,
    }  # fmt: skip
    return Incident(**values)  # type: ignore[arg-type]  # free keywords


def version(number: str = "2", **more: object) -> ModelVersion:
    return ModelVersion("fraud-detector", number, VersionStatus.READY, T0, **more)  # type: ignore[arg-type]  # free keywords


SIGNATURE = Signature((Column("amount", "double"),), (Column("score", "double"),))


def a_plan(**more: object) -> Plan:
    seen = Observation("3", Evidence.REGISTRY, T0, token="etag-1")
    values: dict[str, object] = {
        "kind": OperationKind.ROLLBACK, "model": "fraud-detector", "environment": "production", "now": Live("3", seen, None),
        "target": version("2"), "current": version("3"), "target_why": "live and healthy before",
        "checks": (Check("ready", CheckResult.PASS, "READY"),),
        "calls": (Call("mlflow", "POST", "http://mlflow/api", '{"alias": "champion", "version": "2"}'),),
        "signature_diff": compare_signatures(SIGNATURE, SIGNATURE), "propagation": "watch", "cannot": ("undo at once",),
        "undo": "move the alias back to 3", "made_at": T0, "expires_at": T0 + minutes(10), **more,
    }  # fmt: skip
    moved = {each.name: values.pop(each.name) for each in fields(VersionMove) if each.name in values}
    return Plan(**{"aim": VersionMove(**moved), **values})  # type: ignore[arg-type]  # free keywords


def an_operation(state: OperationState = OperationState.AWAITING_APPROVAL, **more: object) -> Operation:
    values: dict[str, object] = {
        "number": 17, "kind": OperationKind.ROLLBACK, "model": "fraud-detector", "environment": "production", "state": state,
        "plan": a_plan(), "route": a_route(), "requested_by": "r1", "requested_at": T0, "reason": "drift", "incident": 42, **more,
    }  # fmt: skip
    return Operation(**values)  # type: ignore[arg-type]  # free keywords
