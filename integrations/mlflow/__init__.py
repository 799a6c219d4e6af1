"""MLflow keeps model versions and names the live one by an alias, which the bot reads, moves, and reads back."""
