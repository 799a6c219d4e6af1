"""The schema's migrations, run by the program itself before anything else touches the database."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import URL

from bot.domain.errors import BotError
from bot.store import database

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x6D69677261  # "migra": replicas that start together migrate one after the other


def migrate(url: URL) -> None:
    """Bring the schema up to the newest revision. Raises BotError for a database of a newer program."""
    engine = database.migration_engine(url)
    try:
        with engine.begin() as connection:
            if not database.is_sqlite(url):
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            current = _current(connection)
            if current != newest():
                _upgrade(connection, current)
    finally:
        engine.dispose()


def newest() -> str:
    """The newest revision that this program knows: the files are named after them, in their order."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _upgrade(connection: sa.Connection, current: str | None) -> None:
    # Imported where it is needed: most starts have nothing to migrate, and it would stay in memory.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    _refuse_newer(current, config)
    command.upgrade(config, "head")


def _refuse_newer(current: str | None, config: "Config") -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise BotError(
            f"The database has the schema {current}, which this version of the bot doesn't know.",
            not_done="The bot was not started; the database was not touched.",
            next_step="Run the version that wrote it, or a newer one.",
        )
