"""What a message is made of when the app sends it: read, checked, refused in Slack's words."""

from typing import Literal

from sandbox.api.ask import Ask
from sandbox.api.refused import Refused
from sandbox.blocks import Fault, block_faults, metadata_fault
from sandbox.blocks.check import ATTACHMENTS, MARKDOWN_TOGETHER, TEXT_TO_EDIT, attachment_faults, markdown_length
from sandbox.workspace.values import Json

TEXT_SHOWN = 40_000
"""Characters of text after which Slack cuts."""
MOST_FAULTS = 20
Purpose = Literal["post", "edit", "whisper", "later"]


def content(ask: Ask, purpose: Purpose) -> Json:
    """Text, blocks, attachments and metadata of this call. Raises Refused."""
    arguments = ask.arguments
    made: Json = {}
    if "markdown_text" in arguments:
        made |= _markdown(ask)
    elif "text" in arguments:
        made["text"] = _text(arguments.text("text"), purpose)
    blocks = arguments.structure("blocks")
    if blocks is not None:
        checked_blocks(blocks)
        refuse(_file_faults(ask, blocks), "invalid_blocks")
        made["blocks"] = blocks
        if markdown_length(blocks) > MARKDOWN_TOGETHER:
            raise Refused("msg_blocks_too_long" if purpose == "post" else _too_long(purpose))
    made |= _attachments(ask, purpose)
    if purpose != "whisper":
        made |= _metadata(ask)
    for name in ("username", "icon_emoji", "icon_url"):
        if name in arguments and "chat:write.customize" in ask.workspace.app.scopes:
            made[name] = arguments.text(name)
    return made


def must_show_something(made: Json) -> None:
    """A message without anything in it is refused."""
    if not any(made.get(name) for name in ("text", "blocks", "attachments", "files")):
        raise Refused("no_text")


def checked_blocks(blocks: object) -> None:
    """Refuse blocks that Slack would refuse, and say where."""
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    refuse(block_faults(blocks, "message", "/blocks"), "invalid_blocks")


def _file_faults(ask: Ask, blocks: list[Json]) -> list[Fault]:
    """An image may show a file only once it is processed, and while it is there."""
    faults: list[Fault] = []
    for number, block in enumerate(blocks):
        shown = block.get("slack_file") if block.get("type") == "image" else None
        file = ask.workspace.files.get(str(shown.get("id"))) if isinstance(shown, dict) and shown.get("id") else None
        if isinstance(shown, dict) and shown.get("id") and not (file and file.processed and not file.deleted):
            faults.append(Fault(f"/blocks/{number}/slack_file", "invalid slack file"))
    return faults


def refuse(faults: list[Fault], code: str) -> None:
    """Say all of it, as Slack does for blocks: once for programs, once for people."""
    if faults:
        said = [str(fault) for fault in faults[:MOST_FAULTS]]
        raise Refused(code, [f"[ERROR] {one}" for one in said], errors=said)


def _text(text: str, purpose: Purpose) -> str:
    if purpose != "post" and len(text) > (TEXT_TO_EDIT if purpose == "edit" else TEXT_SHOWN):
        raise Refused("msg_too_long")
    return text[:TEXT_SHOWN]


def _too_long(purpose: Purpose) -> str:
    return "msg_too_long" if purpose != "post" else "msg_blocks_too_long"


def _markdown(ask: Ask) -> Json:
    if "text" in ask.arguments or ask.arguments.structure("blocks"):
        raise Refused("markdown_text_conflict")
    text = ask.arguments.text("markdown_text")
    blocks = [{"type": "markdown", "text": text}]
    checked_blocks(blocks)
    return {"text": text, "blocks": blocks}


def _attachments(ask: Ask, purpose: Purpose) -> Json:
    attachments = ask.arguments.structure("attachments")
    if attachments is None:
        return {}
    if isinstance(attachments, list) and len(attachments) > ATTACHMENTS:
        raise Refused("too_many_attachments")
    faults = list(attachment_faults(attachments))
    if faults and faults[0].pointer == "/attachments":
        raise Refused(
            "invalid_attachments" if purpose in {"edit", "whisper"} else "invalid_arguments", [str(faults[0])]
        )
    refuse(faults, "invalid_blocks")
    return {"attachments": [{"id": number, **one} for number, one in enumerate(attachments, 1)]}


def _metadata(ask: Ask) -> Json:
    if "metadata" not in ask.arguments:
        return {}
    metadata = ask.arguments.structure("metadata")
    if fault := metadata_fault(metadata):
        raise Refused(fault)
    return {"metadata": metadata} if metadata else {}
