"""A channel whose Python runs, with its pip, and wheels beside it: for managers that really install."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests.rig.conda_channel import CondaChannel
from tests.rig.conda_prefixes import SITE, dist, version_py

PYTHON_PROGRAM = Path("/usr/bin/python3.11")
PYTHON_LIBRARY = Path("/usr/lib/python3.11")
WHEELS = Path("/usr/share/python-wheels")
#: Of `rig-meta`, so that there is a middle in which an installation can be called off.
PARTS = 12

_NEEDS_PYTHON = ("python >=3.11,<3.12.0a0",)
#: A copy of the system's interpreter takes the folder above it for its prefix, and the system's library,
#: where such a file lies beside it; at the prefix itself it would make a venv of it.
BESIDE = "home = /usr/bin\ninclude-system-site-packages = false\n"


def why_unavailable() -> str | None:
    """Why such a channel can't be made on this machine, or None if it can."""
    wanted = (PYTHON_PROGRAM, PYTHON_LIBRARY / "os.py", PYTHON_LIBRARY / "ensurepip/__init__.py", WHEELS)
    missing = [str(path) for path in wanted if not path.exists()]
    return f"not installed: {', '.join(missing)} (Debian: python3.11-venv)" if missing else None


def python_version() -> str:
    """Of the interpreter that is packed."""
    argv = [str(PYTHON_PROGRAM), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def make_manager_channel(folder: Path, programs: dict[str, bytes]) -> CondaChannel:
    """The channel. Args: programs of the package conda, by their path below the prefix."""
    channel = CondaChannel(folder)
    version = python_version()
    files = {
        "bin/python3.11": PYTHON_PROGRAM.read_bytes(),
        "bin/pyvenv.cfg": f"{BESIDE}version = {version}\n".encode(),
        f"{SITE}/README.txt": b"rig\n",
    }
    links = {"bin/python3": "python3.11", "bin/python": "python3.11"}
    channel.add("python", version, "h1a2b3c4_0_cpython", files=files, links=links)
    pip = next(WHEELS.glob("pip-*.whl"))
    channel.add("pip", pip.name.split("-")[1], "pyh8b19718_0", _NEEDS_PYTHON, _pip_files(pip))
    for name, version in (("numpy", "1.26.4"), ("numpy", "2.1.0"), ("pyyaml", "6.0.2")):
        module = {f"{SITE}/{name}/__init__.py": f"__version__ = {version!r}\n".encode()}
        channel.add(name, version, "py311h64a7726_0", _NEEDS_PYTHON, module | dist(name, version, "conda"))
    channel.add("old-vision", "1.0", "py311_0", (*_NEEDS_PYTHON, "numpy <2"))
    channel.add("new-vision", "1.0", "py311_0", (*_NEEDS_PYTHON, "numpy >=2"))
    for name, version, build in (
        ("cuda-version", "12.1", "h1d6eff3_3"),
        ("cuda-cudart", "12.1.105", "0"),
        ("cudnn", "8.9.2.26", "cuda12_0"),
    ):
        channel.add(name, version, build, files={f"lib/{name}.so.1": name.encode() * 1000})
    torch = {f"{SITE}/torch/__init__.py": b"", f"{SITE}/torch/version.py": version_py("2.3.1", "12.1")}
    needs = (*_NEEDS_PYTHON, "numpy", "cuda-version 12.1.*", "cuda-cudart", "cudnn")
    channel.add(
        "pytorch", "2.3.1", "py3.11_cuda12.1_cudnn8.9.2_0", needs, torch | dist("torch", "2.3.1", "conda")
    )
    parts = [f"rig-part{number:02}" for number in range(PARTS)]
    for name in parts:
        channel.add(name, "1.0", "0")
    channel.add("rig-meta", "1.0", "0", parts)
    channel.add("conda", "25.11.1", "py311h06a4308_0", _NEEDS_PYTHON, programs)
    channel.write()
    return channel


def make_wheels(folder: Path) -> None:
    """Wheels for pip and uv: einops, numpy (two versions each), timm, and two that want different numpys."""
    for name, version, needs in (
        ("einops", "0.7.0", ()),
        ("einops", "0.8.0", ()),
        ("numpy", "1.26.4", ()),
        ("numpy", "2.1.0", ()),
        ("timm", "1.0.9", ("numpy>=1.20", "einops")),
        ("old-net", "1.0", ("numpy<2",)),
        ("new-net", "1.0", ("numpy>=2",)),
    ):
        make_wheel(folder, name, version, needs)


def make_wheel(folder: Path, name: str, version: str, needs: Sequence[str] = ()) -> Path:
    """A wheel of one module."""
    module = name.replace("-", "_")
    information = f"{module}-{version}.dist-info"
    required = "".join(f"Requires-Dist: {each}\n" for each in needs)
    files = {
        f"{module}/__init__.py": f"__version__ = {version!r}\n",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{information}/RECORD"))
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, content in {**files, f"{information}/RECORD": record}.items():
            archive.writestr(path, content)
    return target


def compile_folder(folder: Path) -> None:
    """Compile all modules below a folder, so that nobody has to wait for it at each first use."""
    argv = (
        str(PYTHON_PROGRAM),
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
        str(folder),
    )
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def _pip_files(wheel: Path) -> dict[str, bytes]:
    """pip as conda installs it: unpacked and compiled, its programs left out."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.unpack_archive(wheel, folder, "zip")
        next(folder.glob("pip-*.dist-info")).joinpath("INSTALLER").write_text("conda\n")
        compile_folder(folder)
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {f"{SITE}/{path.relative_to(folder)}": path.read_bytes() for path in paths}
