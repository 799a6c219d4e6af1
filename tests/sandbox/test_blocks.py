"""Blocks, messages and views: what Slack takes passes, what it refuses is named with its place."""

from typing import Any

import pytest

from sandbox.blocks import faults_of_message, faults_of_view


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def button(action_id: str = "a", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": plain("Press")} | more


def option(text: str = "One", value: str = "1") -> dict[str, Any]:
    return {"text": plain(text), "value": value}


def select(**more: Any) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "s", "options": [option()]} | more


def cells(rows: int, columns: int) -> list[list[dict[str, Any]]]:
    return [[{"type": "raw_text", "text": "x"}] * columns] * rows


DIVIDER: dict[str, Any] = {"type": "divider"}
RICH = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "hi"}]}]}

VALID: dict[str, dict[str, Any]] = {
    "header": {"type": "header", "text": plain("x" * 150)},
    "section": {"type": "section", "text": mrkdwn("x" * 3000), "fields": [mrkdwn("y" * 2000)] * 10},
    "section with a button": {"type": "section", "text": mrkdwn("x"), "accessory": button()},
    "section with a select": {"type": "section", "text": mrkdwn("x"), "accessory": select()},
    "actions": {"type": "actions", "elements": [button(str(n)) for n in range(25)]},
    "danger with confirmation": {
        "type": "actions",
        "elements": [
            button(
                style="danger",
                value="INC-1",
                confirm={
                    "title": plain("Sure?"),
                    "text": mrkdwn("*Really*"),
                    "confirm": plain("Yes"),
                    "deny": plain("No"),
                },
            )
        ],
    },
    "context": {"type": "context", "elements": [mrkdwn("x")] * 10},
    "divider": DIVIDER,
    "image": {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"},
    "image of a file": {"type": "image", "slack_file": {"id": "F0000000001"}, "alt_text": "a"},
    "input": {"type": "input", "label": plain("L"), "element": {"type": "plain_text_input", "action_id": "t"}},
    "markdown": {"type": "markdown", "text": "x" * 12_000},
    "rich text": RICH,
    "table": {"type": "table", "rows": cells(100, 20)},
    "data table": {"type": "data_table", "caption": "c", "rows": cells(3, 2)},
    "data visualization": {"type": "data_visualization", "title": "Drift"},
    "card": {"type": "card", "title": mrkdwn("t"), "body": mrkdwn("b")},
}

INVALID: dict[str, tuple[dict[str, Any], str, str]] = {
    "header too long": ({"type": "header", "text": plain("x" * 151)}, "less than 151", "/blocks/0/text/text"),
    "header empty": ({"type": "header", "text": plain("")}, "more than 0", "/blocks/0/text/text"),
    "header in mrkdwn": ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn", "/blocks/0/text/type"),
    "section too long": ({"type": "section", "text": mrkdwn("x" * 3001)}, "less than 3001", "/blocks/0/text/text"),
    "section empty": ({"type": "section", "text": mrkdwn("")}, "more than 0", "/blocks/0/text/text"),
    "section without anything": ({"type": "section"}, "at least one of", "/blocks/0"),
    "section with a bare text": ({"type": "section", "text": "x"}, "valid object", "/blocks/0/text"),
    "section with an unknown field": (
        {"type": "section", "text": plain("x"), "colour": "red"},
        "additional property: colour",
        "/blocks/0/colour",
    ),
    "eleven fields": ({"type": "section", "fields": [plain("x")] * 11}, "no more than 10", "/blocks/0/fields"),
    "field too long": ({"type": "section", "fields": [plain("x" * 2001)]}, "less than 2001", "/blocks/0/fields/0/text"),
    "unknown text type": (
        {"type": "section", "text": {"type": "html", "text": "x"}},
        "unsupported type: html",
        "/blocks/0/text/type",
    ),
    "unknown block": ({"type": "nonsense"}, "unsupported type: nonsense", "/blocks/0/type"),
    "block without a type": ({"text": plain("x")}, "unsupported type: None", "/blocks/0/type"),
    "actions empty": ({"type": "actions", "elements": []}, "at least 1", "/blocks/0/elements"),
    "actions with 26": (
        {"type": "actions", "elements": [button(str(n)) for n in range(26)]},
        "no more than 25",
        "/blocks/0/elements",
    ),
    "button text too long": (
        {"type": "actions", "elements": [button(text=plain("x" * 76))]},
        "less than 76",
        "/blocks/0/elements/0/text/text",
    ),
    "button value too long": (
        {"type": "actions", "elements": [button(value="x" * 2001)]},
        "less than 2001",
        "/blocks/0/elements/0/value",
    ),
    "button in mrkdwn": (
        {"type": "actions", "elements": [button(text=mrkdwn("x"))]},
        "unsupported type: mrkdwn",
        "/blocks/0/elements/0/text/type",
    ),
    "button style": (
        {"type": "actions", "elements": [button(style="warning")]},
        "valid enum value: warning",
        "/blocks/0/elements/0/style",
    ),
    "action_id too long": (
        {"type": "actions", "elements": [button("x" * 256)]},
        "less than 256",
        "/blocks/0/elements/0/action_id",
    ),
    "action_id twice": (
        {"type": "actions", "elements": [button("x"), button("x")]},
        "already exists",
        "/blocks/0/elements/1/action_id",
    ),
    "button in a context": (
        {"type": "context", "elements": [button()]},
        "unsupported type: button",
        "/blocks/0/elements/0/type",
    ),
    "context empty": ({"type": "context", "elements": []}, "at least 1", "/blocks/0/elements"),
    "context with 11": ({"type": "context", "elements": [plain("x")] * 11}, "no more than 10", "/blocks/0/elements"),
    "context with an empty text": (
        {"type": "context", "elements": [mrkdwn("")]},
        "more than 0",
        "/blocks/0/elements/0/text",
    ),
    "option text too long": (
        {"type": "section", "text": plain("x"), "accessory": select(options=[option("x" * 76)])},
        "less than 76",
        "/blocks/0/accessory/options/0/text/text",
    ),
    "option value too long": (
        {"type": "section", "text": plain("x"), "accessory": select(options=[option(value="x" * 151)])},
        "less than 76",
        "/blocks/0/accessory/options/0/value",
    ),
    "select with 101 options": (
        {
            "type": "section",
            "text": plain("x"),
            "accessory": select(options=[option(value=str(n)) for n in range(101)]),
        },
        "no more than 100",
        "/blocks/0/accessory/options",
    ),
    "overflow with 6": (
        {
            "type": "section",
            "text": plain("x"),
            "accessory": {"type": "overflow", "action_id": "o", "options": [option(value=str(n)) for n in range(6)]},
        },
        "no more than 5",
        "/blocks/0/accessory/options",
    ),
    "image without alt_text": (
        {"type": "image", "image_url": "https://example.com/a.png"},
        "missing required field: alt_text",
        "/blocks/0",
    ),
    "image from nowhere": (
        {"type": "image", "image_url": "javascript:alert(1)", "alt_text": "a"},
        "valid URL",
        "/blocks/0/image_url",
    ),
    "table with 101 rows": ({"type": "table", "rows": cells(101, 1)}, "no more than 100", "/blocks/0/rows"),
    "table with 21 columns": ({"type": "table", "rows": cells(1, 21)}, "no more than 20", "/blocks/0/rows/0"),
    "alert in a message": ({"type": "alert", "text": plain("x")}, "alert in a message", "/blocks/0/type"),
    "confirmation title too long": (
        {
            "type": "actions",
            "elements": [button(confirm={"title": plain("x" * 101), "text": plain("x"), "confirm": plain("y")})],
        },
        "less than 101",
        "/blocks/0/elements/0/confirm/title/text",
    ),
    "carousel of a long card": (
        {"type": "carousel", "elements": [{"type": "card", "title": plain("x" * 151)}]},
        "less than 151",
        "/blocks/0/elements/0/title/text",
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_what_slack_takes_passes(name: str) -> None:
    assert faults_of_message({"text": "t", "blocks": [VALID[name]]}) == []


@pytest.mark.parametrize("name", INVALID)
def test_what_slack_refuses_is_named_with_its_place(name: str) -> None:
    block, what, pointer = INVALID[name]
    found = faults_of_message({"text": "t", "blocks": [block]})
    assert any(what in one and one.endswith(f"[json-pointer:{pointer}]") for one in found), found


def test_51_blocks_are_too_many() -> None:
    assert faults_of_message({"text": "t", "blocks": [DIVIDER] * 50}) == []
    assert faults_of_message({"text": "t", "blocks": [DIVIDER] * 51}) == [
        "no more than 50 items allowed [json-pointer:/blocks]"
    ]


def test_a_block_id_may_not_stand_twice() -> None:
    found = faults_of_message({"text": "t", "blocks": [DIVIDER | {"block_id": "a"}] * 2})
    assert found == ["`block_id` 'a' already exists [json-pointer:/blocks/1/block_id]"]


def test_a_message_has_one_table() -> None:
    found = faults_of_message({"text": "t", "blocks": [{"type": "table", "rows": cells(1, 1)}] * 2})
    assert "only one table allowed [json-pointer:/blocks/1]" in found


def test_markdown_blocks_share_one_limit() -> None:
    found = faults_of_message({"text": "t", "blocks": [{"type": "markdown", "text": "x" * 7000}] * 2})
    assert len(found) == 1
    assert "msg_blocks_too_long" in found[0]


def test_a_text_that_could_not_be_edited_is_a_fault() -> None:
    assert faults_of_message({"text": "x" * 4000}) == []
    assert faults_of_message({"text": "x" * 4001}) == ["must be less than 4001 characters [json-pointer:/text]"]


def test_a_message_must_show_something() -> None:
    assert "no_text" in faults_of_message({})[0]
    assert "no_text" in faults_of_message({"text": "", "blocks": []})[0]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"event_type": "a", "event_payload": {}}, None),
        ("text", "invalid_metadata_format"),
        ({"event_payload": {}}, "invalid_metadata_format"),
        ({"event_type": "a", "event_payload": []}, "invalid_metadata_format"),
        ({"event_type": 7, "event_payload": {}}, "invalid_metadata_schema"),
        ({"event_type": "a", "event_payload": {"x": "y" * 9000}}, "metadata_too_large"),
    ],
)
def test_metadata(metadata: Any, expected: str | None) -> None:
    found = faults_of_message({"text": "t", "metadata": metadata})
    assert found == ([] if expected is None else [f"{expected} [json-pointer:/metadata]"])


def test_blocks_in_attachments_are_checked_too() -> None:
    found = faults_of_message(
        {"text": "t", "attachments": [{"blocks": [{"type": "header", "text": plain("x" * 151)}]}]}
    )
    assert found == ["must be less than 151 characters [json-pointer:/attachments/0/blocks/0/text/text]"]


@pytest.mark.parametrize("odd", [None, 7, "text", {}, [None], ["text"], [[]], [7]])
def test_blocks_of_any_other_shape_are_a_fault_and_no_crash(odd: Any) -> None:
    assert (faults_of_message({"text": "t", "blocks": odd}) == []) is (not odd)


# ------------------------------------------------------------ views


def modal(**more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain("Declare"), "blocks": [DIVIDER]} | more


def test_a_modal_and_a_home_pass() -> None:
    assert (
        faults_of_view(modal(blocks=[VALID["input"]], submit=plain("Go"), close=plain("No"), private_metadata="{}"))
        == []
    )
    assert faults_of_view({"type": "home", "blocks": [VALID["header"], VALID["actions"]]}) == []
    assert faults_of_view(modal(blocks=[{"type": "alert", "text": plain("x"), "level": "warning"}])) == []


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (modal(title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
        (modal(submit=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
        (modal(title=mrkdwn("x")), "unsupported type: mrkdwn [json-pointer:/view/title/type]"),
        (modal(private_metadata="x" * 3001), "must be less than 3001 characters [json-pointer:/view/private_metadata]"),
        (modal(callback_id="x" * 256), "must be less than 256 characters [json-pointer:/view/callback_id]"),
        (modal(blocks=[VALID["input"]]), "must be given when there are input blocks [json-pointer:/view/submit]"),
        (modal(blocks=[DIVIDER] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
        (modal(blocks="x"), "must be an array of objects [json-pointer:/view/blocks]"),
        (modal(colour=1), "invalid additional property: colour [json-pointer:/view/colour]"),
        ({"type": "modal", "blocks": []}, "missing required field: title [json-pointer:/view]"),
        ({"type": "tab", "blocks": []}, "unsupported type: tab [json-pointer:/view/type]"),
        (
            {"type": "home", "blocks": [VALID["table"]]},
            "unsupported type: table in a home [json-pointer:/view/blocks/0/type]",
        ),
    ],
)
def test_a_faulty_view_is_named(view: dict[str, Any], expected: str) -> None:
    assert expected in faults_of_view(view)
