"""Hands a start text to the far side of an SSH connection, without a byte of it in any command line.

A command line can be read by everybody on the machine, and is read by whatever shell the account has; what
stands in a file of its own is read by /bin/sh alone. The account's shell may run start-up files before our
command (bash does under sshd, fish and zsh always): they may print, which is dropped, and may put another
program in its place, which is found out before anything is sent to it.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tui.model.errors import ChannelRefused, SessionError, SshLost, SshSilent
from tui.model.logs import Stream

if TYPE_CHECKING:
    from tui.backends.base import ShellChannel
    from tui.model.sessions import ChannelOutcome, Terminal

# Start-up files that take longer are rare; a shell that another program took the place of waits for ever.
_IMPATIENT_SECONDS = 2.0
# What a shell's start-up files print before our own line: messages of the day, not logs.
_MOST_NOISE = 1 << 16
# Only such a folder is put into a command line: it needs no quotes in any shell.
_FOLDER = re.compile(rb"/[A-Za-z0-9_./-]+/envtui\.[A-Za-z0-9]+")
# Where a folder can be made, in this order; /dev/shm is there where the root file system can't be written to.
_PLACES = "${TMPDIR:-/tmp} /tmp /dev/shm /run"


class CommandOpener(Protocol):
    """The part of a connection that is needed here."""

    def channel(self, command: str, terminal: Terminal | None, seconds: float) -> ShellChannel:
        """Run a command. Raises an SshError."""


@dataclass(frozen=True, slots=True)
class Start:
    """A start text that lies on the far side.

    Attributes:
        path: of the file.
        mark: what the line that runs it prints first, on each output; everything before is not ours.
    """

    path: str
    mark: bytes

    @property
    def folder(self) -> str:
        """Of the file, and of nothing else."""
        return self.path.rpartition("/")[0]

    def line(self, has_terminal: bool) -> str:
        """The line that runs it, for whatever shell the account has."""
        # in two halves, so that a shell that echoes the line is not taken for one that runs it
        half = len(self.mark) // 2
        printed = f'printf %s {self.mark[:half].decode()}""{self.mark[half:].decode()}'
        begins = f"{printed}; " if has_terminal else f"{printed}; {printed} >&2; "
        return f"exec /bin/sh -c '{begins}exec /bin/sh {self.path}'"


def hand_over(connection: CommandOpener, text: bytes, seconds: float) -> Start:
    """Put a start text into a folder of its own, made for it, that only its user can read.

    Raises:
        ChannelRefused: the account's shell does not run commands, or there is nowhere to put it.
        SshSilent: no answer in time: a start-up file waits for something.
        SshLost: the connection is gone.
    """
    mark = secrets.token_hex(8)
    # the marks are cut in two here, so that a shell that echoes the line is not taken for one that runs it
    script = (
        f'echo envtui-ready-""{mark}; umask 077; for p in {_PLACES}; do '
        f'd=$(mktemp -d "$p/envtui.XXXXXXXX" 2>/dev/null) && break; done; '
        f'[ -n "$d" ] || exit 3; cat >"$d/start" || exit 4; '
        f'[ $(wc -c <"$d/start") -eq {len(text)} ] || {{ rm -f "$d/start"; rmdir "$d"; exit 5; }}; '
        f'echo envtui-folder-""{mark} "$d" end'
    )
    command = f"exec /bin/sh -c '{script}'"
    # once more without impatience where it only took its time
    return (
        _try(connection, command, text, mark, seconds, _IMPATIENT_SECONDS)
        or _try(connection, command, text, mark, seconds, seconds)
        or _too_slow(seconds)
    )


def _too_slow(seconds: float) -> Start:
    raise _silent(seconds)


def _try(
    connection: CommandOpener, command: str, text: bytes, mark: str, seconds: float, patience: float
) -> Start | None:
    """Hand it over; None where the account's shell took longer than the patience to run the command.

    Its input is ended then: another program in the shell's place, which reads that as its own, ends too.
    """
    channel = connection.channel(command, None, seconds)
    given = _Input(channel)
    timers = [threading.Timer(patience, given.end), threading.Timer(seconds, channel.close)]
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        taken = bytearray()
        ready = f"envtui-ready-{mark}".encode()
        _read_until(channel, taken, re.compile(re.escape(ready) + rb"\r?\n"), seconds)
        if not given.take():
            # our script runs, and finds its input at the end: it removes its folder, and ends
            while channel.read() is not None:
                pass
            return None
        channel.send(text)
        channel.send_end()
        told = re.compile(f"envtui-folder-{mark} ".encode() + rb"(\S+) end")
        folder = _read_until(channel, taken, told, seconds)[1]
    finally:
        for timer in timers:
            timer.cancel()
        channel.close()
    if not _FOLDER.fullmatch(folder):
        raise ChannelRefused("No place for a file", "the account has no folder for temporary files")
    return Start(f"{folder.decode()}/start", f"envtui-begins-{mark}".encode())


class _Input:
    """The input of a command: either it is ended, or something is sent into it."""

    def __init__(self, channel: ShellChannel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._is_ended = self._is_taken = False

    def end(self) -> None:
        """End it, unless it is taken."""
        with self._lock:
            if self._is_taken:
                return
            self._is_ended = True
        with contextlib.suppress(SessionError):
            self._channel.send_end()

    def take(self) -> bool:
        """Whether something can be sent."""
        with self._lock:
            self._is_taken = not self._is_ended
            return self._is_taken


def _read_until(
    channel: ShellChannel, taken: bytearray, pattern: re.Pattern[bytes], seconds: float
) -> re.Match[bytes]:
    while True:
        found = pattern.search(taken)
        if found is not None:
            return found
        if len(taken) > _MOST_NOISE:
            raise ChannelRefused(
                "No command can be run",
                "the account's start-up files print without end",
                "They should print only in an interactive shell",
            )
        block = channel.read()
        if block is None:
            raise _why(channel.outcome(1.0), seconds)
        if block[0] is Stream.STDOUT:
            taken += block[1]


def _why(outcome: ChannelOutcome, seconds: float) -> ChannelRefused | SshSilent | SshLost:
    if outcome.lost:
        return SshLost("Connection lost", outcome.lost)
    if outcome.status == 3:
        return ChannelRefused("No place for a file", "no folder for temporary files can be written to")
    if outcome.status is None:
        return _silent(seconds)
    return ChannelRefused(
        "No command can be run",
        f"the account's shell ended with status {outcome.status} instead of running one",
        "Its start-up files may start another program: that belongs behind a test for an interactive shell",
    )


def _silent(seconds: float) -> SshSilent:
    return SshSilent(
        "No answer to a command",
        f"the account's start-up files take longer than {seconds:.0f} s, or start another program",
        "In ~/.bashrc such lines belong behind a test for an interactive shell",
        "channel",
    )


class MarkedChannel:
    """A channel without what comes before a mark; a ShellChannel itself."""

    def __init__(self, channel: ShellChannel, mark: bytes) -> None:
        """Args: whose output begins with something foreign; what ends that, on each of its outputs."""
        self._channel = channel
        self._mark = mark
        self._before: dict[Stream, bytearray] = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}
        self._passed: set[Stream] = set()

    def read(self) -> tuple[Stream, bytes] | None:
        """What comes next behind the mark; without one, at the end, all that there was."""
        while True:
            block = self._channel.read()
            if block is None:
                return self._rest()
            stream, data = block
            if stream in self._passed or stream not in self._before:
                return block
            held = self._before[stream]
            held += data
            noise, mark, behind = bytes(held).partition(self._mark)
            if mark:
                self._passed.add(stream)
                held.clear()
                if behind:
                    return stream, behind
            elif len(held) > _MOST_NOISE:
                # it never comes: what is held is what there is
                self._passed.add(stream)
                held.clear()
                return stream, noise

    def _rest(self) -> tuple[Stream, bytes] | None:
        for stream, held in self._before.items():
            if held:
                data = bytes(held)
                held.clear()
                self._passed.add(stream)
                return stream, data
        return None

    def send(self, data: bytes) -> None:
        """Send all of it. Raises a SessionError."""
        self._channel.send(data)

    def send_end(self) -> None:
        """No more will be sent. Raises a SessionError."""
        self._channel.send_end()

    def resize(self, columns: int, rows: int, width_pixels: int = 0, height_pixels: int = 0) -> None:
        """The terminal has another size."""
        self._channel.resize(columns, rows, width_pixels, height_pixels)

    def outcome(self, seconds: float) -> ChannelOutcome:
        """How it ended."""
        return self._channel.outcome(seconds)

    def close(self) -> None:
        """Give it up."""
        self._channel.close()

    @property
    def round_trip_seconds(self) -> float | None:
        """Of the last sign of life."""
        return self._channel.round_trip_seconds

    @property
    def silent_seconds(self) -> float:
        """Since when a sign of life is waited for."""
        return self._channel.silent_seconds
