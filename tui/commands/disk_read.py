"""Reads the disk for a command line: says on a terminal what is still being read, and ends on ctrl+c."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.commands.change_output import say
from tui.commands.interrupts import Background, Interrupts
from tui.model.disk import DiskFacts, DiskPart
from tui.model.disk_items import DiskItem
from tui.model.errors import EnvtuiError, ReadOnlyRefusal
from tui.model.printable import printable

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.settings import Settings
    from tui.workstation import Workstation

# A command in a container that is called off has to end there, too.
_STOP_SECONDS = 20.0
# An answer that comes at once needs no words.
_QUIET_SECONDS = 0.5
_START_OF_LINE = "\r\x1b[K"


@dataclass(slots=True)
class DiskReading:
    """What was read, and what was not.

    Attributes:
        containers: all that the engine lists.
        facts: of the parts that were asked for.
        items: what they come to.
        problems: why a part could not be read, or not wholly.
        interrupted: the exit code of whoever called it off, 0 where nobody did.
    """

    containers: Sequence[Container]
    facts: DiskFacts = field(default_factory=DiskFacts)
    items: tuple[DiskItem, ...] = ()
    problems: dict[DiskPart, EnvtuiError] = field(default_factory=dict)
    interrupted: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether a part could not be read that nobody forbade to read."""
        return any(not isinstance(each, ReadOnlyRefusal) for each in self.problems.values())

    def say_problems(self) -> None:
        """One line each on stderr."""
        for part, error in self.problems.items():
            say(f"{part}: {' '.join(error.one_line().split())}")


def read_disk(workstation: Workstation, settings: Settings, parts: Collection[DiskPart]) -> DiskReading:
    """Read these parts. Raises an EnvtuiError where the engine can't even list its containers."""
    from tui.commands.options import protection_of
    from tui.model.reclaim import disk_items
    from tui.monitor.disk_reading import read_facts, with_ends

    if workstation.disk is None:
        raise EnvtuiError("No disk", "nobody can tell what takes room on this host")
    listed, _ = workstation.containers.containers()
    containers = with_ends(workstation, listed) if DiskPart.CONTAINERS in parts else listed
    reading = DiskReading(containers)
    waiting = Waiting(parts)

    def told(part: DiskPart, error: EnvtuiError | None) -> None:
        if error is not None:
            reading.problems[part] = error
        waiting.done(part)

    with Interrupts() as interrupts:
        asked = Background(
            lambda: read_facts(
                workstation,
                containers,
                parts,
                lambda: interrupts.count > 0,
                told,
                ask_inside=not settings.read_only,
            ),
            "disk",
        )
        while not asked.wait():
            waiting.show()
            if interrupts.count:
                _let_end(asked, interrupts)
                break
        waiting.clear()
        if interrupts.count:
            reading.interrupted = interrupts.exit_code
            return reading
    reading.facts = asked.result()
    reading.items = disk_items(
        reading.facts,
        containers,
        protection_of(settings, workstation.owner),
        settings.environments.allow_base,
    )
    return reading


def _let_end(asked: Background[DiskFacts], interrupts: Interrupts) -> None:
    """Wait a while for what was called off; somebody who is in a hurry says so once more."""
    first, until = interrupts.count, time.monotonic() + _STOP_SECONDS
    if not asked.wait():
        StatusLine().show("ending what is being read … (ctrl+c again does not wait for it)")
    while not asked.wait() and interrupts.count == first and time.monotonic() < until:
        pass


class Waiting:
    """The line on a terminal that says what is still being read."""

    def __init__(self, parts: Collection[DiskPart]) -> None:
        """Nothing has been read yet."""
        self._left = sorted(parts, key=list(DiskPart).index)
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._line = StatusLine()

    def done(self, part: DiskPart) -> None:
        """This one has been read."""
        with self._lock:
            if part in self._left:
                self._left.remove(part)

    def show(self) -> None:
        """Say it anew."""
        seconds = time.monotonic() - self._began
        if seconds < _QUIET_SECONDS:
            return
        with self._lock:
            left = ", ".join(self._left)
        self._line.show(f"{seconds:.0f} s, reading {left} …" if left else "")

    def clear(self) -> None:
        """Nothing is being read any more."""
        self._line.clear()


class StatusLine:
    """One line on stderr that is written over, where that is a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        """There is none yet."""
        self._is_shown = False

    def show(self, words: str) -> None:
        """These words instead of those before; foreign text may be in them."""
        if sys.stderr.isatty():
            import shutil

            self._is_shown = True
            # a line that wraps can't be written over
            room = max(10, shutil.get_terminal_size().columns - 1)
            print(f"{_START_OF_LINE}{printable(words)[:room]}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take it away."""
        if self._is_shown:
            self._is_shown = False
            print(_START_OF_LINE, end="", file=sys.stderr, flush=True)
