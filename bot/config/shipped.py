"""What ships: the RACI table, the routing rules and the runbooks, each with the file and line it stands in."""

import sysconfig
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from bot.config.fields import phase_named
from bot.config.problems import ConfigFaults
from bot.config.settings import Raci, RuleSettings
from bot.config.yaml_lines import Tree, decode, parse
from bot.domain.routing import Phase, RaciTable, Rule

DEFAULTS = Path(__file__).parent / "defaults"


def table() -> RaciTable:
    """The playbook's table, its one hole closed; `origin` reads `raci.yaml:12`."""
    tree = _read("raci.yaml")
    raci = Raci.model_validate({"table": tree.data})
    return RaciTable(raci.table, {phase_named(key): str(tree.place((key,))) for key in tree.data})


def rules() -> tuple[Rule, ...]:
    """The shipped rules, twice: first all of them on the alert's name alone, then on its summary too.

    A summary is prose and mentions things that the alert is not about ("check the latest deployment and the feature
    store"); the name of an alert says what it *is*. So any rule that fits the name goes before any that fits the text.
    """
    tree = _read("routing.yaml")
    settings = TypeAdapter(tuple[RuleSettings, ...]).validate_python(tree.data)
    found = tuple(rule(given, str(tree.place((place,)))) for place, given in enumerate(settings))
    by_name = tuple(replace(one, name_only=True) for one in found)
    return (*by_name, *(one for one in found if one.words and not one.name_only))


def rule(given: RuleSettings, origin: str) -> Rule:
    """A rule of a file as the domain knows it."""
    return Rule(
        id=given.id,
        phase=given.phase,
        words=given.words,
        labels=dict(given.labels),
        monitoring_fault=given.monitoring_fault,
        drift=given.drift,
        name_only=given.name_only,
        origin=origin,
    )


def runbook_directory() -> Path | None:
    """The shipped runbooks: beside the package in a checkout and in the image, else where an installation put them."""
    candidates = (
        Path(__file__).parents[2] / "runbooks",
        Path(__file__).parents[2] / "share" / "mlops-bot" / "runbooks",
        Path(sysconfig.get_path("data")) / "share" / "mlops-bot" / "runbooks",
    )
    return next((path for path in candidates if path.is_dir()), None)


def phases(tree: Mapping[str, object]) -> Mapping[str, Phase]:
    """The phase that each key of a mapping names."""
    return {key: phase_named(key) for key in tree}


def _read(name: str) -> Tree:
    text, problems = decode((DEFAULTS / name).read_bytes(), name)
    tree, more = parse(text, name)
    if problems or more:
        raise ConfigFaults([*problems, *more])
    return tree
