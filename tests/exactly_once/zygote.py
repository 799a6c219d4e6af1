"""Begins replicas in a tenth of a second: it has imported everything once, and forks for each one that is asked for.

It has a single thread and nothing open, so that a fork is as good as a new process. Who connects to its socket gets a
replica of one's own at the other end of that connection.
"""

import asyncio
import gc
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import traceback

from tests.exactly_once.plots import ASKS, REQUEST
from tests.exactly_once.replica import Replica, Spec, run
from tests.servers.child import say
from tests.usecases.world import PEOPLE

NOWHERE = "http://127.0.0.1:9"


def main(path: str) -> None:
    """Until standard input ends: then the test is gone, and its replicas end by themselves."""
    asyncio.run(_rehearse())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody is waited for
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        assert threading.active_count() == 1, "a fork takes only its own thread along"
        gc.freeze()  # what all have in common is looked through by none, and so stays shared
        say("ready")
        while sys.stdin not in (ready := select.select([listening, sys.stdin], [], [])[0]):
            assert ready
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _replica(connection)
            connection.close()


async def _rehearse() -> None:
    """What is imported or made ready at its first use only is so for all who come after, and is looked for by none."""
    with tempfile.TemporaryDirectory() as folder:
        replica = Replica(Spec(f"sqlite:///{folder}/rehearsal.db", NOWHERE))
        await replica.start()
        await replica.desk.command(REQUEST, next(person for person in PEOPLE if person.id == ASKS))
        await replica.stop()


def _replica(connection: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 1
    try:
        run(connection)
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not come back to the zygote's loop
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
