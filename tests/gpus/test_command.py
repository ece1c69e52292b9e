"""`envtui gpus` as a shell starts it, on a driver's library without a driver."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine.program import ENVTUI, PATIENCE_SECONDS
from tests.gpus.conftest import MakeDouble
from tests.rig.nvml_double import Double
from tests.rig.nvml_scenario import GIB, ProcessLine, Scenario, full_gpu, uuid_of

RESERVED = GIB // 2


def run(double: Double, *arguments: str) -> subprocess.CompletedProcess[str]:
    """No engine is there."""
    return subprocess.run(
        [*ENVTUI, "--host", "unix:///nonexistent/engine.sock", "gpus", *arguments],
        env={**os.environ, **double.environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def told(double: Double) -> dict[str, Any]:
    done = run(double, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.by_default("470", "615")
@pytest.mark.parametrize("level", [470, 535, 550, 615])
def test_figures_are_the_drivers(make_double: MakeDouble, level: int) -> None:
    gpu = full_gpu(0, fan=None)
    gpu.processes = [ProcessLine(os.getpid(), 2 * GIB, "C", sm=40)]
    found = told(make_double(Scenario({0: gpu, 1: full_gpu(1)}), level))
    first, second = found["gpus"]
    (process,) = first["processes"]
    assert (found["driver_version"], found["cuda_version"]) == ("550.54.15", "12.4")
    assert (first["uuid"], first["utilization_percent"], first["temperature_celsius"]) == (uuid_of(0), 70, 60)
    assert (first["power_watts"], first["power_limit_watts"], first["sm_clock_mhz"]) == (250.5, 400, 1410)
    assert (first["throttle_reasons"], second["fan_percent"]) == (["power limit"], 56)
    assert first["unknown"]["fan_percent"] == "it has no fan of its own"
    # drivers before 510 count what they keep for themselves as used
    is_old = level < 510
    assert first["memory_total_bytes"] == 80 * GIB
    assert first["memory_used_bytes"] == 20 * GIB + (RESERVED if is_old else 0)
    assert first["memory_reserved_bytes"] == (None if is_old else RESERVED)
    assert ("memory_reserved_bytes" in first["unknown"]) == is_old
    assert (process["pid"], process["memory_bytes"], process["sm_percent"]) == (os.getpid(), 2 * GIB, 40)
    program = Path("/proc/self/cmdline").read_bytes().partition(b"\0")[0].decode()
    assert process["user"] == pwd.getpwuid(os.getuid()).pw_name and process["command"].startswith(program)
    assert process["container"] is None and process["unknown"]["container"]


def test_a_hung_driver_is_one_line_and_a_failure(make_double: MakeDouble) -> None:
    scenario = Scenario({0: full_gpu(0)}, rules={"delay.nvmlDeviceGetPowerUsage": 30_000})
    done = run(make_double(scenario, 550))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "nvmlDeviceGetPowerUsage has not come back" in done.stderr


def test_a_mismatch_is_no_failure(make_double: MakeDouble) -> None:
    found = told(make_double(Scenario({0: full_gpu(0)}, init=18), 550))
    assert found["gpus"] == [] and found["reason"].startswith("Driver and library do not match")
