"""A `Reply` on a terminal: with colours and tables where a person looks, plain lines or JSON where a program reads."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from bot.domain.errors import BadInput
from bot.usecases.reply import (
    Attachment,
    Bullets,
    Buttons,
    Code,
    Facts,
    Heading,
    Link,
    Mentions,
    Paragraph,
    Part,
    Reply,
    Table,
    Tone,
    to_json,
)

_COLOURS = {Tone.INFO: "bold", Tone.DONE: "bold green", Tone.REFUSED: "bold yellow", Tone.FAULT: "bold red"}


def show(reply: Reply, *, as_json: bool = False, output: Path | None = None) -> None:
    """Print an answer. A file in it goes to `output`, or has standard output for itself, so that it can be piped."""
    if as_json:
        print(json.dumps(json.loads(to_json(reply)), indent=2, ensure_ascii=False))  # noqa: T201 - a command prints
        return
    piped = output is None and any(isinstance(part, Attachment) for part in reply.parts)
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False, stderr=piped)
    console.print(escape(printable(reply.title)), style=_COLOURS[reply.tone])
    for part in reply.parts:
        _part(console, part, output)


def printable(text: str) -> str:
    """Text from outside without control characters: an alert must not steer somebody's terminal."""
    return "".join(c if c in {"\n", "\t"} or c.isprintable() else "�" for c in text)


def _part(console: Console, part: Part, output: Path | None) -> None:  # noqa: C901 - one case a part, all of them plain
    match part:
        case Paragraph(text):
            console.print(escape(printable(text)))
        case Heading(text):
            console.print(escape(printable(text)), style="bold")
        case Facts(pairs):
            for name, value in pairs:
                console.print(f"{escape(printable(name))}: {escape(printable(value))}")
        case Bullets(items, ordered):
            for place, item in enumerate(items, start=1):
                mark = f"{place}." if ordered else "-"
                console.print(f"{mark} {escape(printable(item))}")
        case Table(columns, rows):
            _table(console, columns, rows)
        case Code(text):
            console.print(escape(printable(text)), style="dim")
        case Link(text, url):
            console.print(f"{escape(printable(text))}: {escape(printable(url))}")
        case Mentions(intro, people):
            console.print(escape(printable(f"{intro} {', '.join(people)}")))
        case Attachment():
            save(part, output)
        case Buttons():
            pass


def _table(console: Console, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> None:
    if not console.is_terminal:
        for row in (columns, *rows):
            console.print("\t".join(escape(printable(cell)) for cell in row))
        return
    table = RichTable(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    console.print(table)


def save(attachment: Attachment, output: Path | None) -> None:
    """Write a file beside its name and move it there, so that a half-written one never bears the name."""
    if output is None:
        sys.stdout.write(attachment.text)
        return
    half = output.with_name(f".{output.name}.part")
    try:
        half.write_text(attachment.text, encoding="utf-8", newline="")
        half.replace(output)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise BadInput(
            f"{output} can't be written: {error.strerror}.",
            not_done="Nothing was exported.",
            next_step="Give another --output.",
        ) from error
