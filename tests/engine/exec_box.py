"""One container, commands in it through channels, and what is left of those on our side."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence

from tests.rig.engine import PrivateEngine
from tests.rig.waiting import until
from tui.backends.deadline import Deadline
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.exec_channel import ExecChannel
from tui.backends.docker.pulse import EVERY_SECONDS, GRACE_SECONDS
from tui.model.logs import Stream
from tui.model.sessions import Terminal

OPEN_SECONDS = 30.0
END_SECONDS = 30.0
_OUR_THREADS = ("engine pulse", "exec resize")


class ExecBox:
    """A running container of the rig's image, with an engine that may be reached through something else."""

    def __init__(
        self, engine: PrivateEngine, host: str | None = None, args: Sequence[str] = (), name: str = "box"
    ) -> None:
        self.engine = engine
        self.id = engine.run_container(name, args=("--network", "none", *args))
        docker = DockerEngine(find(host or engine.host, {}))
        docker.identify()
        self.http = docker.http
        self.remember()

    def remember(self) -> None:
        """What is open now is not ours."""
        self._sockets = open_sockets()

    def open(
        self,
        *argv: str,
        terminal: Terminal | None = None,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        folder: str = "",
        pulse_seconds: tuple[float, float] = (EVERY_SECONDS, GRACE_SECONDS),
    ) -> ExecChannel:
        """A command in it."""
        return ExecChannel.open(
            self.http,
            self.id,
            argv,
            terminal,
            user,
            environment or {},
            folder,
            Deadline(OPEN_SECONDS),
            pulse_seconds,
        )

    def says(self, *argv: str, user: str = "") -> str:
        """What a command in it prints."""
        as_user = ("--user", user) if user else ()
        return self.engine.docker("exec", *as_user, self.id, *argv, check=False)

    def nothing_is_left(self) -> None:
        """Waits until no thread and no socket of a channel is left."""
        until(lambda: not our_threads(), message=lambda: f"threads end: {our_threads()}")
        until(lambda: open_sockets() <= self._sockets, message="sockets are closed")


def our_threads() -> list[str]:
    """Of channels."""
    return [each.name for each in threading.enumerate() if each.name in _OUR_THREADS]


def open_sockets() -> int:
    """How many this process has."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except FileNotFoundError:
            continue
    return count


def printed(channel: ExecChannel) -> dict[Stream, bytes]:
    """All that comes up to the end, by stream."""
    found = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}
    while piece := channel.read():
        found[piece[0]] += piece[1]
    return {stream: bytes(content) for stream, content in found.items()}


def read_until(channel: ExecChannel, wanted: bytes) -> bytes:
    """What comes until this stands in it."""
    found = b""
    while wanted not in found:
        piece = channel.read()
        assert piece is not None, f"it ended: {found!r}"
        found += piece[1]
    return found
