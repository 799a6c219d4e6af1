"""`python -m sandbox`: a Slack workspace on this machine, live or recorded."""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from sandbox.api import Which
from sandbox.manifest import ManifestFault, app_of
from sandbox.recording import Recorder, RecordingFault, Replay, read
from sandbox.recording import site as replay_site
from sandbox.server import Server, address_of, bound
from sandbox.workspace import App
from sandbox.workspace.seed import APP
from sandbox.world import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        app = _app(given)
        replay = Replay(read(given.replay)) if given.replay else None
    except (OSError, ManifestFault, RecordingFault) as error:
        return _fault(f"The sandbox did not start: {error}")
    try:
        listener = bound(given.host, given.port)
    except OSError as error:
        reason = error.strerror or str(error)
        return _fault(
            f"The sandbox did not start: {given.host}:{given.port} can't be listened on ({reason}). "
            "Stop what listens there, or choose another --port."
        )
    try:
        asyncio.run(_show(replay, listener, given.host) if replay else _serve(app, given, listener))
    except OSError as error:
        listener.close()
        return _fault(f"The sandbox did not start: {given.record}: {_why(error)}")
    return 0


async def _serve(app: App, given: argparse.Namespace, listener: socket.socket) -> None:
    """A live workspace."""
    sandbox = Sandbox(app=app, app_url=given.app_url, limits=given.rate_limits)
    sandbox.workspace.address = address_of(listener, given.host)
    recorder = Recorder(sandbox.workspace, given.record) if given.record else None
    listener.listen()
    try:
        await _until_told(Server(sandbox), listener, f"The sandbox is at {sandbox.workspace.address}/")
    finally:
        if recorder is not None:
            recorder.close()


async def _show(replay: Replay, listener: socket.socket, host: str) -> None:
    """A recorded one."""
    replay.workspace.address = address_of(listener, host)
    sandbox = Sandbox(workspace=replay.workspace)
    if replay.recording.cut:
        print(f"The last line of {replay.recording.path} is cut off; what stands before it is shown.", file=sys.stderr)  # noqa: T201
    listener.listen()
    server = Server(sandbox, replay_site.build(sandbox, replay))
    said = f"The recording {replay.recording.path.name} ({len(replay)} steps) is at {replay.workspace.address}/"
    await _until_told(server, listener, said)
    replay.pause()


async def _until_told(server: Server, listener: socket.socket, said: str) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    print(said, flush=True)  # noqa: T201 - the one line of the program
    await server.serve([listener])


def _app(given: argparse.Namespace) -> App:
    app = app_of(given.manifest.read_text(encoding="utf-8"), APP) if given.manifest else APP
    if given.signing_secret_file:
        app = app.with_secret(given.signing_secret_file.read_text(encoding="utf-8").strip())
    return app


def _why(error: OSError) -> str:
    if isinstance(error, FileExistsError):
        return "is there already, and a recording is never written over. Choose another name."
    return error.strerror or str(error)


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
    recording = parser.add_mutually_exclusive_group()
    recording.add_argument("--record", type=Path, metavar="FILE", help="write down everything that happens")
    recording.add_argument("--replay", type=Path, metavar="FILE", help="show a recording; no app can connect")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
