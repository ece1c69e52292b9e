"""Containers to have sessions in, one for each route, and the program on a terminal in them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import termios
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.engine.program import ENVTUI, PATIENCE_SECONDS
from tests.rig import shell_image as shells
from tests.rig.dec_modes import DecModes
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until
from tui.backends.shells.consents import Consents
from tui.model.sessions import Consent, Route

ROUTES = (Route.PORT, Route.SSHD, Route.EXEC)
#: The container that is entered by each route.
NAMES = {Route.PORT: "by-port", Route.SSHD: "by-sshd", Route.EXEC: "by-exec"}
#: What the program says of the route that it took.
WORDS = {
    Route.PORT: r"ssh port \d+ as \w+",
    Route.SSHD: r"ssh through the engine as \w+",
    Route.EXEC: r"engine exec",
}
AS = r" as \w+"
PROMPT = r"^root@\S+:\S*#$"
#: Given to the containers' environment, where such things stand.
# another one in each run: others may run the same tests beside this one
SECRET_NAME, SECRET = "HF_TOKEN", f"hf_{secrets.token_hex(12)}"


class Window(TerminalSession):
    """A terminal that can be closed as a person closes a window: its master goes away, nothing else."""

    def __init__(self, argv: Sequence[str], columns: int, rows: int, env: dict[str, str | None]) -> None:
        """Args: as those of a TerminalSession."""
        super().__init__(argv, columns, rows, env)
        self.before = _fresh_settings()
        self.is_gone = False

    def go_away(self) -> int:
        """Close it, and wait for the program's end; its status."""
        os.write(self._wake_write, b"x")
        self._reader.join(PATIENCE_SECONDS)
        self.is_gone = True
        for handle in (self._slave, self._master):
            os.close(handle)
        return self._process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """As that of a TerminalSession, also when it has gone away."""
        if not self.is_gone:
            super().close()
            return
        if not self._closed:
            self._closed = True
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait(PATIENCE_SECONDS)
            for handle in (self._wake_read, self._wake_write):
                os.close(handle)

    # -- what it is in

    @property
    def settings_changed(self) -> list[tuple[int, Any, Any]]:
        """Places in the terminal's settings that are not as they were, with what was and what is."""
        now = self.termios_attributes()
        return [
            (index, *pair)
            for index, pair in enumerate(zip(self.before, now, strict=True))
            if pair[0] != pair[1]
        ]

    @property
    def modes(self) -> set[str]:
        """Modes that are on, after all that was written to it so far."""
        return DecModes().feed(bytes(self.raw)).active

    def assert_restored(self) -> None:
        """A shell would find it as it was."""
        assert (self.settings_changed, self.modes) == ([], set()), self.dump()
        assert self.termios_attributes()[3] & termios.ECHO
        assert b"Traceback" not in self.raw


@dataclass
class Rooms:
    """The containers, and where the program keeps what it keeps.

    Attributes:
        state: for XDG_STATE_HOME.
        resident: of each container the processes that are always there, as the machine counts.
    """

    engine: PrivateEngine
    state: Path
    ids: dict[str, str] = field(default_factory=dict)
    resident: dict[str, frozenset[int]] = field(default_factory=dict)

    # -- containers

    def furnish(self, name: str, route: Route, *options: str, consent: Consent | None = Consent.YES) -> str:
        """Run one more, for a route; its name."""
        self.engine.docker("rm", "--force", name, check=False)
        # by a file: what stands in a command line can be read by everybody
        variables = self.state / "variables"
        variables.write_text(f"{SECRET_NAME}={SECRET}\n")
        given = ("--env-file", str(variables), *options)
        if route is Route.PORT:
            self.ids[name] = shells.run_with_sshd(self.engine, name, given).id
        else:
            self.ids[name] = shells.run_without_running_sshd(self.engine, name, given)
        if consent is not None:
            self.consents.remember(self.ids[name], consent)
        until(lambda: self._all(name), message=f"{name} runs")
        self.resident[name] = frozenset(self._all(name))
        return name

    @property
    def folder(self) -> Path:
        """Where sessions keep what they keep."""
        return self.state / "envtui" / "sessions"

    @property
    def consents(self) -> Consents:
        """What was said to the program's key."""
        return Consents(self.folder)

    @property
    def records(self) -> dict[str, Any]:
        """The open sessions that are written down."""
        with contextlib.suppress(FileNotFoundError):
            told = json.loads((self.folder / "open_sessions.json").read_text("utf-8"))
            assert isinstance(told, dict)
            return told
        return {}

    # -- their processes, as the machine sees them

    def processes(self, name: str) -> dict[int, str]:
        """What runs in it besides what always does: number and command line."""
        return {pid: line for pid, line in self._all(name).items() if pid not in self.resident[name]}

    def wait_for(self, name: str, *lines: str) -> list[int]:
        """Wait until these command lines run in it; their numbers, in that order."""

        def found() -> list[int]:
            running = self.processes(name)
            pids = [next((pid for pid, its in running.items() if its == line), 0) for line in lines]
            return pids if all(pids) else []

        return until(found, message=lambda: f"{lines} in {self.processes(name)}")

    def wait_empty(self, name: str, *but: str) -> None:
        """Wait until nothing else runs in it than what always does, and these command lines."""

        def rest() -> list[str]:
            return [line for line in self.processes(name).values() if line not in but]

        until(lambda: not rest(), message=lambda: f"nothing of the session is left: {rest()}")

    def end(self, name: str, *lines: str) -> None:
        """End what a test left on purpose."""
        for pid, line in self.processes(name).items():
            if line in lines:
                os.kill(pid, signal.SIGKILL)

    def _all(self, name: str) -> dict[int, str]:
        status, told = self.engine.request("GET", f"/containers/{self.ids[name]}/top?ps_args=-eo+pid,args")
        if status != 200:
            return {}
        return {int(row[0]): row[1].strip() for row in told["Processes"]}

    # -- the program

    @property
    def env(self) -> dict[str, str | None]:
        """What the program's environment has besides that of the tests."""
        return {"XDG_STATE_HOME": str(self.state)}

    def window(self, *arguments: str, host: str = "", columns: int = 120, rows: int = 40) -> Window:
        """The program with these arguments on a terminal."""
        return Window([*ENVTUI, "--host", host or self.engine.host, *arguments], columns, rows, self.env)

    @contextmanager
    def session(self, route: Route, *, name: str = "", host: str = "", at: str = PROMPT) -> Iterator[Window]:
        """A shell by a route, at its prompt."""
        name = name or NAMES[route]
        with self.window("ssh", *_options(route), name, host=host) as window:
            window.wait_for(rf"^envtui: {WORDS[route]}\. Enter ~\. to leave")
            window.wait_for(at)
            yield window

    def run(
        self, *arguments: str, host: str = "", given: bytes = b"", program: Sequence[str] = ENVTUI
    ) -> subprocess.CompletedProcess[bytes]:
        """The program without a terminal, to its end."""
        env = {**os.environ, **{key: value for key, value in self.env.items() if value is not None}}
        return subprocess.run(
            [*program, "--host", host or self.engine.host, *arguments],
            input=given, capture_output=True, timeout=PATIENCE_SECONDS * 2, check=False, env=env,
            # no terminal to ask on either
            start_new_session=True,
        )  # fmt: skip

    def connect_once(self, host: str = "") -> None:
        """The next connection to the engine, whatever for."""
        done = self.run("ssh", "--route", "exec", NAMES[Route.EXEC], "--", "true", host=host)
        assert (done.returncode, done.stderr) == (0, b"")


def furnished(engine: PrivateEngine, state: Path, routes: Sequence[Route] = ROUTES) -> Rooms:
    """A container for each route, on an engine without others."""
    engine.recover()
    engine.remove_all()
    rooms = Rooms(engine, state)
    for route in routes:
        # who said no is let in by the engine's exec, wherever nobody names a route
        consent = Consent.NO if route is Route.EXEC else Consent.YES
        rooms.furnish(NAMES[route], route, consent=consent)
    return rooms


def point_at(window: Window, name: str) -> None:
    """Move the screen's cursor to a container."""
    window.wait_for(rf"^[> ] ● running +{name} ")
    names = re.findall(r"^[> ] \S \S+ +(\S+)", window.text(), re.MULTILINE)
    window.press("g", *("j" for _ in range(names.index(name))))
    window.wait_for(rf"^> ● running +{name} ")


def enter(window: Window, route: Route, name: str = "") -> None:
    """Open a session from the screen, up to its prompt."""
    name = name or NAMES[route]
    point_at(window, name)
    window.press("e")
    window.wait_for(rf"^envtui: {WORDS[route].removesuffix(AS)}.* · {name}")
    window.wait_for(PROMPT)


def with_port(proxy: EngineProxy, was: int, becomes: int) -> None:
    """Have an engine tell another published port."""
    old, new = f'"PublicPort":{was}'.encode(), f'"PublicPort":{becomes}'.encode()

    def rewrite(_method: str, _path: str, body: bytes) -> bytes:
        return body.replace(old, new)

    proxy.rewrite = rewrite


def published_port(engine: PrivateEngine, name: str) -> int:
    """Where a container's sshd is reached."""
    return int(engine.docker("port", name, "22/tcp").splitlines()[0].rpartition(":")[2])


def quick(values: Iterable[Any], *those: Any) -> list[Any]:
    """Parameters, of which only those are looked at by default."""
    return [
        pytest.param(
            *(each if isinstance(each, tuple) else (each,)), marks=() if each in those else pytest.mark.slow
        )
        for each in values
    ]


Ending = Callable[[Window], int]


def by_exit(window: Window) -> int:
    """The shell is told to end."""
    window.send("exit\r")
    return window.wait_exit()


def by_escape(window: Window) -> int:
    """It is left with a program in front."""
    window.send("sleep 7002\r")
    window.wait_for("sleep 7002$")
    window.send("~.")
    return window.wait_exit()


def by_closing(window: Window) -> int:
    """The terminal goes away."""
    return window.go_away()


def by_term(window: Window) -> int:
    """The program is told to end."""
    window.signal(signal.SIGTERM)
    return window.wait_exit()


def _options(route: Route) -> tuple[str, ...]:
    return ("--route", "exec") if route is Route.EXEC else ("--route", "ssh")


def _fresh_settings() -> list[Any]:
    """Of a terminal that nobody has used yet."""
    master, slave = os.openpty()
    try:
        return termios.tcgetattr(slave)
    finally:
        os.close(slave)
        os.close(master)
