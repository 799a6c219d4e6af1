"""A chart hangs once in its incident's thread, after the card and at the cost of nothing else, whatever goes wrong."""

import asyncio
from datetime import timedelta

import pytest

from bot.charts.studio import Studio
from bot.domain.alert import AlertStatus
from bot.domain.chart import DriftChart, TimeChart
from bot.domain.errors import Refused, Unreachable
from bot.ports.charts import NotDrawn, Wall
from bot.usecases.charting.charter import TRIES
from bot.usecases.charting.owed import Occasion
from tests.charts.drawn import facts
from tests.slack.exhibition import DRIFT, URL, Exhibition
from tests.slack.office import Office, until
from tests.usecases.world import MIKA, an_alert

COMPLETE = "files.completeUploadExternal"


@pytest.fixture
async def hall(here: Office) -> Exhibition:
    made = Exhibition(here)
    await here.start()
    return made


async def over(hall: Exhibition) -> None:
    """The alert ends."""
    world = hall.here.world
    await world.send(an_alert(world.clock, "ModelFeatureDrift", status=AlertStatus.RESOLVED, url=URL))
    await hall.here.caught_up()


# ---------------------------------------------------------------- the story


async def test_the_alerts_own_query_hangs_in_the_thread(hall: Exhibition) -> None:
    await hall.here.world.learn()
    number = await hall.incident()
    assert await hall.ring() == [], "the card goes first"
    hall.here.world.clock.advance(10)
    assert await hall.ring() == [Occasion.START]
    (message,) = await hall.pictures(number, 1)
    (file,) = message["files"]
    (chart,) = hall.drawing.drawn
    assert isinstance(chart, TimeChart)
    (asked,) = hall.measuring.asked
    assert asked == ("psi", chart.start, chart.end, chart.step)
    assert chart.end == hall.here.world.clock.now()
    assert (chart.title, chart.metric) == ("ModelFeatureDrift on fraud-detector", "psi")
    assert file["name"] == f"inc-{number}-course-start.png"
    assert file["title"] == f"INC-{number}: ModelFeatureDrift on fraud-detector"
    assert file["mimetype"] == "image/png"
    assert file["alt_txt"] == message["text"]
    assert "psi 0.31 at " in message["text"]
    assert "against a limit of 0.2; version 3 promoted by Mika Laine" in message["text"]
    assert await hall.owed() == []
    await hall.ring_for(10)
    assert len(await hall.pictures(number)) == 1


async def test_the_features_of_a_verdict_hang_beside_it_in_one_message(hall: Exhibition) -> None:
    number = await hall.incident(drift=DRIFT)
    hall.here.world.clock.advance(10)
    await hall.ring()
    (message,) = await hall.pictures(number, 1)
    assert [one["name"].split("-")[2] for one in message["files"]] == ["course", "drift"]
    bars = hall.drawing.drawn[1]
    assert isinstance(bars, DriftChart)
    assert [bar.name for bar in bars.bars] == ["amount", "country"]
    assert "1 of 2 features drifted by psi" in message["text"]


async def test_the_whole_course_hangs_there_when_it_is_over_once(hall: Exhibition) -> None:
    world = hall.here.world
    number = await hall.incident(drift=DRIFT)
    await hall.ring_for(1)
    await over(hall)
    await hall.ring_for(1)
    assert len(await hall.pictures(number)) == 1, "the measured value needs a moment"
    await hall.ring_for(1)
    first, second = await hall.pictures(number, 2)
    assert len(first["files"]) == 2
    assert [one["name"] for one in second["files"]] == [f"inc-{number}-course-end.png"]
    course = hall.drawing.drawn[-1]
    assert isinstance(course, TimeChart)
    assert course.ended == (await world.incident(number)).resolved_at
    await world.fire("ModelFeatureDrift", url=URL, starts_at=world.clock.now())
    await hall.ring_for(2)
    await over(hall)
    await hall.ring_for(5)
    assert len(await hall.pictures(number)) == 2


async def test_what_comes_back_meanwhile_gets_its_course_when_it_is_really_over(hall: Exhibition) -> None:
    world = hall.here.world
    number = await hall.incident()
    await hall.ring_for(1)
    await over(hall)
    await world.fire("ModelFeatureDrift", url=URL, starts_at=world.clock.now())
    await hall.ring_for(5)
    assert len(await hall.pictures(number)) == 1
    await over(hall)
    await hall.ring_for(3)
    await hall.pictures(number, 2)


async def test_it_is_really_drawn(hall: Exhibition) -> None:
    number = await hall.incident()
    hall.here.world.clock.advance(10)
    studio = Studio()
    hall.drawing = studio  # type: ignore[assignment]
    await hall.ring()
    await studio.close()
    (message,) = await hall.pictures(number, 1)
    found = await hall.here.http.get(message["files"][0]["url_private"])
    assert found.status_code == 200
    seen = facts(found.content)
    assert seen.size == (1000, 500)
    assert {"line", "limit", "incident", "change"} <= seen.inks or {"line", "limit", "incident"} <= seen.inks
    assert len(found.content) < 150_000


async def test_hostile_words_mention_nobody(hall: Exhibition) -> None:
    hall.measuring.labels = [{"__name__": "<!channel> & <@U0MLENG01>\n*x*"}]
    number = await hall.incident()
    hall.here.world.clock.advance(10)
    await hall.ring()
    (message,) = await hall.pictures(number, 1)
    assert message["text"].startswith("&lt;!channel&gt; &amp; &lt;@U0MLENG01&gt; *x* 0.31 at")


# ---------------------------------------------------------------- what is not owed


async def test_nothing_is_owed_where_charts_are_off_or_nobody_could_be_asked(hall: Exhibition) -> None:
    number = await hall.incident(url="")
    assert await hall.owed() == []
    elsewhere = await hall.here.world.fire("Other", model="churn", url="http://elsewhere:9090/graph?g0.expr=x")
    await hall.here.caught_up()
    hall.here.world.clock.advance(10)
    await hall.ring()
    assert await hall.done(elsewhere) == "there is nothing to draw"
    assert await hall.owed() == []
    await hall.here.world.say(f"resolve INC-{elsewhere}", MIKA)
    await hall.ring_for(3)
    assert await hall.done(elsewhere, Occasion.END) == "there was no first one"
    assert await hall.pictures(number) == []
    assert not await hall.here.calls("files.*")


async def test_a_process_that_does_not_draw_lets_it_be(hall: Exhibition) -> None:
    await hall.incident()
    hall.here.world.clock.advance(10)
    await hall.here.world.clockwork.timers()
    assert await hall.owed() == []


async def test_a_chart_waits_for_the_card_and_not_for_ever(hall: Exhibition) -> None:
    await hall.here.post("fault", kind="slack_error", method="chat.postMessage", error="not_in_channel")
    number = await hall.here.world.fire("ModelFeatureDrift", url=URL)
    looks = await hall.ring_for(5)
    assert not await hall.here.calls("files.*")
    assert hall.drawing.drawn == []
    looks += await hall.ring_for(80)
    assert looks < 20, "more and more rarely: in a storm there are many such"
    assert await hall.done(number) == "it could not be shown in time"
    assert await hall.owed() == []


# ---------------------------------------------------------------- once


@pytest.mark.parametrize("kind", ["lost_answer", "http_500", "http_503", "invalid_json", "empty_body", "timeout"])
@pytest.mark.parametrize("method", [COMPLETE, "files.*"])
async def test_exactly_one_picture(here: Office, kind: str, method: str) -> None:
    hall = Exhibition(here)
    await here.start(call_timeout=0.3 if kind == "timeout" else 5.0)
    number = await hall.incident()
    await here.post("fault", kind=kind, method=method, count=1)
    await hall.ring_for(6)
    await hall.pictures(number, 1)
    assert await hall.done(number) == "shown"
    await hall.ring_for(10)
    assert len(await hall.pictures(number)) == 1


async def test_the_process_ends_between_the_upload_and_its_result(hall: Exhibition) -> None:
    """What it did is seen in the thread, and not done again."""
    here = hall.here
    number = await hall.incident()
    here.world.clock.advance(10)
    hall.due.clear()
    await hall.clockwork.timers()
    await here.post("fault", kind="lost_answer", method=COMPLETE)
    keep = here.world.store.write
    held = asyncio.Event()

    async def never(decide):
        if decide.__code__.co_names[:1] == ("_keep",):
            held.set()
            await asyncio.Event().wait()
        return await keep(decide)

    here.world.store.write = never  # type: ignore[method-assign]
    task = asyncio.create_task(hall.charter().carry(number, Occasion.START))
    await asyncio.wait_for(held.wait(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await here.stop()
    await here.world.restart()
    await here.post("fault", kind="clear")
    other = Exhibition(here, "another")
    await here.start()
    await other.ring_for(2)
    assert await other.done(number) == "", "the first one may still be at it"
    await other.ring_for(2)
    assert await other.done(number) == "shown"
    assert len(await other.pictures(number)) == 1
    assert len(await here.calls(COMPLETE)) == 1
    assert other.drawing.drawn == []


async def test_what_was_surely_not_shown_is_shown_as_the_same_file(hall: Exhibition) -> None:
    number = await hall.incident()
    await hall.here.post("fault", kind="http_500", method=COMPLETE, count=1)
    await hall.ring_for(4)
    await hall.pictures(number, 1)
    files = [call["arguments"]["files"] for call in await hall.here.calls(COMPLETE)]
    assert len(files) == 2
    assert len({str(one) for one in files}) == 1
    assert len(hall.drawing.drawn) == 1


async def test_a_thread_that_cannot_be_seen_is_not_written_into_again(hall: Exhibition) -> None:
    number = await hall.incident()
    await hall.here.post("fault", kind="lost_answer", method=COMPLETE, count=1)
    await hall.here.post("fault", kind="http_503", method="conversations.replies", count=4)
    await hall.ring_for(25)
    assert await hall.done(number) == "shown"
    assert len(await hall.here.calls(COMPLETE)) == 1
    await hall.pictures(number, 1)


async def test_two_processes_show_one(hall: Exhibition) -> None:
    number = await hall.incident()
    hall.here.world.clock.advance(10)
    hall.due.clear()
    await hall.clockwork.timers()
    other = Exhibition(hall.here, "two")
    await asyncio.gather(*(h.charter().carry(number, Occasion.START) for h in (hall, other)))
    await hall.ring_for(10)
    await hall.pictures(number, 1)
    assert len(hall.drawing.drawn) + len(other.drawing.drawn) == 1


# ---------------------------------------------------------------- what goes wrong is only a missing picture


@pytest.mark.parametrize("code", ["missing_scope", "file_uploads_disabled", "storage_limit_reached"])
async def test_what_slack_does_not_take_is_said_once(
    hall: Exhibition, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    await hall.here.post("fault", kind="slack_error", method="files.*", error=code)
    number = await hall.incident()
    hall.here.world.clock.advance(10)
    charter = hall.charter()
    await charter.carry(number, Occasion.START)
    assert code in await hall.done(number)
    assert len([r for r in caplog.records if code in r.getMessage()]) == 1
    if code == "missing_scope":
        assert "files:write" in await hall.done(number)
    await hall.ring_for(10)
    assert len(await hall.here.calls("files.*")) == 1
    assert hall.here.sides[-1].fault() is None


async def test_slow_down_is_obeyed_and_everybody_else_is_told(hall: Exhibition) -> None:
    number = await hall.incident()
    await hall.here.post("fault", kind="rate_limited", method="files.getUploadURLExternal", count=1, retry_after=70)
    hall.here.world.clock.advance(10)
    await hall.ring()
    hall.here.world.clock.advance(65)
    await hall.ring()
    assert len(await hall.here.calls("files.getUploadURLExternal")) == 1
    await hall.ring_for(3)
    await hall.pictures(number, 1)


async def test_charts_leave_the_channel_to_what_matters_more(hall: Exhibition) -> None:
    number = await hall.incident()
    hall.here.world.clock.advance(10)
    hall.due.clear()
    await hall.clockwork.timers()
    gallery, card = hall.here.sides[-1].gallery, await hall.here.world.post(f"card:{number}")
    wall = Wall(card.channel, card.channel_id, card.ts)

    def spend(tx) -> float:
        return max(gallery.pay(tx, wall) for _ in range(3))

    assert await hall.here.world.store.write(spend) > 0
    await hall.charter().carry(number, Occasion.START)
    assert not await hall.here.calls("files.*")
    assert await hall.done(number) == "Slack's limits"
    await hall.ring_for(2)
    await hall.pictures(number, 1)


async def test_a_monitor_that_does_not_answer_is_asked_again_and_then_let_be(
    hall: Exhibition, caplog: pytest.LogCaptureFixture
) -> None:
    hall.measuring.fault = Unreachable("Prometheus does not answer.", system="prometheus")
    number = await hall.incident(drift=DRIFT)
    hall.here.world.clock.advance(10)
    charter = hall.charter()
    for _ in range(TRIES - 1):
        await charter.carry(number, Occasion.START)
        assert await hall.pictures(number) == []
    await charter.carry(number, Occasion.START)
    (message,) = await hall.pictures(number, 1)
    assert [one["name"] for one in message["files"]] == [f"inc-{number}-drift-start.png"]
    assert len([r for r in caplog.records if "Prometheus does not answer" in r.getMessage()]) == 1


async def test_a_query_that_is_refused_is_not_repeated(hall: Exhibition) -> None:
    hall.measuring.fault = Refused("bad_data: too many points", system="prometheus")
    number = await hall.incident()
    await hall.ring_for(10)
    assert len(hall.measuring.asked) == 1
    assert await hall.done(number) == "there is nothing to draw"


async def test_who_draws_breaks_off_and_another_try_is_made(hall: Exhibition) -> None:
    hall.drawing.fault = NotDrawn("it broke off")
    number = await hall.incident()
    hall.here.world.clock.advance(10)
    await hall.ring()
    assert "it broke off" in await hall.done(number)
    hall.drawing.fault = None
    await hall.ring_for(2)
    await hall.pictures(number, 1)


async def test_who_cannot_draw_is_not_asked_again(hall: Exhibition) -> None:
    hall.drawing.fault = NotDrawn("matplotlib can't be loaded", lasting=True)
    number = await hall.incident()
    await hall.ring_for(10)
    assert len(hall.drawing.drawn) == 1
    assert "can't be loaded" in await hall.done(number)


async def test_no_card_waits_for_a_picture(hall: Exhibition) -> None:
    """The process that draws hangs; the bot's other work goes on."""
    number = await hall.incident()
    hall.here.world.clock.advance(10)
    began, forever = asyncio.Event(), asyncio.Event()

    async def draw(chart) -> bytes:
        began.set()
        await forever.wait()
        raise NotDrawn("never")

    hall.drawing.draw = draw  # type: ignore[method-assign]
    charter = hall.charter()
    clockwork = hall.clockwork
    hall.due.clear()
    await charter.start()
    await clockwork.timers()
    for timer in hall.due:
        charter.want(timer)
        charter.want(timer)
    await asyncio.wait_for(began.wait(), 10)
    second = await hall.here.world.fire("Other", model="churn")
    await hall.here.caught_up()
    await hall.here.card(second)
    await hall.here.world.say(f"ack INC-{number}", MIKA)
    await hall.here.caught_up()
    await hall.here.card(number, "Mika Laine")
    await charter.stop()
    assert [timer.ref for timer in await hall.owed()] == [number]


async def test_the_background_goes_on_after_an_unexpected_error(
    hall: Exhibition, caplog: pytest.LogCaptureFixture
) -> None:
    number = await hall.incident()
    hall.here.world.clock.advance(10)
    hall.due.clear()
    await hall.clockwork.timers()
    draw, failed = hall.drawing.draw, []

    async def once(chart) -> bytes:
        if not failed:
            failed.append(chart)
            raise ZeroDivisionError
        return await draw(chart)

    hall.drawing.draw = once  # type: ignore[method-assign]
    charter = hall.charter()
    await charter.start()
    (timer,) = hall.due
    charter.want(timer)

    async def said() -> bool:
        return any("could not be made" in record.getMessage() for record in caplog.records)

    await until(said)
    hall.here.world.clock.advance(timedelta(minutes=3).total_seconds())
    await hall.clockwork.timers()
    charter.want(timer)
    await hall.pictures(number, 1)
    await charter.stop()
