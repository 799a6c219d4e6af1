"""Durable work on DBOS Transact: everything that knows it lives here."""
