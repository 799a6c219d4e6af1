"""Installed from a wheel, away from any checkout, nothing is missing."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from bot.demo.environments import ROOT

PARTS = ("bot", "integrations", "sandbox", "runbooks", "pyproject.toml", "README.md")
PACKAGES = ("bot", "integrations", "sandbox")


def run(*command: object, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_BOT_", "PYTHON", "PIP_"))}
    ran = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=100, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a checkout holds, copied, so that building leaves nothing in ours."""
    copy = tmp_path_factory.mktemp("wheel") / "source"
    copy.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(ROOT / part, copy / part)
    return copy


@pytest.fixture(scope="module")
def installed(source: Path) -> Path:
    """An environment that has the wheel, and what it depends on by way of ours."""
    base = source.parent
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", source, "--no-deps", "--no-build-isolation", "--no-index", "-w", base / "dist", cwd=base)
    where = base / "env"
    venv.create(where, symlinks=True, with_pip=False)
    python = where / "bin" / "python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", *(base / "dist").glob("*.whl"), cwd=base)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=base).strip())
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return where


def test_nothing_is_left_behind(source: Path, installed: Path) -> None:
    packages = next((installed / "lib").glob("python*/site-packages"))
    here = [path.relative_to(source) for part in PACKAGES for path in (source / part).rglob("*") if path.is_file()]
    assert [str(path) for path in here if not (packages / path).is_file()] == []
    there = {path.name for path in (installed / "share" / "mlops-bot" / "runbooks").iterdir()}
    assert there == {path.name for path in (source / "runbooks").glob("*.md")}


def test_it_finds_what_it_ships(installed: Path, tmp_path: Path) -> None:
    bot = installed / "bin" / "mlops-bot"
    said = run(bot, "check", cwd=tmp_path)
    assert re.search("[1-9][0-9]* runbooks", said), said
    assert "not installed" not in said
    assert str(installed) in run(installed / "bin" / "python", "-c", "import bot; print(bot.__file__)", cwd=tmp_path)
    assert "alertmanager" in run(bot, "integrations", cwd=tmp_path)
    assert "a quiet day" in run(bot, "digest", "daily", cwd=tmp_path), "the database is made, by the migrations"
    assert "slash_commands" in run(bot, "manifest", cwd=tmp_path)
    assert "--port" in run(installed / "bin" / "python", "-m", "sandbox", "--help", cwd=tmp_path)
