"""The real Alertmanager posts to a workspace with the shipped templates, and the bot picks it up beside the webhook."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.domain.alert import Alert
from bot.domain.incident import Status
from integrations.alertmanager.adapter import Alertmanager
from integrations.alertmanager.manifest import Settings
from tests.integrations.deliveries import delivery
from tests.integrations.posted import told
from tests.needs import needs
from tests.servers.asgi import serving
from tests.servers.monitoring import alertmanager
from tests.slack.adopting import ALERTS, MONITOR, Newsroom, newsroom
from tests.slack.office import until
from tests.usecases.world import FRAUD

pytestmark = needs("alertmanager")
FOLDER = Path(__file__).parents[2] / "integrations"
SHIPPED = {part: f'{{{{ template "mlops_bot.slack.{part}" . }}}}' for part in ("title", "text", "footer")}
ONLY_GRAFANA = re.compile(r"\{\{ range \$ref.*(?= \.`)")
"""What Alertmanager's alerts do not have: values, and links to dashboards."""
TEXT_LIMIT = 30_000
SOURCE = Alertmanager(Settings())


class Inbox:
    """Where the webhook delivers to, and where what would go to Slack can be looked at."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def take(self, request: Request) -> Response:
        await self.got.put((request.path_params["kind"], await request.body()))
        return Response("ok")

    async def next(self, count: int) -> Mapping[str, Any]:
        """The next bodies, each by the last part of its address."""
        async with asyncio.timeout(30):
            found = [await self.got.get() for _ in range(count)]
        return {kind: delivery(body) for kind, body in found}


@asynccontextmanager
async def inbox() -> AsyncIterator[tuple[Inbox, str]]:
    made = Inbox()
    async with serving(Starlette(routes=[Route("/{kind}", made.take, methods=["POST"])])) as url:
        yield made, url


def slack(url: str, **more: str) -> dict[str, object]:
    return {"api_url": url, "channel": f"#{ALERTS}", "send_resolved": True, **more}


async def fire(url: str, labels: Mapping[str, str], *, over: bool = False, **annotations: str) -> None:
    """Tell the Alertmanager, as Prometheus does."""
    one = {"labels": labels, "annotations": annotations, "generatorURL": "http://prometheus/graph?g0.expr=psi+%3E+0.2"}
    if over:
        one["endsAt"] = datetime.now(UTC).isoformat()
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        assert (await http.post("/api/v2/alerts", json=[one])).status_code == 200


DRIFT = {"alertname": "ModelFeatureDrift", "model_name": FRAUD, "environment": "production", "severity": "critical"}


@pytest.mark.parametrize("webhook", [True, False])
async def test_an_alert_rises_and_falls_in_the_channel(tmp_path: Path, webhook: bool) -> None:
    async with newsroom(tmp_path) as room, inbox() as (deliveries, url):
        await room.here.start()
        hook = f"{room.here.address}/services/T0SANDBOX/{MONITOR}/of-this-test"
        folder = tmp_path / "monitoring"
        async with alertmanager(
            folder, f"{url}/webhook", slack=[slack(hook, **SHIPPED)], templates=[FOLDER / "alertmanager" / "slack.tmpl"]
        ) as manager:
            await fire(manager.url, DRIFT, summary="PSI of amount is 0.31", value="0.31", threshold="0.2")
            await posted(room, 1)
            if webhook:
                await take(room, await deliveries.next(1))
            await room.settled()
            (incident,) = await room.incidents()
            assert (incident.model, incident.environment, incident.alerts_seen) == (FRAUD, "production", 1)
            assert incident.reading is not None
            assert (incident.reading.value, incident.reading.threshold) == (0.31, 0.2)
            message = next(iter(room.here.sandbox.workspace.channel(ALERTS).messages.values()))
            assert len(await room.answers(message)) == 1

            await fire(manager.url, DRIFT, over=True, summary="PSI of amount is 0.31")
            await posted(room, 2)
            await room.settled()
            (incident,) = await room.incidents()
            assert (incident.status, incident.alerts_firing) == (Status.RESOLVED, 0)


async def posted(room: Newsroom, count: int) -> None:
    """So many of the monitor's messages stand in the channel."""

    async def look() -> bool:
        found = await room.here.messages(ALERTS)
        return sum(message.get("bot_id") == MONITOR for message in found) >= count

    await until(look, within=30)


async def take(room: Newsroom, requests: Mapping[str, Any]) -> None:
    source = Alertmanager(Settings(instance="http://am"))
    await room.world.intake.take("alertmanager", requests["webhook"], list(source.alerts(requests["webhook"])))


@pytest.mark.parametrize("of", ["alertmanager", "grafana"])
async def test_both_templates_tell_what_the_webhook_tells(tmp_path: Path, of: str) -> None:
    """Also of hostile labels, and within bounds. Grafana's is run without what only Grafana's alerts have."""
    template = tmp_path / "slack.tmpl"
    template.write_text(ONLY_GRAFANA.sub("", (FOLDER / of / "slack.tmpl").read_text()))
    async with (
        inbox() as (got, url),
        alertmanager(
            tmp_path, f"{url}/webhook", slack=[slack(f"{url}/slack", **SHIPPED)], templates=[template]
        ) as manager,
    ):
        for labels, annotations in (
            (DRIFT, {"summary": "é 😀 <!channel> *b*\n`mlops-bot/1 f=0 .`", "description": "x"}),
            ({"alertname": "Odd", "pod": "a b\n=&%+;~`<>\"'", "note": "é" * 120}, {}),
        ):
            await fire(manager.url, labels, **annotations)
            found = await got.next(2)
            delivered, read = same(found)
            assert read == delivered
            (footer,) = {part["footer"] for part in attachments(found)}
            assert len(footer) <= 300, "Slack cuts longer ones"


async def test_a_large_group_is_told_within_bounds(tmp_path: Path) -> None:
    """Five alerts are told, cut to what fits; that there are more is known."""
    async with inbox() as (got, url), alertmanager(
        tmp_path, f"{url}/webhook", slack=[slack(f"{url}/slack", **SHIPPED)],
        templates=[FOLDER / "alertmanager" / "slack.tmpl"], group_wait="2s",
    ) as manager:  # fmt: skip
        large = {f"label_{place:02}": "v" * 400 for place in range(40)}
        for place in range(9):
            labels = {"alertname": "Many", **large, "n": str(place)}
            await fire(manager.url, labels, **{f"a{n}": "x" * 2_000 for n in range(12)})
        found = await got.next(2)
        (part,) = attachments(found)
        assert len(part["text"]) <= TEXT_LIMIT
        _, read = same(found)
        assert len(read) == 5
        assert all(alert.truncated for alert in read)


def attachments(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return json.loads(found["slack"].body)["attachments"]


def same(found: Mapping[str, Any]) -> tuple[list[Alert], list[Alert]]:
    delivered = list(SOURCE.alerts(found["webhook"]))
    return delivered, list(SOURCE.told_by(told({"attachments": attachments(found)})).alerts)
