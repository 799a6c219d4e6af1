"""What a database's errors mean: whose they are, and what a caller may be told. Never a password, never a statement."""

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.domain.errors import BotError

_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})
"""SQLSTATE classes that are about the server or the whole transaction, not about one statement."""
_SQLITE_ERROR = 1
"""SQLite's code for a faulty statement; its other codes of this kind are about the file."""


def of_the_database(error: DBAPIError) -> bool:
    """Whether everything of the transaction is lost, not only what one decision did."""
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state)[:2] in _CLASSES
    code = getattr(error.orig, "sqlite_errorcode", None)
    return isinstance(error, OperationalError) and code != _SQLITE_ERROR


def unusable(url: sa.URL, error: DBAPIError) -> BotError:
    """The database can't be opened."""
    where = url.set(query={}).render_as_string(hide_password=True)
    return BotError(
        f"The database {where} can't be opened: {_said(error)}",
        not_done="The bot was not started.",
        next_step="Check MLOPS_BOT_DATABASE__URL, that the server runs, and that the bot may write there.",
    )


def unread(error: DBAPIError) -> BotError:
    """A look that failed."""
    return BotError(
        f"The database did not answer: {_said(error)}", not_done="Nothing was read.", next_step="Try again shortly."
    )


def unwritten(error: DBAPIError) -> BotError:
    """A decision that was not kept."""
    return BotError(
        f"The database did not take it: {_said(error)}",
        not_done="Nothing was written.",
        next_step="Try again shortly; if it stays so, look at the bot's log.",
    )


def unsure(error: DBAPIError) -> BotError:
    """The connection was lost in the commit."""
    return BotError(
        f"The database broke off while it was told to keep a change: {_said(error)}",
        not_done="Whether the change was kept is not known; it was not repeated.",
        next_step="Look before you do it again.",
    )


def _said(error: DBAPIError) -> str:
    """The first line. PostgreSQL's further ones repeat what was to be stored."""
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return lines[0][:200]
