"""What lies on the make-believe disk when it is first looked at: images, volumes, build cache, logs.

Sizes are in units of 10^6 bytes, as images are spoken of; ages in seconds before the world begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.demo.catalogue import JUPYTER, MICROMAMBA, NGC, PYTORCH, PYTORCH_DEVEL, SCRATCH_VOLUME, VLLM

_DAY, _HOUR = 86400.0, 3600.0

#: A layer's name, which stands for what is in it, and its size.
Layer = tuple[str, int]

_DEBIAN: Layer = ("debian 12", 75)
_UBUNTU_22: Layer = ("ubuntu 22.04", 78)
_UBUNTU_24: Layer = ("ubuntu 24.04", 79)
_CUDA: Layer = ("cuda 12.4", 1220)
_PYTORCH = (_UBUNTU_22, _CUDA, ("torch 2.6 runtime", 6330))
_NGC = (_UBUNTU_24, ("nvidia 26.01 cuda", 7900), ("nvidia 26.01 torch", 12_850))
_MICROMAMBA = (_DEBIAN, ("micromamba 2.0", 310))
_SEGMENTATION: tuple[Layer, ...] = (("segmentation apt", 412), ("segmentation pip", 2310))
_BEFORE: tuple[Layer, ...] = (("segmentation apt", 412), ("segmentation pip before", 2290))


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image.

    Attributes:
        key: what its id is made of; of those that containers use, their image's name.
        tags: the key where not told otherwise.
        layers: lowest first.
        is_pulled: a registry has it.
        parent: key of the image that the classic builder made it from.
    """

    key: str
    layers: tuple[Layer, ...]
    created_ago: float
    tags: tuple[str, ...] | None = None
    is_pulled: bool = True
    parent: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    is_intermediate: bool = False

    @property
    def references(self) -> tuple[str, ...]:
        """Its tags."""
        return (self.key,) if self.tags is None else self.tags


IMAGES = (
    StoredImage(PYTORCH, _PYTORCH, 392 * _DAY),
    StoredImage(
        PYTORCH_DEVEL, (_UBUNTU_22, _CUDA, ("cuda 12.4 devel", 5480), ("torch 2.6 devel", 6350)), 392 * _DAY
    ),
    StoredImage(NGC, _NGC, 41 * _DAY),
    StoredImage(JUPYTER, (_UBUNTU_24, ("jupyter", 1420), ("jupyter torch", 8630)), 364 * _DAY),
    StoredImage(VLLM, (_UBUNTU_22, _CUDA, ("vllm 0.8.5", 15_200)), 306 * _DAY),
    StoredImage(MICROMAMBA, _MICROMAMBA, 290 * _DAY),
    StoredImage("tensorflow/tensorflow:2.19.0", (_UBUNTU_22, ("tensorflow", 1690)), 350 * _DAY),
    StoredImage(
        "ghcr.io/huggingface/text-embeddings-inference:1.7", (_DEBIAN, ("embeddings", 680)), 330 * _DAY
    ),
    StoredImage("postgres:16", (_DEBIAN, ("postgres", 360)), 60 * _DAY),
    StoredImage("rayproject/ray:2.44.0-gpu", (_UBUNTU_22, _CUDA, ("ray", 7900)), 340 * _DAY),
    StoredImage(
        "nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04", (_UBUNTU_22, ("dcgm", 1020)), 300 * _DAY
    ),
    # from here on no container uses one
    StoredImage("vllm/vllm-openai:v0.7.3", (_UBUNTU_22, _CUDA, ("vllm 0.7.3", 14_900)), 374 * _DAY),
    StoredImage(
        "nvcr.io/nvidia/pytorch:25.06-py3",
        (_UBUNTU_24, ("nvidia 25.06 cuda", 7300), ("nvidia 25.06 torch", 11_900)),
        250 * _DAY,
    ),
    StoredImage(
        "pytorch/pytorch:2.3.1-cuda12.1-cudnn8-runtime", (("ubuntu 20.04", 73), ("torch 2.3", 7900)),
        640 * _DAY,
    ),
    # made here by the classic builder, step by step
    StoredImage(
        "segmentation step 1", (*_PYTORCH, _SEGMENTATION[0]), 9 * _DAY, (), is_pulled=False, parent=PYTORCH,
        is_intermediate=True,
    ),
    StoredImage(
        "segmentation step 2", (*_PYTORCH, *_SEGMENTATION), 9 * _DAY, (), is_pulled=False,
        parent="segmentation step 1", is_intermediate=True,
    ),
    StoredImage(
        "segmentation", (*_PYTORCH, *_SEGMENTATION, ("segmentation code", 38)), 9 * _DAY,
        ("lab/segmentation:latest", "lab/segmentation:2026-02"), is_pulled=False,
        parent="segmentation step 2",
    ),
    # their names went to the one above
    StoredImage(
        "segmentation before", (*_PYTORCH, *_BEFORE, ("segmentation code 2", 37)), 16 * _DAY, (),
        is_pulled=False,
    ),
    StoredImage(
        "segmentation at first", (*_PYTORCH, *_BEFORE, ("segmentation code 1", 36)), 23 * _DAY, (),
        is_pulled=False,
    ),
    StoredImage("diffusion", (*_NGC, ("diffusion pip", 3150)), 12 * _DAY, (), is_pulled=False),
    StoredImage(
        "chen/sweep-runner:0.9", (*_MICROMAMBA, ("sweep runner", 1870)), 70 * _DAY, is_pulled=False,
        labels={"owner": "chen"},
    ),
    StoredImage(
        "lab/golden:2025.11", (*_PYTORCH, ("golden", 4200)), 110 * _DAY, is_pulled=False,
        labels={"keep": "until the paper is out"},
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredVolume:
    """One volume; `size` without the environments on it. `growing` is per second while `grown_by` runs."""

    name: str
    size: int
    created_ago: float
    labels: Mapping[str, str] = field(default_factory=dict)
    grown_by: str = ""
    growing: float = 0.0


def is_anonymous(volume: str) -> bool:
    """The engine named it."""
    return len(volume) == 64 and all(each in "0123456789abcdef" for each in volume)


def _anonymous(digits: str) -> str:
    return (digits * 16)[:64]


_NO_NAME = {"com.docker.volume.anonymous": ""}

VOLUMES = (
    StoredVolume("conda-envs", 4100, 210 * _DAY),
    StoredVolume("vision-checkpoints", 412_000, 40 * _DAY, grown_by="vision-train", growing=24.0),
    StoredVolume("hf-cache", 318_000, 120 * _DAY),
    StoredVolume("optuna-data", 2150, 33 * _DAY),
    StoredVolume("ray-results", 26_400, 96 * _DAY),
    StoredVolume("dicom-tensors", 640_000, 2 * _DAY),
    StoredVolume("diffusion-ckpt", 187_000, 31 * _HOUR),
    StoredVolume(SCRATCH_VOLUME, 11_300, 5 * _DAY, _NO_NAME),
    # from here on no container mounts one
    StoredVolume("imagenet-resized-2024", 312_000, 460 * _DAY),
    StoredVolume("thesis-figures", 5400, 130 * _DAY, {"keep": "ana's thesis"}),
    StoredVolume("chen-scratch", 88_000, 75 * _DAY, {"owner": "chen"}),
    StoredVolume(_anonymous("8e41"), 41_200, 190 * _DAY, _NO_NAME),
    StoredVolume(_anonymous("1d97"), 2100, 88 * _DAY, _NO_NAME),
    StoredVolume(_anonymous("f3a6"), 120, 17 * _DAY, _NO_NAME),
)

#: Networks that no container is in: name, age and labels. Those of projects are their containers'.
NETWORKS: tuple[tuple[str, float, Mapping[str, str]], ...] = (
    ("thesis_default", 130 * _DAY, {"com.docker.compose.project": "thesis"}),
    ("nccl-test", 54 * _DAY, {}),
    ("chen-proxy", 75 * _DAY, {"owner": "chen"}),
)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record of the build cache; `parents` are keys of others."""

    key: str
    kind: str
    description: str
    size: int
    created_ago: float
    used_ago: float
    usage_count: int = 1
    parents: tuple[str, ...] = ()
    in_use: bool = False
    is_shared: bool = False


RECORDS = (
    StoredRecord("pull", "regular", f"pulled from docker.io/{PYTORCH}", 7628, 30 * _DAY, 9 * _DAY, 14,
                 is_shared=True),
    StoredRecord("context", "source.local", "local source for context", 1240, 30 * _DAY, 9 * _DAY, 22),
    StoredRecord("apt", "regular", "mount / from exec /bin/sh -c apt-get install -y libgl1 ffmpeg", 412,
                 30 * _DAY, 9 * _DAY, 14, ("pull",)),
    StoredRecord("pip", "regular", "mount / from exec /bin/sh -c pip install -r requirements.txt", 2290,
                 23 * _DAY, 16 * _DAY, 5, ("apt",)),
    StoredRecord("flash", "regular", "mount / from exec /bin/sh -c pip install flash-attn", 18_400,
                 23 * _DAY, 16 * _DAY, 3, ("pip",)),
    StoredRecord("wheels", "exec.cachemount", "cached mount /root/.cache/pip from exec /bin/sh -c pip", 9800,
                 160 * _DAY, 9 * _DAY, 41),
    StoredRecord("now", "regular", "mount / from exec /bin/sh -c python setup.py bdist_wheel", 3100,
                 0.4 * _HOUR, 60.0, 1, ("pull",), in_use=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredLayer:
    """What a container wrote into its own layer, beside environments and caches.

    Attributes:
        folders: where, with how many files.
        changed, deleted: files of the image.
        growing: per second, while it runs.
    """

    size: int
    folders: tuple[tuple[str, int], ...]
    changed: int = 0
    deleted: int = 0
    growing: float = 0.0


#: By the name that the container was made with; nothing was written in others.
LAYERS: Mapping[str, StoredLayer] = {
    "dl-dev": StoredLayer(2740, (("/root/.cache/torch", 212), ("/tmp", 57), ("/var/log", 9)), 14, 2),
    "vision-train": StoredLayer(6900, (("/tmp/wandb", 1804), ("/root/.cache", 96)), 5, growing=1.1),
    "tensorboard": StoredLayer(0, ()),
    "llm-finetune": StoredLayer(58_600, (("/workspace/offload", 640), ("/tmp", 31)), 8, growing=3.4),
    "serve-qwen": StoredLayer(940, (("/root/.cache/vllm", 388),), 1),
    "serve-embed": StoredLayer(12, (("/tmp", 4),)),
    "notebook-ana": StoredLayer(8200, (("/home/jovyan/.local", 5120), ("/tmp", 77)), 3),
    "notebook-chen": StoredLayer(21, (("/home/jovyan/.jupyter", 12),)),
    "sweep-agent": StoredLayer(460, (("/tmp/wandb", 930),)),
    "optuna-db": StoredLayer(1, (("/run/postgresql", 2),)),
    "rl-sim": StoredLayer(31_200, (("/tmp/ray", 4410),), 2),
    "preprocess-dicom": StoredLayer(3150, (("/tmp/dicom-work", 2260),), 6),
    "diffusion-train": StoredLayer(14_700, (("/workspace/samples", 1960), ("/tmp", 12)), 4, 1),
    "log-flood": StoredLayer(1, (("/tmp", 1),)),
}

#: Log files: size, and what it grows by per second while the container runs. Those not named here are small.
LOGS: Mapping[str, tuple[float, float]] = {
    "sweep-agent": (143_000, 0.6), "serve-qwen": (21_800, 0.05), "vision-train": (1270, 0.02),
    "llm-finetune": (640, 0.02), "log-flood": (4300, 0.0), "rl-sim": (880, 0.0), "optuna-db": (27, 0.0),
}  # fmt: skip
SMALL_LOG = 2.6
#: The engine's `max-size`, for those whose log was given a limit.
LOG_LIMITS: Mapping[str, str] = {"optuna-db": "10m", "tensorboard": "10m"}


@dataclass(frozen=True, slots=True)
class StoredCache:
    """A cache inside a container.

    Attributes:
        prefix: of the environment whose manager cleans it.
        from_image: it came with the image.
        modified_ago: seconds before the world begins.
    """

    owner: str
    path: str
    prefix: str
    modified_ago: float
    from_image: bool = False


CACHES: Mapping[str, tuple[StoredCache, ...]] = {
    "dl-dev": (
        StoredCache("conda", "/opt/conda/pkgs", "/opt/conda", 3 * _DAY),
        StoredCache("pip", "/root/.cache/pip", "/opt/conda", 6 * _DAY),
    ),
    "vision-train": (StoredCache("pip", "/root/.cache/pip", "/usr", 2.9 * _HOUR),),
    "llm-finetune": (
        StoredCache("conda", "/opt/conda/pkgs", "/opt/conda", 18 * _HOUR),
        StoredCache("pip", "/root/.cache/pip", "/opt/conda", 12 * _HOUR),
    ),
    "notebook-ana": (StoredCache("conda", "/opt/conda/pkgs", "/opt/conda", 25 * _HOUR),),
    "notebook-chen": (StoredCache("conda", "/opt/conda/pkgs", "/opt/conda", 364 * _DAY, from_image=True),),
}

#: File systems beside the engine's own: where, size, in use, inodes, free inodes.
FILE_SYSTEMS = (
    ("/home", 8_000_000, 5_680_000, 488_000_000, 401_000_000),
    ("/data", 28_000_000, 26_040_000, 1_710_000_000, 1_602_000_000),
)
#: Of the engine's own file system.
INODES, FREE_INODES = 213_000_000, 176_000_000
