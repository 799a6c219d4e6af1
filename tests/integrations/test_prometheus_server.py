"""A real Prometheus is asked what its own alert measures, while it fires and afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.charts.studio import Studio
from bot.domain.alert import Alert, LabelMapping
from bot.domain.chart import Threshold, TimeChart, in_words
from bot.domain.errors import Refused, Unreachable
from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from bot.usecases.charting.compose import Facts, asked, over_time
from bot.usecases.systems import Systems
from integrations.alertmanager.adapter import PolledAlertmanager
from integrations.alertmanager.adapter import build as build_alertmanager
from integrations.alertmanager.manifest import Settings as AlertmanagerSettings
from integrations.prometheus.adapter import Prometheus, build
from integrations.prometheus.manifest import Settings
from tests.charts import drawn
from tests.needs import needs
from tests.servers.monitoring import Monitoring, monitoring
from tests.servers.vendors import kept
from tests.slack.states import an_incident

pytestmark = [needs("prometheus", "alertmanager"), pytest.mark.xdist_group("prometheus")]
NOBODY = "http://127.0.0.1:9"
DRIFT = {"model_name": "fraud-detector", "model_version": "3", "feature": "amount"}
PATIENCE = 30


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitoring]:
    """One for all tests of this file: each has metrics of its own."""
    with kept(monitoring(tmp_path_factory.mktemp("monitoring"), NOBODY)) as running:
        yield running


@pytest.fixture
async def clients() -> AsyncIterator[HttpClients]:
    made = HttpClients(limits=Limits(attempts=1))
    yield made
    await made.aclose()


@pytest.fixture
def metrics(watched: Monitoring, clients: HttpClients) -> Prometheus:
    return build(Settings(url=watched.prometheus.url), clients, SystemClock())


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so."""
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110 - a server can only be asked
            await asyncio.sleep(0.05)  # between two questions


async def test_what_an_alert_measures_while_it_fires_and_afterwards(
    watched: Monitoring, metrics: Prometheus, clients: HttpClients
) -> None:
    poll = build_alertmanager(AlertmanagerSettings(url=watched.alertmanager.url), clients, SystemClock())
    assert isinstance(poll, PolledAlertmanager)
    began = datetime.now(UTC)
    watched.exporter.set("model_feature_psi", 0.31, **DRIFT)

    async def fires() -> bool:
        return bool(await poll.firing())

    await until(fires)
    (alert,) = await poll.firing()
    query = metrics.query_of(alert)
    assert query == "model_feature_psi"
    assert await metrics.value(query) == 0.31

    watched.exporter.set("model_feature_psi", 0.05, **DRIFT)

    async def better() -> bool:
        return await metrics.value("model_feature_psi") == 0.05

    await until(better)
    (series,) = await metrics.range(query, start=began, end=datetime.now(UTC) + timedelta(seconds=1), step=0.25)
    assert series.name.startswith('model_feature_psi{feature="amount",')
    values = [value for _, value in series.points]
    assert set(values) == {0.31, 0.05}
    assert values == sorted(values, reverse=True)
    assert await metrics.probe() == f"Prometheus {await release(clients, watched)} answers queries"


async def release(clients: HttpClients, watched: Monitoring) -> str:
    answer = await clients(watched.prometheus.url, system="test").get_json("/api/v1/status/buildinfo")
    assert isinstance(answer, dict)
    return str(answer["data"]["version"])


async def test_the_chart_of_what_an_alert_measures(
    watched: Monitoring, metrics: Prometheus, clients: HttpClients
) -> None:
    """Of all series of the rule's metric, the one that the alert is about; with the rule's own limit."""
    poll = build_alertmanager(AlertmanagerSettings(url=watched.alertmanager.url), clients, SystemClock())
    assert isinstance(poll, PolledAlertmanager)
    for feature, value in (("age", 0.27), ("income", 0.11)):
        watched.exporter.set("model_feature_psi", value, **{**DRIFT, "feature": feature})

    async def drifted() -> Alert | None:
        found = [alert for alert in await poll.firing() if alert.labels.get("feature") == "age"]
        return found[0] if found else None

    async def fires() -> bool:
        return await drifted() is not None

    await until(fires)
    alert = await drifted()
    assert alert is not None
    incident = an_incident(started_at=alert.starts_at, opened_at=alert.starts_at)
    facts = Facts(incident, (alert,), (), ())
    about = asked(facts, Systems(metrics={"prometheus": metrics}))
    assert about is not None

    async def scraped() -> bool:
        return await metrics.value('model_feature_psi{feature="age"}') == 0.27

    await until(scraped)
    chart = await over_time(facts, about, LabelMapping(), datetime.now(UTC))
    assert isinstance(chart, TimeChart)
    assert (chart.metric, chart.threshold, chart.hidden) == ("model_feature_psi", Threshold(0.2), 0)
    (line,) = chart.lines
    assert {value for _, value in line.points} == {0.27}
    assert chart.start.timestamp() <= line.points[0][0] <= line.points[-1][0] <= chart.end.timestamp() + 0.001
    assert "model_feature_psi 0.27 at " in in_words(chart)
    studio = Studio()
    png = await studio.draw(chart)
    await studio.close()
    assert drawn.facts(png).size == (1000, 500)
    assert {"limit", "line"} <= drawn.facts(png).inks


async def test_numbers_that_are_none(watched: Monitoring, metrics: Prometheus) -> None:
    assert await metrics.value("no_such_metric") is None
    assert await metrics.value("vector(0) / 0") is None
    assert await metrics.value("vector(1) / 0") is None
    assert await metrics.value("scalar(vector(7))") == 7
    now = datetime.now(UTC)
    assert await metrics.range("no_such_metric", start=now - timedelta(minutes=1), end=now, step=5) == ()
    assert await metrics.range("vector(0) / 0", start=now - timedelta(minutes=1), end=now, step=5) == ()


async def test_of_several_series_the_first_by_its_labels(watched: Monitoring, metrics: Prometheus) -> None:
    for name, value in (("churn", 0.02), ("fraud-detector", 0.04)):
        watched.exporter.set("model_error_ratio", value, model_name=name)

    async def both() -> bool:
        return await metrics.value("count(model_error_ratio)") == 2

    await until(both)
    assert await metrics.value("model_error_ratio") == 0.02
    assert await metrics.value("sort_desc(model_error_ratio)") == 0.02
    assert await metrics.value("max(model_error_ratio)") == 0.04


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("model_error_ratio{", "parse error: unexpected end of input"),
        ("no_such_function(up)", "unknown function"),
        (
            "up * on() group_left() (vector(1) or label_replace(vector(1), 'a', 'b', '', ''))",
            "found duplicate series for the match group",
        ),
        ("up[5m]", "gives a matrix, which is no value"),
        ('"text"', "gives a string, which is no value"),
        ("", "parse error"),
    ],
)
async def test_what_is_no_query_is_refused_in_its_own_words(metrics: Prometheus, query: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as caught:
        await metrics.value(query)
    assert caught.value.system == "prometheus"
    assert caught.value.not_done


async def test_too_many_points_are_refused(metrics: Prometheus) -> None:
    now = datetime.now(UTC)
    with pytest.raises(Refused, match="exceeded maximum resolution of 11,000 points"):
        await metrics.range("up", start=now - timedelta(days=1), end=now, step=1)


async def test_one_that_is_gone_is_unreachable(clients: HttpClients) -> None:
    gone = build(Settings(url=NOBODY), clients, SystemClock())
    with pytest.raises(Unreachable, match=r"prometheus"):
        await gone.value("up")
