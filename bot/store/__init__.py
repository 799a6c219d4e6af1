"""The one truth: SQLModel tables, mapped to domain values; decisions run on one writer, committed in groups."""
