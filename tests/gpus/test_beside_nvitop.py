"""Ours and nvitop's figures of the same driver agree, and an unmodified nvitop runs on the double."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gpus.conftest import MakeDouble
from tests.rig.nvml_double import Double
from tests.rig.nvml_scenario import GIB, ProcessLine, Scenario, full_gpu, uuid_of

ROOT = Path(__file__).parents[2]
LEVELS = (470, 535, 550, 615)
# Their words for what we have as numbers.
TRANSLATED: dict[str, dict[str, Any]] = {
    "performance_state": {f"P{state}": state for state in range(16)},
    "is_persistent": {"Enabled": True, "Disabled": False},
    "is_mig": {"Enabled": True, "Disabled": False},
    "compute_mode": {"Default": "default"},
}
TYPES = {"C": "compute", "G": "graphics", "C+G": "both"}
# Where nvitop shows a false 0: what the driver refused to say of processes, and what ours says of it.
FALSE_ZEROS = {
    "split": ({"gpu0.mig": 1}, "not told while MIG is on"),
    "no permission": ({"error.nvmlDeviceGetProcessUtilization": 4}, "no permission"),
    "not supported": ({"error.nvmlDeviceGetProcessUtilization": 3}, "not supported on this GPU"),
    "unknown error": ({"error.nvmlDeviceGetProcessUtilization": 999}, "unknown driver error"),
}


def scenario() -> Scenario:
    made = Scenario({0: full_gpu(0), 1: full_gpu(1)}, driver="570.124.06", cuda="12.8")
    pid = os.getpid()
    made.gpus[0].processes = [
        ProcessLine(pid, 5 * GIB, "C", sm=60, keep=False),
        ProcessLine(os.getppid(), 2 * GIB, "G", sm=5),
        ProcessLine(1, 3 * GIB, "CG", sm=7),
    ]
    made.gpus[1].processes = [ProcessLine(pid, GIB, "C", sm=11)]
    return made


def run(double: Double, *arguments: str) -> subprocess.CompletedProcess[str]:
    surroundings = {
        **os.environ, **double.environment(), "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "130",
        # what nvitop says of functions that a driver does not have
        "LOGLEVEL": "CRITICAL",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=surroundings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip


def beside(double: Double) -> tuple[dict[str, Any], dict[str, Any]]:
    done = run(double, "tests.rig.nvml_beside")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return told["ours"], told["theirs"]


def translated(theirs: dict[str, Any]) -> dict[str, Any]:
    told = {name: TRANSLATED.get(name, {}).get(str(value), value) for name, value in theirs.items()}
    if told["compute_capability"] is not None:
        told["compute_capability"] = "{}.{}".format(*told["compute_capability"])
    told["processes"] = {
        pid: [memory, share, TYPES[kind]] for pid, (memory, share, kind) in theirs["processes"].items()
    }
    return told


@pytest.mark.by_default("470", "550")
@pytest.mark.parametrize("level", LEVELS)
def test_figures_agree(make_double: MakeDouble, level: int) -> None:
    ours, theirs = beside(make_double(scenario(), level))
    assert (ours["driver_version"], ours["cuda_version"]) == ("570.124.06", "12.8")
    assert (theirs["driver_version"], theirs["cuda_version"]) == ("570.124.06", "12.8")
    for number in (0, 1):
        expected = translated(theirs[uuid_of(number)])
        assert {name: ours[uuid_of(number)][name] for name in expected} == expected
    assert ours[uuid_of(0)]["processes"][str(os.getpid())] == [5 * GIB, 60.0, "compute"]


@pytest.mark.by_default("535", "615")
@pytest.mark.parametrize("level", LEVELS)
def test_what_the_driver_refuses_is_unknown_to_both(make_double: MakeDouble, level: int) -> None:
    bare = scenario()
    for gpu in bare.gpus.values():
        gpu.values = {key: gpu.values[key] for key in ("uuid", "name", "memory.total", "memory.used")}
        gpu.processes = []
    ours, theirs = beside(make_double(bare, level))
    for number in (0, 1):
        told, expected = ours[uuid_of(number)], translated(theirs[uuid_of(number)])
        refused = {name for name, value in expected.items() if value is None}
        assert len(refused) >= 10
        assert {name: told[name] for name in expected} == expected
        assert all(told["why"][name] for name in refused)


@pytest.mark.parametrize("case", FALSE_ZEROS)
def test_where_nvitop_shows_a_false_0_ours_is_unknown(make_double: MakeDouble, case: str) -> None:
    rules, reason = FALSE_ZEROS[case]
    made = scenario()
    made.rules |= {key: value for key, value in rules.items() if not key.startswith("gpu")}
    for key, value in rules.items():
        if key.startswith("gpu0."):
            made.gpus[0].values[key.removeprefix("gpu0.")] = value
    ours, theirs = beside(make_double(made, 550))
    pid = str(os.getpid())
    assert theirs[uuid_of(0)]["processes"][pid][1] == 0
    assert ours[uuid_of(0)]["processes"][pid][1] is None
    assert ours[uuid_of(0)]["why_not"][pid] == reason


def test_process_memory_that_is_unknown_is_unknown_to_both(make_double: MakeDouble) -> None:
    made = scenario()
    made.gpus[0].processes = [ProcessLine(os.getpid(), None, sm=30)]
    ours, theirs = beside(make_double(made, 550))
    pid = str(os.getpid())
    assert ours[uuid_of(0)]["processes"][pid][:2] == [None, 30.0]
    assert theirs[uuid_of(0)]["processes"][pid][0] is None


@pytest.mark.by_default("450", "615")
@pytest.mark.parametrize("level", [450, *LEVELS])
def test_an_unmodified_nvitop_shows_the_scenario(make_double: MakeDouble, level: int) -> None:
    done = run(make_double(scenario(), level), "nvitop", "-1")
    assert done.returncode == 0, done.stderr
    shown = done.stdout
    assert "Driver Version: 570.124.06" in shown and "CUDA Driver Version: 12.8" in shown
    used = ("20.50GiB", "21.50GiB") if level < 510 else ("20.00GiB", "21.00GiB")
    for number in (0, 1):
        assert f"{used[number]} / 80.00GiB" in shown
        assert f"{55 + number}%   {60 + number}C   P0    250W / 400W" in shown
        assert f"{70 + number}%      Default" in shown
    rows = re.findall(rf" (\d) +{os.getpid()} C +\S+ +(\d+)MiB +(\d+)", shown)
    assert rows == [("0", "5120", "60"), ("1", "1024", "11")]
