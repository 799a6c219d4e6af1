"""An operation's message: first the plan to be approved as it is, then where it stands, then what is true now."""

from collections.abc import Mapping

from bot.domain.models import ModelVersion, Propagation
from bot.domain.operation import Operation, OperationState, TaskProgress, course
from bot.domain.plan import CheckResult, TrainingRun, VersionMove, look_at
from bot.slack.blocks import elements as buttons
from bot.slack.blocks.message import Block, Message
from bot.slack.blocks.text import (
    Element,
    bullets,
    clean,
    context,
    escaped,
    header,
    link,
    mention,
    moment,
    preformatted,
    rich,
    section,
    text,
)
from bot.usecases.reply import Button
from bot.usecases.views import OperationView

_MARKS: Mapping[CheckResult, str] = {
    CheckResult.PASS: "✓ pass", CheckResult.WARN: "! mind", CheckResult.BLOCK: "✗ forbids it",
}  # fmt: skip
_FACES: Mapping[OperationState, str] = {
    OperationState.AWAITING_APPROVAL: "⏳", OperationState.APPROVED: "▶️", OperationState.EXECUTING: "▶️",
    OperationState.VERIFYING: "🔎", OperationState.WATCHING: "🔎", OperationState.SUCCEEDED: "✅",
    OperationState.RUNNING: "▶️", OperationState.NOT_RECOVERED: "⚠️", OperationState.PARTLY: "⚠️",
    OperationState.REJECTED: "🚫", OperationState.EXPIRED: "⌛", OperationState.CANCELLED: "🚫",
    OperationState.STALE: "⚠️", OperationState.IN_DOUBT: "⚠️", OperationState.INCONCLUSIVE: "⚠️",
    OperationState.FAILED: "❌", OperationState.UNDOING: "↩️", OperationState.UNDONE: "↩️",
}  # fmt: skip
_NEVER_BEGUN = {OperationState.REJECTED, OperationState.EXPIRED, OperationState.CANCELLED}
_FOLLOWS: Mapping[str, str] = {
    Propagation.WATCH.value: "serving follows the registry by itself",
    Propagation.RESTART.value: "a person restarts what serves",
    Propagation.REDEPLOY.value: "what serves is told the version",
    Propagation.NONE.value: "nothing that serves it is known",
}
_WORTH_UNDOING = {
    OperationState.NOT_RECOVERED, OperationState.INCONCLUSIVE, OperationState.WATCHING, OperationState.PARTLY,
}  # fmt: skip
"""Where a button for the way back is of use; after a success it is a command: /mlops undo OP."""
METRICS_SHOWN = 6
PARAMETERS_SHOWN = 15
TASKS_SHOWN = 20
CANNOT_SHOWN = 8


def operation(view: OperationView) -> Message:
    """The message in the incident's thread."""
    op = view.operation
    blocks: list[Block] = [header(_headline(op)), rich(section(*_state(view)))]
    if op.state is OperationState.AWAITING_APPROVAL:
        blocks += _plan(view)
        blocks.append(_decisions(view, Button("Cancel", buttons.CANCEL, op.ref)))
    else:
        blocks += _course(view)
    blocks.append(_small_print(view))
    return Message(escaped(f"{_headline(op)}: {op.state.value}", 300), tuple(blocks))


def ask(view: OperationView, card_link: str) -> Message:
    """A direct message to somebody who may approve it: the same plan, and where people talk about it."""
    op = view.operation
    if op.state is not OperationState.AWAITING_APPROVAL:
        return operation(view)
    blocks: list[Block] = [header(_headline(op)), rich(section(*_state(view))), *_plan(view), _decisions(view)]
    if card_link:
        blocks.append(rich(section(link("The incident's card and thread", card_link))))
    blocks.append(_small_print(view))
    return Message(escaped(f"Your approval is wanted: {_headline(op)}", 300), tuple(blocks))


def _headline(op: Operation) -> str:
    what = clean(op.plan.aim.headline, 60, one_line=True)
    return f"{_FACES[op.state]} {op.ref} · {op.kind.noun} of {clean(op.plan.model, 60, one_line=True)} · {what}"


def _state(view: OperationView) -> list[Element]:
    op = view.operation
    line = [text(op.state.value.capitalize(), bold=True)]
    if op.state is OperationState.AWAITING_APPROVAL:
        line.append(text(". Nothing has been changed."))
        if view.approvers:
            line.append(text("\nWho may approve: "))
            for place, named in enumerate(view.approvers):
                line += [text(", ")] if place else []
                line.append(mention(named.person))
        else:
            line.append(text("\nNobody is configured who could approve it."))
        line += [text("\nExpires "), moment(op.plan.expires_at, "{time}")]
    elif op.outcome:
        line.append(text(f"\n{op.outcome}", limit=600))
    if op.state is OperationState.IN_DOUBT and (url := look_at(op.plan.aim)).startswith(("http://", "https://")):
        line += [text("\n"), link("Look here", url)]
    line += [text("\nAsked by "), text(view.requester.name, limit=80)]
    if op.reason:
        line.append(text(f": {op.reason}", limit=400))
    if view.decided_by:
        glass = "Started WITHOUT APPROVAL by" if op.break_glass else "Decided by"
        line.append(text(f"\n{glass} {view.decided_by}", limit=120))
        if op.decision_reason:
            line.append(text(f": {op.decision_reason}", limit=300))
    return line


def _plan(view: OperationView) -> list[Block]:
    plan = view.operation.plan
    checks = [
        [text(_MARKS[check.result], bold=check.result is not CheckResult.PASS), text(f"  {check.name}: ", limit=100),
         text(check.evidence, limit=300)]
        for check in plan.checks
    ]  # fmt: skip
    blocks = [
        *_aim(view.operation),
        rich(section(text("Checked just now", bold=True)), bullets(checks)),
        *_calls(view.operation),
    ]
    if plan.cannot:
        rows = [[text(sentence, limit=300)] for sentence in plan.cannot[:CANNOT_SHOWN]]
        left_out = len(plan.cannot) - len(rows)
        rows += [[text(f"and {left_out} more, not shown here")]] if left_out else []
        blocks.append(rich(section(text("What can't be guaranteed", bold=True)), bullets(rows)))
    blocks.append(rich(section(text("If it was wrong: ", bold=True), text(plan.undo, limit=300))))
    return [block for block in blocks if block]


def _aim(op: Operation) -> list[Block]:
    """What an approver compares: two versions, or a run's parameters."""
    match op.plan.aim:
        case VersionMove() as aim:
            why = rich(section(text("Why this version: ", bold=True), text(aim.target_why, limit=300)))
            return [why, *_mirrors(aim), _metrics(aim.current, aim.target, "now")]
        case TrainingRun() as aim:
            rows = [[text(f"{name} = {value}", limit=200)] for name, value in aim.parameters[:PARAMETERS_SHOWN]]
            pipeline = section(text("Pipeline ", bold=True), text(_pipeline(aim), limit=100), *_linked(aim.url))
            shown = bullets(rows) if rows else section(text("It gets no parameters."))
            return [rich(pipeline, shown)]
        case _:
            return []


def _mirrors(aim: VersionMove) -> list[Block]:
    """What follows, in its order."""
    if not aim.mirrors:
        return []
    rows = [[text(f"{m.pointer.words}: version {m.before.version} → {m.to}", limit=300)] for m in aim.mirrors]
    return [rich(section(text("After it follow, in this order", bold=True)), bullets(rows))]


def _pipeline(aim: TrainingRun) -> str:
    return f"{aim.pipeline.name} ({aim.name})" if aim.name else aim.pipeline.name


def _linked(url: str) -> list[Element]:
    return [text(" · "), link("look at it", url)] if url.startswith(("http://", "https://")) else []


def _metrics(current: ModelVersion | None, target: ModelVersion, word: str) -> Block:
    """Both versions' metrics side by side, as literal text cells."""
    old = dict(current.metrics) if current else {}
    new = dict(target.metrics)
    names = list(dict.fromkeys(name for name in [*old, *new] if name))[:METRICS_SHOWN]
    if not names:
        return rich(section(text("Metrics: ", bold=True), text("the registry has none for these versions")))
    rows = [
        ["metric", f"version {current.version} ({word})" if current else f"none ({word})", f"version {target.version}"]
    ]
    rows += [[name, _number(old.get(name)), _number(new.get(name))] for name in names]
    cells = [[{"type": "raw_text", "text": clean(cell, 100, one_line=True) or "–"} for cell in row] for row in rows]
    return {"type": "table", "rows": cells}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _calls(op: Operation) -> list[Block]:
    lines = [f"{call.method} {call.url}\n{call.body}".rstrip() for call in op.plan.calls]
    if not lines:
        return []
    title = (
        "Exactly this will be sent" if op.state is OperationState.AWAITING_APPROVAL else "What was planned to be sent"
    )
    return [rich(section(text(title, bold=True)), preformatted("\n\n".join(lines)))]


def _stages(op: Operation) -> list[list[Element]]:
    """Three different things, each claimed only when seen."""
    order = course(op.plan.aim)
    reached = order.index(op.stage)
    rows: list[list[Element]] = []
    for place, stage in enumerate(order):
        done = place <= reached
        rows.append([text("✓ " if done else "○ "), text(stage.value, bold=place == reached)])
    return rows


def _course(view: OperationView) -> list[Block]:
    """How far it came; of what never began there is nothing to show."""
    op = view.operation
    if op.state in _NEVER_BEGUN:
        return []
    blocks = [rich(bullets(_stages(op))), *_run(op), *_result(op), *_calls(op)]
    return [*blocks, *_after(view)]


def _run(op: Operation) -> list[Block]:
    """The run, and its tasks as they go."""
    if op.run is None:
        return []
    title = section(text("Run ", bold=True), text(op.run.id, limit=100, code=True), *_linked(op.run.url))
    if not op.run.tasks:
        return [rich(title)]
    of = f" of {op.run.total}" if op.run.total else ""
    tasks = [_task(place, task) for place, task in enumerate(op.run.tasks[:TASKS_SHOWN])]
    return [rich(title), {"type": "plan", "title": f"{op.run.done}{of} tasks are done", "tasks": tasks}]


def _task(place: int, task: TaskProgress) -> Block:
    """One card; `plainer` makes a line of it where a workspace doesn't know cards."""
    name = clean(task.name, 100, one_line=True) or "unnamed"
    card: dict[str, object] = {
        "type": "task_card", "task_id": f"task-{place}", "title": name, "status": task.status.value,
    }  # fmt: skip
    detail = clean(task.detail, 100, one_line=True)
    return {**card, "output": rich(section(text(detail)))} if detail else card


def _result(op: Operation) -> list[Block]:
    """What a run has yielded, beside the champion."""
    if op.result is None or not isinstance(op.plan.aim, TrainingRun):
        return []
    return [_metrics(op.plan.aim.champion, op.result, "champion")]


def _after(view: OperationView) -> list[Block]:
    """What may be pressed while it goes on, or when it is over."""
    op = view.operation
    if op.state is OperationState.IN_DOUBT:
        sure = "Look at the system first. The bot stops looking, and the model is free for another operation."
        return [buttons.row([Button("Cancel", buttons.CANCEL, op.ref, "danger", confirm=sure)], f"doubt-{op.number}")]
    if op.state is OperationState.RUNNING and not op.cancelled_by:
        sure = "The run is asked to stop. What serves is not changed."
        return [buttons.row([Button("Cancel", buttons.CANCEL, op.ref, "", confirm=sure)], f"running-{op.number}")]
    pressed: list[Button] = []
    if op.result is not None and op.state is OperationState.SUCCEEDED:
        sure = "A plan is made and shown. Nothing is changed before somebody else approves it."
        pressed.append(Button("Promote", buttons.PROMOTE, op.ref, "primary", confirm=sure))
    if view.can_undo and op.state in _WORTH_UNDOING:
        sure = "The way back is planned and shown. Nothing is changed before somebody else approves it."
        pressed.append(Button("Undo", buttons.UNDO, op.ref, "", confirm=sure))
    return [buttons.row(pressed, f"after-{op.number}")] if pressed else []


def _decisions(view: OperationView, *more: Button) -> Block:
    """Approve and reject are only drawn where somebody may press them."""
    op = view.operation
    sure = _sure(op)
    pressed = list(more)
    if view.approvers:
        yes = Button("Approve", buttons.APPROVE, op.ref, "primary", confirm=sure)
        pressed = [yes, Button("Reject", buttons.REJECT, op.ref), *more]
    return buttons.row(pressed, f"decide-{op.number}")


def _sure(op: Operation) -> str:
    """What happens at once when it is approved."""
    match op.plan.aim:
        case VersionMove() as aim:
            if aim.only_mirrors:
                return f"The mirrors of {op.plan.model} go to version {aim.target.version}, now. What serves stays."
            return f"{op.plan.model} goes from version {aim.now.version} to version {aim.target.version}, now."
        case TrainingRun() as aim:
            return f"{aim.pipeline.name} is started, now. What serves is not changed by it."
        case aim:
            return f"{op.plan.model}: {aim.headline}, now."


def _small_print(view: OperationView) -> Block:
    op = view.operation
    about = f" · about {view.incident.ref}" if view.incident else ""
    joined = f" · {len(op.joined_by)} more asked for it" if op.joined_by else ""
    return context(f"{op.ref}{about}{joined} · plan {op.plan.digest[:12]}{_follows(op)}")


def _follows(op: Operation) -> str:
    return f" · {_FOLLOWS.get(op.plan.aim.propagation, '')}" if isinstance(op.plan.aim, VersionMove) else ""
