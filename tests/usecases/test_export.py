"""Exports are for people: they say what matters, and nothing that somebody wrote in an incident becomes markup."""

import csv
import html
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.domain.incident import Status
from bot.domain.timeline import BOT, Draft, Kind, canonical
from bot.usecases.export import Format, render, verify_bytes
from bot.usecases.export.sheet import neutral, original
from bot.usecases.export.wording import visible
from bot.usecases.views import TimelineView
from tests.unit.worlds import T0, an_incident, an_operation, minutes
from tests.usecases.exports import NASTY, NOW, TEXTS, VIEWS, a_view, chain, story

SAMPLES = Path(__file__).parent / "samples"
PATIENT = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def text_of(fmt: Format, view: TimelineView | None = None) -> str:
    return render(view or story(), fmt, NOW).text


@pytest.mark.parametrize("fmt", Format)
def test_the_form_of_an_export_does_not_change_unnoticed(fmt: Format) -> None:
    """Files that people keep must verify for ever. Whoever changes a byte of them gives FORM a new number, and keeps
    reading the old one."""
    sample = SAMPLES / f"form-1.{fmt.value}"
    assert text_of(fmt).encode() == sample.read_bytes()
    assert verify_bytes(sample.name, sample.read_bytes()).intact


@pytest.mark.parametrize(("fmt", "media"), [
    (Format.MARKDOWN, "text/markdown"), (Format.HTML, "text/html"), (Format.JSON, "application/json"), (Format.CSV, "text/csv"),
])  # fmt: skip
def test_a_file_has_a_name_and_a_kind(fmt: Format, media: str) -> None:
    file = render(story(), fmt, NOW)
    assert (file.name, file.media_type) == (f"INC-42.{fmt.value}", media)


def plain_text(fmt: Format, view: TimelineView) -> str:
    text = text_of(fmt, view).partition("## Records")[0].partition("<summary>Records")[0]
    if fmt is Format.HTML:
        text = html.unescape(re.sub(r"<[^>]+>", " ", text.replace("</dt><dd>", ": ")))
    return re.sub(r"\\([^\w\s])", r"\1", text).replace("**", "")


FOR_PEOPLE = pytest.mark.parametrize("fmt", [Format.MARKDOWN, Format.HTML])


@FOR_PEOPLE
@pytest.mark.parametrize("fact", [
    "INC-42: ModelFeatureDrift on fraud-detector <amount>", "Status: resolved (unconfirmed)", "Severity: sev2 (label)",
    "Model: fraud-detector, version 3 (label model)", "Accountable: Devi Rao", "Responsible: Mika Laine, Dana Sutter",
    "Acknowledged by: Mika Laine", "Resolved by: alertmanager", "Re-opened: 1×", "Runbook: feature-drift",
    "Time to detect: 4 min (counts to MTTD: opened − began)",
    "Time to acknowledge: 3 min (counts to MTTA: first acknowledgement − opened)",
    "Time to resolve: 1 h 5 min (counts to MTTR, mean time to resolve: resolved − opened)",
    "The resolution is unconfirmed", "OP-17: rollback of fraud-detector, version 3 → 2: succeeded",
    "Outcome: Serving confirmed: version 2 answers.", "Decided by: Devi Rao at 2026-11-23 03:22:00 UTC",
    "Happened: 2026-11-23 03:06:00 UTC", "Learned: 2026-11-23 03:10:00 UTC", "By: Dana Sutter (person dana)",
    "Evidence: sha256:c0ffee", "Exported: 2026-11-23 04:40:00 UTC", "5 entries", "1 operation",
])  # fmt: skip
def test_people_read_what_matters(fmt: Format, fact: str) -> None:
    assert fact in plain_text(fmt, story())


@FOR_PEOPLE
def test_every_entry_shows_its_hash(fmt: Format) -> None:
    shown = plain_text(fmt, story())
    assert all(entry.hash in shown for entry in story().entries)


@FOR_PEOPLE
def test_a_drill_and_a_break_glass_are_said_at_the_top(fmt: Format) -> None:
    glass = an_operation(break_glass=True, decision_reason="production burns")
    view = a_view([], an_incident(drill=True), (glass,))
    top = plain_text(fmt, view).partition("Status:")[0]
    assert "This was a drill" in top
    assert "OP-17 was carried out without an approval (break-glass): production burns." in top
    assert "unconfirmed" not in top


@FOR_PEOPLE
def test_what_has_not_happened_is_not_invented(fmt: Format) -> None:
    shown = plain_text(fmt, a_view([]))
    assert "Time to acknowledge: not yet" in shown
    assert "Acknowledged by: nobody" in shown
    over = an_incident(Status.RESOLVED, resolved_at=T0 + minutes(5))
    assert "Time to acknowledge: not recorded" in plain_text(fmt, a_view([], over))
    assert "No entries" in shown
    assert "No operations" in shown


# ---------------------------------------------------------------- HTML


class Reader(HTMLParser):
    """What a browser would make of it: tags with attributes, and the text of every entry."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("class") == "text"
        if self._inside:
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data


ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "dl", "dt", "dd", "article", "a", "details",
    "summary", "pre",
}  # fmt: skip


@given(VIEWS)
@PATIENT
def test_no_text_becomes_a_tag_and_none_is_lost(view: TimelineView) -> None:
    reader = Reader()
    reader.feed(text_of(Format.HTML, view))
    assert {tag for tag, _ in reader.tags} <= ALLOWED
    assert reader.texts == [visible(entry.text) for entry in view.entries]
    for tag, attributes in reader.tags:
        assert not any(name.startswith("on") or name in {"style", "src"} for name in attributes)
        if tag == "a":
            assert re.match(r"https?://", attributes["href"] or "")


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = text_of(Format.HTML)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert html.unescape(policy.group(1)).startswith(
        "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    )
    assert "<script" not in page
    assert not re.search(r"<link|@import|url\(", page)
    assert 'name="viewport" content="width=device-width' in page
    assert "@media print" in page


# ---------------------------------------------------------------- Markdown

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


BECOMES_MARKUP = {
    "html_block", "html_inline", "image", "link_open", "table_open", "hr", "code_block", "ordered_list_open", "em_open", "s_open",
}  # fmt: skip


@given(VIEWS)
@PATIENT
def test_no_text_becomes_markdown(view: TimelineView) -> None:
    blocks = MARKDOWN.parse(text_of(Format.MARKDOWN, view))
    tokens = [token for block in blocks for token in (block, *(block.children or ()))]
    assert [t.content for t in tokens if t.type in BECOMES_MARKUP] == ["<!-- mlops-bot timeline export 1 -->\n"]
    assert len([t for t in tokens if t.type == "fence"]) == 1
    headings = [t for t in tokens if t.type == "heading_open"]
    assert len(headings) == 4 + len(view.operations) + len(view.entries)


@given(TEXTS)
@PATIENT
def test_what_markdown_shows_is_what_was_written(text: str) -> None:
    (entry,) = chain([Draft(Kind.NOTE, text, BOT, T0)])
    shown: list[str] = []
    inside = False
    for token in MARKDOWN.parse(text_of(Format.MARKDOWN, a_view([entry]))):
        inside = (inside or token.type == "blockquote_open") and token.type != "blockquote_close"
        if inside and token.type == "inline":
            shown += ["".join(_piece(child) for child in token.children or ())]
    wanted = [line.strip() for line in visible(entry.text).split("\n") if line.strip()]
    got = [line.strip() for line in "\n".join(shown).replace("\u00a0", " ").split("\n")]
    assert [" ".join(line.split()) for line in got if line] == [" ".join(line.split()) for line in wanted]


def _piece(token) -> str:
    return "\n" if token.type in {"softbreak", "hardbreak"} else token.content


# ---------------------------------------------------------------- CSV

FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


@given(VIEWS)
@PATIENT
def test_no_cell_is_a_formula_whatever_the_spreadsheet_splits_at(view: TimelineView) -> None:
    text = text_of(Format.CSV, view)
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not any(FORMULA.match(cell) for cell in row)
    for split in re.split(r"[;\t\r\n]", text):
        assert not FORMULA.match(split)


@given(st.one_of(TEXTS, st.text("';=+-@ \t\r\na\uff1d", max_size=12)))
def test_a_neutral_cell_is_the_original_again(cell: str) -> None:
    assert original(neutral(cell)) == cell


def test_a_spreadsheet_has_a_row_for_every_entry() -> None:
    rows = list(csv.DictReader(io.StringIO(text_of(Format.CSV), newline="")))
    entries = [row for row in rows if row["record"] == "entry"]
    assert [row["number"] for row in entries] == ["1", "2", "3", "4", "5"]
    assert entries[1]["text"] == "Dana Sutter acknowledged: escalation stops."
    assert entries[2]["text"].startswith("'=1+1;")
    facts = {row["kind"]: row["text"] for row in rows if row["record"] == "incident"}
    assert (facts["title"], facts["drill"]) == ("ModelFeatureDrift on fraud-detector <amount>", "no")


# ---------------------------------------------------------------- JSON


@given(VIEWS)
@PATIENT
def test_a_program_can_check_the_chain_with_any_rfc_8785_library(view: TimelineView) -> None:
    read = json.loads(text_of(Format.JSON, view))
    written = [record for record in read["records"] if record.pop("record") == "entry"]
    for record, entry in zip(written, view.entries, strict=True):
        assert record.pop("hash") == entry.hash
        assert rfc8785.dumps(record) == canonical(entry)


@given(VIEWS)
@PATIENT
def test_no_format_hides_or_reorders_characters(view: TimelineView) -> None:
    for fmt in (Format.MARKDOWN, Format.HTML, Format.JSON):
        hidden = {c for c in text_of(fmt, view) if not c.isprintable()} - {"\n", "\t", "\u200d", "\ufe0f"}
        assert not hidden, fmt


@pytest.mark.parametrize("text", NASTY)
def test_a_name_or_a_title_can_be_anything(text: str) -> None:
    view = replace(a_view([], an_incident(title=text)), accountable=text)
    for fmt in Format:
        file = render(view, fmt, NOW)
        assert verify_bytes(file.name, file.text.encode()).intact
