"""What containers use: from the kernel's control groups where they are readable, else from the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tui.backends.deadline import STATS_SECONDS
from tui.backends.docker.cgroups import CgroupReader
from tui.backends.docker.engine import DockerEngine
from tui.backends.parallel import in_parallel
from tui.model.containers import Container, ContainerState
from tui.model.errors import NoSuchContainer
from tui.model.stats import StatsSample

# Engines before 23 hold each one-shot question for up to a second: this many rows a second are asked.
_QUESTIONS_AT_ONCE = 16


class DockerStatistics:
    """Counters of running containers, from the cheapest source that works for each."""

    def __init__(
        self,
        engine: DockerEngine,
        cgroups: CgroupReader | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: the engine; a reader of this machine's control groups where the engine runs on it."""
        self._engine = engine
        self._cgroups = cgroups
        self._clock = clock

    def samples(self, containers: Sequence[Container]) -> Mapping[str, StatsSample]:
        """Counters by id of those that run. Raises an EngineError when the engine can't be asked."""
        alive = [each for each in containers if each.state in (ContainerState.RUNNING, ContainerState.PAUSED)]
        found: dict[str, StatsSample] = {}
        ask: list[Container] = []
        for container in alive:
            sample = self._cgroups.sample(container) if self._cgroups is not None else None
            if sample is None:
                ask.append(container)
            else:
                found[container.id] = sample
        if ask:
            self._engine.api_version()
            answers = in_parallel(self._ask, ask, limit=_QUESTIONS_AT_ONCE, name="stats")
            found.update((each.id, answer) for each, answer in zip(ask, answers, strict=True) if answer)
        return found

    def _ask(self, container: Container) -> StatsSample | None:
        path = f"/containers/{quote(container.id, safe='')}/stats?stream=0&one-shot=1"
        try:
            told = self._engine.http.get_json(path, STATS_SECONDS)
        except NoSuchContainer:
            return None
        return from_engine(told or {}, self._clock())


def from_engine(told: Mapping[str, Any], taken_at: float) -> StatsSample | None:
    """Counters from the engine's answer; None when the container does not run (it then sends zeros).

    Memory as the official client computes it: without `total_inactive_file` (cgroup v1) or
    `inactive_file` (v2). A container without a network of its own has no `networks`.
    """
    memory = told.get("memory_stats") or {}
    usage = memory.get("usage")
    if usage is None:
        return None
    parts = memory.get("stats") or {}
    inactive = parts.get("total_inactive_file", parts.get("inactive_file", 0)) or 0
    networks = told.get("networks")
    blocks = (told.get("blkio_stats") or {}).get("io_service_bytes_recursive")
    missing = []
    if networks is None:
        missing += [(f"network_{way}_bytes", "uses the host's network or none") for way in ("rx", "tx")]
    if blocks is None:
        missing += [(f"block_{way}_bytes", "the engine does not count it") for way in ("read", "write")]
    return StatsSample(
        taken_at=taken_at,
        cpu_nanoseconds=((told.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage"),
        memory_bytes=usage - inactive if inactive < usage else usage,
        memory_limit_bytes=memory.get("limit") or None,
        pids=(told.get("pids_stats") or {}).get("current"),
        network_rx_bytes=_summed(networks, "rx_bytes"),
        network_tx_bytes=_summed(networks, "tx_bytes"),
        block_read_bytes=_blocks(blocks, "r"),
        block_write_bytes=_blocks(blocks, "w"),
        missing=tuple(missing),
    )


def _summed(networks: Mapping[str, Any] | None, counter: str) -> int | None:
    return None if networks is None else sum(each.get(counter) or 0 for each in networks.values())


def _blocks(entries: Sequence[Mapping[str, Any]] | None, first_letter: str) -> int | None:
    if entries is None:
        return None
    return sum(
        entry.get("value") or 0
        for entry in entries
        if str(entry.get("op") or "").lower().startswith(first_letter)
    )
