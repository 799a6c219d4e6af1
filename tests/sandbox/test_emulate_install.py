"""`tests/sandbox/emulate/install.sh` with an npm that only takes notes: once a lock, and quiet where it can't be had."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "emulate"


@dataclass(frozen=True)
class Machine:
    """A folder with the script and its lock, on a machine with these programs."""

    folder: Path

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def install(self) -> subprocess.CompletedProcess[str]:
        for needed in ("cmp", "cp", "dirname", "mkdir"):
            self.program(needed, f'exec {shutil.which(needed)} "$@"')
        env = {**os.environ, "PATH": str(self.folder / "bin"), "NOTES": str(self.folder / "notes")}
        shell = shutil.which("sh")
        assert shell is not None
        command = [shell, str(self.folder / "install.sh")]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)

    @property
    def notes(self) -> list[str]:
        notes = self.folder / "notes"
        return notes.read_text().splitlines() if notes.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for name in ("install.sh", "package-lock.json"):
        shutil.copy(HERE / name, tmp_path)
    made = Machine(tmp_path)
    made.program("uname", "echo Linux x86_64")
    return made


def test_it_is_installed_once_and_anew_when_the_lock_has_changed(machine: Machine) -> None:
    machine.program("npm", 'echo "$*" >> "$NOTES"; mkdir -p node_modules')
    first, second = machine.install(), machine.install()
    assert (first.returncode, second.returncode) == (0, 0)
    assert "Installing emulate" in first.stdout
    assert second.stdout == ""
    assert len(machine.notes) == 1
    assert machine.notes[0].startswith("ci --ignore-scripts ")
    (machine.folder / "package-lock.json").write_text("{}")
    machine.install()
    assert len(machine.notes) == 2


def test_a_failure_stops_nothing_and_is_tried_again_the_next_time(machine: Machine) -> None:
    machine.program("npm", 'echo "$*" >> "$NOTES"; mkdir -p node_modules; echo "no network" >&2; exit 1')
    done = machine.install()
    assert done.returncode == 0
    assert "no network" in done.stderr
    assert "The tests that need it are skipped, and listed at the end" in done.stderr
    machine.install()
    assert len(machine.notes) == 2


def test_nothing_happens_without_npm(machine: Machine) -> None:
    done = machine.install()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_happens_on_a_machine_for_which_there_is_no_node(machine: Machine) -> None:
    machine.program("uname", "echo Linux aarch64")
    machine.program("npm", 'echo "$*" >> "$NOTES"')
    done = machine.install()
    assert (done.returncode, machine.notes) == (0, [])


def test_the_lock_holds_a_hash_for_everything_and_no_address() -> None:
    lock = (HERE / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')
