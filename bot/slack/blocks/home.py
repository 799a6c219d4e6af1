"""App Home: what waits for this person, then what is going on."""

from collections.abc import Sequence
from typing import Any

from bot.domain.incident import Incident
from bot.domain.operation import Operation
from bot.domain.post import Backlog
from bot.slack.blocks import elements
from bot.slack.blocks.card import operation_line
from bot.slack.blocks.message import Block
from bot.slack.blocks.text import bullets, context, header, rich, section, text
from bot.usecases.reply import Button


def home(incidents: Sequence[Incident], waiting: Sequence[Operation], backlog: Backlog | None = None) -> dict[str, Any]:
    """The view of App Home; that messages lag behind stands first, since the rest may be news then."""
    blocks: list[Block] = [rich(section(text(f"{backlog.told}.", bold=True)))] if backlog is not None else []
    blocks.append(header("Waiting for you"))
    for operation in waiting[:10]:
        blocks.append(
            rich(
                section(
                    text(f"{operation.ref} · {operation.model} ", bold=True, limit=150),
                    text(operation_line(operation), limit=300),
                )
            )
        )
        blocks.append(
            elements.row(
                [
                    Button(
                        "Approve",
                        elements.APPROVE,
                        operation.ref,
                        "primary",
                        confirm="Exactly this plan is carried out.",
                    ),
                    Button("Reject", elements.REJECT, operation.ref),
                ],
                f"home-{operation.number}",
            )
        )
    if not waiting:
        blocks.append(rich(section(text("Nothing waits for your approval."))))
    blocks.append(header("Going on"))
    rows = [
        [text(f"{i.ref} ", bold=True), text(f"{i.severity.value}, {i.status.value}: {i.title}", limit=250)]
        for i in incidents
    ]
    blocks.append(rich(bullets(rows[:20])) if rows else rich(section(text("No incident is open."))))
    blocks.append(context("Commands: /mlops help"))
    return {"type": "home", "blocks": list(blocks)}
