"""Every block type as HTML: what is in it is shown, and nothing in it becomes more than text."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.page.blocks import KINDS, render
from sandbox.page.gallery import NAMES, gallery_html, samples
from sandbox.page.messages import message_html
from sandbox.page.sheet import Sheet
from tests.sandbox.page_html import Reading, dangers

SHEET = Sheet(NAMES, "U0MLENG01", "x")
EVIL = (
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " \tjavascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example/x",
    "/\\evil.example/x",
    "' onmouseover='alert(1)",
    "</template></textarea></select></svg><script>",
    "<!channel> <@U0MLENG01> <javascript:alert(1)|press>",
    "\x00\u202e\ud800",
    "{{7*7}} {% raw %} ${x}",
)


def block(kind: str, **more: Any) -> str:
    return str(render([{"type": kind, **more}], SHEET))


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def replaced(value: Any, evil: str) -> Any:
    """Every text but the types, by something hostile."""
    if isinstance(value, Mapping):
        return {
            key: inner if key in {"type", "style"} and isinstance(inner, str) else replaced(inner, evil)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [replaced(inner, evil) for inner in value]
    return evil if isinstance(value, str) else value


# ---------------------------------------------------------------- all of them


def test_the_gallery_shows_every_block_that_is_drawn() -> None:
    shown = {one.get("type") for sample in samples() for one in sample.blocks}
    assert shown >= KINDS
    assert (
        list(
            dangers(
                str(gallery_html())
                .replace("<!doctype html>", "")
                .replace('<script src="/page/static/page.js" type="module"></script>', "")
            )
        )
        == []
    )


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.title)
@pytest.mark.parametrize("evil", EVIL)
def test_hostile_text_stays_text_wherever_it_stands(sample: Any, evil: str) -> None:
    if sample.message is not None:
        html = str(message_html(replaced(sample.message, evil), SHEET, "C1"))
    else:
        html = str(render(replaced(sample.blocks, evil), SHEET))
    assert list(dangers(html)) == []


def test_hostile_text_is_shown_as_it_is() -> None:
    html = block("section", text={"type": "plain_text", "text": EVIL[0]})
    assert Reading(html).text == EVIL[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["text", "type", "elements", "rows", "element", "chart", "value", "x"]), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(kind=st.sampled_from(sorted(KINDS)), names=st.lists(st.sampled_from(
    ["text", "elements", "fields", "accessory", "rows", "element", "title", "chart", "tasks", "child_blocks", "label", "actions", "icon", "details", "column_settings"]
), unique=True, max_size=6), data=st.data())  # fmt: skip
def test_a_block_of_any_shape_is_drawn_or_shown_as_json(kind: str, names: list[str], data: st.DataObject) -> None:
    html = block(kind, **{name: data.draw(JSON) for name in names})
    assert list(dangers(html)) == []
    assert f"b-{kind.replace('_', '-')}" in html or "can't be drawn" in html


@pytest.mark.parametrize(
    "given_blocks", [None, "text", 7, {"type": "section"}, [None], ["x"], [{"type": None}], [{}], [[]]]
)
def test_what_are_no_blocks_does_no_harm(given_blocks: object) -> None:
    assert list(dangers(str(render(given_blocks, SHEET)))) == []


def test_an_unknown_block_is_shown_as_labelled_json() -> None:
    reading = Reading(block("hologram", payload="x"))
    assert "Block type “hologram” isn't known here" in reading.text
    assert '"payload": "x"' in reading.text


def test_blocks_within_blocks_end_somewhere() -> None:
    inner: dict[str, Any] = {"type": "section", "text": plain("deep")}
    for _ in range(40):
        inner = {"type": "container", "title": plain("c"), "child_blocks": [inner]}
    assert "nested too deeply" in str(render([inner], SHEET))


# ---------------------------------------------------------------- each


def test_a_header_keeps_emoji_names_when_it_is_told_to() -> None:
    assert "🎉" in block("header", text=plain("Done :tada:"))
    assert ":tada:" in Reading(block("header", text={**plain("Done :tada:"), "emoji": False})).text


def test_a_section_has_text_fields_and_an_accessory() -> None:
    html = block(
        "section", block_id="b", text=plain("one"), fields=[plain("two"), plain("three")],
        accessory={"type": "button", "action_id": "go", "text": plain("Go"), "value": "INC-42"},
    )  # fmt: skip
    reading = Reading(html)
    assert reading.text == "onetwothreeGo"
    (button,) = reading.all("button")
    assert (button["data-block"], button["data-action"], button["data-value"]) == ("b", "go", "INC-42")


def test_a_button_with_an_address_opens_it_and_one_with_a_question_asks() -> None:
    html = block("actions", elements=[
        {"type": "button", "action_id": "a", "text": plain("Open"), "url": "https://example.com"},
        {"type": "button", "action_id": "b", "text": plain("Do"), "style": "danger",
         "confirm": {"title": plain("Sure?"), "text": plain("It can't be undone."), "confirm": plain("Do"), "deny": plain("No")}},
    ])  # fmt: skip
    reading = Reading(html)
    assert reading.all("a")[0] | {"id": ""} == reading.all("a")[0] | {
        "id": "",
        "href": "https://example.com",
        "rel": "noopener noreferrer",
    }
    assert "danger" in reading.all("button")[0]["class"]
    assert [one for one in reading.all("button") if "data-answer" in one] != []
    assert "It can't be undone." in reading.text


@pytest.mark.parametrize(
    ("element", "tag", "expected"),
    [
        (
            {"type": "plain_text_input", "max_length": 200},
            "input",
            {"type": "text", "maxlength": "200", "data-state": "value"},
        ),
        ({"type": "plain_text_input", "multiline": True}, "textarea", {"data-state": "value"}),
        (
            {"type": "number_input", "min_value": "0", "is_decimal_allowed": False},
            "input",
            {"type": "number", "min": "0", "step": "1"},
        ),
        ({"type": "email_text_input"}, "input", {"type": "email"}),
        ({"type": "url_text_input"}, "input", {"type": "url"}),
        (
            {"type": "datepicker", "initial_date": "2026-11-23"},
            "input",
            {"type": "date", "value": "2026-11-23", "data-state": "selected_date"},
        ),
        (
            {"type": "timepicker", "initial_time": "03:10"},
            "input",
            {"type": "time", "value": "03:10", "data-state": "selected_time"},
        ),
        (
            {"type": "datetimepicker", "initial_date_time": 1795489800},
            "input",
            {"type": "datetime-local", "data-unix": "1795489800"},
        ),
        ({"type": "rich_text_input"}, "textarea", {"data-state": "rich_text_value"}),
        (
            {"type": "file_input", "filetypes": ["csv"]},
            "input",
            {"type": "file", "accept": ".csv", "data-state": "files"},
        ),
        ({"type": "static_select"}, "select", {"data-state": "selected_option"}),
        ({"type": "users_select"}, "select", {"data-state": "selected_user"}),
        ({"type": "channels_select"}, "select", {"data-state": "selected_channel"}),
        ({"type": "conversations_select"}, "select", {"data-state": "selected_conversation"}),
    ],
)
def test_an_input_is_a_real_control_with_a_label(element: dict[str, Any], tag: str, expected: dict[str, str]) -> None:
    reading = Reading(block("input", block_id="b", label=plain("Name"), element={"action_id": "a", **element}))
    (found,) = reading.all(tag)
    assert found | expected == found
    assert reading.all("label")[0]["for"] == found["id"]


def test_several_can_be_marked_and_what_was_chosen_is() -> None:
    option = [{"text": plain(text), "value": text} for text in ("a", "b")]
    element = {"type": "checkboxes", "action_id": "c", "options": option, "initial_options": option[1:]}
    boxes = Reading(block("input", label=plain("Which"), element=element)).all("input")
    assert [("checked" in box, box["data-choice"]) for box in boxes] == [
        (False, '{"text":{"type":"plain_text","text":"a"},"value":"a"}'),
        (True, '{"text":{"type":"plain_text","text":"b"},"value":"b"}'),
    ]


def test_lists_nest_by_their_indent() -> None:
    def part(text: str, indent: int, style: str = "bullet") -> dict[str, Any]:
        row = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
        return {"type": "rich_text_list", "style": style, "indent": indent, "elements": [row]}

    html = block("rich_text", elements=[part("a", 0, "ordered"), part("b", 1), part("c", 2), part("d", 0, "ordered")])
    assert '<li>a<ul><li>b<ul><li>c</li></ul></li></ul></li></ol><ol class="decimal"><li>d</li>' in html


def test_a_table_has_a_heading_and_aligns_numbers() -> None:
    rows = [[{"type": "raw_text", "text": "auc"}], [{"type": "raw_number", "value": 0.5, "text": "0.5"}]]
    assert '<thead><tr><th>auc</th></tr></thead><tbody><tr><td class="right">0.5</td></tr></tbody>' in block(
        "table", rows=rows
    )


def test_a_data_table_shows_a_page_and_can_be_sorted() -> None:
    rows = [[{"type": "raw_text", "text": str(n)}] for n in range(6)]
    reading = Reading(block("data_table", caption="Models", page_size=3, rows=rows))
    assert [("hidden" in row) for row in reading.all("tr")] == [False, False, False, False, True, True]
    assert "Show 2 more" in reading.text
    assert reading.all("button")[0]["data-sort"] == "0"


@pytest.mark.parametrize("kind", ["line", "bar", "area", "pie", "nonsense"])
@pytest.mark.parametrize(
    "values", [[1, 2, 3], [0, 0, 0], [-5, 5, 0], [1e308, -1e308, 1], [math.nan, math.inf, None], ["x", True, {}], []]
)
def test_a_chart_of_any_numbers_is_drawn_within_its_frame(kind: str, values: list[Any]) -> None:
    data = [{"label": str(n), "value": value} for n, value in enumerate(values)]
    chart = {"type": kind, "segments": data, "series": [{"name": "a", "data": data}]}
    html = block("data_visualization", title="T", chart=chart)
    assert list(dangers(html)) == []
    assert "b-data-visualization" in html
    assert "nan" not in html
    assert "inf" not in html.replace("info", "")


def test_a_chart_tells_its_numbers_in_words_too() -> None:
    data = [{"label": "03:00", "value": 0.19}, {"label": "03:10", "value": 0.31}]
    html = block(
        "data_visualization", title="psi", chart={"type": "line", "series": [{"name": "amount", "data": data}]}
    )
    reading = Reading(html)
    assert reading.all("svg")[0]["aria-label"] == "line chart: psi"
    assert "amount · 03:10: 0.31" in reading.text
    assert "03:100.31" in reading.text


def test_a_plan_counts_what_is_done() -> None:
    tasks = [
        {"type": "task_card", "task_id": str(n), "title": f"t{n}", "status": s}
        for n, s in enumerate(("complete", "error", "?"))
    ]
    reading = Reading(block("plan", title="Roll back", tasks=tasks))
    assert "1 of 3 done" in reading.text
    assert [one["aria-label"] for one in reading.all("span") if one.get("role") == "img"] == ["done", "failed", "?"]


def test_markdown_knows_lists_tables_code_and_no_html() -> None:
    html = block(
        "markdown",
        text="# H\n- a\n  - b\n\n1. c\n\n- [x] d\n\n|k|v|\n|-|-|\n|a|`b`|\n\n```\n<b>\n```\n<i>no</i> **so** ~~x~~",
    )
    for wanted in (
        "<h3>H</h3>", "<ul><li>a<ul><li>b</li></ul></li></ul>", "<ol><li>c</li></ol>", "<td><code>b</code></td>",
        "<pre>&lt;b&gt;</pre>", "&lt;i&gt;no&lt;/i&gt; <strong>so</strong> <del>x</del>",
    ):  # fmt: skip
        assert wanted in html
    assert 'type="checkbox" disabled checked aria-label="done"' in html


def test_a_picture_by_slack_file_comes_from_its_address_and_an_unknown_one_says_what_it_was() -> None:
    names = type(NAMES)(file=lambda file_id: {"url_private": "http://h/files/F1/a.png"} if file_id == "F1" else None)
    sheet = Sheet(names)
    known = str(render([{"type": "image", "alt_text": "drift", "slack_file": {"id": "F1"}}], sheet))
    assert Reading(known).all("img")[0]["src"] == "http://h/files/F1/a.png"
    unknown = str(render([{"type": "image", "alt_text": "drift", "slack_file": {"id": "F2"}}], sheet))
    assert Reading(unknown).all("img") == []
    assert "drift" in unknown


def test_an_icon_button_is_seen_only_by_whom_it_is_for() -> None:
    element = {
        "type": "icon_button",
        "icon": "trash",
        "action_id": "d",
        "text": plain("Delete"),
        "visible_to_user_ids": ["U1"],
    }
    assert "Delete" not in block("context_actions", elements=[element])
    assert "Delete" in str(render([{"type": "context_actions", "elements": [element]}], Sheet(NAMES, "U1")))
