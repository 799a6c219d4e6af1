"""The command `mlops-bot`: a thin shell around the program; every answer is a `Reply` or a line a machine can read."""

import sys

from bot.cli import serving
from bot.cli.process import saying_errors

__all__ = ["main"]


def main() -> None:
    """Serve, or do what another command says."""
    wanted = serving.plainly(sys.argv[1:])
    with saying_errors():
        if wanted is not None:
            serving.serve(wanted.config)
            return
        # Typer and Rich explain and draw for people. Nobody looks at a bot that serves, and they would stay with it.
        from bot.cli.main import cli  # noqa: PLC0415

        cli(prog_name="mlops-bot")
