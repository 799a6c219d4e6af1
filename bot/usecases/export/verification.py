"""Whether an export is as it was written: its chain must hold, and written again it must be the same, byte by byte."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.timeline import Entry, verify
from bot.usecases.export import markdown, page, plain, sheet, wording
from bot.usecases.export.document import Document
from bot.usecases.export.records import NAME, Damaged, Piece

LIMIT = 64 * 1024 * 1024
"""Bytes; a larger file is no timeline of ours."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether it is as it was written; `what` says it in a sentence, or names the first thing that is not."""

    intact: bool
    what: str
    incident: int | None
    entries: int


@dataclass(frozen=True, slots=True)
class Writer:
    """How one format is written, read again, and recognised."""

    first: str
    write: Callable[[Document], Iterator[Piece]]
    parse: Callable[[str], Document]
    media_type: str


WRITERS: Mapping[str, Writer] = {
    "md": Writer(markdown.FIRST, markdown.write, markdown.parse, "text/markdown"),
    "html": Writer(page.FIRST, page.write, page.parse, "text/html"),
    "json": Writer(plain.FIRST, plain.write, plain.parse, "application/json"),
    "csv": Writer(sheet.FIRST, sheet.write, sheet.parse, "text/csv"),
}


def verify_chain(entries: Sequence[Entry]) -> Verified:
    """Whether one incident's chain is intact; the first broken entry is named."""
    incident = entries[0].incident if entries else None
    broken = verify(entries)
    if broken is not None:
        what = broken.what if broken.what.startswith("entry") else f"entry {broken.seq} {broken.what}"
        return Verified(False, f"{what}.", incident, len(entries))
    every = wording.counted(len(entries), "entry")
    return Verified(True, f"{every}, each following from the one before.", incident, len(entries))


def verify_bytes(name: str, data: bytes) -> Verified:
    """Whether an export is as it was written, by the file alone: no database, no network."""
    if len(data) > LIMIT:
        return _no(f"{_named(name)} is larger than {LIMIT // 1024 // 1024} MB, so it is no export of a timeline.")
    if not data:
        return _no(f"{_named(name)} is empty.")
    found = _verify(name, data)
    return found if found.intact else _converted(name, data) or found


def _verify(name: str, data: bytes) -> Verified:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _no(f"{_named(name)} is not text in UTF-8 from line {line} on: it was changed there, or is no export.")
    writer = _writer(name, text)
    if writer is None:
        return _no(f"{_named(name)} is no export of a timeline, or the beginning of it was changed.")
    try:
        document = writer.parse(text)
    except Damaged as damage:
        return _no(damage.what)
    incident, count = document.head.incident, len(document.entries)
    stray = next((e for e in document.entries if e.incident != incident), None)
    if stray is not None:
        return Verified(False, f"entry {stray.seq} belongs to INC-{stray.incident}.", incident, count)
    chain = verify_chain(document.entries)
    if not chain.intact:
        return Verified(False, chain.what, incident, count)
    difference = _difference(writer, document, data)
    if difference:
        return Verified(False, difference, incident, count)
    return Verified(True, _proved(document), incident, count)


def _writer(name: str, text: str) -> Writer | None:
    """By what the file begins with, else by its name: then somebody changed the beginning."""
    start = text[:2_000]
    if start.startswith(sheet.FIRST):
        return WRITERS["csv"]
    if start.startswith(markdown.FIRST):
        return WRITERS["md"]
    if start.startswith(plain.FIRST) and NAME in start:
        return WRITERS["json"]
    if start.startswith(page.FIRST) and NAME in start:
        return WRITERS["html"]
    suffix = name.rpartition(".")[2].lower()
    return WRITERS.get(suffix) if NAME in start or "mlops-bot timeline verify" in text else None


def _difference(writer: Writer, document: Document, data: bytes) -> str:
    """Where the file differs from what is written for its own records; nothing when it doesn't."""
    place = 0
    try:
        for piece in writer.write(document):
            wanted = piece.text.encode("utf-8")
            if data[place : place + len(wanted)] != wanted:
                return _where(piece, wanted, data, place)
            place += len(wanted)
    except (ValueError, OverflowError):
        return "a record holds what can't be written: it was changed."
    if place < len(data):
        line = data.count(b"\n", 0, place) + 1
        return f"line {line} was added: the export ends before it."
    return ""


def _where(piece: Piece, wanted: bytes, data: bytes, place: int) -> str:
    found = data[place : place + len(wanted)]
    same = next((n for n, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), len(found))
    line = data.count(b"\n", 0, place + same) + 1
    if place + same >= len(data):
        return f"the file ends early, in line {line} ({piece.owner}): the rest is missing."
    if piece.owner.endswith("the seal"):
        return f"the seal, line {line}, does not fit: it, the head or an operation was changed; the entries were not."
    return f"line {line} ({piece.owner}) does not read as it was written: it, or the record of it, was changed."


def _converted(name: str, data: bytes) -> Verified | None:
    """A file that only went through an editor or a transfer: said apart, since nobody had to mean harm."""
    for what, restored in _restored(data):
        found = _verify(name, restored)
        if found.intact:
            text = (
                f"the file was converted ({what}) after it was exported; nothing else was changed. "
                "Export it again, and pass it on as it is."
            )
            return Verified(False, text, found.incident, found.entries)
    return None


def _restored(data: bytes) -> Iterator[tuple[str, bytes]]:
    bare = data.removeprefix(b"\xef\xbb\xbf")
    if bare != data:
        yield "a byte order mark was put before it", bare
    if b"\r\n" in bare:
        yield "its line ends became those of Windows", bare.replace(b"\r\n", b"\n")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        try:
            wide = data.decode("utf-16").encode("utf-8")
        except UnicodeError:
            return
        yield "it became UTF-16", wide
        yield "it became UTF-16, with the line ends of Windows", wide.replace(b"\r\n", b"\n")


def _proved(document: Document) -> str:
    head = f"The last entry's hash is {document.entries[-1].hash}" if document.entries else "It has no entries"
    return (
        f"Not a byte was changed since it was exported at {wording.moment(document.head.made_at)}. {head}; "
        f"the bot's own timeline of INC-{document.head.incident} must hold the same."
    )


def _no(what: str) -> Verified:
    return Verified(False, what, None, 0)


def _named(name: str) -> str:
    return wording.one_line(name)[:100] or "The file"
