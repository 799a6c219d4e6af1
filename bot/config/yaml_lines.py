"""YAML that keeps its line numbers and guesses nothing: every plain scalar is text until a setting says what it is.

So `on`, `no`, `1.10` and `12:30` stay what was written (YAML 1.1 would make them booleans and numbers). Tags are
refused, duplicate keys are refused, and size, depth and aliases are bounded, so that a hostile file ends in a
sentence. Syntax: https://yaml.org/spec/1.2.2/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import AliasEvent, Event, NodeEvent, ScalarEvent, SequenceStartEvent
from yaml.events import MappingEndEvent as MappingEnd
from yaml.events import SequenceEndEvent as SequenceEnd

from bot.config.problems import Place, Problem

SIZE_LIMIT = 4_000_000
"""Bytes of one file: 5,000 models take about a quarter of it."""
DEPTH_LIMIT = 32
ALIAS_LIMIT = 10_000
"""Values that aliases may stand for in all; a billion-laughs file stops here."""

Path = tuple[str | int, ...]
"""Where a value stands in the tree: `("people", "ana", "roles", 0)`."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""libyaml is about ten times faster; both give the same events."""


@dataclass(slots=True)
class Tree:
    """A file as plain text, lists and mappings, with the place of every value. `data` is None for an empty file."""

    data: Any = None
    places: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """The place of a value, or of the nearest thing around it."""
        for end in range(len(path), -1, -1):
            found = self.places.get(path[:end])
            if found is not None:
                return found
        return Place("the defaults")


class _Stop(Exception):
    """The rest of the file can't be read."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def decode(raw: bytes, file: str) -> tuple[str, list[Problem]]:
    """The text of a file, without a byte-order mark and with plain line ends, or what keeps it from being read."""
    if len(raw) > SIZE_LIMIT:
        return "", [too_large(file, len(raw))]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8"
        return "", [Problem(file, line, what, "save the file as UTF-8")]
    return text.replace("\r\n", "\n").replace("\r", "\n"), []


def too_large(file: str, size: int) -> Problem:
    """A file that is refused for its size, unread."""
    what = f"the file has {size:,} bytes, at most {SIZE_LIMIT:,} are read"
    return Problem(file, 0, what, "split off what does not belong into a configuration")


def parse(text: str, file: str, *, first_line: int = 1) -> tuple[Tree, list[Problem]]:
    """Read one YAML document. `first_line` is the line of the file at which the text begins."""
    builder = _Builder(file, first_line)
    try:
        builder.document(text)
    except _Stop as stop:
        builder.problems.append(stop.problem)
    return builder.tree, builder.problems


class _Builder:
    """Builds the tree from the parser's events: the composer of the library would recurse without a bound."""

    def __init__(self, file: str, first_line: int) -> None:
        self.file = file
        self.offset = first_line
        self.tree = Tree(places={(): Place(file, first_line)})
        self.problems: list[Problem] = []
        self._anchors: dict[str, Path] = {}
        self._values: dict[str, Any] = {}
        self._copied = 0

    def document(self, text: str) -> None:
        events = self._events(text)
        for event in events:
            if isinstance(event, NodeEvent):
                self.tree.data = self._node(event, events, ())
                break
        for event in events:
            if isinstance(event, NodeEvent):
                raise _Stop(self._problem(event, "a second document begins here", "keep one document in the file"))

    def _events(self, text: str) -> Iterator[Event]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line if mark else 0
            lines = text.splitlines()
            shown = lines[line].strip()[:80] if line < len(lines) else "the end of the file"
            tab = "; indent with spaces, not tabs" if "\t" in (lines[line] if line < len(lines) else "") else ""
            what = f"this is not YAML: {_reason(error)}, at “{shown}”"
            raise _Stop(
                Problem(self.file, self.offset + line, what, f"mend this line or the one above{tab}")
            ) from error
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position)
            what = f"character {error.position} is a control character ({error.character!r})"
            raise _Stop(Problem(self.file, self.offset + line, what, "remove it")) from error

    def _node(self, event: Event, events: Iterator[Event], path: Path) -> Any:
        if len(path) > DEPTH_LIMIT:
            raise _Stop(self._problem(event, f"nested more than {DEPTH_LIMIT} levels deep", "flatten it"))
        self.tree.places.setdefault(path, self._place(event))
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._add(event, f"the tag {tag[:60]} is not allowed", "write the plain value")
        value: Any
        match event:
            case AliasEvent():
                return self._alias(event, path)
            case ScalarEvent():
                plain = event.implicit[0]  # not quoted
                value = None if plain and event.value in _NULLS else event.value
            case SequenceStartEvent():
                value = self._sequence(events, path)
            case _:
                value = self._mapping(events, path)
        anchor = getattr(event, "anchor", None)
        if anchor:
            self._anchors[anchor], self._values[anchor] = path, value
        return value

    def _sequence(self, events: Iterator[Event], path: Path) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, SequenceEnd):
                break
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Event], path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in events:
            if isinstance(event, MappingEnd):
                break
            if not isinstance(event, ScalarEvent):
                raise _Stop(self._problem(event, "a key must be one word or text", "write `key: value`"))
            key = event.value
            if key == "<<":
                self._add(event, "merge keys (<<) are not supported", "write the keys out, or alias a whole value")
            if key in found:
                first = self.tree.places[(*path, key)]
                self._add(
                    event, f"the key “{key[:60]}” stands here a second time (first: line {first.line})", "keep one"
                )
                self._node(next(events), events, (*path, f"{key} (again)"))
                continue
            self.tree.places[(*path, key)] = self._place(event)
            found[key] = self._node(next(events), events, (*path, key))
        return found

    def _alias(self, event: AliasEvent, path: Path) -> Any:
        anchor = event.anchor or ""
        if anchor not in self._values:
            raise _Stop(self._problem(event, f"the alias *{anchor[:60]} has no anchor before it", "define it"))
        origin = self._anchors[anchor]
        for inner in _paths(self._values[anchor], ()):
            self._copied += 1
            if self._copied > ALIAS_LIMIT:
                what = f"aliases stand for more than {ALIAS_LIMIT:,} values"
                raise _Stop(self._problem(event, what, "write out what is meant"))
            if len(path) + len(inner) > DEPTH_LIMIT:
                raise _Stop(self._problem(event, f"nested more than {DEPTH_LIMIT} levels deep", "flatten it"))
            self.tree.places.setdefault((*path, *inner), self.tree.places[(*origin, *inner)])
        return self._values[anchor]

    def _place(self, event: Event) -> Place:
        return Place(self.file, self.offset + (event.start_mark.line if event.start_mark else 0))

    def _problem(self, event: Event, what: str, fix: str) -> Problem:
        return Problem(self.file, self._place(event).line, what, fix)

    def _add(self, event: Event, what: str, fix: str) -> None:
        self.problems.append(self._problem(event, what, fix))


def _paths(value: Any, path: Path) -> Iterator[Path]:
    yield path
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _paths(inner, (*path, place))


def _reason(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.problem, error.context) if part]
    return " ".join(parts)[:160] or "unreadable"
