"""Anything at all, to every source: never a fault of ours, and never lost."""

import asyncio
import json
import tempfile
from pathlib import Path
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integrations.deliveries import load, names
from tests.integrations.test_samples import json_values
from tests.web.conftest import BEARER, SLUGS, a_site

HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "content-type",
            "ce-id",
            "ce-type",
            "ce-source",
            "ce-specversion",
            "ce-time",
            "x-timestamp",
            "x-model-name",
            "user-agent",
        ]
    ),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40),
    max_size=4,
)
QUERIES = st.dictionaries(
    st.sampled_from(["model", "version", "timestamp", "sample_size", "x"]), st.text(max_size=20), max_size=3
)


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def cut(slug: str, place: int, flip: int) -> bytes:
    """A real body with one byte changed."""
    body = bytearray(load(slug, names(slug)[place % len(names(slug))]).body)
    body[flip % len(body)] = flip % 256
    return bytes(body)


bodies = st.binary(max_size=400) | json_values.map(as_bytes)
questions = st.tuples(st.sampled_from(SLUGS), bodies, HEADERS, QUERIES)
changed = st.tuples(st.sampled_from(SLUGS), st.integers(0, 50), st.integers(0, 100_000)).map(
    lambda one: (one[0], cut(*one), {}, {})
)


@settings(max_examples=25, deadline=None)
@given(st.lists(questions | changed, min_size=1, max_size=25))
def test_every_delivery_is_answered_and_leaves_a_row(
    asked: list[tuple[str, bytes, dict[str, str], dict[str, str]]],
) -> None:
    async def check(path: Path) -> None:
        async with a_site(path) as site, site.client() as client:
            for count, (slug, body, headers, query) in enumerate(asked, start=1):
                words = "&".join(f"{name}={quote(text, errors='replace')}" for name, text in query.items())
                answer = await client.post(f"/alerts/{slug}?{words}", content=body, headers={**headers, **BEARER})
                assert answer.status_code == 200, answer.text
                assert answer.json()["status"] in {"taken", "dead letter"}
                assert await site.deliveries() == count
            kept = {(slug, body) for slug, _, body in await site.dead() if body is not None}
            sent = {(slug, body) for slug, body, *_ in asked}
            assert kept <= sent
            # Whatever was taken can be shown: nothing in the store can't be read back.
            listed = await client.get("/api/incidents", headers=BEARER)
            assert listed.status_code == 200
            for incident in listed.json()["incidents"]:
                timeline = await client.get(f"/api/incidents/{incident['id']}/timeline", headers=BEARER)
                assert timeline.json()["intact"] is True

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder) / "fuzz.db"))
