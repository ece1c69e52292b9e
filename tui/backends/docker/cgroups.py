"""Counters of a container from the kernel's control groups, versions 1 and 2, and from /proc.

Costs the engine nothing and needs no waiting. Sources: kernel documentation, admin-guide/cgroup-v1
and cgroup-v2; which figures `docker stats` makes of them: docker/cli, formatter/stats.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tui.model.containers import Container
from tui.model.stats import StatsSample

# Where engines put a container's group: cgroupfs and systemd drivers, Docker and Podman, below the root.
_USUAL_PLACES = (
    "docker/{id}",
    "system.slice/docker-{id}.scope",
    "machine.slice/libpod-{id}.scope",
    "libpod_parent/libpod-{id}",
)
# Kernels answer "no limit" on version 1 with the largest page-aligned 64-bit number.
_NO_LIMIT_V1 = 1 << 60
# A group that is not at a usual place is looked for in the whole tree; again after this many seconds.
_SEARCH_AGAIN_SECONDS = 30.0
# systemd as the container's own init, and crun, keep no process in the group itself but in groups below it.
_PROCESS_DEPTH = 2
# Podman's monitor has a group of its own, named after the container, too.
_MONITOR = "conmon"
# Deeper than any slice that a rootless engine nests its groups in.
_SEARCH_DEPTH = 9


@dataclass(frozen=True, slots=True)
class CgroupRoots:
    """Where the kernel's files are; another root for tests.

    Attributes:
        cgroup: usually /sys/fs/cgroup.
        proc: usually /proc.
    """

    cgroup: Path = Path("/sys/fs/cgroup")
    proc: Path = Path("/proc")


class CgroupReader:
    """Reads the groups of containers that run on this machine. Used by one thread."""

    def __init__(self, roots: CgroupRoots | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: roots of the kernel's files; clock in monotonic seconds."""
        self._roots = roots or CgroupRoots()
        self._clock = clock
        self._unified = (self._roots.cgroup / "cgroup.controllers").exists()
        self._groups: dict[str, str] = {}
        self._not_found: dict[str, float] = {}
        self._host_memory = self._read_host_memory()

    def sample(self, container: Container) -> StatsSample | None:
        """Counters of one running container; None where its group can't be found or read."""
        group = self._group(container.id)
        if group is None:
            return None
        sample = self._sample_v2(group, container) if self._unified else self._sample_v1(group, container)
        if sample is None:
            # it ended, or started again in another place
            self._groups.pop(container.id, None)
        return sample

    def process_ids(self, container_id: str) -> list[int] | None:
        """The container's processes, by the numbers of this machine; None where its group can't be seen."""
        group = self._group(container_id)
        if group is None:
            return None
        base = self._roots.cgroup if self._unified else self._roots.cgroup / "memory"
        return _processes(str(base / group), _PROCESS_DEPTH)

    def _sample_v2(self, group: str, container: Container) -> StatsSample | None:
        folder = f"{self._roots.cgroup}/{group}"
        cpu = _flat(_read(f"{folder}/cpu.stat")).get("usage_usec")
        usage = _number(_read(f"{folder}/memory.current"))
        if cpu is None and usage is None:
            return None
        received, sent = self._network(folder, container)
        read, written = _io_v2(_read(f"{folder}/io.stat"))
        limit = _number(_read(f"{folder}/memory.max"))
        return self._made(
            container,
            cpu_nanoseconds=cpu * 1000 if cpu is not None else None,
            usage=usage,
            inactive=_flat(_read(f"{folder}/memory.stat")).get("inactive_file", 0),
            limit=limit,
            pids=_number(_read(f"{folder}/pids.current")),
            network=(received, sent),
            blocks=(read, written),
        )

    def _sample_v1(self, group: str, container: Container) -> StatsSample | None:
        root = self._roots.cgroup
        memory = f"{root}/memory/{group}"
        cpu = _number(_read(f"{root}/cpuacct/{group}/cpuacct.usage"))
        usage = _number(_read(f"{memory}/memory.usage_in_bytes"))
        if cpu is None and usage is None:
            return None
        limit = _number(_read(f"{memory}/memory.limit_in_bytes"))
        return self._made(
            container,
            cpu_nanoseconds=cpu,
            usage=usage,
            inactive=_flat(_read(f"{memory}/memory.stat")).get("total_inactive_file", 0),
            limit=limit if limit is not None and limit < _NO_LIMIT_V1 else None,
            pids=_number(_read(f"{root}/pids/{group}/pids.current")),
            network=self._network(memory, container),
            blocks=_io_v1(_read(f"{root}/blkio/{group}/blkio.throttle.io_service_bytes_recursive")),
        )

    def _made(
        self,
        container: Container,
        *,
        cpu_nanoseconds: int | None,
        usage: int | None,
        inactive: int,
        limit: int | None,
        pids: int | None,
        network: tuple[int | None, int | None],
        blocks: tuple[int | None, int | None],
    ) -> StatsSample:
        missing = []
        if network[0] is None:
            why = (
                "uses the host's network" if container.network_mode == "host" else "not readable by this user"
            )
            missing += [("network_rx_bytes", why), ("network_tx_bytes", why)]
        if blocks[0] is None:
            why = "the kernel does not count it here"
            missing += [("block_read_bytes", why), ("block_write_bytes", why)]
        if usage is not None and inactive < usage:
            usage -= inactive
        return StatsSample(
            taken_at=self._clock(),
            cpu_nanoseconds=cpu_nanoseconds,
            memory_bytes=usage,
            memory_limit_bytes=limit if limit is not None else self._host_memory,
            pids=pids,
            network_rx_bytes=network[0],
            network_tx_bytes=network[1],
            block_read_bytes=blocks[0],
            block_write_bytes=blocks[1],
            missing=tuple(missing),
        )

    def _network(self, folder: str, container: Container) -> tuple[int | None, int | None]:
        """Bytes received and sent over all interfaces but loopback, in the container's own network."""
        if container.network_mode == "host":
            return None, None
        process_id = _first_process(folder, _PROCESS_DEPTH)
        table = _read(f"{self._roots.proc}/{process_id}/net/dev") if process_id else None
        if table is None:
            return None, None
        received = sent = 0
        for line in table.splitlines()[2:]:
            interface, _, counters = line.partition(":")
            fields = counters.split()
            if interface.strip() != "lo" and len(fields) > 8:
                received += int(fields[0])
                sent += int(fields[8])
        return received, sent

    def _group(self, container_id: str) -> str | None:
        """The group's path below a controller's root, from memory, a usual place, or a search."""
        known = self._groups.get(container_id)
        if known is not None:
            return known
        base = self._roots.cgroup if self._unified else self._roots.cgroup / "memory"
        for place in _USUAL_PLACES:
            group = place.format(id=container_id)
            if os.path.isdir(base / group):
                self._groups[container_id] = group
                self._forget_others()
                return group
        now = self._clock()
        if self._not_found.get(container_id, -_SEARCH_AGAIN_SECONDS) + _SEARCH_AGAIN_SECONDS > now:
            return None
        found = next(_search(str(base), container_id, _SEARCH_DEPTH), None)
        if found is None:
            self._not_found[container_id] = now
            return None
        self._groups[container_id] = os.path.relpath(found, base)
        return self._groups[container_id]

    def _forget_others(self) -> None:
        """Bound the memory of a machine that starts thousands of short containers."""
        if len(self._groups) > 2000:
            self._groups.clear()
            self._not_found.clear()

    def _read_host_memory(self) -> int | None:
        for line in (_read(f"{self._roots.proc}/meminfo") or "").splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
        return None


def _first_process(folder: str, depth: int) -> str:
    """The process id of any process of a group, "" where none can be seen."""
    first = (_read(f"{folder}/cgroup.procs") or "").partition("\n")[0]
    if first or not depth:
        return first
    return next(filter(None, (_first_process(path, depth - 1) for path in _folders(folder))), "")


def _processes(folder: str, depth: int) -> list[int]:
    own = [int(each) for each in (_read(f"{folder}/cgroup.procs") or "").split() if each.isdecimal()]
    below = _folders(folder) if depth else []
    return own + [number for path in below for number in _processes(path, depth - 1)]


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _search(folder: str, container_id: str, depth: int) -> Iterator[str]:
    for path in _folders(folder):
        name = os.path.basename(path)
        if container_id in name and _MONITOR not in name:
            yield path
        elif depth:
            yield from _search(path, container_id, depth - 1)


def _read(path: str) -> str | None:
    # os.open and one read: these files are small, and this is called hundreds of times a second
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, 65536).decode("ascii", "replace")
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _number(text: str | None) -> int | None:
    word = (text or "").strip()
    return int(word) if word.isdigit() else None


def _flat(text: str | None) -> dict[str, int]:
    """A file of `key value` lines."""
    found = {}
    for line in (text or "").splitlines():
        key, _, value = line.partition(" ")
        if value.isdigit():
            found[key] = int(value)
    return found


def _io_v1(text: str | None) -> tuple[int | None, int | None]:
    """Lines `8:0 Read 4096`; a file with only `Total 0` means that nothing was read or written."""
    if text is None:
        return None, None
    sums = {"Read": 0, "Write": 0}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in sums:
            sums[fields[1]] += int(fields[2])
    return sums["Read"], sums["Write"]


def _io_v2(text: str | None) -> tuple[int | None, int | None]:
    """Lines `8:0 rbytes=4096 wbytes=0 …`; an empty file means that nothing was read or written."""
    if text is None:
        return None, None
    read = written = 0
    for line in text.splitlines():
        for word in line.split()[1:]:
            key, _, value = word.partition("=")
            if value.isdigit():
                read += int(value) if key == "rbytes" else 0
                written += int(value) if key == "wbytes" else 0
    return read, written
