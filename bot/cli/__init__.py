"""The command `mlops-bot`: a thin shell around the program; every answer is a `Reply` or a line a machine can read."""

from bot.cli.main import main

__all__ = ["main"]
