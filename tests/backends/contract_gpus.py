"""What holds for the GPUs of every host, be they a driver's or make-believe."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

import pytest

from tui.backends.base import Gpus, Ownership
from tui.model.containers import Container
from tui.model.errors import GpuDriverError
from tui.model.gpus import Gpu, GpuReport, MigInstance
from tui.model.owners import ProcessOwner
from tui.model.reading import Reading

_PERCENT = ("utilization_percent", "memory_bus_percent", "encoder_percent", "decoder_percent")
#: A number that no process has (above the largest pid_max of Linux, 2^22).
NO_SUCH_PID = (1 << 22) + 1


def readings(item: Any) -> dict[str, Reading[Any]]:
    """The figures of a fact, by name."""
    told = {each.name: getattr(item, each.name) for each in fields(item)}
    return {name: value for name, value in told.items() if isinstance(value, Reading)}


def check_readings(item: Any) -> None:
    """A value, or a reason why there is none."""
    for name, reading in readings(item).items():
        assert (reading.value is None) == bool(reading.reason), (name, reading)


def check_report(report: GpuReport) -> None:
    """A report of a host with GPUs and processes on them."""
    assert report.absence is None and report.driver_version and report.cuda_version
    assert report.gpus and report.processes and report.taken_at > 1.6e9
    indexes = [gpu.index for gpu in report.gpus]
    assert indexes == sorted(set(indexes))
    uuids = {gpu.uuid for gpu in report.gpus}
    assert len(uuids) == len(report.gpus) and not uuids & {lost.gpu.uuid for lost in report.lost}
    for gpu in report.gpus:
        _check_gpu(gpu, report)
    for process in report.processes:
        check_readings(process)
        assert process.gpu_uuid in uuids and process.pid > 0
        assert 0 <= (process.sm_percent.value or 0) <= 100
    for lost in report.lost:
        check_readings(lost.gpu)
        assert lost.why and lost.lost_at <= report.taken_at
        assert lost.xid is None or lost.xid in report.xids


def _check_gpu(gpu: Gpu, report: GpuReport) -> None:
    check_readings(gpu)
    assert gpu.name and gpu.bus_id.startswith("0000:") and gpu.uuid.startswith("GPU-")
    assert all(0 <= (getattr(gpu, name).value or 0) <= 100 for name in _PERCENT)
    _check_memory(gpu)
    for instance in gpu.mig_instances:
        check_readings(instance)
        assert instance.gpu_uuid == gpu.uuid
        _check_memory(instance)
    left = report.unexplained_memory(gpu)
    assert (left.value is None) == bool(left.reason) and (left.value or 0) >= 0


def _check_memory(device: Gpu | MigInstance) -> None:
    total, used = device.memory_total_bytes.value, device.memory_used_bytes.value
    assert total is not None and used is not None
    assert 0 <= used + (device.memory_reserved_bytes.value or 0) <= total


def check_past(gpus: Gpus) -> None:
    """Where somebody remembers: reports like those of now, oldest first, all of them before now."""
    now = gpus.report()
    past = list(gpus.past(60.0, 5.0))
    times = [report.taken_at for report in past]
    assert times == sorted(times) and all(now.taken_at - 61 <= each < now.taken_at for each in times)
    for report in past:
        check_report(report)


def check_closing(gpus: Gpus) -> None:
    """No more reports afterwards; closing twice is once."""
    gpus.close()
    gpus.close()
    with pytest.raises(GpuDriverError):
        gpus.report()


def check_owners(
    ownership: Ownership, pids: Collection[int], containers: Sequence[Container]
) -> dict[int, ProcessOwner]:
    """Owners of processes that are there, and of one that is not; gives back the former."""
    found = dict(ownership.owners([*pids, NO_SUCH_PID], containers))
    assert set(found) == {*pids, NO_SUCH_PID}
    gone = found.pop(NO_SUCH_PID)
    assert gone.identity is None
    assert all(each.value is None and each.reason for each in readings(gone).values())
    for pid, owner in found.items():
        check_readings(owner)
        assert owner.pid == pid and owner.identity is not None and owner.identity.pid == pid
        assert owner.user.value and owner.command.value and owner.started_at.value
        assert (owner.prefix.value is None) == (owner.environment.value is None)
    return found
