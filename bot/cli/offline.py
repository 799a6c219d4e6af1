"""Verification of an exported file: needs no configuration, no database, no network."""

from pathlib import Path

from bot.domain.errors import BadInput
from bot.usecases.export import verify_bytes
from bot.usecases.reply import Reply, Tone, say

SIZE_LIMIT = 64 * 1024 * 1024


def is_file(word: str) -> bool:
    """Whether the word means a file: it exists, or looks like a path."""
    return Path(word).exists() or "/" in word or Path(word).suffix in {".md", ".html", ".json", ".csv"}


def verify_file(path: Path) -> Reply:
    """Whether an export is as it was written; the first broken entry is named. Raises BadInput for no file."""
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise BadInput(f"{path} is larger than {SIZE_LIMIT // 1024 // 1024} MB.", not_done="It was not read.")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", not_done="Nothing was verified.") from error
    found = verify_bytes(path.name, data)
    if found.intact:
        return say(f"intact: INC-{found.incident}, {found.entries} entries", found.what, tone=Tone.DONE)
    return say(f"BROKEN: {found.what}", tone=Tone.REFUSED)
