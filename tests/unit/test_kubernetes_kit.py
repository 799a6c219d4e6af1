"""Who the bot is in a cluster: tokens that are renewed, what a pod is given, and settings that contradict themselves."""

from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from bot.domain.errors import BadInput, Unauthorized
from bot.kit.http import HttpClients, Limits
from bot.kit.kubernetes import ClusterSettings, Kind, connect
from tests.unit.test_tls import certificate

PODS = Kind("example.com", "v1", "things")


class Cluster:
    """Answers every request, and remembers it."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.clients = HttpClients(limits=Limits(attempts=1), transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json={"gitVersion": "v1.31.0", "items": None})

    @property
    def tokens(self) -> list[str | None]:
        return [request.headers.get("authorization") for request in self.requests]


def settings(**given: object) -> ClusterSettings:
    return ClusterSettings.model_validate({"server": "https://kubernetes.example:6443", **given})


async def test_a_token_is_read_again_before_every_request(tmp_path: Path) -> None:
    cluster, file = Cluster(), tmp_path / "token"
    file.write_text("token-of-the-morning\n")
    kube = connect(settings(token_file=str(file)), cluster.clients, "kserve")
    await kube.release()
    file.write_text("token-of-the-evening")
    await kube.release()
    assert cluster.tokens == ["Bearer token-of-the-morning", "Bearer token-of-the-evening"]


@pytest.mark.parametrize("content", [None, b"", b" \n", b"two words", b"\xff\xfe", "tök".encode()])
async def test_a_file_without_a_token_stops_the_request(tmp_path: Path, content: bytes | None) -> None:
    cluster, file = Cluster(), tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    kube = connect(settings(token_file=str(file)), cluster.clients, "kserve")
    with pytest.raises(Unauthorized, match="can't be read") as told:
        await kube.release()
    assert told.value.not_done == "Nothing was sent."
    assert cluster.requests == []


async def test_a_pod_has_all_it_needs(tmp_path: Path) -> None:
    certificate(tmp_path, "ca")
    (tmp_path / "token").write_text("token-of-the-pod")
    (tmp_path / "namespace").write_text("bots\n")
    cluster = Cluster()
    kube = connect(settings(server="in-cluster"), cluster.clients, "kserve", account=tmp_path)
    assert kube.namespace == "bots"
    await kube.list(PODS, "bots")
    assert cluster.tokens == ["Bearer token-of-the-pod"]
    assert str(cluster.requests[0].url).startswith(
        "https://kubernetes.default.svc/apis/example.com/v1/namespaces/bots/"
    )
    own = settings(server="in-cluster", token="token-of-mine", namespace="ml")
    kube = connect(own, cluster.clients, "kserve", account=tmp_path)
    await kube.release()
    assert (kube.namespace, cluster.tokens[-1]) == ("ml", "Bearer token-of-mine")


def test_elsewhere_than_in_a_pod_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="The bot runs in no pod") as told:
        connect(settings(server="in-cluster"), Cluster().clients, "kserve", account=tmp_path)
    assert "integrations.kserve" in told.value.next_step
    with pytest.raises(BadInput, match=r"ca\.crt is not there"):
        connect(settings(server="in-cluster", namespace="ml"), Cluster().clients, "kserve", account=tmp_path)


async def test_a_cluster_may_want_no_token() -> None:
    cluster = Cluster()
    await connect(settings(server="http://127.0.0.1:8001"), cluster.clients, "kserve").release()
    assert cluster.tokens == [None]


@pytest.mark.parametrize(
    "given",
    [
        {"token": "token-of-mine", "token_file": "/run/token"},
        {"server": "kubernetes.example"},
        {"server": ""},
        {"namespace": "Team A"},
        {"namespace": "-a"},
        {"token": ""},
        {"token_file": "token"},
        {"ca_file": "../ca.crt"},
    ],
)
def test_settings_that_can_not_be_right_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**given)


def test_a_name_can_not_lead_elsewhere() -> None:
    assert PODS.path("ml", "a/b?c") == "/apis/example.com/v1/namespaces/ml/things/a%2Fb%3Fc"
    for namespace, name in (("ml", ".."), ("..", "a"), (".", ""), ("", "a")):
        with pytest.raises(BadInput):
            PODS.path(namespace, name)
