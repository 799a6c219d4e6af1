"""From the press of a button to the first that a person sees of it, by the stream that keeps the page up to date."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence

import httpx

from bench.figures import Figure, quantile
from bot.demo.workspace import Message, Workspace

WHO, CHANNEL = "U0DEVOPS1", "ml-incidents"
PRESSES = 100
"""Of a button that changes nothing: it is answered for this person alone."""
ACKNOWLEDGED = 30
"""Incidents that are acknowledged, each once: its card changes, and the person is answered."""
REST = 2.2
"""Seconds between incidents, and after each press that changes a card: Slack takes a message a second, and this is
about a bot at rest."""
WITHIN = 10.0
"""Seconds after which nothing was seen."""


class Watched:
    """What a person's page is told, as it comes."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def message(self) -> float:
        """When the next message was shown, or shown anew."""
        async with asyncio.timeout(WITHIN):
            async for line in self._lines:
                if line.startswith("data: ") and json.loads(line.removeprefix("data: "))["what"] == "message":
                    return time.perf_counter()
        raise AssertionError("the workspace has closed the stream")


@contextlib.asynccontextmanager
async def watching(url: str, http: httpx.AsyncClient) -> AsyncIterator[Watched]:
    """The page of who presses."""
    async with http.stream("GET", f"{url}/sandbox/stream", params={"user": WHO}, timeout=None) as answer:
        lines = answer.aiter_lines()
        await anext(lines)  # it says that it is connected
        yield Watched(lines)


async def measure(
    url: str, people: Workspace, http: httpx.AsyncClient
) -> tuple[Sequence[Figure], dict[str, list[float]]]:
    """Declare incidents, press their buttons."""
    cards = [await _card(people, number) for number in range(ACKNOWLEDGED)]
    acknowledged = []
    for card in cards:
        acknowledged.append(await _press(url, people, http, card, "incident.acknowledge"))
        await asyncio.sleep(REST)
    now = await people.messages(CHANNEL)
    states = [json.dumps(dict(message)) for message in now if message["ts"] in {card["ts"] for card in cards}]
    assert sum("acknowledged" in state for state in states) == ACKNOWLEDGED, "not every press had its effect"
    answered = [await _press(url, people, http, cards[0], "incident.runbook") for _ in range(PRESSES)]
    runbook, acknowledge = "click (Runbook) → first that is seen", "click (Acknowledge) → first that is seen"
    return (
        Figure(f"{runbook}, p50", quantile(answered, 0.5), "ms", f"{PRESSES} presses: an answer to this person"),
        Figure(f"{runbook}, p99", quantile(answered, 0.99), "ms"),
        Figure(
            f"{acknowledge}, p50",
            quantile(acknowledged, 0.5),
            "ms",
            f"{ACKNOWLEDGED} incidents: the card, or the answer",
        ),
        Figure(f"{acknowledge}, p99", quantile(acknowledged, 0.99), "ms", "of so few the worst"),
    ), {"click_runbook_ms": answered, "click_acknowledge_ms": acknowledged}


async def _press(url: str, people: Workspace, http: httpx.AsyncClient, card: Message, action: str) -> float:
    """Milliseconds from the press to the first message that is shown, or shown anew."""
    async with watching(url, http) as page:
        began = time.perf_counter()
        pressing = asyncio.create_task(people.click(WHO, CHANNEL, str(card["ts"]), action))
        seen = await page.message()
        await pressing
    return (seen - began) * 1000


async def _card(people: Workspace, number: int) -> Message:
    """An incident's card, once it is shown."""
    title = f"Pressed {number:02}"
    await people.command(WHO, f"declare {title}", CHANNEL)
    card = await people.wait_for_message(CHANNEL, lambda m: title in json.dumps(dict(m)) and _is_card(m), WITHIN)
    await asyncio.sleep(REST)
    return card


def _is_card(message: Message) -> bool:
    return (message.get("metadata") or {}).get("event_type") == "mlops_incident"
