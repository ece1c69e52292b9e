"""What the double of NVML answers: GPUs, processes, refusals and delays, as a file that it reads again.

Lines `key = value`; the last one of a key holds, but for the keys that are marked with *. What is left out
is not supported.

    driver, library, cuda       versions; `library` is as `driver` unless it is told
    init                        error code of the initialization
    gpus                        numbers of the GPUs that are there, in the driver's order: `0,1,3`
    error.FUNCTION = CODE       of each call, by its C symbol or `*` for all
    delay.FUNCTION = MS         likewise; a call that waits goes on as soon as the line is gone
    xid* = SERIAL GPU CODE      each serial number is reported once, to those who listened before
    gpuN.error.FUNCTION, gpuN.delay.FUNCTION        the same for one GPU, and before the others
    gpuN.lost = 1               every call on it says so
    gpuN.uuid, .name, .serial, .bus, .compute_capability
    gpuN.memory.total, .used, .reserved             bytes; `used` without what is reserved
    gpuN.utilization, .utilization.memory, .encoder, .decoder, .fan     percent
    gpuN.temperature, .threshold.slowdown, .threshold.shutdown          degrees Celsius
    gpuN.power, .power_limit                        milliwatts
    gpuN.clock.{sm,memory,graphics,video}, .max_clock.…                 MHz
    gpuN.throttle               bits
    gpuN.pcie.{generation,width,max_generation,max_width}
    gpuN.ecc.{corrected,uncorrected}, .remapped = CORRECTABLE UNCORRECTABLE PENDING FAILED
    gpuN.performance_state, .persistence, .compute_mode, .display
    gpuN.bar1.{total,used}, .limits.{current,soft,hard}                 bytes
    gpuN.field.ID[.SCOPE] = VALUE [+PER_SECOND]     a field value, which may grow
    gpuN.process* = PID MEM|NA TYPE SM|NA MEM ENC DEC [GI CI] [keep]
                                TYPE of the letters C, G and M; without `keep` only while the PID is there
    gpuN.mig = 0|1
    gpuN.instance* = SLOT UUID GI CI TOTAL USED RESERVED NAME
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

GIB = 1 << 30

#: Of a value; bytes for what is no UTF-8, None for a line that is left out.
Value = int | str | bytes | None


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """A process on a GPU; memory and SM None where the driver does not say."""

    pid: int
    memory_bytes: int | None = GIB
    type: str = "C"
    sm: int | None = 0
    memory: int = 0
    encoder: int = 0
    decoder: int = 0
    gpu_instance: int | None = None
    compute_instance: int | None = None
    keep: bool = True

    def __str__(self) -> str:
        told: list[object] = [self.pid, "NA" if self.memory_bytes is None else self.memory_bytes, self.type]
        told += ["NA" if self.sm is None else self.sm, self.memory, self.encoder, self.decoder]
        if self.gpu_instance is not None:
            told += [self.gpu_instance, self.compute_instance or 0]
        return " ".join(map(str, [*told, "keep"] if self.keep else told))


@dataclass(frozen=True, slots=True)
class InstanceLine:
    """A MIG instance in a slot."""

    slot: int
    uuid: str
    gpu_instance: int
    compute_instance: int = 0
    total_bytes: int = 10 * GIB
    used_bytes: int = GIB
    reserved_bytes: int = 0
    name: str = "NVIDIA A100-SXM4-80GB MIG 1g.10gb"

    def __str__(self) -> str:
        sizes = f"{self.total_bytes} {self.used_bytes} {self.reserved_bytes}"
        return f"{self.slot} {self.uuid} {self.gpu_instance} {self.compute_instance} {sizes} {self.name}"


@dataclass(slots=True)
class GpuLines:
    """One GPU: values by key, and what repeats."""

    values: dict[str, Value] = field(default_factory=dict)
    processes: list[ProcessLine] = field(default_factory=list)
    instances: list[InstanceLine] = field(default_factory=list)


@dataclass(slots=True)
class Scenario:
    """A machine's GPUs. `rules` holds the lines `error.…`, `delay.…` and any other, by key."""

    gpus: dict[int, GpuLines] = field(default_factory=dict)
    driver: str = "550.54.15"
    cuda: str = "12.4"
    init: int = 0
    rules: dict[str, Value] = field(default_factory=dict)
    xids: list[tuple[int, int, int]] = field(default_factory=list)

    def encode(self) -> bytes:
        """The file."""
        return b"".join(_line(key, value) for key, value in self._lines() if value is not None)

    def _lines(self) -> Iterator[tuple[str, Value]]:
        yield from (("driver", self.driver), ("cuda", self.cuda), ("init", self.init))
        yield "gpus", ",".join(map(str, self.gpus))
        yield from self.rules.items()
        for number, gpu in self.gpus.items():
            yield from ((f"gpu{number}.{key}", value) for key, value in gpu.values.items())
            yield from ((f"gpu{number}.process", str(process)) for process in gpu.processes)
            yield from ((f"gpu{number}.instance", str(instance)) for instance in gpu.instances)
        yield from (("xid", f"{serial} {gpu} {code}") for serial, gpu, code in self.xids)


def _line(key: str, value: Value) -> bytes:
    return key.encode() + b" = " + (value if isinstance(value, bytes) else str(value).encode()) + b"\n"


class ScenarioFile:
    """A scenario where the double reads it.

    Attributes:
        path: of the file.
        scenario: what `write` writes; change it and write again.
    """

    def __init__(self, path: Path, scenario: Scenario) -> None:
        """Write it for the first time."""
        self.path, self.scenario = path, scenario
        self.write()

    def write(self) -> None:
        """Put the scenario in the place of the one before, whole."""
        new = self.path.with_name(self.path.name + ".new")
        new.write_bytes(self.scenario.encode())
        os.replace(new, self.path)


def uuid_of(number: int) -> str:
    """Of the GPU with this number, unless the scenario says otherwise."""
    return f"GPU-{number:08x}-0000-4000-8000-{number:012x}"


def full_gpu(number: int = 0, **changes: Value) -> GpuLines:
    """A GPU of a data centre that tells everything; `changes` with `__` for the dots in keys."""
    values: dict[str, Value] = {
        "uuid": uuid_of(number),
        "name": "NVIDIA A100-SXM4-80GB",
        "serial": str(1320000000000 + number),
        "bus": f"0000:{number + 1:02x}:00",
        "compute_capability": "8.0",
        "memory.total": 80 * GIB,
        "memory.used": (20 + number) * GIB,
        "memory.reserved": GIB // 2,
        "utilization": 70 + number,
        "utilization.memory": 40 + number,
        "encoder": 3,
        "decoder": 4,
        "fan": 55 + number,
        "temperature": 60 + number,
        "threshold.slowdown": 92,
        "threshold.shutdown": 95,
        "power": 250_500,
        "power_limit": 400_000,
        "clock.graphics": 1400,
        "clock.sm": 1410,
        "clock.memory": 1593,
        "clock.video": 1275,
        "max_clock.graphics": 1410,
        "max_clock.sm": 1412,
        "max_clock.memory": 1594,
        "max_clock.video": 1290,
        "throttle": 4,
        "pcie.generation": 4,
        "pcie.width": 16,
        "pcie.max_generation": 5,
        "pcie.max_width": 16,
        "ecc.corrected": 2,
        "ecc.uncorrected": 1,
        "remapped": "1 2 0 0",
        "performance_state": 0,
        "persistence": 1,
        "compute_mode": 0,
        "display": 0,
        "bar1.total": 128 * GIB,
        "bar1.used": GIB,
        "mig": 0,
        "field.82": 71,
        "field.91": 12,
        **{f"field.{counter}": 1_000_000 for counter in (74, 75, 76, 77, 78, 79, 138, 139, 197, 198)},
    }
    return GpuLines(values | {key.replace("__", "."): value for key, value in changes.items()})
