"""The schema's migrations, run by the program itself before anything else touches the database."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL

from bot.domain.errors import BotError
from bot.store import database

_LOCK = 0x6D69677261  # "migra": replicas that start together migrate one after the other


def migrate(url: URL) -> None:
    """Bring the schema up to the newest revision. Raises BotError for a database of a newer program."""
    engine = database.migration_engine(url)
    try:
        with engine.begin() as connection:
            if not database.is_sqlite(url):
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config = _config(connection)
            _refuse_newer(connection, config)
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _refuse_newer(connection: sa.Connection, config: Config) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise BotError(
            f"The database has the schema {current}, which this version of the bot doesn't know.",
            not_done="The bot was not started; the database was not touched.",
            next_step="Run the version that wrote it, or a newer one.",
        )
