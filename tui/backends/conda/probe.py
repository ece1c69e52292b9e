"""Runs a script of ours in a container, and doesn't leave it behind when it takes too long."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tui.backends.deadline import PING_SECONDS, Deadline
from tui.backends.docker import exec as commands
from tui.backends.docker.http import EngineHttp
from tui.model.errors import EngineError, EngineRefused, EngineTimeout
from tui.model.logs import Stream

SHELL = "/bin/sh"
ROOT = "0"
_MOST_ERROR_BYTES = 4096


class NoShell(Exception):
    """The container has no shell that could be run."""


@dataclass(slots=True)
class Run:
    """What one run of a script came to.

    Attributes:
        output, errors: what it printed, of the errors the beginning.
        exit_code: None where it was ended, or was not asked for.
        has_ended: it came to its end by itself.
    """

    output: bytearray
    errors: bytearray
    exit_code: int | None = None
    has_ended: bool = False

    @property
    def first_error(self) -> str:
        """The first line of its errors, or of its output."""
        lines = (self.errors or self.output[:200]).decode("utf-8", "replace").strip().splitlines()
        return lines[0][:200] if lines else ""


@cache
def script(name: str) -> str:
    """A script that lies beside this module."""
    return (files("tui.backends.conda") / name).read_text("utf-8")


def run(
    http: EngineHttp,
    container_id: str,
    argv: Sequence[str],
    seconds: float,
    most_bytes: int,
    user: str = "",
    is_enough: Callable[[bytearray], bool] = lambda _: False,
) -> Run:
    """Run a program in a container and take what it prints.

    Args:
        http: the engine's.
        container_id: full id.
        argv: program and arguments.
        seconds: until it is given up.
        most_bytes: of output; what prints more is given up, too.
        user: of the container, "" for its own.
        is_enough: whether what was printed is complete, which spares the question for the exit code.

    Raises:
        NoShell: the program is not there or can't be run.
        NoSuchContainer, Conflict, EngineError: as for any command.
    """
    result = Run(bytearray(), bytearray())
    deadline = Deadline(seconds)
    exec_path = commands.create(http, container_id, argv, deadline, user)
    try:
        with contextlib.closing(commands.outputs(http, exec_path, deadline)) as taken:
            for stream, payload in taken:
                if stream is Stream.STDERR:
                    result.errors += payload[: _MOST_ERROR_BYTES - len(result.errors)]
                    continue
                result.output += payload
                if is_enough(result.output):
                    result.has_ended = True
                    return result
                if len(result.output) > most_bytes:
                    return result
    except EngineTimeout:
        return result
    except EngineRefused as error:
        if commands.code_in(error.detail) is None:
            raise
        raise NoShell from error
    result.exit_code = commands.exit_code(http, exec_path, deadline, True)
    result.has_ended = True
    if result.exit_code in (commands.CANNOT_RUN, commands.NOT_FOUND):
        # Docker 20.10 says so on the output of what it could not start
        raise NoShell
    return result


def end(http: EngineHttp, container_id: str, process_id: int, user: str = "") -> None:
    """Kill a process of ours: the engine ends no command whose reader has gone (moby#35703)."""
    with contextlib.suppress(EngineError):
        argv = (SHELL, "-c", 'kill -9 "$1"', "kill", str(process_id))
        commands.run(http, container_id, argv, PING_SECONDS, user=user)


def stream(
    http: EngineHttp, container_id: str, argv: Sequence[str], deadline: Deadline, user: str = ""
) -> Generator[bytes, None, None]:
    """What a program prints, as it comes. Raises NoShell, EngineTimeout, and EngineError as `run` does."""
    exec_path = commands.create(http, container_id, argv, deadline, user)
    try:
        with contextlib.closing(commands.outputs(http, exec_path, deadline)) as taken:
            for kind, payload in taken:
                if kind is Stream.STDOUT:
                    yield payload
    except EngineRefused as error:
        if commands.code_in(error.detail) is None:
            raise
        raise NoShell from error
