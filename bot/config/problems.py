"""A fault of the configuration always has a place, says what is wrong there, and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.errors import BotError


class Gravity(StrEnum):
    """Whether the program may start with it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value comes from. `line` counts from 1; 0 is a whole file, or an environment variable."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where, what, and what to do. `file` may be the name of an environment variable."""

    file: str
    line: int
    what: str
    fix: str = ""
    severity: Gravity = Gravity.ERROR

    @property
    def place(self) -> Place:
        """File and line together."""
        return Place(self.file, self.line)

    def __str__(self) -> str:
        prefix = "warning: " if self.severity is Gravity.WARNING else ""
        return f"{self.place}: {prefix}{self.what}{f'; {self.fix}' if self.fix else ''}"


class ConfigFaults(BotError):
    """The configuration can't be used. `problems` holds every fault found, warnings too, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = ordered(problems)
        errors = sum(1 for problem in self.problems if problem.severity is Gravity.ERROR)
        super().__init__(
            f"The configuration has {errors} fault{'' if errors == 1 else 's'}.",
            not_done="The program was not started.",
            next_step="Mend the lines named here; `mlops-bot check` looks again.",
        )

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class Unfit(ValueError):
    """A value that can't be used: what is wrong with it, and what to write instead."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(f"{what}; {fix}" if fix else what)
        self.what = what
        self.fix = fix


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By file and line, the same fault once."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line, p.severity.value, p.what)))


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those that keep the program from starting."""
    return tuple(problem for problem in problems if problem.severity is Gravity.ERROR)


def report(problems: Sequence[Problem]) -> str:
    """All of it for a terminal: one line each, and the count at the end."""
    wrong = len(errors(problems))
    doubtful = len(problems) - wrong
    counted = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((wrong, "fault"), (doubtful, "warning"))
        if count
    ]
    return "\n".join([*(str(problem) for problem in ordered(problems)), ", ".join(counted) or "no faults"])
