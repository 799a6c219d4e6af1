"""`slack.adopt`: whose messages are read; what is wrong with it is said with its line."""

from pathlib import Path

import pytest

from bot import app
from bot.config.loader import ConfigFaults, load
from bot.domain.errors import BadInput
from bot.kit.http import HttpClients
from bot.ports.clock import SystemClock
from bot.slack.manifest import ADOPT_EVENTS
from bot.usecases.setup import Adoption
from tests.unit.test_config_loader import PEOPLE

KNOWN = ("alertmanager", "grafana", "mlflow", "evidently")


def written(tmp_path: Path, adopt: str) -> Path:
    path = tmp_path / "mlops-bot.yaml"
    path.write_text(f"{PEOPLE}slack:\n  adopt:\n{adopt}", encoding="utf-8")
    return path


def test_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, '    - {channel: "#alerts", integration: alertmanager, senders: [B0AM, A0AM]}\n'
                             "    - {channel: C0ALERTS, integration: grafana, senders: B0GRAFANA}\n")  # fmt: skip
    loaded = load(path, environ={}, integrations=KNOWN)
    assert loaded.setup.adoptions == (
        Adoption("#alerts", "alertmanager", frozenset({"B0AM", "A0AM"})),
        Adoption("C0ALERTS", "grafana", frozenset({"B0GRAFANA"})),
    )
    assert all(event in app.manifest(loaded) for event in ADOPT_EVENTS)


def test_nothing_is_read_by_default() -> None:
    loaded = load(None, environ={})
    assert loaded.setup.adoptions == ()
    assert not any(event in app.manifest(loaded) for event in ADOPT_EVENTS)


@pytest.mark.parametrize(
    ("adopt", "expected"),
    [
        ('    - {channel: "#alerts", integration: alertmanager}\n', "senders"),
        ('    - {channel: "#alerts", integration: alertmanager, senders: []}\n', "senders"),
        ('    - {channel: "#alerts", integration: alertmanager, senders: [U0DANA]}\n', "the id of a bot or an app"),
        ('    - {channel: "#alerts", integration: alertmanager, senders: ["*"]}\n', "the id of a bot or an app"),
        ('    - {channel: "alerts", integration: alertmanager, senders: [B0AM]}\n', "not a channel's name"),
        ('    - {channel: "#alerts", integration: alertmanger, senders: [B0AM]}\n', "did you mean “alertmanager”"),
        (
            "".join(f'    - {{channel: "#a", integration: {slug}, senders: [B0AM]}}\n' for slug in KNOWN[:2]),
            "what B0AM posts in #a is read by entry 1",
        ),
    ],
)
def test_a_fault_is_named(tmp_path: Path, adopt: str, expected: str) -> None:
    with pytest.raises(ConfigFaults) as caught:
        load(written(tmp_path, adopt), environ={}, integrations=KNOWN)
    told = [str(problem) for problem in caught.value.problems]
    assert any(expected in text for text in told), told


async def test_an_integration_that_reads_no_messages_is_refused_at_the_start(tmp_path: Path) -> None:
    path = written(tmp_path, '    - {channel: "#alerts", integration: evidently, senders: [B0AM]}\n')
    loaded = load(path, environ={}, integrations=KNOWN)
    clients = HttpClients()
    try:
        with pytest.raises(BadInput, match="evidently reads no messages") as caught:
            app._say_unreadable(loaded, app.connect(loaded, clients, SystemClock()))
    finally:
        await clients.aclose()
    assert "alertmanager, grafana" in caught.value.next_step
