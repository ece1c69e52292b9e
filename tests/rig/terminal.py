"""A program in a real pseudo terminal: keys in, screen, modes and termios out."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.rig.screen import TerminalScreen
from tests.rig.waiting import NotReached, until

_LAUNCHER = (
    "import fcntl, os, signal, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT):\n"
    "    signal.signal(number, signal.SIG_DFL)\n"
    "os.execvp(sys.argv[1], sys.argv[1:])\n"
)
# A session leader takes the terminal as its controlling one itself: safer than code between fork and exec in
# a test process with threads. Python ignores the first two signals, a shell the others for what it runs
# behind itself, and exec would hand that on.

_KEYS = {
    "enter": "\r", "tab": "\t", "shift+tab": "\x1b[Z", "esc": "\x1b", "escape": "\x1b", "space": " ",
    "backspace": "\x7f", "insert": "\x1b[2~", "delete": "\x1b[3~", "pageup": "\x1b[5~", "pagedown": "\x1b[6~",
    "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~", "f6": "\x1b[17~",
    "f7": "\x1b[18~", "f8": "\x1b[19~", "f9": "\x1b[20~", "f10": "\x1b[21~", "f11": "\x1b[23~",
    "f12": "\x1b[24~",
}  # fmt: skip
_CURSOR_KEYS = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
_MODIFIERS = {"shift": 2, "alt": 3, "ctrl": 5}
# As xterm sends them.


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: colours are names ("red", "default") or six hexadecimal digits."""

    char: str
    fg: str
    bg: str
    bold: bool
    reverse: bool


class TerminalSession:
    """Runs a program in its own session with a pty as controlling terminal; a thread drains its output.

    As there is no shell above the program, the kernel ignores its ctrl+z (its process group is orphaned): to
    test job control, run a shell with `-i` and type the program's name.

    Attributes:
        pid: Of the program, which leads its session and process group.
    """

    def __init__(
        self,
        argv: Sequence[str],
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
    ) -> None:
        """Starts the program.

        Args:
            argv: Program and arguments.
            columns: Width of the terminal.
            rows: Its height.
            env: Changes to this process's environment; None removes a variable.
            cwd: Where it runs.
        """
        self._raw = bytearray()
        self._lock = threading.RLock()
        self._closed = False
        self._version = 0
        self._text: tuple[int, str] = (-1, "")
        self._screen = TerminalScreen(columns, rows, self._answer)
        self._master, self._slave = pty.openpty()
        os.set_blocking(self._master, False)
        self._set_size(columns, rows)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *argv],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=_environment(env or {}),
            cwd=cwd,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._wake_read, self._wake_write = os.pipe()
        self._reader = threading.Thread(target=self._read, name="terminal session", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- in

    def send(self, data: bytes | str) -> None:
        """Types bytes as they are."""
        rest = data.encode() if isinstance(data, str) else data
        poll = select.poll()
        poll.register(self._master, select.POLLOUT)
        while rest:
            if not poll.poll(30_000):
                raise NotReached(f"the program does not read its input\n{self.dump()}")
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(self._master, rest) :]

    def press(self, *keys: str) -> None:
        """Presses keys: "down", "enter", "esc", "f1", "ctrl+c", "alt+x", "shift+tab", "ctrl+right", "q" …

        A key right after "esc" reads as alt+key to a program: wait for the effect of "esc" between them.
        """
        for key in keys:
            self.send(self._encode(key))

    def click(self, row: int, column: int, button: int = 0) -> None:
        """Presses and releases a mouse button (0 left, 2 right, 64 and 65 the wheel) over a cell, from 0."""
        at = f"{button};{column + 1};{row + 1}"
        self.send(f"\x1b[<{at}M" + ("" if button >= 64 else f"\x1b[<{at}m"))

    def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal another size; the kernel sends SIGWINCH to the foreground group."""
        with self._lock:
            self._screen.resize(rows, columns)
            self._version += 1
            self._set_size(columns, rows)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the program alone."""
        if self._process.poll() is None:
            os.kill(self.pid, number)

    # -- out

    @property
    def raw(self) -> bytes:
        """All bytes that the program wrote: those that come while they are looked at are not among them."""
        with self._lock:
            return bytes(self._raw)

    def lines(self) -> list[str]:
        """The rows of the screen without trailing blanks."""
        return self.text().split("\n")

    def text(self) -> str:
        """The screen's rows, joined by newlines."""
        with self._lock:
            if self._text[0] != self._version:
                rows = map(self._screen.row_text, range(self._screen.lines))
                self._text = (self._version, "\n".join(rows))
            return self._text[1]

    def cell(self, row: int, column: int) -> Cell:
        """One cell of the screen, counted from 0."""
        with self._lock:
            char = self._screen.buffer[row][column]
            return Cell(char.data, char.fg, char.bg, char.bold, char.reverse)

    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor, from 0."""
        with self._lock:
            return self._screen.cursor.y, self._screen.cursor.x

    def private_modes(self) -> dict[int, bool]:
        """The DEC private modes that the program ever switched, and whether they are on now."""
        with self._lock:
            return dict(self._screen.private_modes)

    def termios_attributes(self) -> list[Any]:
        """What `termios.tcgetattr` says about the terminal, also after the program's end."""
        return termios.tcgetattr(self._slave)

    @property
    def echo(self) -> bool:
        """Whether the terminal echoes what is typed, as it does for a shell."""
        return bool(self.termios_attributes()[3] & termios.ECHO)

    @property
    def canonical(self) -> bool:
        """Whether the terminal hands over whole lines, as it does for a shell."""
        return bool(self.termios_attributes()[3] & termios.ICANON)

    @property
    def state(self) -> str:
        """The program's state letter from /proc: R, S, T when stopped by a signal, "" when gone."""
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/stat", "rb") as file:
            letter = file.read().rpartition(b")")[2].split()[0].decode()
            return "" if letter in "ZX" else letter
        return ""

    # -- waiting

    def wait_for(
        self, condition: str | re.Pattern[str] | Callable[[str], object], timeout: float = 30.0
    ) -> Any:
        """Waits until the screen shows what is wanted.

        Args:
            condition: A regular expression, searched for in `text()` (^ and $ match at rows), or a function
                of the text.
            timeout: Seconds.

        Returns:
            The match, or what the function returned.

        Raises:
            AssertionError: With the screen as it is.
        """
        if isinstance(condition, str):
            condition = re.compile(condition, re.MULTILINE)
        look = condition.search if isinstance(condition, re.Pattern) else condition
        what = condition.pattern if isinstance(condition, re.Pattern) else "the condition"
        return until(lambda: look(self.text()), timeout, lambda: f"{what}\n{self.dump()}")

    def wait_exit(self, timeout: float = 30.0) -> int:
        """Waits for the program's end and its last output; gives back its status, -N after signal N."""
        until(lambda: self._process.poll() is not None, timeout, lambda: f"the program ends\n{self.dump()}")
        for _ in range(2):  # twice: the kernel moves the last bytes to our side a moment after the end
            threading.Event().wait(0.01)
            until(self._drained, timeout, "the last output is read")
        return self._process.returncode

    def dump(self) -> str:
        """The screen in a frame, for failure messages."""
        width = self._screen.columns
        rows = (f"|{line}" for line in self.lines())
        status = self._process.poll()
        end = "running" if status is None else f"ended with {status}"
        return "\n".join([f"+{'-' * width} {end}", *rows, "+" + "-" * width])

    def close(self) -> None:
        """Ends the program's process group (SIGHUP, then SIGKILL) and the reader. Harmless to call twice."""
        if self._closed:
            return
        self._closed = True
        for number, patience in ((signal.SIGHUP, 2.0), (signal.SIGKILL, 30.0)):
            if self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, number)
                    os.killpg(self.pid, signal.SIGCONT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(patience)
        os.write(self._wake_write, b"x")
        self._reader.join(10)
        for handle in (self._master, self._slave, self._wake_read, self._wake_write):
            os.close(handle)

    # -- inside

    def _encode(self, key: str) -> str:
        if key in _KEYS:
            return _KEYS[key]
        if key in _CURSOR_KEYS:
            application = self.private_modes().get(1, False)
            return ("\x1bO" if application else "\x1b[") + _CURSOR_KEYS[key]
        modifier, _, name = key.rpartition("+")
        if modifier in _MODIFIERS and name in _CURSOR_KEYS:
            return f"\x1b[1;{_MODIFIERS[modifier]}{_CURSOR_KEYS[name]}"
        if modifier == "ctrl" and len(name) == 1:
            return chr(ord(name.upper()) & 0x1F)
        if modifier == "alt" and name:
            return "\x1b" + self._encode(name)
        if len(key) == 1:
            return key
        raise ValueError(f"no such key: {key}")

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            ready = {handle for handle, _ in poll.poll()}
            if self._wake_read in ready:
                return
            with self._lock, contextlib.suppress(BlockingIOError):
                data = os.read(self._master, 1 << 16)
                self._raw += data
                self._screen.feed(data)
                self._version += 1

    def _drained(self) -> bool:
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        with self._lock:
            return not poll.poll(0)

    def _answer(self, data: bytes) -> None:
        # Never blocks the reader: a program that doesn't read its input doesn't get answers.
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    base: dict[str, str | None] = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        **dict.fromkeys(("COLUMNS", "LINES", "NO_COLOR", "TMUX", "TERM_PROGRAM", "LC_ALL")),
        **changes,
    }
    return {key: value for key, value in base.items() if value is not None}
