"""What is answered below another bot's message: which incident it is about, and where that is worked on."""

from collections.abc import Sequence

from bot.domain.incident import Incident
from bot.slack.blocks.message import Message
from bot.slack.blocks.text import Element, clean, escaped, link, rich, section, text


def adopted(incidents: Sequence[tuple[Incident, str]]) -> Message:
    """One line for each incident, with its card's address where there is one."""
    line: list[Element] = []
    for incident, url in incidents:
        line.append(text("\n" if line else ""))
        title = f"{incident.ref} · {incident.severity.value} · {clean(incident.title, 110, one_line=True)}"
        line.append(link(title, url) if url else text(title))
    named = ", ".join(incident.ref for incident, _ in incidents)
    return Message(escaped(f"This is {named}", 300), (rich(section(*line)),))
