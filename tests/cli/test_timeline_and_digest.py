"""`timeline export`, `timeline verify` and `digest` as a person types them: real processes, a real database."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import main
from tests.usecases.world import MIKA, World

CONFIGURATION = """\
models:
  fraud-detector:
    environments:
      production:
        registry: {integration: mlflow, alias: champion}
integrations:
  mlflow: {url: "http://127.0.0.1:9"}
"""


async def lived_in(folder: Path) -> Path:
    """A folder in which the bot has run: its database holds one incident."""
    world = World(folder / "mlops-bot.db")
    await world.open()
    number = await world.fire()
    await world.say(f"ack INC-{number}", MIKA)
    await world.say(f"note INC-{number} it is <b>amount</b>; =1+1", MIKA)
    await world.close()
    return folder


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    return await lived_in(tmp_path)


def bot(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLOPS_BOT")}
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-m", "bot", *words], cwd=folder, env={**environment, "PYTHONPATH": str(root)},
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip


async def test_an_export_verifies_where_there_is_nothing_but_the_file(folder: Path, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    made = bot(folder, "timeline", "export", "INC-1", "--format", "html", "--output", str(elsewhere / "INC-1.html"))
    assert (made.returncode, made.stderr) == (0, b"")
    found = bot(elsewhere, "timeline", "verify", "INC-1.html")
    assert found.returncode == 0
    assert found.stdout.startswith(b"intact: INC-1, ")
    assert [path.name for path in elsewhere.iterdir()] == ["INC-1.html"]


async def test_standard_output_is_the_file_byte_by_byte(folder: Path) -> None:
    made = bot(folder, "timeline", "export", "INC-1", "--format", "csv")
    assert made.returncode == 0
    (folder / "piped").write_bytes(made.stdout)
    found = bot(folder, "timeline", "verify", "piped", "--json")
    assert found.returncode == 0
    assert json.loads(found.stdout)["tone"] == "done"


async def test_one_changed_byte_is_named_with_exit_code_1(folder: Path) -> None:
    bot(folder, "timeline", "export", "INC-1", "--output", "INC-1.md")
    data = (folder / "INC-1.md").read_bytes()
    (folder / "INC-1.md").write_bytes(data.replace(b"Mika Laine acknowledged", b"Mika Laine Acknowledged", 1))
    found = bot(folder, "timeline", "verify", "INC-1.md")
    assert (found.returncode, found.stderr) == (1, b"")
    assert b"BROKEN: line " in found.stdout
    assert b"(entry " in found.stdout
    machine = json.loads(bot(folder, "timeline", "verify", "INC-1.md", "--json").stdout)
    assert (machine["tone"], machine["title"][:12]) == ("refused", "BROKEN: line")


async def test_a_row_that_was_changed_behind_the_bots_back_is_named(folder: Path) -> None:
    assert bot(folder, "timeline", "verify", "--all").returncode == 0
    with sqlite3.connect(folder / "mlops-bot.db") as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE timeline SET text = 'nothing happened' WHERE seq = 2")
    database.close()
    for what in ("INC-1", "--all"):
        found = bot(folder, "timeline", "verify", what)
        assert (found.returncode, found.stdout) == (1, b"BROKEN: INC-1: entry 2 was changed after it was written.\n")


@pytest.mark.parametrize(("words", "code", "said"), [
    (("timeline", "verify"), 2, "Give a file, an incident, or --all."),
    (("timeline", "verify", "INC-1", "--all"), 2, "Give a file, an incident, or --all."),
    (("timeline", "verify", "nowhere.md"), 1, "nowhere.md can't be read: No such file or directory.\nNothing was verified."),
    (("timeline", "verify", "."), 1, ". can't be read: Is a directory.\nNothing was verified."),
    (("timeline", "verify", "x" * 300), 1, "can't be read: File name too long.\nNothing was verified."),
    (("timeline", "verify", "/dev/zero"), 1, "BROKEN: zero is larger than 64 MB"),
    (("timeline", "verify", "mlops-bot.yaml"), 1, "BROKEN: mlops-bot.yaml is no export of a timeline"),
    (("timeline", "verify", "mlops-bot.db"), 1, "BROKEN: mlops-bot.db is n"),
    (("timeline", "verify", "INC-9"), 1, "There is no INC-9."),
    (("timeline", "export", "INC-9"), 1, "There is no INC-9.\nNothing was changed."),
    (("timeline", "export", "nonsense"), 1, "“nonsense” is no incident."),
    (("timeline", "export", "INC-1", "--format", "docx"), 1, "There is no export format “docx”.\nNothing was exported."),
    (("timeline", "export", "INC-1", "--format", "pdf"), 2, "Export as pdf is not built yet. Nothing was done."),
    (("timeline", "export", "INC-1", "--output", "no/such/folder.md"), 1, "no/such/folder.md can't be written: No such file"),
    (("digest", "weekly"), 2, "There are two digests: daily and maturity."),
    (("digest",), 2, "Missing argument"),
])  # fmt: skip
def test_what_can_not_be_done_is_said_in_sentences(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """In this process: starting sixteen would take a minute, and the door is the same."""
    asyncio.run(lived_in(tmp_path))
    (tmp_path / "mlops-bot.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mlops-bot", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    output = "".join(capfd.readouterr())
    assert (ended.value.code, said in output) == (code, True), output


async def test_digests_are_printed_for_people_and_for_machines(folder: Path) -> None:
    daily = bot(folder, "digest", "daily", "--print")
    assert (daily.returncode, daily.stderr) == (0, b"")
    assert daily.stdout.startswith(b"Daily digest ")
    assert b"1 open (worst sev2)" in daily.stdout
    machine = bot(folder, "digest", "maturity", "--json")
    assert machine.returncode == 0
    assert json.loads(machine.stdout)["title"] == "Maturity: no production model is configured."


async def test_a_registry_that_does_not_answer_is_a_finding(folder: Path) -> None:
    (folder / "mlops-bot.yaml").write_text(CONFIGURATION)
    made = bot(folder, "digest", "maturity", "--print")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(b"Maturity: level 0 of 4 (manual process), 1 production model")
    assert b"it could not be asked: mlflow can't be reached" in made.stdout


async def test_a_posted_digest_waits_for_slack(folder: Path) -> None:
    assert bot(folder, "digest", "daily", "--post").returncode == 0
    with sqlite3.connect(folder / "mlops-bot.db") as database:
        posts = database.execute("SELECT channel, waits FROM posts WHERE key LIKE 'digest:daily:%'").fetchall()
    database.close()
    assert posts == [("#ml-incidents", 1)]
