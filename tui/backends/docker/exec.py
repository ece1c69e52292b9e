"""Commands run in a container through the Engine API, without a terminal: output and exit code."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tui.backends.deadline import PING_SECONDS, Deadline
from tui.backends.docker.frames import FrameSplitter
from tui.backends.docker.hijack import HijackedSocket
from tui.backends.docker.http import EngineHttp
from tui.backends.docker.refusals import parse_json
from tui.model.errors import EngineRefused, EngineTimeout
from tui.model.logs import Stream

#: What is asked for in a moment prints no more; what prints more is not what was asked for.
MOST_BYTES = 1 << 20
#: As in a shell: the command is there and can't be run, or it is not there.
CANNOT_RUN, NOT_FOUND = 126, 127

# The engine learns of the end of a command a moment after its output ended.
_LOOK_AGAIN_SECONDS = 0.02
# How runc and crun say it, in an engine that answers with an error instead of an exit code.
_NOT_FOUND_WORDS = ("executable file not found", "no such file or directory")
_CANNOT_RUN_WORDS = ("permission denied", "is a directory", "exec format error")


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command printed, and how it ended.

    Attributes:
        exit_code: None where it went on beyond the deadline or the bound of bytes. The engine has no way
            to end it then.
    """

    stdout: bytes
    stderr: bytes
    exit_code: int | None


def run(
    http: EngineHttp,
    container_id: str,
    argv: Sequence[str],
    seconds: float,
    most_bytes: int = MOST_BYTES,
    user: str = "",
) -> ExecResult:
    """Run a command in a running container and wait for its end.

    Args:
        http: the engine's.
        container_id: full id.
        argv: program, looked for on the container's own PATH, and arguments; no shell reads them.
        seconds: for everything.
        most_bytes: of both outputs together; the rest is not read.
        user: name or number in the container, "" for the container's own.

    Raises:
        NoSuchContainer: there is none.
        Conflict: it does not run, or is paused.
        EngineError: the engine can't be asked.
    """
    deadline = Deadline(seconds)
    exec_path = create(http, container_id, argv, deadline, user)
    printed = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}
    try:
        has_ended = _read(http, exec_path, deadline, most_bytes, printed)
    except EngineRefused as error:
        code = code_in(error.detail)
        if code is None:
            raise
        return ExecResult(b"", error.detail.encode(), code)
    stdout, stderr = (bytes(printed[stream]) for stream in (Stream.STDOUT, Stream.STDERR))
    code = exit_code(http, exec_path, deadline, has_ended)
    return ExecResult(stdout, stderr, code if has_ended else None)


def create(
    http: EngineHttp,
    container_id: str,
    argv: Sequence[str],
    deadline: Deadline,
    user: str = "",
    more: Mapping[str, Any] | None = None,
) -> str:
    """Prepare a command; the path of its exec at the engine.

    Args and errors as for `run`, and:
        more: of the request's body, in front of what stands in it otherwise.
    """
    told: dict[str, Any] = {"AttachStdout": True, "AttachStderr": True, "Tty": False, "Cmd": list(argv)}
    if user:
        told["User"] = user
    path = f"/containers/{quote(container_id, safe='')}/exec"
    body, _ = http.post(path, {**told, **(more or {})}, deadline.remaining())
    return f"/exec/{quote(str((parse_json(body) or {}).get('Id') or ''), safe='')}"


def attach(
    http: EngineHttp,
    container_id: str,
    argv: Sequence[str],
    deadline: Deadline,
    user: str = "",
    more: Mapping[str, Any] | None = None,
) -> tuple[str, HijackedSocket]:
    """Start a command with its input attached: the path of its exec, and its stream.

    Without a terminal (`more` with "Tty") its outputs come in frames. Args and errors as for `create`, and:

    Raises:
        EngineRefused: it can't be started; `code_in` its detail says why. Engines before 23 say so on the
            command's output, and with its exit code.
    """
    told = {"AttachStdin": True, **(more or {})}
    exec_path = create(http, container_id, argv, deadline, user, told)
    start = {"Detach": False, "Tty": bool(told.get("Tty"))}
    return exec_path, http.hijack(f"{exec_path}/start", start, deadline)


def outputs(
    http: EngineHttp, exec_path: str, deadline: Deadline
) -> Generator[tuple[Stream, bytes], None, None]:
    """Start a prepared command; what it prints, as it comes.

    Raises:
        EngineTimeout: it goes on beyond the deadline.
        EngineRefused: it can't be started; `code_in` its detail says why.
        EngineError: the engine can't be asked.
    """
    splitter = FrameSplitter()
    blocks = http.post_blocks(f"{exec_path}/start", {"Detach": False, "Tty": False}, deadline)
    with contextlib.closing(blocks):
        for block in blocks:
            for stream, payload in splitter.feed(block):
                if stream in (Stream.STDOUT, Stream.STDERR):
                    yield Stream(stream), payload
        splitter.end()


def _read(
    http: EngineHttp, exec_path: str, deadline: Deadline, most_bytes: int, printed: dict[Stream, bytearray]
) -> bool:
    """Take what the command prints; whether its output came to an end."""
    read_bytes = 0
    try:
        with contextlib.closing(outputs(http, exec_path, deadline)) as taken:
            for stream, payload in taken:
                printed[stream] += payload[: most_bytes - read_bytes]
                read_bytes = min(most_bytes, read_bytes + len(payload))
                if read_bytes >= most_bytes:
                    return False
    except EngineTimeout:
        # the command takes longer; whether the engine is at fault shows when it is asked about it
        return False
    return True


def exit_code(http: EngineHttp, exec_path: str, deadline: Deadline, waits: bool) -> int | None:
    """What the engine knows of the end; asked after the deadline, too: a frozen engine is found out."""
    pause = threading.Event()
    while True:
        told = http.get_json(f"{exec_path}/json", max(PING_SECONDS, deadline.remaining())) or {}
        if not told.get("Running"):
            code = told.get("ExitCode")
            return code if isinstance(code, int) else None
        if not waits or deadline.passed:
            return None
        pause.wait(_LOOK_AGAIN_SECONDS)


def code_in(detail: str) -> int | None:
    """The code that a shell would give for what an engine refuses to start; None for another refusal."""
    words = detail.lower()
    if any(word in words for word in _CANNOT_RUN_WORDS):
        return CANNOT_RUN
    return NOT_FOUND if any(word in words for word in _NOT_FOUND_WORDS) else None
