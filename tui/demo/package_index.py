"""What the make-believe package indexes offer: everything that lies in some environment, and a few more."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace

from tui.demo.package_lists import every_package
from tui.model.environments import Package
from tui.model.versions import order_key, satisfies

_CONDA = "conda"
_CHANNEL = "conda-forge"
_BUILD_PYTHON = re.compile(r"^py\d{2,4}")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*(?:\.?(?:post|rc|a|b)\d+)?")

# Beyond what lies in environments. Of conda: name, version, build, KiB; of pip name and version.
_MORE_CONDA = """
    ca-certificates 2026.1.4 hbd8a1cb_0 143
    einops 0.8.1 pyhd8ed1ab_0 42
    ipykernel 6.30.1 pyh82676e8_0 117
    llvmlite 0.44.0 py312h374181b_1 29245
    numba 0.61.2 py312h2e6246c_0 5610
    numpy 2.4.2 py312h33ff503_0 8540
    openssl 3.6.1 h35e630c_1 3080
    pandas 2.3.3 py312hf79963d_2 14720
    polars 1.38.1 pyh6a1acc5_0 520
    scikit-image 0.25.2 py312hf79963d_2 10830
    scipy 1.17.0 py312h54fa4ab_1 16890
    seaborn 0.13.2 hd8ed1ab_3 7
    torchaudio 2.6.0 cuda126_py312h8d2ad09_0 5210
    tqdm 4.67.3 pyh8f84b5b_0 91
    xformers 0.0.29.post3 cuda126_py312h2a7a3a8_1 28120
"""
_MORE_PIP = """
    accelerate 1.12.0
    einops 0.8.1
    llvmlite 0.44.0
    numba 0.61.2
    polars 1.38.1
    seaborn 0.13.2
    torchaudio 2.6.0+cu124
    transformers 4.57.6
    xformers 0.0.29.post3
"""
#: What a package can't do without, and brings along where it is missing.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "accelerate": ("torch", "numpy"),
    "matplotlib-base": ("numpy",),
    "numba": ("llvmlite", "numpy"),
    "pandas": ("numpy", "python-dateutil", "pytz"),
    "scikit-image": ("scipy", "numpy"),
    "scikit-learn": ("scipy", "numpy", "joblib", "threadpoolctl"),
    "scipy": ("numpy",),
    "seaborn": ("pandas", "matplotlib-base"),
    "torchaudio": ("torch",),
    "torchvision": ("torch", "numpy"),
    "xformers": ("torch", "numpy"),
}
#: Packages that hold numpy back, and some that want another build of torch.
HOLDS_NUMPY_BACK = frozenset({"numba", "xformers", "detectron2"})
WANTS_OTHER_TORCH = frozenset({"xformers", "detectron2", "torchaudio"})


def offered(owner: str, name: str) -> tuple[Package, ...]:
    """What the indexes of conda or pip have of a package, oldest first."""
    return _INDEX.get((owner, name), ())


def choose(owner: str, name: str, constraint: str, python: str, channel: str = "") -> Package:
    """The newest package that a constraint allows; one that nobody knows is made up, always the same.

    Args:
        owner: "conda" or "pip".
        name: of the package.
        constraint: what follows it, "" for any.
        python: version that it is built for, such as "3.12.9".
        channel: where it is wanted from, "" for any.
    """
    is_pip = owner != _CONDA
    fitting = [
        each for each in offered(owner, name) if satisfies(each.version, constraint, is_pip) is not False
    ]
    if fitting:
        return _built_for(fitting[-1], python, channel)
    figures = hashlib.sha256(f"{owner}/{name}".encode()).digest()
    wanted = _NUMBERS.search(constraint)
    version = wanted[0] if wanted else f"{figures[0] % 4}.{figures[1] % 20}.{figures[2] % 10}"
    if is_pip:
        return Package(name, version, owner)
    build, kib = f"pyhd8ed1ab_{figures[3] % 3}", 20 + int.from_bytes(figures[4:6]) % 4000
    return Package(name, version, owner, build, channel or _CHANNEL, kib << 10)


def _built_for(package: Package, python: str, channel: str) -> Package:
    """The same package for another Python, from another channel."""
    tag = "py" + "".join(python.split(".")[:2])
    build = _BUILD_PYTHON.sub(tag, package.build) if python else package.build
    return replace(package, build=build, channel=(channel or package.channel) if package.channel else "")


def _read() -> Mapping[tuple[str, str], tuple[Package, ...]]:
    found: dict[tuple[str, str], dict[str, Package]] = {}
    more = [line.split() for line in (_MORE_CONDA + _MORE_PIP).strip().splitlines() if line.strip()]
    extra = (
        Package(line[0], line[1], _CONDA, line[2], _CHANNEL, int(line[3]) << 10)
        if len(line) > 2
        else Package(line[0], line[1], "pip")
        for line in more
    )
    for each in (*every_package(), *extra):
        # what only NVIDIA's images have, and what comes from somebody's folder, is in no index
        if ".nv" not in each.version and not (each.owner == "pip" and each.build):
            found.setdefault((each.owner, each.name), {}).setdefault(each.version, _unasked(each))
    return {
        key: tuple(sorted(versions.values(), key=lambda each: order_key(each.version)))
        for key, versions in found.items()
    }


def _unasked(package: Package) -> Package:
    """The same as an index has it: that channel's numpy and Pillow are the others', too."""
    is_theirs = package.name.startswith(("pytorch", "torch"))
    channel = _CHANNEL if package.channel == "pytorch" and not is_theirs else package.channel
    return replace(package, channel=channel, is_requested=False)


_INDEX = _read()
