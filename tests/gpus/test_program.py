"""`envtui` as a shell starts it, on a driver's library that the system finds by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.engine.program import on_terminal
from tests.gpus.conftest import MakeDouble
from tests.rig.nvml_scenario import GIB, ProcessLine, Scenario, full_gpu


@pytest.mark.by_default("450", "550")
@pytest.mark.parametrize("level", [450, 470, 535, 550, 615])
def test_the_scenarios_figures_are_on_its_screen(make_double: MakeDouble, tmp_path: Path, level: int) -> None:
    scenario = Scenario({0: full_gpu(0), 1: full_gpu(1)}, driver=f"{level}.10.01")
    double = make_double(scenario, level)
    with on_terminal(
        "--host", f"unix://{tmp_path}/absent.sock", columns=200, rows=50, env=double.environment()
    ) as terminal:
        terminal.wait_for("Docker|engine")
        terminal.press("3")
        # a driver before 510 counts what it reserves as used
        memory = r"21\.5/80\.0" if level < 510 else r"21\.0/80\.0"
        terminal.wait_for(rf"GPU 1 +71% +{memory} GiB +61°C +250/400 W")
        terminal.wait_for(rf"driver {level}\.10\.01 CUDA 12\.4")
        # what the driver says next is next on the screen; this process is the only one that is surely there
        scenario.gpus[1].values |= {"utilization": 12, "temperature": 88, "power": 99_400, "memory.used": GIB}
        scenario.gpus[1].processes = [ProcessLine(terminal.pid, GIB // 2, sm=9, keep=False)]
        double.write()
        memory = r"1\.5/80\.0" if level < 510 else r"1\.0/80\.0"
        terminal.wait_for(rf"GPU 1 +12% +{memory} GiB +▲88°C +99/400 W")
        terminal.wait_for(rf"{terminal.pid} +9% +512 MiB")
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert re.search("Traceback", terminal.raw.decode(errors="replace")) is None
