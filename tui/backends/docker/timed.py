"""Answers that must come before a deadline, each byte of them, and that can be called off meanwhile."""

from __future__ import annotations

import functools
import http.client
import io
import select
import socket
import ssl
from typing import Any

from tui.backends.deadline import Deadline


def timed_response(deadline: Deadline) -> Any:
    """The class of responses for a connection whose answers have a deadline, each byte of them."""
    return functools.partial(_TimedResponse, deadline)


class _TimedResponse(http.client.HTTPResponse):
    """An answer of which each byte, of its head too, must come before the deadline."""

    def __init__(self, deadline: Deadline, connected: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(connected, *args, **more)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), connected, deadline))


class _TimedReader(io.RawIOBase):
    """Reads a socket until a deadline: the socket's own timeout would begin anew with each byte."""

    def __init__(self, raw: Any, connected: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._raw = raw
        self._socket = connected
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._deadline.check()
        step = self._deadline.step_seconds
        if step is not None:
            self._wait(step)
        self._socket.settimeout(self._deadline.remaining())
        count: int | None = self._raw.readinto(buffer)
        return count

    def _wait(self, step_seconds: float) -> None:
        """Until there is something to read, with a look at the deadline every step."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            # it was received already, with what was read before
            return
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while not poll.poll(step_seconds * 1000):
            self._deadline.check()

    def close(self) -> None:
        self._raw.close()
        super().close()
