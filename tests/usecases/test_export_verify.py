"""An export proves by itself that nothing in it was changed: any byte, any place, any format."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.timeline import BOT, Draft, Kind
from bot.usecases.export import Format, render, verify_bytes, verify_chain
from bot.usecases.export.verification import LIMIT
from bot.usecases.views import TimelineView
from tests.unit.worlds import T0
from tests.usecases.exports import NASTY, NOW, VIEWS, a_view, chain, story

FORMATS = pytest.mark.parametrize("fmt", Format)
PATIENT = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def exported(view: TimelineView, fmt: Format) -> tuple[str, bytes]:
    file = render(view, fmt, NOW)
    return file.name, file.text.encode("utf-8")


# ---------------------------------------------------------------- intact


@FORMATS
@given(VIEWS)
@PATIENT
def test_what_was_exported_is_intact_whatever_was_written_in_it(fmt: Format, view: TimelineView) -> None:
    name, data = exported(view, fmt)
    found = verify_bytes(name, data)
    assert (found.intact, found.incident, found.entries) == (True, 42, len(view.entries)), found.what


@FORMATS
def test_every_nasty_text_of_8000_characters_is_intact(fmt: Format) -> None:
    drafts = [Draft(Kind.NOTE, (text * 8_000)[:8_000], BOT, T0, text) for text in NASTY]
    name, data = exported(a_view(chain(drafts)), fmt)
    assert verify_bytes(name, data).intact


@FORMATS
def test_a_timeline_without_entries_is_intact_and_says_so(fmt: Format) -> None:
    found = verify_bytes(*exported(a_view([]), fmt))
    assert (found.intact, found.entries) == (True, 0)
    assert "It has no entries" in found.what


@FORMATS
def test_an_intact_file_names_the_hash_to_compare_with_the_bot(fmt: Format) -> None:
    view = story()
    found = verify_bytes(*exported(view, fmt))
    assert found.intact
    assert view.entries[-1].hash in found.what


@FORMATS
def test_the_name_of_the_file_does_not_matter(fmt: Format) -> None:
    _, data = exported(story(), fmt)
    for name in ("", "INC-42.md", "export.txt", "x" * 5_000, "a\x1b[31m\n.csv"):
        assert verify_bytes(name, data).intact


# ---------------------------------------------------------------- changed


@FORMATS
def test_every_single_byte_counts(fmt: Format) -> None:
    """Not a sample of them: each byte of a small file, with one bit of it turned."""
    name, data = exported(a_view(chain([Draft(Kind.NOTE, "acknowledged – “ü”", BOT, T0)])), fmt)
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
        found = verify_bytes(name, changed)
        assert not found.intact, place
        assert found.what


@FORMATS
@given(VIEWS, st.data())
@PATIENT
def test_any_edit_of_any_export_is_found(fmt: Format, view: TimelineView, draw: st.DataObject) -> None:
    name, data = exported(view, fmt)
    place = draw.draw(st.integers(0, len(data) - 1))
    byte = draw.draw(st.integers(0, 255))
    edits = {
        "changed": data[:place] + bytes([byte if byte != data[place] else byte ^ 1]) + data[place + 1 :],
        "inserted": data[:place] + bytes([byte]) + data[place:],
        "deleted": data[:place] + data[place + 1 :],
        "cut off": data[:place],
        "appended": data + bytes([byte]),
        "doubled": data + data,
    }
    for what, edited in edits.items():
        assert not verify_bytes(name, edited).intact, (what, place)


@FORMATS
@given(st.integers(0, 4), st.integers(0, 4))
def test_entries_that_changed_places_are_found(fmt: Format, one: int, other: int) -> None:
    if one == other:
        return
    view = story()
    entries = list(view.entries)
    entries[one], entries[other] = entries[other], entries[one]
    found = verify_bytes(*exported(a_view(entries, view.incident), fmt))
    assert not found.intact
    assert found.what.startswith(f"entry {min(one, other) + 1} is missing or out of order")


@FORMATS
def test_a_file_that_was_written_from_a_forged_chain_names_the_entry(fmt: Format) -> None:
    """Somebody who makes a perfect file of an edited row still has the row's hash against them."""
    view = story()
    entries = list(view.entries)
    forged = chain([Draft(e.kind, e.text.replace("0.31", "0.01"), e.actor, e.happened_at, e.evidence) for e in entries])
    entries[0] = forged[0]
    found = verify_bytes(*exported(a_view(entries, view.incident), fmt))
    assert (found.intact, found.entries) == (False, 5)
    assert found.what == "entry 2 does not follow from the entry before it."


@FORMATS
def test_entries_of_another_incident_are_found(fmt: Format) -> None:
    foreign = chain([Draft(Kind.NOTE, "x", BOT, T0)], incident=7)
    found = verify_bytes(*exported(a_view(foreign), fmt))
    assert not found.intact
    assert "entry 1" in found.what


# ---------------------------------------------------------------- what is said about it


@pytest.mark.parametrize(("fmt", "what"), [
    (Format.MARKDOWN, r"line \d+ \(entry 2\) does not read as it was written: .*"),
    (Format.HTML, r"line \d+ \(entry 2\) does not read as it was written: .*"),
    (Format.JSON, r"entry 2 was changed after it was written\."),
    (Format.CSV, r"entry 2 was changed after it was written\."),
])  # fmt: skip
def test_a_changed_text_names_its_entry(fmt: Format, what: str) -> None:
    name, data = exported(story(), fmt)
    changed = data.replace(b"Sutter acknowledged:", b"Sutter Acknowledged:", 1)
    assert changed != data
    found = verify_bytes(name, changed)
    assert not found.intact
    assert re.fullmatch(what, found.what)


@FORMATS
def test_a_named_line_is_the_line_that_was_changed(fmt: Format) -> None:
    name, data = exported(story(), fmt)
    lines = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if b"seal" in line and fmt in {Format.JSON, Format.CSV}:
            changed = [*lines]
            changed[number - 1] = line.replace(b"seal", b"seel")
            what = verify_bytes(name, b"\n".join(changed)).what
            assert f"ine {number}" in what, what


@pytest.mark.parametrize("fmt", [Format.JSON, Format.CSV])
def test_a_changed_head_breaks_the_seal(fmt: Format) -> None:
    name, data = exported(story(), fmt)
    found = verify_bytes(name, data.replace(b"sev2", b"sev4", 1))
    assert not found.intact
    assert re.search(r"the seal, line \d+, does not fit: it, the head or an operation was changed", found.what)


@pytest.mark.parametrize("fmt", [Format.MARKDOWN, Format.HTML])
def test_a_changed_head_is_named_where_people_read_it(fmt: Format) -> None:
    name, data = exported(story(), fmt)
    found = verify_bytes(name, data.replace(b"sev2", b"sev4", 1))
    assert re.fullmatch(r"line \d+ \(the head\) does not read as it was written: .*", found.what)


@FORMATS
def test_what_was_cut_off_or_added_is_said(fmt: Format) -> None:
    name, data = exported(story(), fmt)
    assert "ends early" in verify_bytes(name, data[:-1]).what
    assert re.search(r"ine \d+", verify_bytes(name, data + b"and more\n").what)
    half = verify_bytes(name, data[: len(data) // 2]).what
    assert re.search(
        r"the file ends in it|records are missing|the rest is missing|record of the incident is missing", half
    ), half


@FORMATS
@pytest.mark.parametrize(("convert", "what"), [
    (lambda data: data.replace(b"\n", b"\r\n"), "its line ends became those of Windows"),
    (lambda data: b"\xef\xbb\xbf" + data, "a byte order mark was put before it"),
    (lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"), "its line ends became those of Windows"),
    (lambda data: data.decode().encode("utf-16"), "it became UTF-16"),
    (lambda data: data.decode().replace("\n", "\r\n").encode("utf-16"), "it became UTF-16, with the line ends of Windows"),
])  # fmt: skip
def test_a_file_that_was_only_converted_is_told_apart(fmt: Format, convert, what: str) -> None:
    name, data = exported(story(), fmt)
    found = verify_bytes(name, convert(data))
    assert (found.intact, found.incident, found.entries) == (False, 42, 5)
    assert found.what == (
        f"the file was converted ({what}) after it was exported; nothing else was changed. Export it again, and pass it on as it is."
    )


# ---------------------------------------------------------------- no export at all


@pytest.mark.parametrize(("data", "what"), [
    (b"", "x.md is empty."),
    (b"# Notes\n", "x.md is no export of a timeline, or the beginning of it was changed."),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "x.md is not text in UTF-8 from line 1 on: it was changed there, or is no export."),
    (b"\x00" * 100, "x.md is no export of a timeline, or the beginning of it was changed."),
    (b'{"a": 1}', "x.md is no export of a timeline, or the beginning of it was changed."),
    (b"[" * 100_000, "x.md is no export of a timeline, or the beginning of it was changed."),
])  # fmt: skip
def test_what_is_no_export_is_said_to_be_none(data: bytes, what: str) -> None:
    found = verify_bytes("x.md", data)
    assert (found.intact, found.what, found.incident, found.entries) == (False, what, None, 0)


def test_a_huge_file_is_not_even_looked_at() -> None:
    found = verify_bytes("x.md", bytes(LIMIT + 1))
    assert found.what == "x.md is larger than 64 MB, so it is no export of a timeline."


HOSTILE_RECORDS = (
    '{"record": "incident"}', "{}", "[]", "7", '{"record": 7}', "[" * 50_000, '{"record": "incident", "incident": ' + "9" * 5_000 + "}",
    '{"record": "entry", "seq": 1}', '{"record": "incident", "incident": 1e999}', "", '{"record": "unheard of"}',
)  # fmt: skip


@pytest.mark.parametrize("record", HOSTILE_RECORDS)
def test_hostile_records_are_an_answer_never_a_crash(record: str) -> None:
    head = exported(story(), Format.MARKDOWN)[1].decode()
    lines = head.split("\n")
    for number, line in enumerate(lines):
        if line.startswith('{"record"'):
            found = verify_bytes("x.md", "\n".join([*lines[:number], record, *lines[number + 1 :]]).encode())
            assert not found.intact
            assert found.what


@given(st.binary(max_size=300), st.sampled_from(Format), st.integers(0, 4_000), st.integers(0, 40))
def test_any_bytes_anywhere_are_an_answer_never_a_crash(noise: bytes, fmt: Format, place: int, length: int) -> None:
    name, data = exported(story(), fmt)
    edited = data[:place] + noise + data[place + length :]
    assert verify_bytes(name, edited).intact is (edited == data)
    assert not verify_bytes(name, noise).intact


# ---------------------------------------------------------------- chains


def test_a_chain_tells_how_long_it_is_or_which_entry_is_broken() -> None:
    entries = list(story().entries)
    assert verify_chain(entries).what == "5 entries, each following from the one before."
    assert verify_chain(entries[:1]).what == "1 entry, each following from the one before."
    assert (verify_chain([]).intact, verify_chain([]).incident) == (True, None)
    broken = verify_chain(entries[1:])
    assert (broken.intact, broken.incident, broken.entries) == (False, 42, 4)
    assert broken.what == "entry 1 is missing or out of order (found 2)."
