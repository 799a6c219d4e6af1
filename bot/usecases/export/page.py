"""A timeline as one HTML file: no script, nothing from elsewhere, for a phone and for paper. Text is always escaped."""

import base64
import hashlib
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from bot.domain.timeline import Entry
from bot.usecases.export import wording
from bot.usecases.export.document import FORM, Document, Done
from bot.usecases.export.records import NAME, Damaged, Line, Piece, read, records

FIRST = "<!doctype html>"
OPENS = '<pre id="records">'
CLOSES = "</pre>"

STYLE = Markup("""
:root { color-scheme: light dark; --line: #8885; --quiet: #767676; --alarm: #b3261e }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 48rem; padding: 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.4rem; line-height: 1.3 } h2 { font-size: 1.15rem; margin-top: 2rem } h3 { font-size: 1rem; margin: 0 }
.warning { border: 2px solid var(--alarm); border-radius: .4rem; padding: .5rem .75rem; font-weight: 600 }
dl { display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: .15rem .75rem; margin: .75rem 0 }
dt { color: var(--quiet) } dd { margin: 0 }
article { border-left: 3px solid var(--line); margin: 1rem 0; padding: .1rem 0 .1rem .75rem; break-inside: avoid }
.text { white-space: pre-wrap; margin: .4rem 0 } .hash, pre { font: .75rem/1.4 ui-monospace, monospace }
.hash { color: var(--quiet) } pre { white-space: pre-wrap; border: 1px solid var(--line); padding: .5rem }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr } dt { margin-top: .4rem } }
@media print { body { max-width: none; padding: 0; font-size: 10pt } details { display: none } a { color: inherit } }
""")

_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
_TOP = Markup(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="{generator}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
"""
)
_WARNING = Markup('<p class="warning">{text}</p>\n')
_FACT = Markup("<dt>{name}</dt><dd>{value}</dd>\n")
_LINK = Markup('<a href="{url}" rel="noopener noreferrer">{url}</a>')
_HEADING = Markup("<h2>{text}</h2>\n")
_DONE = Markup("<article>\n<h3>{title}</h3>\n{facts}</article>\n")
_ENTRY = Markup(
    '<article id="entry-{seq}">\n<h3>{title}</h3>\n<p class="text">{text}</p>\n{facts}'
    '<p class="hash">hash {hash}</p>\n</article>\n'
)
_RECORDS = Markup("<details>\n<summary>Records</summary>\n<p>{proof}</p>\n")


def write(document: Document) -> Iterator[Piece]:
    """The file, piece by piece."""
    title = wording.title(document.head)
    top = _TOP.format(policy=_POLICY, generator=f"{NAME} {FORM}", title=title, style=STYLE)
    yield Piece("the head", top)
    for warning in wording.warnings(document):
        yield Piece("the head", _WARNING.format(text=warning))
    yield Piece("the head", _facts(wording.head_facts(document.head)))
    operations = wording.counted(len(document.operations), "operation").capitalize()
    yield Piece("the head", _HEADING.format(text=operations))
    for done in document.operations:
        yield Piece(f"OP-{done.number}", _done(done))
    entries = wording.counted(len(document.entries), "entry").capitalize()
    yield Piece("the head", _HEADING.format(text=f"{entries} (times are UTC)"))
    for entry in document.entries:
        yield Piece(f"entry {entry.seq}", _entry(entry))
    yield Piece("the heading of the records", f"{_RECORDS.format(proof=wording.PROOF)}{OPENS}\n")
    for record in records(document):
        yield Piece(f"the record of {record.owner}", f"{record.text}\n")
    yield Piece("the last lines", f"{CLOSES}\n</details>\n</main>\n</body>\n</html>\n")


def parse(text: str) -> Document:
    """The document out of a file's records. Raises Damaged."""
    lines = [Line(number, line) for number, line in enumerate(text.split("\n"), start=1)]
    opened = next((place for place, line in enumerate(lines) if line.text == OPENS), None)
    if opened is None:
        raise Damaged(f"Its records are missing: no line reads {OPENS}. They stand at the end of the file.")
    inside = lines[opened + 1 :]
    closed = next((place for place, line in enumerate(inside) if line.text == CLOSES), None)
    return read([line for line in inside[:closed] if line.text])


def _done(done: Done) -> Markup:
    return _DONE.format(title=wording.done_title(done), facts=_facts(wording.done_facts(done)))


def _entry(entry: Entry) -> Markup:
    return _ENTRY.format(
        seq=entry.seq, title=wording.entry_title(entry), text=wording.visible(entry.text),
        facts=_facts(wording.entry_facts(entry)), hash=entry.hash,
    )  # fmt: skip


def _facts(facts: Sequence[wording.Fact]) -> Markup:
    rows = Markup("").join(_FACT.format(name=name, value=_value(value)) for name, value in facts)
    return Markup("<dl>\n{}</dl>\n").format(rows)


def _value(text: str) -> str:
    """An address that a browser should open becomes a link; everything else stays text."""
    return _LINK.format(url=text) if text.startswith(("https://", "http://")) and " " not in text else text
