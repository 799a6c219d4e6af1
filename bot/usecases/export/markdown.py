"""A timeline as Markdown: no text in it can become markup, and the records stand in a code block at its end."""

import re
from collections.abc import Iterator, Sequence

from bot.domain.timeline import Entry
from bot.usecases.export import wording
from bot.usecases.export.document import FORM, Document, Done
from bot.usecases.export.records import NAME, Damaged, Line, Piece, read, records

FIRST = f"<!-- {NAME} {FORM} -->"
OPENS = "```jsonl"
CLOSES = "```"
BREAK = "\\"
"""At a line's end, before another line: the line ends here for the reader, too."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>&~|$])")
_AT_START = re.compile(r"^([#+\-=:]|\d{1,9}(?=[.)]))")


def write(document: Document) -> Iterator[Piece]:
    """The file, piece by piece."""
    head = document.head
    yield Piece("the first line", f"{FIRST}\n")
    yield Piece("the head", f"# {_inline(wording.title(head))}\n\n")
    for warning in wording.warnings(document):
        yield Piece("the head", f"**⚠ {_inline(warning)}**\n\n")
    yield Piece("the head", f"{_facts(wording.head_facts(head))}\n")
    yield Piece("the head", f"## {wording.counted(len(document.operations), 'operation').capitalize()}\n\n")
    for done in document.operations:
        yield Piece(f"OP-{done.number}", _done(done))
    yield Piece("the head", f"## {wording.counted(len(document.entries), 'entry').capitalize()}\n\nTimes are UTC.\n\n")
    for entry in document.entries:
        yield Piece(f"entry {entry.seq}", _entry(entry))
    yield Piece("the heading of the records", f"## Records\n\n{wording.PROOF}\n\n{OPENS}\n")
    for record in records(document):
        yield Piece(f"the record of {record.owner}", f"{record.text}\n")
    yield Piece("the last line", f"{CLOSES}\n")


def parse(text: str) -> Document:
    """The document out of a file's records. Raises Damaged."""
    lines = [Line(number, line) for number, line in enumerate(text.split("\n"), start=1)]
    opened = next((place for place, line in enumerate(lines) if line.text == OPENS), None)
    if opened is None:
        raise Damaged(f"Its records are missing: no line reads {OPENS}. They stand at the end of the file.")
    inside = lines[opened + 1 :]
    closed = next((place for place, line in enumerate(inside) if line.text == CLOSES), None)
    return read([line for line in inside[:closed] if line.text])


def _done(done: Done) -> str:
    return f"### {_inline(wording.done_title(done))}\n\n{_facts(wording.done_facts(done))}\n"


def _entry(entry: Entry) -> str:
    facts = _facts(wording.entry_facts(entry))
    return f"### {wording.entry_title(entry)}\n\n{_quote(entry.text)}\n\n{facts}- **Hash:** `{_hex(entry.hash)}`\n\n"


def _facts(facts: Sequence[wording.Fact]) -> str:
    return "".join(f"- **{name}:** {_inline(value)}\n" for name, value in facts)


def _quote(text: str) -> str:
    """A text as a block quotation, each of its lines a line."""
    lines = [_line(line) for line in wording.visible(text).split("\n")]
    following = (*lines[1:], "")
    return "\n".join(
        f"> {line}{BREAK if line and then else ''}".rstrip() for line, then in zip(lines, following, strict=True)
    )


def _line(text: str) -> str:
    """A line of its own: what would begin a list, a heading or a code block is escaped, too."""
    bare = text.strip()
    indent = "&nbsp;" * (len(text) - len(text.lstrip())) if bare else ""
    return f"{indent}{_AT_START.sub(_escape_start, _inline(bare))}"


def _escape_start(found: re.Match[str]) -> str:
    mark = found.group(1)
    return f"&#{ord(mark[0])};{mark[1:]}"


def _inline(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _hex(text: str) -> str:
    """A hash that was read from a file may be anything."""
    return re.sub(r"[^0-9a-f]", "?", text)
