"""The durable engine on SQLite and on PostgreSQL. DBOS is one per process, so it runs in children."""

from tests.servers.postgres import postgres, postgres_url
from tests.store.conftest import clock, migrated_postgres, migrated_sqlite, other_store, store, url

__all__ = ["clock", "migrated_postgres", "migrated_sqlite", "other_store", "postgres", "postgres_url", "store", "url"]
