"""No GPU here: each reason has a face of its own, and goes away when its cause does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.gpus.conftest import Clock, Machine, MakeMachine
from tests.rig.nvml_double import Double, KernelFiles
from tests.rig.nvml_scenario import Scenario, full_gpu
from tui.backends.gpu.absence import KernelRoots, library_version
from tui.backends.gpu.nvml import NvmlGpus
from tui.backends.gpu.nvml_reader import load_pynvml
from tui.model.errors import (
    GpuDriverError,
    GpuError,
    GpuMismatch,
    GpuModuleMissing,
    GpuPermission,
    NoGpu,
    NoGpuDriver,
)


def why(machine: Machine, after: float = 0.0) -> GpuError:
    report = machine.report(after)
    assert report.absence is not None and (report.gpus, report.processes, report.lost) == ((), (), ())
    assert report.absence.title and report.absence.detail and report.absence.hint
    return report.absence


def init_fails(machine: Machine, code: int) -> None:
    machine.scenario.init = code
    machine.write()


def test_module_not_loaded(machine: Machine) -> None:
    init_fails(machine, 9)
    error = why(machine)
    assert isinstance(error, GpuModuleMissing) and "not loaded" in error.title
    machine.kernel.load_module("550.54.15")
    assert "does not answer" in why(machine, after=10).title


def test_a_mismatch_names_both_versions_and_what_to_do(machine: Machine) -> None:
    machine.kernel.load_module("550.54.15")
    machine.scenario.rules["library"] = "570.124.06"
    init_fails(machine, 18)
    error = why(machine)
    assert isinstance(error, GpuMismatch)
    assert (error.library_version, error.module_version) == ("570.124.06", "550.54.15")
    assert "570.124.06" in error.detail and "550.54.15" in error.detail and "Reboot" in error.hint
    assert machine.report().driver_version == "550.54.15"


def test_the_librarys_version_is_that_of_the_file_that_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    mapped = (
        "7f00-7f01 r-xp 0 08:01 42    /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.535.261.03\n7f02 rw-p 0\n"
    )
    (tmp_path / "self" / "maps").write_text(mapped)
    assert library_version(None, tmp_path) == "535.261.03"


def test_no_permission(machine: Machine) -> None:
    init_fails(machine, 4)
    assert isinstance(why(machine), GpuPermission)


def test_no_permission_on_any_gpu(machine: Machine) -> None:
    machine.scenario.rules["error.nvmlDeviceGetHandleByIndex_v2"] = 4
    machine.write()
    assert isinstance(why(machine), GpuPermission)


@pytest.mark.parametrize("code", [999, 20])
def test_an_error_without_a_face(machine: Machine, code: int) -> None:
    init_fails(machine, code)
    error = why(machine)
    assert isinstance(error, GpuDriverError)
    assert ("daemon-reload" in error.hint) == (code == 999)
    assert ("20" in error.detail) == (code == 20)


def test_a_container_that_lost_its_devices(machine: Machine) -> None:
    machine.scenario.rules["error.nvmlDeviceGetHandleByIndex_v2"] = 999
    machine.write()
    error = machine.report().absence
    assert isinstance(error, GpuDriverError) and "daemon-reload" in error.hint


def test_a_driver_without_a_gpu(make_machine: MakeMachine) -> None:
    machine = make_machine(Scenario({}))
    machine.scenario.rules["gpus"] = ""
    machine.write()
    assert isinstance(why(machine), NoGpu)


def test_it_comes_back_by_itself_and_is_not_asked_all_the_time(machine: Machine) -> None:
    init_fails(machine, 9)
    why(machine)
    machine.double.forget_calls()
    init_fails(machine, 0)
    for _ in range(9):
        why(machine, after=1)
    assert machine.double.calls() == []
    report = machine.report(after=1)
    assert report.absence is None and len(report.gpus) == 1


@pytest.mark.parametrize("code", [1, 9, 18])
def test_a_driver_that_goes_while_we_look(machine: Machine, code: int) -> None:
    assert machine.report().absence is None
    machine.scenario.rules["error.nvmlDeviceGetUtilizationRates"] = code
    machine.write()
    error = why(machine, after=1)
    assert isinstance(error, {9: GpuModuleMissing, 18: GpuMismatch}.get(code, GpuDriverError))
    assert machine.report().driver_version == "550.54.15"
    assert machine.double.count("nvmlShutdown") == 1
    del machine.scenario.rules["error.nvmlDeviceGetUtilizationRates"]
    machine.write()
    assert machine.report(after=10).absence is None


def test_no_library(tmp_path: Path) -> None:
    kernel = KernelFiles(tmp_path)
    gpus = NvmlGpus(missing_library, KernelRoots(kernel.proc, kernel.sys), clock=Clock())
    error = gpus.report().absence
    gpus.close()
    assert isinstance(error, NoGpuDriver) and error.title == "No NVIDIA driver on this machine"


def test_a_library_that_is_missing_beside_its_module(tmp_path: Path) -> None:
    kernel = KernelFiles(tmp_path)
    kernel.load_module("550.54.15")
    gpus = NvmlGpus(missing_library, KernelRoots(kernel.proc, kernel.sys), clock=Clock())
    report = gpus.report()
    gpus.close()
    assert isinstance(report.absence, NoGpuDriver) and "550.54.15" in report.absence.hint
    assert report.driver_version == "550.54.15"


def test_the_library_is_found_when_it_is_installed_later(compiler: None, tmp_path: Path) -> None:
    folder = tmp_path / "double"
    folder.mkdir()
    double = Double(folder, Scenario({0: full_gpu()}))
    kernel, clock = KernelFiles(tmp_path / "kernel"), Clock()
    loads = [missing_library, double.nvml]
    gpus = NvmlGpus(lambda: loads.pop(0)(), KernelRoots(kernel.proc, kernel.sys), clock=clock)
    assert isinstance(gpus.report().absence, NoGpuDriver)
    clock.seconds += 10
    assert gpus.report().absence is None
    gpus.close()


def missing_library() -> ModuleType:
    """As on a machine without a driver, whether this one has one or not."""
    nvml = load_pynvml()

    class Missing(ModuleType):
        NVMLError = nvml.NVMLError
        NVMLLibraryMismatchError = nvml.NVMLLibraryMismatchError

        def nvmlInit(self) -> None:
            raise nvml.NVMLError(12)

    return Missing("pynvml")


@pytest.mark.skipif(bool(shutil.which("nvidia-smi")), reason="this machine has a driver")
def test_no_library_on_this_very_machine() -> None:
    # in a process of its own: in this one, libraries of that name may have been loaded
    program = "from tui.backends.gpu.nvml import NvmlGpus; print(repr(NvmlGpus().report().absence))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("NoGpuDriver("), done.stdout
