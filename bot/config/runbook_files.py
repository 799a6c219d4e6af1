"""Runbooks are Markdown files with front matter; what can't be used at 03:10 is refused by day, with its line."""

import re
import string
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.config.fields import Pattern, PhaseName, RoleName, listed, near
from bot.config.problems import Problem, Unfit
from bot.config.yaml_lines import Path as Where
from bot.config.yaml_lines import Tree, decode, parse
from bot.domain.plan import OperationKind
from bot.domain.runbook import Runbook, Step, When
from bot.usecases.grammar import ALIASES, NOT_BUILT, USAGE

SIZE_LIMIT = 64_000
"""Bytes of one runbook: nobody reads more on a phone."""
STEP_LIMIT = 200
STEPS = 20
USES = tuple(kind.value.replace(" ", "_") for kind in OperationKind)
"""What a step may do through the bot."""
PLACEHOLDERS = frozenset({"model", "incident"})


def _command(value: Any) -> Any:
    """A `/mlops` line whose command exists and whose placeholders can be filled in."""
    if not isinstance(value, str) or not value:
        return value
    words = value.split()
    if words[0] != "/mlops" or len(words) < 2:
        raise Unfit(f"“{value[:60]}” is not a command of the bot", "begin with /mlops and a command")
    name = ALIASES.get(words[1], words[1])
    if name not in USAGE:
        raise Unfit(f"there is no command “{words[1][:40]}”", near(words[1], USAGE))
    if name in NOT_BUILT:
        raise Unfit(f"the command “{name}” does not exist in this version", "write what a person does instead")
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(value) if field is not None]
    except ValueError as error:
        raise Unfit(f"“{value[:60]}” has a lone brace", "write {{ for a brace that is meant") from error
    odd = [field for field in fields if field not in PLACEHOLDERS]
    if odd:
        raise Unfit(f"{{{odd[0][:40]}}} can't be filled in", "use {model} and {incident} only")
    return value


def _uses(value: Any) -> Any:
    if isinstance(value, str) and value and value.replace(" ", "_") not in USES:
        raise Unfit(f"the bot can't do “{value[:40]}”", near(value.replace(" ", "_"), USES))
    return value.replace(" ", "_") if isinstance(value, str) else value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class StepFile(_Part):
    """One step. A plain line of text is enough."""

    text: str = Field(min_length=3, max_length=STEP_LIMIT)
    uses: Annotated[str, BeforeValidator(_uses)] = ""
    command: Annotated[str, BeforeValidator(_command)] = ""


def _step(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class WhenFile(_Part):
    """When the runbook applies: every given condition must hold, at least one must be given."""

    phases: Annotated[tuple[PhaseName, ...], BeforeValidator(listed)] = ()
    alerts: Annotated[tuple[Pattern, ...], BeforeValidator(listed)] = ()
    labels: Mapping[str, str] = {}
    models: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()


class FrontMatter(_Part):
    """The head of a runbook."""

    title: str = Field(min_length=3, max_length=80)
    owner: RoleName
    reviewed: date | None = None
    when: WhenFile
    steps: tuple[Annotated[StepFile, BeforeValidator(_step)], ...] = Field(min_length=1, max_length=STEPS)
    verify: str = Field(min_length=3, max_length=400)


_WORDS: Mapping[str, tuple[str, str]] = {
    "missing": ("is missing", "add it to the front matter"),
    "string_too_short": ("is empty, or too short to mean anything", "write what is meant"),
    "string_too_long": (
        "is too long for a phone",
        f"a step has at most {STEP_LIMIT} characters, a title 80; say why in the prose",
    ),
    "too_short": ("is empty", "a runbook has at least one step"),
    "too_long": (f"has more than {STEPS} entries", "split the runbook"),
    "tuple_type": ("is not a list", "write one item per line after a dash"),
    "string_type": ("is not a text", "write one text; quote it if it holds a colon"),
}


def load_directory(directory: Path) -> tuple[tuple[Runbook, ...], tuple[Problem, ...]]:
    """All runbooks under a directory, with every fault found. `README.md` files are not runbooks."""
    if not directory.is_dir():
        return (), (Problem(str(directory), 0, "there is no such directory", "name a directory with runbooks"),)
    found: dict[str, Runbook] = {}
    problems: list[Problem] = []
    for path in sorted(directory.rglob("*.md")):
        if path.name.casefold() == "readme.md" or not path.is_file():
            continue
        runbook, faults = load_file(path)
        problems.extend(faults)
        if runbook is None:
            continue
        if runbook.slug in found:
            what = f"the runbook “{runbook.slug}” exists twice (first: {found[runbook.slug].origin})"
            problems.append(Problem(str(path), 1, what, "rename one of the files"))
            continue
        found[runbook.slug] = runbook
    return tuple(found.values()), tuple(problems)


def load_file(path: Path) -> tuple[Runbook | None, tuple[Problem, ...]]:
    """One runbook, or what is wrong with its file."""
    name = str(path)
    try:
        raw = path.read_bytes() if path.stat().st_size <= SIZE_LIMIT else None
    except OSError as error:
        return None, (Problem(name, 0, f"the file can't be read: {error.strerror}", "make it readable"),)
    if raw is None:
        return None, (Problem(name, 0, f"has more than {SIZE_LIMIT:,} bytes", "split it: nobody reads that at night"),)
    text, problems = decode(raw, name)
    return (None, tuple(problems)) if problems else read(text, path)


def read(text: str, path: Path) -> tuple[Runbook | None, tuple[Problem, ...]]:
    """One runbook from its text. The slug is the file's name."""
    name, slug = str(path), path.stem
    problems: list[Problem] = []
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) is None:
        what = f"“{slug[:60]}” is not a runbook's name"
        problems.append(Problem(name, 0, what, "name the file in lower case with dashes: model-drift.md"))
    lines = text.split("\n")
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if lines[0].rstrip() != "---":
        problems.append(Problem(name, 1, "has no front matter", "begin the file with ---, the keys, and --- again"))
        return None, tuple(problems)
    if end is None:
        problems.append(Problem(name, 1, "the front matter has no end", "close it with a line of ---"))
        return None, tuple(problems)
    tree, syntax = parse("\n".join(lines[1:end]), name, first_line=2)
    problems.extend(syntax)
    if syntax:
        return None, tuple(problems)
    front, faults = _front(tree)
    prose = "\n".join(lines[end + 1 :]).strip()
    if not prose:
        faults.append(Problem(name, end + 1, "has no prose", "say why, what can go wrong, and what not to do"))
    problems.extend(faults)
    if front is None or problems:
        return None, tuple(problems)
    return _runbook(slug, front, prose, path), ()


def merge(directories: Sequence[Collection[Runbook]]) -> tuple[Runbook, ...]:
    """Runbooks by slug; a later directory goes before an earlier one."""
    found = {runbook.slug: runbook for directory in directories for runbook in directory}
    return tuple(found[slug] for slug in sorted(found))


def _front(tree: Tree) -> tuple[FrontMatter | None, list[Problem]]:
    try:
        front = FrontMatter.model_validate(tree.data if isinstance(tree.data, dict) else {})
    except ValidationError as error:
        found = error.errors()
        inner = {details["loc"][0] for details in found if len(details["loc"]) > 1}
        # a list whose entries are faulty counts as too short as well: that says nothing new
        told = (d for d in found if not (d["type"] == "too_short" and d["loc"][0] in inner))
        return None, [_problem(tree, details) for details in told]
    return front, _together(tree, front)


def _problem(tree: Tree, details: Any) -> Problem:
    where: Where = tuple(part for part in details["loc"] if part != "[key]")
    place = tree.place(where)
    shown = ".".join(str(part) for part in where)
    cause = details.get("ctx", {}).get("error")
    kind = str(details["type"])
    if isinstance(cause, Unfit):
        what, fix = cause.what, cause.fix
    elif kind == "extra_forbidden":
        inner: Mapping[str, type[BaseModel]] = {"when": WhenFile, "steps": StepFile}
        part = inner.get(str(where[0]), FrontMatter) if len(where) > 1 else FrontMatter
        what, fix = "there is no such key", near(str(where[-1]), part.model_fields)
    elif kind.startswith("date"):
        what, fix = f"“{str(details['input'])[:40]}” is not a date", "write it as 2026-07-02"
    else:
        what, fix = _WORDS.get(kind, (str(details["msg"]).lower(), "mend it"))
    return Problem(place.file, place.line, f"{shown}: {what}", fix)


def _together(tree: Tree, front: FrontMatter) -> list[Problem]:
    """What shows only when the keys are seen together."""
    problems: list[Problem] = []
    when = front.when
    if not (when.phases or when.alerts or when.labels or when.models):
        place = tree.place(("when",))
        what = "when: has no condition, so the runbook is never chosen"
        problems.append(Problem(place.file, place.line, what, "give it phases, alerts, labels or models"))
    for number, step in enumerate(front.steps):
        verb = step.command.split()[1] if step.command else ""
        if step.uses in {"rollback", "retrain"} and verb and verb != step.uses:
            place = tree.place(("steps", number, "command"))
            what = f"steps.{number}: uses {step.uses}, but its command is “{verb}”"
            problems.append(Problem(place.file, place.line, what, "make the two say the same"))
    return problems


def _runbook(slug: str, front: FrontMatter, prose: str, path: Path) -> Runbook:
    when = front.when
    return Runbook(
        slug=slug,
        title=front.title,
        when=When(when.phases, when.alerts, dict(when.labels), when.models),
        steps=tuple(Step(step.text, step.uses, step.command) for step in front.steps),
        verify=front.verify,
        prose=prose,
        reviewed=front.reviewed,
        owner=front.owner.label,
        origin=str(path),
    )
