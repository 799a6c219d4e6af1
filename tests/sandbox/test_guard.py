"""Another site's page can neither act here nor read; apps, programs and our own page can."""

import pytest

from .conftest import INCIDENTS, World

ACT = {"user": "mika", "channel": INCIDENTS, "text": "said"}


async def test_the_own_page_and_programs_may(world: World) -> None:
    assert (await world.http.post("/sandbox/message", json=ACT)).is_success
    assert (await world.http.post("/sandbox/message", json=ACT, headers={"Origin": world.url})).is_success
    port = world.url.rpartition(":")[2]
    by_name = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert (await world.http.post("/sandbox/message", json=ACT, headers=by_name)).is_success
    assert len(world.texts()) == 3


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://["])
async def test_a_page_of_another_site_may_not_act(world: World, origin: str) -> None:
    answer = await world.http.post("/sandbox/message", json=ACT, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert world.messages() == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "[", "127.0.0.1.evil.example"])
async def test_a_name_that_was_made_to_point_here_may_not_read(world: World, host: str) -> None:
    answer = await world.http.get("/sandbox/messages", params={"channel": INCIDENTS}, headers={"Host": host})
    assert answer.status_code == 403
