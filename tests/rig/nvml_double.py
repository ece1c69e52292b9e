"""A driver's library without a driver: builds it, loads it, and tells which calls it got."""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.rig.nvml_scenario import Scenario, ScenarioFile

#: Drivers that leave out different symbols; 534 stands for 535.43 to 535.86.
LEVELS = (450, 470, 510, 534, 535, 550, 580, 615)
NAME = "libnvidia-ml.so.1"

_SOURCE = Path(__file__).with_name("nvml") / "nvml_double.c"
_FLAGS = ("-shared", "-fPIC", "-O1", "-fvisibility=hidden", f"-Wl,-soname,{NAME}", "-lpthread")

_serial = itertools.count()


def why_unavailable() -> str | None:
    """Why the library can't be built on this machine, or None if it can."""
    if not shutil.which("gcc"):
        return "gcc is not installed (Debian: gcc libc6-dev)"
    if not Path("/usr/include/stdio.h").exists():
        return "the C library's headers are not installed (Debian: libc6-dev)"
    return None


def build(level: int, folder: Path) -> Path:
    """Compile the library of a driver level into `folder`, within a second."""
    library = folder / NAME
    subprocess.run(["gcc", *_FLAGS, f"-DLEVEL={level}", "-o", str(library), str(_SOURCE)], check=True)
    return library


@cache
def _built(level: int) -> Path:
    # outlives a test, like the process: the folder goes when the process does
    folder = _kept_folder() / str(level)
    folder.mkdir()
    return build(level, folder)


@cache
def _kept_folder() -> Path:
    _kept.append(tempfile.TemporaryDirectory(prefix="envtui-nvml-"))
    return Path(_kept[0].name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


class Double:
    """One machine's library, with a scenario and a log of calls of its own.

    Attributes:
        file: the scenario; change `scenario` and `write` it.
        library: the file that is loaded.
    """

    def __init__(self, folder: Path, scenario: Scenario, level: int = 550) -> None:
        """Args: an empty folder; what it answers; whose symbols it has."""
        self._calls = folder / "calls"
        self.library = folder / NAME
        # a copy is loaded beside others: the state of a library belongs to its file
        shutil.copy(_built(level), self.library)
        self.file = ScenarioFile(folder / "scenario", scenario)

    @property
    def scenario(self) -> Scenario:
        """What it answers, once it is written."""
        return self.file.scenario

    def write(self) -> None:
        """Answer as the scenario now says."""
        self.file.write()

    def environment(self) -> dict[str, str]:
        """What a program needs to find it."""
        return {
            "LD_LIBRARY_PATH": str(self.library.parent),
            "ENVTUI_NVML_SCENARIO": str(self.file.path),
            "ENVTUI_NVML_CALLS": str(self._calls),
        }

    def nvml(self) -> ModuleType:
        """The real pynvml on this library, another module than everybody else's."""
        real = importlib.util.find_spec("pynvml")
        assert real is not None and real.origin is not None
        spec = importlib.util.spec_from_file_location(f"pynvml_{next(_serial)}", real.origin)
        assert spec is not None and spec.loader is not None
        module: Any = importlib.util.module_from_spec(spec)
        # it looks itself up by its name while it is loaded
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        module.nvmlLib = ctypes.CDLL(str(self.library))
        module.nvmlLib.envtui_double_use(str(self.file.path).encode(), str(self._calls).encode())
        loaded: ModuleType = module
        return loaded

    def calls(self) -> list[tuple[str, int | None]]:
        """All calls so far: the C symbol, and the number of the GPU, None where it was about none."""
        try:
            lines = self._calls.read_text().splitlines()
        except FileNotFoundError:
            return []
        pairs = (line.split() for line in lines)
        return [(symbol, None if gpu == "-" else int(gpu)) for symbol, gpu in pairs]

    def count(self, symbol: str, gpu: int | None = None) -> int:
        """How often a function was called, for one GPU or for all."""
        return sum(1 for name, number in self.calls() if name == symbol and gpu in (None, number))

    def forget_calls(self) -> None:
        """Begin to count anew."""
        # emptied, not removed: the library has it open for appending
        self._calls.write_bytes(b"")


class KernelFiles:
    """What the kernel shows of the driver and its GPUs, below folders of a test."""

    def __init__(self, folder: Path) -> None:
        """Args: an empty folder."""
        self.proc, self.sys = folder / "proc", folder / "sys"
        for each in (self.proc, self.sys):
            each.mkdir(parents=True)

    def load_module(self, version: str) -> None:
        """As if the driver's module were loaded."""
        (self.sys / "module" / "nvidia").mkdir(parents=True)
        file = self.proc / "driver" / "nvidia" / "version"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Tue Mar  5 2024\n")

    def add_gpu(self, bus_id: str, status: str = "active") -> None:
        """A GPU that the driver has taken, awake or not (`0000:01:00.0`; `active`, `suspended`)."""
        (self.proc / "driver" / "nvidia" / "gpus" / bus_id).mkdir(parents=True, exist_ok=True)
        for place in ("bus/pci/devices", "bus/pci/drivers/nvidia"):
            power = self.sys / place / bus_id / "power"
            power.mkdir(parents=True, exist_ok=True)
            (power / "runtime_status").write_text(f"{status}\n")
