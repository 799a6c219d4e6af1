"""The bearer token that the program makes for itself on loopback, and keeps in a file."""

import logging
import os
import secrets
from pathlib import Path

from bot.domain.errors import BadInput

_log = logging.getLogger(__name__)


def kept(path: Path) -> str:
    """The token in the file; made when there is none, or only an empty file. Raises BadInput for an unusable file."""
    try:
        return _read(path) or _make(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadInput(
            f"The bearer token can't be kept in {path.resolve()}: {reason}.",
            not_done="The bot was not started.",
            next_step="Set MLOPS_BOT_WEB__TOKEN, or start it in a folder in which it may write.",
        ) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _make(path: Path) -> str:
    """Written beside its name and moved there, so that a half-written one never bears the name."""
    token = secrets.token_urlsafe(32)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(token + "\n")
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
    _log.warning("a bearer token for /alerts and /api was made: it is in %s", path.resolve())
    return token
