"""What a container uses: raw counters, and the figures that two samples of them give."""

from __future__ import annotations

from dataclasses import dataclass

from tui.model.reading import Reading, unknown

_FIRST_SAMPLE = "needs a second sample"


@dataclass(frozen=True, slots=True)
class StatsSample:
    """Counters of one container at one moment; None where the host does not tell.

    Attributes:
        taken_at: monotonic seconds on the side that read them.
        cpu_nanoseconds: processor time used since the start.
        memory_bytes: in use without inactive file cache, as `docker stats` counts.
        memory_limit_bytes: its limit, or the host's memory where it has none.
        network_rx_bytes, network_tx_bytes: over all interfaces but loopback since the start.
        block_read_bytes, block_write_bytes: over all devices since the start.
        missing: why a counter is None, by attribute name.
    """

    taken_at: float
    cpu_nanoseconds: int | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    pids: int | None = None
    network_rx_bytes: int | None = None
    network_tx_bytes: int | None = None
    block_read_bytes: int | None = None
    block_write_bytes: int | None = None
    missing: tuple[tuple[str, str], ...] = ()

    def why(self, counter: str) -> str:
        """Why `counter` is None."""
        return dict(self.missing).get(counter, "not told by this host")


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """The figures that are shown. CPU: 100 = one core, as `docker stats` counts."""

    cpu_percent: Reading[float]
    memory_bytes: Reading[int]
    memory_limit_bytes: Reading[int]
    pids: Reading[int]
    network_rx_bytes_per_second: Reading[float]
    network_tx_bytes_per_second: Reading[float]
    block_read_bytes_per_second: Reading[float]
    block_write_bytes_per_second: Reading[float]


def figures(before: StatsSample | None, now: StatsSample) -> ContainerStats:
    """The figures of `now`; those that are rates need a sample before it.

    A counter that went backwards (the container was restarted) gives no rate rather than a false one.
    """
    cpu = _rate(before, now, "cpu_nanoseconds")
    return ContainerStats(
        # nanoseconds of processor time per second of time: 1e9 is one core, shown as 100
        cpu_percent=cpu if cpu.value is None else Reading(cpu.value / 1e7, "", cpu.taken_at),
        memory_bytes=_level(now, "memory_bytes"),
        memory_limit_bytes=_level(now, "memory_limit_bytes"),
        pids=_level(now, "pids"),
        network_rx_bytes_per_second=_rate(before, now, "network_rx_bytes"),
        network_tx_bytes_per_second=_rate(before, now, "network_tx_bytes"),
        block_read_bytes_per_second=_rate(before, now, "block_read_bytes"),
        block_write_bytes_per_second=_rate(before, now, "block_write_bytes"),
    )


def _level(now: StatsSample, counter: str) -> Reading[int]:
    value: int | None = getattr(now, counter)
    return unknown(now.why(counter)) if value is None else Reading(value, "", now.taken_at)


def _rate(before: StatsSample | None, now: StatsSample, counter: str) -> Reading[float]:
    new: int | None = getattr(now, counter)
    if new is None:
        return unknown(now.why(counter))
    old: int | None = getattr(before, counter) if before is not None else None
    elapsed = now.taken_at - before.taken_at if before is not None else 0.0
    if old is None or elapsed <= 0 or new < old:
        return unknown(_FIRST_SAMPLE)
    return Reading((new - old) / elapsed, "", now.taken_at)
