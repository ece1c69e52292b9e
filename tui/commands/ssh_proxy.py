"""`envtui ssh-proxy`: for `ProxyCommand` of SSH clients; its streams are those of a container's sshd."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tui.commands.ending import EndedBySignal, EndingSignals
from tui.commands.options import load_settings, open_workstation
from tui.model.errors import EnvtuiError, ReadOnlyRefusal, UsageError

if TYPE_CHECKING:
    import argparse

    from tui.backends.base import DoorStream

# As many bytes as a pipe holds (pipe(7)).
_BLOCK_BYTES = 64 << 10
# The thread that reads our input is told to end, and only hands on what it has.
_JOIN_SECONDS = 2.0


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Hand on both directions until one of them ends. Raises an EnvtuiError."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        raise UsageError("Nothing for people", "ssh starts this by itself", "Try: envtui ssh CONTAINER")
    settings = load_settings(options, environ)
    if settings.read_only:
        raise ReadOnlyRefusal("Read-only", "whoever is in a container can change anything")
    workstation = open_workstation(options, settings, environ)
    if workstation.doors is None:
        raise EnvtuiError("No way in over SSH", "this host offers none")
    try:
        # ssh ends its proxy with a SIGHUP
        with EndingSignals() as signals:
            stream = workstation.doors.connect(options.container, options.user)
            try:
                _Pump(stream, 0, 1).run()
            finally:
                signals.hold_off()
                stream.close()
    except EndedBySignal as ended:
        return ended.exit_code
    return 0


class _Pump:
    """Hands on what comes from two sides until one of them ends."""

    def __init__(self, stream: DoorStream, fd_in: int, fd_out: int) -> None:
        """Args: stream to the far side; our input and output."""
        self._stream = stream
        self._fd_in, self._fd_out = fd_in, fd_out
        self._is_over = False
        self._error: Exception | None = None

    def run(self) -> None:
        """Until one side ends. Raises an OSError or EnvtuiError where the far side did not just end."""
        wake_read, wake_write = os.pipe()
        sender = threading.Thread(target=self._send, args=(wake_read,), name="ssh-proxy-input", daemon=True)
        sender.start()
        try:
            self._receive()
        finally:
            self._is_over = True
            self._stream.close()
            os.close(wake_write)
            sender.join(_JOIN_SECONDS)
            if not sender.is_alive():
                os.close(wake_read)
        if self._error is not None:
            raise self._error

    def _receive(self) -> None:
        try:
            while data := self._stream.recv(_BLOCK_BYTES):
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(self._fd_out, rest) :]
        except (OSError, EnvtuiError) as error:
            # that our input ended is no failure of the stream
            if not self._is_over:
                self._error = error

    def _send(self, wake: int) -> None:
        """The thread for our input."""
        poll = select.poll()
        poll.register(self._fd_in, select.POLLIN)
        poll.register(wake, select.POLLIN)
        try:
            while wake not in {descriptor for descriptor, _ in poll.poll()}:
                data = os.read(self._fd_in, _BLOCK_BYTES)
                if not data:
                    break
                self._stream.sendall(data)
        except (OSError, EnvtuiError) as error:
            if not self._is_over:
                self._error = error
        # whoever waits for the far side need not wait any more
        self._is_over = True
        self._stream.close()
