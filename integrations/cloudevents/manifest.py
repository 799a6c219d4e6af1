"""What CloudEvents can do for the bot and what the bot must know about them."""

from pydantic import Field

from bot.kit.signatures import SenderSettings
from bot.ports.manifest import Capability, Level, Manifest


class Settings(SenderSettings):
    """All optional: without any, deliveries are taken with the program's own token."""

    alibi_types: tuple[str, ...] = Field(
        default=("io.seldon.serving.inference.drift",),
        title="Event types with an alibi-detect verdict",
        description="The `ce-type` that Seldon's detector servers are started with (`--event_type`), one or several.",
    )


MANIFEST = Manifest(
    slug="cloudevents",
    name="CloudEvents (drift verdicts)",
    homepage="https://cloudevents.io",
    capabilities=frozenset({Capability.ALERT_SOURCE}),
    settings=Settings,
    level=Level.BRONZE,
    cannot=(
        "A verdict that never arrives is not missed: nothing can be asked.",
        "A verdict says when it was made, not since when it holds; the problem begins with the first verdict.",
    ),
    keyless=True,
)
