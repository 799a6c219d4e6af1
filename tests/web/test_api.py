"""The API: incidents by page and by filter, one incident, its timeline; for who has the token."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Never

import httpx
import pytest

from bot.domain.alert import Alert
from bot.ports.systems import Delivery
from bot.store.sqlstore import SqlStore
from tests.usecases.ingest_world import FRAUD, an_alert, minutes, over
from tests.web.conftest import BEARER, TOKEN, Site


async def fire(site: Site, *alerts: Alert) -> None:
    await site.intake.take("alertmanager", Delivery(b"", {}, site.clock.now(), {}), alerts)


async def get(site: Site, path: str, params: dict[str, str] | None = None) -> httpx.Response:
    return await site.ask("GET", str(httpx.URL(path, params=params or {})))


async def refs(site: Site, **params: str) -> list[str]:
    answer = await get(site, "/api/incidents", params)
    assert answer.status_code == 200, answer.text
    return [incident["id"] for incident in answer.json()["incidents"]]


async def test_an_incident_as_json(site: Site) -> None:
    start = site.clock.now() - minutes(2)
    await fire(
        site,
        an_alert(
            start, url="https://prometheus.example/graph", labels={"model": FRAUD, "value": "7", "threshold": "5"}
        ),
    )
    answer = await get(site, "/api/incidents/INC-1")
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    expected = {
        "id": "INC-1", "number": 1, "title": f"ModelErrorRateHigh on {FRAUD}", "state": "open", "severity": "sev3",
        "model": FRAUD, "environment": None, "source": "alertmanager", "source_url": "https://prometheus.example/graph",
        "started_at": "2026-11-23T03:08:00Z", "opened_at": "2026-11-23T03:10:00Z", "alerts_firing": 1, "confirmed": True,
        "resolved_at": None, "phase": "Deployment",
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert found["reading"] == {"metric": "ModelErrorRateHigh", "value": 7.0, "threshold": 5.0, "direction": "above"}
    assert found["accountable"]["id"]
    assert found["accountable"]["why"]
    assert found == (await get(site, "/api/incidents/1")).json() == (await get(site, "/api/incidents/inc-1")).json()
    assert [found] == (await get(site, "/api/incidents")).json()["incidents"]


async def test_a_timeline_as_json_is_chained_and_checked(site: Site) -> None:
    alert = an_alert(site.clock.now())
    await fire(site, alert)
    site.clock.advance(60)
    await fire(site, over(alert))
    found = (await get(site, "/api/incidents/INC-1/timeline")).json()
    entries = found["entries"]
    assert (found["incident"], found["intact"], found["broken"]) == ("INC-1", True, None)
    assert [e["seq"] for e in entries] == list(range(1, len(entries) + 1))
    assert [e["prev_hash"] for e in entries[1:]] == [e["hash"] for e in entries[:-1]]
    assert found["head"] == entries[-1]["hash"]
    assert entries[-1]["text"].startswith("Resolved (unconfirmed)")


async def test_pages_are_newest_first_and_complete(site: Site) -> None:
    await fire(site, *(an_alert(site.clock.now(), model=f"m{n}") for n in range(120)))
    seen: list[str] = []
    params: dict[str, str] = {}
    sizes = []
    while True:
        page = (await get(site, "/api/incidents", params)).json()
        sizes.append(len(page["incidents"]))
        seen += [incident["id"] for incident in page["incidents"]]
        if page["next"] is None:
            break
        params = {"cursor": page["next"]}
        await fire(site, an_alert(site.clock.now(), model=f"meanwhile{len(seen)}"))
    assert sizes == [50, 50, 20]
    assert seen == [f"INC-{n}" for n in range(120, 0, -1)]


async def test_a_page_that_is_exactly_full_has_none_after_it(site: Site) -> None:
    await fire(site, *(an_alert(site.clock.now(), model=f"m{n}") for n in range(50)))
    assert (await get(site, "/api/incidents")).json()["next"] is None


async def test_filters_by_state_model_and_time_and_all_of_them(site: Site) -> None:
    first = an_alert(site.clock.now())
    await fire(site, first)
    await fire(site, over(first))
    site.clock.advance(minutes(60))
    await fire(site, replace(first, starts_at=site.clock.now()), an_alert(site.clock.now(), model="churn"))
    assert await refs(site) == ["INC-3", "INC-2", "INC-1"]
    assert await refs(site, state="resolved") == ["INC-1"]
    assert await refs(site, state="OPEN", model=FRAUD) == ["INC-2"]
    assert await refs(site, model="nobody") == []
    assert await refs(site, model="") == []
    assert await refs(site, since="2026-11-23T04:10:00Z") == ["INC-3", "INC-2"]
    assert await refs(site, since="2026-11-23T05:10:00+01:00", cursor="3") == ["INC-2"]
    assert await refs(site, cursor="0") == []
    answer = await site.ask("GET", "/api/incidents?since=2026-11-23T05:10:00+01:00")
    assert len(answer.json()["incidents"]) == 2


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("state=broken", "open, acknowledged, mitigated, resolved, closed"), ("since=yesterday", "2026-11-23T03:10:00Z"),
        ("since=2026-11-23T03:10:00", "zone"), ("since=0001-01-01T00:00:00%2B23:59", "zone"), ("since=", "zone"),
        ("cursor=x", "next"), ("cursor=-1", "next"), ("cursor=99999999999999999999", "next"), ("cursor=%C2%B2", "next"),
        ("limit=5", "state, model, since, cursor"), ("state=open&state=open", "once"), ("%3Cb%3E=1", "state, model"),
    ],
)  # fmt: skip
async def test_a_question_that_makes_no_sense_is_told_so(site: Site, query: str, says: str) -> None:
    answer = await site.ask("GET", f"/api/incidents?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_input")
    assert says in json.dumps(answer.json())
    assert answer.json()["not_done"] == "Nothing was looked up."


@pytest.mark.parametrize("path", ["/api/incidents/INC-1", "/api/incidents/INC-1/timeline", "/api/incidents/2147483647"])
async def test_what_is_not_there(site: Site, path: str) -> None:
    answer = await get(site, path)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize(
    "word", ["INC-", "INC-0", "0", "-1", "1.5", "INC-x", "2147483648", "9" * 30, "%C2%B2", "INC-INC-1", "1%00"]
)
async def test_what_is_no_incident(site: Site, word: str) -> None:
    for path in (f"/api/incidents/{word}", f"/api/incidents/{word}/timeline"):
        assert (await get(site, path)).status_code == 400


@pytest.mark.parametrize(
    "path", ["/api/incidents", "/api/incidents/INC-1", "/api/incidents/INC-1/timeline", "/api/incidents?state=x"]
)
async def test_the_token_is_needed_before_anything_is_said(site: Site, path: str) -> None:
    await fire(site, an_alert(site.clock.now()))
    for header in (None, "Bearer wrong", f"Bearer {TOKEN}x", "Bearer "):
        answer = await site.ask("GET", path, headers={} if header is None else {"authorization": header})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert FRAUD not in answer.text


async def test_a_store_that_is_closed_is_said_to_be(site: Site) -> None:
    await site.store.close()
    answer = await get(site, "/api/incidents")
    assert (answer.status_code, answer.json()["error"], answer.headers["retry-after"]) == (503, "unavailable", "5")


class Surprising(SqlStore):
    """A store that meets what nobody thought of."""

    async def read(self, look: object) -> Never:
        raise RuntimeError("a secret detail")


async def test_what_nobody_thought_of_is_a_fault_with_a_reference_and_no_detail(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.store = Surprising(f"sqlite:///{tmp_path / 'other.db'}", site.clock)
    async with site.client() as client:
        answer = await client.get("/api/incidents", headers=BEARER)
        figures = (await client.get("/metrics")).text
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret" not in answer.text
    what = answer.json()["what"]
    assert what.startswith("Something went wrong here (reference ")
    assert what.partition("reference ")[2][:8] in caplog.text
    assert "a secret detail" in caplog.text
    assert "mlops_bot_http_errors_total 1.0" in figures
