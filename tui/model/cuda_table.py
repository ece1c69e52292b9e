"""What NVIDIA and PyTorch say about drivers, CUDA and GPUs: a table of facts, each with its source."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: A version's numbers; tuples compare as versions do.
Version = tuple[int, ...]

#: Minor-version compatibility begins with this major version of CUDA (source nvminor).
FIRST_MINOR_COMPATIBLE_MAJOR = 11

_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,4}")
_TAG = re.compile(r"cu(\d{2,3})")


def parse_version(text: str) -> Version | None:
    """The numbers of "525.60.13"; None for anything else."""
    return tuple(map(int, text.split("."))) if text.isascii() and _VERSION.fullmatch(text) else None


def format_version(version: Version) -> str:
    """The version as it is written, without leading zeros."""
    return ".".join(map(str, version))


def format_driver(version: Version) -> str:
    """A driver's version as NVIDIA writes it: the third number has two digits at least."""
    return ".".join(f"{part:02d}" if index == 2 else str(part) for index, part in enumerate(version))


def tag_of(cuda: Version) -> str:
    """What a wheel for this CUDA is tagged with: 12.8.1 is `cu128`."""
    return f"cu{cuda[0]}{cuda[1] if len(cuda) > 1 else 0}"


def cuda_of_tag(tag: str) -> Version | None:
    """The CUDA of a wheel's tag: `cu128` is 12.8, `cu92` is 9.2; None for anything else."""
    found = _TAG.fullmatch(tag)
    return (int(found[1][:-1]), int(found[1][-1])) if found else None


@dataclass(frozen=True, slots=True)
class Source:
    """Where facts come from.

    Attributes:
        address: of the page, or what else names it.
        is_primary: NVIDIA or the PyTorch project itself; others quote them.
        edition: which of its editions was read, "" where there is one only.
    """

    address: str
    is_primary: bool
    edition: str = ""


@dataclass(frozen=True, slots=True)
class BranchCuda:
    """The newest CUDA that a branch of drivers runs by itself, as `nvidia-smi` prints it."""

    branch: int
    cuda: Version
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Toolkit:
    """The driver that a CUDA toolkit was made for; with it, all of its features work."""

    cuda: Version
    driver: Version
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Minimum:
    """The oldest driver that runs what was built for some version of CUDA.

    Attributes:
        cuda: (12,) for all 12.x, (12, 8) for that one.
    """

    cuda: Version
    driver: Version
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForwardCompatibility:
    """A driver's branch that a newer major version of CUDA runs on with NVIDIA's compatibility package.

    Attributes:
        cuda: the newest one that it is told of.
        driver: the oldest of its branch that will do.
    """

    cuda: Version
    driver: Version
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirstToolkit:
    """The first CUDA toolkit that makes code for GPUs from this compute capability on."""

    capability: Version
    cuda: Version
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DroppedCapabilities:
    """A CUDA toolkit from which on nothing is made for GPUs below this compute capability."""

    cuda: Version
    lowest: Version
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """A release of PyTorch and the tags of the CUDA builds that it has.

    Attributes:
        experimental: tags that the project calls so.
    """

    release: Version
    stable: tuple[str, ...]
    experimental: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompiledFor:
    """The GPUs that official wheels have code for.

    Attributes:
        releases: of PyTorch: (2, 9) for all 2.9.x, (2, 7, 1) for that one.
        tags: of the builds.
        machine: "x86_64" or "aarch64".
        capabilities: ascending.
        has_ptx: the newest also as PTX, which newer GPUs can compile.
    """

    releases: tuple[Version, ...]
    tags: tuple[str, ...]
    machine: str
    capabilities: tuple[Version, ...]
    has_ptx: bool
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CudaTable:
    """All of it.

    Attributes:
        sources: by the ids that the other entries name.
        branches: newest first.
        wheel_minimums: by tag; more exact than `major_minimums`.
        data_center_gpus: parts of the names of GPUs that NVIDIA calls so.
        releases: newest first.
    """

    sources: dict[str, Source]
    branches: tuple[BranchCuda, ...]
    toolkits: tuple[Toolkit, ...]
    major_minimums: tuple[Minimum, ...]
    wheel_minimums: tuple[Minimum, ...]
    forward: tuple[ForwardCompatibility, ...]
    data_center_gpus: tuple[str, ...]
    first_toolkits: tuple[FirstToolkit, ...]
    dropped: tuple[DroppedCapabilities, ...]
    releases: tuple[Release, ...]
    compiled: tuple[CompiledFor, ...]

    def newest_cuda(self, driver: Version) -> Version | None:
        """The CUDA that a driver brings; of a branch that is not listed, that of the one before it."""
        return max((each.cuda for each in self.branches if each.branch <= driver[0]), default=None)

    def minimum(self, cuda: Version) -> Minimum | None:
        """The oldest driver for a build; None where no source tells."""
        exact = next((each for each in self.wheel_minimums if each.cuda == cuda[:2]), None)
        if exact is not None:
            return exact
        if cuda[0] >= FIRST_MINOR_COMPATIBLE_MAJOR:
            return next((each for each in self.major_minimums if each.cuda == cuda[:1]), None)
        return self.native(cuda)

    def native(self, cuda: Version) -> Minimum | None:
        """The oldest driver that has all that this CUDA needs; None where no source tells."""
        made = [each for each in self.toolkits if each.cuda[:2] == cuda[:2]]
        first = min(made, key=lambda each: each.driver, default=None)
        return Minimum(cuda[:2], first.driver, first.sources) if first else None

    def forward_compatible(self, cuda: Version, driver: Version) -> ForwardCompatibility | None:
        """What says that the compatibility package lets this CUDA run on that driver, None for nothing."""
        return next(
            (
                each
                for each in self.forward
                if each.cuda[0] == cuda[0]
                and cuda[:2] <= each.cuda
                and each.driver[0] == driver[0]
                and each.driver <= driver
            ),
            None,
        )

    def compiled_for(self, torch: Version, tag: str, machine: str) -> CompiledFor | None:
        """What the official wheel of that release and build has code for; None where no source tells."""
        return next(
            (
                each
                for each in self.compiled
                if tag in each.tags
                and machine == each.machine
                and any(torch[: len(release)] == release for release in each.releases)
            ),
            None,
        )

    def first_toolkit(self, capability: Version) -> FirstToolkit | None:
        """The first toolkit for such a GPU, or for the nearest older one that is listed."""
        older = (each for each in self.first_toolkits if each.capability <= capability)
        return max(older, key=lambda each: each.capability, default=None)

    def is_data_center(self, gpu_name: str) -> bool:
        """Whether the name has a data-center GPU's model in it as a word of its own."""
        words = re.split(r"[\s_-]+", gpu_name)
        return any(model in words for model in self.data_center_gpus)
