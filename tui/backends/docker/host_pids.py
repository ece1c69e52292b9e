"""The numbers that a container's processes have on this machine, from its control group and `/proc`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tui.backends.docker.cgroups import CgroupReader, CgroupRoots
from tui.model.containers import Container

_PID_LINE = "NSpid:"


class LocalHostPids:
    """Of containers that run on this machine."""

    def __init__(self, roots: CgroupRoots | None = None) -> None:
        """Args: roots of the kernel's files."""
        self._roots = roots or CgroupRoots()
        self._groups = CgroupReader(self._roots)
        self._lock = threading.Lock()

    def host_pids(self, container: Container, pids: Sequence[int]) -> Mapping[int, int] | None:
        """Number here by number in the container; None where the container's group can't be seen.

        The kernel tells all numbers of a process, from ours to its innermost one (proc(5), NSpid, since 4.1).
        """
        if not pids:
            return {}
        with self._lock:
            processes = self._groups.process_ids(container.id)
        if processes is None:
            return None
        wanted = set(pids)
        found = ((_innermost(self._roots.proc, process), process) for process in processes)
        return {inside: process for inside, process in found if inside in wanted}


def _innermost(proc: Path, process_id: int) -> int:
    """The number that a process has for itself; 0 for one that has gone."""
    try:
        with (proc / str(process_id) / "status").open() as lines:
            for line in lines:
                if line.startswith(_PID_LINE):
                    return int(line.split()[-1])
    except (OSError, ValueError):
        pass
    return 0
