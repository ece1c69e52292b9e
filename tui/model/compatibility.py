"""Whether an environment can use the GPUs of its host: a verdict from driver, GPUs and torch's build."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from tui.model.cuda_builds import Build, BuildKind, build_of, library_majors
from tui.model.cuda_table import (
    CudaTable,
    Minimum,
    Release,
    Version,
    cuda_of_tag,
    format_driver,
    format_version,
    parse_version,
)
from tui.model.environments import Environment

if TYPE_CHECKING:
    from tui.model.gpus import GpuReport

# of NVML and of `/proc/driver/nvidia/version`; a vGPU's has a word behind it
_DRIVER = re.compile(r"\d{2,4}(\.\d{1,4}){0,3}")


class Status(StrEnum):
    """What comes of it, in the words of the screen."""

    OK = "ok"
    CANNOT_RUN = "cannot run"
    NO_GPU_BUILD = "no GPU build"
    MIXED = "mixed CUDA libraries"
    GPU_TOO_NEW = "GPU too new for this build"
    GPU_TOO_OLD = "GPU too old for this build"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """What a verdict needs of one GPU.

    Attributes:
        name: as the driver calls it, "" where it is not known.
        compute_capability: such as "9.0", None where it is not known.
    """

    name: str
    compute_capability: str | None = None


@dataclass(frozen=True, slots=True)
class DriverFacts:
    """What a verdict needs of a host.

    Attributes:
        driver_version: such as "550.54.15", None where it is not known.
        cuda_version: that the driver brings, such as "12.4", None where it is not known.
        gpus: None where it is not known which there are.
        machine: "x86_64" or "aarch64": wheels for each have code for other GPUs.
    """

    driver_version: str | None
    cuda_version: str | None = None
    gpus: tuple[GpuFacts, ...] | None = None
    machine: str = "x86_64"


def facts_of(report: GpuReport, machine: str) -> DriverFacts | None:
    """What a driver's own report says of its host; None where it does not say its version."""
    if report.driver_version is None:
        return None
    known = [*report.gpus, *(lost.gpu for lost in report.lost)]
    gpus = tuple(GpuFacts(gpu.name, gpu.compute_capability.value) for gpu in known)
    return DriverFacts(report.driver_version, report.cuda_version, gpus or None, machine)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comes of it for one environment.

    Attributes:
        status: the verdict itself.
        reason: why, in a sentence.
        remedy: which driver or which build would do, "" where nothing needs to be done or nothing is known.
        sources: ids of what it rests on, in the table.
    """

    status: Status
    reason: str
    remedy: str = ""
    sources: tuple[str, ...] = ()


def judge(environment: Environment, driver: DriverFacts | None, table: CudaTable) -> Verdict:
    """The verdict for an environment on a host; `driver` is None where there is none, or none is known.

    What stops it is told before what may disturb it: a driver that is too old, then GPUs that it has no code
    for, then CUDA libraries that do not belong together.
    """
    build = build_of(environment)
    mixed = library_majors(environment, build)
    if build.kind is BuildKind.NO_GPU:
        return Verdict(Status.NO_GPU_BUILD, build.words, _suggestion(build, driver, table))
    if build.cuda is None:
        return _mixed(mixed) if len(mixed) > 1 else Verdict(Status.UNKNOWN, build.words)
    found = _judge_driver(build, build.cuda, driver, table)
    if len(mixed) > 1 and found.status in (Status.OK, Status.UNKNOWN):
        return _mixed(mixed)
    return found


def _judge_driver(build: Build, cuda: Version, driver: DriverFacts | None, table: CudaTable) -> Verdict:
    minimum = table.minimum(cuda)
    if minimum is None:
        return Verdict(Status.UNKNOWN, f"{build.words}: which driver that needs is not in envtui's table")
    if driver is None or driver.driver_version is None:
        needs = f"{build.words} needs driver {format_driver(minimum.driver)} or newer"
        return Verdict(
            Status.UNKNOWN, f"No NVIDIA driver is known on this host; {needs}", "", minimum.sources
        )
    version = _driver_version(driver.driver_version)
    if version is None:
        return Verdict(Status.UNKNOWN, f"The driver's version can't be read: {driver.driver_version}")
    if version < minimum.driver:
        return _too_old_driver(build, cuda, minimum, driver, version, table)
    gpus = _judge_gpus(build, cuda, driver, version, table)
    if gpus.status is not Status.OK:
        return gpus
    brought = (parse_version(driver.cuda_version) if driver.cuda_version else None) or table.newest_cuda(
        version
    )
    runs = f"{build.words} runs on driver {driver.driver_version}"
    if brought is not None:
        runs += f", which brings CUDA {format_version(brought)}"
        if cuda[:2] > brought:
            runs += ": by minor-version compatibility"
    return Verdict(
        Status.OK, "; ".join(filter(None, (runs, gpus.reason))), "", minimum.sources + gpus.sources
    )


# -- the driver


def _driver_version(text: str) -> Version | None:
    found = _DRIVER.match(text)
    return parse_version(found[0]) if found else None


def _too_old_driver(
    build: Build, cuda: Version, minimum: Minimum, driver: DriverFacts, version: Version, table: CudaTable
) -> Verdict:
    needed = format_driver(minimum.driver)
    reason = f"{build.words} needs driver {needed} or newer, this host has {driver.driver_version}"
    names = [gpu.name for gpu in driver.gpus or () if gpu.name]
    if build.has_forward_compatibility and not (names and all("GeForce" in name for name in names)):
        told = table.forward_compatible(cuda, version)
        if told is not None and names and all(table.is_data_center(name) for name in names):
            gpus = _judge_gpus(build, cuda, driver, version, table)
            runs = f"{build.words} runs on driver {driver.driver_version} through NVIDIA's compatibility"
            reason = f"{runs} package, which comes with it; by itself it needs {needed}"
            return gpus if gpus.status is not Status.OK else Verdict(Status.OK, reason, "", told.sources)
        return Verdict(
            Status.UNKNOWN,
            f"{reason}; NVIDIA's compatibility package comes with it, which works on data-center GPUs and "
            "certain drivers only",
            f"Driver {needed} or newer",
            minimum.sources,
        )
    other = _suggestion(build, driver, table)
    remedy = f"Driver {needed} or newer" + (f", or {other}" if other else "")
    return Verdict(Status.CANNOT_RUN, reason, remedy, minimum.sources)


# -- the GPUs


class _Code(StrEnum):
    """What a build has for a GPU."""

    THERE = "there"
    MISSING_NEW = "missing, the GPU is newer"
    MISSING_OLD = "missing, the GPU is older"
    #: and whether there is PTX instead is in no source
    BEFORE_GPU = "missing, the toolkit is older than the GPU"
    NEEDS_DRIVER = "only as PTX, for which the driver is too old"
    NOT_KNOWN = "not known"


def _judge_gpus(
    build: Build, cuda: Version, driver: DriverFacts, version: Version, table: CudaTable
) -> Verdict:
    """OK with what is to be added, or why none of the GPUs can be used."""
    known = [(gpu, capability) for gpu in driver.gpus or () if (capability := _capability(gpu)) is not None]
    if not known:
        return Verdict(Status.OK, "the GPUs' compute capability is not known")
    told = [(gpu, *_code_for(build, cuda, capability, driver, version, table)) for gpu, capability in known]
    failing = [
        (gpu, code, sources) for gpu, code, sources in told if code not in (_Code.THERE, _Code.NOT_KNOWN)
    ]
    unchecked = any(code is _Code.NOT_KNOWN for _, code, _ in told)
    sources = tuple(dict.fromkeys(source for _, _, named in failing or told for source in named))
    if not failing:
        return Verdict(
            Status.OK, "which GPUs it has code for is not documented" if unchecked else "", "", sources
        )
    names = ", ".join(dict.fromkeys(_gpu_words(gpu) for gpu, _, _ in failing))
    if len(failing) < len(known):
        return Verdict(Status.OK, f"but not on {names}, for which it has no code", "", sources)
    codes = {code for _, code, _ in failing}
    if _Code.NEEDS_DRIVER in codes:
        native = table.native(cuda)
        needed = f"Driver {format_driver(native.driver)} or newer" if native else ""
        reason = f"{build.words} has code for {names} only as PTX, which driver"
        return Verdict(Status.CANNOT_RUN, f"{reason} {driver.driver_version} can't compile", needed, sources)
    remedy = _suggestion(build, driver, table)
    if _Code.BEFORE_GPU in codes:
        reason = f"{build.words} is older than {names}: at best it has PTX, which is compiled anew for it"
        return Verdict(Status.GPU_TOO_NEW, reason, remedy, sources)
    status = Status.GPU_TOO_NEW if _Code.MISSING_NEW in codes else Status.GPU_TOO_OLD
    return Verdict(status, f"{build.words} has no code for {names}", remedy, sources)


def _capability(gpu: GpuFacts) -> Version | None:
    return parse_version(gpu.compute_capability) if gpu.compute_capability else None


def _gpu_words(gpu: GpuFacts) -> str:
    return f"{gpu.name or 'a GPU'} (compute capability {gpu.compute_capability})"


def _code_for(
    build: Build, cuda: Version, capability: Version, driver: DriverFacts, version: Version, table: CudaTable
) -> tuple[_Code, tuple[str, ...]]:
    """What the build has for a GPU of that capability, and the ids of the sources that say so."""
    told = (
        table.compiled_for(build.release, build.tag, driver.machine) if build.release and build.tag else None
    )
    if told is None:
        return _code_by_toolkit(cuda, capability, table)
    # cubins run on the same major and any later minor, PTX on whatever is later (nvblackwell)
    if any(each[0] == capability[0] and each <= capability for each in told.capabilities):
        return _Code.THERE, told.sources
    newest = told.capabilities[-1]
    if told.has_ptx and capability > newest:
        native = table.native(cuda)
        can_compile = native is not None and version >= native.driver
        return _Code.THERE if can_compile else _Code.NEEDS_DRIVER, told.sources
    is_older = capability < told.capabilities[0]
    return _Code.MISSING_OLD if is_older else _Code.MISSING_NEW, told.sources


def _code_by_toolkit(cuda: Version, capability: Version, table: CudaTable) -> tuple[_Code, tuple[str, ...]]:
    """Of a build whose GPUs are in no source: what its toolkit can't make, it does not have."""
    first = table.first_toolkit(capability)
    if first is not None and cuda[:2] < first.cuda:
        return _Code.BEFORE_GPU, first.sources
    for each in table.dropped:
        if cuda[:2] >= each.cuda and capability < each.lowest:
            return _Code.MISSING_OLD, each.sources
    return _Code.NOT_KNOWN, ()


# -- what would do


def _suggestion(build: Build, driver: DriverFacts | None, table: CudaTable) -> str:
    """A build of torch that runs on this host: of the same release if there is one, else of the newest."""
    version = _driver_version(driver.driver_version) if driver and driver.driver_version else None
    if driver is None or version is None:
        return ""
    same = [each for each in table.releases if build.release and build.release[:2] == each.release[:2]]
    for release in (*same, *table.releases):
        tag = _fitting_tag(release, driver, version, table)
        if tag:
            return f"torch {format_version(release.release)} as {tag}"
    return ""


def _fitting_tag(release: Release, driver: DriverFacts, version: Version, table: CudaTable) -> str:
    """The newest build of a release for this host, stable ones before experimental ones; "" for none."""
    for tags in (release.stable, release.experimental):
        fitting = [tag for tag in tags if _fits(release, tag, driver, version, table)]
        if fitting:
            return max(fitting, key=lambda tag: cuda_of_tag(tag) or ())
    return ""


def _fits(release: Release, tag: str, driver: DriverFacts, version: Version, table: CudaTable) -> bool:
    cuda = cuda_of_tag(tag)
    minimum = table.minimum(cuda) if cuda else None
    if cuda is None or minimum is None or version < minimum.driver:
        return False
    candidate = Build(BuildKind.CUDA, "", cuda, release.release, tag)
    capabilities = [capability for gpu in driver.gpus or () if (capability := _capability(gpu)) is not None]
    codes = [_code_for(candidate, cuda, each, driver, version, table)[0] for each in capabilities]
    return all(code in (_Code.THERE, _Code.NOT_KNOWN) for code in codes)


def narrowed(driver: DriverFacts, indices: Sequence[int]) -> DriverFacts:
    """The host with those of its GPUs only that a container may use."""
    if driver.gpus is None:
        return driver
    return replace(driver, gpus=tuple(gpu for index, gpu in enumerate(driver.gpus) if index in indices))


def _mixed(majors: dict[int, tuple[str, ...]]) -> Verdict:
    parts = [f"CUDA {major} ({', '.join(names[:2])})" for major, names in sorted(majors.items())]
    newest = max(majors)
    return Verdict(
        Status.MIXED,
        f"It has libraries of {' and '.join(parts)}: what is loaded first decides which a program gets",
        f"Keep those of one, or make the environment anew with CUDA {newest} alone",
    )
