"""Which words start the bot without Typer, and what it then leaves out."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bot.cli.serving import Serve, plainly
from bot.cli.spare import OnDemand, spared

ABSENT, ASKED = "spared_absent", "spared_asked"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["serve"], Serve(None)),
        (["serve", "--config", "a b.yaml"], Serve(Path("a b.yaml"))),
        (["serve", "--config=a.yaml"], Serve(Path("a.yaml"))),
        (["serve", "--config"], None),
        (["serve", "--config", "--help"], None),
        (["serve", "--help"], None),
        (["serve", "--config", "a.yaml", "b"], None),
        (["--config", "a.yaml", "serve"], None),
        (["check"], None),
        ([], None),
    ],
)
def test_only_plain_words_are_read_without_typer(words: list[str], wanted: Serve | None) -> None:
    assert plainly(words) == wanted


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages that note when they are loaded, and one that uses them."""
    (tmp_path / ASKED).mkdir()
    (tmp_path / ASKED / "__init__.py").write_text("class Trouble(Exception): ...\n")
    (tmp_path / ASKED / "errors.py").write_text("from spared_asked import Trouble\nclass Worse(Trouble): ...\n")
    (tmp_path / f"{ABSENT}.py").write_text("here = True\n")
    (tmp_path / "spared_user.py").write_text(
        f"import {ASKED}\nfrom {ASKED} import errors\n"
        f"try:\n    import {ABSENT}\nexcept ImportError:\n    {ABSENT} = None\n"
        f"def worse(e): return isinstance(e, errors.Worse)\n"
        f"def trouble(e): return isinstance(e, {ASKED}.Trouble)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in (ABSENT, ASKED, f"{ASKED}.errors", "spared_user"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def _imported() -> ModuleType:
    with spared(absent=[ABSENT], on_demand=[ASKED, f"{ASKED}.errors"]):
        return importlib.import_module("spared_user")


@pytest.mark.usefixtures("package")
def test_a_spared_module_is_loaded_by_the_first_question_and_is_the_real_one() -> None:
    user = _imported()
    assert ASKED not in sys.modules
    assert not user.worse(ValueError())
    errors = importlib.import_module(f"{ASKED}.errors")
    assert not isinstance(errors, OnDemand)
    assert user.worse(errors.Worse())
    assert user.trouble(errors.Worse())
    with pytest.raises(AttributeError):
        user.errors.Nothing  # noqa: B018 - the question is what is tested


@pytest.mark.usefixtures("package")
def test_what_was_absent_is_there_for_those_who_come_later() -> None:
    assert getattr(_imported(), ABSENT) is None
    assert importlib.import_module(ABSENT).here


@pytest.mark.usefixtures("package")
def test_what_is_asked_while_importing_is_loaded_at_once() -> None:
    with spared(absent=[], on_demand=[ASKED, f"{ASKED}.errors"]):
        stand = importlib.import_module(ASKED)
        assert stand.Trouble is importlib.import_module(ASKED).Trouble
    assert not isinstance(importlib.import_module(ASKED), OnDemand)


@pytest.mark.usefixtures("package")
def test_what_is_loaded_already_stays() -> None:
    real = importlib.import_module(ASKED)
    with spared(absent=[ASKED], on_demand=[ASKED]):
        assert importlib.import_module(ASKED) is real
