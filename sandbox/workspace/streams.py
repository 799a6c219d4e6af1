"""A message that grows while people watch: text, tasks and blocks in the order in which they came."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from sandbox.workspace.values import Json


@dataclass(slots=True)
class Stream:
    """What has come so far. Tasks are shown one by one, or together in a plan."""

    as_plan: bool
    parts: list[Json] = field(default_factory=list)
    plan_title: str = ""

    def add(self, chunk: Json) -> None:
        """Take in one chunk; a task that is known is brought up to date where it stands."""
        match chunk["type"]:
            case "markdown_text":
                if self.parts and self.parts[-1]["type"] == "markdown":
                    self.parts[-1]["text"] += chunk["text"]
                else:
                    self.parts.append({"type": "markdown", "text": chunk["text"]})
            case "plan_update":
                self.plan_title = chunk["title"]
            case "task_update":
                self._task(_card(chunk))
            case "blocks":
                self.parts += deepcopy(chunk["blocks"])

    def text(self) -> str:
        """The text alone."""
        return "".join(part["text"] for part in self.parts if part["type"] == "markdown")

    def blocks(self) -> list[Json]:
        """Everything, as blocks."""
        tasks = [part for part in self.parts if part["type"] == "task_card"]
        if not (self.as_plan and tasks):
            return deepcopy(self.parts)
        plan = {"type": "plan", "title": self.plan_title or "Plan", "tasks": tasks}
        return deepcopy([plan, *(part for part in self.parts if part["type"] != "task_card")])

    def _task(self, card: Json) -> None:
        known = next((part for part in self.parts if part.get("task_id") == card["task_id"]), None)
        if known is None:
            self.parts.append(card)
        else:
            known |= card


def _card(chunk: Json) -> Json:
    card: Json = {"type": "task_card", "task_id": chunk["id"], "title": chunk["title"], "status": chunk["status"]}
    for name in ("details", "output"):
        if chunk.get(name):
            card[name] = _rich(chunk[name])
    sources: Sequence[Json] = chunk.get("sources") or ()
    return card | ({"sources": list(sources)} if sources else {})


def _rich(text: str) -> Json:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}
