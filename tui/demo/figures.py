"""What the make-believe containers use: smooth, seeded functions of the time, summed up to counters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tui.demo.life import DemoContainer
from tui.model.containers import ContainerState
from tui.model.stats import StatsSample

#: Memory and processors of the make-believe machine: 503 GiB is what a board with 512 GB leaves to Linux.
MEMORY_BYTES = 503 << 30
CPUS = 64

_GIB = 1 << 30
# one per cent of one core, in nanoseconds of processor time per second
_NANOSECONDS_PER_PERCENT = 10_000_000
# a training job has read its data and filled its caches after this long
_WARM_UP_SECONDS = 90.0
# two periods without a common multiple nearby, so that a minute of history does not look drawn by hand
_LONG_PERIOD_SECONDS, _SHORT_PERIOD_SECONDS = 47.0, 11.0


@dataclass(slots=True)
class Meter:
    """The counters of one run of one container: cpu, rx, tx, read, write."""

    started_at: float | None
    read_at: float
    counters: list[float] = field(default_factory=list)


def rates(container: DemoContainer, now: float) -> list[int]:
    """CPU nanoseconds and bytes received, sent, read and written per second at the time `now`."""
    if container.state is not ContainerState.RUNNING:
        return [0, 0, 0, 0, 0]
    load = container.blueprint.load
    means = (
        load.cpu_percent * _NANOSECONDS_PER_PERCENT,
        load.receive_bytes,
        load.send_bytes,
        load.read_bytes,
        load.write_bytes,
    )
    # processors are steadier than disks and networks
    swings = (0.08, 0.4, 0.4, 0.3, 0.6)
    return [
        max(0, round(mean * (1 + swing * _wave(container, now, index))))
        for index, (mean, swing) in enumerate(zip(means, swings, strict=True))
    ]


def memory_bytes(container: DemoContainer, now: float) -> int:
    """Memory in use at the time `now`, below the container's limit."""
    age = now - (container.started_at or now)
    warm = min(1.0, 0.3 + 0.7 * max(0.0, age) / _WARM_UP_SECONDS)
    swing = 0.02 * _wave(container, now, 5) if container.state is ContainerState.RUNNING else 0.0
    used = int(container.blueprint.load.memory_gib * _GIB * warm * (1 + swing))
    return min(used, memory_limit_bytes(container))


def memory_limit_bytes(container: DemoContainer) -> int:
    """Its own limit, or the machine's memory."""
    limit = container.blueprint.memory_limit_gib
    return MEMORY_BYTES if limit is None else limit * _GIB


def sample(
    container: DemoContainer, meter: Meter | None, now: float, taken_at: float
) -> tuple[StatsSample, Meter]:
    """The counters at `taken_at` and the meter to go on with.

    They grow by the rates of `now` times the time since the meter was read, so that two samples of a
    clock that stands still give exactly these rates.
    """
    current = rates(container, now)
    if meter is None or meter.started_at != container.started_at:
        uptime = max(0.0, now - (container.started_at or now))
        meter = Meter(container.started_at, taken_at, [float(round(rate * uptime)) for rate in current])
    elapsed = max(0.0, taken_at - meter.read_at)
    meter.counters = [count + rate * elapsed for count, rate in zip(meter.counters, current, strict=True)]
    meter.read_at = max(taken_at, meter.read_at)
    cpu, received, sent, read, written = (int(count) for count in meter.counters)
    shared = container.blueprint.network_mode == "host"
    why = "shares the host's network, which the engine does not count"
    taken = StatsSample(
        taken_at=taken_at,
        cpu_nanoseconds=cpu,
        memory_bytes=memory_bytes(container, now),
        memory_limit_bytes=memory_limit_bytes(container),
        pids=container.blueprint.load.pids,
        network_rx_bytes=None if shared else received,
        network_tx_bytes=None if shared else sent,
        block_read_bytes=read,
        block_write_bytes=written,
        missing=(("network_rx_bytes", why), ("network_tx_bytes", why)) if shared else (),
    )
    return taken, meter


def _wave(container: DemoContainer, now: float, index: int) -> float:
    """Smooth noise between -1 and 1, another one for each container and index."""
    first, second = (container.phases[2 * index + which] / 256 for which in (8, 9))
    long = math.sin(2 * math.pi * (now / _LONG_PERIOD_SECONDS + first))
    short = math.sin(2 * math.pi * (now / _SHORT_PERIOD_SECONDS + second))
    return 0.6 * long + 0.4 * short
