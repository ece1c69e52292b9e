"""What this machine's NVIDIA driver says of itself in `/proc`, and what the settings add to it."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import Path

from tui.model.compatibility import DriverFacts, GpuFacts
from tui.settings import GpuSettings

_PROC = Path("/proc")
# In both forms that kernel modules write: "NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 …",
# and the open ones "NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build …".
_VERSION = re.compile(
    r"^NVRM version:.*?Kernel Module(?: for \S+)?\s+(\d{2,4}(?:\.\d{1,4}){1,3})\b", re.MULTILINE
)
_MODEL = re.compile(r"^Model:[ \t]+(.+?)[ \t]*$", re.MULTILINE)
# both files have a few lines; whatever else lies there is not read
_MOST_BYTES = 8192


class NvidiaDriver:
    """The driver of this machine."""

    def __init__(self, settings: GpuSettings, proc: Path = _PROC) -> None:
        """Args: settings go before what `proc` says; proc is where the kernel's files are."""
        self._settings = settings
        self._folder = proc / "driver" / "nvidia"

    def facts(self) -> DriverFacts | None:
        """Version and GPUs; None where neither `/proc` nor the settings know of a driver."""
        version = self._settings.driver_version or _version_in(self._folder)
        names, capabilities = list(self._names()), self._settings.compute_capabilities
        if version is None and not capabilities:
            return None
        return DriverFacts(version, gpus=_gpus(names, capabilities), machine=platform.machine())

    def _names(self) -> Iterator[str]:
        """The GPUs' names, in the order of their addresses on the bus."""
        try:
            folders = sorted((self._folder / "gpus").iterdir())
        except OSError:
            return
        for folder in folders:
            found = _MODEL.search(_read(folder / "information"))
            yield found[1] if found else ""


def module_version(proc: Path = _PROC) -> str | None:
    """Of the kernel module that is loaded; None where there is none, or it does not say."""
    return _version_in(proc / "driver" / "nvidia")


def _version_in(folder: Path) -> str | None:
    found = _VERSION.search(_read(folder / "version"))
    return found[1] if found else None


def _gpus(names: list[str], capabilities: tuple[str, ...]) -> tuple[GpuFacts, ...] | None:
    if not capabilities:
        return tuple(map(GpuFacts, names)) or None
    if len(names) != len(capabilities):
        # which name belongs to which can't be said
        names = [""] * len(capabilities)
    return tuple(map(GpuFacts, names, capabilities))


def _read(file: Path) -> str:
    """The text of a small file; "" where there is none for us."""
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
