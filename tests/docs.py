"""Writes what the documentation says by the code itself, between markers: `make docs`. `tests/test_docs.py` compares."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer.main

from bot.catalog import Catalog
from bot.cli.main import cli
from bot.config import reference, shipped
from bot.config.runbook_files import load_file
from bot.domain.routing import letters
from bot.ports.manifest import Capability, Level, Manifest
from bot.slack.manifest import BOT_EVENTS, BOT_SCOPES
from bot.usecases.grammar import ALIASES, NOT_BUILT, USAGE
from bot.web.metrics import WebMetrics

ROOT = Path(__file__).parents[1]

ABILITIES: Mapping[Capability, str] = {
    Capability.ALERT_SOURCE: "sends alerts",
    Capability.ALERT_POLL: "is asked what fires",
    Capability.MESSAGE_SOURCE: "is read where it posts in Slack",
    Capability.REGISTRY: "says which version has which alias, and moves it",
    Capability.SERVING: "says which version answers",
    Capability.DEPLOYER: "makes another version answer",
    Capability.TRAFFIC_SPLITTER: "shares requests between two versions",
    Capability.ORCHESTRATOR: "starts and follows runs",
    Capability.PIPELINE_SWITCH: "switches a pipeline's schedule off and on",
    Capability.PAGER: "wakes people",
    Capability.SCHEDULE: "says who is on call",
    Capability.SILENCER: "mutes alerts at their source",
    Capability.METRICS: "gives figures over time",
    Capability.DRIFT_MONITOR: "is asked about drift",
    Capability.CHANGE_FEED: "says what was changed",
    Capability.HEALTH: "is checked by `doctor`",
}
"""In words for people; the order of the list is the order in which they are told."""
METAVARS: Mapping[str, str] = {"config": "FILE", "output": "FILE", "against": "FILE", "fmt": "FORMAT"}


def pages() -> Iterator[Path]:
    """Every page of the documentation."""
    for pattern in ("*.md", "docs/**/*.md", "integrations/*/README.md", "runbooks/*.md", "sandbox/*.md", "bench/*.md"):
        yield from sorted(ROOT.glob(pattern))


# ---------------------------------------------------------------- the parts


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    first, *others = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([first, "|---" * len(head) + "|", *others])


def systems() -> str:
    """The systems that are connected today, for the README."""
    rows = [
        (f"[{m.name}](integrations/{slug}/README.md)", _abilities(m), m.level.value) for slug, m in manifests().items()
    ]
    return _table(("system", "what it does here", "level"), rows)


def integrations() -> str:
    """The index of the integrations' pages."""
    parts = []
    for slug, m in manifests().items():
        without = "works without settings" if m.keyless else "needs settings"
        lines = [
            f"## {m.name}",
            "",
            f"`{slug}` · {m.level.value} · {without} · [its page](../integrations/{slug}/README.md) · [home]({m.homepage})",
            "",
            f"It {_abilities(m, '; it ')}.",
            "",
            *(f"- {sentence}" for sentence in m.cannot),
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def levels() -> str:
    """What the levels mean."""
    words = {
        Level.BRONZE: "it reads",
        Level.SILVER: "it acts",
        Level.GOLD: "it acts, verifies, and is tested against a real server",
    }
    return "\n".join(f"- **{level.value}**: {words[level]}" for level in Level)


def slash_commands() -> str:
    """Every command of the interface and whether it works yet."""
    others = {name: [alias for alias, meant in ALIASES.items() if meant == name and alias.isalpha()] for name in USAGE}
    rows = [
        (
            f"`/mlops {usage}`",
            ", ".join(f"`{alias}`" for alias in others[name]),
            "not yet" if name in NOT_BUILT else "yes",
        )
        for name, usage in USAGE.items()
    ]
    return _table(("command", "also", "works"), rows)


def not_built() -> str:
    """The commands that answer that they are not built yet."""
    return ", ".join(f"`/mlops {name}`" for name in NOT_BUILT) + "."


def command_line() -> str:
    """The program's own commands with their options."""
    return _table(("command", "what it does"), list(_commands(typer.main.get_command(cli), "mlops-bot")))


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix} {name}")
            continue
        words = [_parameter(one) for one in command.params if one.name != "help"]
        yield f"`{' '.join([prefix, name, *words])}`", " ".join(str(command.help).split())


def _parameter(one: Any) -> str:
    if one.param_type_name == "argument":
        return one.name.upper() if one.required else f"[{one.name.upper()}]"
    option = one.opts[0] if one.is_flag else f"{one.opts[0]} {METAVARS.get(one.name, one.name.upper())}"
    return option if one.required else f"[{option}]"


def scopes() -> str:
    """Every permission that is asked for in Slack, with the reason."""
    return _table(("scope", "what it is for"), [(f"`{scope}`", why) for scope, why in BOT_SCOPES.items()])


def events() -> str:
    """What Slack is asked to tell."""
    return ", ".join(f"`{event}`" for event in BOT_EVENTS) + "."


def runbooks() -> str:
    """The runbooks that ship."""
    rows = []
    for path in sorted((ROOT / "runbooks").glob("*.md")):
        if path.name == "README.md":
            continue
        runbook, problems = load_file(path)
        assert runbook is not None, problems
        uses = ", ".join(dict.fromkeys(step.uses for step in runbook.steps if step.uses)) or "–"
        rows.append(
            (f"[{runbook.slug}](../runbooks/{path.name})", runbook.title, runbook.owner, str(len(runbook.steps)), uses)
        )
    return _table(("runbook", "when", "kept by", "steps", "the bot does"), rows)


def raci() -> str:
    """The table that ships."""
    cells = shipped.table().cells
    roles = list(next(iter(cells.values())))
    rows = [(phase.value, *(letters(row[role]) or "–" for role in roles)) for phase, row in cells.items()]
    return _table(("phase", *(role.label for role in roles)), rows)


def figures() -> str:
    """What `/metrics` tells."""
    found = sorted(WebMetrics().registry.collect(), key=lambda one: one.name)
    return _table(("figure", "type", "meaning"), [(f"`{one.name}`", one.type, one.documentation) for one in found])


def decisions() -> str:
    """The index of decision records."""
    rows = []
    for path in sorted((ROOT / "docs" / "adr").glob("0*.md")):
        text = path.read_text()
        title = re.search(r"^# (\d+)\. (.+)$", text, re.MULTILINE)
        status = re.search(r"^Status: (.+)$", text, re.MULTILINE)
        assert title, path
        assert status, path
        rows.append((title.group(1), f"[{title.group(2)}]({path.name})", status.group(1)))
    return _table(("no", "decision", "status"), rows)


def manifests() -> Mapping[str, Manifest]:
    """Every integration's manifest."""
    return Catalog.discover("integrations").manifests


def _abilities(manifest: Manifest, joint: str = "; ") -> str:
    words = {**ABILITIES}
    if "alerts" in manifest.exempt:  # its deliveries are of another sort
        words[Capability.ALERT_SOURCE] = "posts what was changed"
    return joint.join(text for capability, text in words.items() if capability in manifest.capabilities)


PARTS: Mapping[str, Callable[[], str]] = {
    "systems": systems,
    "integrations": integrations,
    "levels": levels,
    "slash commands": slash_commands,
    "not built": not_built,
    "command line": command_line,
    "scopes": scopes,
    "events": events,
    "runbooks": runbooks,
    "raci": raci,
    "figures": figures,
    "decisions": decisions,
}
WHOLE: Mapping[str, Callable[[], str]] = {"docs/configuration.md": reference.markdown}
"""Pages that are written as a whole."""

_MARKED = re.compile(
    r"(?P<begin><!-- written by make docs: (?P<name>[\w ]+) -->\n)(?:(?!<!-- ).)*?(?P<end><!-- end -->)", re.DOTALL
)


def renewed(path: Path) -> str:
    """A page as it should be."""
    whole = WHOLE.get(str(path.relative_to(ROOT)))
    if whole is not None:
        return whole()

    def part(match: re.Match[str]) -> str:
        return f"{match.group('begin')}{PARTS[match.group('name')]()}\n{match.group('end')}"

    return _MARKED.sub(part, path.read_text(encoding="utf-8"))


def used() -> set[str]:
    """The parts that some page shows."""
    return {match.group("name") for path in pages() for match in _MARKED.finditer(path.read_text(encoding="utf-8"))}


def unmarked(text: str) -> str:
    """A page without what the code has written into it."""
    return _MARKED.sub("", text)


def main() -> None:
    """Write every page that is not as it should be."""
    for path in pages():
        text = renewed(path)
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: renewed")  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
