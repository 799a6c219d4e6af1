"""What no single policy shows: signatures that do not hold, names that nobody has, windows that are none."""

from bot.config.fields import near
from bot.config.problems import Gravity
from bot.config.raw import Raw, dotted
from bot.config.settings import Settings
from bot.config.yaml_lines import Path
from bot.usecases.operate import route_of
from bot.usecases.setup import Mode, Policy, Setup


def check_policies(settings: Settings, setup: Setup, raw: Raw) -> None:
    """Note every fault of `policies.rules`, `policies.freezes` and `policies.silences`."""
    seen: set[str] = set()
    for place, rule in enumerate(setup.policies.rules):
        path: Path = ("policies", "rules", place)
        if rule.name in seen:
            raw.add((*path, "name"), f"{dotted(path)}.name: “{rule.name}” is there twice", "choose another name")
        seen.add(rule.name)
        _models(settings, raw, (*path, "models"), rule.models)
        if rule.mode is Mode.AUTO:
            _signature(setup, raw, path, rule)
    for place, window in enumerate(setup.policies.freezes):
        path = ("policies", "freezes", place)
        _models(settings, raw, (*path, "models"), window.models)
        given = settings.policies.freezes[place]
        if window.until <= window.since:
            raw.add((*path, "until"), f"{dotted(path)}: it ends before it begins", "exchange since and until")
        if given.since.tzinfo is None or given.until.tzinfo is None:
            fix = "write it with its zone, like 2026-12-24T00:00:00+01:00"
            raw.add(path, f"{dotted(path)}: a time without a zone is taken as UTC", fix, Gravity.WARNING)

    for place, silence in enumerate(setup.policies.silences):
        path = ("policies", "silences", place)
        if silence.model:
            _models(settings, raw, (*path, "model"), (silence.model,))
        if silence in setup.policies.silences[:place]:
            raw.add(path, f"{dotted(path)}: it is there twice", "remove one of the two")


def _models(settings: Settings, raw: Raw, path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in settings.models:
            raw.add(path, f"{dotted(path)}: there is no model “{name}”", near(name, sorted(settings.models)))


def _signature(setup: Setup, raw: Raw, path: Path, rule: Policy) -> None:
    """What nobody approves needs somebody who answers for it."""
    if not rule.signed_by:
        what = f"{dotted(path)}: the mode auto needs the signature of who is Accountable"
        raw.add(path, what, "add signed_by, or write mode: approve")
        return
    for model in rule.models or setup.models:
        accountable = route_of(setup, rule.kind, model).accountable
        if accountable is None or accountable.person != rule.signed_by:
            who = accountable.person if accountable else "nobody"
            what = (
                f"{dotted(path)}.signed_by: {rule.signed_by} is not Accountable for a {rule.kind.value} of {model}; "
                f"{who} is"
            )
            raw.add((*path, "signed_by"), what, f"have {who} sign it, name the models, or write mode: approve")
