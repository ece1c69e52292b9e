"""Runs `envtui gpus` and `envtui env` on a host of a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.change_hosts import FastClock, Host
from tests.commands.disk_hosts import DiskHost, ScriptedDisk, scripted_station
from tests.commands.gpu_hosts import Fake, Run
from tests.commands.recorded_hosts import Recorded, RunEnv
from tui.cli import main
from tui.demo.world import DemoWorld
from tui.workstation import Workstation, open_demo


@pytest.fixture
def run_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(host: Fake | Workstation | None, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command on a host, the make-believe one for None."""
        if host is not None:
            station = host.station() if isinstance(host, Fake) else host
            monkeypatch.setattr("tui.commands.gpus.open_workstation", lambda *given: station)
        code = main(["--demo", "gpus", *arguments], {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits are only counted."""
    waits: list[float] = []
    monkeypatch.setattr("tui.commands.gpus._wait", waits.append)
    return waits


@pytest.fixture
def run_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunEnv:
    def run(host: Recorded | Workstation | None, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command on a host, the make-believe one for None."""
        if host is not None:
            station = host.station() if isinstance(host, Recorded) else host
            for module in ("env_export", "env_diff"):
                monkeypatch.setattr(f"tui.commands.{module}.open_workstation", lambda *given: station)
        code = main(["--demo", "env", *arguments], {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    """The make-believe workstation behind `envtui env`; its time flies."""
    monkeypatch.setattr("tui.commands.changing._LOOK_SECONDS", 0.02)
    clock = FastClock()
    world = DemoWorld(clock=clock)
    return Host(world, clock, open_demo(world), tmp_path, capsys, monkeypatch)


@pytest.fixture
def disk_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> DiskHost:
    """A scripted disk behind `envtui disk` and `envtui prune`."""
    disk = ScriptedDisk()
    return DiskHost(disk, scripted_station(disk), tmp_path, capsys, monkeypatch)
