"""The chain finds any change, removal, swap or insertion, and its bytes are RFC 8785."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.timeline import (
    BOT,
    GENESIS,
    NAME_LIMIT,
    TEXT_LIMIT,
    Actor,
    ActorKind,
    Draft,
    Entry,
    Kind,
    canonical,
    seal,
    stamp,
    verify,
)
from tests.unit.worlds import DANA, T0, TEXTS, TIMES, minutes

ACTORS = st.builds(Actor, st.sampled_from(ActorKind), TEXTS, TEXTS)
DRAFTS = st.builds(Draft, st.sampled_from(Kind), TEXTS, ACTORS, TIMES, TEXTS)


def chain(drafts: list[Draft], incident: int = 42) -> list[Entry]:
    entries: list[Entry] = []
    for place, draft in enumerate(drafts):
        entries.append(
            seal(draft, incident=incident, after=entries[-1] if entries else None, learned_at=T0 + minutes(place))
        )
    return entries


STORY = chain([
    Draft(Kind.OPENED, "Opened: fraud-detector drifts – “PSI” 0.31 😀", BOT, T0, "sha256:ab"),
    Draft(Kind.ACKNOWLEDGED, "Dana acknowledged.", DANA.actor, T0 + minutes(2)),
    Draft(Kind.NOTE, "", DANA.actor, T0 + minutes(3), "http://slack/p1"),
    Draft(Kind.CHANGED, "champion → 2", BOT, T0 + minutes(9)),
    Draft(Kind.RESOLVED, "Resolved", BOT, T0 + minutes(20)),
])  # fmt: skip


# ---------------------------------------------------------------- intact


@given(st.lists(DRAFTS, max_size=8))
def test_what_was_sealed_in_order_is_intact(drafts: list[Draft]) -> None:
    entries = chain(drafts)
    assert verify(entries) is None
    assert [e.seq for e in entries] == list(range(1, len(entries) + 1))
    assert [e.prev_hash for e in entries] == [GENESIS, *(e.hash for e in entries)][: len(entries)]


@given(DRAFTS)
def test_the_bytes_are_rfc_8785(draft: Draft) -> None:
    (entry,) = chain([draft])
    assert canonical(entry) == rfc8785.dumps(json.loads(canonical(entry)))
    assert entry.hash == hashlib.sha256(canonical(entry)).hexdigest()


@pytest.mark.parametrize(
    "text", ["ü€😀", "\u2028\u2029", "\x00\x1f\x7f\x80", '"\\/\b\f\n\r\t', "\ud800 lone", "é", "\ufeff", "<!channel>"]
)
def test_odd_text_is_written_as_rfc_8785_would(text: str) -> None:
    (entry,) = chain([Draft(Kind.NOTE, text, Actor(ActorKind.PERSON, text, text), T0, text)])
    assert canonical(entry) == rfc8785.dumps(json.loads(canonical(entry)))


@given(st.text(), st.text())
def test_what_is_sealed_can_be_stored_and_read_again(text: str, name: str) -> None:
    """SQLite and PostgreSQL take neither lone surrogates nor (the latter) NUL; a changed byte would break the chain."""
    (entry,) = chain([Draft(Kind.NOTE, text, Actor(ActorKind.PERSON, name, name), T0, text)])
    for stored in (entry.text, entry.evidence, entry.actor.id, entry.actor.name):
        assert stored.encode("utf-8").decode("utf-8") == stored
        assert "\x00" not in stored


def test_long_text_is_cut_and_says_so() -> None:
    (entry,) = chain([Draft(Kind.NOTE, "x" * 20_000, Actor(ActorKind.PERSON, "u", "n" * 1_000), T0)])
    assert entry.text == f"{'x' * TEXT_LIMIT}… [{20_000 - TEXT_LIMIT} more characters cut]"
    assert entry.actor.name.startswith("n" * NAME_LIMIT + "…")


@pytest.mark.parametrize(
    "moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(987, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
)
def test_every_time_is_written_in_the_same_form(moment: datetime) -> None:
    text = stamp(moment)
    assert (len(text), text[-1]) == (27, "Z")
    assert datetime.fromisoformat(text) == moment


def test_the_zone_of_a_time_changes_nothing() -> None:
    here = T0.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert chain([Draft(Kind.NOTE, "x", BOT, here)]) == chain([Draft(Kind.NOTE, "x", BOT, T0)])


# ---------------------------------------------------------------- changed


def flip(text: str, place: int) -> str:
    """Another text that differs in one byte (or one more, where there is none)."""
    if not text:
        return "x"
    place %= len(text)
    return f"{text[:place]}{'a' if text[place] != 'a' else 'b'}{text[place + 1 :]}"


CHANGES: dict[str, Callable[[Entry, int], Entry]] = {
    "incident": lambda e, n: replace(e, incident=e.incident + 1 + n % 7),
    "seq": lambda e, n: replace(e, seq=e.seq + 1 + n % 7),
    "kind": lambda e, n: replace(e, kind=[k for k in Kind if k is not e.kind][n % (len(Kind) - 1)]),
    "text": lambda e, n: replace(e, text=flip(e.text, n)),
    "actor": lambda e, n: replace(e, actor=replace(e.actor, name=flip(e.actor.name, n))),
    "actor.id": lambda e, n: replace(e, actor=replace(e.actor, id=flip(e.actor.id, n))),
    "actor.kind": lambda e, n: replace(
        e, actor=replace(e.actor, kind=[k for k in ActorKind if k is not e.actor.kind][n % 2])
    ),
    "happened_at": lambda e, n: replace(e, happened_at=e.happened_at + timedelta(microseconds=1 + n)),
    "learned_at": lambda e, n: replace(e, learned_at=e.learned_at - timedelta(microseconds=1 + n)),
    "evidence": lambda e, n: replace(e, evidence=flip(e.evidence, n)),
    "prev_hash": lambda e, n: replace(e, prev_hash=flip(e.prev_hash, n)),
    "hash": lambda e, n: replace(e, hash=flip(e.hash, n)),
}


def test_every_stored_field_is_tried() -> None:
    assert {f.name for f in fields(Entry)} <= set(CHANGES)


@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("place", range(len(STORY)))
@given(st.integers(0, 10_000))
def test_any_changed_byte_is_found_and_its_entry_named(field: str, place: int, where: int) -> None:
    changed = [CHANGES[field](e, where) if n == place else e for n, e in enumerate(STORY)]
    broken = verify(changed)
    assert broken is not None
    assert broken.seq == changed[place].seq
    assert broken.what


@pytest.mark.parametrize("place", range(len(STORY) - 1))
def test_a_removed_entry_is_named(place: int) -> None:
    broken = verify([e for n, e in enumerate(STORY) if n != place])
    assert broken is not None
    assert broken.what == f"entry {place + 1} is missing or out of order (found {place + 2})"


@given(st.integers(0, 4), st.integers(0, 4))
def test_swapped_entries_are_found_at_the_first_of_them(one: int, other: int) -> None:
    if one == other:
        return
    entries = list(STORY)
    entries[one], entries[other] = entries[other], entries[one]
    broken = verify(entries)
    assert broken is not None
    assert broken.what.startswith(f"entry {min(one, other) + 1} is missing or out of order")


@given(st.integers(0, 4), DRAFTS)
def test_an_inserted_entry_is_found(place: int, draft: Draft) -> None:
    before = STORY[place - 1] if place else None
    forged = seal(draft, incident=42, after=before, learned_at=T0)
    broken = verify([*STORY[:place], forged, *STORY[place:]])
    assert broken is not None
    assert broken.what == f"entry {place + 2} is missing or out of order (found {place + 1})"


def test_a_forger_who_also_mends_the_hash_is_found_at_the_next_entry() -> None:
    forged = seal(
        Draft(Kind.NOTE, "nothing happened", BOT, T0), incident=42, after=STORY[1], learned_at=STORY[2].learned_at
    )
    broken = verify([*STORY[:2], forged, *STORY[3:]])
    assert broken is not None
    assert (broken.seq, broken.what) == (4, "does not follow from the entry before it")


def test_an_entry_of_another_incident_does_not_fit() -> None:
    other = chain([Draft(Kind.OPENED, "x", BOT, T0), Draft(Kind.NOTE, "y", BOT, T0)], incident=43)
    assert verify([STORY[0], other[1]]) is not None
    assert verify([]) is None
