"""Makes the environments from their locks, each once: `.venv` for the bot, `.venvs/<name>` for each vendor's program.

Standard library only, for it runs before anything is installed: `python3 bot/demo/environments.py bot mlflow bentoml`.
An environment carries the hash of what it was made from: a second call does nothing, an interrupted one starts anew.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMP = ".made-from"
MAKING = ".being-made"


@dataclass(frozen=True, slots=True)
class Environment:
    """`folder` is below the project's root. `warm`: modules imported once at installation, for a quick first start."""

    name: str
    folder: str
    locks: tuple[str, ...]
    warm: str = ""

    @property
    def python(self) -> Path:
        """Its interpreter, whether it exists yet or not."""
        return ROOT / self.folder / "bin" / "python"


BOT = Environment("bot", ".venv", ("install.lock", "dev.lock"))
MLFLOW = Environment(
    "mlflow", ".venvs/mlflow", ("mlflow.lock",), "mlflow.server.fastapi_app, mlflow.cli, mlflow.sklearn, skops.io"
)
BENTOML = Environment(
    "bentoml",
    ".venvs/bentoml",
    ("bentoml.lock",),
    "bentoml_cli.cli, bentoml_cli.serve, _bentoml_impl.server.serving, _bentoml_impl.server.app, skops.io",
)
AIRFLOW = Environment("airflow", ".venvs/airflow", ("airflow.lock",))
"""Not warm: once imported it makes a folder in the home of whoever installs it."""
DAGSTER = Environment(
    "dagster", ".venvs/dagster", ("dagster.lock",), "dagster_webserver.cli, dagster_graphql.schema, dagster._cli.api"
)
LOCALSTACK = Environment("localstack", ".venvs/localstack", ("localstack.lock",), "localstack.runtime.main")
ALL = {one.name: one for one in (BOT, MLFLOW, BENTOML, AIRFLOW, DAGSTER, LOCALSTACK)}
_TARGETS = {"bot": "setup", "mlflow": "demo", "bentoml": "demo"}


class EnvironmentMissing(Exception):
    """An environment is not there, or not complete; the text says how to get it."""


def python_of(environment: Environment) -> Path:
    """The interpreter of a complete environment. Raises EnvironmentMissing."""
    if not _complete(environment):
        raise EnvironmentMissing(
            f"The environment {environment.folder} is not there or not up to date. Nothing was started. "
            f"Run `make {_TARGETS.get(environment.name, 'orchestrators')}` in {ROOT}; it installs it."
        )
    return environment.python


def make(environment: Environment) -> bool:
    """Make it if it is not as its locks say. Returns whether anything was done."""
    if _complete(environment):
        return False
    with _alone(environment):
        if _complete(environment):
            return False
        began = time.monotonic()
        _install(environment)
        print(f"{environment.folder}: installed in {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201 - a command's output
    return True


def _wanted(environment: Environment) -> str:
    made_from = hashlib.sha256(sys.version.encode() + str(ROOT).encode())
    for lock in environment.locks:
        made_from.update((ROOT / "requirements" / lock).read_bytes())
    if environment is BOT:
        made_from.update((ROOT / "pyproject.toml").read_bytes())
    return made_from.hexdigest()


def _complete(environment: Environment) -> bool:
    try:
        return (ROOT / environment.folder / STAMP).read_text() == _wanted(environment)
    except FileNotFoundError:
        return False


@contextmanager
def _alone(environment: Environment) -> Iterator[None]:
    """Two commands at once (`make -j`, two terminals) make an environment one after the other."""
    lock = ROOT / ".venvs" / f".{environment.name}.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(environment: Environment) -> None:
    folder = ROOT / environment.folder
    if (folder / MAKING).exists():
        shutil.rmtree(folder)
    (folder / STAMP).unlink(missing_ok=True)
    if not environment.python.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MAKING).touch()
        _run(sys.executable, "-m", "venv", *([] if environment is BOT else ["--without-pip"]), str(folder))
    (folder / MAKING).touch()
    if environment is BOT:
        _run(environment.python, "-m", "pip", "install", "-q", "--require-hashes", "-r", "requirements/install.lock")
    locks = [argument for lock in environment.locks for argument in ("-r", f"requirements/{lock}")]
    _uv(environment, "--require-hashes", *locks, *(["--compile-bytecode"] if environment is BOT else []))
    if environment is BOT:
        _uv(environment, "--no-deps", "--no-build-isolation", "--editable", ".")
    if environment.warm:
        writing = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        _run(environment.python, "-W", "ignore", "-c", f"import {environment.warm}", env=writing)
    (folder / STAMP).write_text(_wanted(environment))
    (folder / MAKING).unlink()


def _uv(environment: Environment, *arguments: str) -> None:
    _run(BOT.python, "-m", "uv", "pip", "install", "-q", "--python", environment.python, *arguments)


def _run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    subprocess.run([str(part) for part in command], cwd=ROOT, env=env, check=True)  # noqa: S603 - our own words, no shell


def main(names: Sequence[str]) -> int:
    """Make the named environments: the bot's first, for it brings the installer, then the others side by side."""
    with ThreadPoolExecutor() as workers:
        if BOT.name in names and not _made(BOT):
            return 1
        return 0 if all(workers.map(_made, [ALL[name] for name in names if name != BOT.name])) else 1


def _made(environment: Environment) -> bool:
    try:
        make(environment)
    except subprocess.CalledProcessError as error:
        said = f"{environment.folder} is not complete: `{' '.join(error.cmd)[:200]}` ended with {error.returncode}."
        print(f"{said} Run the same command again; it starts anew.", file=sys.stderr)  # noqa: T201 - a command's output
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
