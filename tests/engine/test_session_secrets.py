"""What is secret stays where it is: in no log, record or command line, and in nobody else's environment."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engine.session_rig import NAMES, ROUTES, SECRET, Rooms, Window, enter, furnished
from tests.rig.engine import PrivateEngine
from tui.model.sessions import Route

# Often enough to see what lives for some hundredths of a second.
_LOOK_SECONDS = 0.005
# Nobody needs more of it to know it.
_PIECE = 40


@dataclass
class Watcher:
    """Looks, on a thread, at the command lines and environments of all processes of this machine.

    Attributes:
        found: process, place and what of the secrets was in it.
        looks: how often everything was looked at.
        lines: command lines that were seen.
    """

    secrets: dict[str, bytes]
    found: set[tuple[str, str, str]] = field(default_factory=set)
    lines: set[bytes] = field(default_factory=set)
    looks: int = 0

    def __post_init__(self) -> None:
        self._own_space = os.readlink("/proc/self/ns/pid")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="secret watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The last look."""
        self._stop.set()
        self._thread.join(30)

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            for folder in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    self._look(folder)
            self.looks += 1

    def _look(self, folder: Path) -> None:
        line = (folder / "cmdline").read_bytes()
        self.lines.add(line)
        self._compare(line, "command line", line)
        # what runs in a container has the environment that it was given there
        if os.readlink(folder / "ns/pid") == self._own_space:
            self._compare(line, "environment", (folder / "environ").read_bytes())

    def _compare(self, line: bytes, place: str, content: bytes) -> None:
        for name, secret in self.secrets.items():
            if secret in content:
                self.found.add((line.decode("utf-8", "replace")[:200], place, name))


@dataclass(frozen=True)
class Seen:
    """A day with sessions by each route, on the screen and beside it."""

    rooms: Rooms
    watcher: Watcher
    screens: list[str]
    secrets: dict[str, bytes]


@pytest.fixture(scope="module")
def seen(engine: PrivateEngine, shell_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Two sessions by each route, and what could be seen meanwhile."""
    rooms = furnished(engine, tmp_path_factory.mktemp("state"))
    # the pair of keys is made by the first session
    for route in ROUTES:
        _by_command_line(rooms, route)
    key = (rooms.folder / "id_ed25519").read_text("ascii").splitlines()
    secrets = {"a value of the image": SECRET.encode(), "the private key": key[3][:_PIECE].encode()}
    watcher = Watcher(secrets)
    screens: list[str] = []
    try:
        for route in ROUTES:
            _by_command_line(rooms, route)
        _by_screen(rooms, screens)
    finally:
        watcher.stop()
    yield Seen(rooms, watcher, screens, secrets)
    engine.recover()
    engine.remove_all()


def _by_command_line(rooms: Rooms, route: Route) -> None:
    with rooms.session(route) as window:
        # in pieces, so that what is typed is not taken for what it prints
        window.send("echo the-value-is-$HF_TOKEN-here\r")
        window.wait_for(f"the-value-is-{SECRET}-here")
        window.send("exit\r")
        assert window.wait_exit() == 0


def _by_screen(rooms: Rooms, screens: list[str]) -> None:
    with rooms.window() as window:
        for route in ROUTES:
            enter(window, route)
            window.send("exit\r")
            window.wait_for(rf"^> ● running +{NAMES[route]} ")
        window.press("@")
        window.wait_for("envtui .*ssh.*by-exec")
        screens.append(window.text())
        window.press("q")
        _quit(window)


def _quit(window: Window) -> None:
    window.wait_for(r"^> ● running ")
    window.press("q")
    assert window.wait_exit() == 0


def test_nobody_on_the_machine_can_read_them(seen: Seen) -> None:
    assert seen.watcher.found == set()


def test_the_watcher_sees_what_it_looks_for(seen: Seen) -> None:
    # sessions, what the engine starts for them, and what runs inside
    assert seen.watcher.looks > 10
    assert any(b"envtui" in line or b"tui" in line for line in seen.watcher.lines)
    assert any(b"/bin/bash\0--posix" in line for line in seen.watcher.lines)
    own = Watcher({"the path": os.environ["PATH"].encode()})
    while own.looks < 1:
        assert own._thread.is_alive()
    own.stop()
    assert own.found


def test_the_command_log_tells_of_the_sessions_only(seen: Seen) -> None:
    [text] = seen.screens
    assert [name for name in NAMES.values() if name not in text] == []
    assert [name for name, secret in seen.secrets.items() if secret.decode() in text] == []


def test_no_file_has_a_value_of_the_image(seen: Seen) -> None:
    files = [path for path in (seen.rooms.state / "envtui").rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_only_the_key_file_has_the_key(seen: Seen) -> None:
    secret = seen.secrets["the private key"]
    files = [path for path in (seen.rooms.state / "envtui").rglob("*") if path.is_file()]
    assert [path.name for path in files if secret in path.read_bytes()] == ["id_ed25519"]


def test_nobody_else_can_read_the_files(seen: Seen) -> None:
    base = seen.rooms.state / "envtui"
    modes = {str(path): oct(path.stat().st_mode & 0o777) for path in (base, *base.rglob("*"))}
    wrong = {
        path: mode for path, mode in modes.items() if mode != ("0o700" if Path(path).is_dir() else "0o600")
    }
    assert wrong == {}


@pytest.mark.parametrize("route", [Route.PORT, Route.SSHD])
def test_the_key_stands_once_in_the_container(seen: Seen, route: Route) -> None:
    told = seen.rooms.engine.docker("exec", NAMES[route], "cat", "/root/.ssh/authorized_keys")
    assert len(told.splitlines()) == 1
    modes = seen.rooms.engine.docker(
        "exec", NAMES[route], "stat", "-c", "%a %u", "/root/.ssh", "/root/.ssh/authorized_keys"
    )
    assert modes.split("\n")[:2] == ["700 0", "600 0"]


def test_without_consent_no_key_is_there(seen: Seen) -> None:
    told = seen.rooms.engine.docker("exec", NAMES[Route.EXEC], "ls", "-a", "/root")
    assert ".ssh" not in told.split()


@pytest.mark.parametrize("route", ROUTES)
def test_nothing_of_a_session_is_left_in_its_files(seen: Seen, route: Route) -> None:
    found = 'grep -rl "$1" /tmp /run /root /dev/shm 2>/dev/null'
    command = f"{found}; ls -d /tmp/envtui.* /run/envtui.* 2>/dev/null; true"
    told = seen.rooms.engine.docker("exec", NAMES[route], "sh", "-c", command, "look", SECRET)
    assert told == ""
