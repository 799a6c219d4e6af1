"""What is shown in the main states, made of fixed values: for golden files, and to change one thing at a time."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.alert import Alert, AlertStatus, Direction, Drift, DriftKind, FeatureDrift, Reading
from bot.domain.incident import Incident, Status
from bot.domain.models import Change, Evidence, Observation, PipelineRef, Pointer, Target
from bot.domain.operation import Operation, OperationState, RunProgress, Stage, TaskProgress, TaskStatus, Watch
from bot.domain.plan import (
    Aim,
    Call,
    Check,
    CheckResult,
    Live,
    MirrorMove,
    OperationKind,
    Plan,
    Switch,
    TrafficMove,
    TrainingRun,
    VersionMove,
)
from bot.domain.post import Backlog, Lane, Post, PostKind
from bot.domain.routing import NO_RULE, Phase, PhaseChoice
from bot.domain.severity import Severity
from bot.slack.blocks import card as cards
from bot.slack.blocks import declare
from bot.slack.blocks import operation as operations
from bot.slack.blocks import storm as storms
from bot.slack.blocks.home import home
from bot.slack.blocks.message import Message
from bot.slack.blocks.replies import reply_message
from bot.usecases.reply import (
    Attachment,
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
)
from bot.usecases.setup import Setup
from bot.usecases.storm import Storm, StormLine, StormView
from bot.usecases.views import IncidentView, Named, OperationView, named
from tests.fakes.systems import model_version
from tests.usecases.world import DEVI, FRAUD, MIKA, a_setup

NOW = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)
SETUP: Setup = a_setup()
LINK = "https://example.slack.com/archives/C0INCIDENT/p1700000000000100"


def card_at(number: int) -> str:
    """The first two cards are there."""
    return f"https://example.slack.com/archives/C0INCIDENT/p170000000000{number:04}" if number <= 2 else ""


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


# ---------------------------------------------------------------- incidents


def an_incident(status: Status = Status.OPEN, phase: Phase = Phase.DEPLOYMENT, **more: object) -> Incident:
    route = SETUP.route_for(PhaseChoice(phase, "deployment", "“ErrorRate” in ModelErrorRateHigh"), FRAUD)
    values: dict[str, Any] = {
        "number": 42, "title": f"ModelErrorRateHigh on {FRAUD}", "status": status, "severity": Severity.SEV2,
        "severity_why": "label severity=high", "route": route, "model": FRAUD, "version": "3",
        "environment": "production", "feature": None, "subject_why": "label model", "source": "alertmanager",
        "opened_at": NOW - minutes(1), "started_at": NOW - minutes(2), "reading": Reading("error ratio", 0.31, 0.05),
        "summary": "31 % of the requests of the last 5 minutes failed", "runbook": "bad-deploy", "alerts_firing": 1,
        "alerts_seen": 1, **more,
    }  # fmt: skip
    return Incident(**values)


def an_incident_view(incident: Incident | None = None, setup: Setup = SETUP, **more: object) -> IncidentView:
    incident = incident or an_incident()
    route = incident.route
    values: dict[str, Any] = {
        "incident": incident, "now": NOW,
        "accountable": named(setup, route.accountable, route.phase) if route.accountable else None,
        "responsible": tuple(named(setup, a, route.phase) for a in route.responsible),
        "acknowledged_by": setup.name(incident.acknowledged_by) if incident.acknowledged_by else "",
        "assignee": setup.name(incident.assignee) if incident.assignee else "", "alerts": (),
        "changes": (Change(FRAUD, "promotion", "version 3 promoted", NOW - minutes(42), "Mika Laine", "3"),),
        "runbook": next(r for r in setup.runbooks if r.slug == "bad-deploy"), "operations": (),
        "consulted": tuple(named(setup, a, route.phase) for a in route.consulted),
        "can_roll_back": True, "can_retrain": False, **more,
    }  # fmt: skip
    return IncidentView(**values)


def acknowledged(**more: object) -> Incident:
    return an_incident(Status.ACKNOWLEDGED, acknowledged_by="mika", assignee="mika", acknowledged_at=NOW, **more)


def resolved(**more: object) -> Incident:
    values: dict[str, object] = {
        "acknowledged_by": "mika", "assignee": "mika", "resolved_at": NOW + minutes(21), "alerts_firing": 0, **more,
    }  # fmt: skip
    return an_incident(Status.RESOLVED, **values)


def many(count: int = 6, cards: int = 0, **more: object) -> StormView:
    """So many problems at once, a severity after the other; the first of them have their card."""
    posted = Post("card", PostKind.CARD, 1, "#ml-incidents", Lane.NEW_INCIDENT, channel_id="C0INCIDENT", ts="17.1")
    lines = tuple(
        StormLine(
            an_incident(
                number=place + 1, severity=list(Severity)[place * 4 // count], title=f"ModelErrorRateHigh on model-{place}",
                alerts_seen=place * 7 + 1, alerts_firing=place * 6 + 1,
            ),
            posted if place < cards else None,
            "",
        )
        for place in range(count)
    )  # fmt: skip
    values: dict[str, Any] = {
        "storm": Storm(NOW, closed=cards == count), "lines": lines, "paged": False, **more,
    }  # fmt: skip
    return StormView(**values)


def meanwhile() -> StormView:
    """What happened while Slack was away: one is over, one somebody has."""
    lines = (
        StormLine(acknowledged(number=8), None, "Mika Laine"),
        StormLine(resolved(number=7, severity=Severity.SEV1, alerts_seen=512), None, ""),
    )
    waits = Backlog(12, NOW)
    return many(lines=lines, storm=Storm(NOW, told=NOW + minutes(12)), backlog=waits)


def drift_alert() -> Alert:
    features = tuple(FeatureDrift(name, score, 0.2, score > 0.2) for name, score in
                     (("amount", 0.41), ("country", 0.33), ("hour", 0.29), ("device", 0.22), ("age", 0.01)))  # fmt: skip
    drift = Drift(DriftKind.DATA, "psi", 0.31, 0.2, Direction.ABOVE, features, 120_000)
    return Alert("cloudevents", "", "f", "data drift", AlertStatus.FIRING, NOW, drift=drift)


# ---------------------------------------------------------------- operations


def a_plan(**more: object) -> Plan:
    current, target = (model_version(FRAUD, number, NOW, auc=auc) for number, auc in (("3", 0.94), ("2", 0.93)))
    values: dict[str, Any] = {
        "kind": OperationKind.ROLLBACK, "model": FRAUD, "environment": "production",
        "now": Live("3", Observation("3", Evidence.REGISTRY, NOW), Observation("3", Evidence.ANSWER, NOW)),
        "target": target, "current": current,
        "target_why": "the version before: live from 2026-10-14 03:10 to 2026-11-23 02:28 UTC (39 d 23 h); "
        "no incident is known about it (ledger)",
        "checks": (
            Check("version is ready", CheckResult.PASS, "the registry says ready"),
            Check("artefact is there", CheckResult.PASS, "its description was fetched just now"),
            Check("was live before", CheckResult.PASS, "live from 2026-10-14 to 2026-11-23"),
            Check("callers can use it unchanged", CheckResult.PASS, "same inputs and outputs"),
            Check("serving: fraud", CheckResult.WARN, "it answers with version 2, the registry points at 3"),
        ),
        "calls": (Call("mlflow", "POST", "http://mlflow.example/api/2.0/mlflow/registered-models/alias",
                       '{"name": "fraud-detector", "alias": "champion", "version": "2"}'),),
        "signature_diff": None, "propagation": "watch",
        "cannot": ("MLflow has no compare-and-set: a change by somebody else in the same instant can't be noticed.",),
        "undo": "The same way back: champion → version 3.", "made_at": NOW, "expires_at": NOW + minutes(10), **more,
    }  # fmt: skip
    moved = {each.name: values.pop(each.name) for each in fields(VersionMove) if each.name in values}
    return Plan(**{"aim": VersionMove(**moved), **values})


def an_operation(state: OperationState = OperationState.AWAITING_APPROVAL, **more: object) -> Operation:
    route = SETUP.route_for(PhaseChoice(Phase.DEPLOYMENT, "operation", "a rollback belongs to Deployment"), FRAUD)
    values: dict[str, Any] = {
        "number": 17, "kind": OperationKind.ROLLBACK, "model": FRAUD, "environment": "production", "state": state,
        "plan": a_plan(), "route": route, "requested_by": "mika", "requested_at": NOW,
        "reason": f"INC-42: ModelErrorRateHigh on {FRAUD}", "incident": 42, **more,
    }  # fmt: skip
    return Operation(**values)


def an_operation_view(operation: Operation | None = None, **more: object) -> OperationView:
    operation = operation or an_operation()
    values: dict[str, Any] = {
        "operation": operation, "now": NOW, "requester": MIKA,
        "decided_by": SETUP.name(operation.decided_by) if operation.decided_by else "",
        "approvers": (Named(DEVI, "DevOps/MLOps engineer is Accountable for Deployment (raci.yaml:47)"),),
        "incident": an_incident(), **more,
    }  # fmt: skip
    return OperationView(**values)


def decided(state: OperationState, **more: object) -> Operation:
    return an_operation(state, decided_by="devi", decided_at=NOW + minutes(1), **more)


SUCCEEDED = decided(
    OperationState.SUCCEEDED, stage=Stage.SERVING_CONFIRMED, outcome="Serving confirmed: version 2 answers.",
    finished_at=NOW + minutes(2),
)  # fmt: skip
IN_DOUBT = decided(
    OperationState.IN_DOUBT,
    outcome="In doubt: moving alias champion of fraud-detector in mlflow from version 3 to version 2: sent, not "
    "confirmed, and not seen.",
)
MIRRORED = a_plan(
    mirrors=(
        MirrorMove(Pointer("mlflow", FRAUD, "published"), Observation("3", Evidence.REGISTRY, NOW), "2"),
        MirrorMove(Pointer("wandb", "fraud-audited", "live"), Observation("v30", Evidence.REGISTRY, NOW), "v20"),
    ),
    undo="The same way back: champion → version 3, published → version 3, live → version v30.",
)
PARTLY = decided(
    OperationState.PARTLY, stage=Stage.SERVING_CONFIRMED, plan=MIRRORED, finished_at=NOW + minutes(3),
    outcome="Serving confirmed: version 2 answers. Alias live of fraud-audited in wandb is still at version v30: W&B does "
    f"not answer. Nothing was sent. Once that is mended: /mlops rollback {FRAUD} --to 2 moves what is behind.",
)  # fmt: skip
INCONCLUSIVE = decided(
    OperationState.INCONCLUSIVE, stage=Stage.REGISTRY_CHANGED, finished_at=NOW + minutes(3),
    outcome="The registry was changed; that version 2 serves is not confirmed: fraud answers with version 3.",
)  # fmt: skip


WATCHING = replace(
    SUCCEEDED, state=OperationState.WATCHING, finished_at=None,
    watch=Watch(NOW + minutes(2), NOW + minutes(12), 1, "error_ratio", "prometheus", 0.31, 0.12),
    outcome="Serving confirmed: version 2 answers. It is watched until 03:22 UTC (1 alert still firing).",
)  # fmt: skip
NOT_RECOVERED = replace(
    WATCHING, state=OperationState.NOT_RECOVERED, finished_at=NOW + minutes(12),
    outcome="Serving confirmed: version 2 answers. Not recovered: 1 alert still firing after 10 min.",
)  # fmt: skip
GLASS = replace(SUCCEEDED, break_glass=True, decided_by="mika", decision_reason="payments fail and nobody answers")


# ---------------------------------------------------------------- trainings, traffic, schedules

TASKS = (
    TaskProgress("prepare", TaskStatus.COMPLETE, "2 min"), TaskProgress("train", TaskStatus.IN_PROGRESS),
    TaskProgress("evaluate", TaskStatus.PENDING),
)  # fmt: skip
RUN = RunProgress("mlops-bot-op-17-931d6ebc", "https://airflow.example/runs/1", TASKS, 3)
PIPELINE = PipelineRef("airflow", "retrain_fraud")


def a_training(state: OperationState = OperationState.AWAITING_APPROVAL, **more: object) -> Operation:
    champion = model_version(FRAUD, "3", NOW, auc=0.94)
    aim = TrainingRun(
        PIPELINE, (("mode", "quick"), ("epochs", 5), ("end", "2026-11-23T03:08:00.000Z")), champion, "3", "challenger",
        "https://airflow.example/dags/retrain_fraud",
    )  # fmt: skip
    plan = replace(a_plan(), kind=OperationKind.RETRAIN, aim=aim, undo="Nothing serves what it yields.", cannot=())
    return replace(an_operation(state), kind=OperationKind.RETRAIN, plan=plan, **more)  # type: ignore[arg-type]  # free keywords


def another(kind: OperationKind, aim: Aim) -> Operation:
    return replace(an_operation(), kind=kind, plan=replace(a_plan(), kind=kind, aim=aim))


# ---------------------------------------------------------------- replies

EVERYTHING = Reply(
    "Everything that a reply can hold",
    Tone.INFO,
    (
        Heading("A heading"), Paragraph("A paragraph\nof two lines"), Facts((("Name", "value"), ("Other", "thing"))),
        Bullets(("first", "second")), Bullets(("one", "two"), ordered=True),
        Table(("Id", "What"), (("OP-1", "rollback"), ("OP-2", "rollback"))), Code("/mlops help"),
        Link("Its page", "https://example.com/INC-42"), Mentions("Who may:", ("devi", "dana")),
        Buttons((Button("Approve", "operation.approve", "OP-17", "primary", "Sure?"),)),
        Attachment("INC-42.md", "text/markdown", "# INC-42"),
    ),
)  # fmt: skip
REFUSED = Reply(
    "OP-17 was not approved.", Tone.REFUSED,
    (Paragraph("You asked for it, so somebody else must approve it."), Paragraph("Nothing was changed."),
     Mentions("Who may:", ("devi",))),
)  # fmt: skip


# ---------------------------------------------------------------- all of them

MESSAGES: Mapping[str, Callable[[], Message]] = {
    "card_open": lambda: cards.card(an_incident_view()),
    "card_acknowledged": lambda: cards.card(an_incident_view(acknowledged(), operations=(an_operation(),))),
    "card_mitigated": lambda: cards.card(
        an_incident_view(replace(acknowledged(), status=Status.MITIGATED), operations=(SUCCEEDED,))
    ),
    "card_resolved": lambda: cards.card(an_incident_view(resolved(), operations=(SUCCEEDED,))),
    "card_unconfirmed": lambda: cards.card(an_incident_view(resolved(confirmed=False))),
    "card_drift": lambda: cards.card(
        an_incident_view(
            an_incident(
                phase=Phase.RETRAINING,
                title=f"data drift on {FRAUD}",
                feature="amount",
                reading=Reading("psi", 0.31, 0.2),
                source="cloudevents",
            ),
            alerts=(drift_alert(),),
        )
    ),
    "card_unknown_model": lambda: cards.card(
        an_incident_view(
            an_incident(
                model=None,
                version=None,
                environment=None,
                reading=None,
                runbook=None,
                title="Odd (unknown model)",
                subject_why="none of the labels model, model_name names one",
                route=SETUP.route_for(PhaseChoice(Phase.MONITORING, NO_RULE, "no routing rule matched"), None),
            ),
            changes=(),
            runbook=None,
            can_roll_back=False,
        )
    ),
    "card_nobody": lambda: cards.card(
        an_incident_view(
            replace(an_incident(), route=replace(an_incident().route, accountable=None, responsible=(), delegates=())),
            accountable=None,
            responsible=(),
            changes=(),
        )
    ),
    "card_user_group": lambda: cards.card(
        an_incident_view(
            setup=replace(SETUP, user_groups=dict.fromkeys(SETUP.roster.fillings["default"], "S0MLONCALL"))
        )
    ),
    "page": lambda: cards.page(an_incident_view(), "ML engineer is Responsible for Deployment (raci.yaml:47)", LINK),
    "page_late": lambda: cards.page(an_incident_view(acknowledged()), "ML engineer is Responsible", LINK),
    "summary": lambda: cards.summary(an_incident_view(resolved(), operations=(SUCCEEDED,)), LINK),
    "operation_plan": lambda: operations.operation(an_operation_view()),
    "operation_plan_mirrored": lambda: operations.operation(an_operation_view(an_operation(plan=MIRRORED))),
    "operation_partly": lambda: operations.operation(an_operation_view(PARTLY, can_undo=True)),
    "operation_nobody": lambda: operations.operation(an_operation_view(approvers=())),
    "operation_executing": lambda: operations.operation(an_operation_view(decided(OperationState.EXECUTING))),
    "operation_succeeded": lambda: operations.operation(an_operation_view(SUCCEEDED)),
    "operation_in_doubt": lambda: operations.operation(an_operation_view(IN_DOUBT)),
    "operation_not_confirmed": lambda: operations.operation(an_operation_view(INCONCLUSIVE)),
    "operation_rejected": lambda: operations.operation(
        an_operation_view(
            decided(
                OperationState.REJECTED,
                outcome="Rejected by Devi Rao. Nothing was changed.",
                decision_reason="look at the feature store first",
            )
        )
    ),
    "operation_watching": lambda: operations.operation(an_operation_view(WATCHING, can_undo=True)),
    "operation_not_recovered": lambda: operations.operation(an_operation_view(NOT_RECOVERED, can_undo=True)),
    "operation_break_glass": lambda: operations.operation(an_operation_view(GLASS)),
    "training_plan": lambda: operations.operation(an_operation_view(a_training())),
    "training_running": lambda: operations.operation(
        an_operation_view(
            a_training(
                OperationState.RUNNING, run=RUN, stage=Stage.RUN_STARTED, outcome=f"{RUN.id} is running, 1 of 3 tasks."
            )
        )
    ),
    "training_challenger": lambda: operations.operation(
        an_operation_view(
            a_training(
                OperationState.SUCCEEDED,
                run=RUN,
                stage=Stage.CHALLENGER,
                finished_at=NOW + minutes(30),
                result=model_version(FRAUD, "4", NOW + minutes(29), auc=0.96),
                outcome="Version 4 is the challenger: auc 0.96 (champion 0.94). Nobody is served by it.",
            )
        )
    ),
    "traffic_plan": lambda: operations.operation(
        an_operation_view(
            another(
                OperationKind.SHIFT_TRAFFIC,
                TrafficMove(Target("kserve", "ml/fraud"), "4", 10, (("4", 0), ("3", 100)), "77"),
            )
        )
    ),
    "switch_plan": lambda: operations.operation(
        an_operation_view(another(OperationKind.PAUSE_PIPELINE, Switch(PIPELINE, paused=True)))
    ),
    "card_watched": lambda: cards.card(
        an_incident_view(replace(acknowledged(), status=Status.MITIGATED), operations=(WATCHING,), can_retrain=True)
    ),
    "storm_begins": lambda: storms.storm(many(), card_at),
    "storm_goes_on": lambda: storms.storm(many(cards=2), card_at),
    "storm_is_over": lambda: storms.storm(many(cards=6), card_at),
    "storm_of_sixty": lambda: storms.storm(many(60), card_at),
    "storm_told_late": lambda: storms.storm(meanwhile(), card_at),
    "storm_pages": lambda: storms.storm(
        many(
            lines=(*many(3).lines, StormLine(acknowledged(number=9), None, "Mika Laine")),
            paged=True,
        ),
        card_at,
    ),
    "ask": lambda: operations.ask(an_operation_view(), LINK),
    "reply_everything": lambda: reply_message(EVERYTHING, SETUP),
    "reply_refused": lambda: reply_message(REFUSED, SETUP),
}
VIEWS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "home_quiet": lambda: home((), ()),
    "home_behind": lambda: home((an_incident(),), (), Backlog(12, NOW)),
    "home_busy": lambda: home((an_incident(), acknowledged(number=43)), (an_operation(),)),
    "declare": lambda: declare.modal(list(SETUP.models), "{}"),
    "declare_with_title": lambda: declare.modal([], "{}", "Checkout is slow"),
}
