"""The documentation is true: what follows from the code is as the code says, and everything that a page names exists."""

import ast
import itertools
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import typer.main

from bot.cli.main import cli
from bot.config.loader import ConfigFaults, load
from bot.config.reference import keys
from bot.usecases.grammar import ALIASES, USAGE
from integrations import __path__ as integration_paths
from tests import docs
from tests.docs import ROOT

PAGES = {str(path.relative_to(ROOT)): path for path in docs.pages()}
PROMISES = [f"P{number}" for number in range(1, 11)]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SOURCES = r"(?:bot|tests|integrations|runbooks|docs|sandbox|requirements|bench|\.ci)/[\w./*-]+"

every_page = pytest.mark.parametrize("page", PAGES)


@cache
def text_of(page: str) -> str:
    return PAGES[page].read_text(encoding="utf-8")


def prose(page: str) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "``", FENCE.sub("", text_of(page)))


def code(page: str) -> list[str]:
    """Everything a page shows as code: words between backticks, and lines of blocks."""
    blocks = [line for _, body in FENCE.findall(text_of(page)) for line in body.splitlines()]
    return [*re.findall(r"`([^`\n]+)`", FENCE.sub("", text_of(page))), *blocks]


# ---------------------------------------------------------------- written by the code


@every_page
def test_what_is_written_by_the_code_is_as_the_code_says(page: str) -> None:
    assert text_of(page) == docs.renewed(PAGES[page]), f"{page} is out of date: run make docs"


def test_every_part_is_shown_somewhere_and_every_marker_is_closed() -> None:
    assert docs.used() == set(docs.PARTS)
    for page in PAGES:
        assert text_of(page).count("<!-- written by make docs:") == text_of(page).count("<!-- end -->"), page


# ---------------------------------------------------------------- links


def anchors(path: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#{1,6} (.+)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if name in found else name)
        found[name] = found.get(name, 0) + 1
    return names


def links(page: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


@every_page
def test_links_lead_somewhere(page: str) -> None:
    for link in links(page):
        if re.match(r"https://", link):
            continue
        target, _, anchor = link.partition("#")
        path = (PAGES[page].parent / target).resolve() if target else PAGES[page]
        assert path.exists(), f"{page}: {link}"
        assert path.is_relative_to(ROOT), f"{page}: {link} leads out of the project"
        assert not anchor or anchor in anchors(path), f"{page}: {link} has no such heading"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[str] = set()
    todo = ["README.md"]
    while todo:
        page = todo.pop()
        if page not in seen:
            seen.add(page)
            found = {(PAGES[page].parent / link.partition("#")[0]).resolve() for link in links(page)}
            todo += [name for name, path in PAGES.items() if path in found]
    assert set(PAGES) - seen == set()


@every_page
def test_files_that_are_named_exist(page: str) -> None:
    for piece in code(page):
        for name in re.findall(rf"(?<![\w/.-]){SOURCES}", piece):
            plain = name.rstrip(".").partition("::")[0]
            assert list(ROOT.glob(plain.rstrip("/"))) or plain in {"bench/results/", "tests/integrations/test_"}, (
                f"{page}: {name}"
            )


# ---------------------------------------------------------------- commands and settings


@cache
def targets() -> frozenset[str]:
    names = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return frozenset(names)


@every_page
def test_make_targets_exist(page: str) -> None:
    for piece in code(page):
        for target in re.findall(r"(?:^|[\s&])make ([a-z]+)", piece):
            assert target in targets(), f"{page}: make {target}"


def commands() -> dict[str, set[str]]:
    """The program's commands, each with its options."""
    found: dict[str, set[str]] = {}

    def walk(group: object, before: str) -> None:
        for name, command in group.commands.items():  # type: ignore[attr-defined]
            if hasattr(command, "commands"):
                found[f"{before}{name}"] = set()
                walk(command, f"{before}{name} ")
            else:
                found[f"{before}{name}"] = {option for one in command.params for option in one.opts}

    walk(typer.main.get_command(cli), "")
    return found


@every_page
def test_commands_of_the_program_exist(page: str) -> None:
    known = commands()
    for piece in code(page):
        for said in re.findall(r"(?<![\w-])mlops-bot ([a-z]+(?: [a-z]+)?[^&|]*)", piece.partition("  #")[0]):
            first, _, rest = said.partition(" ")
            name = f"{first} {rest.split()[0]}" if first == "timeline" and rest else first
            if first == "serving" or piece.startswith(("docker", "-v")) or ":/" in piece:
                continue
            assert name in known, f"{page}: mlops-bot {said}"
            outside_quotes = re.sub(r'"[^"]*"', "", rest)
            for option in re.findall(r"(?<!\w)--[a-z-]+", outside_quotes):
                assert option in known[name], f"{page}: mlops-bot {name} has no {option}"


@every_page
def test_slash_commands_exist(page: str) -> None:
    for piece in code(page):
        for word in re.findall(r"(?:^|[\s`(])/mlops ([a-z-]+)", piece):
            assert word in {*USAGE, *ALIASES}, f"{page}: /mlops {word}"
        for quoted in re.findall(r'mlops-bot do "([a-z-]+)', piece):
            assert quoted in USAGE, f"{page}: {quoted}"


@cache
def settings() -> frozenset[str]:
    return frozenset(key for key, _ in keys())


def integration_settings() -> set[str]:
    return {f"integrations.{slug}.{name}" for slug, m in docs.manifests().items() for name in m.settings.model_fields}


@every_page
def test_environment_variables_are_settings(page: str) -> None:
    known = {*settings(), *integration_settings()}
    for name in re.findall(r"\bMLOPS_BOT_([A-Z]\w+)", text_of(page)):
        key = name.lower().replace("__", ".")
        assert key in known, f"{page}: MLOPS_BOT_{name}"


@every_page
def test_dotted_keys_are_settings(page: str) -> None:
    sections = {key.partition(".")[0] for key in settings()}
    known = {*settings(), *integration_settings()}
    for piece in code(page):
        if not re.fullmatch(r"[a-z_]+(\.[\w\[\]*]+)+", piece) or piece.partition(".")[0] not in sections:
            continue
        pattern = re.escape(piece.removesuffix(".*")).replace(r"\*", "[^.]+")
        if piece.rpartition(".")[2] not in {"py", "md", "yaml", "json"}:
            assert any(re.match(rf"{pattern}($|[.\[])", key) for key in known), f"{page}: {piece}"


def configurations() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        if page.startswith("docs/"):
            for number, (language, body) in enumerate(FENCE.findall(text_of(page))):
                if language == "yaml":
                    yield f"{page}:{number}", body


@pytest.mark.parametrize(("where", "body"), list(configurations()), ids=[where for where, _ in configurations()])
def test_configurations_that_are_shown_load(where: str, body: str, tmp_path: Path) -> None:
    file = tmp_path / "mlops-bot.yaml"
    file.write_text(body, encoding="utf-8")
    try:
        load(file, {}, integrations=docs.manifests(), secrets=False)
    except ConfigFaults as faults:
        pytest.fail(f"{where}: {faults}")


# ---------------------------------------------------------------- integrations, promises, decisions


def test_every_integration_has_a_page_and_is_in_the_index() -> None:
    (folder,) = integration_paths
    slugs = {path.parent.name for path in Path(folder).glob("*/__init__.py")}
    for slug in slugs:
        page = f"integrations/{slug}/README.md"
        assert page in PAGES, f"{slug} has no page"
        assert page in text_of("README.md"), f"{slug} is not in README.md: run make docs"


def promised() -> Mapping[str, list[str]]:
    """The tests that each promise names."""
    rows = re.findall(r"^\| \*\*(P\d+)[^|]*\|(.*)$", text_of("docs/promises.md"), re.MULTILINE)
    return {name: re.findall(r"tests/[\w/]+\.py::\w+", row) for name, row in rows}


def test_every_promise_is_told_once_and_says_what_holds_it() -> None:
    assert list(promised()) == PROMISES
    for name, tests in promised().items():
        row = re.search(rf"^\| \*\*{name}\b.*$", text_of("docs/promises.md"), re.MULTILINE)
        assert row
        assert bool(tests) != ("no test holds it yet" in row.group()), (
            f"{name} must name its tests, or say that there is none"
        )


def test_tests_that_a_promise_names_exist() -> None:
    for name, tests in promised().items():
        for test in tests:
            path, _, function = test.partition("::")
            assert (ROOT / path).exists(), f"{name}: {path}"
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert function in names, f"{name}: {test}"


def test_decisions_are_numbered_and_whole() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(path.name[:4])}. ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], path.name


# ---------------------------------------------------------------- form


@every_page
def test_lines_are_short_enough_to_review(page: str) -> None:
    if page in docs.WHOLE or page.startswith("runbooks/"):  # a step of a runbook is one line
        return
    for number, line in enumerate(docs.unmarked(text_of(page)).splitlines(), start=1):
        assert len(line) <= 140 or line.startswith(("|", "!")), f"{page}:{number} has {len(line)} characters"


@every_page
def test_a_page_has_one_title_and_headings_in_order(page: str) -> None:
    text = re.sub(r"\A---\n.*?\n---\n", "", text_of(page), flags=re.DOTALL)
    levels = [len(marks) for marks in re.findall(r"^(#{1,6}) ", FENCE.sub("", text), re.MULTILINE)]
    assert levels[0] == 1
    if not page.startswith("runbooks/"):
        assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), page


def test_the_suites_own_reader_finds_what_is_wrong(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# The title, *of it*\n\n## `slack` — Slack\n\n## A\n\n## A\n")
    assert anchors(page) == {"the-title-of-it", "slack--slack", "a", "a-1"}
