"""the guardian itself: starts functions' processes, and ends them if the daemon is no more

Run as a program, with nothing but the standard library: so it stays small. That matters, because
what a start takes grows with the memory of who makes it; and here nobody else has to wait for it.
"""

import errno
import marshal
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

__all__ = ["MESSAGE_BYTES_MAX", "marked_processes"]

MESSAGE_BYTES_MAX = 256 * 1024  # more than a socket takes at once, unless it was given more room
DESCRIPTORS = 3  # of a process: what it reads, what it writes, its log
ROUNDS = 100  # a process may start another one while it is looked for
ROUND_S = 0.02
# It has ended; or it is another user's, which a program with the setuid bit becomes. One such must
# not be the end of the guardian, and of all the others with it.
OUT_OF_REACH = (ProcessLookupError, PermissionError)


def marked_processes(mark: bytes) -> list[int]:
    """The processes, but for ended ones and this, in whose environment `NAME=value` stands."""
    return [
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit() and int(name) != os.getpid() and _has(name, mark)
    ]


def _has(pid: str, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            return mark in environment.read().split(b"\0")
    except OSError:  # ended, or somebody else's
        return False


class _Guardian:
    """Does what the daemon asks for, and tells it what becomes of that.

        from the daemon
    start   number, command, cwd, environment, memory_mb, whether to tell the start;
            with three descriptors
    kill    number
        to the daemon
    started number, pid
    failed  number, errno, the path; or without an errno what is wrong with a text
    ended   number, returncode; and its group has ended with it
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._processes: dict[int, subprocess.Popen[bytes]] = {}  # by the daemon's number
        self._numbers: dict[int, int] = {}  # by pidfd
        self._poll = select.poll()

    def run(self) -> None:
        """Until the daemon is no more."""
        self._poll.register(self._control, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._numbers:
                    self._ended(descriptor)
                elif not self._asked():
                    return

    def _asked(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES_MAX, DESCRIPTORS)
        if not data:
            return False
        request = marshal.loads(data)
        if request[0] == "start":
            *process, tells_start = request[1:]
            self._start(descriptors, *process, tells_start=tells_start)
            for descriptor in descriptors:
                os.close(descriptor)
        elif (process := self._processes.get(request[1])) is not None:
            _kill_group(process.pid)
        return True

    def _start(
        self,
        descriptors: list[int],
        number: int,
        command: tuple[str, ...],
        cwd: str | None,
        environment: dict[str, str],
        memory_mb: int | None,
        *,
        tells_start: bool,
    ) -> None:
        if len(descriptors) < DESCRIPTORS:  # there was no room for them
            self._tell("failed", number, errno.EMFILE, "")
            return
        stdin, stdout, stderr = descriptors
        try:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd,
                env=environment,
                start_new_session=True,
            )
            pidfd = _pidfd(process)
        except OSError as error:
            self._tell("failed", number, error.errno, str(error.filename or ""))
            return
        except ValueError as error:
            self._tell("failed", number, 0, str(error))
            return
        _limit(process.pid, memory_mb)
        self._processes[number] = process
        self._numbers[pidfd] = number
        self._poll.register(pidfd, select.POLLIN)
        if tells_start:
            self._tell("started", number, process.pid)

    def _ended(self, pidfd: int) -> None:
        number = self._numbers.pop(pidfd)
        process = self._processes.pop(number)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        _kill_group(process.pid)  # before the leader is reaped, when its number is still its own
        self._tell("ended", number, process.wait())

    def _tell(self, *message: Any) -> None:
        self._control.send(marshal.dumps(message))


def _pidfd(process: subprocess.Popen[bytes]) -> int:
    """Raises: OSError; then the process is no more."""
    try:
        return os.pidfd_open(process.pid)
    except OSError:
        _kill_group(process.pid)
        process.wait()
        raise


def _kill_group(pid: int) -> None:
    with suppress(*OUT_OF_REACH):
        os.killpg(pid, signal.SIGKILL)


def _limit(pid: int, memory_mb: int | None) -> None:
    """No core dumps, and so much memory for data; less where the daemon is itself held to less."""
    with suppress(*OUT_OF_REACH):
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        if memory_mb is not None:
            _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            data_bytes = memory_mb * 1024 * 1024
            if hard != resource.RLIM_INFINITY:
                data_bytes = min(data_bytes, hard)
            resource.prlimit(pid, resource.RLIMIT_DATA, (data_bytes, data_bytes))


def _end_all(mark: bytes) -> None:
    for _ in range(ROUNDS):
        found = marked_processes(mark)
        if not found:
            return
        for pid in found:
            with suppress(*OUT_OF_REACH):
                os.kill(pid, signal.SIGKILL)
        time.sleep(ROUND_S)


def main() -> None:
    """`guardian_process.py DESCRIPTOR NAME=VALUE`: the socket, and the mark of the daemon's own."""
    control = socket.socket(fileno=int(sys.argv[1]))
    # Signals meant for the daemon's whole cgroup must not end the guardian before the daemon. They
    # are not ignored, because what is started would ignore them, too.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    with suppress(ConnectionError):
        _Guardian(control).run()
    _end_all(sys.argv[2].encode())


if __name__ == "__main__":
    main()
