"""A timeline as JSON, for programs: one record a line, each entry with exactly the fields that its hash covers."""

from collections.abc import Iterator

from bot.usecases.export.document import Document
from bot.usecases.export.records import NAME, Damaged, Line, Piece, encode, read, records

FIRST = "{"
_TITLE = f'"format": {encode(NAME)},'


def write(document: Document) -> Iterator[Piece]:
    """The file, piece by piece: an object whose list holds the records."""
    yield Piece("the first lines", f'{FIRST}\n  {_TITLE}\n  "records": [\n')
    every = list(records(document, escape=""))
    for place, record in enumerate(every, start=1):
        yield Piece(record.owner, f"    {record.text}{',' if place < len(every) else ''}\n")
    yield Piece("the last lines", "  ]\n}\n")


def parse(text: str) -> Document:
    """The document out of a file's records. Raises Damaged."""
    lines = [Line(number, line) for number, line in enumerate(text.split("\n"), start=1)]
    if len(lines) < 3 or lines[1].text.strip() != _TITLE:
        raise Damaged("Its second line does not name the format.")
    return read([Line(n.number, n.text.strip().removesuffix(",")) for n in lines if n.text.startswith('    {"record"')])
