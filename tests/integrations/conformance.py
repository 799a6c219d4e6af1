"""What every integration must keep, as rules: each takes an integration and gives its faults as sentences.

`faults(integration)` applies them all. A manifest may exempt its integration from a rule by the rule's name, with a reason.
"""

import ast
import asyncio
import fnmatch
import inspect
import re
import sys
import tomllib
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr, ValidationError

from bot.catalog import capabilities, capable
from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import BotError, Forged, Unreadable
from bot.domain.models import Evidence, Observation
from bot.ports import systems
from bot.ports.manifest import Capability, IntegrationSettings, Level
from bot.ports.systems import Delivery, Split
from tests.integrations.deliveries import NOW, delivery
from tests.integrations.folders import Integration, clients, raising

HEADINGS = ("What you get", "Least permissions", "Connect it", "Known limits")
SECRET_NAME = re.compile(r"(^|_)(token|password|secret|key|credential)s?$")
ACTING = {
    Capability.REGISTRY, Capability.DEPLOYER, Capability.TRAFFIC_SPLITTER, Capability.ORCHESTRATOR,
    Capability.PIPELINE_SWITCH, Capability.PAGER, Capability.SILENCER,
}  # fmt: skip
REPOSITORY = Path(__file__).parents[2]
OWN_PACKAGES = ("bot.domain", "bot.ports", "bot.kit")


Rule = Callable[[Integration], Iterator[str]]


# ---------------------------------------------------------------- the folder


def files(it: Integration) -> Iterator[str]:
    """The agreed files are there, and `__init__` is one sentence."""
    for name in ("__init__.py", "manifest.py", "adapter.py", "README.md", "fixtures/SOURCE.txt"):
        if not (it.folder / name).is_file():
            yield f"{name} is missing"
    text = ast.get_docstring(ast.parse((it.folder / "__init__.py").read_text())) or ""
    if not text.endswith(".") or "\n" in text:
        yield "__init__.py is not one sentence"


def identity(it: Integration) -> Iterator[str]:
    """The slug is the folder's name; the manifest says what a person must know."""
    manifest = it.manifest
    if manifest.slug != it.slug:
        yield f"its manifest calls it {manifest.slug}"
    if not manifest.name or not manifest.homepage.startswith("https://"):
        yield "it has no name, or no homepage"
    if not manifest.cannot:
        yield "the manifest says nothing under cannot; every system has something that one must know"
    yield from (f"cannot is no sentence: {text}" for text in manifest.cannot if not text.endswith("."))
    for rule, reason in manifest.exempt.items():
        if rule not in RULES:
            yield f"it is exempt from {rule}, which is no rule"
        if len(reason.split()) < 4:
            yield f"its exemption from {rule} has no reason"


def readme(it: Integration) -> Iterator[str]:
    """The README has the agreed headings in order, something under each, names permissions and every secret."""
    found = re.findall(r"^## (.+)$", it.readme, re.MULTILINE)
    if tuple(found) != HEADINGS:
        yield f"README.md has the headings {found}, not {list(HEADINGS)}"
    for part in re.split(r"^## .+$", it.readme, flags=re.MULTILINE)[1:]:
        if not part.strip():
            yield "README.md has a heading with nothing under it"
    for key in it.manifest.settings.model_fields:
        if SECRET_NAME.search(key) and key not in it.readme:
            yield f"README.md does not say what {key} is for"
    if not it.example and not it.manifest.keyless:
        yield f"README.md shows no yaml with integrations.{it.slug}"


def sources(it: Integration) -> Iterator[str]:
    """Every fixture says where it comes from, under a licence that allows it here."""
    listed = (it.folder / "fixtures" / "SOURCE.txt").read_text()
    patterns = [p.strip() for line in listed.splitlines() for p in line.partition(":")[0].split(",")]
    for path in sorted((it.folder / "fixtures").iterdir()):
        if path.name != "SOURCE.txt" and not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns):
            yield f"fixtures/{path.name} is not in SOURCE.txt"
    if re.search(r"\b(A?GPL|BSL|SSPL)\b", listed):
        yield "a fixture has a licence that does not allow it here"


def imports(it: Integration) -> Iterator[str]:
    """It sees the domain, the ports, the kit, itself, and what the project declares; its manifest and wire do no I/O."""
    declared = _declared()
    for path in sorted(it.folder.rglob("*.py")):
        for module in _imported(path):
            ours = module.startswith((*OWN_PACKAGES, it.package)) or module in OWN_PACKAGES
            if ours:
                continue
            top = module.partition(".")[0]
            if top in {"bot", "integrations", "tests", "sandbox"}:
                yield f"{path.name} imports {module}, which is none of its business"
            elif top not in sys.stdlib_module_names and top not in declared:
                yield f"{path.name} imports {module}, which pyproject.toml does not declare"
            elif top in {"socket", "subprocess", "httpx", "requests", "urllib3", "aiohttp"}:
                yield f"{path.name} imports {module}; only the kit speaks to the outside"


# ---------------------------------------------------------------- settings


def settings(it: Integration) -> Iterator[str]:
    """Every key is titled and explained; what is secret by its name is secret by its type; no key means `keyless`."""
    kind = it.manifest.settings
    if not issubclass(kind, IntegrationSettings) or kind.__name__ != "Settings":
        yield "its settings are no class Settings(IntegrationSettings)"
    for name, field in kind.model_fields.items():
        if not field.title or not field.description or not field.description.endswith("."):
            yield f"the setting {name} has no title, or no description that ends like a sentence"
        types = {field.annotation, *typing.get_args(field.annotation)}
        if SECRET_NAME.search(name) and SecretStr not in types:
            yield f"the setting {name} is a secret and no SecretStr"
        if SecretStr in types and isinstance(
            field.get_default(call_default_factory=True, validated_data={}), SecretStr
        ):
            yield f"the setting {name} is a secret with a default"
    try:
        kind()
        free = True
    except ValidationError:
        free = False
    if free != it.manifest.keyless:
        yield f"keyless is {it.manifest.keyless}, but settings {'may' if free else 'may not'} all be left out"


def example(it: Integration) -> Iterator[str]:
    """The README's settings are right, and show no secret when they are shown."""
    try:
        read = it.manifest.settings.model_validate(dict(it.example))
    except ValidationError as error:
        yield f"the README's settings are wrong: {error}"
        return
    if "conformance-secret" in f"{read!r} {read}":
        yield "a secret is shown by the settings' repr"
    if "conformance-secret" in repr(it.build()):
        yield "a secret is shown by the adapter's repr"


# ---------------------------------------------------------------- capabilities


def declared_is_implemented(it: Integration) -> Iterator[str]:
    """With the README's settings the adapter can do what the manifest declares, and nothing that it doesn't."""
    names = list(inspect.signature(it.adapter_module.build).parameters)
    if names != ["settings", "http", "clock"]:
        yield f"build takes {names}, not settings, http, clock"
    have = set(capabilities(it.build()))
    for capability in it.manifest.capabilities - have:
        yield f"it declares {capability.value}, and its adapter is none"
    for capability in have - it.manifest.capabilities:
        yield f"its adapter is a {capability.value}, which is not declared"
    if not set(capabilities(it.plain())) <= it.manifest.capabilities:
        yield "with the fewest settings it can do what it doesn't declare"


def level(it: Integration) -> Iterator[str]:
    """Who acts is silver or gold, and says what its system guarantees; who only reads is bronze."""
    acts = bool(it.manifest.capabilities & ACTING)
    if acts and it.manifest.level is Level.BRONZE:
        yield "it acts, which bronze does not"
    if not acts and it.manifest.level is Level.SILVER:
        yield "it is silver and never acts"


# ---------------------------------------------------------------- deliveries


def deliveries(it: Integration) -> Iterator[str]:
    """Every delivery is read, twice to the same; every dead one is Unreadable."""
    if not it.is_source:
        return
    source, found = it.plain(), list(it.fixtures())
    if not found:
        yield "it is an AlertSource without a delivery among its fixtures"
    for name, request in found:
        try:
            first, second = _told(source, request), _told(source, request)
        except Unreadable as error:
            yield f"fixtures/{name} is unreadable: {error}"
            continue
        if first != second:
            yield f"fixtures/{name} is read differently the second time"
        for alert in first[0]:
            yield from (f"fixtures/{name}: {fault}" for fault in _alert_faults(it, alert))
    for name, request in it.dead_fixtures():
        try:
            _told(source, request)
        except Unreadable as error:
            if error.system != it.slug or not error.what:
                yield f"fixtures/{name}: the reason names no system, or is empty"
        else:
            yield f"fixtures/{name} is readable; give it another name"


def alerts(it: Integration) -> Iterator[str]:
    """Some fixture fires and some fixture resolves the same fingerprint."""
    if not it.is_source:
        return
    seen: dict[tuple[str, str], set[AlertStatus]] = {}
    for _, request in it.fixtures():
        for alert in it.plain().alerts(request):
            seen.setdefault((alert.instance, alert.fingerprint), set()).add(alert.status)
    if not any(statuses == set(AlertStatus) for statuses in seen.values()):
        yield "no fingerprint both fires and is resolved among its fixtures"


def garbage(it: Integration) -> Iterator[str]:
    """What is no delivery is Unreadable, and nothing else happens."""
    if not it.is_source:
        return
    source = it.plain()
    for body in (b"", b"\xff\xfe", b"[" * 10_000, b'{"a":' * 10_000, b"null", b"0", b'"x"', b"{}", b"NaN", b"<html>"):
        try:
            told = _told(source, delivery(body))
        except Unreadable:
            continue
        except Exception as error:  # noqa: BLE001 - the rule is about exactly this: anything else than Unreadable
            yield f"{body[:12]!r} raises {type(error).__name__}"
            continue
        if told[0] or told[1]:
            yield f"{body[:12]!r} is read as something"


def forged(it: Integration) -> Iterator[str]:
    """Without a secret a source can't tell; with one it refuses what does not carry it, and never shows it."""
    if not it.is_source:
        return
    request = delivery(b"{}")
    try:
        if it.plain().verify(request) is not False:
            yield "it takes a delivery for authentic without knowing a secret"
    except Forged:
        yield "it refuses a delivery without knowing a secret"
    try:
        it.build().verify(delivery(b"{}", headers={"Authorization": "Bearer wrong"}))
        yield "it does not refuse a wrong delivery with the README's settings"
    except Forged as error:
        if "conformance-secret" in f"{error} {error!r}":
            yield "it shows its secret when it refuses a delivery"


# ---------------------------------------------------------------- calls


def cut_off(it: Integration) -> Iterator[str]:
    """A system that does not answer, breaks off, or talks nonsense is one of our errors, without secrets."""
    answers: Mapping[str, Callable[[httpx.Request], httpx.Response]] = {
        "refuses the connection": raising(httpx.ConnectError("refused")),
        "breaks off": raising(httpx.ReadError("reset")),
        "answers with a page": lambda _: httpx.Response(200, html="<html><title>Log in</title></html>"),
        "answers with a number": lambda _: httpx.Response(200, json=5),
        "answers with an empty object": lambda _: httpx.Response(200, json={}),
        "answers with odd lists": lambda _: httpx.Response(200, json=[[{"a": None}], None]),
        "answers 401": lambda request: httpx.Response(401, json={"message": str(request.headers)}),
        "answers 500": lambda request: httpx.Response(500, text=str(request.headers)),
    }
    for words, handler in answers.items():
        adapter = it.build(clients(handler))
        for name, method in _calls(it, adapter):
            yield from (f"when the system {words}, {name} {fault}" for fault in _call_faults(method))


def _call_faults(method: Callable[[], Any]) -> Iterator[str]:
    try:
        asyncio.run(method())
    except BotError as error:
        if "conformance-secret" in f"{error} {error!r}":
            yield "shows a secret"
        if not error.what.endswith((".", "!", "?", "…")):
            yield f"says no sentence: {error.what}"
    except Exception as error:  # noqa: BLE001 - the rule is about exactly this: any error that is not ours
        yield f"raises {type(error).__name__}: {error}"


# ---------------------------------------------------------------- all of them

RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        files, identity, readme, sources, imports, settings, example, declared_is_implemented, level, deliveries,
        alerts, garbage, forged, cut_off,
    )
}  # fmt: skip


def faults(it: Integration, only: Sequence[str] = ()) -> list[str]:
    """What an integration does not keep, rule by rule; an exemption that is not needed is a fault, too."""
    found: list[str] = []
    for name, rule in RULES.items():
        if only and name not in only:
            continue
        broken = list(rule(it))
        if name in it.manifest.exempt:
            broken = [] if broken else ["it is exempt from this rule and does not need to be"]
        found += [f"{it.slug} · {name}: {fault}" for fault in broken]
    return found


# ---------------------------------------------------------------- pieces


def _told(source: Any, request: Delivery) -> tuple[list[Alert], list[Any]]:
    return list(source.alerts(request)), list(source.changes(request))


def _alert_faults(it: Integration, alert: Alert) -> Iterator[str]:
    if alert.source != it.slug:
        yield f"an alert's source is {alert.source}"
    if not alert.fingerprint or not alert.name:
        yield "an alert has no fingerprint, or no name"
    if alert.starts_at.tzinfo is None or (alert.ends_at is not None and alert.ends_at.tzinfo is None):
        yield "an alert's time has no zone"
    if (alert.status is AlertStatus.RESOLVED) != (alert.ends_at is not None):
        yield "a resolved alert has no end, or a firing one has"


def _declared() -> set[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[<>=! ]", text)[0].lower().replace("_", "-") for text in project["dependencies"]}
    return {
        module
        for module, distributions in packages_distributions().items()
        if {name.lower().replace("_", "-") for name in distributions} & (wanted | {"pydantic-core"})
    }


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def _calls(it: Integration, adapter: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every asynchronous method of every port that the adapter fulfils, with arguments of the right kind."""
    for capability in sorted(it.manifest.capabilities):
        if not capable(adapter, capability):
            continue
        port = getattr(systems, capability.value)
        for name, function in inspect.getmembers(port, inspect.iscoroutinefunction):
            hints = typing.get_type_hints(function)
            given = {key: _argument(hints[key]) for key in inspect.signature(function).parameters if key != "self"}
            yield f"{capability.value}.{name}", _bound(getattr(adapter, name), given)


def _bound(method: Callable[..., Any], given: Mapping[str, object]) -> Callable[[], Any]:
    return lambda: method(**given)


def _argument(kind: Any) -> object:
    if kind is str:
        return "thing"
    if kind is datetime:
        return NOW
    if kind is float:
        return 60.0
    if kind is int:
        return 10
    if kind is Delivery:
        return delivery(b"{}")
    if kind is Observation:
        return Observation("1", Evidence.REGISTRY, NOW)
    if kind is Split:
        return Split((("thing", 20), ("1", 80)), NOW)
    return {}
