"""A timeline as a page: only through a signed link that ends, harmless whatever alerts say, and given out in Slack."""

import re
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot.app import page_links
from bot.config.loader import load
from bot.domain.models import PipelineRef
from bot.domain.operation import OperationState
from bot.domain.plan import OperationKind, TrainingRun
from bot.ports.clock import Clock
from bot.usecases.desk import Desk
from bot.usecases.reply import Link
from bot.web import signed_link, signing_key
from tests.unit.worlds import a_plan, an_operation
from tests.usecases.ingest_world import an_alert, over, setup
from tests.usecases.world import MIKA
from tests.web.conftest import BASE, TOKEN, Site
from tests.web.test_api import fire

WEEK = timedelta(days=7)


def link(site: Site, number: int = 1, holds: timedelta = WEEK, token: str = TOKEN) -> str:
    return signed_link(BASE, signing_key(token), number, site.clock.now() + holds)


async def opened(site: Site, address: str) -> httpx.Response:
    assert address.startswith(f"{BASE}/")
    return await site.ask("GET", address.removeprefix(BASE), headers={})


async def test_the_page_tells_the_whole_story(site: Site) -> None:
    alert = an_alert(site.clock.now(), url="https://prometheus.example/graph?a=1&b=2")
    await fire(site, alert)
    site.clock.advance(300)
    await fire(site, over(alert))
    answer = await opened(site, link(site))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    entries = await site.store.read(lambda tx: tx.timeline.of(1))
    assert len(re.findall(r'<li id="e\d+"', answer.text)) == len(entries)
    assert "resolved</strong> (unconfirmed)" in answer.text
    assert "The chain is intact" in answer.text
    assert 'href="https://prometheus.example/graph?a=1&amp;b=2"' in answer.text


RUN = TrainingRun(PipelineRef("airflow", "retrain_fraud"), (), None, "3", "challenger")
OPERATIONS = {
    "rollback of fraud-detector: version 3 → 2, succeeded": an_operation(OperationState.SUCCEEDED, incident=1),
    "retraining of fraud-detector: run of retrain_fraud, succeeded": an_operation(
        OperationState.SUCCEEDED, incident=1, kind=OperationKind.RETRAIN, plan=replace(a_plan(), aim=RUN)
    ),
}


@pytest.mark.parametrize("shown", OPERATIONS)
async def test_what_was_done_is_on_the_page_whatever_it_was(site: Site, shown: str) -> None:
    await fire(site, an_alert(site.clock.now()))
    await site.store.write(lambda tx: tx.operations.add(OPERATIONS[shown]))
    answer = await opened(site, link(site))
    assert answer.status_code == 200
    assert shown in answer.text


async def test_nothing_on_it_comes_from_elsewhere_or_runs(site: Site) -> None:
    await fire(site, an_alert(site.clock.now()))
    first, second = await opened(site, link(site)), await opened(site, link(site))
    nonces = [re.findall(r"'nonce-([^']+)'", answer.headers["content-security-policy"]) for answer in (first, second)]
    assert nonces[0] != nonces[1]
    assert re.findall(r'<style nonce="([^"]+)"', first.text) == nonces[0]
    assert "script" not in first.text
    assert not re.search(r"<(img|link|iframe|form|object)\b", first.text)
    assert " style=" not in first.text


async def test_hostile_text_is_shown_as_text(site: Site) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{ 7 * 7 }}</div>\u202e"
    names = {"model": hostile, "version": hostile, "environment": hostile, "severity": hostile}
    await fire(
        site,
        an_alert(site.clock.now(), hostile, labels=names, annotations={"summary": hostile}, url="javascript:alert(3)"),
    )
    page = (await opened(site, link(site))).text
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page
    assert not re.search(r'href="(?!https?://)', page)


async def test_a_link_ends(site: Site) -> None:
    await fire(site, an_alert(site.clock.now()))
    address = link(site)
    site.clock.advance(WEEK - timedelta(seconds=1))
    assert (await opened(site, address)).status_code == 200
    site.clock.advance(1)
    answer = await opened(site, address)
    assert answer.status_code == 403
    assert "This link does not open." in answer.text


async def test_a_link_that_is_not_ours_opens_nothing_and_tells_nothing(site: Site) -> None:
    await fire(site, an_alert(site.clock.now()), an_alert(site.clock.now(), model="churn"))
    good = link(site)
    query = good.partition("?")[2]
    wrong = [
        f"{BASE}/incidents/INC-1", f"{BASE}/incidents/INC-2?{query}", f"{BASE}/incidents/INC-1?{query}x", good[:-1],
        re.sub(r"e=\d+", "e=99999999999", good), re.sub(r"e=\d+", "e=", good), re.sub(r"e=\d+", "e=²", good),
        re.sub(r"s=.*", "s=", good), re.sub(r"s=.*", "s=%FF%00", good), link(site, token="another"), link(site, 999),
        f"{BASE}/incidents/INC-x?{query}", f"{BASE}/incidents/{'9' * 40}?{query}",
    ]  # fmt: skip
    answers = [await opened(site, address) for address in wrong]
    assert {answer.status_code for answer in answers} == {403}
    shown = {re.sub(r"nonce=\"[^\"]+\"", "", answer.text) for answer in answers}
    assert len(shown) == 1
    assert (await opened(site, good)).status_code == 200


async def test_a_damaged_timeline_is_said_to_be_damaged(site: Site, tmp_path: Path) -> None:
    await fire(site, an_alert(site.clock.now()))
    database = sqlite3.connect(tmp_path / "site.db")
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f"DROP TRIGGER {name}")
    database.execute("UPDATE timeline SET text = 'nothing happened' WHERE seq = 2")
    database.commit()
    database.close()
    answer = await opened(site, link(site))
    assert answer.status_code == 200
    assert "This timeline was altered." in answer.text
    assert "Entry 2 was changed after it was written." in answer.text
    assert "The chain is intact" not in answer.text


# ---------------------------------------------------------------- given out


def links(clock: Clock, token: str = TOKEN, **environ: str):
    return page_links(load(None, {f"MLOPS_BOT_{name}": value for name, value in environ.items()}), token, clock)


def given(reply) -> list[str]:
    return [part.url for part in reply.parts if isinstance(part, Link)]


async def test_a_timeline_that_is_asked_for_in_slack_gives_out_a_link_that_opens(site: Site) -> None:
    await fire(site, an_alert(site.clock.now()))
    page = links(site.clock, WEB__BASE_URL=BASE, EXPORT__LINK_TTL="2h")
    desk = Desk(site.store, setup(), site.systems, site.clock, nudge=lambda: None, page=page)
    for reply in (await desk.command("timeline INC-1", MIKA), await desk.press("incident.timeline", "INC-1", MIKA)):
        (address,) = given(reply)
        assert (await opened(site, address)).status_code == 200
    site.clock.advance(timedelta(hours=2))
    assert (await opened(site, address)).status_code == 403


@pytest.mark.parametrize(("environ", "token"), [({}, TOKEN), ({"WEB__BASE_URL": BASE}, "")])
async def test_without_an_address_or_a_token_none_is_given_out(site: Site, environ: dict[str, str], token: str) -> None:
    await fire(site, an_alert(site.clock.now()))
    page = links(site.clock, token, **environ)
    desk = Desk(site.store, setup(), site.systems, site.clock, nudge=lambda: None, page=page)
    reply = await desk.command("timeline INC-1", MIKA)
    assert reply.ok
    assert given(reply) == []
