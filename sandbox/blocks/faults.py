"""A fault in a message or a view, as Slack names it: a sentence and a JSON pointer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """`constraint` and `expected` are for `blocks.validate`, which says more than the other methods."""

    pointer: str
    what: str
    constraint: str = ""
    expected: object = None

    def __str__(self) -> str:
        return f"{self.what} [json-pointer:{self.pointer}]"


def longer(pointer: str, most: int) -> Fault:
    """A text beyond its limit."""
    return Fault(pointer, f"must be less than {most + 1} characters", "max_length", most)


def shorter(pointer: str, least: int) -> Fault:
    """A text below its limit."""
    return Fault(pointer, f"must be more than {least - 1} characters", "min_length", least)


def more(pointer: str, most: int) -> Fault:
    """A list beyond its limit."""
    return Fault(pointer, f"no more than {most} items allowed", "max_items", most)


def fewer(pointer: str, least: int) -> Fault:
    """A list below its limit."""
    return Fault(pointer, f"must have at least {least} items", "min_items", least)
