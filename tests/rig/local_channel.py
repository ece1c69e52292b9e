"""A session with a program of this machine, in a real pty or between pipes: neither SSH nor an engine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence

from tui.model.errors import SshLost
from tui.model.logs import Stream
from tui.model.sessions import ChannelOutcome

_BLOCK = 1 << 16


class LocalChannel:
    """A `ShellChannel` whose far side is a program here.

    Attributes:
        process: The program, which leads its session.
        sizes: Columns and rows that were asked for, in order.
        lost_words: What the way is lost by, after `lose`.
        is_closed: Whether `close` was called.
    """

    def __init__(
        self,
        argv: Sequence[str],
        has_terminal: bool = True,
        columns: int = 80,
        rows: int = 24,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.lost_words = ""
        self.is_closed = False
        self.round_trip_seconds: float | None = 0.012
        self.silent_seconds = 0.0
        self._lock = threading.Lock()
        self._stop_read, self._stop_write = os.pipe()
        environment = {**os.environ, **(env or {})}
        if has_terminal:
            near, far = pty.openpty()
            self._set_size(far, columns, rows)
            self.process = subprocess.Popen(
                ["setsid", "--ctty", *argv], stdin=far, stdout=far, stderr=far, env=environment
            )
            os.close(far)
            self._input = near
            self._outputs = {near: Stream.STDOUT}
        else:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
            assert self.process.stdin and self.process.stdout and self.process.stderr
            self._input = os.dup(self.process.stdin.fileno())
            self._outputs = {
                os.dup(self.process.stdout.fileno()): Stream.STDOUT,
                os.dup(self.process.stderr.fileno()): Stream.STDERR,
            }
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                stream.close()
        self._has_terminal = has_terminal
        self._has_input = True
        os.set_blocking(self._input, False)

    def read(self) -> tuple[Stream, bytes] | None:
        while self._outputs and not self.is_closed and not self.lost_words:
            poll = select.poll()
            for handle in (*self._outputs, self._stop_read):
                poll.register(handle, select.POLLIN)
            ready = [handle for handle, _ in poll.poll()]
            for handle in ready:
                if handle == self._stop_read:
                    return None
                try:
                    data = os.read(handle, _BLOCK)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if data:
                    return self._outputs[handle], data
                del self._outputs[handle]
                if handle != self._input:
                    os.close(handle)
        return None

    def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            poll = select.poll()
            poll.register(self._stop_read, select.POLLIN)
            with self._lock:
                if self._is_over():
                    raise SshLost("The connection is gone", self.lost_words)
                poll.register(self._input, select.POLLOUT)
            poll.poll()
            try:
                with self._lock:
                    if self._is_over():
                        continue
                    rest = rest[os.write(self._input, rest[:_BLOCK]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise SshLost("The connection is gone", str(error)) from error

    def send_end(self) -> None:
        if self._has_terminal:
            self.send(b"\x04")
            return
        with self._lock:
            if self._has_input and not self.is_closed:
                self._has_input = False
                os.close(self._input)

    def resize(self, columns: int, rows: int, width_pixels: int = 0, height_pixels: int = 0) -> None:
        self.sizes.append((columns, rows))
        with self._lock, contextlib.suppress(OSError):
            if self._has_terminal and not self.is_closed:
                self._set_size(self._input, columns, rows, width_pixels, height_pixels)

    def outcome(self, seconds: float) -> ChannelOutcome:
        if self.lost_words:
            return ChannelOutcome(lost=self.lost_words)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return ChannelOutcome()
        if status < 0:
            return ChannelOutcome(signal=signal.Signals(-status).name.removeprefix("SIG"))
        return ChannelOutcome(status=status)

    def close(self) -> None:
        with self._lock:
            if not self.is_closed:
                self.is_closed = True
                os.write(self._stop_write, b"x")
                self._hang_up(signal.SIGHUP)

    def lose(self, words: str) -> None:
        """The way is gone, and nothing comes any more."""
        self.lost_words = words
        os.write(self._stop_write, b"x")

    def tidy_up(self) -> None:
        """Ends the program whatever it does about it."""
        self.close()
        deadline = time.monotonic() + 2
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0, deadline - time.monotonic()))
        self._hang_up(signal.SIGKILL)
        self.process.wait(30)

    def _is_over(self) -> bool:
        return self.is_closed or bool(self.lost_words) or not self._has_input

    def _hang_up(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def _set_size(self, handle: int, columns: int, rows: int, width: int = 0, height: int = 0) -> None:
        fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))
