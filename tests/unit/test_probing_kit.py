"""The kit's probes: what is sent, what counts as a version, and that no answer whatever is more than evidence."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.domain.models import Probe
from bot.kit.httpauth import bearer
from bot.kit.probing import Answered, ask, plain, versions_at
from tests.integrations.answering import Answering

URL = "http://model.example"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


async def answered(answer: tuple[int, object] | httpx.TransportError, *probes: Probe, **names: str) -> Answered:
    system = Answering({"/v2/models/a/b": answer, "/predict": answer, "/other": (200, {"v": 8})})
    return await ask(system.clients()(URL, system="models"), probes, names)


async def test_a_get_or_a_post_of_its_body() -> None:
    system = Answering({"/predict": (200, {"version": 3})})
    http = system.clients()(URL, system="models")
    for probe in (Probe("/predict", "version"), Probe("/predict", "version", '{"rows": [[1, 2.5]]}')):
        assert (await ask(http, [probe])).version == "3"
    assert [(request.method, request.content) for request in system.asked] == [
        ("GET", b""), ("POST", b'{"rows":[[1,2.5]]}'),
    ]  # fmt: skip


async def test_names_stand_in_the_path_and_lead_nowhere_else() -> None:
    seen = await answered((200, {"versions": ["3"]}), Probe("/v2/models/{name}", "versions"), name="a/b")
    assert seen == Answered(("3",), "/v2/models/a%2Fb answers as version 3")


@pytest.mark.parametrize(
    ("answer", "version", "ill", "reached", "said"),
    [
        ((200, {"v": "v3"}), "3", False, True, "/predict answers as version 3"),
        ((200, {"v": ["3", "v3"]}), "3", False, True, "/predict answers as version 3"),
        ((200, {"v": ["3", 2]}), None, False, True, "/predict answers as versions 3, 2"),
        ((200, {"w": 3}), None, False, True, "/predict names no version at v"),
        ((200, b"OK"), None, False, True, "the answer of /predict can't be used: "),
        ((200, b"["), None, False, True, "the answer of /predict can't be used: "),
        ((200, b"x" * 9_000_000), None, False, True, "the answer of /predict can't be used: "),
        ((204, b""), None, True, True, "/predict is answered with 204"),
        ((302, b""), None, True, True, "/predict is answered with 302"),
        ((401, {"message": "who are you?"}), None, True, True, "/predict is answered with 401: who are you?"),
        ((500, {"v": "3"}), None, True, True, "/predict is answered with 500"),
        (httpx.ConnectError("refused"), None, False, False, "/predict can't be asked: "),
        (httpx.ReadTimeout("slow"), None, False, False, "/predict can't be asked: "),
    ],
)
async def test_whatever_is_answered_is_told(
    answer: tuple[int, object] | httpx.TransportError, version: str | None, ill: bool, reached: bool, said: str
) -> None:
    seen = await answered(answer, Probe("/predict", "v"))
    assert (seen.version, seen.ill, seen.reached) == (version, ill, reached)
    assert seen.said.startswith(said)


async def test_one_without_a_version_must_only_be_answered() -> None:
    assert await answered((200, b"anything"), Probe("/predict")) == Answered(said="/predict is answered")


async def test_several_are_asked_and_must_agree() -> None:
    seen = await answered((200, {"v": 3}), Probe("/predict", "v"), Probe("/other", "v"))
    assert (seen.version, seen.versions) == (None, ("3", "8"))
    assert seen.said == "/predict answers as version 3; /other answers as version 8"
    assert (await answered((200, {"v": 8}), Probe("/predict", "v"), Probe("/other", "v"))).version == "8"
    assert (await answered((503, b""), Probe("/predict"), Probe("/other", "v"))).ill


async def test_no_secret_is_told() -> None:
    system = Answering({"/predict": (500, {"message": "Bearer s3cret-token is no good"})})
    http = system.clients()(URL, system="models", auth=bearer(SecretStr("s3cret-token")))
    assert "s3cret-token" not in (await ask(http, [Probe("/predict")])).said


@pytest.mark.parametrize(
    ("value", "place", "versions"),
    [
        ({"model": {"version": "3"}}, "model.version", ("3",)),
        ({"outputs": [{"v": 7}]}, "outputs.0.v", ("7",)),
        ({"versions": ["1", "2", "1"]}, "versions", ("1", "2")),
        ({"versions": ["1", "2"]}, "versions.1", ("2",)),
        ({"versions": ["1"]}, "versions.1", ()),
        ({"0": {"1": "5"}}, "0.1", ("5",)),
        ({"v": True}, "v", ()),
        ({"v": None}, "v", ()),
        ({"v": {"x": 1}}, "v", ()),
        ({"v": [[1], {"a": 1}, None, "x" * 500, "4"]}, "v", ("4",)),
        ([{"v": "v12"}], "0.v", ("12",)),
        ("3", "v", ()),
    ],
)
def test_where_a_version_stands(value: object, place: str, versions: tuple[str, ...]) -> None:
    assert versions_at(value, place) == versions


@given(JSON, st.text(alphabet="ab01.²", min_size=1, max_size=8))
def test_any_answer_names_short_printable_versions_or_none(value: object, place: str) -> None:
    for version in versions_at(value, place):
        assert 0 < len(version) <= 128
        assert version.isprintable()
        assert plain(version) in {version, version[1:]}
