"""What job.sh and job_control.sh answer, taken apart; much of it may be anybody's text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tui.backends.conda.change_text import change_from
from tui.backends.conda.command import CommandResult
from tui.backends.deadline import Deadline
from tui.backends.docker.frames import FrameSplitter
from tui.backends.docker.hijack import HijackedSocket
from tui.model.changes import EnvironmentChange
from tui.model.errors import ChangeLost
from tui.model.logs import Stream

#: A beginning, or one job without its log.
MOST_ANSWER_BYTES = 64 << 10
_JOB_FIELDS = 9
_ID_CHARACTERS = frozenset("0123456789abcdef")
_ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class ToldJob:
    """What a container tells of a job.

    Attributes:
        id, folder: its name, and where it is kept.
        uid: of who runs it; "" where not known.
        is_alive: something of it runs.
        is_ending: and was told to end.
        pid: of its first process.
        since: epoch seconds by the container's clock.
        log_bytes: what it has printed.
        result: "done", "failed" or "cancelled"; "" before its end.
        exit_code, number: of the command that was the last.
        is_kept: what it made is still there, although it failed.
        change: its description, None where it can't be read.
    """

    id: str
    folder: str
    uid: str
    is_alive: bool
    is_ending: bool
    pid: int
    since: float
    log_bytes: int
    result: str
    exit_code: int
    number: int
    is_kept: bool
    change: EnvironmentChange | None


@dataclass(frozen=True, slots=True)
class JobStart:
    """How a job began, or why it did not.

    Attributes:
        answer: "started", "locked", "refused", "nowhere", "cancelled", or "" for what a shell complained of.
        details: what was told with it.
    """

    answer: str
    details: tuple[str, ...]


def text(data: bytes) -> str:
    """Bytes that need not be text, as they come back."""
    return data.decode("utf-8", "surrogateescape")


# -- what job.sh answers


def outputs(stream: HijackedSocket, deadline: Deadline) -> Iterator[bytes]:
    """What it prints, until nothing more can come."""
    splitter = FrameSplitter()
    while block := stream.recv(seconds=deadline.remaining()):
        for kind, payload in splitter.feed(block):
            if kind == Stream.STDOUT:
                yield payload
            elif kind == Stream.STDERR:
                # the shell's own complaint
                yield b"\0" + payload[:200]


def start_in(pieces: Iterator[bytes]) -> JobStart:
    """How a job began, from what was printed of it."""
    answer = b""
    wanted = {b"started": 4, b"locked": 2, b"refused": 3, b"nowhere": 1, b"cancelled": 1}
    for piece in pieces:
        answer += piece
        parts = answer.split(b"\0")
        count = wanted.get(parts[0])
        if count is not None and len(parts) > count:
            return JobStart(parts[0].decode(), tuple(text(part) for part in parts[1:count]))
        if len(answer) > MOST_ANSWER_BYTES:
            break
    return JobStart("", (text(answer.replace(b"\0", b" ").strip())[:400],))


# -- what job_control.sh answers


def jobs_in(answer: bytes) -> Iterator[tuple[ToldJob, bytes]]:
    """Each job, with all that comes behind it."""
    while answer.startswith(b"job\0"):
        parts = answer.split(b"\0", _JOB_FIELDS)
        if len(parts) <= _JOB_FIELDS:
            return
        answer = parts[_JOB_FIELDS]
        with contextlib.suppress(ValueError):
            yield _job(parts), answer


def one_in(answer: bytes) -> tuple[ToldJob, bytes]:
    """The first job, with all that comes behind it. Raises ChangeLost where there is none."""
    for found in jobs_in(answer):
        return found
    raise ChangeLost("The job is gone", "the container knows nothing of it any more")


def _job(parts: Sequence[bytes]) -> ToldJob:
    folder, uid, alive, pid, since, size, status, change = (text(each) for each in parts[1:_JOB_FIELDS])
    lines = [*status.split("\n"), "", "", "", ""]
    job_id = folder.rpartition("/")[2]
    if len(job_id) != _ID_LENGTH or not _ID_CHARACTERS.issuperset(job_id):
        raise ValueError(job_id)
    return ToldJob(
        id=job_id,
        folder=folder,
        uid=uid if uid.isdecimal() else "",
        is_alive=alive != "n",
        is_ending=alive == "c",
        pid=int(pid or 0),
        since=float(int(since or 0)),
        log_bytes=int(size or 0),
        result=lines[0],
        exit_code=int(lines[1] or 0),
        number=int(lines[2] or 0),
        is_kept=lines[3] == "y",
        change=change_from(change),
    )


def results_in(rest: bytes) -> list[CommandResult]:
    """What the commands of a plan printed."""
    found: list[CommandResult] = []
    while rest.startswith(b"result\0"):
        _, _, code, out, err, rest = (*rest.split(b"\0", 5), b"", b"", b"", b"")[:6]
        try:
            out_bytes, err_bytes = int(out), int(err)
            found.append(CommandResult(int(code), rest[:out_bytes], rest[out_bytes : out_bytes + err_bytes]))
        except ValueError:
            break
        rest = rest[out_bytes + err_bytes :]
    return found
