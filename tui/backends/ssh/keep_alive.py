"""Asks the far side of an SSH connection for a sign of life, and gives the connection up when none comes.

paramiko's own keep-alive wants no answer, and so never notices that a link is dead (#2463).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from paramiko.common import cMSG_GLOBAL_REQUEST
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

if TYPE_CHECKING:
    from paramiko import Transport


class KeepAlive:
    """One thread that asks; a server answers requests that it does not know, too (RFC 4254, section 4)."""

    def __init__(
        self, transport: Transport, seconds: float, grace_seconds: float, lose: Callable[[str], None]
    ) -> None:
        """Args: the connection; between two questions; for an answer; gives it up, with a reason."""
        self._transport = transport
        self._seconds = seconds
        self._grace_seconds = grace_seconds
        self._lose = lose
        self._stopped = threading.Event()
        self._asked_at: float | None = None
        self.round_trip_seconds: float | None = None
        self._thread = threading.Thread(target=self._run, name="ssh-alive", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns at once."""
        self._stopped.set()

    @property
    def silent_seconds(self) -> float:
        """Since when an answer is waited for; 0.0 where none is."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else time.monotonic() - asked_at

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds) and self._transport.is_active():
            if not self._ask():
                return

    def _ask(self) -> bool:
        """Ask once; whether it was answered. Sending may block, too, on a link that takes nothing more."""
        answered = threading.Event()
        giving_up = threading.Timer(self._grace_seconds, self._give_up)
        giving_up.daemon = True
        giving_up.name = "ssh-alive-grace"
        giving_up.start()
        self._asked_at = time.monotonic()
        try:
            # the event that the transport sets at the next answer to a global request; nobody else makes any
            self._transport.completion_event = answered
            message = Message()
            message.add_byte(cMSG_GLOBAL_REQUEST)
            message.add_string("keepalive@openssh.com")
            message.add_boolean(True)
            self._transport._send_user_message(message)
            while not answered.wait(0.25):
                if self._stopped.is_set() or not self._transport.is_active():
                    return False
            self.round_trip_seconds = time.monotonic() - self._asked_at
            return True
        except (SSHException, OSError, EOFError):
            # what can't be asked does not answer; the transport's own thread may not have noticed
            if not self._stopped.is_set():
                self._lose("nothing can be sent any more")
            return False
        finally:
            self._asked_at = None
            giving_up.cancel()

    def _give_up(self) -> None:
        if not self._stopped.is_set():
            self._lose(f"no answer for {self._grace_seconds:.0f} s")
