"""Canvases: documents in Markdown, kept as sections that can be named one by one."""

import re
from dataclasses import dataclass, field
from typing import Literal

from sandbox.workspace.values import Json

HEADER = re.compile(r"(#{1,3})\s")
Where = Literal["insert_at_start", "insert_at_end", "insert_before", "insert_after", "replace"]


@dataclass(slots=True)
class Section:
    """A paragraph, a list or a header."""

    id: str
    markdown: str

    @property
    def kind(self) -> str:
        """`h1`, `h2`, `h3`, or nothing."""
        found = HEADER.match(self.markdown)
        return f"h{len(found.group(1))}" if found else ""


@dataclass(slots=True)
class Canvas:
    """One document."""

    id: str
    title: str
    owner: str
    channel: str = ""
    sections: list[Section] = field(default_factory=list)
    access: dict[str, str] = field(default_factory=dict)
    made: int = 0

    def markdown(self) -> str:
        """The whole of it."""
        return "\n\n".join(section.markdown for section in self.sections)

    def insert(self, where: Where, markdown: str, section_id: str = "") -> bool:
        """Put text somewhere; False when the section it refers to isn't there. `replace` without one replaces all."""
        new = self._sections(markdown)
        at = next((number for number, section in enumerate(self.sections) if section.id == section_id), None)
        match where:
            case "insert_at_start":
                self.sections[:0] = new
            case "insert_at_end":
                self.sections += new
            case "replace" if not section_id:
                self.sections = new
            case _ if at is None:
                return False
            case "replace":
                self.sections[at : at + 1] = new
            case "insert_before":
                self.sections[at:at] = new
            case "insert_after":
                self.sections[at + 1 : at + 1] = new
        return True

    def delete(self, section_id: str) -> bool:
        """Take a section out; False when it isn't there."""
        before = len(self.sections)
        self.sections = [section for section in self.sections if section.id != section_id]
        return len(self.sections) < before

    def find(self, types: set[str], text: str) -> list[Section]:
        """The sections of these types (`any_header` for all headers) with this text in them."""
        return [
            section
            for section in self.sections
            if text.lower() in section.markdown.lower()
            and (not types or section.kind in types or (section.kind and "any_header" in types))
        ]

    def json(self) -> Json:
        """For the control API."""
        return {
            "id": self.id,
            "title": self.title,
            "owner": self.owner,
            "channel": self.channel,
            "markdown": self.markdown(),
            "access": dict(self.access),
        }

    def _sections(self, markdown: str) -> list[Section]:
        parts = [part.strip("\n") for part in re.split(r"\n\s*\n", markdown) if part.strip()]
        made = [Section(f"temp:C:{self.id}{self.made + number:06d}", part) for number, part in enumerate(parts)]
        self.made += len(made)
        return made
