"""A database with the newest schema and nothing in it, migrated once a session and copied from then on."""

import functools
import tempfile
from pathlib import Path

from bot.store import database
from bot.store.migrate import migrate


@functools.cache
def _blank() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "blank.db"
        migrate(database.parse(f"sqlite:///{path}"))
        return path.read_bytes()


def lay_out(path: Path) -> str:
    """Put a blank database there, unless there is one; gives its address."""
    if not path.exists():
        path.write_bytes(_blank())
    return f"sqlite:///{path}"
