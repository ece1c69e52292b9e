"""Connects a command that runs elsewhere with this program's standard streams, and adds nothing of its own.

Threads: "session output" and "session input", both ended when `pump` returns.
"""

from __future__ import annotations

import dataclasses
import os
import select
import threading
import time

from tui.backends.base import ShellChannel
from tui.backends.terminal.attention import Attention
from tui.backends.terminal.ending import end_by_signal, end_of_channel, problem_in
from tui.backends.terminal.output import Output, OutputGone
from tui.model.errors import EnvtuiError
from tui.model.logs import Stream
from tui.model.sessions import EndReason, SessionEnd

_READ_BYTES = 1 << 16
# A thread whose channel was closed ends at once; one that does not is left alone and touches nothing more.
_THREAD_SECONDS = 5.0


def pump(channel: ShellChannel, fd_in: int = 0, fd_out: int = 1, fd_err: int = 2) -> SessionEnd:
    """Pass both directions on until the command has ended.

    Blocks; meant for the main thread. The end of standard input is told to the far side; a descriptor that
    is closed has none. Nothing that the far side does raises anything; the channel is closed afterwards.

    SIGTERM, SIGHUP, SIGINT and SIGQUIT end it with HANGUP and the signal's name, and are given back as in
    `bridge`. When nobody reads its standard output any more it ends as CLOSED, as there is no status.
    """
    return _Pump(channel, fd_in, fd_out, fd_err).run()


class _Pump:
    """One command between pipes."""

    def __init__(self, channel: ShellChannel, fd_in: int, fd_out: int, fd_err: int) -> None:
        self._begun = time.monotonic()
        self._channel = channel
        self._fd_in = fd_in if _is_open(fd_in) else None
        self._outputs = {
            stream: Output(descriptor) if _is_open(descriptor) else None
            for stream, descriptor in ((Stream.STDOUT, fd_out), (Stream.STDERR, fd_err))
        }
        self._has_output_ended = self._is_unread = False
        self._problem = ""
        self._received_bytes = self._sent_bytes = 0

    def run(self) -> SessionEnd:
        """Everything."""
        self._stop_read, self._stop_write = os.pipe()
        self._attention = Attention()
        threads = [
            threading.Thread(target=self._receive, name="session output", daemon=True),
            threading.Thread(target=self._send, name="session input", daemon=True),
        ]
        end = SessionEnd(EndReason.CLOSED)
        try:
            for thread in threads:
                thread.start()
            end = self._watch()
        except Exception as error:
            end = SessionEnd(EndReason.LOST, detail=problem_in(error))
        finally:
            self._finish(threads)
        return dataclasses.replace(
            end,
            seconds=time.monotonic() - self._begun,
            received_bytes=self._received_bytes,
            sent_bytes=self._sent_bytes,
        )

    def _watch(self) -> SessionEnd:
        poll = select.poll()
        poll.register(self._attention.descriptor, select.POLLIN)
        while True:
            poll.poll()
            self._attention.take()
            if self._attention.ended_by:
                return end_by_signal(self._attention.ended_by)
            if self._is_unread:
                return SessionEnd(EndReason.CLOSED, detail="nobody reads what it prints")
            if self._has_output_ended:
                return end_of_channel(self._channel, self._problem)

    def _finish(self, threads: list[threading.Thread]) -> None:
        try:
            os.write(self._stop_write, b"x")
            for output in self._outputs.values():
                if output:
                    output.stop()
            self._channel.close()
        finally:
            deadline = time.monotonic() + _THREAD_SECONDS
            for thread in threads:
                if thread.ident is not None:
                    thread.join(max(0.0, deadline - time.monotonic()))
            for output in self._outputs.values():
                if output:
                    output.close()
            if not threads[1].is_alive():
                # else its number could soon be another file's
                os.close(self._stop_read)
            os.close(self._stop_write)
            self._attention.close()

    # -- the threads

    def _receive(self) -> None:
        try:
            while (piece := self._channel.read()) is not None:
                stream, data = piece
                self._received_bytes += len(data)
                if not self._write(Stream.STDERR if stream is Stream.STDERR else Stream.STDOUT, data):
                    self._is_unread = True
                    return
        except Exception as error:
            self._problem = problem_in(error)
        finally:
            self._has_output_ended = True
            self._attention.call()

    def _write(self, stream: Stream, data: bytes) -> bool:
        """Pass it on; False when there is no sense in going on."""
        output = self._outputs[stream]
        if output is None:
            return True
        try:
            output.write(data)
        except OutputGone:
            self._outputs[stream] = None
            output.close()
            # messages that nobody reads are no reason to end, as in ssh
            return stream is Stream.STDERR
        return True

    def _send(self) -> None:
        try:
            while data := self._read():
                self._channel.send(data)
                self._sent_bytes += len(data)
            if data is not None:
                self._channel.send_end()
        except EnvtuiError as error:
            # its output may go on, and tells when it has ended
            self._problem = self._problem or error.one_line()
        except Exception as error:
            self._problem = self._problem or problem_in(error)

    def _read(self) -> bytes | None:
        """What comes next; b"" at its end, None when it is not wanted any more."""
        if self._fd_in is None:
            return b""
        poll = select.poll()
        poll.register(self._stop_read, select.POLLIN)
        poll.register(self._fd_in, select.POLLIN)
        while True:
            if self._stop_read in dict(poll.poll()):
                return None
            try:
                return os.read(self._fd_in, _READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                return b""


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
