"""The environments in the make-believe containers, and the GPUs that they meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tui.demo.catalogue import ALL_GPUS
from tui.model.compatibility import DriverFacts, GpuFacts
from tui.model.environments import EnvironmentKind, Origin

_DAY, _HOUR = 86400.0, 3600.0
_BASE, _CONDA, _PIXI = EnvironmentKind.BASE, EnvironmentKind.CONDA, EnvironmentKind.PIXI
_VENV, _UV, _SYSTEM = EnvironmentKind.VENV, EnvironmentKind.UV, EnvironmentKind.SYSTEM
_IMAGE, _LAYER, _MOUNT = Origin.IMAGE, Origin.LAYER, Origin.MOUNT

# With a driver that is two years behind: so that something runs, and something does not.
DRIVER = DriverFacts("550.163.01", "12.4", (GpuFacts("NVIDIA H100 80GB HBM3", "9.0"),) * len(ALL_GPUS))


@dataclass(frozen=True, slots=True)
class Made:
    """One environment as it was made.

    Attributes:
        groups: of packages, by their names in the package lists.
        size_mib, own_mib: what it takes, and what of that is linked from nowhere else.
        modified_ago: seconds before the world begins.
        executable: how its processes' command lines begin, where that is not its prefix.
    """

    prefix: str
    kind: EnvironmentKind
    origin: Origin
    python: str
    groups: tuple[str, ...]
    size_mib: int
    own_mib: int | None
    modified_ago: float
    name: str = ""
    root_prefix: str | None = None
    manager: str | None = None
    torch: str | None = None
    cuda_build: str | None = None
    writable: bool = True
    frozen: bool = False
    made_by: str | None = None
    user: str = "root"
    executable: str = ""
    problems: tuple[str, ...] = ()


_PYTORCH_BASE = Made(
    "/opt/conda", _BASE, _IMAGE, "3.11.11", ("conda python 3.11", "conda itself", "pip torch cu124"),
    7110, 7110, 392 * _DAY, "base", "/opt/conda", "/opt/conda/bin/conda", "2.6.0+cu124", "12.4",
    made_by="conda",
)  # fmt: skip
_NVIDIA_SYSTEM = Made(
    "/usr", _SYSTEM, _IMAGE, "3.12.3", ("pip torch nvidia",), 9480, 9480, 41 * _DAY,
    torch="2.10.0a0+b4e4ee81d3.nv26.01", cuda_build="13.1", frozen=True, executable="/usr/bin/python",
)  # fmt: skip
_JUPYTER_BASE = Made(
    "/opt/conda", _BASE, _IMAGE, "3.12.9",
    ("conda python 3.12", "conda itself", "conda jupyter", "conda science", "pip torch cu124"),
    8230, 8230, 364 * _DAY, "base", "/opt/conda", "/opt/conda/bin/mamba", "2.6.0+cu124", "12.4",
    made_by="mamba", user="jovyan",
)  # fmt: skip
_MICROMAMBA_BASE = Made(
    "/opt/conda", _BASE, _LAYER, "3.12.9", ("conda python 3.12", "pip sweep"), 1240, 1240, 5 * _HOUR,
    "base", "/opt/conda", "/bin/micromamba", made_by="micromamba", user="mambauser",
)  # fmt: skip

# By the name that the container was made with; those that are missing here have none.
ENVIRONMENTS: Mapping[str, tuple[Made, ...]] = {
    "dl-dev": (
        _PYTORCH_BASE,
        Made(
            "/opt/conda/envs/audio", _CONDA, _MOUNT, "3.11.11",
            ("conda python 3.11", "pip torch cu124", "pip cuda 11", "pip audio"), 7630, 6020, 51 * _DAY,
            "audio", "/opt/conda", "/opt/conda/bin/conda", "2.6.0+cu124", "12.4", made_by="conda", user="ana",
            problems=("two records of onnxruntime-gpu: 1.17.0 and 1.19.2",),
        ),
        Made(
            "/opt/conda/envs/legacy-seg", _CONDA, _MOUNT, "3.10.14",
            ("conda python 3.10", "conda torch 1.13"), 6890, 410, 480 * _DAY, "legacy-seg", "/opt/conda",
            "/opt/conda/bin/conda", "1.13.1", "11.7", made_by="conda", user="ben",
        ),
        Made(
            "/opt/conda/envs/next", _CONDA, _MOUNT, "3.12.9", ("conda python 3.12", "pip torch cu130"),
            6350, 6010, 3 * _DAY, "next", "/opt/conda", "/opt/conda/bin/conda", "2.10.0+cu130", "13.0",
            made_by="conda", user="ana",
        ),
        Made(
            "/opt/conda/envs/seg_分割", _CONDA, _MOUNT, "3.12.9", ("conda python 3.12",), 290, 24, 9 * _HOUR,
            "seg_分割", "/opt/conda", "/opt/conda/bin/conda", made_by="conda", user="chen",
            problems=("half made: packages that were to come by pip are missing",),
        ),
        Made(
            "/opt/conda/envs/vision", _CONDA, _MOUNT, "3.11.11",
            ("conda python 3.11", "pip torch cu124", "pip vision"), 7420, 6980, 6 * _DAY, "vision",
            "/opt/conda", "/opt/conda/bin/conda", "2.6.0+cu124", "12.4", made_by="conda", user="ana",
        ),
        Made(
            "/workspace/captions/.venv", _UV, _MOUNT, "3.12.9", ("pip torch cu124", "pip language"),
            6100, 130, 30 * _HOUR, manager="/usr/local/bin/uv", torch="2.6.0+cu124", cuda_build="12.4",
            made_by="uv", user="ana",
        ),
    ),
    "vision-train": (
        Made(
            "/usr", _SYSTEM, _LAYER, "3.12.3", ("pip torch nvidia", "pip vision"), 9730, 9730, 2.9 * _HOUR,
            torch="2.10.0a0+b4e4ee81d3.nv26.01", cuda_build="13.1", frozen=True,
            executable="/usr/bin/python",
        ),
    ),
    "tensorboard": (
        Made(
            "/usr", _SYSTEM, _IMAGE, "3.11.11", ("pip tensorflow",), 1410, 1410, 350 * _DAY,
            executable="/usr/bin/python",
        ),
    ),
    "llm-finetune": (
        Made(
            "/opt/conda", _BASE, _LAYER, "3.11.11",
            ("conda python 3.11", "conda itself", "pip torch cu124", "pip language"), 7720, 7720,
            18.8 * _HOUR, "base", "/opt/conda", "/opt/conda/bin/conda", "2.6.0+cu124", "12.4",
            made_by="conda",
        ),
        Made(
            "/workspace/eval/.venv", _VENV, _LAYER, "3.11.11", ("pip torch cpu", "pip language"), 1310, 1310,
            12 * _HOUR, torch="2.6.0+cpu", cuda_build="cpu", made_by="venv",
        ),
    ),
    "serve-qwen": (
        Made(
            "/usr", _SYSTEM, _IMAGE, "3.12.9", ("pip torch cu124", "pip serving"), 8020, 8020, 306 * _DAY,
            torch="2.6.0+cu124", cuda_build="12.4", frozen=True, executable="/usr/bin/python",
        ),
    ),
    "serve-embed": (
        Made(
            "/opt/server/.venv", _UV, _IMAGE, "3.11.11", ("pip embedding",), 96, 96, 330 * _DAY,
            made_by="uv",
        ),
    ),
    "notebook-ana": (
        _JUPYTER_BASE,
        Made(
            "/home/jovyan/.conda/envs/stats", _CONDA, _LAYER, "3.13.2t",
            ("conda python 3.13t", "conda science"), 640, 150, 25 * _HOUR, "stats", "/opt/conda",
            "/opt/conda/bin/mamba", made_by="mamba", user="jovyan",
        ),
        Made(
            "/home/jovyan/work/protein/.pixi/envs/default", _PIXI, _MOUNT, "3.12.9",
            ("conda python 3.12", "conda torch 2.6", "conda science"), 5730, 220, 11 * _DAY, "default",
            manager="/home/jovyan/.pixi/bin/pixi", torch="2.6.0", cuda_build="12.6", made_by="pixi",
            user="jovyan",
        ),
    ),
    "notebook-chen": (
        Made(
            "/opt/conda", _BASE, _IMAGE, "3.12.9",
            ("conda python 3.12", "conda itself", "conda jupyter", "conda science", "pip torch cu124"),
            8230, 8230, 364 * _DAY, "base", "/opt/conda", "/opt/conda/bin/mamba", "2.6.0+cu124", "12.4",
            writable=False, frozen=True, made_by="mamba",
        ),
    ),
    "sweep-agent": (_MICROMAMBA_BASE,),
    "rl-sim": (
        Made(
            "/home/ray/anaconda3", _BASE, _IMAGE, "3.10.14", ("conda python 3.10", "pip torch cu121"), 5980,
            5980, 340 * _DAY, "base", "/home/ray/anaconda3", "/home/ray/anaconda3/bin/conda", "2.3.0+cu121",
            "12.1", made_by="conda", user="ray",
        ),
    ),
    "preprocess-dicom": (
        Made(
            "/opt/conda", _BASE, _LAYER, "3.12.9", ("conda python 3.12", "pip images"), 870, 870, 47 * _HOUR,
            "base", "/opt/conda", "/bin/micromamba", made_by="micromamba", user="mambauser",
            problems=("pydicom 3.0.1: 12 of its files are missing",),
        ),
        Made(
            "/opt/conda/envs/dicom", _CONDA, _LAYER, "3.12.9", ("conda python 3.12", "pip images"), 1090, 940,
            46 * _HOUR, "dicom", "/opt/conda", "/bin/micromamba", made_by="micromamba", user="mambauser",
        ),
    ),
    "diffusion-train": (_NVIDIA_SYSTEM,),
    "log-flood": (_MICROMAMBA_BASE,),
    "eval-suite": (_PYTORCH_BASE,),
}  # fmt: skip

#: Programs of processes whose command lines do not name them, by container and number in it.
PROGRAMS: Mapping[tuple[str, int], str] = {
    ("serve-qwen", 3): "/usr/bin/python3.12",
    ("serve-embed", 1): "/opt/server/bin/text-embeddings-router",
    ("rl-sim", 4): "/home/ray/anaconda3/bin/python3.10",
}

#: Containers in which nothing can be run, by the name that they were made with.
WITHOUT_SHELL = frozenset({"serve-embed"})
