"""Every block type on one page: for the eye, and for tests."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from sandbox.page.blocks import render
from sandbox.page.html import el, pretty
from sandbox.page.messages import message_html
from sandbox.page.sheet import Names, Sheet, Surface
from sandbox.page.shell import document, layers

NAMES = Names(
    users={"U0MLENG01": "Mika Laine", "U0DEVOPS1": "Devi Rao", "U0MLOPSBOT": "MLOps bot"},
    channels={"C0INCIDENT": "ml-incidents", "C0PLATFORM": "ml-platform"},
    groups={"S0ONCALL": "ml-oncall"},
    bots=frozenset({"U0MLOPSBOT"}),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Something to look at."""

    title: str
    surface: Surface
    blocks: tuple[Any, ...]
    message: Any = None
    """A whole message instead of blocks."""


def samples() -> tuple[Sample, ...]:
    """What the gallery shows."""
    text = files("sandbox.page").joinpath("gallery.json").read_text(encoding="utf-8")
    return tuple(
        Sample(one["title"], one.get("surface", "message"), tuple(one.get("blocks", ())), one.get("message"))
        for one in json.loads(text)
    )


def gallery_html() -> Markup:
    """The page."""
    shown = [_sample(sample, place) for place, sample in enumerate(samples())]
    main = el("main", el("h1", "Every block"), shown, class_="gallery", id="main")
    return document("Every block", main, layers())


def _sample(sample: Sample, place: int) -> Markup:
    sheet = Sheet(NAMES, "U0MLENG01", f"g{place}", sample.surface)
    if sample.message is not None:
        drawn = el("ol", message_html(sample.message, sheet, "C0INCIDENT"))
    else:
        drawn = el("div", render(sample.blocks, sheet), class_="content")
    source = el("details", el("summary", "JSON"), el("pre", pretty(sample.message or sample.blocks)))
    return el("section", el("h2", sample.title), drawn, source, id=f"sample-{place}")
