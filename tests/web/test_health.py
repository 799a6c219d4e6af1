"""Whether it lives, which part is not ready, and its figures in the format that is asked for."""

import asyncio
import re
from datetime import timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from bot.web.metrics import WebMetrics
from tests.web.conftest import Site
from tests.web.test_alerts import BODY


async def test_alive(site: Site) -> None:
    answer = await site.ask("GET", "/livez", headers={})
    assert (answer.status_code, answer.json()) == (200, {"alive": True})
    await site.store.close()
    assert (await site.ask("GET", "/livez", headers={})).status_code == 200


async def test_ready_when_every_part_is(site: Site) -> None:
    site.readiness = {"slack": lambda: None}
    answer = await site.ask("GET", "/readyz", headers={})
    assert (answer.status_code, answer.json()) == (
        200, {"ready": True, "not_ready": [], "parts": {"slack": "ok", "store": "ok"}},
    )  # fmt: skip


async def test_each_part_that_is_not_ready_is_named(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> str | None:
        raise ValueError("secret detail")

    site.readiness = {"slack": lambda: "Slack does not answer", "jobs": broken, "fine": lambda: None}
    await site.store.close()
    answer = await site.ask("GET", "/readyz", headers={})
    assert (answer.status_code, answer.json()) == (503, {
        "ready": False,
        "not_ready": ["slack", "jobs", "store"],
        "parts": {
            "slack": "Slack does not answer", "jobs": "its check failed", "fine": "ok", "store": "the database does not answer",
        },
    })  # fmt: skip
    assert "secret detail" in caplog.text


async def test_that_messages_lag_behind_is_said_and_is_no_reason_to_send_alerts_elsewhere(site: Site) -> None:
    await site.post("alertmanager", BODY)
    site.clock.advance(59)
    assert "behind" not in (await site.ask("GET", "/readyz", headers={})).json()
    since = site.clock.now() - timedelta(seconds=59)
    site.clock.advance(60)
    answer = await site.ask("GET", "/readyz", headers={})
    assert answer.status_code == 200
    assert re.fullmatch(rf"\d updates? waits? for Slack since {since:%H:%M} UTC", answer.json()["behind"])


# ---------------------------------------------------------------- figures

OPEN = "application/openmetrics-text"
PROMETHEUS_2_42 = f"{OPEN};version=1.0.0,{OPEN};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, OPEN), ("*/*", OPEN), ("", OPEN), (OPEN, OPEN), (PROMETHEUS_2_42, OPEN), ("text/html,*/*;q=0.1", OPEN),
        ("text/plain", "text/plain"), ("text/plain;version=0.0.4", "text/plain"), ("text/plain; version=1.0.0", "text/plain"),
        ("a" * 5_000, OPEN), (f"{OPEN};version=x", OPEN),
    ],
)  # fmt: skip
async def test_the_format_that_is_asked_for(site: Site, accept: str | None, kind: str) -> None:
    answer = await site.ask("GET", "/metrics", headers={} if accept is None else {"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert answer.text.endswith("# EOF\n") == (kind == OPEN)
    parse = open_metrics if kind == OPEN else plain_text
    assert {family.name for family in parse(answer.text)} >= {"mlops_bot_live_incidents", "mlops_bot_posts_waiting"}


async def figures(site: Site) -> dict[str, float]:
    text = (await site.ask("GET", "/metrics", headers={})).text
    return {
        sample.name + "".join(f",{value}" for value in sample.labels.values()): sample.value
        for family in open_metrics(text)
        for sample in family.samples
    }


async def test_deliveries_and_what_they_did_are_counted_and_the_gauges_are_filled_when_asked(site: Site) -> None:
    site.limits["body_limit"] = len(BODY) * 2
    assert (await figures(site))["mlops_bot_live_incidents"] == 0
    await site.post("alertmanager", BODY)
    await site.post("alertmanager", BODY)
    await site.post("alertmanager", "no json")
    await site.post("alertmanager", BODY, {})
    await site.post("alertmanager", BODY * 3)
    await site.post("nagios-<b>", BODY)
    found = await figures(site)
    outcomes = {
        k.rpartition(",")[2]: v for k, v in found.items() if k.startswith("mlops_bot_deliveries_total,alertmanager")
    }
    assert outcomes == {"taken": 2, "dead letter": 1, "unauthorized": 1, "too large": 1}
    assert found["mlops_bot_alerts_total,opened,alertmanager"] == 1
    assert found["mlops_bot_alerts_total,refreshed,alertmanager"] == 1
    assert found["mlops_bot_ingest_seconds_count,alertmanager"] == 2
    assert found["mlops_bot_live_incidents"] == 1
    waiting = await site.store.read(lambda tx: tx.posts.waiting())
    assert found["mlops_bot_posts_waiting"] == waiting > 0
    assert not re.search("nagios", str(found))


async def test_figures_are_told_when_the_store_does_not_answer(site: Site) -> None:
    await site.post("alertmanager", BODY)
    await site.store.close()
    found = await figures(site)
    assert found["mlops_bot_live_incidents"] != found["mlops_bot_live_incidents"]  # NaN
    assert found["mlops_bot_deliveries_total,alertmanager,taken"] == 1


async def test_a_loop_that_turns_is_seen(site: Site) -> None:
    metrics = WebMetrics()
    site.limits["metrics"] = metrics
    metrics.loop("timers", site.clock.now())
    assert (await figures(site))["mlops_bot_last_loop_timestamp_seconds,timers"] == site.clock.now().timestamp()


async def test_many_may_ask_at_once(site: Site) -> None:
    answers = await asyncio.gather(*(site.ask("GET", "/metrics", headers={}) for _ in range(30)))
    assert {answer.status_code for answer in answers} == {200}
