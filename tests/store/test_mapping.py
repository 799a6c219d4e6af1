"""What is stored is what comes back: any value of the domain, whatever text a source put into it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.alert import Alert
from bot.domain.errors import BotError
from bot.domain.incident import Incident
from bot.domain.models import Change
from bot.domain.operation import Operation
from bot.store.mapping import NAME_BYTES, dump, load, name, plain
from tests.store.strategies import TEXTS, values


@pytest.mark.parametrize("kind", [Alert, Incident, Operation, Change], ids=lambda kind: kind.__name__)
@given(st.data())
@settings(deadline=None, max_examples=60)
def test_a_value_comes_back_as_it_was(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(values(kind))
    text = dump(value)
    assert text.isascii()
    assert "\x00" not in text
    assert load(kind, text) == value


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"model": 1}', '{"model": "m", "kind": "k"', "\x00"])
def test_a_row_that_does_not_fit_is_an_error_that_says_so(text: str) -> None:
    with pytest.raises(BotError, match="A stored Change can't be read: ") as caught:
        load(Change, text)
    assert "another version" in caught.value.next_step


@given(TEXTS)
def test_plain_text_is_what_postgresql_takes(text: str) -> None:
    kept = plain(text)
    assert "\x00" not in kept
    kept.encode()
    assert plain(kept) == kept


@given(st.text(min_size=1, max_size=60).map(lambda text: text * 40), st.text(max_size=3), st.text(max_size=3))
def test_long_names_stay_short_and_apart(stem: str, one: str, other: str) -> None:
    kept = name(stem + one)
    assert len(kept.encode()) <= NAME_BYTES
    assert name(kept) == kept
    if plain(stem + one, 10_000) != plain(stem + other, 10_000):
        assert name(stem + other) != kept
