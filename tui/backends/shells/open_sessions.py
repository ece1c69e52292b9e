"""Which sessions are open, in a file: what a killed envtui or a lost link left behind is ended later."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tui.backends.shells.kept_files import KeptEntries

_LOST, _MACHINE = "lost", "machine"


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """A session that is open, or was.

    Attributes:
        tag: by which its processes are found in the container.
        engine: as its endpoint names it.
        container_id: full id.
        user: whom it runs as, "" for the container's own.
        pid, start_ticks: of the envtui that opened it, see `start_ticks_of`.
    """

    tag: str
    engine: str
    container_id: str
    user: str
    pid: int
    start_ticks: int


class OpenSessions:
    """The records. Several envtui may use the folder at once. Every method may raise a SessionError."""

    def __init__(self, folder: Path) -> None:
        """Args: folder for the file; nothing is opened yet."""
        self._entries = KeptEntries(folder / "open_sessions.json")

    def add(self, record: OpenRecord) -> None:
        """Keep a record, in place of an earlier one with its tag."""
        with self._entries.changing() as entries:
            # a home may be shared by machines, and process numbers are not
            entries[record.tag] = {**asdict(record), _MACHINE: socket.gethostname()}

    def remove(self, tag: str) -> None:
        """Forget a session; one that is not there is fine."""
        with self._entries.changing() as entries:
            entries.pop(tag, None)

    def mark_lost(self, tag: str) -> None:
        """The link to it is gone: it counts as left behind from now on, though its envtui runs."""
        with self._entries.changing() as entries:
            if isinstance(entries.get(tag), dict):
                entries[tag][_LOST] = True

    def left_behind(self, engine: str) -> Sequence[OpenRecord]:
        """Those of an engine whose envtui does not run any more on this machine, or that were lost."""
        found = []
        for told in self._entries.read().values():
            record = _record(told)
            if record is None or record.engine != engine or told.get(_MACHINE) != socket.gethostname():
                continue
            if told.get(_LOST) is True or start_ticks_of(record.pid) != record.start_ticks:
                found.append(record)
        return found


def own_record(tag: str, engine: str, container_id: str, user: str) -> OpenRecord:
    """The record of a session that this process opens."""
    pid = os.getpid()
    return OpenRecord(tag, engine, container_id, user, pid, start_ticks_of(pid) or 0)


def start_ticks_of(pid: int) -> int | None:
    """When a process started, in clock ticks since the machine did (proc(5), field 22); None for none."""
    try:
        # the name before it may hold blanks and brackets
        after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(after_name[19])
    except (OSError, IndexError, ValueError):
        return None


def _record(told: Any) -> OpenRecord | None:
    """None for an entry that somebody else wrote."""
    if not isinstance(told, dict):
        return None
    values = {each.name: told.get(each.name) for each in fields(OpenRecord)}
    numbers = ("pid", "start_ticks")
    is_sound = all(isinstance(value, int if name in numbers else str) for name, value in values.items())
    return OpenRecord(**values) if is_sound else None  # type: ignore[arg-type]
