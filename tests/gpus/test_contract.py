"""The contract of GPUs over a driver's library, and of owners over this machine."""

from __future__ import annotations

import os

from tests.backends.contract_gpus import check_closing, check_owners, check_past, check_report
from tests.gpus.conftest import MakeMachine
from tests.rig.nvml_scenario import GIB, InstanceLine, ProcessLine, Scenario, full_gpu
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.gpu.ownership import LocalOwnership


def test_gpus_by_nvml(make_machine: MakeMachine) -> None:
    scenario = Scenario({number: full_gpu(number) for number in range(3)})
    scenario.gpus[0].processes = [ProcessLine(os.getpid(), 2 * GIB, sm=40), ProcessLine(7, None, sm=None)]
    scenario.gpus[1].values["mig"] = 1
    scenario.gpus[1].instances = [InstanceLine(0, "MIG-aaaa", 3)]
    machine = make_machine(scenario)
    check_report(machine.report())
    machine.gpu_lines(2).values["lost"] = 1
    scenario.xids.append((1, 2, 79))
    machine.write()
    report = machine.report(after=1)
    assert len(report.lost) == 1
    check_report(report)
    check_past(machine.gpus)
    check_closing(machine.gpus)


def test_owners_of_this_machine() -> None:
    ownership = LocalOwnership(DockerEngine(find("unix:///nonexistent/engine.sock", {})))
    check_owners(ownership, [os.getpid(), os.getppid()], ())
