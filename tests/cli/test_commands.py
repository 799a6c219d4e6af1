"""Commands as a person types them: what is for machines is for machines, and what can't be is said in a sentence."""

import json
import socket
from pathlib import Path

from tests.cli.test_timeline_and_digest import bot, lived_in
from tests.needs import needs

UNCONNECTED = (
    "models:\n  a: {environments: {p: {registry: {integration: mlflow}}, s: {registry: {integration: mlflow}}}}\n"
)


def test_check_for_machines_has_one_shape_whatever_it_finds(tmp_path: Path) -> None:
    config = tmp_path / "mlops-bot.yaml"
    config.write_text("people:\n  a: {name: A, roles: [nobody]}\n")
    faulty = bot(tmp_path, "check", "--json")
    found = json.loads(faulty.stdout)
    assert (faulty.returncode, found["ok"]) == (1, False)
    assert {(p["file"], p["line"], p["severity"]) for p in found["problems"]} >= {("mlops-bot.yaml", 2, "error")}
    config.write_text("")
    fine = bot(tmp_path, "check", "--json")
    assert (fine.returncode, json.loads(fine.stdout)["ok"]) == (0, True)


def test_check_counts_models_and_warns_of_one_that_nothing_can_be_asked_about(tmp_path: Path) -> None:
    (tmp_path / "mlops-bot.yaml").write_text(UNCONNECTED)
    said = bot(tmp_path, "check").stdout.decode()
    assert "ok: mlops-bot.yaml: 1 model, " in said
    assert "mlops-bot.yaml:2: warning: models.a.environments.p.registry.integration: mlflow has no section" in said


def test_a_manifest_for_http_needs_an_address_that_slack_can_reach(tmp_path: Path) -> None:
    (tmp_path / "mlops-bot.yaml").write_text("slack: {mode: http}\n")
    ran = bot(tmp_path, "manifest")
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert b"web.base_url" in ran.stderr
    (tmp_path / "mlops-bot.yaml").write_text("slack: {mode: http}\nweb: {base_url: 'https://bot.example'}\n")
    assert b"https://bot.example/slack/events" in bot(tmp_path, "manifest").stdout


async def test_a_file_in_an_answer_can_be_piped(tmp_path: Path) -> None:
    folder = await lived_in(tmp_path)
    (folder / "mlops-bot.yaml").write_text(
        "people: {mika: {name: Mika, roles: [data_scientist, ml_engineer, devops_mlops_engineer, data_engineer, product_manager]}}\n"
    )
    ran = bot(folder, "do", "timeline INC-1 export json", "--as", "mika")
    (folder / "piped.json").write_bytes(ran.stdout)
    assert b"Timeline of INC-1 as json" in ran.stderr
    assert bot(folder, "timeline", "verify", "piped.json").stdout.startswith(b"intact: INC-1")


def test_a_port_that_is_none(tmp_path: Path) -> None:
    for command in ("demo", "sandbox"):
        ran = bot(tmp_path, command, "--port", "99999")
        assert ran.returncode == 2
        assert b"Traceback" not in ran.stderr


@needs("mlflow", "bentoml")
def test_a_demo_does_not_take_a_stranger_for_its_workspace(tmp_path: Path) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        ran = bot(tmp_path, "demo", "--port", str(port))
    said = " ".join(ran.stderr.decode().split())
    assert ran.returncode == 1
    assert f"The Slack workspace can't listen on 127.0.0.1:{port}: Address already in use." in said
    assert "Traceback" not in said
