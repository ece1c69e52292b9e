"""One GPU as NVML's thread knows it: its handle, its newest figures and what they were made from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from tui.backends.gpu import nvml_figures as figures
from tui.backends.gpu.nvml_calls import SUCCESS, Door, GpuLost, Target
from tui.backends.gpu.nvml_fields import FieldReader
from tui.backends.gpu.nvml_processes import Listed, ProcessReader, Shares, processes_of
from tui.model.gpus import NOT_READ, Gpu, GpuProcess, MigInstance
from tui.model.reading import Reading, unknown

ASLEEP: Reading[Any] = Reading(None, "asleep")
FIGURES = tuple(each.name for each in fields(Gpu) if each.default is NOT_READ)
# it is in the silicon, and a verdict on an environment needs it
_HOLDS_ASLEEP = frozenset({"compute_capability"})


@dataclass(slots=True)
class Instance:
    """A MIG instance."""

    target: Target
    index: int
    name: str
    gpu_instance_id: int | None
    compute_instance_id: int | None
    memory: dict[str, Reading[Any]] = field(default_factory=dict)


class Device:
    """One GPU. Every method raises GpuLost or DriverTrouble.

    Attributes:
        target: it, for the door; the key is its uuid.
        index, name, bus_id: as in Gpu.
        is_asleep: the kernel has switched it off, nothing of it may be asked.
        is_known: all of its figures were read once.
    """

    def __init__(self, target: Target, index: int, bus_id: str, epoch_seconds: float) -> None:
        """Args: the GPU; where it is; now."""
        self.target, self.index, self.bus_id = target, index, bus_id
        self.name = ""
        self.is_asleep = self.is_known = False
        self._processes: list[GpuProcess] = []
        self._processes_unknown = ""
        self._figures: dict[str, Reading[Any]] = {}
        self._fields = FieldReader()
        self._shares = Shares(epoch_seconds)
        self._graphics: list[Listed] = []
        self._mps: list[Listed] = []
        self._instances: list[Instance] = []

    @property
    def uuid(self) -> str:
        """Its key."""
        return self.target.key

    @property
    def _is_mig(self) -> bool:
        reading = self._figures.get("is_mig")
        return reading is not None and bool(reading.value)

    def read_static(self, door: Door) -> None:
        """What does not change."""
        name = door.ask(self.target, "nvmlDeviceGetName")
        self.name = "" if name.value is None else str(name.value)
        self._read(door, figures.STATIC)

    def read_slow(self, door: Door) -> None:
        """What changes seldom, and into which instances it is split."""
        was_mig = self._is_mig
        self._read(door, figures.SLOW)
        if self._is_mig != was_mig:
            # other figures are told now
            door.forget(self.uuid)
        self._instances = self._read_instances(door) if self._is_mig else []

    def read_medium(self, door: Door) -> None:
        """What changes within seconds."""
        self._read(door, figures.MEDIUM)

    def read_fast(self, door: Door) -> None:
        """What changes all the time."""
        self._figures |= figures.utilization(door, self.target, self._is_mig)
        self._figures |= figures.memory(door, self.target)
        self._read(door, figures.FAST)
        for instance in tuple(self._instances):
            try:
                instance.memory = figures.memory(door, instance.target)
            except GpuLost:
                # the GPU itself has just answered: only the instance was taken away
                self._instances.remove(instance)

    def read_fields(self, door: Door) -> None:
        """What is told with one call for all of it."""
        self._figures |= self._fields.read(door, self.target)

    @property
    def needs_window(self) -> bool:
        """Whether `read_window` is wanted a moment after `read_fields`."""
        return self._fields.needs_window

    def read_window(self, door: Door) -> None:
        """How much goes over the link."""
        link = self._known("pcie_generation_max"), self._known("pcie_width_max")
        self._figures |= self._fields.read_window(door, self.target, *link)

    def read_processes(self, reader: ProcessReader, is_slow: bool, is_medium: bool) -> None:
        """Who uses it; other kinds than those that compute less often where there were none."""
        compute = reader.compute(self.target)
        if compute.value is None:
            self._processes, self._processes_unknown = [], f"processes are unknown: {compute.reason}"
            return
        if is_medium or self._graphics:
            self._graphics = reader.graphics(self.target).value or []
        if is_slow or self._mps:
            self._mps = reader.mps(self.target).value or []
        listed = (compute.value, self._graphics, self._mps)
        if any(listed):
            samples = reader.samples(self.target, self._shares.since)
            if samples.value is None and self._is_mig:
                samples = unknown(figures.NOT_WITH_MIG)
            self._shares.update(samples)
        self._processes_unknown = ""
        self._processes = processes_of(
            self.uuid, listed, self._shares, self._known("utilization_percent"), compute.taken_at
        )

    def gpu(self) -> Gpu:
        """It, with its newest figures."""
        told: dict[str, Any] = {name: self._shown(name) for name in FIGURES}
        instances = () if self.is_asleep else tuple(map(self._instance, self._instances))
        return Gpu(
            self.uuid, self.index, self.name, self.bus_id, self.is_asleep, mig_instances=instances, **told
        )

    def shown_processes(self) -> list[GpuProcess]:
        """Who uses it; nobody can while it sleeps."""
        return [] if self.is_asleep else self._processes

    def why_no_processes(self) -> str:
        """Why it is not known who uses it; "" where it is."""
        return "" if self.is_asleep else self._processes_unknown

    def _shown(self, name: str) -> Reading[Any]:
        if self.is_asleep and name not in _HOLDS_ASLEEP:
            return ASLEEP
        return self._figures.get(name, NOT_READ)

    def _known(self, name: str) -> Any:
        reading = self._figures.get(name)
        return None if reading is None else reading.value

    def _read(self, door: Door, wanted: tuple[figures.Figure, ...]) -> None:
        for figure in wanted:
            self._figures[figure.name] = figures.read(door, self.target, figure, self._is_mig)

    def _read_instances(self, door: Door) -> list[Instance]:
        most = door.ask(self.target, "nvmlDeviceGetMaxMigDeviceCount").value or 0
        found: list[Instance] = []
        for slot in range(most):
            # an empty slot is said to be not found, which is no refusal to remember
            handle = door.system("nvmlDeviceGetMigDeviceHandleByIndex", self.target.handle, slot)
            if handle.code == SUCCESS:
                found.append(self._read_instance(door, len(found), handle.value))
        return found

    def _read_instance(self, door: Door, index: int, handle: Any) -> Instance:
        uuid = door.system("nvmlDeviceGetUUID", handle).value or f"{self.uuid}/{index}"
        known = next((each for each in self._instances if each.target.key == uuid), None)
        if known is not None:
            known.target.handle, known.index = handle, index
            return known
        target = Target(uuid, handle)
        return Instance(
            target,
            index,
            str(door.ask(target, "nvmlDeviceGetName").value or ""),
            door.ask(target, "nvmlDeviceGetGpuInstanceId").value,
            door.ask(target, "nvmlDeviceGetComputeInstanceId").value,
        )

    def _instance(self, instance: Instance) -> MigInstance:
        return MigInstance(
            uuid=instance.target.key,
            gpu_uuid=self.uuid,
            index=instance.index,
            name=instance.name,
            gpu_instance_id=instance.gpu_instance_id,
            compute_instance_id=instance.compute_instance_id,
            **instance.memory,
        )
