"""The machine-readable part of an export: one JSON record a line, in ASCII where a line could be taken for markup."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bot.domain.errors import BadInput
from bot.domain.timeline import Entry
from bot.usecases.export.document import DONE, FORM, HEAD, LINK, Document, Done, Head, digest, entry, link

NAME = "mlops-bot timeline export"
MARKUP = "<>&`"
"""Characters that a record must not show where it stands within markup."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file, and whose it is: `entry 3`, `the head`. A file is its pieces one after the other."""

    owner: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file with its number, counted from 1."""

    number: int
    text: str


class Damaged(BadInput):
    """A part of an export can't be read, so it is not as it was written."""


# ---------------------------------------------------------------- writing


def records(document: Document, escape: str = MARKUP) -> Iterator[Piece]:
    """The document's records without line ends: the head, operations, entries, and the seal."""
    yield Piece("the head", encode({"record": "incident", **_plain(document.head)}, escape))
    for done in document.operations:
        yield Piece(f"OP-{done.number}", encode({"record": "operation", **_plain(done)}, escape))
    for one in document.entries:
        yield Piece(f"entry {one.seq}", encode({"record": "entry", **_plain(one)}, escape))
    yield Piece("the seal", encode({"record": "seal", **seal(document)}, escape))


def seal(document: Document) -> dict[str, Any]:
    """The last record: how many there are, and the SHA-256 over all of it."""
    return {
        "form": FORM,
        "operations": len(document.operations),
        "entries": len(document.entries),
        "sha256": digest(document),
    }


def encode(value: object, escape: str = "") -> str:
    """One line of JSON. Characters that can't be seen, and those to be escaped, are written as escapes."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable() and not any(c in text for c in escape):
        return text
    return "".join(c if c.isprintable() and c not in escape else _escaped(c) for c in text)


def _plain(value: Head | Done | Entry) -> dict[str, Any]:
    match value:
        case Head():
            plain: dict[str, Any] = HEAD.dump_python(value, mode="json")
        case Done():
            plain = DONE.dump_python(value, mode="json")
        case Entry():
            plain = LINK.dump_python(link(value), mode="json")
    return plain


def _escaped(c: str) -> str:
    units = c.encode("utf-16-be")
    return "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))


# ---------------------------------------------------------------- reading


def read(lines: Sequence[Line]) -> Document:
    """The document again. Raises Damaged, which names the line.

    How it was spelled does not matter here: who verifies writes the document again and compares every byte.
    """
    found = [(line, _record(line)) for line in lines]
    heads = [(line, record) for line, record in found if record["record"] == "incident"]
    if len(heads) != 1:
        raise Damaged("The record of the incident is missing, or is there more than once.")
    return Document(
        head_of(*heads[0]),
        tuple(done_of(line, record) for line, record in found if record["record"] == "operation"),
        tuple(entry_of(line, record) for line, record in found if record["record"] == "entry"),
    )


def _record(line: Line) -> dict[str, Any]:
    try:
        value = json.loads(line.text)
    except (ValueError, RecursionError):
        raise Damaged(f"Line {line.number} is no record: it was changed, or the file ends in it.") from None
    if not isinstance(value, dict) or not isinstance(value.get("record"), str):
        raise Damaged(f"Line {line.number} is no record.")
    return value


def head_of(line: Line, record: dict[str, Any]) -> Head:
    """The incident of a record. Raises Damaged."""
    try:
        return HEAD.validate_python(record)
    except (ValidationError, OverflowError):
        raise Damaged(f"Line {line.number}: the record of the incident can't be read.") from None


def done_of(line: Line, record: dict[str, Any]) -> Done:
    """The operation of a record. Raises Damaged."""
    try:
        return DONE.validate_python(record)
    except (ValidationError, OverflowError):
        raise Damaged(
            f"Line {line.number}: the record of operation {_short(record, 'number')} can't be read."
        ) from None


def entry_of(line: Line, record: dict[str, Any]) -> Entry:
    """The entry of a record. Raises Damaged."""
    try:
        return entry(LINK.validate_python(record))
    except (ValidationError, ValueError, OverflowError):
        raise Damaged(f"Line {line.number}: the record of entry {_short(record, 'seq')} can't be read.") from None


def _short(record: dict[str, Any], name: str) -> str:
    return str(record.get(name, "?"))[:20]
