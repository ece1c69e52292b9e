"""What an environment's torch and CUDA libraries were built for, from what is known of the environment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tui.model.cuda_table import Version, cuda_of_tag, format_version, parse_version, tag_of
from tui.model.environments import Environment, Library

_TORCH = re.compile(r"(?P<release>\d+\.\d+(?:\.\d+)?)(?P<before>[^+]*)(?:\+(?P<local>.+))?")
_LOCAL_TAG = re.compile(r"cu\d{2,3}")
# nvidia-cudnn-cu12, nvidia_cublas_cu117, cupy-cuda12x, jax-cuda13-plugin
_SUFFIX = re.compile(r"[-_]cu(?:da)?(1\d|[89])\d?x?(?:[-_]plugin|[-_]pjrt)?$")

# Packages whose own version is that of CUDA; others (cufft 12 belongs to CUDA 13) have one of their own
# (component versions: the toolkit's release notes).
_VERSIONED_AS_CUDA = frozenset(
    {
        "cudatoolkit", "cuda-toolkit", "cuda-runtime", "cuda-cudart", "cuda-nvrtc", "cuda-cupti",
        "cuda-libraries", "pytorch-cuda", "nvidia-cuda-runtime", "nvidia-cuda-nvrtc", "nvidia-cuda-cupti",
        "nvidia-cublas", "nvidia-nvjitlink", "nvidia-nvtx", "libcublas",
    }
)  # fmt: skip
# Of these the version says best which CUDA a program gets, the first one first.
_RUNTIMES = (
    "nvidia-cuda-runtime",
    "cuda-cudart",
    "cudatoolkit",
    "cuda-runtime",
    "pytorch-cuda",
    "cuda-version",
)


class BuildKind(StrEnum):
    """What for."""

    CUDA = "cuda"
    #: for processors, or for GPUs of others
    NO_GPU = "no gpu"
    NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Build:
    """What an environment was built for.

    Attributes:
        kind: see there.
        words: what it is, in words for a verdict.
        cuda: version, None where it is for none, or not known.
        release: of torch, such as (2, 9, 1).
        tag: of the official wheel, such as `cu128`; "" for anything else, whose GPUs only its builder knows.
        has_forward_compatibility: NVIDIA's compatibility package comes with it.
    """

    kind: BuildKind
    words: str
    cuda: Version | None = None
    release: Version | None = None
    tag: str = ""
    has_forward_compatibility: bool = False


def build_of(environment: Environment) -> Build:
    """What the environment was built for: by torch, else by its CUDA libraries."""
    if environment.torch is None:
        return _by_libraries(environment)
    found = _TORCH.fullmatch(environment.torch)
    release = parse_version(found["release"]) if found else None
    local = (found["local"] or "") if found else ""
    tag = _LOCAL_TAG.match(local)
    # version.py says what it was compiled with, the local part only what it was called
    told = environment.cuda_build or (tag[0] if tag else local.partition(".")[0])
    if told.startswith(("rocm", "hip")):
        return Build(BuildKind.NO_GPU, f"torch {environment.torch} is built for AMD's ROCm", None, release)
    if told in ("cpu", "xpu"):
        what = "processors alone" if told == "cpu" else "Intel's GPUs"
        return Build(BuildKind.NO_GPU, f"torch {environment.torch} is built for {what}", None, release)
    cuda = parse_version(told) or cuda_of_tag(told) or _runtime(environment)
    if cuda is None:
        words = f"Which CUDA torch {environment.torch} is built for is not known"
        return Build(BuildKind.NOT_KNOWN, words, None, release)
    # only the project's own wheels have such a local part; what comes before a release is compiled for others
    is_official = found is not None and not found["before"] and local == tag_of(cuda)
    return Build(
        BuildKind.CUDA,
        f"torch {environment.torch} (CUDA {format_version(cuda)})",
        cuda,
        release,
        tag_of(cuda) if is_official else "",
        _has_forward_compatibility(environment, local, cuda),
    )


def library_majors(environment: Environment, build: Build) -> dict[int, tuple[str, ...]]:
    """The major versions of CUDA that torch and the libraries belong to, each with the names of those."""
    majors: dict[int, list[str]] = {}
    if environment.torch is not None and build.cuda is not None:
        majors[build.cuda[0]] = [f"torch {environment.torch}"]
    for library in environment.libraries:
        cuda = _cuda_of(library)
        if cuda is not None:
            majors.setdefault(cuda[0], []).append(library.name)
    return {major: tuple(names) for major, names in majors.items()}


def _by_libraries(environment: Environment) -> Build:
    cuda = _runtime(environment)
    if cuda is None:
        return Build(BuildKind.NOT_KNOWN, "There is neither torch nor a CUDA library in it")
    words = f"CUDA {format_version(cuda)} (libraries, no torch)"
    forward = _has_forward_compatibility(environment, "", cuda)
    return Build(BuildKind.CUDA, words, cuda, has_forward_compatibility=forward)


def _runtime(environment: Environment) -> Version | None:
    """The CUDA of the libraries, by the one that says it best."""
    found = {_plain_name(library): library for library in environment.libraries}
    for name in _RUNTIMES:
        version = parse_version(found[name].version) if name in found else None
        if version is not None:
            return version[:2]
    return max(filter(None, map(_cuda_of, environment.libraries)), default=None)


def _cuda_of(library: Library) -> Version | None:
    """The CUDA that a library belongs to: at least its major version."""
    suffix = _SUFFIX.search(library.name)
    name = _plain_name(library)
    version = parse_version(library.version) if name in _VERSIONED_AS_CUDA else None
    if suffix:
        major = int(suffix[1])
        return version[:2] if version and version[0] == major else (major,)
    return version[:2] if version else None


def _plain_name(library: Library) -> str:
    return _SUFFIX.sub("", library.name.lower().replace("_", "-"))


def _has_forward_compatibility(environment: Environment, local: str, cuda: Version) -> bool:
    """A package of that name that is new enough is in it, or the image is NVIDIA's own (`…nv26.01`)."""
    packages = (
        each for each in environment.libraries if each.name.replace("_", "-").startswith("cuda-compat")
    )
    versions = (parse_version(each.version) for each in packages)
    return bool(re.search(r"\bnv\d\d\.\d\d$", local)) or any(
        each and each[:2] >= cuda[:2] for each in versions
    )
