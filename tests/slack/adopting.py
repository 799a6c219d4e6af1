"""A workspace in which a monitor's app posts alerts, and a bot that is to pick them up."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bot.domain.incident import Incident
from bot.domain.timeline import Entry
from bot.ports.messages import MessageSource
from bot.slack.manifest import manifest
from bot.usecases.setup import Adoption
from integrations.alertmanager.adapter import Alertmanager
from integrations.alertmanager.manifest import Settings
from integrations.grafana.adapter import Grafana
from integrations.grafana.manifest import Settings as GrafanaSettings
from sandbox.manifest import app_of
from sandbox.workspace import messages
from sandbox.workspace.hooks import shown
from sandbox.workspace.seed import APP
from sandbox.workspace.values import Message
from tests.fakes.clock import FakeClock
from tests.fakes.polls import FakeAlertPoll
from tests.integrations.posted import body
from tests.slack.office import Office, key_of, office, until
from tests.usecases.world import World, a_setup

ALERTS = "ml-platform"
MONITOR, STRANGER = "B0ALERTS1", "B0STRANGE"
ADOPTIONS = (
    Adoption(f"#{ALERTS}", "alertmanager", frozenset({MONITOR})),
    Adoption(f"#{ALERTS}", "grafana", frozenset({"B0GRAFANA"})),
)


@dataclass
class Newsroom:
    """The office, and what the monitor's app does there."""

    here: Office
    poll: FakeAlertPoll = field(default_factory=FakeAlertPoll)

    @property
    def world(self) -> World:
        return self.here.world

    def connect(self, *, polled: bool = False) -> None:
        """Give the world's newest process what reads messages; `polled`: the source can be asked, too."""
        sources: dict[str, MessageSource] = {
            "alertmanager": Alertmanager(Settings(instance="http://am")),
            "grafana": Grafana(GrafanaSettings()),
        }
        polls = {"alertmanager": self.poll} if polled else {}
        self.world.systems = replace(self.world.systems, messages=sources, polls=polls)
        self.world.rebuild()

    async def post(self, posted: Mapping[str, Any], bot: str = MONITOR, channel: str = ALERTS) -> Message:
        """The monitor posts by its incoming webhook; gives the message in the workspace."""
        answer = await self.here.http.post(
            f"/services/T0SANDBOX/{bot}/of-this-test", json={**posted, "channel": f"#{channel}"}
        )
        assert (answer.status_code, answer.text) == (200, "ok")
        found = self.here.sandbox.workspace.channel(channel)
        assert found is not None
        return list(found.messages.values())[-1]

    async def captured(self, name: str, slug: str = "alertmanager", bot: str = MONITOR) -> Message:
        """The same with what was captured."""
        return await self.post(body(slug, name), bot)

    def edit(self, message: Message, posted: Mapping[str, Any], *, mark: bool = True) -> None:
        """The monitor edits its message, as Alertmanager does with `update_message`."""
        changed = [shown(one, place) for place, one in enumerate(posted["attachments"], 1)]
        messages.edit(self.here.sandbox.workspace, message, {"attachments": changed}, mark=mark)

    async def settled(self) -> None:
        """Everything that was delivered is handled, and shown."""

        async def is_settled() -> bool:
            sent = self.here.sandbox.deliveries.sent.values()
            if not all(attempts.acknowledged for attempts in sent):
                return False
            return not await self.world.store.read(lambda tx: tx.inbox.pending())

        await until(is_settled)
        await self.world.clockwork.timers()
        await self.here.caught_up()
        assert isinstance(self.world.clock, FakeClock)
        self.world.clock.advance(3)  # the answer waits for the card's address
        await self.world.clockwork.timers()
        await self.here.caught_up()

    async def incidents(self) -> Sequence[Incident]:
        """All there are, oldest first."""
        return (await self.world.store.read(lambda tx: tx.incidents.newest(limit=50)))[::-1]

    async def timeline(self, number: int) -> Sequence[Entry]:
        return await self.world.store.read(lambda tx: tx.timeline.of(number))

    async def answers(self, message: Message) -> list[Mapping[str, Any]]:
        """What we have answered below a message."""
        found = await self.here.messages(ALERTS, thread_ts=message.ts)
        return [one for one in found if key_of(one).startswith("adopted:")]


@contextlib.asynccontextmanager
async def newsroom(
    path: Path, mode: Literal["socket", "http"] = "socket", *, adoptions: Sequence[Adoption] = ADOPTIONS
) -> AsyncIterator[Newsroom]:
    """The bot is a member where the alerts are posted, and its app hears messages; it is not started yet."""
    world = World(path / "world.db", replace(a_setup(), adoptions=tuple(adoptions)), FakeClock())
    async with office(path, mode, world=world) as here:
        app = app_of(json.dumps(json.loads(manifest(mode=mode, base_url="https://bot.example", adopts=True))), APP)
        here.sandbox.workspace.app = app
        alerts = here.sandbox.workspace.channel(ALERTS)
        assert alerts is not None
        alerts.members.append(app.user_id)
        room = Newsroom(here)
        room.connect()
        yield room
