"""Exports and digests as commands: gathered here, rendered by `export` and `digest`."""

from bot.domain.errors import BadInput
from bot.domain.people import Person
from bot.domain.timeline import Draft, Kind
from bot.ports.clock import Clock
from bot.ports.store import Store, Transaction
from bot.usecases import digest as digests
from bot.usecases.export import Format, render
from bot.usecases.reply import Attachment, Paragraph, Reply, Tone
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems
from bot.usecases.views import timeline_view


async def export(store: Store, setup: Setup, clock: Clock, number: int, fmt: str, by: Person) -> Reply:
    """A timeline as a file. That it was exported stands on the timeline, after what is in the file."""
    wanted = format_of(fmt)
    view = await store.read(lambda tx: timeline_view(tx, setup, number))
    attachment = render(view, wanted, clock.now())

    def decide(tx: Transaction) -> None:
        text = f"{by.name} exported the timeline as {wanted.value} ({len(view.entries)} entries)."
        tx.timeline.append(number, Draft(Kind.EXPORTED, text, by.actor, tx.now))

    await store.write(decide)
    head = view.entries[-1].hash[:12] if view.entries else "none"
    check = Paragraph(
        f"Its last entry's hash begins {head}. Check the file: mlops-bot timeline verify {attachment.name}"
    )
    return Reply(f"Timeline of {view.incident.ref} as {wanted.value}", Tone.DONE, (attachment, check))


def format_of(word: str) -> Format:
    """The export format of this name. Raises BadInput."""
    try:
        return Format(word.strip().lower())
    except ValueError:
        raise BadInput(
            f"There is no export format “{word[:20]}”.",
            not_done="Nothing was exported.",
            next_step=f"There are: {', '.join(f.value for f in Format)}.",
        ) from None


async def digest(store: Store, setup: Setup, systems: Systems, clock: Clock, kind: str) -> Reply:
    """A digest, made now."""
    match kind:
        case "daily":
            now = clock.now()
            return await store.read(lambda tx: digests.daily(tx, setup, now=now))
        case "maturity":
            evidence = await digests.collect(systems, setup, store, clock)
            now = clock.now()
            return await store.read(lambda tx: digests.maturity(tx, setup, evidence, now=now))
        case _:
            raise BadInput(
                "Which digest?", not_done="Nothing was made.", next_step="Usage: /mlops digest daily|maturity"
            )


def attached(reply: Reply) -> Attachment | None:
    """The file in a reply, if there is one."""
    return next((part for part in reply.parts if isinstance(part, Attachment)), None)
