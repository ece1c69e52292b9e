"""What `/proc` and the settings tell of the NVIDIA driver, before its library is asked."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from tui.backends.gpu.driver import NvidiaDriver
from tui.model.compatibility import DriverFacts, GpuFacts
from tui.settings import GpuSettings
from tui.workstation import open_local

PROPRIETARY = """\
NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024
GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)
"""
OPEN = """\
NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build  (dvs-builder@U16)  \
Wed Feb 26 01:52:08 UTC 2025
GCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04)
"""
ARM = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build  (buildbrain@mobile)\n"
)
OLD = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  390.157  Wed Oct 12 09:19:07 UTC 2022\n"
INFORMATION = """\
Model: \t\t {name}
IRQ:   \t\t 132
GPU UUID: \t GPU-41a7c1a0-0000-0000-0000-000000000000
Video BIOS: \t 96.00.89.00.01
Bus Type: \t PCIe
"""


def proc(root: Path, version: str | bytes | None, *names: str) -> Path:
    """A `/proc` with such a driver in it."""
    folder = root / "driver" / "nvidia"
    folder.mkdir(parents=True)
    if version is not None:
        (folder / "version").write_bytes(version if isinstance(version, bytes) else version.encode())
    for index, name in enumerate(names):
        gpu = folder / "gpus" / f"0000:{index:02x}:00.0"
        gpu.mkdir(parents=True)
        (gpu / "information").write_text(INFORMATION.format(name=name))
    return root


@pytest.mark.parametrize(
    ("written", "version"),
    [(PROPRIETARY, "550.54.15"), (OPEN, "570.124.06"), (ARM, "540.4.0"), (OLD, "390.157")],
)
def test_the_version_in_every_form_of_the_kernel_module(tmp_path: Path, written: str, version: str) -> None:
    facts = NvidiaDriver(GpuSettings(), proc(tmp_path, written)).facts()
    assert facts == DriverFacts(version, None, None, platform.machine())


def test_names_in_the_order_of_the_bus(tmp_path: Path) -> None:
    root = proc(tmp_path, OPEN, "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB")
    facts = NvidiaDriver(GpuSettings(), root).facts()
    assert facts is not None
    assert facts.gpus == (GpuFacts("NVIDIA H100 80GB HBM3"), GpuFacts("NVIDIA A100-SXM4-80GB"))


def test_no_driver_is_nothing(tmp_path: Path) -> None:
    assert NvidiaDriver(GpuSettings(), tmp_path).facts() is None


@pytest.mark.parametrize(
    "written", ["", "\n", "NVRM version: \n", "Kernel Module 550.54.15", b"\xff\xfe\x00", b"x" * 100_000]
)
def test_a_file_that_says_something_else_is_nothing(tmp_path: Path, written: str | bytes) -> None:
    assert NvidiaDriver(GpuSettings(), proc(tmp_path, written)).facts() is None


def test_a_folder_in_place_of_the_file_is_nothing(tmp_path: Path) -> None:
    (proc(tmp_path, None) / "driver" / "nvidia" / "version").mkdir()
    assert NvidiaDriver(GpuSettings(), tmp_path).facts() is None


def test_a_gpu_without_information_has_no_name(tmp_path: Path) -> None:
    root = proc(tmp_path, OPEN, "NVIDIA H100 80GB HBM3")
    (root / "driver/nvidia/gpus/0000:00:00.0/information").unlink()
    facts = NvidiaDriver(GpuSettings(), root).facts()
    assert facts is not None and facts.gpus == (GpuFacts(""),)


def test_settings_go_before_the_machine(tmp_path: Path) -> None:
    root = proc(tmp_path, OPEN, "NVIDIA H100 80GB HBM3")
    facts = NvidiaDriver(GpuSettings("535.104.05", ("9.0",)), root).facts()
    assert facts is not None
    assert facts.driver_version == "535.104.05"
    assert facts.gpus == (GpuFacts("NVIDIA H100 80GB HBM3", "9.0"),)


def test_names_are_left_out_where_they_can_not_be_matched(tmp_path: Path) -> None:
    root = proc(tmp_path, OPEN, "NVIDIA H100 80GB HBM3")
    facts = NvidiaDriver(GpuSettings(None, ("9.0", "8.0")), root).facts()
    assert facts is not None and facts.gpus == (GpuFacts("", "9.0"), GpuFacts("", "8.0"))


def test_settings_alone_will_do(tmp_path: Path) -> None:
    facts = NvidiaDriver(GpuSettings("550.54.15"), tmp_path).facts()
    assert facts is not None and (facts.driver_version, facts.gpus) == ("550.54.15", None)


def test_capabilities_without_a_driver_are_kept(tmp_path: Path) -> None:
    facts = NvidiaDriver(GpuSettings(None, ("9.0",)), tmp_path).facts()
    assert facts is not None and (facts.driver_version, facts.gpus) == (None, (GpuFacts("", "9.0"),))


def test_only_an_engine_on_this_machine_has_this_machines_driver() -> None:
    gpu = GpuSettings("550.54.15")
    here = open_local("unix:///nonexistent/engine.sock", {}, gpu)
    assert here.driver is not None
    facts = here.driver.facts()
    assert facts is not None and facts.driver_version == "550.54.15"
    assert open_local("tcp://203.0.113.7:2375", {}, gpu).driver is None
