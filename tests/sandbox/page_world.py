"""A workspace with real-looking talk in it: the bot's own cards, people, threads, files, a modal, a Home."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace
from datetime import timedelta
from typing import Any

from bot.domain.alert import Reading
from bot.domain.incident import Status
from bot.domain.models import Change
from bot.domain.operation import OperationState
from bot.domain.people import Person as BotPerson
from bot.domain.runbook import Runbook, Step, When
from bot.slack.blocks.card import card
from bot.slack.blocks.declare import modal
from bot.slack.blocks.home import home
from bot.slack.blocks.message import Message as BotMessage
from bot.slack.blocks.operation import operation
from bot.usecases.views import IncidentView, Named, OperationView
from sandbox.clock import DrivenClock
from sandbox.workspace import Call, Channel, File, Message, Workspace, messages, views
from tests.unit.worlds import T0, a_plan, an_incident, an_operation, minutes, version

BOT, MIKA, DANA, DEVI, PAULA = "U0MLOPSBOT", "U0MLENG01", "U0DATASCI", "U0DEVOPS1", "U0PRODMGR"
_MIKA = BotPerson("mika", "Mika Laine", MIKA)
_DEVI = BotPerson("devi", "Devi Rao", DEVI)
RUNBOOK = Runbook(
    "model-drift", "A model's inputs have moved", When(),
    (Step("See which features moved, and since when"), Step("Look whether their source was late"), Step("Compare both versions"), Step("Decide")),
    "psi below its limit for 30 min", "", None, "ml-platform", "runbooks/model-drift.md",
)  # fmt: skip


def incident_view(status: Status = Status.OPEN, **more: Any) -> IncidentView:
    incident = an_incident(
        status,
        title="Input drift on amount",
        reading=Reading("psi", 0.31, 0.2),
        feature="amount",
        alerts_seen=3,
        alerts_firing=2,
        **more,
    )
    change = Change(
        "fraud-detector", "promotion", "champion moved from version 2 to 3", T0 - timedelta(hours=6), by="Dana Sutter"
    )
    operations = (an_operation(),) if status is Status.ACKNOWLEDGED else ()
    return IncidentView(
        incident=incident, now=T0 + minutes(4), runbook=RUNBOOK, changes=(change,), alerts=(), operations=operations,
        accountable=Named(_DEVI, "DevOps/MLOps engineer is Accountable for monitoring"),
        responsible=(Named(_MIKA, "ML engineer is Responsible for monitoring"),),
        acknowledged_by="Mika Laine" if operations else "", assignee="", can_roll_back=True, can_retrain=True,
    )  # fmt: skip


def plan_view(state: OperationState = OperationState.AWAITING_APPROVAL) -> OperationView:
    target = version("2", metrics={"auc": 0.8412, "log_loss": 0.31})
    current = version("3", metrics={"auc": 0.7133, "log_loss": 0.52})
    made = replace(an_operation(state), plan=a_plan(target=target, current=current))
    return OperationView(
        made, T0 + minutes(5), _MIKA, "", (Named(_DEVI, "DevOps/MLOps engineer is Accountable"),), an_incident()
    )


def as_json(message: BotMessage) -> dict[str, Any]:
    body: dict[str, Any] = {"text": message.text, "blocks": [_plain(block) for block in message.blocks]}
    if message.metadata:
        body["metadata"] = {"event_type": message.metadata.event_type, "event_payload": dict(message.metadata.payload)}
    return body


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


class World:
    """The workspace, and hands to put something into it."""

    def __init__(self, workspace: Workspace | None = None) -> None:
        self.clock = DrivenClock(T0.timestamp())
        self.workspace = workspace or Workspace(self.clock)
        self.incidents: Channel = self.workspace.conversations["C0INCIDENT"]

    def say(self, who: str, text: str, thread: str = "", channel: Channel | None = None, **more: Any) -> Message:
        self.clock.jump(40)
        where, author = channel or self.incidents, self.workspace.members[who]
        return messages.post(self.workspace, where, author, {"text": text, **more}, thread_ts=thread)

    def post(self, body: dict[str, Any], thread: str = "", channel: Channel | None = None) -> Message:
        """As the bot, by a call that is kept."""
        self.clock.jump(40)
        where = channel or self.incidents
        self.workspace.call_number += 1
        n = self.workspace.call_number
        arguments = {"channel": where.id, **body, **({"thread_ts": thread} if thread else {})}
        self.workspace.recorded.append(Call(n, self.clock.now(), "chat.postMessage", arguments, True, None, 3.2))
        return messages.post(self.workspace, where, self.workspace.members[BOT], body, thread_ts=thread, call=n)

    def file(self, name: str, mimetype: str, data: bytes) -> dict[str, Any]:
        made = File(
            self.workspace.new_id("F"),
            name,
            name,
            BOT,
            int(self.clock.now()),
            mimetype,
            data,
            channels=[self.incidents.id],
            done=True,
            processed=True,
        )
        self.workspace.files[made.id] = made
        found = self.workspace.file(made.id)
        assert found is not None
        return found


def populated() -> World:
    """What a reader of the README should see."""
    world = World()
    populate(world)
    return world


def populate(world: World) -> None:
    """The talk of one night."""
    messages.post(
        world.workspace, world.incidents, world.workspace.members[DEVI],
        {"subtype": "channel_topic", "text": f"<@{DEVI}> set the channel topic: incidents of models"},
    )  # fmt: skip
    world.incidents.topic["value"] = "incidents of models"
    world.say(PAULA, "Checkout says more cards are declined since about 3. Is that us?")
    first = world.post(as_json(card(incident_view())))
    world.say(MIKA, "On it. `amount` moved right after last night's load.", first.ts)
    world.post(as_json(operation(plan_view())), first.ts)
    world.say(DEVI, "Reading the plan.", first.ts)
    messages.react(world.workspace, first, MIKA, "eyes")
    messages.react(world.workspace, first, DEVI, "eyes")
    messages.edit(world.workspace, first, as_json(card(incident_view(Status.ACKNOWLEDGED))), mark=False)
    said = world.say(
        DANA, "The feature was rebuilt at 02:30, see <https://example.com/run/7|the run>. *Not* the model, I think."
    )
    messages.react(world.workspace, said, MIKA, "pushpin")
    report = world.file("INC-42.md", "text/markdown", b"# INC-42\n")
    world.post({"text": "The timeline so far.", "files": [report]})
    messages.whisper(
        world.workspace,
        world.incidents,
        MIKA,
        {
            "text": "🚫 Devi Rao approves this, not you.\nNothing was changed. Ask them, or see `/mlops who fraud-detector`."
        },
    )
    direct = world.workspace.direct(MIKA)
    world.post(as_json(card(incident_view())), channel=direct)
    views.publish(world.workspace, MIKA, _plain(home([an_incident()], [an_operation()])))


def declare_view() -> dict[str, Any]:
    """The bot's modal."""
    shown: dict[str, Any] = _plain(modal(["fraud-detector", "churn", "eta"], "{}"))
    return shown


def crowd(world: World, incidents: int = 50, replies: int = 200) -> None:
    """A bad night."""
    for n in range(incidents):
        body = as_json(card(incident_view()))
        parent = world.post(body)
        for reply in range(replies):
            world.say((MIKA, DANA, DEVI)[reply % 3], f"INC {n}: note {reply}", parent.ts)
