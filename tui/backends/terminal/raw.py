"""The settings of this terminal while a session has it, and as they were before."""

from __future__ import annotations

import contextlib
import errno
import os
import termios
import tty
from typing import Any


class RawTerminal:
    """Takes a terminal's line editing away and gives it back. A descriptor that is none is left alone."""

    def __init__(self, descriptor: int) -> None:
        """Args: of the terminal."""
        self._descriptor = descriptor
        self._before: list[Any] | None = None
        self._ours: list[Any] | None = None
        self.is_terminal = os.isatty(descriptor)

    @property
    def is_ours(self) -> bool:
        """Whether this program may change it: not while another one has it in front of the user."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            # it is not the one that controls this program, so nobody is in front
            return True

    @property
    def is_raw(self) -> bool:
        """Whether it still is as `enter` made it; one that went away, or is none, counts as such."""
        try:
            return self._ours is None or termios.tcgetattr(self._descriptor) == self._ours
        except termios.error:
            return True

    def enter(self) -> None:
        """Every key and byte as it is, both ways; again, too, after somebody else had the terminal.

        A terminal that went away tells so when it is read.
        """
        with contextlib.suppress(termios.error):
            before = termios.tcgetattr(self._descriptor)
            if self._ours is not None and before == self._ours:
                # that is not what there was before
                return
            _set_raw(self._descriptor)
            self._ours = termios.tcgetattr(self._descriptor)
            if self._before is None or before[tty.LFLAG] & termios.ICANON:
                # a shell that edits its line has it half raw, which is not for whoever comes after us
                self._before = before

    def leave(self, drop_input: bool, drain: bool) -> None:
        """The settings as they were.

        Args:
            drop_input: forget what was typed and not read: answers to a program's questions come late, and
                would be keys for whoever reads next.
            drain: wait until everything written was taken; not where nobody takes it.
        """
        if self._before is None or not self.is_ours:
            return
        with contextlib.suppress(termios.error):
            if drop_input:
                termios.tcflush(self._descriptor, termios.TCIFLUSH)
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN if drain else termios.TCSANOW, self._before)
        self._before = self._ours = None


def _set_raw(descriptor: int) -> None:
    """As `tty.setraw`, which gives up when a signal comes while it waits for the output to be taken."""
    while True:
        try:
            tty.setraw(descriptor, termios.TCSADRAIN)
            return
        except termios.error as error:
            if error.args[0] != errno.EINTR:
                raise
