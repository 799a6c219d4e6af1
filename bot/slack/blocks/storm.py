"""Many problems in one message: how many, how bad, and each in one line, worst first."""

from collections import Counter
from collections.abc import Callable, Sequence

from bot.domain.incident import Incident, Status
from bot.domain.metrics import spoken
from bot.slack.blocks import elements as buttons
from bot.slack.blocks.card import DOTS, status_text
from bot.slack.blocks.message import Block, Message
from bot.slack.blocks.text import Element, bullets, clean, context, escaped, header, link, moment, rich, section, text
from bot.usecases.reply import Button
from bot.usecases.storm import StormLine, StormView

LINES_SHOWN = 40
"""With the other blocks a message holds no more, neither in blocks nor in characters."""
NAMED_IN_TEXT = 5
Link = Callable[[int], str]
"""The address of an incident's card; nothing while there is none."""


def storm(view: StormView, card_link: Link) -> Message:
    """The message as it must be now; it replaces what was shown before."""
    shown = view.lines[:LINES_SHOWN]
    blocks: list[Block] = [header(_headline(view)), rich(section(*_facts(view)))]
    blocks += [*map(_pressable, shown), *_cards(shown, card_link)] if view.paged else _listed(shown, card_link)
    if len(view.lines) > len(shown):
        blocks.append(context(f"{len(view.lines) - len(shown)} more: /mlops incidents"))
    named = "; ".join(_line(line.incident) for line in shown[:NAMED_IN_TEXT])
    return Message(escaped(f"{_headline(view)}. {named}", 1_000), tuple(blocks))


def _headline(view: StormView) -> str:
    if not view.lines:
        return "✅ No problem is left here"
    live = [line.incident.severity for line in view.lines if line.incident.status.live]
    dot = DOTS[min(live)] if live else "✅"
    drill = "DRILL · " if all(line.incident.drill for line in view.lines) else ""
    many = "1 problem" if len(view.lines) == 1 else f"{len(view.lines)} problems"
    called = "You are paged: " if view.paged and live else ""
    when = "while Slack was not reached" if view.storm.told is not None else "at once"
    return f"{dot} {drill}{called}{many} {when}, {_counted(view.lines)}"


def _counted(lines: Sequence[StormLine]) -> str:
    """`3 sev1, 17 sev3, 2 of them over`."""
    counts = sorted(Counter(line.incident.severity.value for line in lines).items())
    over = sum(not line.incident.status.live for line in lines)
    return ", ".join(
        [*(f"{count} {severity}" for severity, count in counts), *([f"{over} of them over"] if over else [])]
    )


def _facts(view: StormView) -> list[Element]:
    line: list[Element] = [text("Since ", bold=True), moment(view.storm.since)]
    if view.storm.told is not None:
        line += [text(", told here only at "), moment(view.storm.told)]
    if view.paged:
        return [*line, text("\nWorst first. Each problem's card has the runbook and all buttons.")]
    count, without = len(view.lines), view.without_card
    if view.storm.closed or not without:
        done = "It has its card now." if count == 1 else f"All {count} have their card now."
        return [*line, text(f"\n{done}")]
    line.append(
        text(f"\nWorst first. {count - without} of {count} have their card, the others follow as Slack allows.")
    )
    if view.backlog is not None:
        line.append(text(f"\n{view.backlog.told}"))
    return line


def _listed(lines: Sequence[StormLine], card_link: Link) -> list[Block]:
    """A list whose numbers are links to the cards that are there."""
    if not lines:
        return []
    rows: list[list[Element]] = []
    for line in lines:
        ref, address = line.incident.ref, card_link(line.incident.number)
        name = link(ref, address) if address else text(ref, bold=True)
        rows.append([text(f"{_dot(line.incident)} "), name, text(f" {_state(line)}", limit=220)])
    return [rich(bullets(rows))]


def _cards(lines: Sequence[StormLine], card_link: Link) -> list[Block]:
    """The way to the cards that are there: rows with a button hold no link, for their text is literal."""
    links = [(line.incident.ref, card_link(line.incident.number)) for line in lines]
    there = [link(ref, address) for ref, address in links if address]
    spaced = [element for one in there for element in (text(" "), one)]
    return [rich(section(text("Cards:", bold=True), *spaced))] if there else []


def _pressable(line: StormLine) -> Block:
    """Literal text with the one button; no button once somebody has it."""
    incident = line.incident
    said = clean(f"{_dot(incident)} {incident.ref} {_state(line)}", 220, one_line=True)
    block: dict[str, object] = {
        "type": "section",
        "block_id": f"page-{incident.number}",
        "text": {"type": "plain_text", "text": said, "emoji": False},
    }
    if incident.status is Status.OPEN:
        block["accessory"] = buttons.button(Button("Acknowledge", buttons.ACKNOWLEDGE, incident.ref))
    return block


def _dot(incident: Incident) -> str:
    return DOTS[incident.severity] if incident.status.live else "✅"


def _state(line: StormLine) -> str:
    """`sev2 · open · ModelErrorRateHigh on fraud-detector · 512 alerts, 498 firing`."""
    incident = line.incident
    parts = [incident.severity.value, status_text(incident), clean(incident.title, 90, one_line=True)]
    if incident.alerts_seen:
        parts.append(
            f"{incident.alerts_seen} alert{'s' if incident.alerts_seen != 1 else ''}, {incident.alerts_firing} firing"
        )
    if incident.resolved_at is not None and not incident.status.live:
        parts.append(f"lasted {spoken(incident.resolved_at - incident.started_at)}")
    elif line.assignee:
        parts.append(f"with {clean(line.assignee, 40, one_line=True)}")
    return " · ".join(parts)


def _line(incident: Incident) -> str:
    return f"{incident.ref} {incident.severity.value} {clean(incident.title, 90, one_line=True)}"
