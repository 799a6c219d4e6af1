"""The suite's own rules, each seen to find what it is for: in a pytest of its own, with this project's conftest."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.leftovers import MARK
from tests.needs import needs

ROOT = Path(__file__).parents[1]


def run(folder: Path, test: str, *arguments: str, ci: bool = False, path: str | None = None) -> tuple[int, str]:
    """Run a file of tests under the suite's rules; gives the exit code and what was said."""
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = real: needs a program\naddopts = -ra\n")
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CI": "true" if ci else "false",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    env.pop(MARK, None)
    if path is not None:
        env["PATH"] = path
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", *arguments, "."]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


MISSING = """
from tests.needs import needs, path_of

@needs("prometheus")
def test_marked():
    assert False, "was run without its program"

def test_asking():
    path_of("prometheus")
    assert False, "went on without its program"
"""


def test_without_its_program_a_test_is_skipped_and_listed_with_the_reason(tmp_path: Path) -> None:
    code, said = run(tmp_path, MISSING, path=str(tmp_path))
    assert code == 0
    assert "2 skipped" in said
    assert len(re.findall(r"SKIPPED \[\d] .*: prometheus is not installed \(make test installs it", said)) == 2


@pytest.mark.parametrize("arguments", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "xdist"])
def test_where_ci_is_true_a_skip_is_a_failure(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, said = run(tmp_path, MISSING, *arguments, ci=True, path=str(tmp_path))
    assert code == 1
    assert "1 failed, 1 error" in said  # a mark skips before the test, `path_of` within it
    assert said.count("with CI=true that is a failure: prometheus is not installed") >= 2


def test_a_module_that_skips_itself_is_a_failure_there_too(tmp_path: Path) -> None:
    test = "import pytest\npytest.skip('not today', allow_module_level=True)\n"
    assert run(tmp_path, test)[0] == 5  # pytest's code for "nothing was run"
    code, said = run(tmp_path, test, ci=True)
    assert code == 2
    assert "with CI=true that is a failure: not today" in said


def test_a_program_that_is_here_is_not_skipped(tmp_path: Path) -> None:
    program = tmp_path / "prometheus"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    test = "from tests.needs import needs, path_of\n\n@needs('prometheus')\ndef test_it():\n    print(path_of('prometheus'))\n"
    code, said = run(tmp_path, test, "-s", path=str(tmp_path))
    assert code == 0
    assert str(program) in said


def test_a_name_that_nobody_knows_is_an_error_where_it_is_written() -> None:
    with pytest.raises(LookupError, match=r"no program 'promethues'.*prometheus"):
        needs("promethues")


def test_a_mark_that_names_no_program_is_an_error(tmp_path: Path) -> None:
    code, said = run(tmp_path, "import pytest\n\n@pytest.mark.real\ndef test_it():\n    pass\n")
    assert code == 4
    assert "test_it.py::test_it: say which program it needs" in said


# ---------------------------------------------------------------- groups


GROUPS = """
import os
import pytest

@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in "ab"])
def test_it(name, number):
    with open(f"workers of {name}", "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_what_shares_a_server_runs_on_one_worker(tmp_path: Path) -> None:
    code, said = run(tmp_path, GROUPS, "-p", "xdist", "-n", "2", "--dist", "loadgroup")
    assert code == 0, said
    workers = [(tmp_path / f"workers of {name}").read_text().split() for name in "ab"]
    assert [len(seen) for seen in workers] == [8, 8]
    assert [len(set(seen)) for seen in workers] == [1, 1], workers


# ---------------------------------------------------------------- processes


CHILD = """
import subprocess

def test_it():
    global child  # kept, for Python warns of a process that is forgotten while it runs
    child = subprocess.Popen(["sleep", "600"])
"""
ORPHAN = """
import subprocess

def test_it():
    subprocess.run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 &"], check=True)
"""
ENDED = """
import subprocess

def test_it():
    child = subprocess.Popen(["sleep", "600"])
    child.kill()
    child.wait()
"""
FORGIVEN = """
import multiprocessing

def test_it():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(abs, [-1]) == [1]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    ("test", "arguments"),
    [(CHILD, ()), (ORPHAN, ()), (ORPHAN, ("-p", "xdist", "-n", "1"))],
    ids=["a child", "one that left its parent", "xdist"],
)
def test_a_process_left_running_fails_the_session_and_is_ended(
    tmp_path: Path, test: str, arguments: tuple[str, ...]
) -> None:
    code, said = run(tmp_path, test, *arguments)
    assert code == 1
    found = re.search(r"left running by some test of this session, and ended now:\s+(\d+) sleep 600", said)
    assert found, said
    assert (
        not Path(f"/proc/{found.group(1)}/cmdline").exists() or not Path(f"/proc/{found.group(1)}/cmdline").read_bytes()
    )


@pytest.mark.parametrize("test", [ENDED, FORGIVEN], ids=["ended", "Python's own helper"])
def test_a_session_that_cleans_up_is_well(tmp_path: Path, test: str) -> None:
    code, said = run(tmp_path, test)
    assert code == 0, said
