"""Which GPUs a container may use, and who uses one without being meant to, or holds one without using it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tui.model.owners import ProcessOwner

#: Minutes that a process may rest before it counts as idle; a person who reads a plot takes less.
IDLE_MINUTES = 10.0
#: What was not looked at for longer than this could have been anything meanwhile.
LONGEST_GAP_SECONDS = 60.0

_CDI = re.compile(r"^(?:[a-z0-9-]+\.)*nvidia\.com/(?:gpu|mig)=(.+)$")
_NODE = re.compile(r"^/dev/nvidia(\d+)$")
_INSTANCE = re.compile(r"^(\d+):(\d+)$")
# "GPU-" and the first group of the number, which is what people shorten it to
_SHORTEST_UUID = len("GPU-01234567")


class Grant(StrEnum):
    """How much a container is given."""

    ALL = "all"
    SOME = "some"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class GpuEntitlement:
    """What a container may use, as it was made.

    Attributes:
        grant: see there.
        devices: of SOME, as they were written: number, UUID, `GPU:INSTANCE`, UUID of a MIG instance, CDI
            name, device node.
        told_by: what it was read from, such as `--gpus` or `NVIDIA_VISIBLE_DEVICES`; "" for nothing.
        reason: of UNKNOWN.
        is_cuda_image: its image is made for a GPU.
        is_withheld: somebody said in words that it gets none.
    """

    grant: Grant
    devices: tuple[str, ...] = ()
    told_by: str = ""
    reason: str = ""
    is_cuda_image: bool = False
    is_withheld: bool = False


@dataclass(frozen=True, slots=True)
class GpuAddress:
    """By what a GPU of the host can be named.

    Attributes:
        index: as the driver's library counts.
        uuid: as it says.
        instances: UUIDs of its MIG instances, in their order.
        minor: number of its device node, where that is known; it may differ from the index.
    """

    index: int
    uuid: str
    instances: tuple[str, ...] = ()
    minor: int | None = None


class Standing(StrEnum):
    """What a process is on the GPU that it uses."""

    ENTITLED = "entitled"
    NOT_ENTITLED = "its container was not given this GPU"
    OUTSIDE = "outside any container"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HoldSample:
    """What a process held and did at one moment; None where the driver did not say.

    Attributes:
        at: seconds, by any clock that goes on.
        memory_bytes: of the GPU.
        sm_percent: of the time with work on it.
    """

    at: float
    memory_bytes: int | None
    sm_percent: float | None


def granted(entitlement: GpuEntitlement, gpus: Sequence[GpuAddress]) -> frozenset[str] | None:
    """UUIDs of what a container may use: GPUs with all their MIG instances, or instances alone.

    None where it is not known. A device that is not there (any more) is left out, see `missing`.
    """
    if entitlement.grant is Grant.UNKNOWN:
        return None
    if entitlement.grant is Grant.NONE:
        return frozenset()
    if entitlement.grant is Grant.ALL:
        return frozenset(uuid for gpu in gpus for uuid in (gpu.uuid, *gpu.instances))
    return frozenset(uuid for word in entitlement.devices for uuid in _resolved(word, gpus))


def missing(entitlement: GpuEntitlement, gpus: Sequence[GpuAddress]) -> tuple[str, ...]:
    """The devices that a container was given and the host does not have."""
    return tuple(word for word in entitlement.devices if not any(_resolved(word, gpus)))


def gpus_among(uuids: frozenset[str] | None, gpus: Sequence[GpuAddress]) -> tuple[GpuAddress, ...] | None:
    """The GPUs of which all or an instance is among `uuids`; None where those are not known."""
    if uuids is None:
        return None
    return tuple(gpu for gpu in gpus if not uuids.isdisjoint((gpu.uuid, *gpu.instances)))


def lacks_gpu(entitlement: GpuEntitlement) -> bool | None:
    """Whether its image is made for a GPU and nobody gave it one, or withheld it; None where not known."""
    if not entitlement.is_cuda_image or entitlement.is_withheld:
        return False
    return None if entitlement.grant is Grant.UNKNOWN else entitlement.grant is Grant.NONE


def standing(owner: ProcessOwner, device_uuid: str, may_use: Mapping[str, frozenset[str] | None]) -> Standing:
    """What a process is on a GPU.

    Args:
        owner: of the process.
        device_uuid: the GPU, or the MIG instance, that it was seen on.
        may_use: by container id what `granted` told.
    """
    if owner.is_outside:
        return Standing.OUTSIDE
    around = [each for each in (owner.container_id.value, *owner.enclosing_ids) if each in may_use]
    grants = [may_use[each] for each in around if each]
    if any(each is not None and device_uuid in each for each in grants):
        return Standing.ENTITLED
    return Standing.UNKNOWN if not grants or None in grants else Standing.NOT_ENTITLED


def idle_seconds(samples: Sequence[HoldSample]) -> float | None:
    """For how long, up to the newest sample, a process has held memory and done nothing.

    None where the driver does not say it: a process of which nothing is known is never called idle.

    Args:
        samples: of one process on one GPU, oldest first.
    """
    if not samples or samples[-1].memory_bytes is None or samples[-1].sm_percent is None:
        return None
    first = _first_of_rest(samples)
    return 0.0 if first is None else samples[-1].at - samples[first].at


def is_idle_holder(samples: Sequence[HoldSample], minutes: float = IDLE_MINUTES) -> bool | None:
    """Whether a process has held memory without any work for so long; None where that is not known (yet)."""
    seconds = idle_seconds(samples)
    if seconds is None or seconds >= minutes * 60:
        return None if seconds is None else True
    first = _first_of_rest(samples)
    if first is None:
        return False
    # it was busy within the time, or nobody has looked for long enough
    was_busy = first > 0 and _is_busy(samples[first - 1])
    return False if was_busy else None


def _first_of_rest(samples: Sequence[HoldSample]) -> int | None:
    """Where the rest that lasts to the end began; None where there is none at the end."""
    first = None
    later = samples[-1].at
    for position in range(len(samples) - 1, -1, -1):
        sample = samples[position]
        if not _is_resting(sample) or later - sample.at > LONGEST_GAP_SECONDS:
            break
        first, later = position, sample.at
    return first


def _is_resting(sample: HoldSample) -> bool:
    return bool(sample.memory_bytes) and sample.sm_percent == 0


def _is_busy(sample: HoldSample) -> bool:
    return sample.memory_bytes == 0 or bool(sample.sm_percent)


def _resolved(word: str, gpus: Sequence[GpuAddress]) -> Iterator[str]:
    """UUIDs of what a word means here."""
    cdi = _CDI.match(word)
    name = (cdi[1] if cdi else word).strip()
    if name == "all":
        yield from (uuid for gpu in gpus for uuid in (gpu.uuid, *gpu.instances))
        return
    instance = _INSTANCE.match(name)
    if instance:
        yield from _instance(int(instance[1]), int(instance[2]), gpus)
        return
    for gpu in gpus:
        if _is_called(gpu, name):
            yield from (gpu.uuid, *gpu.instances)
        yield from (each for each in gpu.instances if each.lower() == name.lower())


def _instance(index: int, number: int, gpus: Sequence[GpuAddress]) -> Iterator[str]:
    for gpu in gpus:
        if gpu.index == index and number < len(gpu.instances):
            yield gpu.instances[number]


def _is_called(gpu: GpuAddress, name: str) -> bool:
    node = _NODE.match(name)
    if node:
        return int(node[1]) == (gpu.index if gpu.minor is None else gpu.minor)
    if name.isdecimal():
        return int(name) == gpu.index
    # a UUID may be shortened, as the toolkit's own examples do
    is_long = len(name) >= _SHORTEST_UUID
    return is_long and gpu.uuid.lower().startswith(name.lower())
