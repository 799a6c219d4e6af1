"""Figures as they are shown and kept: a table for people, JSON for comparing later."""

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `unit` as written after it."""

    name: str
    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one benchmark found."""

    name: str
    figures: Sequence[Figure]
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)
    records: Sequence[Mapping[str, object]] = ()
    """What stands behind the figures, for programs that compare."""

    def keep(self) -> Path:
        """Write it to the results, with when and on what it was measured."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        where = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
        about = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "load": os.getloadavg(), **where}
        path.write_text(json.dumps(_finite({"about": about, **asdict(self)}), indent=1, allow_nan=False) + "\n")
        return path

    def table(self) -> str:
        """For a terminal."""
        width = max(len(figure.name) for figure in self.figures)
        lines = [f"{f.name:<{width}}  {_number(f.value):>12} {f.unit}  {f.note}".rstrip() for f in self.figures]
        return "\n".join([self.name, *(f"  {line}" for line in lines)])


def _number(value: float) -> str:
    if math.isinf(value):
        return "never"
    digits = 0 if abs(value) >= 1000 or value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def _finite(value: object) -> object:
    """JSON has no word for what never came about: null."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: _finite(one) for key, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
        case _:
            return value


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
