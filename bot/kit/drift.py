"""A drift verdict reads the same from every monitor: its name, its words, and the model that a request names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.alert import Direction, Drift, DriftKind, FeatureDrift
from bot.ports.systems import Delivery

NAMES: Mapping[DriftKind, str] = {
    DriftKind.DATA: "DataDrift",
    DriftKind.PREDICTION: "PredictionDrift",
    DriftKind.CONCEPT: "ConceptDrift",
}
"""What an alert about this kind of drift is called; runbooks and routing rules match it."""

FEATURES_NAMED = 5


@dataclass(frozen=True, slots=True)
class About:
    """What a verdict is about, as far as is known; an empty text is not known."""

    model: str = ""
    version: str = ""
    environment: str = ""

    def or_else(self, other: "About") -> "About":
        """Fill what is not known from another."""
        return About(self.model or other.model, self.version or other.version, self.environment or other.environment)

    @property
    def labels(self) -> dict[str, str]:
        """The labels by which the model is recognized."""
        named = {"model_name": self.model, "model_version": self.version, "environment": self.environment}
        return {name: text for name, text in named.items() if text}


def about(delivery: Delivery) -> About:
    """What the request says: `?model=&version=&environment=`, or `X-Model-Name`, `X-Model-Version`, `X-Environment`."""
    query, headers = delivery.query, delivery.headers
    return About(
        query.get("model", "").strip() or headers.get("x-model-name", "").strip(),
        query.get("version", "").strip() or headers.get("x-model-version", "").strip(),
        query.get("environment", "").strip() or headers.get("x-environment", "").strip(),
    )


def beyond(score: float, threshold: float, direction: Direction) -> bool:
    """Whether a score is on the bad side; a score on the threshold is."""
    return score >= threshold if direction is Direction.ABOVE else score <= threshold


def worst(scores: Sequence[float], direction: Direction) -> float | None:
    """The score that is farthest on the bad side."""
    if not scores:
        return None
    return max(scores) if direction is Direction.ABOVE else min(scores)


def in_words(drift: Drift, about_what: About) -> str:
    """One sentence: `data drift of fraud-detector v3: psi 0.42 (limit 0.2); amount, country drifted`."""
    version = f" v{about_what.version.removeprefix('v')}" if about_what.version else ""
    text = f"{drift.kind.value} of {about_what.model or 'an unnamed model'}{version}"
    if drift.score is not None:
        text += f": {drift.method} {drift.score:.3g}"
        if drift.threshold is not None:
            text += f" (limit {drift.threshold:.3g})"
    moved = [feature.feature for feature in drift.features if feature.drifted]
    return text + (f"; {_list(moved)} drifted" if moved else "")


def only_drifted(features: Sequence[FeatureDrift]) -> str:
    """The name of the feature that drifted, if exactly one did."""
    moved = [feature.feature for feature in features if feature.drifted]
    return moved[0] if len(moved) == 1 else ""


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:FEATURES_NAMED])
    return shown + (f" and {len(names) - FEATURES_NAMED} more" if len(names) > FEATURES_NAMED else "")
