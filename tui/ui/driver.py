"""Textual's driver for terminals, made to go on properly after whatever stopped the program."""

from __future__ import annotations

import contextlib

from textual.drivers.linux_driver import LinuxDriver


class TerminalDriver(LinuxDriver):
    """Begins anew at SIGCONT only what has ended before.

    Textual answers every SIGCONT with another input thread, and takes the raw terminal for what is to be
    restored in the end. SIGCONT comes without its own suspension, too: after SIGSTOP, and from the kernel
    together with SIGHUP when a login ends.
    """

    _has_terminal = False

    @property
    def waiting_frames(self) -> int:
        """Frames that were drawn and that the terminal has not taken."""
        writer = self._writer_thread
        return 0 if writer is None else int(writer._queue.qsize())

    def start_application_mode(self) -> None:
        """Take the terminal."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._has_terminal = True

    def stop_application_mode(self) -> None:
        """Give the terminal back."""
        self._has_terminal = False
        super().stop_application_mode()

    def _sigcont_application(self, *_: object) -> None:
        if self._must_signal_resume:
            super()._sigcont_application()
            return
        # Not in the handler itself: it may have come in the middle of a write, or of taking the terminal
        # again for the one before. A loop that is closed already has nothing to draw.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._take_again)

    def _take_again(self) -> None:
        """A shell may have put the terminal in its own mode meanwhile, and written over the screen."""
        if self._has_terminal:
            self.suspend_application_mode()
            self.resume_application_mode()
            self._app.refresh(layout=True)
