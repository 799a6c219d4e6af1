"""Every integration's folder keeps every rule; and each rule finds the fault that it is there for."""

import itertools
import json
import textwrap
from pathlib import Path

import pytest

from bot.catalog import Catalog
from tests.integrations.conformance import RULES, faults
from tests.integrations.folders import Integration, find

ALL = find()


def test_the_catalog_and_the_rules_see_the_same_folders() -> None:
    assert {it.slug for it in ALL} == set(Catalog.discover("integrations", entry_points="none").manifests)
    assert {"alertmanager", "grafana", "cloudevents", "evidently"} <= {it.slug for it in ALL}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("it", ALL, ids=lambda it: it.slug)
def test_every_folder_keeps_every_rule(it: Integration, rule: str) -> None:
    assert faults(it, [rule]) == []


# ---------------------------------------------------------------- the rules themselves

INIT = '"""Acme watches things."""\n'
MANIFEST = '''
    """What Acme can do."""
    from pydantic import Field, SecretStr
    from bot.ports.manifest import Capability, IntegrationSettings, Level, Manifest

    class Settings(IntegrationSettings):
        url: str = Field(title="Address", description="Where Acme is.")
        token: SecretStr | None = Field(default=None, title="Token", description="What Acme sends.")

    MANIFEST = Manifest(
        slug="acme", name="Acme", homepage="https://acme.example",
        capabilities=frozenset({Capability.ALERT_SOURCE, Capability.HEALTH}), settings=Settings, level=Level.BRONZE,
        cannot=("It forgets.",), exempt={},
    )
'''
ADAPTER = '''
    """Acme's deliveries become alerts."""
    import json
    from bot.domain.alert import Alert, AlertStatus
    from bot.domain.errors import Unreadable
    from bot.kit.httpauth import NO_AUTH, bearer
    from bot.kit.parsing import fingerprint_of, read_json
    from bot.kit.signatures import Credentials
    from bot.ports.systems import AlertSource, Health

    class Acme(AlertSource, Health):
        def __init__(self, settings, http):
            self.settings, self.http = settings, http

        def verify(self, delivery):
            return Credentials(bearer=self.settings.token).check(delivery.headers, "acme")

        def alerts(self, delivery):
            body = read_json(delivery.body, "acme")
            if not isinstance(body, dict) or "fires" not in body:
                raise Unreadable("The body says nothing.", system="acme")
            status = AlertStatus.FIRING if body["fires"] else AlertStatus.RESOLVED
            at = delivery.received_at
            ends = None if body["fires"] else at
            return [Alert("acme", "", fingerprint_of({"a": "b"}), "Acme", status, at, ends)]

        async def probe(self):
            await self.http.get_json("/health")
            return "fine"

    def build(settings, http, clock):
        auth = bearer(settings.token) if settings.token else NO_AUTH
        return Acme(settings, http(settings.url, system="acme", auth=auth))
'''
README = """
# Acme

## What you get

Alerts.

## Least permissions

None.

## Connect it

```yaml
integrations:
  acme:
    url: http://acme.example
    token_file: /run/secrets/acme
```

## Known limits

It forgets.
"""
_numbers = itertools.count()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    root = tmp_path / f"conformance_test_{next(_numbers)}" / "acme"
    (root / "fixtures").mkdir(parents=True)
    (root.parent / "__init__.py").touch()
    (root / "__init__.py").write_text(INIT)
    (root / "manifest.py").write_text(textwrap.dedent(MANIFEST))
    (root / "adapter.py").write_text(textwrap.dedent(ADAPTER))
    (root / "README.md").write_text(README)
    (root / "fixtures" / "SOURCE.txt").write_text("fires.json, ended.json, *.dead.json: our own\n")
    (root / "fixtures" / "fires.json").write_text(json.dumps({"fires": True}))
    (root / "fixtures" / "ended.json").write_text(json.dumps({"fires": False}))
    (root / "fixtures" / "odd.dead.json").write_text("[]")
    return root


def checked(root: Path) -> list[str]:
    (it,) = find(root.parent.name)
    return faults(it)


def test_a_good_folder_has_no_fault(root: Path) -> None:
    assert checked(root) == []


BREAKAGES = [
    ("files", "__init__.py", INIT, '"""Acme\n\nand more."""\n', "not one sentence"),
    ("identity", "manifest.py", 'slug="acme"', 'slug="acne"', "calls it acne"),
    ("identity", "manifest.py", 'homepage="https://acme.example"', 'homepage=""', "no homepage"),
    ("identity", "manifest.py", '("It forgets.",)', "()", "nothing under cannot"),
    ("identity", "manifest.py", "exempt={}", 'exempt={"everything": "because we have no time"}', "no rule"),
    ("identity", "manifest.py", "exempt={}", 'exempt={"level": "no time"}', "no reason"),
    ("level", "manifest.py", "exempt={}", 'exempt={"level": "it is not quite ready"}', "does not need to be"),
    ("level", "manifest.py", "Level.BRONZE", "Level.SILVER", "never acts"),
    ("level", "manifest.py", "Capability.HEALTH}", "Capability.HEALTH, Capability.PAGER}", "bronze does not"),
    ("readme", "README.md", "## Known limits", "## Limits", "headings"),
    ("readme", "README.md", "None.", "", "nothing under it"),
    ("readme", "README.md", "    token_file: /run/secrets/acme\n", "", "what token is for"),
    ("readme", "README.md", "  acme:", "  other:", "shows no yaml"),
    ("sources", "fixtures/SOURCE.txt", "ended.json, ", "", "ended.json is not in SOURCE.txt"),
    ("sources", "fixtures/SOURCE.txt", "our own", "copied, AGPL-3.0", "licence"),
    ("imports", "adapter.py", "import json", "import bot.store", "none of its business"),
    ("imports", "adapter.py", "import json", "import integrations.grafana", "none of its business"),
    ("imports", "adapter.py", "import json", "import socket", "only the kit"),
    ("imports", "adapter.py", "import json", "import _pytest", "does not declare"),
    ("settings", "manifest.py", 'title="Address", ', "", "no title"),
    ("settings", "manifest.py", "Where Acme is.", "Where Acme is", "no description that ends"),
    ("settings", "manifest.py", "token: SecretStr | None", "token: str | None", "no SecretStr"),
    ("settings", "manifest.py", "default=None", 'default=SecretStr("changeme")', "secret with a default"),
    ("settings", "manifest.py", "exempt={}", "keyless=True", "keyless is True"),
    ("example", "README.md", "url: http", "adress: http", "settings are wrong"),
    ("example", "adapter.py", "def verify", "def __repr__(self):\n        return self.settings.token.get_secret_value()\n\n    def verify", "adapter's repr"),
    ("declared_is_implemented", "manifest.py", ", Capability.HEALTH", "", "which is not declared"),
    ("declared_is_implemented", "manifest.py", "Capability.HEALTH}", "Capability.HEALTH, Capability.METRICS}", "adapter is none"),
    ("declared_is_implemented", "adapter.py", "build(settings, http, clock)", "build(settings, http, clock=None, more=1)", "build takes"),
    ("deliveries", "adapter.py", 'Alert("acme"', 'Alert("other"', "source is other"),
    ("deliveries", "adapter.py", "at = delivery.received_at", "at = delivery.received_at.replace(tzinfo=None)", "no zone"),
    ("deliveries", "adapter.py", "ends = None if", "ends = at if", "has no end, or a firing one has"),
    ("deliveries", "adapter.py", 'fingerprint_of({"a": "b"})', "str(id(object())) + str(__import__('random').random())", "second time"),
    ("deliveries", "adapter.py", 'fingerprint_of({"a": "b"})', '""', "no fingerprint"),
    ("deliveries", "fixtures/fires.json", '{"fires": true}', "{}", "is unreadable"),
    ("deliveries", "fixtures/odd.dead.json", "[]", '{"fires": true}', "is readable"),
    ("alerts", "adapter.py", '{"a": "b"}', '{"a": status.value}', "no fingerprint both fires"),
    ("garbage", "adapter.py", "not isinstance(body, dict) or ", "", "raises TypeError"),
    ("forged", "adapter.py", 'return Credentials(bearer=self.settings.token).check(delivery.headers, "acme")', "return False", "does not refuse"),
    ("forged", "adapter.py", 'return Credentials(bearer=self.settings.token).check(delivery.headers, "acme")', "return True", "without knowing a secret"),
    ("cut_off", "adapter.py", 'await self.http.get_json("/health")', '(await self.http.get_json("/health"))["ok"]', "raises KeyError"),
    ("cut_off", "adapter.py", 'await self.http.get_json("/health")', "raise Unreadable(self.settings.token.get_secret_value())", "shows a secret"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "file", "old", "new", "words"), BREAKAGES)
def test_a_broken_folder_is_found(root: Path, rule: str, file: str, old: str, new: str, words: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    (it,) = find(root.parent.name)
    found = faults(it, [rule])
    assert any(words in fault for fault in found), found


def test_every_rule_has_been_seen_to_find_something() -> None:
    assert {rule for rule, *_ in BREAKAGES} == set(RULES)
