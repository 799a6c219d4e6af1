"""What no single model shows: integrations that do not exist, names that mean two things, what follows nothing."""

from collections.abc import Collection, Iterator

from bot.config.fields import near
from bot.config.problems import Gravity
from bot.config.raw import Raw, dotted
from bot.config.settings import Environment, Settings, TrainingSettings
from bot.config.yaml_lines import Path
from bot.domain.models import Propagation


def check_models(settings: Settings, raw: Raw, known: Collection[str], unset: Collection[str]) -> None:
    """Note every fault of `models`, and integrations that there are none of."""
    for slug in settings.integrations:
        _exists(raw, ("integrations", slug), slug, known)
    _names(settings, raw)
    for name, model in settings.models.items():
        path: Path = ("models", name)
        if not model.environments:
            what = f"{dotted(path)}: has no environment, so nothing of it can be looked at or changed"
            raw.add(path, what, "add environments: {production: {registry: …, serving: …}}", Gravity.WARNING)
        for label, environment in model.environments.items():
            spot = (*path, "environments", label)
            _systems(raw, spot, environment, known, unset)
            _environment(raw, spot, environment)
            _pointers(raw, spot, environment, name)
            _targets(raw, spot, environment)
            _trainings(raw, spot, environment)


def _names(settings: Settings, raw: Raw) -> None:
    """One name means one model."""
    names = {name: name for name in settings.models}
    for name, model in settings.models.items():
        for place, other in enumerate(model.aliases):
            if names.setdefault(other, name) != name:
                path = ("models", name, "aliases", place)
                what = f"{dotted(path)}: “{other}” means the model {names[other]} already"
                raw.add(path, what, "one name means one model: remove it from one of them")


# ---------------------------------------------------------------- systems


def _systems(raw: Raw, spot: Path, given: Environment, known: Collection[str], unset: Collection[str]) -> None:
    """They exist, and an address is given: what can't be asked can be neither looked at nor changed."""
    for below, slug in _named(given):
        path = (*spot, *below, "integration")
        _exists(raw, path, slug, known)
        if slug in unset:
            what = f"{dotted(path)}: {slug} has no section under `integrations`, so nothing can be asked of it"
            raw.add(path, what, f"add integrations → {slug}; its page has an example", Gravity.WARNING)


def _named(given: Environment) -> Iterator[tuple[Path, str]]:
    """Every integration that an environment names, and where."""
    if given.registry is not None:
        yield ("registry",), given.registry.integration
    for place, mirror in enumerate(given.mirrors):
        yield ("mirrors", place), mirror.integration
    for place, target in enumerate(given.serving):
        yield ("serving", place), target.integration
    trainings: dict[Path, TrainingSettings] = {("training",): given.training} if given.training is not None else {}
    trainings |= {("other_trainings", name): training for name, training in given.other_trainings.items()}
    for path, training in trainings.items():
        yield path, training.integration
        if training.fresh is not None:
            yield (*path, "fresh"), training.fresh.integration


def _exists(raw: Raw, path: Path, slug: str, known: Collection[str]) -> None:
    if slug not in known:
        raw.add(path, f"{dotted(path)}: there is no integration “{slug}”", near(slug, sorted(known)))


# ---------------------------------------------------------------- one environment


def _environment(raw: Raw, spot: Path, given: Environment) -> None:
    if given.registry is None and not given.serving:
        raw.add(spot, f"{dotted(spot)}: has neither a registry nor serving", "say where the model lives")
    if given.propagation not in {None, Propagation.NONE} and not given.serving:
        path = (*spot, "propagation")
        raw.add(path, f"{dotted(path)}: nothing serves here that could follow", "add serving, or write none")
    if given.propagation is Propagation.NONE and given.serving:
        path = (*spot, "propagation")
        raw.add(path, f"{dotted(path)}: something serves here", "write watch, restart or redeploy, or remove serving")


def _pointers(raw: Raw, spot: Path, given: Environment, model: str) -> None:
    """A mirror follows another pointer, and is moved once."""
    if given.mirrors and given.registry is None:
        path = (*spot, "mirrors")
        raw.add(path, f"{dotted(path)}: there is no registry that they could follow", "add registry")
        return
    pointers = [given.registry, *given.mirrors] if given.registry is not None else []
    seen: set[tuple[str, str, str]] = set()
    for place, pointer in enumerate(pointers):
        identity = (pointer.integration, pointer.model or model, pointer.alias)
        if identity in seen:
            path = (*spot, "mirrors", place - 1)
            what = f"{dotted(path)}: alias {identity[2]} of {identity[1]} in {identity[0]} is named before"
            raw.add(path, what, "one pointer is moved once: remove it from one of them")
        seen.add(identity)


def _targets(raw: Raw, spot: Path, given: Environment) -> None:
    seen: set[tuple[str, str]] = set()
    for place, target in enumerate(given.serving):
        identity = (target.integration, target.target)
        if identity in seen:
            path = (*spot, "serving", place)
            raw.add(path, f"{dotted(path)}: {target.target} of {target.integration} is named before", "name it once")
        seen.add(identity)


def _trainings(raw: Raw, spot: Path, given: Environment) -> None:
    """One is meant when none is named, and each is called something else."""
    if not given.other_trainings:
        return
    if given.training is None:
        path = (*spot, "other_trainings")
        what = f"{dotted(path)}: there is no training beside which they could stand"
        raw.add(path, what, "write the one that is meant when none is named under training")
        return
    for name in given.other_trainings:
        if name.casefold() == given.training.pipeline.casefold():
            path = (*spot, "other_trainings", name)
            raw.add(path, f"{dotted(path)}: “{name}” is the pipeline of training too", "choose another name")
