"""Reads the configuration: every fault is found in one go, and nothing faulty is ever used."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from bot.config import build, shipped
from bot.config.checks import check
from bot.config.faults import settle, settle_integration
from bot.config.problems import ConfigFaults, Gravity, Place, Problem, errors, ordered, report
from bot.config.raw import Raw, Schemas, dotted, keep_secrets_out, override, read_file, read_secret_files
from bot.config.runbook_files import load_directory, merge
from bot.config.settings import Settings
from bot.config.yaml_lines import Path as Where
from bot.config.yaml_lines import Tree
from bot.domain.runbook import Runbook
from bot.usecases.setup import Setup

__all__ = ["ConfigFaults", "Gravity", "Loaded", "Place", "Problem", "load", "report"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration without errors.

    `findings` are its warnings. `places` gives file and line of every value. `integrations` holds the settings of
    each configured integration whose class was handed in.
    """

    settings: Settings
    setup: Setup
    findings: tuple[Problem, ...] = ()
    places: Mapping[Where, Place] = field(default_factory=dict)
    integrations: Mapping[str, BaseModel] = field(default_factory=dict)

    def place(self, *path: str | int) -> Place:
        """Where a value was written: `place("slack", "channel")`."""
        return Tree(places=dict(self.places)).place(path)


def load(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    integrations: Collection[str] = (),
    schemas: Schemas | None = None,
    secrets: bool = True,
) -> Loaded:
    """Read, check and build. Raises ConfigFaults with every fault of file, environment and runbooks.

    `path` is None for no file at all. `integrations` are the slugs that exist; `schemas` maps slugs to their settings
    classes, where those are to be checked too. With `secrets=False` (a check away from production) files and tokens
    that are missing are only warned about.
    """
    classes: Schemas = schemas or {}
    raw = read_file(path) if path is not None else Raw()
    unread = bool(raw.problems) and not raw.tree.data
    override(raw, environ, classes)
    if unread:
        raise ConfigFaults(raw.problems)  # what could be said about an empty configuration would only confuse
    keep_secrets_out(raw, environ, classes)
    base = path.parent if path is not None else Path()
    read_secret_files(raw, environ, classes, base, read=secrets)
    settings = settle(raw, classes)
    runbooks = _runbooks(settings, raw, base)
    setup = build.setup(settings, raw, runbooks)
    check(settings, setup, raw, {*integrations, *classes}, _unset(settings, classes), secrets=secrets)
    own = _integrations(raw, classes)
    if errors(raw.problems):
        raise ConfigFaults(raw.problems)
    return Loaded(settings, setup, ordered(raw.problems), raw.tree.places, own)


def _unset(settings: Settings, classes: Schemas) -> frozenset[str]:
    """Integrations that can't work without settings, and have none."""
    needy = {slug for slug, made in classes.items() if any(f.is_required() for f in made.model_fields.values())}
    return frozenset(needy - set(settings.integrations))


def _integrations(raw: Raw, classes: Schemas) -> dict[str, BaseModel]:
    found: dict[str, BaseModel] = {}
    given = raw.get(("integrations",))
    for slug in given if isinstance(given, Mapping) else ():
        schema = classes.get(str(slug))
        made = settle_integration(raw, str(slug), schema, classes) if schema is not None else None
        if made is not None:
            found[str(slug)] = made
    return found


def _runbooks(settings: Settings, raw: Raw, base: Path) -> tuple[Runbook, ...]:
    directories: list[tuple[Runbook, ...]] = []
    ships = shipped.runbook_directory()
    if settings.runbooks.shipped and ships is None:
        what = "the shipped runbooks are not installed"
        fix = "copy the folder runbooks beside the folder bot, or set runbooks.shipped: false"
        raw.add(("runbooks", "shipped"), what, fix, Gravity.WARNING)
    elif settings.runbooks.shipped and ships is not None:
        found, problems = load_directory(ships)
        directories.append(found)
        raw.problems.extend(problems)
    for place, directory in enumerate(settings.runbooks.directories):
        where = base / directory
        if not where.is_dir():
            spot = ("runbooks", "directories", place)
            raw.add(spot, f"{dotted(spot)}: there is no directory {where}", "create it, or mend the path")
            continue
        found, problems = load_directory(where)
        directories.append(found)
        raw.problems.extend(problems)
    return merge(directories)
