"""The opinions put together, each fault once."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.blocks import limits, models, schema
from sandbox.blocks.faults import Fault, longer, more
from sandbox.blocks.limits import Surface

TEXT_TO_EDIT = 4_000
"""Characters of `text` that `chat.update` takes."""
MARKDOWN_TOGETHER = 12_000
ATTACHMENTS = 100
METADATA_BYTES = 8_000
"""Slack names no figure for `metadata_too_large`; this one is on the safe side. Store ids, not documents."""
VIEW_BYTES = 250_000


def block_faults(blocks: object, surface: Surface, pointer: str) -> list[Fault]:
    """The faults of a list of blocks."""
    if not isinstance(blocks, list) or not all(isinstance(block, Mapping) for block in blocks):
        return [Fault(pointer, "must be an array of objects", "type", "array")]
    found: list[Fault] = []
    for number, block in enumerate(blocks):
        found += _block(block, f"{pointer}/{number}")
    found += limits.faults(blocks, surface, pointer)
    return _once(found)


def message_faults(message: Mapping[str, Any]) -> list[Fault]:
    """The faults of a message."""
    found: list[Fault] = []
    text = message.get("text")
    if text is not None and not isinstance(text, str):
        found.append(Fault("/text", "must be a string", "type", "string"))
    elif len(text or "") > TEXT_TO_EDIT:
        found.append(longer("/text", TEXT_TO_EDIT))
    if not any(message.get(name) for name in ("text", "blocks", "attachments", "markdown_text")):
        found.append(Fault("", "no_text: there is nothing to show", "required", ["text", "blocks"]))
    if message.get("blocks"):
        found += block_faults(message["blocks"], "message", "/blocks")
        if markdown_length(message["blocks"]) > MARKDOWN_TOGETHER:
            found.append(
                Fault("/blocks", f"msg_blocks_too_long: {MARKDOWN_TOGETHER} characters of markdown", "max_length")
            )
    found += attachment_faults(message.get("attachments"))
    code = metadata_fault(message.get("metadata"))
    if code:
        found.append(Fault("/metadata", code, "metadata"))
    return _once(found)


def attachment_faults(attachments: object) -> Iterator[Fault]:
    """The faults of attachments and of the blocks in them."""
    if attachments is None:
        return
    if not isinstance(attachments, list) or not all(isinstance(one, Mapping) for one in attachments):
        yield Fault("/attachments", "must be an array of objects", "type", "array")
        return
    if len(attachments) > ATTACHMENTS:
        yield more("/attachments", ATTACHMENTS)
    for number, one in enumerate(attachments):
        if one.get("blocks"):
            yield from block_faults(one["blocks"], "message", f"/attachments/{number}/blocks")


def markdown_length(blocks: object) -> int:
    """How much text stands in the markdown blocks together."""
    return sum(
        len(str(block.get("text", "")))
        for block in (blocks if isinstance(blocks, list) else ())
        if isinstance(block, Mapping) and block.get("type") == "markdown"
    )


def metadata_fault(metadata: object) -> str | None:
    """Slack's word for what is wrong with a message's metadata."""
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        return "invalid_metadata_format"
    if not isinstance(metadata.get("event_payload", {}), Mapping) or not metadata.keys() & {"event_type", "entities"}:
        return "invalid_metadata_format"
    kind = metadata.get("event_type")
    if kind is not None and not (isinstance(kind, str) and kind):
        return "invalid_metadata_schema"
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > METADATA_BYTES:
        return "metadata_too_large"
    return None


def view_faults(view: object) -> list[Fault]:
    """The faults of a modal or an App Home."""
    if not isinstance(view, Mapping):
        return [Fault("/view", "must be a valid view object", "type", "object")]
    kind = view.get("type")
    if kind not in {"modal", "home"}:
        return [Fault("/view/type", f"unsupported type: {kind}", "enum", ["home", "modal"])]
    definition, surface = ("ModalView", "modal") if kind == "modal" else ("HomeView", "home")
    bare = {name: value for name, value in view.items() if value is not None} | {"blocks": []}
    found = list(schema.faults(bare, definition, "/view"))
    found += _view_texts(view)
    blocks = view.get("blocks")
    found += block_faults(blocks, "modal" if surface == "modal" else "home", "/view/blocks")
    takes_input = any(isinstance(b, Mapping) and b.get("type") == "input" for b in blocks or ())
    if kind == "modal" and takes_input and not view.get("submit"):
        found.append(Fault("/view/submit", "must be given when there are input blocks", "required", "submit"))
    return _once(found)


def view_bytes(view: Mapping[str, Any]) -> int:
    """The size of a view as Slack counts it."""
    return len(json.dumps(view, ensure_ascii=False).encode())


def _view_texts(view: Mapping[str, Any]) -> Iterator[Fault]:
    most = {"title": 24, "submit": 24, "close": 24}
    for name, limit in most.items():
        text = view.get(name)
        if isinstance(text, Mapping) and len(str(text.get("text", ""))) > limit:
            yield longer(f"/view/{name}/text", limit)
    for name, limit in {"private_metadata": 3000, "callback_id": 255, "external_id": 255}.items():
        if len(str(view.get(name) or "")) > limit:
            yield longer(f"/view/{name}", limit)


def _block(block: Mapping[str, Any], pointer: str) -> Iterator[Fault]:
    kind = block.get("type")
    if kind in schema.BEYOND:
        return
    definition = schema.definition_of(str(kind))
    if definition is None:
        yield Fault(f"{pointer}/type", f"unsupported type: {str(kind)[:80]}", "enum")
        return
    bare = {name: value for name, value in block.items() if value is not None}
    yield from schema.faults(bare, definition, pointer)
    yield from models.faults(bare, pointer)


def _once(found: list[Fault]) -> list[Fault]:
    """Each fault once, and the client's opinion only where nobody named the place more exactly."""
    exact = [fault for fault in found if fault.constraint != "model"]
    places = [fault.pointer for fault in exact]
    vague = [
        fault
        for fault in found
        if fault.constraint == "model" and not any(place.startswith(fault.pointer) for place in places)
    ]
    return list({str(fault): fault for fault in [*exact, *vague]}.values())
