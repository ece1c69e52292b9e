"""What is imported when: heavy libraries only by whoever needs them, and nothing upwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"textual", "rich", "docker", "requests", "paramiko", "pynvml", "yaml"}
BEHIND_THE_FIRST_PAINT = {"docker", "requests", "paramiko", "pynvml"}

FIRST_PAINT = """
from tui.monitor.monitor import Monitor
from tui.settings import Settings
from tui.ui.app import EnvtuiApp
from tui.workstation import open_local

EnvtuiApp(Monitor(open_local("unix:///nonexistent/engine.sock", {})), Settings())
"""


def imported_by(program: str) -> set[str]:
    """Names of all modules that are loaded when a program is done in a fresh interpreter."""
    report = "\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))\n"
    done = subprocess.run(
        [sys.executable, "-c", program + report],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(json.loads(done.stdout.splitlines()[-1]))


def command(*arguments: str) -> str:
    """A program that runs a command line, whatever it prints and however it ends."""
    return (
        "import os\nfrom tui.cli import main\n"
        f"try:\n    main({list(arguments)!r}, os.environ)\nexcept SystemExit:\n    pass\n"
    )


def loaded(program: str, libraries: set[str]) -> set[str]:
    return libraries & {name.partition(".")[0] for name in imported_by(program)}


def test_the_check_itself_sees_an_import() -> None:
    assert loaded("import docker", HEAVY) >= {"docker", "requests"}


def test_importing_the_package_costs_nothing() -> None:
    assert {name for name in imported_by("import tui") if name.startswith("tui")} == {"tui"}


@pytest.mark.parametrize(
    "option", ["--version", "--help", "ps --help", "envs --help", "env diff --help", "env check --help"]
)
def test_what_only_prints_imports_nothing_heavy(option: str) -> None:
    assert loaded(command(*option.split()), HEAVY) == set()


def test_a_wrong_command_line_imports_nothing_heavy() -> None:
    assert loaded(command("--nosuch"), HEAVY) == set()


def test_ps_needs_neither_the_screen_nor_the_sdk() -> None:
    program = command("ps", "--host", "unix:///nonexistent/engine.sock")
    assert loaded(program, HEAVY - {"yaml"}) == set()


def test_the_first_paint_needs_no_sdk() -> None:
    modules = imported_by(FIRST_PAINT)
    assert "tui.ui.screens.main" in modules
    assert "tui.backends.docker.http" in modules
    assert BEHIND_THE_FIRST_PAINT & {name.partition(".")[0] for name in modules} == set()


def test_dialogs_are_imported_when_they_are_opened() -> None:
    screens = {name for name in imported_by(FIRST_PAINT) if name.startswith("tui.ui.screens.")}
    # the main screen, and what it has in common with others
    assert screens == {"tui.ui.screens.main", "tui.ui.screens.action_screen"}


def test_nvml_is_loaded_when_somebody_asks_for_gpus() -> None:
    program = "from tui.backends.gpu.nvml import NvmlGpus\ngpus = NvmlGpus()"
    assert loaded(program, HEAVY) == set()
    assert loaded(f"{program}\ngpus.report()", HEAVY) == {"pynvml"}


def test_the_make_believe_machine_needs_no_backend() -> None:
    program = (
        "from tui.monitor.monitor import Monitor\nfrom tui.workstation import open_demo\nMonitor(open_demo())"
    )
    modules = imported_by(program)
    assert "tui.demo.world" in modules
    assert {name for name in modules if name.startswith("tui.backends.")} == set()


def test_the_model_knows_only_itself() -> None:
    modules = [f"tui.model.{path.stem}" for path in (ROOT / "tui" / "model").glob("[a-z]*.py")]
    ours = {name for name in imported_by(f"import {', '.join(modules)}") if name.startswith("tui")}
    assert ours == {"tui", "tui.model", *modules}


def test_monitor_and_backends_know_no_screen() -> None:
    program = "import tui.monitor.monitor, tui.backends.docker.containers, tui.backends.docker.sdk"
    modules = imported_by(program)
    assert {name for name in modules if name.startswith(("tui.ui", "textual", "rich"))} == set()
