"""`python -m sandbox`: a Slack workspace on this machine."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from sandbox.api import Which
from sandbox.manifest import ManifestFault, app_of
from sandbox.server import Server, address_of, bound
from sandbox.workspace.seed import APP
from sandbox.world import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        app = app_of(given.manifest.read_text(encoding="utf-8"), APP) if given.manifest else APP
        if given.signing_secret_file:
            secret = given.signing_secret_file.read_text(encoding="utf-8").strip()
            app = app.with_secret(secret)
    except (OSError, ManifestFault) as error:
        return _fault(f"The sandbox did not start: {error}")
    try:
        listener = bound(given.host, given.port)
    except OSError as error:
        reason = error.strerror or str(error)
        return _fault(
            f"The sandbox did not start: {given.host}:{given.port} can't be listened on ({reason}). "
            "Stop what listens there, or choose another --port."
        )
    listener.listen()

    async def serve() -> None:
        sandbox = Sandbox(app=app, app_url=given.app_url, limits=given.rate_limits)
        sandbox.workspace.address = address_of(listener, given.host)
        server = Server(sandbox)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        print(f"The sandbox is at {sandbox.workspace.address}/", flush=True)  # noqa: T201 - the one line of the program
        await server.serve([listener])

    asyncio.run(serve())
    return 0


def _fault(text: str) -> int:
    print(text, file=sys.stderr)  # noqa: T201
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A Slack workspace on this machine.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--app-url", help="HTTP mode: where the app takes events, commands and interactions")
    parser.add_argument("--signing-secret-file", type=Path, help="what deliveries are signed with in HTTP mode")
    parser.add_argument(
        "--manifest", type=Path, help="the manifest (JSON) of another app: its scopes, events, commands"
    )
    parser.add_argument("--rate-limits", choices=get_args(Which), default="posts")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
