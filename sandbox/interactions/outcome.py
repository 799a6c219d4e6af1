"""What came of something that a person did, and why it may not have been possible at all."""

from dataclasses import dataclass

from sandbox.workspace.values import Json


class Impossible(Exception):
    """A person can't do this here: `word` for programs, the sentence for people."""

    def __init__(self, word: str, what: str) -> None:
        super().__init__(what)
        self.word = word
        self.what = what


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the app took it."""

    interaction: str
    acknowledged: bool
    ms: float
    ack: Json | None = None
    """What the app put into its acknowledgement."""
    error: str | None = None
    """What the person would see, if it went wrong."""
    ts: str = ""
    """The message that was said, if one was."""

    def json(self) -> Json:
        """For the control API."""
        said: Json = {"ts": self.ts} if self.ts else {}
        return said | {
            "ok": True,
            "interaction": self.interaction,
            "acknowledged": self.acknowledged,
            "ack": self.ack,
            "ms": round(self.ms, 3),
            "error": self.error,
        }
