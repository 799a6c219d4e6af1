"""Charts to draw, and what a picture consists of."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from PIL import Image

from bot.domain.chart import Line, Marker, Threshold, TimeChart

BEGAN = datetime(2026, 11, 23, 3, 4, tzinfo=UTC)


def points(
    start: datetime, end: datetime, value: Callable[[float], float], count: int = 240
) -> tuple[tuple[float, float], ...]:
    """`value` of 0 to 1."""
    step = (end - start) / count
    return tuple(((start + step * n).timestamp(), value(n / count)) for n in range(count + 1))


def rising(part: float) -> float:
    return 0.06 + 0.25 / (1 + math.exp(-40 * (part - 0.8)))


def a_chart(**more: object) -> TimeChart:
    start, end = BEGAN - timedelta(hours=2), BEGAN + timedelta(minutes=8)
    values: dict[str, object] = {
        "title": "ModelFeatureDrift on fraud-detector", "metric": "psi", "start": start, "end": end, "step": 32.0,
        "began": BEGAN, "lines": (Line("psi", points(start, end, rising)),), "threshold": Threshold(0.2),
        "markers": (Marker(BEGAN - timedelta(minutes=34), "version 3 promoted", "change"),), **more,
    }  # fmt: skip
    return TimeChart(**values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Facts:
    """Of a picture: width and height, how many colours, how much of it is white, and of which inks there is some."""

    size: tuple[int, int]
    colours: int
    white: float
    inks: frozenset[str]


INKS = {
    "line": (0x0B, 0x5F, 0xA5), "limit": (0xC4, 0x50, 0x0A), "change": (0x7B, 0x3F, 0x98), "ours": (0x00, 0x73, 0x4F),
    "fine": (0x83, 0x8F, 0x9C), "incident": (0xFD, 0xF0, 0xE6),
}  # fmt: skip


def facts(png: bytes) -> Facts:
    """Of a picture that can be decoded."""
    with Image.open(io.BytesIO(png)) as opened:
        assert opened.format == "PNG"
        picture = opened.convert("RGB")
    found = picture.getcolors(1_000_000)
    assert found is not None
    total = picture.width * picture.height
    counts = {colour: count for count, colour in found}
    inks = frozenset(name for name, ink in INKS.items() if _about(counts, ink) >= 60)
    return Facts(picture.size, len(counts), _about(counts, (255, 255, 255)) / total, inks)


def _about(counts: dict[tuple[int, ...], int], ink: tuple[int, int, int]) -> int:
    """Pixels of about this colour: the palette is rounded."""
    return sum(n for colour, n in counts.items() if all(abs(a - b) <= 6 for a, b in zip(colour, ink, strict=True)))
