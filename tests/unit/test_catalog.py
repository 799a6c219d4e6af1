"""What is in the folder is found, what is broken stops the program, and what is wrong in settings is named."""

import itertools
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.catalog import Catalog, capabilities, capable, having
from bot.domain.errors import BadInput
from bot.ports.clock import SystemClock
from bot.ports.manifest import Capability
from bot.ports.systems import AlertPoll, AlertSource, Health

MANIFEST = """
    from pydantic import Field, SecretStr
    from bot.ports.manifest import Capability, IntegrationSettings, Level, Manifest

    class Settings(IntegrationSettings):
        url: str = Field(title="Address", description="where it is", pattern="^http")
        token: SecretStr | None = Field(default=None, title="Token", description="its secret", min_length=8)

    MANIFEST = Manifest(
        slug="{slug}", name="The {slug}", homepage="https://example.com", capabilities=frozenset({{Capability.HEALTH}}),
        settings=Settings, level=Level.BRONZE, keyless={keyless},
    )
"""
ADAPTER = """
    from bot.ports.systems import Health

    class Adapter(Health):
        def __init__(self, settings, http, clock):
            self.made_of = (settings.url, http, clock)

        async def probe(self):
            return "fine"

    def build(settings, http, clock):
        return Adapter(settings, http, clock)
"""
_names = itertools.count()


class Tree:
    """A package of integrations, written for one test."""

    def __init__(self, root: Path) -> None:
        self.package = f"catalog_test_{next(_names)}"
        self.root = root / self.package
        self.root.mkdir()
        (self.root / "__init__.py").touch()

    def add(
        self, folder: str, *, manifest: str | None = None, adapter: str = ADAPTER, slug: str = "", keyless: bool = False
    ) -> None:
        path = self.root / folder
        path.mkdir()
        (path / "__init__.py").touch()
        text = MANIFEST.format(slug=slug or folder, keyless=keyless) if manifest is None else manifest
        (path / "manifest.py").write_text(textwrap.dedent(text))
        (path / "adapter.py").write_text(textwrap.dedent(adapter))

    def discover(self) -> Catalog:
        return Catalog.discover(self.package)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Tree(tmp_path)


def no_http(*_args: object, **_more: object) -> object:
    raise AssertionError("nothing is asked in these tests")


def test_folders_are_found_in_order_and_built(tree: Tree) -> None:
    tree.add("zeta")
    tree.add("alpha")
    (tree.root / "notes.py").write_text("raise SystemError('a module is no integration')")
    catalog = tree.discover()
    assert list(catalog.manifests) == ["alpha", "zeta"]

    clock = SystemClock()
    adapter = catalog.build("zeta", {"url": "http://z"}, no_http, clock)
    assert adapter.made_of == ("http://z", no_http, clock)  # type: ignore[attr-defined] # a class of this test's own text


def test_capabilities_are_the_ports_that_an_adapter_inherits(tree: Tree) -> None:
    tree.add("alpha")
    adapter = tree.discover().build("alpha", {"url": "http://a"}, no_http, SystemClock())
    assert capabilities(adapter) == (Capability.HEALTH,)
    assert capable(adapter, Capability.HEALTH)
    assert not capable(adapter, Capability.ALERT_POLL)
    assert not capable(object(), Capability.HEALTH)
    assert list(having({"alpha": adapter, "other": object()}, Health)) == ["alpha"]
    assert having({"alpha": adapter}, AlertSource) == {}
    assert having({"alpha": adapter}, AlertPoll) == {}


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("import a_library_that_is_not_here", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("MANIFEST = 'none'", "no MANIFEST"),
    ],
)
def test_a_broken_manifest_stops_the_program(tree: Tree, manifest: str, words: str) -> None:
    tree.add("alpha")
    tree.add("broken", manifest=manifest)
    with pytest.raises(BadInput, match=words) as caught:
        tree.discover()
    assert f"{tree.package}.broken" in caught.value.what
    assert caught.value.not_done
    assert caught.value.next_step


def test_a_slug_is_its_folders_name(tree: Tree) -> None:
    tree.add("alpha", slug="beta")
    with pytest.raises(BadInput, match="calls it 'beta', its folder 'alpha'"):
        tree.discover()


def test_an_adapter_that_does_not_load_is_named(tree: Tree) -> None:
    tree.add("alpha", adapter="import a_library_that_is_not_here")
    catalog = tree.discover()
    with pytest.raises(BadInput, match="a_library_that_is_not_here"):
        catalog.build("alpha", {"url": "http://a"}, no_http, SystemClock())


def test_installed_packages_join_and_may_not_hide_a_folder(tree: Tree, tmp_path: Path) -> None:
    tree.add("alpha")
    outside = Tree(tmp_path)
    outside.add("acme")
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[mlops_bot.integrations]\nacme = {outside.package}.acme\n")
    catalog = tree.discover()
    assert list(catalog.manifests) == ["acme", "alpha"]
    assert catalog.build("acme", {"url": "http://a"}, no_http, SystemClock())

    tree.add("acme")
    with pytest.raises(BadInput, match="has the same name"):
        tree.discover()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({}, ["integrations.alpha.url is missing", "Address", "where it is"]),
        ({"url": "ftp://x"}, ["integrations.alpha.url is not usable", "where it is"]),
        (
            {"url": "http://a", "tokn": "hunter2-hunter2"},
            ["integrations.alpha.tokn is not a setting; did you mean token?"],
        ),
        ({"url": "http://a", "qqq": 1}, ["integrations.alpha.qqq is not a setting; there are url, token"]),
        ({"url": "http://a", "token": "hunter2"}, ["integrations.alpha.token is not usable", "its secret"]),
        ({"url": "http://a", "token": ["hunter2"]}, ["integrations.alpha.token is not usable"]),
        ({"url": ["hunter2"], "token": 5}, ["integrations.alpha.url", "integrations.alpha.token"]),
    ],
)
def test_wrong_settings_are_named_and_never_echoed(tree: Tree, raw: Mapping[str, object], words: list[str]) -> None:
    tree.add("alpha")
    with pytest.raises(BadInput) as caught:
        tree.discover().build("alpha", raw, no_http, SystemClock())
    for word in words:
        assert word in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "integrations.alpha" in caught.value.next_step


def test_an_unknown_integration_gets_the_nearest_name(tree: Tree) -> None:
    tree.add("alertmanager")
    with pytest.raises(BadInput, match="Did you mean alertmanager"):
        tree.discover().manifest("alertmanger")
    with pytest.raises(BadInput, match="There are: alertmanager"):
        tree.discover().manifest("zzz")


def test_rows_say_what_is_present_configured_and_capable(tree: Tree) -> None:
    tree.add("absent")
    tree.add("faulty")
    tree.add(
        "free",
        keyless=True,
        manifest=MANIFEST.format(slug="free", keyless=True).replace(
            "url: str = Field(", 'url: str = Field(default="http://x", '
        ),
    )
    tree.add("ready")
    rows = tree.discover().rows({"faulty": {}, "ready": {"url": "http://r"}}, no_http, SystemClock())
    seen = {row.manifest.slug: (row.configured, row.capable, bool(row.fault)) for row in rows}
    health = (Capability.HEALTH,)
    assert seen == {
        "absent": (False, (), False),
        "faulty": (True, (), True),
        "free": (True, health, False),
        "ready": (True, health, False),
    }


def test_the_shipped_integrations_are_found() -> None:
    assert "alertmanager" in Catalog.discover("integrations").manifests
