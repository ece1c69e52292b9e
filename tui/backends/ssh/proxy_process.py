"""A ProxyCommand: its program behind a socket, whose end is noticed at once and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
from collections import deque

from tui.model.errors import SshUnreachable
from tui.model.printable import printable

# What a program says before it fails fits into a few lines.
_LINES_KEPT = 20
# How soon it is noticed that nobody wants to hear any more.
_LOOK_SECONDS = 0.2
# A program that was told to end and does not is killed.
_ENDING_SECONDS = 2.0


class ProxyProcess:
    """The program and the socket that leads to it.

    paramiko's own ProxyCommand waits in a busy loop for ever once its program is dead (#1277, #1713): a
    socket pair tells of the end like any other connection.
    """

    def __init__(self, command: str) -> None:
        """Args: a line for the shell. Raises SshUnreachable where there is no shell."""
        self.sock, theirs = socket.socketpair()
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        try:
            # a session of its own: our ctrl+c is not meant for it, and the group can be ended as one
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self.sock.close()
            raise SshUnreachable("ProxyCommand can't be run", str(error)) from error
        finally:
            theirs.close()
        self._stopping = threading.Event()
        self._reader = threading.Thread(target=self._watch, name="ssh-proxy", daemon=True)
        self._reader.start()

    @property
    def words(self) -> str:
        """The last thing that it said, printable; "" for nothing."""
        self._reader.join(0.2 if self._process.poll() is not None else 0.0)
        return printable(self._lines[-1]) if self._lines else ""

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End it, and whatever it started."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self.sock.close()
        # what it left in the background may hold its error output open for ever
        self._stopping.set()
        self._reader.join(_ENDING_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        # the group outlives its leader as long as somebody is in it
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _watch(self) -> None:
        """Read what it says, and wait for it: a program that ended and nobody waits for is a zombie."""
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            rest = b""
            while not self._stopping.is_set():
                if not select.select([stream], [], [], _LOOK_SECONDS)[0]:
                    continue
                block = os.read(stream.fileno(), 4096)
                *lines, rest = (rest + block).split(b"\n") if block else (rest, b"")
                self._lines.extend(filter(None, (line.decode(errors="replace").strip() for line in lines)))
                if not block:
                    break
        self._process.wait()
