"""Runs a command and sees to it that it ends with whoever started it: `guard.py COMMAND …`.

Standard input is a pipe that its starter holds open. When that closes (the starter ended, however it did) or SIGTERM comes, the
whole process group gets SIGTERM and, after a grace, SIGKILL. The starter makes this process the leader of its group.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

GRACE = 5.0


def others(group, child):
    """Whether any process of the group is left, this one apart. Zombies don't count; their parent is about to look."""
    if not os.path.isdir("/proc/self"):
        return child.poll() is None
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError, ValueError):
                with open(f"/proc/{name}/stat") as file:
                    state, _, its_group = file.read().rpartition(")")[2].split()[:3]
                if int(its_group) == group and state != "Z":
                    return True
    return False


def end(child):
    group = os.getpgrp()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(group, signal.SIGTERM)
    until = time.monotonic() + GRACE
    while time.monotonic() < until:
        child.poll()
        if not others(group, child):
            return
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)


def main(command):
    wake, wakened = os.pipe()
    os.set_blocking(wakened, False)
    signal.set_wakeup_fd(wakened)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    while child.poll() is None:
        ready, _, _ = select.select([0, wake], [], [])
        if 0 in ready:
            break
        if any(number != signal.SIGCHLD for number in os.read(wake, 64)):
            break
    code = child.poll()
    end(child)
    sys.exit(code if code is not None and code >= 0 else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
