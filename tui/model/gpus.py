"""GPUs as their driver tells of them: figures, MIG instances, processes, errors, and those that are lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tui.model.errors import GpuError
from tui.model.reading import Reading, unknown

#: Stands for a figure before the driver was asked for it.
NOT_READ: Reading[Any] = Reading(None, "not read yet")


class ProcessType(StrEnum):
    """What a process does on a GPU, as far as the driver lists it."""

    COMPUTE = "compute"
    GRAPHICS = "graphics"
    #: in both lists
    BOTH = "both"
    #: a client of the multi-process service
    MPS = "mps"


@dataclass(frozen=True, slots=True)
class RemappedRows:
    """Rows of memory that were replaced by spare ones.

    Attributes:
        correctable, uncorrectable: how many, by the kind of error that led to it.
        is_pending: a row waits for the next reset to be replaced.
        has_failed: a row could not be replaced.
    """

    correctable: int
    uncorrectable: int
    is_pending: bool
    has_failed: bool


@dataclass(frozen=True, slots=True)
class ThrottleShare:
    """How long something held the clocks down.

    Attributes:
        reason: in words.
        percent: of the time since the sample before.
    """

    reason: str
    percent: float


@dataclass(frozen=True, slots=True)
class MigInstance:
    """A part of a GPU that programs see as a GPU of its own.

    Attributes:
        uuid: its key, as programs name it in CUDA_VISIBLE_DEVICES.
        gpu_uuid: of the GPU that it is a part of.
        index: among the GPU's instances.
        name: as the driver calls it, "" where it does not say.
        gpu_instance_id, compute_instance_id: by which processes name it; None where the driver does not say.
        memory_total_bytes, memory_used_bytes, memory_reserved_bytes: as those of a GPU.
    """

    uuid: str
    gpu_uuid: str
    index: int
    name: str = ""
    gpu_instance_id: int | None = None
    compute_instance_id: int | None = None
    memory_total_bytes: Reading[int] = NOT_READ
    memory_used_bytes: Reading[int] = NOT_READ
    memory_reserved_bytes: Reading[int] = NOT_READ


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU and its figures at one moment.

    Attributes:
        uuid: its key; the index changes when GPUs come and go, and is not CUDA's.
        index: the driver's.
        name: as the driver calls it, "" where it does not say.
        bus_id: PCI address with the kernel's four digits of domain, `0000:01:00.0`; "" where not told.
        compute_capability: such as "9.0".
        is_asleep: the kernel has switched it off; asking the driver would wake it, so figures are unknown.
        utilization_percent: share of time in which at least one kernel ran, not how much of the GPU it used.
        memory_bus_percent: share of time in which its memory was read or written.
        memory_used_bytes: without what the driver keeps for itself where that is known apart.
        memory_reserved_bytes: what the driver keeps for itself; unknown with drivers before 510, which
            count it as used.
        temperature_celsius, slowdown_celsius, shutdown_celsius: of the chip, and where it slows or stops.
        memory_temperature_celsius: of the memory, where it has a sensor.
        power_watts, power_limit_watts: drawn, and the limit that holds now.
        fan_percent: speed that the driver intends; may be over 100.
        performance_state: 0 (fastest) to 15.
        throttle_reasons: what holds its clocks down, in words; () for nothing.
        throttle_shares: for how much of the last seconds, of the reasons that the driver counts.
        pcie_generation, pcie_width, and their `_max`: of the link; it is slower while nothing is to be done.
        pcie_tx_bytes_per_second, pcie_rx_bytes_per_second: from, and to the GPU.
        nvlink_links: how many NVLinks it has.
        nvlink_tx_bytes_per_second, nvlink_rx_bytes_per_second: data over all of them.
        ecc_corrected_errors, ecc_uncorrected_errors: of its memory since the driver was loaded.
        is_persistent: the driver stays loaded while nobody uses the GPU.
        compute_mode: who may compute on it at the same time, in words.
        is_mig: its mode for being split into instances is on.
        mig_instances: what it is split into.
    """

    uuid: str
    index: int
    name: str = ""
    bus_id: str = ""
    is_asleep: bool = False
    compute_capability: Reading[str] = NOT_READ
    utilization_percent: Reading[float] = NOT_READ
    memory_bus_percent: Reading[float] = NOT_READ
    encoder_percent: Reading[float] = NOT_READ
    decoder_percent: Reading[float] = NOT_READ
    memory_total_bytes: Reading[int] = NOT_READ
    memory_used_bytes: Reading[int] = NOT_READ
    memory_reserved_bytes: Reading[int] = NOT_READ
    temperature_celsius: Reading[int] = NOT_READ
    slowdown_celsius: Reading[int] = NOT_READ
    shutdown_celsius: Reading[int] = NOT_READ
    memory_temperature_celsius: Reading[int] = NOT_READ
    power_watts: Reading[float] = NOT_READ
    power_limit_watts: Reading[float] = NOT_READ
    fan_percent: Reading[float] = NOT_READ
    performance_state: Reading[int] = NOT_READ
    sm_clock_mhz: Reading[int] = NOT_READ
    sm_clock_max_mhz: Reading[int] = NOT_READ
    memory_clock_mhz: Reading[int] = NOT_READ
    memory_clock_max_mhz: Reading[int] = NOT_READ
    throttle_reasons: Reading[tuple[str, ...]] = NOT_READ
    throttle_shares: Reading[tuple[ThrottleShare, ...]] = NOT_READ
    pcie_generation: Reading[int] = NOT_READ
    pcie_generation_max: Reading[int] = NOT_READ
    pcie_width: Reading[int] = NOT_READ
    pcie_width_max: Reading[int] = NOT_READ
    pcie_tx_bytes_per_second: Reading[float] = NOT_READ
    pcie_rx_bytes_per_second: Reading[float] = NOT_READ
    nvlink_links: Reading[int] = NOT_READ
    nvlink_tx_bytes_per_second: Reading[float] = NOT_READ
    nvlink_rx_bytes_per_second: Reading[float] = NOT_READ
    ecc_corrected_errors: Reading[int] = NOT_READ
    ecc_uncorrected_errors: Reading[int] = NOT_READ
    remapped_rows: Reading[RemappedRows] = NOT_READ
    is_persistent: Reading[bool] = NOT_READ
    compute_mode: Reading[str] = NOT_READ
    is_mig: Reading[bool] = NOT_READ
    mig_instances: tuple[MigInstance, ...] = ()


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process on a GPU; one that uses several GPUs is there once for each.

    Attributes:
        pid: on the host, whatever container it runs in.
        gpu_uuid: of the GPU.
        type: see there.
        memory_bytes: of the GPU's memory.
        sm_percent: share of the GPU's processors over the last seconds.
        gpu_instance_id, compute_instance_id: of the MIG instance; None outside any.
    """

    pid: int
    gpu_uuid: str
    type: ProcessType
    memory_bytes: Reading[int]
    sm_percent: Reading[float]
    gpu_instance_id: int | None = None
    compute_instance_id: int | None = None


@dataclass(frozen=True, slots=True)
class XidEvent:
    """An error that the driver reported of a GPU while we watched.

    Attributes:
        code: NVIDIA's Xid.
        words: what it means.
        at: epoch seconds, when we heard of it.
        gpu_uuid: of the GPU.
    """

    code: int
    words: str
    at: float
    gpu_uuid: str


@dataclass(frozen=True, slots=True)
class LostGpu:
    """A GPU that was there and does not answer any more.

    Attributes:
        gpu: as it was last; each figure says when it was taken.
        why: in words.
        lost_at: epoch seconds, when we noticed.
        xid: the last error that the driver reported of it, None where it reported none to us.
    """

    gpu: Gpu
    why: str
    lost_at: float
    xid: XidEvent | None = None


@dataclass(frozen=True, slots=True)
class GpuReport:
    """All GPUs of a host at one moment, or why there is none.

    Attributes:
        driver_version: such as "550.54.15", None where it is not known.
        cuda_version: that the driver brings, such as "12.4", None where it is not known.
        gpus: those that answer, by index.
        processes: on all of them.
        processes_unknown: why the processes of a GPU are not known, by its uuid.
        lost: those that do not answer any more.
        xids: the errors of all of them since we watch, oldest first; the oldest are dropped.
        taken_at: epoch seconds, by our clock.
        absence: why there is no GPU; then all else but the versions is empty.
    """

    driver_version: str | None = None
    cuda_version: str | None = None
    gpus: tuple[Gpu, ...] = ()
    processes: tuple[GpuProcess, ...] = ()
    processes_unknown: tuple[tuple[str, str], ...] = ()
    lost: tuple[LostGpu, ...] = ()
    xids: tuple[XidEvent, ...] = ()
    taken_at: float = 0.0
    absence: GpuError | None = None

    def processes_of(self, gpu_uuid: str) -> tuple[GpuProcess, ...]:
        """The processes on one GPU."""
        return tuple(process for process in self.processes if process.gpu_uuid == gpu_uuid)

    def why_no_processes(self, gpu_uuid: str) -> str:
        """Why the processes of a GPU are not known; "" where they are."""
        return dict(self.processes_unknown).get(gpu_uuid, "")

    def unexplained_memory(self, gpu: Gpu) -> Reading[int]:
        """Memory of a GPU that no process of its explains, in bytes."""
        why = self.why_no_processes(gpu.uuid)
        return unknown(why) if why else unexplained_memory(gpu, self.processes_of(gpu.uuid))


def unexplained_memory(gpu: Gpu, processes: Iterable[GpuProcess]) -> Reading[int]:
    """What is used of a GPU's memory beyond what `processes`, all that are on it, are said to hold.

    Unknown where any part is: the rows and this one always add up to what is used.
    """
    used = gpu.memory_used_bytes
    if used.value is None:
        return used
    left = used.value
    for process in processes:
        if process.memory_bytes.value is None:
            return unknown(f"memory of process {process.pid} is unknown: {process.memory_bytes.reason}")
        left -= process.memory_bytes.value
    if left < 0:
        return unknown("its processes are said to hold more than is used")
    return Reading(left, "", used.taken_at)
