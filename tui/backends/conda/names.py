"""What the names of a package's files tell of it: nothing has to be opened for that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tui.model.environments import Library

_RECORD = ".json"
_DIST_ENDINGS = (".dist-info", ".egg-info", ".egg-link")
_PYTHON_TAIL = re.compile(r"-py\d(?:\.\d+)?$")
_SEPARATORS = re.compile(r"[-_.]+")

# Of conda: what CUDA itself and its libraries are called, with and without the parts that they come in.
_CUDA_RECORD = re.compile(
    r"(?:cuda-(?:cudart|nvrtc|nvcc|cupti|libraries|runtime|toolkit|version|compat)|cudatoolkit|pytorch-cuda|cudnn|nccl"
    r"|lib(?:cublas|cufft|curand|cusolver|cusparse|nvjitlink|cudnn\d*|cudss|nvshmem\d*))"
)
# Of PyPI: nvidia-cudnn-cu12, nvidia-cuda-runtime (13 and later have no suffix), nvidia-nccl-cu13.
_CUDA_DIST = re.compile(
    r"nvidia-(?:cublas|cudnn|cuda|cufft|cufile|curand|cusolver|cusparse|cusparselt|nccl|nvjitlink|nvshmem|nvtx)\b"
)
_HIGHLIGHTS = (
    "tensorflow", "jax", "jaxlib", "vllm", "transformers", "numpy", "xgboost", "flash-attn", "deepspeed",
    "lightning", "ipykernel", "jupyterlab",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """A package by name, version and, of conda, build; empty where the name does not tell."""

    name: str
    version: str
    build: str = ""

    @property
    def plain(self) -> str:
        """The name as it is compared: "Foo.Bar" and "foo_bar" are one (PEP 503)."""
        return plain(self.name)


@lru_cache(maxsize=8192)
def plain(name: str) -> str:
    """A package's name in the form in which two names are compared (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def of_record(file_name: str) -> Named:
    """Of a file in `conda-meta/`: NAME-VERSION-BUILD.json, in which only the name may hold a "-"."""
    parts = file_name.removesuffix(_RECORD).rsplit("-", 2)
    return Named(*parts) if len(parts) == 3 else Named(file_name.removesuffix(_RECORD), "")


def of_dist(folder_name: str) -> Named:
    """Of a dist-info or egg-info: NAME-VERSION, in which only the version may hold a "-"."""
    stem = folder_name
    for ending in _DIST_ENDINGS:
        stem = stem.removesuffix(ending)
    stem = _PYTHON_TAIL.sub("", stem)
    name, _, version = stem.partition("-")
    return Named(name.replace("_", "-"), version)


def is_leftover(folder_name: str) -> bool:
    """What pip had set aside for an installation that then broke off: `~orch-2.1.0.dist-info`."""
    return folder_name.startswith("~")


def libraries(records: Iterable[Named], dists: Iterable[Named]) -> tuple[Library, ...]:
    """The libraries of CUDA among packages of conda and of pip, by name."""
    found = [
        Library(each.name, each.version, owner)
        for owner, packages, pattern in (("conda", records, _CUDA_RECORD), ("pip", dists, _CUDA_DIST))
        for each in packages
        if (pattern.fullmatch(each.name) if owner == "conda" else pattern.match(each.name))
    ]
    return tuple(sorted(found, key=lambda each: (each.name, each.owner)))


def highlights(packages: Sequence[Named]) -> tuple[tuple[str, str], ...]:
    """The packages worth a look, in a fixed order."""
    versions = {each.plain: each.version for each in packages if each.version}
    return tuple((name, versions[name]) for name in _HIGHLIGHTS if name in versions)


def doubles(packages: Iterable[Named]) -> list[str]:
    """Names that more than one package has."""
    counted = Counter(each.plain for each in packages)
    return [name for name, times in counted.items() if times > 1]
