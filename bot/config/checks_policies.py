"""What no single policy shows: signatures that do not hold, names that nobody has, windows that are none."""

from bot.config.fields import near
from bot.config.problems import Gravity
from bot.config.raw import Raw, dotted
from bot.config.settings import Settings
from bot.config.yaml_lines import Path
from bot.domain.plan import OperationKind
from bot.usecases.operate import route_of
from bot.usecases.setup import Mode, Policy, Setup


def check_policies(settings: Settings, setup: Setup, raw: Raw) -> None:
    """Note every fault of `policies.rules`, `policies.freezes` and `policies.monitors`."""
    seen: set[str] = set()
    for place, rule in enumerate(setup.policies.rules):
        path: Path = ("policies", "rules", place)
        if rule.name in seen:
            raw.add((*path, "name"), f"{dotted(path)}.name: “{rule.name}” is there twice", "choose another name")
        seen.add(rule.name)
        _models(settings, raw, (*path, "models"), rule.models)
        _fits(raw, path, rule)
        if rule.mode is Mode.AUTO and rule.asks:
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

    for place, monitor in enumerate(setup.policies.monitors):
        path = ("policies", "monitors", place)
        if monitor.model:
            _models(settings, raw, (*path, "model"), (monitor.model,))
        if monitor in setup.policies.monitors[:place]:
            raw.add(path, f"{dotted(path)}: it is there twice", "remove one of the two")


def _models(settings: Settings, raw: Raw, path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in settings.models:
            raw.add(path, f"{dotted(path)}: there is no model “{name}”", near(name, sorted(settings.models)))


def _fits(raw: Raw, path: Path, rule: Policy) -> None:
    """What is said must be possible for what it is said of: nothing that is written does nothing."""
    what = rule.kind.noun
    if rule.undo and rule.kind is OperationKind.RETRAIN:
        said = f"{dotted(path)}.undo: a {what} changes nothing that serves, so there is nothing to take back"
        raw.add((*path, "undo"), said, "leave undo out")
    if rule.asks:
        return
    if rule.mode is not Mode.SUGGEST or rule.signed_by:
        key = "mode" if rule.mode is not Mode.SUGGEST else "signed_by"
        said = f"{dotted(path)}.{key}: no alert asks for a {what}, so nothing would be planned or carried out"
        raw.add((*path, key), said, f"leave {key} out; undo: true takes back what people have done")
    if not rule.undo:
        raw.add(
            path,
            f"{dotted(path)}: a policy about a {what} without undo does nothing",
            "add undo: true, or leave it out",
        )


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
                f"{dotted(path)}.signed_by: {rule.signed_by} is not Accountable for a {rule.kind.noun} of {model}; "
                f"{who} is"
            )
            raw.add((*path, "signed_by"), what, f"have {who} sign it, name the models, or write mode: approve")
