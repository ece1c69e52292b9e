"""Why there is no GPU: the driver's refusal and the kernel's files, made into an error that can be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.backends.gpu.driver import module_version
from tui.backends.gpu.nvml_calls import (
    DRIVER_NOT_LOADED,
    LIBRARY_MISMATCH,
    LIBRARY_NOT_FOUND,
    NO_PERMISSION,
    UNKNOWN_ERROR,
    words_of,
)
from tui.backends.gpu.power_state import SYS
from tui.model.errors import (
    GpuDriverError,
    GpuError,
    GpuMismatch,
    GpuModuleMissing,
    GpuPermission,
    NoGpu,
    NoGpuDriver,
)

PROC = Path("/proc")
# the library that a program has loaded, by the name of the file itself
_MAPPED = re.compile(r"/libnvidia-ml\.so\.(\d{2,4}(?:\.\d{1,4}){1,3})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class KernelRoots:
    """Where the kernel's files are; other folders for tests.

    Attributes:
        proc, sys: usually /proc and /sys.
    """

    proc: Path = PROC
    sys: Path = SYS


def explain(code: int, roots: KernelRoots, nvml: Any = None) -> GpuError:
    """The error for what NVML answers to its initialization; `nvml` to ask the library for its version."""
    module = module_version(roots.proc)
    if code == LIBRARY_NOT_FOUND:
        return _no_library(module)
    if code == DRIVER_NOT_LOADED:
        return _no_module(roots)
    if code == LIBRARY_MISMATCH:
        return _mismatch(library_version(nvml), module)
    if code == NO_PERMISSION:
        return GpuPermission(
            "No permission on the GPUs",
            "The driver does not let this user in",
            "Look at the owner and mode of /dev/nvidiactl and /dev/nvidia0, and which groups may use them",
        )
    if code == UNKNOWN_ERROR:
        return GpuDriverError(
            "Unknown driver error",
            "The GPU driver reports an error that it has no name for",
            "In a container this usually means that it lost its devices, after `systemctl daemon-reload` on "
            "the host: restart the container. Elsewhere the kernel's log says more: dmesg | grep NVRM",
        )
    return GpuDriverError(
        "The GPU driver reports an error",
        f"{words_of(code)} (NVML code {code})",
        "The kernel's log says more: dmesg | grep NVRM",
    )


def no_gpu() -> GpuError:
    """The error for a driver that knows no GPU."""
    return NoGpu(
        "No GPU on this machine",
        "The NVIDIA driver works, and knows no GPU",
        "In a container, give it GPUs when it is made (--gpus all)",
    )


def library_version(nvml: Any, proc: Path = PROC) -> str | None:
    """Of the library that this program has loaded; None where it does not say.

    Always of this very process, which keeps what it has loaded whatever is installed since.
    """
    try:
        found = _MAPPED.search((proc / "self" / "maps").read_text(errors="replace"))
    except OSError:
        found = None
    if found:
        return found[1]
    try:
        # answered without initialization, which is what failed
        return str(nvml.nvmlSystemGetNVMLVersion())
    except Exception:
        return None


def _no_library(module: str | None) -> GpuError:
    if module is None:
        return NoGpuDriver(
            "No NVIDIA driver on this machine",
            "Its library libnvidia-ml.so.1 is not here",
            "Everything else works without it",
        )
    return NoGpuDriver(
        "The NVIDIA driver's library is missing",
        f"The kernel has its module {module}, but libnvidia-ml.so.1 is not here",
        f"Install the libraries of driver {module}; in a container, start it with the NVIDIA runtime",
    )


def _no_module(roots: KernelRoots) -> GpuError:
    if (roots.sys / "module" / "nvidia").is_dir():
        return GpuModuleMissing(
            "The NVIDIA driver does not answer",
            "Its kernel module is loaded, but does not answer its library",
            "Look whether /dev/nvidiactl is there, and into the kernel's log: dmesg | grep NVRM",
        )
    return GpuModuleMissing(
        "The NVIDIA kernel module is not loaded",
        "The driver's library is here, but there is no /sys/module/nvidia",
        "Load it (sudo modprobe nvidia). After an upgrade of the kernel it must be built anew (dkms status)",
    )


def _mismatch(library: str | None, module: str | None) -> GpuError:
    return GpuMismatch(
        "Driver and library do not match",
        f"The kernel runs module {module or 'of an unknown version'}, "
        f"the library is {library or 'of an unknown version'}: the driver was upgraded since",
        "Reboot, or stop all that uses GPUs and load the module anew (sudo rmmod nvidia_uvm nvidia_drm "
        "nvidia_modeset nvidia; sudo modprobe nvidia); then start envtui again",
        library_version=library,
        module_version=module,
    )
