"""Verification of an exported file: needs no configuration, no database, no network."""

from pathlib import Path

from bot.domain.errors import BadInput
from bot.usecases.export import LIMIT, verify_bytes
from bot.usecases.reply import Reply, Tone, say


def is_file(word: str) -> bool:
    """Whether the word means a file: it looks like a path, or exists (also where nobody may look)."""
    if "/" in word or Path(word).suffix in {".md", ".html", ".json", ".csv"}:
        return True
    try:
        return Path(word).exists()
    except OSError:
        return True


def verify_file(path: Path) -> Reply:
    """Whether an export is as it was written; the first broken entry is named. Raises BadInput for no file."""
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)  # no more, whatever the file says of its size: it may be a pipe or a device
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", not_done="Nothing was verified.") from error
    found = verify_bytes(path.name, data)
    if found.intact:
        return say(f"intact: INC-{found.incident}, {found.entries} entries", found.what, tone=Tone.DONE)
    return say(f"BROKEN: {found.what}", tone=Tone.REFUSED)
