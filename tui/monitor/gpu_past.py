"""What the GPUs did in the last ten minutes, and how long each process has been holding memory idly."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from tui.model.entitlement import HoldSample
from tui.model.gpus import GpuReport

#: As far as graphs go back.
PAST_SECONDS = 600.0
# Once a second, and some more.
_MOST_MOMENTS = 700
# A process is looked at over spans of this length; the busiest moment of each counts.
_SPAN_SECONDS = 15.0
# Enough for half an hour.
_MOST_SPANS = 120


@dataclass(frozen=True, slots=True)
class Moment:
    """A GPU at one moment; None where a figure was not known.

    Attributes:
        at: epoch seconds.
        utilization_percent, memory_percent: 0 to 100.
    """

    at: float
    utilization_percent: float | None
    memory_percent: float | None


class GpuPast:
    """Moments of each GPU. For one thread."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._moments: dict[str, deque[Moment]] = {}

    def add(self, report: GpuReport) -> None:
        """Take what a report says."""
        for gpu in report.gpus:
            used, total = gpu.memory_used_bytes.value, gpu.memory_total_bytes.value
            share = 100.0 * used / total if used is not None and total else None
            moment = Moment(report.taken_at, gpu.utilization_percent.value, share)
            self._moments.setdefault(gpu.uuid, deque(maxlen=_MOST_MOMENTS)).append(moment)
        known = {gpu.uuid for gpu in report.gpus} | {lost.gpu.uuid for lost in report.lost}
        for uuid in self._moments.keys() - known:
            del self._moments[uuid]

    def snapshot(self, now: float) -> Mapping[str, tuple[Moment, ...]]:
        """Of the last ten minutes, oldest first, by uuid."""
        return {
            uuid: tuple(each for each in moments if each.at > now - PAST_SECONDS)
            for uuid, moments in self._moments.items()
        }


class Holds:
    """What processes held and did, thinned out. For one thread."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._samples: dict[tuple[int, str], deque[HoldSample]] = {}

    def add(self, report: GpuReport, at: float) -> None:
        """Take what a report says of each process at `at` (seconds); forget those that are gone."""
        seen = set()
        for process in report.processes:
            key = process.pid, process.gpu_uuid
            seen.add(key)
            kept = self._samples.setdefault(key, deque(maxlen=_MOST_SPANS))
            new = HoldSample(at, process.memory_bytes.value, process.sm_percent.value)
            if len(kept) > 1 and at - kept[-2].at < _SPAN_SECONDS:
                kept[-1] = _busier(kept[-1], new)
            else:
                kept.append(new)
        for key in self._samples.keys() - seen:
            del self._samples[key]

    def of(self, pid: int, gpu_uuid: str) -> tuple[HoldSample, ...]:
        """What is known of one process on one GPU, oldest first."""
        return tuple(self._samples.get((pid, gpu_uuid), ()))


def _busier(old: HoldSample, new: HoldSample) -> HoldSample:
    """Both as one: the newest time and memory, the most work; unknown where one of them is."""
    if old.sm_percent is None or new.sm_percent is None:
        return HoldSample(new.at, new.memory_bytes, None)
    return HoldSample(new.at, new.memory_bytes, max(old.sm_percent, new.sm_percent))
