"""The commands that a person types: each is listed, calls what exists, and says what is missing on a bare machine."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Makefile").read_text()
PROMISED = ("demo", "test", "check", "fix", "docs", "bench", "setup", "lock", "clean")
"""Targets for people."""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def fake_python(folder: Path, text: str) -> str:
    program = folder / "python3"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return f"PYTHON={program}"


def test_make_alone_lists_every_target_that_is_for_people() -> None:
    listed = re.findall(r"^make (\w+)", make().stdout, re.MULTILINE)
    assert set(listed) == {*PROMISED, "help"}


@pytest.mark.parametrize("target", PROMISED)
def test_a_target_only_calls_what_the_locks_install(target: str) -> None:
    done = make("-n", "-j2", target)
    assert done.returncode == 0, done.stderr
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for program in re.findall(r"\.venv/bin/([\w-]+)", done.stdout):
        assert program in scripts or (ROOT / ".venv/bin" / program).exists(), program


def test_modules_and_scripts_that_it_names_exist() -> None:
    for module in set(re.findall(r"-m (\w+(?:\.\w+)+)", TEXT)):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
    for script in set(re.findall(r"\b((?:bot|tests)/[\w/-]+\.(?:py|sh))", TEXT)):
        assert (ROOT / script).exists(), script


def test_an_old_python_is_named_and_nothing_is_installed(tmp_path: Path) -> None:
    old = fake_python(tmp_path, '[ "$1" = --version ] && echo "Python 3.9.2" && exit 0; exit 1')
    done = make(old, "setup")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.2" in done.stderr
    assert "Nothing was installed" in done.stderr
    assert "make PYTHON=python3.12" in done.stderr


def test_a_missing_venv_module_is_named_with_its_package(tmp_path: Path) -> None:
    bare = fake_python(tmp_path, 'case "$2" in *ensurepip*) exit 1 ;; *) exit 0 ;; esac')
    done = make(bare, "setup")
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stderr
    assert "Nothing was installed" in done.stderr


def test_the_pipeline_does_what_a_person_would_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if line.startswith("make")] == ["make check", "make test"]
    assert "export CI=true" in lines
    assert len(lines) == 5  # the other two stop at the first failure, and go to the project's folder
    assert script.stat().st_mode & 0o111
