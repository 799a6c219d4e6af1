"""Prometheus: which query an alert's rule asks, and what its answers mean."""

from datetime import UTC, datetime
from urllib.parse import quote_plus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.alert import Alert, AlertStatus, Direction, LabelMapping, Reading, reading_of
from bot.domain.chart import Threshold
from bot.domain.errors import IntegrationError, Refused, Unauthorized, Unreachable, Unreadable
from integrations.prometheus.adapter import PolledPrometheus, Prometheus, build
from integrations.prometheus.manifest import Settings
from integrations.prometheus.promql import QUERY_LIMIT, threshold_of, without_comparison
from tests.fakes.clock import START, FakeClock
from tests.integrations.answering import Answering, answer

URL = "http://prometheus:9090"
PUBLIC = "https://prom.example.com/models"
QUERY, RANGE, BUILD = "/api/v1/query", "/api/v1/query_range", "/api/v1/status/buildinfo"
NOW = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)


def adapter(answers: Answering | None = None, **more: object) -> Prometheus:
    settings = Settings.model_validate({"url": URL, "external_urls": [PUBLIC], **more})
    return build(settings, (answers or Answering({})).clients(), FakeClock())


def an_alert(url: str) -> Alert:
    return Alert("alertmanager", "http://am", "f1", "Drift", AlertStatus.FIRING, START, url=url)


# ---------------------------------------------------------------- the query of a rule


@pytest.mark.parametrize(
    ("expr", "measured"),
    [
        ("model_feature_psi > 0.2", "model_feature_psi"),
        ("up == 0", "up"),
        ("up != 1", "up"),
        ("x >= 1e-3", "x"),
        ("x<=-5", "x"),
        ("x > +Inf", "x"),
        ("x > 0x1F", "x"),
        ("0.05 < x", "x"),
        ("time() - x > 24 * 3600", "time() - x"),
        ("x > 0.1 < 0.9", "x"),
        ("0.1 < x < 0.9", "x"),
        ("  sum by (model) (rate(errors_total[5m])) / sum by (model) (rate(requests_total[5m])) > 0.05 ",
         "sum by (model) (rate(errors_total[5m])) / sum by (model) (rate(requests_total[5m]))"),
        ('histogram_quantile(0.99, sum(rate(x_bucket{le!="+Inf"}[5m])) by (le)) > 0.5',
         'histogram_quantile(0.99, sum(rate(x_bucket{le!="+Inf"}[5m])) by (le))'),
        ('x{path=~"a > 5|b"} > 3', 'x{path=~"a > 5|b"}'),
        ('x{path="a \\" > 5 # no"} > 3', 'x{path="a \\" > 5 # no"}'),
        ("x{path=`a > 5`} > 3", "x{path=`a > 5`}"),
        ("x > 3 # and then some > 5", "x"),
        ("x # the number\n > 3", "x"),
        ("x offset 5m > 3", "x offset 5m"),
        ("x[5m:1m] @ end() > 3", "x[5m:1m] @ end()"),
        ("job:errors:rate5m > 0.1", "job:errors:rate5m"),
        ("brand_and_model > 1", "brand_and_model"),
        ("avg_over_time((x > 5)[5m:]) > 0.5", "avg_over_time((x > 5)[5m:])"),
    ],
)  # fmt: skip
def test_a_plain_threshold_is_taken_off(expr: str, measured: str) -> None:
    assert without_comparison(expr) == measured


@pytest.mark.parametrize(
    "expr",
    [
        "x > 0.05 and y > 3", "x > 3 unless on(model) y", "x > 3 or y > 4", "x > 3 AND y", "x > bool 0.05", "5 < bool x",
        "x > y", "x > on(model) group_left y", "x > scalar(y)", "(x > 0.05)", "absent(x)", "x", "1 > 2", "", "> 3", "3 >",
        "x >", "x > 'text'", "changes(x[5m] > 3)", "x =~ 3",
    ],
)  # fmt: skip
def test_everything_else_is_left_as_it_is(expr: str) -> None:
    assert without_comparison(expr) == expr


@pytest.mark.parametrize(
    ("expr", "threshold"),
    [
        ("psi > 0.2", Threshold(0.2)),
        ("psi >= 1e-3 # small", Threshold(0.001)),
        ("auc < 0.9", Threshold(0.9, Direction.BELOW)),
        ("0.05 < errors", Threshold(0.05)),
        ("0.9 > auc", Threshold(0.9, Direction.BELOW)),
        ("time() - x > 24 * 3600", Threshold(86_400.0)),
        ("x > -5", Threshold(-5.0)),
        ("x > 0x1F", Threshold(31.0)),
        ("x{a='> 3'} > 1_000", Threshold(1_000.0)),
    ],
)  # fmt: skip
def test_what_a_rule_compares_with(expr: str, threshold: Threshold) -> None:
    assert threshold_of(expr) == threshold
    assert adapter().threshold_of(an_alert(link(URL, expr))) == threshold


@pytest.mark.parametrize(
    "expr",
    ["", "x", "up == 0", "x != 1", "x > 0.1 < 0.9", "x > +Inf", "x > NaN", "x > 3 - 1", "x > y", "x > 3 and y > 4", "(x > 1)"],
)  # fmt: skip
def test_what_is_no_certain_threshold(expr: str) -> None:
    assert threshold_of(expr) is None
    assert adapter().threshold_of(an_alert(link("http://other:9090", "psi > 0.2"))) is None


@given(st.text(alphabet="x15 .><=!(){}[]\"'`#\\\n+-*/andorbluse", max_size=40))
def test_whatever_stands_there_it_is_a_piece_of_it(expr: str) -> None:
    measured = without_comparison(expr)
    if "#" not in expr:
        assert measured in expr
        assert bool(measured) == bool(expr.strip())


# ---------------------------------------------------------------- whose alert it is


def link(base: str, expr: str = "psi > 0.2", page: str = "graph") -> str:
    return f"{base}/{page}?g0.expr={quote_plus(expr)}&g0.tab=1"


@pytest.mark.parametrize(
    "url",
    [link(URL), link("http://PROMETHEUS:9090"), link(PUBLIC), link("http://prom.example.com:443/models"), link(URL, page="query")],
)  # fmt: skip
def test_an_alert_of_this_server(url: str) -> None:
    assert adapter().query_of(an_alert(url)) == "psi"


@pytest.mark.parametrize(
    "url",
    [
        "", link("http://other:9090"), link("http://prometheus:9091"), link("https://prom.example.com"),
        link("https://prom.example.com/models/more"), link("https://prom.example.com.evil.example/models"),
        link("http://prometheus:9090@evil.example"), "http://prometheus:9090/graph", "http://prometheus:9090/graph?g0.expr=",
        "http://prometheus:9090/alerts?g0.expr=x", "http://prometheus:99999/graph?g0.expr=x", "http://[/graph?g0.expr=x",
        "ftp://prometheus:9090/graph?g0.expr=x", link(URL, "x" * (QUERY_LIMIT + 1)),
        link(URL, "# nothing"),
    ],
)  # fmt: skip
def test_an_alert_that_is_none_of_ours(url: str) -> None:
    assert adapter().query_of(an_alert(url)) is None


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("name", "value"), [("query_vector", 0.01), ("query_scalar", 7), ("query_nan", None), ("query_empty", None)]
)
async def test_a_value(name: str, value: float | None) -> None:
    system = Answering({QUERY: (200, answer("prometheus", name))})
    assert await adapter(system).value("x{a='b'} + 1") == value
    assert system.asked[0].url.params["query"] == "x{a='b'} + 1"


@pytest.mark.parametrize("name", ["query_string", "query_matrix"])
async def test_what_is_no_value(name: str) -> None:
    with pytest.raises(Refused, match="which is no value") as caught:
        await adapter(Answering({QUERY: (200, answer("prometheus", name))})).value("x")
    assert caught.value.next_step == "Ask for a vector or a scalar."


@pytest.mark.parametrize("text", ["+Inf", "-Inf", "NaN"])
async def test_infinity_is_no_value(text: str) -> None:
    told = {"status": "success", "data": {"resultType": "scalar", "result": [1, text]}}
    assert await adapter(Answering({QUERY: (200, told)})).value("x") is None


async def test_a_native_histogram_has_no_value() -> None:
    told = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]}}
    assert await adapter(Answering({QUERY: (200, told)})).value("x") is None


async def test_a_range() -> None:
    system = Answering({RANGE: (200, answer("prometheus", "query_range_matrix"))})
    series = await adapter(system).range("model_drift_score", start=NOW, end=NOW.replace(minute=20), step=10)
    assert series[0].name.startswith('model_drift_score{feature="device_age",instance="127.0.0.1:19100"')
    assert series[0].points[0] == (1795397000.0, 0.05)
    assert max(value for _, value in series[0].points) == 0.9
    asked = system.asked[0].url.params
    assert (asked["start"], asked["end"], asked["step"]) == ("1795403400.000", "1795404000.000", "10.000")


async def test_points_without_a_number_are_left_out_and_series_without_points() -> None:
    result = [
        {"metric": {"b": 'a"\\\n'}, "values": [[1, "NaN"], [2, "3"], [3, "+Inf"]]},
        {"metric": {"a": "1"}, "values": [[1, "NaN"]]},
        {"metric": {}, "histograms": []},
    ]
    told = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    (one,) = await adapter(Answering({RANGE: (200, told)})).range("x", start=NOW, end=NOW, step=1)
    assert (one.name, one.points) == (r'{b="a\"\\\n"}', ((2.0, 3.0),))


@pytest.mark.parametrize("status", [400, 422])
async def test_a_bad_query_is_refused_in_its_words(status: int) -> None:
    told = answer("prometheus", "query_range_bad_expr")
    bad = adapter(Answering({QUERY: (status, told), RANGE: (status, told)}))
    with pytest.raises(Refused, match="1:5: parse error: unexpected end of input inside braces"):
        await bad.value("x{")
    with pytest.raises(Refused, match="parse error"):
        await bad.range("x{", start=NOW, end=NOW, step=1)


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ((503, {"status": "error", "errorType": "timeout", "error": "query timed out in expression evaluation"}), Unreachable),
        ((401, b"Unauthorized"), Unauthorized),
        ((200, b"<html><title>Log in</title></html>"), Unreadable),
        ((200, {"status": "error", "error": "no"}), Unreadable),
        ((200, {"status": "success", "data": {"resultType": "vector", "result": [{"value": [1, "x"]}]}}), Unreadable),
        ((200, {"status": "success", "data": {"resultType": "table", "result": []}}), Unreadable),
        (httpx.ReadError("reset"), Unreachable),
    ],
)  # fmt: skip
async def test_what_can_go_wrong(told: tuple[int, object], error: type[IntegrationError]) -> None:
    with pytest.raises(error) as caught:
        await adapter(Answering({QUERY: told})).value("x")
    assert caught.value.system == "prometheus"


# ---------------------------------------------------------------- health and settings

ONE = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}}


async def test_the_doctor_is_told_the_release() -> None:
    told = Answering({QUERY: (200, ONE), BUILD: (200, answer("prometheus", "buildinfo"))})
    assert await adapter(told).probe() == "Prometheus 2.42.0+ds answers queries"


@pytest.mark.parametrize("status", [403, 404])
async def test_what_only_has_its_api_tells_no_release(status: int) -> None:
    told = Answering({QUERY: (200, ONE), BUILD: (status, b"no")})
    assert await adapter(told).probe() == "Prometheus' API answers queries; it tells no release"


async def test_one_that_answers_something_else_is_not_well() -> None:
    with pytest.raises(Unreadable, match="does not answer the query"):
        await adapter(Answering({QUERY: (200, answer("prometheus", "query_empty"))})).probe()


@pytest.mark.parametrize(
    ("more", "header"),
    [
        ({}, None), ({"api_token": "word-of-a-proxy"}, "Bearer word-of-a-proxy"),
        ({"api_user": "bot", "api_password": "word"}, "Basic Ym90OndvcmQ="),
    ],
)  # fmt: skip
async def test_what_every_request_carries(more: dict[str, str], header: str | None) -> None:
    system = Answering({QUERY: (200, ONE)})
    await adapter(system, **more).value("x")
    assert system.asked[0].headers.get("authorization") == header


@pytest.mark.parametrize(
    "more",
    [
        {"url": "prometheus:9090"}, {"external_urls": ["prometheus"]}, {"api_user": "bot"}, {"api_password": "word"},
        {"api_token": "a", "api_user": "bot", "api_password": "b"}, {"unknown": 1},
    ],
)  # fmt: skip
def test_settings_that_are_wrong(more: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"url": URL, **more})


# ---------------------------------------------------------------- what fires

RULES = "/api/v1/rules"


def rules_answer(*alerts: dict[str, object], **more: object) -> dict[str, object]:
    rule = {"name": "Drift", "query": 'psi{model="a b"} > 0.2', "duration": 60, "labels": {}, "alerts": list(alerts)}
    groups = [{"name": "empty", "rules": []}, {"name": "models", "rules": [rule, {"name": "quiet", "alerts": []}]}]
    return {"status": "success", "data": {"groups": groups}, **more}


def rule_alert(state: str = "firing", **more: object) -> dict[str, object]:
    labels = {"alertname": "Drift", "model_name": "fraud-detector", "severity": "warning"}
    annotations = {"summary": "PSI is 0.31", "threshold": "0.2"}
    at = "2026-11-23T03:01:02.345678901Z"
    return {"labels": labels, "annotations": annotations, "state": state, "activeAt": at, "value": "3.1e-01", **more}


def poll(told: dict[str, object]) -> PolledPrometheus:
    made = adapter(Answering({RULES: (200, told)}), ask_alerts=True)
    assert isinstance(made, PolledPrometheus)
    return made


async def test_what_fires_is_told_with_its_value_and_what_is_pending_is_not() -> None:
    asked = poll(rules_answer(rule_alert(), rule_alert("pending"), rule_alert("inactive")))
    (alert,) = await asked.firing()
    assert (alert.source, alert.instance, alert.name) == ("prometheus", URL, "Drift")
    assert alert.starts_at == datetime(2026, 11, 23, 3, 1, 2, 345_678, tzinfo=UTC)
    assert reading_of(alert, LabelMapping()) == Reading("Drift", 0.31, 0.2)
    assert asked.query_of(alert) == 'psi{model="a b"}'


async def test_the_values_own_annotation_goes_before() -> None:
    (alert,) = await poll(rules_answer(rule_alert(annotations={"value": "31 %"}))).firing()
    assert alert.annotations["value"] == "31 %"


async def test_an_answer_in_part_ends_nothing() -> None:
    """Thanos warns of a ruler that is away, and answers with the others'."""
    with pytest.raises(Unreadable, match="only in part"):
        await poll(rules_answer(warnings=["no answer from ruler-1"])).firing()


@pytest.mark.parametrize(
    "told",
    [{"status": "error"}, {"status": "success"}, {"status": "success", "data": {}}, rules_answer(rule_alert("odd"))],
)
async def test_an_answer_that_is_none_is_not_an_empty_list(told: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        await poll(told).firing()


def test_it_is_only_asked_where_that_is_wanted() -> None:
    assert not isinstance(adapter(), PolledPrometheus)
