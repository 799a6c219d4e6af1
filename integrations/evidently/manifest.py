"""What Evidently can do for the bot and what the bot must know about it."""

from enum import StrEnum

from pydantic import Field

from bot.kit.signatures import SenderSettings
from bot.ports.manifest import Capability, Level, Manifest


class FireOn(StrEnum):
    """Whose verdict decides: the two may disagree."""

    ANY_COLUMN = "any column"
    DATASET = "dataset"


class Settings(SenderSettings):
    """All optional: without any, deliveries are taken with the program's own token."""

    fire_on: FireOn = Field(
        default=FireOn.ANY_COLUMN,
        title="What counts as drift",
        description="`any column`: one drifted column is enough; where the share of drifted columns stays below its "
        "limit the alert says `severity: info`. `dataset`: only that share decides, when the report holds it.",
    )
    prediction_columns: tuple[str, ...] = Field(
        default=("prediction",),
        title="Columns that hold predictions",
        description="When nothing but these drifts, it is prediction drift and not data drift.",
    )


MANIFEST = Manifest(
    slug="evidently",
    name="Evidently",
    homepage="https://www.evidentlyai.com",
    capabilities=frozenset({Capability.ALERT_SOURCE}),
    settings=Settings,
    level=Level.BRONZE,
    cannot=(
        "The open-source Evidently sends nothing by itself; a report that its job does not post is not missed.",
        "A report names no model: the request must.",
        "A report says what drifted, not since when; the problem begins with the first report.",
    ),
    keyless=True,
)
