"""The image can't be built by the suite; its recipe can be read. Each rule is one that hadolint or an auditor would have."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from bot.cli.main import cli
from bot.config.reference import keys

ROOT = Path(__file__).parents[1]
KNOWN = {
    "FROM", "LABEL", "RUN", "COPY", "ENV", "WORKDIR", "VOLUME", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
    "ENTRYPOINT", "CMD", "ARG",
}  # fmt: skip


@dataclass(frozen=True)
class Instruction:
    line: int
    word: str
    rest: str


def read(text: str) -> list[Instruction]:
    """The instructions, continuation lines joined and comments left out."""
    found: list[Instruction] = []
    began, joined = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") or (not line.strip() and not joined):
            continue
        began = began or number
        joined += line.removesuffix("\\")
        if not line.endswith("\\"):
            word, _, rest = joined.strip().partition(" ")
            found.append(Instruction(began, word, " ".join(rest.split())))
            began, joined = 0, ""
    assert not joined, "the file ends in the middle of an instruction"
    return found


def ignored(path: str) -> bool:
    """Whether the build never sees a path: the last pattern of .dockerignore that fits decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keep = pattern.startswith("!")
        plain = pattern.removeprefix("!")
        parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
        if any(fnmatch(one, plain) or fnmatch(f"x/{one}", plain.replace("**/", "*/")) for one in parents):
            out = not keep
    return out


TEXT = (ROOT / "Dockerfile").read_text()
ALL = read(TEXT)
LAST_STAGE = ALL[max(place for place, one in enumerate(ALL) if one.word == "FROM") :]


def of(word: str, among: list[Instruction] = ALL) -> list[str]:
    return [one.rest for one in among if one.word == word]


def copied(among: list[Instruction] = ALL) -> Iterator[tuple[str, ...]]:
    for rest in of("COPY", among):
        if not rest.startswith("--from="):
            *sources, _ = rest.split()
            yield tuple(sources)


def test_every_instruction_is_one_that_docker_knows() -> None:
    assert {one.word for one in ALL} <= KNOWN
    assert ALL[0].word == "FROM"


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) < 60


def test_there_are_stages_and_all_begin_from_one_pinned_python() -> None:
    images = [rest.split()[0] for rest in of("FROM")]
    assert len(images) == 2
    assert len(set(images)) == 1, "the stages must share one Python"
    version = re.fullmatch(r"python:(\d+\.\d+)\.\d+-slim-[a-z]+", images[0])
    assert version, "give the patch version and the Debian release, so that a build next month is the same"
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert version.group(1) == wanted.removeprefix(">=")


def test_no_registry_and_no_index_is_named() -> None:
    addresses = set(re.findall(r"\w+://[^/\s\"']+", TEXT))
    assert addresses == {"http://127.0.0.1:{os.environ["}  # the health check's own
    assert not re.search(r"--(extra-)?index|--find-links|--trusted-host", TEXT)
    for image in of("FROM"):
        assert "/" not in image.split()[0], "a registry's host"


def test_only_locked_packages_with_hashes_are_installed() -> None:
    installs = [command for run in of("RUN") for command in run.split("&&") if "pip install" in command]
    assert len(installs) == 2
    for command in installs:
        own = "--no-deps --no-build-isolation" in command and command.strip().endswith(".")
        locked = "--require-hashes" in command and all(
            word.endswith(".lock") for word in re.findall(r"-r (\S+)", command)
        )
        assert own or locked, command
    assert not re.search(r"apt-get|apk |curl |wget ", TEXT), "nothing else is fetched"


def test_every_source_exists_and_is_let_in() -> None:
    for sources in copied():
        for source in sources:
            assert source not in {".", "./", "*"}, "name what the image is made of"
            assert (ROOT / source).exists(), source
            assert not ignored(source), f"{source} is kept out by .dockerignore"


def test_what_is_nobodys_business_stays_out() -> None:
    for path in (".git", ".git/config", ".venv/bin/python", "tests/conftest.py", "mlops-bot.db", "mlops-bot.yaml",
                 "mlops-bot.token", ".env", "bot/__pycache__/app.pyc", "integrations/grafana/fixtures/values.json",
                 "requirements/mlflow.lock", "Dockerfile"):  # fmt: skip
        assert ignored(path), path
    for path in ("bot/app.py", "runbooks/model-drift.md", "requirements/base.lock"):
        assert not ignored(path), path


def test_what_the_program_reads_beside_itself_is_in_the_image() -> None:
    names = {Path(source).name for sources in copied() for source in sources}
    assert {"bot", "integrations", "runbooks"} <= names


def test_it_does_not_run_as_root() -> None:
    users = of("USER", LAST_STAGE)
    assert users
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[-1]), "numbers, so that a cluster can see that it is not root"
    place = [one.word for one in LAST_STAGE].index("USER")
    assert not {"RUN", "COPY"} & {one.word for one in LAST_STAGE[place:]}, "nothing is written after it"


def test_what_it_runs_is_a_real_entry_point() -> None:
    command = [*json.loads(of("ENTRYPOINT")[-1]), *json.loads(of("CMD")[-1])]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert command[0] in scripts
    assert command[1] in {one.name or one.callback.__name__ for one in cli.registered_commands if one.callback}


def test_health_is_asked_where_the_bot_answers() -> None:
    (check,) = of("HEALTHCHECK", LAST_STAGE)
    assert {"--interval", "--timeout", "--start-period", "--retries"} == set(re.findall(r"--[a-z-]+(?==)", check))
    program = json.loads(check.partition("CMD ")[2])
    assert program[:2] == ["python", "-c"]
    compile(program[2], "HEALTHCHECK", "exec")
    assert "/livez" in program[2]
    assert '"/livez"' in (ROOT / "bot/web/site.py").read_text()


def test_settings_in_it_exist_and_none_is_a_secret() -> None:
    known = {key for key, _ in keys()}
    for name, value in re.findall(r"MLOPS_BOT_(\w+)=(\S+)", " ".join(of("ENV"))):
        assert name.lower().replace("__", ".") in known
        assert value in {"0.0.0.0", "8000"}
    assert not re.search(r"(TOKEN|SECRET|PASSWORD|KEY)\w*=", " ".join([*of("ENV"), *of("ARG")]))


def test_folders_are_absolute_and_the_port_is_the_bots() -> None:
    for folder in of("WORKDIR"):
        assert folder.startswith("/")
    assert of("EXPOSE") == ["8000"]
    assert of("VOLUME") == ["/data"]
    assert of("WORKDIR", LAST_STAGE) == ["/data"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FROM a\nRUN b \\\n && c\n", ["FROM", "RUN"]),
        ("# x\nFROM a AS b\n\nENV A=1 \\\n    B=2\n", ["FROM", "ENV"]),
    ],
)
def test_the_reader_joins_lines_and_leaves_out_comments(text: str, words: list[str]) -> None:
    assert [one.word for one in read(text)] == words


def test_copied_files_of_others_are_named_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for file in (path for folder in ("bot", "integrations", "sandbox") for path in (ROOT / folder).rglob("SOURCE.txt")):
        for repository in re.findall(r": ([\w-]+/[\w-]+), \S+.*commit", file.read_text()):
            assert f"{repository} (" in notice, f"{repository} of {file.relative_to(ROOT)} is not in NOTICE"


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert text.rstrip().endswith("limitations under the License.")
    assert len(text) > 11_000
