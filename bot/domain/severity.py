"""How bad it is for users: sev1 (worst) to sev4. A label of an alert is only evidence."""

from collections.abc import Mapping
from enum import StrEnum


class Severity(StrEnum):
    """A judgement about an incident; changed only by people after it was opened."""

    SEV1 = "sev1"
    SEV2 = "sev2"
    SEV3 = "sev3"
    SEV4 = "sev4"

    @property
    def meaning(self) -> str:
        """What the number means, in words for somebody who was just woken."""
        return _MEANING[self]

    @property
    def rank(self) -> int:
        """1 is the worst."""
        return int(self.value.removeprefix("sev"))

    def worse_than(self, other: "Severity") -> bool:
        """Whether this one is worse; sev1 is the worst."""
        return self.value < other.value


_MEANING: Mapping[Severity, str] = {
    Severity.SEV1: "users are hurt now",
    Severity.SEV2: "users will be hurt soon, or some are now",
    Severity.SEV3: "degraded, in working hours is soon enough",
    Severity.SEV4: "worth knowing",
}

# Words seen in public rules and vendors' payloads (alert labels `severity`, `priority`, `level`).
WORDS: Mapping[str, Severity] = {
    "critical": Severity.SEV1, "page": Severity.SEV1, "p1": Severity.SEV1, "sev1": Severity.SEV1,
    "emergency": Severity.SEV1, "fatal": Severity.SEV1, "disaster": Severity.SEV1,
    "high": Severity.SEV2, "p2": Severity.SEV2, "sev2": Severity.SEV2, "error": Severity.SEV2,
    "major": Severity.SEV2,
    "warning": Severity.SEV3, "warn": Severity.SEV3, "p3": Severity.SEV3, "sev3": Severity.SEV3,
    "medium": Severity.SEV3, "minor": Severity.SEV3,
    "info": Severity.SEV4, "none": Severity.SEV4, "low": Severity.SEV4, "p4": Severity.SEV4,
    "p5": Severity.SEV4, "sev4": Severity.SEV4, "debug": Severity.SEV4, "informational": Severity.SEV4,
}  # fmt: skip

UNKNOWN_WORD = Severity.SEV3
LABELS = ("severity", "priority", "level", "sev")


def from_labels(labels: Mapping[str, str], words: Mapping[str, Severity] = WORDS) -> tuple[Severity, str]:
    """The severity that an alert's labels speak for, and why (a sentence for the card)."""
    for name in LABELS:
        value = labels.get(name, "").strip()
        if value:
            found = words.get(value.lower())
            if found is not None:
                return found, f"label {name}={value}"
            return UNKNOWN_WORD, f"label {name}={value[:40]} is not in the severity map"
    return UNKNOWN_WORD, "the alert names no severity"
