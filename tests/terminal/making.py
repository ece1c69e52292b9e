"""A bridged program in a terminal, as the tests drive it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.rig.dec_modes import DecModes
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


class Bridged(TerminalSession):
    """Runs `tests.terminal.bridged`."""

    def __init__(
        self,
        folder: Path,
        argv: Sequence[str],
        options: Sequence[str] = (),
        columns: int = 80,
        rows: int = 24,
        under: Sequence[str] = (),
    ) -> None:
        self._report = folder / "report"
        super().__init__(
            [*under, *command(self._report, argv, options)],
            columns,
            rows,
            env={**ENVIRONMENT, "PS1": "far$ "},
            cwd=str(ROOT),
        )
        self.before = self.termios_attributes()

    def report(self) -> dict[str, Any]:
        """What the program told at its end."""
        until(self._report.exists, 30, lambda: f"a report\n{self.dump()}")
        report: dict[str, Any] = json.loads(self._report.read_text())
        return report

    def far_pid(self) -> int:
        """Of the program on the far side."""
        begun = self._report.with_suffix(".begun")
        until(begun.exists, 30, lambda: f"the far side\n{self.dump()}")
        return int(json.loads(begun.read_text())["pid"])

    def modes(self) -> DecModes:
        """What all bytes that were written have made of the terminal."""
        return DecModes().feed(bytes(self.raw))

    def bytes_to_read(self) -> int:
        """How much was typed and is still to be read by whoever has the terminal next."""
        settings = self.termios_attributes()
        lines = [*settings[:3], settings[3] & ~termios.ICANON, *settings[4:]]
        # only without line editing the kernel counts what is no whole line yet
        termios.tcsetattr(self._slave, termios.TCSANOW, lines)
        (count,) = struct.unpack("i", fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)))
        termios.tcsetattr(self._slave, termios.TCSANOW, settings)
        return int(count)

    def assert_as_before(self) -> None:
        """Settings, modes and threads are what they were before the session."""
        modes = self.modes()
        assert modes.active == set(), self.dump()
        assert modes.faults == []
        assert not modes.is_within_sequence
        assert self.termios_attributes() == self.before
        report = self.report()
        assert report["threads"] == []
        assert report["left"][0] == 0
        assert report["left"][1] <= 0
        assert report["closed"]


def command(report: Path, argv: Sequence[str], options: Sequence[str] = ()) -> list[str]:
    """The command line of the bridged program."""
    return [sys.executable, "-m", "tests.terminal.bridged", str(report), *options, "--", *argv]


@contextlib.contextmanager
def shell(folder: Path, options: Sequence[str] = (), **more: Any) -> Iterator[Bridged]:
    """A shell on the far side that is ready for commands."""
    with Bridged(folder, ["bash", "--norc", "--noprofile", "-i"], options, **more) as session:
        session.wait_for(r"^far\$")
        yield session


def is_gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return b") Z " in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return True


def environment() -> dict[str, str]:
    """For the same program outside a terminal."""
    return {**os.environ, **ENVIRONMENT}
