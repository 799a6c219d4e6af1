"""What a deployment controller does: keeps the version answering that MLflow's alias `champion` points at.

`follow_champion.py MLFLOW_URL MODEL PORT STORE`, run by BentoML's own Python. The new version is started beside the old one on a port of
its own; when it is ready new connections on PORT go to it, and the old one is asked to finish what it has and end: callers never meet
a closed door. (Who keeps a connection open sees it closed, as by any load balancer, and connects again.) A version that doesn't start changes nothing: the old one keeps answering. A registry that doesn't answer changes nothing
either: until it does, the version that served last is served again, also after a restart of this controller.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import build_bentos

POLL = 0.5
START_WITHIN = 60.0
TRY_AGAIN_AFTER = 10.0


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def ask(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read()


class Backend:
    """One running bento."""

    def __init__(self, version, store):
        self.version = version
        self.process = None
        # A home of its own with the shared bentos in it: a starting bento empties the metrics of its home.
        self.home = tempfile.mkdtemp(prefix=f"v{version}-", dir=store)
        Path(self.home, "bentos").symlink_to(Path(store, "bentos").resolve())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    async def start(self):
        env = {**os.environ, "BENTOML_HOME": self.home, "BENTOML_DO_NOT_TRACK": "True"}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bentoml", "serve", f"{build_bentos.BENTO}:v{self.version}",
            "--host", "127.0.0.1", "--port", str(self.port), env=env,
        )  # fmt: skip
        until = time.monotonic() + START_WITHIN
        while not await self.answers():
            if self.process.returncode is not None or time.monotonic() > until:
                raise OSError(f"v{self.version} did not start")
            await asyncio.sleep(0.1)

    async def answers(self):
        """Ready, and really the version that was asked for."""
        try:
            await asyncio.to_thread(ask, f"http://127.0.0.1:{self.port}/readyz")
            about = json.loads(await asyncio.to_thread(ask, f"http://127.0.0.1:{self.port}/docs.json"))
        except (OSError, ValueError):
            return False
        return about["info"]["version"] == f"v{self.version}"

    async def stop(self):
        """Lets it finish the requests it has; it closes its idle connections itself."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 5)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


class Door:
    """The fixed port: passes connections on to whichever backend is the present one."""

    def __init__(self, port):
        self.backend = None
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))  # ours from the start; it refuses connections until it listens

    async def open(self):
        self.server = await asyncio.start_server(self.connection, sock=self.socket)

    async def connection(self, reader, writer):
        try:
            there, away = await asyncio.open_connection("127.0.0.1", self.backend.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self.pump(reader, away), self.pump(there, writer))

    async def pump(self, source, target):
        try:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.close()


class Controller:
    def __init__(self, url, model, port, store):
        self.url, self.model, self.port, self.store = url, model, port, store
        for left_behind in Path(store).glob("v*-*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        self.door = Door(int(port))
        self.backends = []
        self.lost = False
        self.failed = {}

    async def follow(self):
        while True:
            wanted = await self.champion()
            if wanted is not None and self.is_new(wanted) and time.monotonic() >= self.failed.get(wanted, 0):
                await self.roll_out(wanted)
            await asyncio.sleep(POLL)

    def is_new(self, version):
        return self.door.backend is None or version != self.door.backend.version

    async def champion(self):
        try:
            wanted = await asyncio.to_thread(build_bentos.champion, self.url, self.model)
        except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
            if not self.lost:
                say(f"the alias can't be read ({error}); nothing is changed until it can")
            self.lost = True
            return None if self.door.backend else self.last_served()
        self.lost = False
        return wanted

    def last_served(self):
        try:
            return Path(self.store, build_bentos.LAST).read_text()
        except FileNotFoundError:
            return None

    async def roll_out(self, version):
        began = time.monotonic()
        old = self.door.backend
        new = Backend(version, self.store)
        self.backends.append(new)
        try:
            await self.have_bento(version)
            await new.start()
        except OSError as error:
            keeps = f"v{old.version} keeps answering" if old else "nothing answers yet"
            await self.end(new)
            say(f"champion is v{version}, but {error}; {keeps}; next try in {TRY_AGAIN_AFTER:.0f} s")
            self.failed[version] = time.monotonic() + TRY_AGAIN_AFTER
            return
        self.door.backend = new
        if old is None:
            await self.door.open()
        build_bentos.remember(self.store, version)
        say(f"{self.model} v{version} answers on port {self.port}, {time.monotonic() - began:.1f} s after it was asked for")
        if old is not None:
            await self.end(old)

    async def end(self, backend):
        await backend.stop()
        self.backends.remove(backend)

    async def have_bento(self, version):
        if not Path(self.store, "bentos", build_bentos.BENTO, f"v{version}").exists():
            builder = await asyncio.create_subprocess_exec(
                sys.executable, build_bentos.__file__, self.url, self.model,
                env={**os.environ, "BENTOML_HOME": self.store},
            )  # fmt: skip
            if await builder.wait() != 0:
                raise OSError("its bento could not be built")


async def main(url, model, port, store):
    controller = Controller(url, model, port, store)
    work = asyncio.create_task(controller.follow())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        say("stopping")
    finally:
        await asyncio.gather(*(backend.stop() for backend in controller.backends))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
