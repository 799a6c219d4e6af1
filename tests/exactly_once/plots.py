"""What trials are about: who asks for what, and what must be true outside and on the timeline at its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.operation import OperationState
from bot.domain.timeline import Kind
from tests.exactly_once.world import ALIAS, MIRROR, MODEL, WRITES

TARGET = "2"
REQUEST = f"rollback {MODEL} --to {TARGET}"
ASKS, APPROVES = "mika", "devi"
"""Responsible and Accountable for deployments."""
TRAINS, ANSWERS = "dana", "mika"
"""Responsible and Accountable for trainings."""

Effects = tuple[tuple[str, str, str], ...]
"""(call, what was there before, what is there after)."""
_CALLED = (Kind.INTENDED, Kind.CHANGED)
"""One irreversible call: written down, made, and told."""


@dataclass(frozen=True)
class Plot:
    """`request` is asked for by `asks` and approved by `approves`; the rest is what becomes of it."""

    request: str
    effects: Effects
    """Every effect outside, in its order."""
    story: tuple[Kind, ...]
    """What the timeline tells between the approval and the end."""
    said: str
    """How the outcome begins."""
    asks: str = ASKS
    approves: str = APPROVES
    told: bool = False
    """Whether the serving side must be told; else it follows the alias."""
    state: OperationState = OperationState.SUCCEEDED
    start: Mapping[str, object] = field(default_factory=dict)
    """How the world is at first, where it isn't as usual."""
    counted: tuple[str, ...] = WRITES
    """Writes that are effects of their own each time, also when nothing may be repeated (else all but a run's start)."""
    after: str = ""
    """The plot that has come to its end before, in the same database."""
    fires: bool = False
    """Whether an alert fires for which it is done."""
    watched: str = ""
    """What happens as soon as it is watched: `worse`, `over`; nothing: the time of the watch runs out."""
    undoes: bool = False
    """Whether a policy takes back what got worse."""
    mirrored: bool = False
    """Whether a further alias follows the one that serving reads."""

    @property
    def trains(self) -> bool:
        """Whether the model has a pipeline."""
        return self.approves == ANSWERS


_ROLLED_BACK: Effects = (("move", "3", TARGET),)
_MOVED_BACK: Effects = (("move", TARGET, "3"),)
_TOLD: Effects = (*_ROLLED_BACK, ("serve", "3", TARGET))
_CONFIRMED = f"Serving confirmed: version {TARGET} answers."
_SHARED: Effects = (("shift", "2: 0", "2: 20"),)
_SHIFT = f"shift {MODEL} 20 --to 2"

PLOTS: Mapping[str, Plot] = {
    "rollback": Plot(REQUEST, _ROLLED_BACK, (*_CALLED, Kind.VERIFIED, Kind.SUCCEEDED), _CONFIRMED),
    "rollback, told": Plot(
        REQUEST, _TOLD, (*_CALLED, Kind.INTENDED, Kind.VERIFIED, Kind.SUCCEEDED), _CONFIRMED, told=True
    ),
    "mirrored": Plot(
        REQUEST, (*_ROLLED_BACK, *_ROLLED_BACK), (*_CALLED, *_CALLED, Kind.VERIFIED, Kind.SUCCEEDED), _CONFIRMED,
        mirrored=True, start={"aliases": {ALIAS: "3", MIRROR: "3"}},
    ),
    "mirrored, told": Plot(
        REQUEST, (*_TOLD, *_ROLLED_BACK), (*_CALLED, Kind.INTENDED, *_CALLED, Kind.VERIFIED, Kind.SUCCEEDED),
        _CONFIRMED, told=True, mirrored=True, start={"aliases": {ALIAS: "3", MIRROR: "3"}},
    ),
    "mirrored, worse": Plot(
        REQUEST, (*_ROLLED_BACK, *_ROLLED_BACK, *_MOVED_BACK, *_MOVED_BACK),
        (*_CALLED, *_CALLED, Kind.VERIFIED, Kind.CHANGED, *_CALLED, *_CALLED, Kind.VERIFIED, Kind.UNDONE),
        "It got worse, so it was undone: version 3 answers again.", state=OperationState.UNDONE, fires=True,
        watched="worse", undoes=True, mirrored=True, start={"aliases": {ALIAS: "3", MIRROR: "3"}},
    ),
    "training": Plot(
        f"retrain {MODEL}", (("start", "0", "1"), ("move", "", "4")),
        (*_CALLED, Kind.VERIFIED, *_CALLED, Kind.SUCCEEDED), "Version 4 is the challenger",
        asks=TRAINS, approves=ANSWERS, counted=("start",),
    ),
    "shift": Plot(_SHIFT, _SHARED, (*_CALLED, Kind.SUCCEEDED), "Done: version 2 0 % → 20 %. Nothing got worse within"),
    "pause": Plot(
        f"pause {MODEL}", (("switch", "on", "off"),), (*_CALLED, Kind.SUCCEEDED),
        "The schedule of retrain_fraud is off.", asks=TRAINS, approves=ANSWERS,
    ),
    "resume": Plot(
        f"resume {MODEL}", (("switch", "off", "on"),), (*_CALLED, Kind.SUCCEEDED),
        "The schedule of retrain_fraud is on.", asks=TRAINS, approves=ANSWERS, start={"paused": True},
    ),
    "undo": Plot(
        "undo OP-1", (("move", TARGET, "3"), ("serve", TARGET, "3")),
        (*_CALLED, Kind.INTENDED, Kind.VERIFIED, Kind.SUCCEEDED), "Serving confirmed: version 3 answers.",
        told=True, start={"aliases": {ALIAS: TARGET}, "served": TARGET}, after="rollback, told",
    ),
    "watch, over": Plot(
        REQUEST, _ROLLED_BACK, (*_CALLED, Kind.VERIFIED, Kind.SUCCEEDED), f"{_CONFIRMED} Recovered",
        fires=True, watched="over",
    ),
    "watch, worse": Plot(
        REQUEST, (*_TOLD, ("move", TARGET, "3"), ("serve", TARGET, "3")),
        (*_CALLED, Kind.INTENDED, Kind.VERIFIED, Kind.CHANGED, *_CALLED, Kind.INTENDED, Kind.VERIFIED, Kind.UNDONE),
        "It got worse, so it was undone: version 3 answers again.",
        told=True, state=OperationState.UNDONE, fires=True, watched="worse", undoes=True,
    ),
    "shift, worse": Plot(
        _SHIFT, (*_SHARED, ("shift", "2: 20", "2: 0")), (*_CALLED, Kind.CHANGED, Kind.INTENDED, Kind.UNDONE),
        "It got worse, so it was undone", state=OperationState.UNDONE, fires=True, watched="worse", undoes=True,
    ),
}  # fmt: skip
