"""The words after `/mlops`, as phones, hurried people and hostile ones type them."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadInput
from bot.usecases.grammar import ALIASES, INPUT_LIMIT, NOT_BUILT, USAGE, number, parse


@pytest.mark.parametrize("name", list(USAGE))
def test_every_command_is_known_in_any_case(name: str) -> None:
    assert parse(name).name == name
    assert parse(f"  {name.upper()}  ").name == name


@pytest.mark.parametrize(("said", "meant"), list(ALIASES.items()))
def test_other_words_for_it(said: str, meant: str) -> None:
    assert parse(said).name == meant


def test_nothing_is_help() -> None:
    assert parse("").name == parse("   \n ").name == "help"


@pytest.mark.parametrize("dash", ["--", "—", "–", "―"])
def test_a_phone_makes_one_dash_of_two(dash: str) -> None:
    words = parse(f"rollback fraud-detector {dash}to 2 {dash}reason errors since the promotion")
    assert words.words == ("fraud-detector",)
    assert words.options == {"to": "2", "reason": "errors since the promotion"}


@pytest.mark.parametrize(
    "text",
    ["declare “Checkout is slow” --severity sev1", "declare „Checkout is slow“ --severity=sev1",
     'declare "Checkout is slow" —severity sev1', "declare Checkout is slow --severity sev1"],
)  # fmt: skip
def test_a_phone_makes_curly_quotes(text: str) -> None:
    words = parse(text)
    assert " ".join(words.words) == "Checkout is slow"
    assert words.options == {"severity": "sev1"}


def test_quotes_also_hold_an_options_value_together() -> None:
    assert parse('declare --title="API is down" --model m').options == {"title": "API is down", "model": "m"}
    assert parse('declare --title "API is down" --model m').options == {"title": "API is down", "model": "m"}


def test_a_line_break_parts_words_as_a_space_does() -> None:
    words = parse("note\nINC-3 first line\nsecond line")
    assert words.name == "note"
    assert words.after(1) == "first line\nsecond line"


def test_what_people_write_down_is_kept_as_they_typed_it() -> None:
    text = "Mika said: “wait —not yet” 👩‍🔬 – 2 > 1"
    assert parse(f"note INC-3 {text}").after(1) == text


def test_invisible_characters_do_not_hide_words() -> None:
    assert parse("\u200back INC\u202e-1").words == ("INC-1",)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("akc INC-1", "/mlops ack INC"), ("rolback m", "/mlops rollback MODEL"), ("timline INC-1", "/mlops timeline"),
     ("incidnets", "/mlops incidents"), ("aprove OP-1", "/mlops approve OP"), ("acknowlege INC-1", "/mlops ack INC")],
)  # fmt: skip
def test_an_unknown_word_gets_the_nearest_command(typed: str, hint: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse(typed)
    assert hint in refused.value.next_step
    assert refused.value.not_done == "Nothing was done."


def test_a_word_like_nothing_gets_help() -> None:
    with pytest.raises(BadInput) as refused:
        parse("xyzzyplugh")
    assert "/mlops help" in refused.value.next_step


def test_a_hostile_word_is_shown_short() -> None:
    with pytest.raises(BadInput) as refused:
        parse("x" * 3_000)
    assert len(refused.value.what) < 100


def test_too_long_is_said() -> None:
    with pytest.raises(BadInput, match=str(INPUT_LIMIT)):
        parse("note INC-1 " + "x" * INPUT_LIMIT)


@pytest.mark.parametrize(("word", "meant"), [("INC-42", 42), ("inc-42", 42), ("#42", 42), ("42", 42), (" 42 ", 42)])
def test_ids_are_read_generously(word: str, meant: int) -> None:
    assert number(word, "INC") == meant


@pytest.mark.parametrize("word", ["OP-42", "INC-", "INC-x", "", "INC-9999999999", "-1", "4 2"])
def test_what_is_no_id(word: str) -> None:
    assert number(word, "INC") is None


@given(st.text(max_size=500))
def test_anything_is_a_command_or_explained(text: str) -> None:
    name, explained = "", ""
    try:
        name = parse(text).name
    except BadInput as refused:
        explained = refused.next_step
    assert name in USAGE or explained


@given(st.sampled_from(sorted(set(USAGE) - set(NOT_BUILT))), st.text(max_size=200))
def test_known_words_are_never_an_error(name: str, rest: str) -> None:
    assert parse(f"{name} {rest}").name == name


def test_every_command_that_is_suggested_anywhere_exists() -> None:
    """What to do next must be something that can be done."""
    root = Path(__file__).parents[2]
    files = [*root.glob("bot/**/*.py"), *root.glob("integrations/**/*.py"), *root.glob("runbooks/*.md")]
    suggested = {
        (word, path.name)
        for path in files
        for word in re.findall(r"/mlops ([a-z-]+)", path.read_text(encoding="utf-8"))
    }
    prose = {"and", "in", "command"}
    assert {(word, name) for word, name in suggested if word not in {*USAGE, *ALIASES, *prose}} == set()
