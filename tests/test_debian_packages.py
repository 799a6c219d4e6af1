"""`tests/debian-packages.sh` with an apt-get that only takes notes: the order, one repetition, and nothing started."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("debian-packages.sh")

APT_GET = """#!/bin/sh
echo "$DEBIAN_FRONTEND $*" >> "$NOTES"
[ -e "$POLICY_RC_D" ] && "$POLICY_RC_D"; echo "a service may start: $?" >> "$NOTES"
[ "$(grep -c "$FAILS" "$NOTES")" -gt "${TIMES:-0}" ] || ! echo "$*" | grep -q "$FAILS"
"""


@dataclass(frozen=True)
class Debian:
    """A machine on which this script is root and apt-get fails as often as it is told."""

    folder: Path

    def run(
        self, *packages: str, user: int = 0, fails: str = "never", times: int = 0
    ) -> subprocess.CompletedProcess[str]:
        for name, text in {"apt-get": APT_GET, "id": f"#!/bin/sh\necho {user}\n"}.items():
            program = self.folder / name
            program.write_text(text)
            program.chmod(0o755)
        env = {
            **os.environ,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "NOTES": str(self.folder / "notes"),
            "POLICY_RC_D": str(self.policy),
            "FAILS": fails,
            "TIMES": str(times),
        }
        return subprocess.run(
            ["sh", SCRIPT, *packages], env=env, capture_output=True, text=True, timeout=30, check=False
        )

    @property
    def policy(self) -> Path:
        return self.folder / "policy-rc.d"

    @property
    def notes(self) -> list[str]:
        path = self.folder / "notes"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def calls(self) -> list[str]:
        return [line.split()[-1] for line in self.notes if line.startswith("noninteractive")]


@pytest.fixture
def debian(tmp_path: Path) -> Debian:
    return Debian(tmp_path)


def test_it_updates_first_asks_nothing_and_says_what_it_installs(debian: Debian) -> None:
    done = debian.run("jq", "tree")
    assert done.returncode == 0
    assert debian.calls == ["update", "tree"]
    assert "jq tree" in done.stdout
    assert "None of them was started" in done.stdout
    assert "--no-install-recommends" in "".join(debian.notes)


def test_no_service_may_start_and_the_rule_is_taken_back(debian: Debian) -> None:
    debian.run("jq")
    assert [line for line in debian.notes if line.startswith("a service")] == ["a service may start: 101"] * 2
    assert not debian.policy.exists()


def test_a_rule_that_is_there_already_is_left_alone(debian: Debian) -> None:
    debian.policy.write_text("#!/bin/sh\nexit 0\n")
    debian.policy.chmod(0o755)
    debian.run("jq")
    assert debian.policy.read_text() == "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize("step", ["update", "install"])
def test_what_fails_once_is_tried_once_more(debian: Debian, step: str) -> None:
    done = debian.run("jq", fails=step, times=1)
    assert debian.calls.count({"update": "update", "install": "jq"}[step]) == 2
    assert "Installed: jq" in done.stdout


def test_what_fails_twice_is_said_and_the_tests_go_on_without(debian: Debian) -> None:
    done = debian.run("jq", fails="install", times=9)
    assert done.returncode == 0
    assert "Not installed: jq" in done.stderr
    assert "Installed" not in done.stdout
    assert not debian.policy.exists()


def test_who_is_not_root_installs_nothing(debian: Debian) -> None:
    done = debian.run("jq", user=1000)
    assert done.returncode == 2
    assert "must be run by root. Nothing was installed" in done.stderr
    assert debian.notes == []
