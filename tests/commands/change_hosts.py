"""Runs `envtui env` on the make-believe workstation, whose time flies."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tui.cli import main
from tui.demo.changes import DemoChanges
from tui.demo.clock import FROZEN_START, DemoClock
from tui.demo.world import DemoWorld
from tui.model.changes import ChangeJob
from tui.model.containers import Container
from tui.model.environments import Environment
from tui.workstation import Workstation

_COMMANDS = ("env_change", "env_copy", "env_jobs", "env_diff")
#: A job of some seconds ends within the second look.
FAST = 400.0


class FastClock(DemoClock):
    """A clock that runs by itself, many times faster than ours; `hold` lets it stand."""

    def __init__(self) -> None:
        self.rate = FAST
        self._began = time.monotonic()
        self._passed = 0.0

    def hold(self) -> None:
        """Let no more time pass."""
        self._passed, self.rate = self.monotonic(), 0.0

    def go_on(self) -> None:
        """Let it fly again, from where it stood."""
        self._began, self.rate = time.monotonic() - self._passed / FAST, FAST

    def now(self) -> float:
        return FROZEN_START + self.monotonic()

    def monotonic(self) -> float:
        return self._passed if not self.rate else (time.monotonic() - self._began) * self.rate


@dataclass
class Host:
    """A world behind the command line."""

    world: DemoWorld
    clock: FastClock
    station: Workstation
    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.use(self.station)

    def use(self, station: Workstation) -> None:
        """From now on this one is opened."""
        self.station = station
        for name in _COMMANDS:
            self.monkeypatch.setattr(f"tui.commands.{name}.open_workstation", lambda *given: self.station)

    def swap(self, **parts: Any) -> None:
        """Use other backends."""
        self.use(replace(self.station, **parts))

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of `envtui env …`."""
        home = {"XDG_CONFIG_HOME": str(self.folder), "HOME": str(self.folder)}
        # where all that run are asked, one that crashes each few seconds may just have ended
        holds = arguments[0] == "jobs" and self.clock.rate > 0
        if holds:
            self.clock.hold()
        code = main(["--demo", "env", *arguments], home)
        if holds:
            self.clock.go_on()
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def json(self, *arguments: str) -> Any:
        """What a command that ends well prints with --json."""
        code, out, err = self.run(arguments[0], "--json", *arguments[1:])
        assert code == 0, err
        return json.loads(out)

    def run_diff(self, left: str, right: str) -> tuple[int, str, str]:
        """What `envtui env diff` says of two of them."""
        return self.run("diff", left, right)

    def container(self, name: str = "dl-dev") -> Container:
        return next(each for each in self.world.containers()[0] if each.name == name)

    def environments(self, name: str = "dl-dev") -> Sequence[Environment]:
        assert self.station.environments is not None
        return self.station.environments.environments(self.container(name)).environments

    def labels(self, name: str = "dl-dev") -> list[str]:
        return [each.label for each in self.environments(name)]

    def settings(self, text: str) -> None:
        """Write the settings file."""
        (self.folder / "envtui").mkdir(exist_ok=True)
        (self.folder / "envtui" / "config.yaml").write_text(text)


def begin(host: Host, *arguments: str) -> dict[str, Any]:
    """Begin a job that stands still, and leave it, as somebody does whose terminal is gone."""

    class Leaving(DemoChanges):
        def start(self, *given: Any) -> ChangeJob:
            host.clock.hold()
            job = super().start(*given)
            os.kill(os.getpid(), signal.SIGTERM)
            return job

    before = host.station
    host.swap(changes=Leaving(host.world))
    code, _, err = host.run(*arguments, "--yes")
    host.use(before)
    assert code == 128 + signal.SIGTERM and "goes on in" in err and "envtui env jobs" in err
    (job,) = host.json("jobs", arguments[1].partition("/")[0])
    assert isinstance(job, dict)
    return job
