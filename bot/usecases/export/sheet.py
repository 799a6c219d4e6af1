"""A timeline as CSV for a spreadsheet: a row an entry, and no cell that a spreadsheet would take for a formula."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bot.domain.timeline import Entry
from bot.usecases.export.document import DONE, HEAD, Document, link
from bot.usecases.export.records import Damaged, Line, Piece, done_of, entry_of, head_of, seal

COLUMNS = (
    "record", "number", "kind", "happened_at", "learned_at", "actor_kind", "actor_id", "actor", "text", "evidence",
    "prev_hash", "hash",
)  # fmt: skip
FIRST = ",".join(COLUMNS)

_STARTS = r"((?:^|(?<=[;\t\r\n])) *'*)"
"""Where a cell may begin: also after what another spreadsheet, or another country's, takes for the end of a cell."""
_MARKS = r"(?=[=+\-@\uff1d\uff0b\uff0d\uff20])"
"""What makes a formula of it."""
_FORMULA = re.compile(f"{_STARTS}{_MARKS}")
_NEUTRAL = re.compile(f"{_STARTS}'{_MARKS}")
_QUOTED = re.compile(r'[",\r\n]|^\s|\s$')


def write(document: Document) -> Iterator[Piece]:
    """The file, row by row. The head and the operations have a row for each of their facts."""
    yield Piece("the first line", f"{FIRST}\n")
    number = str(document.head.incident)
    for name, value in HEAD.dump_python(document.head, mode="json").items():
        yield Piece("the head", _row("incident", number, name, text=_cell(value)))
    for done in document.operations:
        for name, value in DONE.dump_python(done, mode="json").items():
            yield Piece(f"OP-{done.number}", _row("operation", str(done.number), name, text=_cell(value)))
    for entry in document.entries:
        yield Piece(f"entry {entry.seq}", _entry(entry))
    for name, value in seal(document).items():
        yield Piece("the seal", _row("seal", number, name, text=_cell(value)))


def _entry(entry: Entry) -> str:
    one = link(entry)
    kind, id_, name = one.actor
    return _row(
        "entry", str(one.seq), one.kind, one.happened_at, one.learned_at, kind, id_, name, one.text, one.evidence,
        one.prev_hash, one.hash,
    )  # fmt: skip


def _row(record: str, number: str, kind: str, *cells: str, text: str = "") -> str:
    row = (record, number, kind, *(cells or ("", "", "", "", "", text, "", "", "")))
    return ",".join(_quoted(neutral(cell)) for cell in row) + "\n"


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what would begin one."""
    return _FORMULA.sub(r"\1'", cell)


def original(cell: str) -> str:
    """The reverse of `neutral`."""
    return _NEUTRAL.sub(r"\1", cell)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell


# ---------------------------------------------------------------- reading


def parse(text: str) -> Document:
    """The document out of a file's rows. Raises Damaged."""
    head: dict[str, str] = {}
    operations: dict[str, dict[str, str]] = {}
    entries: list[Entry] = []
    at = Line(1, "")
    for at, row in _rows(text):
        match row[0]:
            case "incident":
                head[row[2]] = row[8]
            case "operation":
                operations.setdefault(row[1], {})[row[2]] = row[8]
            case "entry":
                entries.append(entry_of(at, _written(row, head)))
            case "seal":
                pass
            case _:
                raise Damaged(f"Line {at.number} is no row of a timeline.")
    return Document(
        head_of(at, _known(head)),
        tuple(done_of(at, _known(facts)) for facts in operations.values()),
        tuple(entries),
    )


def _rows(text: str) -> Iterator[tuple[Line, Sequence[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    before = 0
    try:
        for row in reader:
            if before and len(row) != len(COLUMNS):
                cells = f"{len(row)} cells instead of {len(COLUMNS)}"
                raise Damaged(f"Line {before + 1} has {cells}: it was changed, or the file ends in it.")
            if before:
                yield Line(before + 1, ""), [original(cell) for cell in row]
            before = reader.line_num
    except csv.Error as error:
        raise Damaged(f"Line {before + 1} is no row: {error}.") from None


def _known(facts: dict[str, str]) -> dict[str, str]:
    """An empty cell is an empty text, except for a time: there it is none."""
    return {name: value for name, value in facts.items() if value or not name.endswith("_at")}


def _written(row: Sequence[str], head: dict[str, str]) -> dict[str, Any]:
    """The record of an entry, as the other formats have it. The incident's number is the head's."""
    return {
        "incident": head.get("incident", ""), "seq": row[1], "kind": row[2], "happened_at": row[3],
        "learned_at": row[4], "actor": (row[5], row[6], row[7]), "text": row[8], "evidence": row[9],
        "prev_hash": row[10], "hash": row[11],
    }  # fmt: skip
