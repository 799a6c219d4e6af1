"""P3 with the real pair: a number rises in an exporter, a card stands in Slack; it falls, the incident is over."""

import asyncio
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.demo.history import MODEL
from bot.demo.story import CHANNEL
from tests.charts import drawn
from tests.needs import needs
from tests.servers.asgi import serving
from tests.servers.monitoring import Exporter, alertmanager, monitoring
from tests.servers.proxy import proxy
from tests.smoke.conftest import Bot

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("machines"),
    needs("mlflow", "bentoml", "prometheus", "alertmanager"),
]
ABOUT = {"model_name": MODEL, "model_version": "3", "environment": "production"}
QUICKLY = "\npolicies:\n  reconcile_every: 1s\n  absent_for: 2s\n"


def drift(exporter: Exporter, psi: float) -> None:
    exporter.set("model_feature_psi", psi, feature="amount", **ABOUT)


def errors(exporter: Exporter, ratio: float) -> None:
    exporter.set("model_error_ratio", ratio, **ABOUT)


def asked(url: str) -> str:
    """The bot asks this Alertmanager what fires, once a second."""
    return f"  alertmanager:\n    url: {url}\n{QUICKLY}"


async def test_a_metric_rises_and_falls(bot: Bot, tmp_path: Path) -> None:
    bot.configure()
    await bot.start()
    async with monitoring(tmp_path / "monitoring", f"{bot.url}/alerts/alertmanager", token=bot.token) as world:
        drift(world.exporter, 0.31)
        await bot.story.card(lambda text: "ModelFeatureDrift" in text and "0.31" in text and "promoted" in text)
        errors(world.exporter, 0.07)
        await bot.story.card(lambda text: "2 alerts, 2 firing" in text)
        errors(world.exporter, 0.01)
        await bot.story.card(lambda text: "2 alerts, 1 firing" in text)
        drift(world.exporter, 0.05)
        await bot.story.card(lambda text: "resolved (unconfirmed)" in text)
    cards = [m for m in await bot.workspace.messages(CHANNEL) if "mlops_incident" in str(m.get("metadata"))]
    assert len(cards) == 1
    kinds = [entry.partition(":")[0] for entry in await bot.timeline()]
    assert [kind for kind in kinds if kind.startswith("alert")] == [
        "alert fired", "alert fired", "alert resolved", "alert resolved",
    ]  # fmt: skip


async def test_deliveries_that_never_arrive(bot: Bot, tmp_path: Path) -> None:
    """Alertmanager is answered 500 the whole time: the alert and its end are learned by asking, and said to be late."""
    await bot.start()  # on its own port first: Alertmanager wants an address

    async def refuse(request: Request) -> Response:
        del request
        return Response(status_code=500)

    async with proxy(bot.url) as way:
        way.before = refuse
        async with monitoring(tmp_path / "monitoring", f"{way.url}/alerts/alertmanager", token=bot.token) as world:
            await bot.stop()
            bot.configure(integrations=asked(world.alertmanager.url))
            await bot.start()
            drift(world.exporter, 0.31)
            await bot.story.card(lambda text: "ModelFeatureDrift" in text)
            assert any(e.startswith("learned late:") and "fires" in e for e in await bot.timeline())
            drift(world.exporter, 0.05)
            await bot.story.card(lambda text: "Status resolved" in text)
            assert any(e.startswith("learned late:") and "resolved" in e for e in await bot.timeline())
            assert way.passed == []


async def test_a_chart_hangs_in_the_thread_once_also_across_a_kill(bot: Bot, tmp_path: Path) -> None:
    """The alert's own query, asked of the real Prometheus, drawn by a process of the bot's."""
    await bot.start()
    port = int(bot.url.rpartition(":")[2])
    async with monitoring(tmp_path / "monitoring", f"{bot.url}/alerts/alertmanager", token=bot.token) as world:
        await bot.stop()
        bot.configure(integrations=f"  prometheus:\n    url: {world.prometheus.url}\n")
        await bot.start(port=port)
        drift(world.exporter, 0.31)
        card = await bot.story.card(lambda text: "ModelFeatureDrift" in text)
        await bot.kill()  # the chart is owed for some seconds yet
        await bot.start()
        chart = await bot.workspace.wait_for_message(CHANNEL, lambda message: bool(message.get("files")), 60)
        assert chart["thread_ts"] == card["ts"]
        (file,) = chart["files"]
        assert file["name"] == "inc-1-course-start.png"
        assert file["alt_txt"].startswith("model_feature_psi 0.31 at "), file
        assert "against a limit of 0.2; " in file["alt_txt"], file
        assert "promoted" in file["alt_txt"], file
        picture = await bot.http.get(file["url_private"])
        assert drawn.facts(picture.content).size == (1000, 500)
    assert len([m for m in await bot.workspace.messages(CHANNEL) if m.get("files")]) == 1


async def test_deliveries_that_failed_for_a_while(bot: Bot, tmp_path: Path) -> None:
    """The bot is down when the alert fires; when it is back, nothing is lost and nothing is there twice."""
    await bot.start()
    port = int(bot.url.rpartition(":")[2])
    async with monitoring(tmp_path / "monitoring", f"{bot.url}/alerts/alertmanager", token=bot.token) as world:
        await bot.stop()
        drift(world.exporter, 0.31)
        bot.configure(integrations=asked(world.alertmanager.url))
        await bot.start(port=port)
        await bot.story.card(lambda text: "ModelFeatureDrift" in text)
        drift(world.exporter, 0.05)
        await bot.story.card(lambda text: "Status resolved" in text)
        incidents = await bot.run("do", "incidents", "--as", "mika")
        assert "INC-1 (resolved)" in incidents.output, incidents
    opened = [entry for entry in await bot.timeline() if entry.startswith("opened:")]
    assert len(opened) == 1


async def test_an_alertmanager_that_falls_silent_is_an_incident_while_a_dead_mans_switch_hears_of_us(
    bot: Bot, tmp_path: Path
) -> None:
    pings: list[str] = []

    async def note(request: Request) -> Response:
        pings.append(request.url.path)
        return Response("OK")

    async with serving(Starlette(routes=[Route("/ping/{key}", note)])) as switch:
        bot.extra |= {"MLOPS_BOT_WEB__PING_URL": f"{switch}/ping/of-this-test", "MLOPS_BOT_WEB__PING_EVERY": "1s"}
        async with alertmanager(tmp_path / "alertmanager", "http://127.0.0.1:9") as running:
            bot.configure(integrations=f"{asked(running.url)}  unanswered_after: 3s\n")
            await bot.start()
            async with asyncio.timeout(30):
                while 'last_loop_timestamp_seconds{job="reconcile"}' not in await figures(bot) or not pings:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)  # it has asked once
        await bot.story.card(lambda text: "MonitorSilent" in text and "alertmanager has not said what fires" in text)
        port = int(running.url.rpartition(":")[2])
        async with alertmanager(tmp_path / "alertmanager", "http://127.0.0.1:9", port=port):
            await bot.story.card(lambda text: "MonitorSilent" in text and "Status resolved" in text)
    assert set(pings) == {"/ping/of-this-test"}


async def figures(bot: Bot) -> str:
    return (await bot.http.get(f"{bot.url}/metrics")).text
