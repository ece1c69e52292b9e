"""Shows a session in this terminal: keys to the far side, its output here, and the terminal as it was after.

Threads: "session output" and "session keys", both ended when `bridge` returns.
"""

from __future__ import annotations

import dataclasses
import os
import select
import signal
import threading
import time

from tui.backends.base import ShellChannel
from tui.backends.terminal.attention import Attention, stop_job
from tui.backends.terminal.ending import end_by_signal, end_of_channel, problem_in
from tui.backends.terminal.escape import EscapeCommand, EscapeReader
from tui.backends.terminal.modes import window_size
from tui.backends.terminal.outbox import Outbox
from tui.backends.terminal.output import Output, OutputGone
from tui.backends.terminal.raw import RawTerminal
from tui.backends.terminal.repair import TerminalState
from tui.model.errors import EnvtuiError
from tui.model.sessions import EndReason, SessionEnd

_READ_BYTES = 1 << 16
# Ours on a terminal that does not take it: dropped, as nobody sees it.
_WRITE_SECONDS = 1.0
# A thread whose channel was closed ends at once; one that does not is left alone and touches nothing more.
_THREAD_SECONDS = 5.0

# How long and how often we look whether the terminal is as we need it, after somebody continued us.
_LOOK_SECONDS = 2.0
_LOOK_MILLISECONDS = 100

_HELP = (
    "Escapes, at the beginning of a line:",
    "  {0}.   leave this session",
    "  {0}^Z  stop envtui; the session goes on when it is continued",
    "  {0}#   how the connection is",
    "  {0}?   this help",
    "  {0}{0}   send {0}",
)


def bridge(channel: ShellChannel, fd_in: int = 0, fd_out: int = 1, escape: str = "~") -> SessionEnd:
    """Connect this terminal with a session until one of them ends.

    Blocks; meant for the main thread (elsewhere no signal is heard, not even a change of size). Whatever
    happens, the terminal's settings and modes are what they were before. Nothing that the far side does
    raises anything; the channel is closed afterwards.

    SIGTERM, SIGHUP, SIGINT and SIGQUIT from outside end it with HANGUP and the signal's name. A signal that
    had a handler is sent to this process again at the very end, with that handler in place: an event loop
    hears of it when it runs again, and what another handler raises comes out of here. A signal that had none
    is not, for it would end the process before the far side is hung up: the caller does that and ends with
    the `exit_code` that it got.

    Args:
        channel: was opened with the modes of `this_terminal`.
        fd_in: of the terminal; of anything else the end is passed on, and there are no escapes.
        fd_out: of the same terminal.
        escape: one ASCII character; "" for none.
    """
    return _Bridge(channel, fd_in, fd_out, escape).run()


class _Bridge:
    """One session in the terminal."""

    def __init__(self, channel: ShellChannel, fd_in: int, fd_out: int, escape: str) -> None:
        self._begun = time.monotonic()
        self._channel = channel
        self._fd_in, self._fd_out = fd_in, fd_out
        self._raw = RawTerminal(fd_in)
        self._escape = escape if self._raw.is_terminal else ""
        self._reader = EscapeReader(self._escape)
        self._modes = TerminalState()
        self._outbox = Outbox()
        self._has_output_ended = self._is_terminal_gone = self._has_stopped = False
        self._was_continued = False
        self._look_until = 0.0
        self._problem = ""
        self._received_bytes = self._sent_bytes = 0

    def run(self) -> SessionEnd:
        """Everything, from the raw terminal to the one that was before."""
        try:
            self._output = Output(self._fd_out, self._modes.feed)
        except OSError as error:
            self._channel.close()
            return SessionEnd(EndReason.HANGUP, detail=error.strerror or str(error))
        self._attention = Attention([signal.SIGWINCH, signal.SIGCONT])
        threads = [
            threading.Thread(target=self._receive, name="session output", daemon=True),
            threading.Thread(target=self._send, name="session keys", daemon=True),
        ]
        end = SessionEnd(EndReason.CLOSED)
        try:
            self._raw.enter()
            # it may have changed since the session was asked for
            self._channel.resize(*window_size(self._fd_out, self._fd_in))
            for thread in threads:
                thread.start()
            end = self._watch()
        except Exception as error:
            end = SessionEnd(EndReason.LOST, detail=problem_in(error))
        finally:
            self._finish(end, threads)
        return dataclasses.replace(
            end,
            seconds=time.monotonic() - self._begun,
            received_bytes=self._received_bytes,
            sent_bytes=self._sent_bytes,
        )

    # -- the main thread

    def _watch(self) -> SessionEnd:
        """Keys, sizes and signals, until one side ends."""
        poll = select.poll()
        poll.register(self._attention.descriptor, select.POLLIN)
        has_keys = True
        while True:
            if has_keys:
                # without POLLIN, too, the kernel tells when the terminal goes away
                poll.register(self._fd_in, 0 if self._outbox.is_full else select.POLLIN)
            ready = dict(poll.poll(_LOOK_MILLISECONDS if self._has_to_look else None))
            if self._attention.descriptor in ready and (end := self._attend()):
                return end
            if self._has_to_look:
                self._take_again()
            if not ready.get(self._fd_in):
                continue
            data = self._read_keys(ready[self._fd_in])
            if data is None:
                continue
            if not data and self._raw.is_terminal:
                return SessionEnd(EndReason.HANGUP)
            if not data:
                has_keys = False
                poll.unregister(self._fd_in)
                self._outbox.put(b"")
            elif end := self._take_keys(data):
                return end

    def _attend(self) -> SessionEnd | None:
        """What came by signals and from the threads; the session's end, if that is it."""
        numbers = self._attention.take()
        if signal.SIGWINCH in numbers:
            self._channel.resize(*window_size(self._fd_out, self._fd_in))
        if self._attention.ended_by:
            return end_by_signal(self._attention.ended_by)
        if self._is_terminal_gone:
            return SessionEnd(EndReason.HANGUP)
        if signal.SIGCONT in numbers and not self._has_stopped:
            # stopped from outside: a shell has had the terminal
            self._was_continued = True
            self._look_until = time.monotonic() + _LOOK_SECONDS
        return end_of_channel(self._channel, self._problem) if self._has_output_ended else None

    @property
    def _has_to_look(self) -> bool:
        return self._was_continued or time.monotonic() < self._look_until

    def _take_again(self) -> None:
        """Take the terminal from the shell that continued us, also when it gives it, or changes it, late."""
        if self._raw.is_ours and (self._was_continued or not self._raw.is_raw):
            self._was_continued = False
            self._go_on(self._modes.again())

    def _read_keys(self, event: int) -> bytes | None:
        """What was typed; b"" at its end, None for nothing."""
        if not event & select.POLLIN and self._raw.is_terminal:
            return b""
        try:
            return os.read(self._fd_in, _READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _take_keys(self, data: bytes) -> SessionEnd | None:
        for each in self._reader.feed(data):
            if isinstance(each, bytes):
                self._outbox.put(each)
            elif each is EscapeCommand.LEAVE:
                return SessionEnd(EndReason.ESCAPE)
            elif each is EscapeCommand.HELP:
                self._say(*(line.format(self._escape) for line in _HELP))
            elif each is EscapeCommand.STATE:
                self._say(self._state())
            elif end := self._stop_ourselves():
                return end
        return None

    def _state(self) -> str:
        channel = self._channel
        seconds = channel.round_trip_seconds
        words = "Round trip " + ("not measured" if seconds is None else f"{seconds * 1000:.0f} ms")
        if channel.silent_seconds >= 1:
            words += f", no sign of life for {channel.silent_seconds:.0f} s"
        return f"{words}; {self._received_bytes:,} bytes received, {self._sent_bytes:,} sent"

    def _say(self, *lines: str) -> None:
        words = "".join(f"\r\n{line}" for line in lines) + "\r\n"
        self._put(words.encode())

    def _put(self, data: bytes) -> bool:
        """Write something of ours; whether it was taken. That nobody is there shows at the keyboard, too."""
        try:
            return self._output.write_within(data, _WRITE_SECONDS)
        except OutputGone:
            return False

    def _stop_ourselves(self) -> SessionEnd | None:
        """Stop as ctrl+z stops a program, with the terminal as it was; returns when it is continued.

        Where nobody could continue it (no shell above), the kernel does not stop it.
        """
        if threading.current_thread() is not threading.main_thread():
            return None
        with self._output.held():
            again = self._modes.again()
            if not self._modes.is_ordinary:
                self._put(self._modes.repair(was_cut=False))
            self._raw.leave(drop_input=False, drain=True)
            self._has_stopped = True
            stop_job()
            # told to end meanwhile, it may have been continued where another program has the terminal
            end = self._attend()
            self._has_stopped = False
            if end is None:
                self._go_on(again)
        return end

    def _go_on(self, again: bytes) -> None:
        """Take the terminal again, with these bytes for its modes."""
        self._raw.enter()
        self._put(again)
        columns, rows, width, height = window_size(self._fd_out, self._fd_in)
        if self._modes.has_screen:
            # a program draws anew when the size changes, and only then
            self._channel.resize(columns, max(1, rows - 1), width, height)
        self._channel.resize(columns, rows, width, height)

    def _finish(self, end: SessionEnd, threads: list[threading.Thread]) -> None:
        """Everything back; each step is done whatever became of the one before."""
        try:
            self._output.stop()
            self._outbox.close()
            self._channel.close()
        finally:
            deadline = time.monotonic() + _THREAD_SECONDS
            for thread in threads:
                if thread.ident is not None:
                    thread.join(max(0.0, deadline - time.monotonic()))
            try:
                self._restore(end)
            finally:
                self._output.close()
                self._attention.close()

    def _restore(self, end: SessionEnd) -> None:
        was_taken = True
        # a shell that ended by itself left its last words whole
        was_cut = end.reason is not EndReason.EXIT
        if self._raw.is_ours and (was_cut or not self._modes.is_ordinary):
            was_taken = self._put(self._modes.repair(was_cut))
        self._raw.leave(drop_input=True, drain=was_taken)

    # -- the threads

    def _receive(self) -> None:
        try:
            while (piece := self._channel.read()) is not None:
                self._received_bytes += len(piece[1])
                self._output.write(piece[1])
                if self._output.is_stopped:
                    return
        except OutputGone:
            self._is_terminal_gone = True
        except Exception as error:
            self._problem = problem_in(error)
        finally:
            self._has_output_ended = True
            self._attention.call()

    def _send(self) -> None:
        while (data := self._outbox.take()) is not None:
            try:
                if data:
                    self._channel.send(data)
                    self._sent_bytes += len(data)
                else:
                    self._channel.send_end()
            except EnvtuiError as error:
                # its output may go on, and tells when it has ended
                self._problem = self._problem or error.one_line()
            except Exception as error:
                self._problem = self._problem or problem_in(error)
            if self._outbox.sent(data):
                self._attention.call()
