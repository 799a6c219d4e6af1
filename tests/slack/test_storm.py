"""A storm: twenty problems in ten seconds are readable at once, and each ends with one card; Slack refuses nothing."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.alert import AlertStatus
from bot.domain.post import Lane, Post, PostKind
from bot.domain.timeline import Kind
from bot.ports.store import Transaction
from bot.slack.projector import Projector
from bot.slack.render import TEAM_URL
from bot.slack.shared import Shared
from bot.usecases.reply import say, to_json
from tests.fakes.clock import FakeClock
from tests.slack.office import Json, incident_of, key_of
from tests.slack.reading import buttons, text
from tests.slack.storming import Sky, sky
from tests.usecases.world import DEVI, MIKA, World, a_setup

PROBLEMS = 20
EACH = 50
"""Alerts of one problem."""


def final(card: Json) -> bool:
    return f"{EACH} alerts, {EACH} firing" in text(card)


async def look(one: Sky, met: dict[str, float]) -> None:
    """Note what can be seen for the first time."""
    if "first" not in met and await one.here.messages():
        met["first"] = one.seconds
    if "readable" not in met and len(await one.readable()) >= PROBLEMS:
        met["readable"] = one.seconds
    if "final" not in met and one.seconds > 9:
        cards = await one.cards()
        if len(cards) >= PROBLEMS and sum(map(final, cards.values())) >= PROBLEMS:
            met["final"] = one.seconds


@pytest.mark.parametrize("together", [True, False], ids=["each body has all of them", "each body is of one"])
async def test_twenty_problems_in_ten_seconds(tmp_path: Path, together: bool) -> None:
    async with sky(tmp_path) as one:
        met: dict[str, float] = {}
        for number in range(EACH):
            if together:
                await one.send(*(one.fire(problem, number) for problem in range(PROBLEMS)))
                await one.step(0.2)
            else:  # twice as many bodies, and in the first second one new problem after the other
                problems = [(number * 2 + half) % PROBLEMS for half in (0, 1)]
                for problem in problems:
                    alerts = (one.fire(problem, number * 100 + extra) for extra in range(EACH // 5))
                    await one.send(*alerts)
                    await one.step()
            await look(one, met)
        while one.seconds < 60 and "final" not in met:
            await one.step()
            await look(one, met)
        await one.until_quiet()
        assert met["first"] <= 1
        assert met["readable"] <= 5
        assert met["final"] <= 30
        assert len(await one.here.calls()) <= 60
        assert await one.refused() == []
        assert all(map(final, (await one.cards()).values()))
        (summary,) = await one.storms()
        assert "All 20 have their card now." in text(summary)
        assert text(summary).count(f"{EACH} alerts, {EACH} firing") == PROBLEMS


async def test_few_problems_are_cards_and_nothing_else(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        for problem in range(4):
            await one.send(one.fire(problem, 0))
            await one.step()
        await one.until_quiet()
        assert len(await one.cards()) == 4
        assert await one.storms() == []


async def test_a_new_incident_costs_its_channel_one_message(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        await one.send(one.fire(0, 0))
        await one.work()
        posts = [c["arguments"]["channel"] for c in await one.here.calls("chat.postMessage")]
        assert Counter(posts)["C0INCIDENT"] == 1
        assert len(posts) == len(set(posts)), "the pages are in channels of their own, in the same round"


async def test_a_sev1_in_the_middle_has_its_page_and_its_card_within_two_seconds(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        await one.send(*(one.fire(problem, 0) for problem in range(PROBLEMS)))
        for _ in range(30):
            await one.step()
        await one.send(one.fire(99, 0, "critical"))
        begun, number = one.seconds, PROBLEMS + 1
        page = None
        while page is None or f"INC-{number}" not in await one.cards():
            assert one.seconds <= begun + 2
            await one.step()
            page = next((m for m in await one.here.messages("@mika") if key_of(m) == f"page:{number}:mika"), None)
        await one.until_quiet()
        assert await one.refused() == []


async def test_who_is_paged_for_many_gets_one_list_that_has_a_button_for_each(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        await one.here.world.store.write(lambda tx: tx.keys.put("slack", TEAM_URL, "https://example.slack.com/"))
        await one.send(*(one.fire(problem, 0) for problem in range(8)))
        await one.until_quiet()
        (paged,) = await one.here.messages("@mika")
        assert text(paged).count("[Acknowledge]") == 8
        assert text(paged).count("<https://example.slack.com/archives/C0INCIDENT/p") == 8
        assert (await one.here.world.post("page:3:mika")).told_elsewhere
        done = await one.here.world.press("incident.acknowledge", "INC-3", MIKA)
        assert done.ok
        await one.until_quiet()
        (paged,) = await one.here.messages("@mika")
        assert text(paged).count("[Acknowledge]") == 7
        assert "INC-3 sev3 · acknowledged" in text(paged)
        assert "with Mika Laine" in text(paged)


async def test_who_is_informed_of_many_ends_gets_one_list(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        await one.send(*(one.fire(problem, 0) for problem in range(8)))
        await one.until_quiet()
        await one.send(*(one.fire(problem, 0, status=AlertStatus.RESOLVED) for problem in range(8)))
        await one.until_quiet()
        informed = (await one.here.world.incident(1)).route.informed
        assert informed
        for person in {assignment.person for assignment in informed}:
            (told,) = [m for m in await one.here.messages(f"@{person}") if " over:" in key_of(m)]
            assert "8 problems at once, 8 sev3, 8 of them over" in text(told)
            assert text(told).count("resolved (unconfirmed)") == 8
            assert "[Acknowledge]" not in text(told)


async def test_that_a_list_reaches_nobody_is_noted_on_every_timeline(tmp_path: Path) -> None:
    setup = a_setup()
    people = tuple(replace(p, slack_id="U0NOSUCHONE") if p.id == "mika" else p for p in setup.people.people)
    setup = replace(setup, people=replace(setup.people, people=people))
    async with sky(tmp_path, World(tmp_path / "w.db", setup, FakeClock())) as one:
        await one.send(*(one.fire(problem, 0) for problem in range(5)))
        for _ in range(30):
            await one.step(1.0)
        for number in range(1, 6):
            notes = await one.here.world.timeline(number, Kind.NOTE)
            assert ["The page to Mika Laine did not reach them" in note.text for note in notes] == [True]


async def test_a_clock_that_is_set_back_pages_anew(tmp_path: Path) -> None:
    """A list that was sent “in the future” is not one that somebody has just been woken by."""
    async with sky(tmp_path) as one:
        await one.send(*(one.fire(problem, 0) for problem in range(5)))
        await one.work()
        assert len(await one.here.messages("@mika")) == 1

        def an_hour_ahead(tx: Transaction) -> None:
            shared = Shared.of(tx)
            storm = shared.storms["@mika"]
            shared.storms["@mika"] = replace(storm, opened=storm.opened + 3600)
            shared.keep(tx)

        await one.here.world.store.write(an_hour_ahead)
        await one.step(5.0)
        await one.send(one.fire(9, 0))
        await one.work()
        assert len(await one.here.messages("@mika")) == 2


async def test_the_worst_cards_come_first_and_the_summary_leads_to_them(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        await one.here.world.store.write(lambda tx: tx.keys.put("slack", TEAM_URL, "https://example.slack.com/"))
        severities = ["info", "warning", "high", "critical"]
        await one.send(*(one.fire(problem, 0, severities[problem % 4]) for problem in range(8)))
        await one.until_quiet()
        cards = sorted((await one.cards()).values(), key=lambda card: card["ts"])
        order = [next(s for s in ("sev1", "sev2", "sev3", "sev4") if s in text(card)) for card in cards]
        assert order == sorted(order)
        (summary,) = await one.storms()
        listed = text(summary)
        assert listed.count("<https://example.slack.com/archives/C0INCIDENT/p") == 8
        places = [listed.index(f"{incident_of(card)} ") for card in cards]
        assert places == sorted(places)


async def test_counts_that_change_all_the_time_are_edited_now_and_then(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        await one.send(one.fire(0, 0))
        await one.work()
        for number in range(1, 101):
            await one.send(one.fire(0, number))
            await one.step()
        edits = len(await one.here.calls("chat.update"))
        assert 1 <= edits <= 3, "in ten seconds, of a hundred deliveries"
        await one.step(1.0)
        assert "101 alerts, 101 firing" in text((await one.cards())["INC-1"])


async def test_an_acknowledgement_is_shown_at_once_however_many_counts_wait(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        for problem in range(30):
            await one.send(one.fire(problem, 0))
        await one.until_quiet()
        for number in range(1, 4):
            await one.send(*(one.fire(problem, number) for problem in range(30)))
            await one.step(1.0)
            await one.step(1.0)
        await one.here.world.press("incident.acknowledge", "INC-30", MIKA)
        await one.work()
        assert "acknowledged by Mika Laine" in text((await one.cards())["INC-30"])
        waits = await one.here.world.store.read(lambda tx: tx.posts.waiting())
        assert waits > 5, "the budget for counts is spent, and they wait"
        assert await one.refused() == []


async def test_a_flood_of_notices_does_not_keep_a_page_or_a_card_waiting(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        for number in range(40):
            body = to_json(say(f"notice {number}"))
            flood = Post(f"flood:{number}", PostKind.NOTICE, 0, "#ml-incidents", Lane.HOUSEKEEPING, body=body)
            more = replace(flood, key=f"flood:mika:{number}", channel="@mika")
            await one.here.world.store.write(lambda tx, f=flood, m=more: [tx.posts.want(f), tx.posts.want(m)])
        for _ in range(50):
            await one.step()
        await one.send(one.fire(0, 0))
        await one.work()
        assert "INC-1" in await one.cards()
        assert "page:1:mika" in [key_of(m) for m in await one.here.messages("@mika")]


# ---------------------------------------------------------------- outages


async def test_after_an_outage_one_message_tells_what_happened_meanwhile(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        one.here.sandbox.faults.lose_workspace(600.0)
        await one.send(one.fire(0, 0, "critical"))
        await one.step(1.0)
        await one.send(*(one.fire(problem, 0) for problem in (1, 2)))
        for _ in range(120):
            await one.step(1.0)
        backlog = (await one.here.world.desk.home(DEVI)).backlog
        assert backlog is not None
        assert backlog.told.endswith("updates wait for Slack since 03:10 UTC")
        assert "wait for Slack since 03:10 UTC" in str(await one.here.world.say("", DEVI))
        await one.resolve(1, 0)
        for _ in range(480):
            await one.step(1.0)
        before = len(await one.here.calls("chat.postMessage"))
        await one.until_quiet()
        (summary,) = await one.storms()
        said = text(summary)
        assert "3 problems while Slack was not reached" in said
        assert "INC-2 sev3 · resolved (unconfirmed)" in said
        assert "INC-1 sev1 · open" in said
        cards = await one.cards()
        assert len(cards) == 3
        assert "Status resolved" in text(cards["INC-2"])
        channel = [
            c for c in (await one.here.calls("chat.postMessage"))[before:] if c["arguments"]["channel"] == "C0INCIDENT"
        ]
        assert len(channel) <= 4, "three cards and the summary, each once"
        assert (await one.here.world.desk.home(DEVI)).backlog is None


async def test_while_slack_is_away_it_is_asked_now_and_then_and_not_with_every_post(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        one.here.sandbox.faults.lose_workspace(300.0)
        for problem in range(30):
            await one.send(one.fire(problem, 0))
        for _ in range(290):
            await one.step(1.0)
        tried = len(await one.here.calls())
        assert tried <= 50, "eight at first, then one each quarter of a minute"
        await one.until_quiet()
        assert len(await one.cards()) == 30
        assert len(await one.storms()) == 1
        assert await one.refused() == []


async def test_slack_that_is_slower_than_it_says_is_obeyed_and_nothing_is_doubled(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        chance = random.Random(7)
        for problem in range(12):
            method = chance.choice(["chat.postMessage", "chat.update"])
            await one.here.post("fault", kind="rate_limited", method=method, count=1, retry_after=chance.randint(1, 9))
            await one.send(one.fire(problem, 0))
            await one.step(0.5)
        await one.until_quiet()
        assert len(await one.cards()) == 12
        keys = [key_of(m) for channel in ("ml-incidents", "@mika", "@devi") for m in await one.here.messages(channel)]
        assert max(Counter(key for key in keys if key).values()) == 1


# ---------------------------------------------------------------- several, and dead ones


async def test_two_projectors_share_the_budget_and_the_work(tmp_path: Path) -> None:
    async with sky(tmp_path) as one:
        world = one.here.world
        one.more.append(Projector(world.store, world.setup, one.connection, world.clock, "another"))
        for number in range(10):
            await one.send(*(one.fire(problem, number) for problem in range(PROBLEMS)))
            await one.step(1.0)
        await one.until_quiet()
        assert len(await one.cards()) == PROBLEMS
        assert len(await one.storms()) == 1
        assert len(await one.here.messages("@mika")) == 1
        assert await one.refused() == []


@pytest.mark.parametrize("kept", [True, False], ids=["after the commit", "before the commit"])
@pytest.mark.parametrize("at", range(1, 13))
async def test_killed_at_any_commit(tmp_path: Path, at: int, kept: bool) -> None:
    """Six problems at once: the summary, the list that pages, the cards. Whatever is lost, each is there once."""
    async with sky(tmp_path) as one:
        dies = one.dying(at, kept=kept)
        await one.send(*(one.fire(problem, 0) for problem in range(6)))
        for _ in range(60):
            if dies.dead:
                break
            await one.step_of(dies.projector, 0.5)
        assert dies.dead, "it has fewer commits than that"
        await one.until_quiet()
        cards = await one.cards()
        assert len(cards) == 6
        assert len(await one.storms()) == 1
        assert len(await one.here.messages("@mika")) == 1
        assert "All 6 have their card now." in text((await one.storms())[0])
        assert all(buttons(card) for card in cards.values())
        assert await one.refused() == []
