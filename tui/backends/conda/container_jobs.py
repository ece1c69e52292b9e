"""Runs job.sh and job_control.sh in a container, and takes their answers apart."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

from tui.backends.conda.command import FILE, Command, CommandResult, file_name
from tui.backends.deadline import Deadline
from tui.backends.docker import exec as commands
from tui.backends.docker.frames import FrameSplitter
from tui.backends.docker.http import EngineHttp
from tui.model.changes import ChangeVerb, EnvironmentChange
from tui.model.environments import EnvironmentKind
from tui.model.errors import ChangeError, ChangeLost, ChangeRefused, EngineTimeout
from tui.model.logs import Stream

# A container that has everything to do may need seconds for a command.
_QUESTION_SECONDS = 15.0
# conda rolls back what it has done, which takes as long as a slow disk does.
_CANCEL_SECONDS, _CANCEL_GRACE_SECONDS = 40, 20.0
_MOST_RESULT_BYTES = 16 << 20
_MOST_LIST_BYTES = 8 << 20
_MOST_ANSWER_BYTES = 64 << 10
# One argument of Linux holds 128 kB.
_MOST_CHANGE_BYTES = 100_000
_JOB_FIELDS = 10


@dataclass(frozen=True, slots=True)
class ToldJob:
    """What a container tells of a job.

    Attributes:
        id, folder: its name, and where it is kept.
        uid: of who runs it; "" where not known.
        is_alive: its first process is there.
        pid: of that.
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
        answer: "started", "locked", "refused", "nowhere" or "cancelled".
        details: what was told with it.
    """

    answer: str
    details: tuple[str, ...]


class ContainerJobs:
    """The jobs in one container, asked for by one account."""

    def __init__(self, http: EngineHttp, container_id: str, user: str = "") -> None:
        """Args: the engine's connection, full id, account in the container ("" for its own)."""
        self._http = http
        self._id = container_id
        self._user = user

    def start(
        self,
        job_id: str,
        change: EnvironmentChange,
        told: Sequence[Command],
        guards: Sequence[tuple[str, str]],
        locks: Sequence[str],
        makes: str,
        undo_before: int,
        is_plan: bool = False,
    ) -> JobStart:
        """Begin a job; returns when its first process says so.

        Args:
            job_id: letters and digits.
            change: kept as its description; its file is handed over.
            told: the commands, in their order.
            guards: what has to hold before, as job.sh names it, each with a path.
            locks: names that no other job may hold.
            makes: prefix that is undone when it is called off, "" for none.
            undo_before: number of the command from which on it is not, 0 for none.
            is_plan: outputs are kept apart, for `results`.

        Raises:
            ChangeError: it is no command that the system takes.
            EngineError: the engine can't be asked, or the container does not answer.
        """
        token = f"file-{secrets.token_hex(16)}"
        name = file_name(change.file) if change.file is not None else ""
        argv = ["/bin/sh", "-c", _script("job.sh"), "job", job_id, "plan" if is_plan else "run"]
        argv += [_described(change), name, token, makes, str(undo_before)]
        argv += [str(len(locks)), *locks, str(len(guards)), *(word for guard in guards for word in guard)]
        for command in told:
            words = [token if word == FILE else word for word in command.argv]
            variables = [f"{key}={value}" for key, value in command.environ]
            argv += ["m" if command.may_fail else "-", str(len(variables)), *variables]
            argv += [str(len(words)), *words]
        if any("\0" in word for word in argv):
            raise ChangeRefused("Not begun", "a name holds a NUL character")
        deadline = Deadline(_QUESTION_SECONDS)
        _, stream = commands.attach(self._http, self._id, argv, deadline, self._user)
        try:
            if change.file is not None:
                stream.send_all(change.file.text.encode("utf-8", "surrogateescape"))
            stream.end_input()
            return _start_in(_outputs(stream.recv, deadline))
        except TimeoutError as error:
            raise EngineTimeout("The container does not answer", "the job was not seen to begin") from error
        finally:
            # the job goes on without us
            stream.close()

    def jobs(self) -> list[ToldJob]:
        """All that are there, oldest first; plans are left out. Raises an EngineError."""
        answer = self._ask("list", most_bytes=_MOST_LIST_BYTES)
        return sorted((job for job, _ in _jobs_in(answer)), key=lambda job: (job.since, job.id))

    def news(self, job_id: str, offset: int, most_bytes: int) -> tuple[ToldJob, bytes]:
        """A job, and its log from `offset` on.

        Raises:
            ChangeLost: there is none.
            EngineError: the engine can't be asked.
        """
        answer = self._ask(
            "news", job_id, str(offset), str(most_bytes), most_bytes=most_bytes + 2 * _MOST_CHANGE_BYTES
        )
        return _one_in(answer)

    def results(self, job_id: str) -> list[CommandResult]:
        """What the commands of a plan printed, as far as they were run. Raises as `news`."""
        answer = self._ask("results", job_id, most_bytes=_MOST_RESULT_BYTES)
        _, rest = _one_in(answer)
        return _results_in(rest)

    def cancel(self, job_id: str) -> ToldJob:
        """End a job; returns when nothing of it runs, or after a minute. Raises as `news`."""
        answer = self._ask(
            "cancel", job_id, str(_CANCEL_SECONDS), seconds=_CANCEL_SECONDS + _CANCEL_GRACE_SECONDS
        )
        return _one_in(answer)[0]

    def put_away(self, job_id: str) -> None:
        """Remove what is left of a job that is over. Raises an EngineError."""
        self._ask("away", job_id)

    def place(self, root_prefix: str, name: str) -> str:
        """Where a new environment of that name can be. Raises an EngineError or ChangeError."""
        found = self._ask("place", root_prefix, name).split(b"\0")
        if len(found) < 2 or found[0] != b"place":
            raise ChangeError("Not made", "the container does not tell where environments can be")
        return _text(found[1])

    def _ask(
        self,
        verb: str,
        *words: str,
        seconds: float = _QUESTION_SECONDS,
        most_bytes: int = _MOST_ANSWER_BYTES + 2 * _MOST_CHANGE_BYTES,
    ) -> bytes:
        argv = ["/bin/sh", "-c", _script("job_control.sh"), "control", verb, *words]
        result = commands.run(self._http, self._id, argv, seconds, most_bytes, self._user)
        if result.exit_code is None and len(result.stdout) < most_bytes:
            raise EngineTimeout("The container does not answer", f"nothing came within {seconds:g} s")
        if result.exit_code in (commands.CANNOT_RUN, commands.NOT_FOUND):
            raise ChangeError("Nothing can be run in the container", "it has no shell")
        return result.stdout


def _script(name: str) -> str:
    return files("tui.backends.conda").joinpath(name).read_text(encoding="ascii")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


# -- what job.sh answers


def _outputs(recv: Any, deadline: Deadline) -> Iterator[bytes]:
    """What it prints, until nothing more can come."""
    splitter = FrameSplitter()
    while block := recv(seconds=deadline.remaining()):
        for stream, payload in splitter.feed(block):
            if stream == Stream.STDOUT:
                yield payload
            elif stream == Stream.STDERR:
                # the shell's own complaint
                yield b"\0" + payload[:200]


def _start_in(pieces: Iterator[bytes]) -> JobStart:
    answer = b""
    wanted = {b"started": 4, b"locked": 2, b"refused": 3, b"nowhere": 1, b"cancelled": 1}
    for piece in pieces:
        answer += piece
        parts = answer.split(b"\0")
        count = wanted.get(parts[0])
        if count is not None and len(parts) > count:
            return JobStart(parts[0].decode(), tuple(_text(part) for part in parts[1:count]))
        if len(answer) > _MOST_ANSWER_BYTES:
            break
    return JobStart("", (_text(answer.replace(b"\0", b" ").strip())[:400],))


# -- what job_control.sh answers


def _jobs_in(answer: bytes) -> Iterator[tuple[ToldJob, bytes]]:
    """Each job, with all that comes behind it."""
    while answer.startswith(b"job\0"):
        parts = answer.split(b"\0", _JOB_FIELDS)
        if len(parts) <= _JOB_FIELDS:
            return
        answer = parts[_JOB_FIELDS]
        with contextlib.suppress(ValueError):
            yield _job(parts), answer


def _one_in(answer: bytes) -> tuple[ToldJob, bytes]:
    for found in _jobs_in(answer):
        return found
    raise ChangeLost("The job is gone", "the container knows nothing of it any more")


def _job(parts: Sequence[bytes]) -> ToldJob:
    folder, uid, alive, pid, _, since, size, status, change = (_text(each) for each in parts[1:_JOB_FIELDS])
    lines = [*status.split("\n"), "", "", "", ""]
    return ToldJob(
        id=folder.rpartition("/")[2],
        folder=folder,
        uid=uid if uid.isdigit() else "",
        is_alive=alive == "y",
        pid=int(pid or 0),
        since=float(since or 0),
        log_bytes=int(size or 0),
        result=lines[0],
        exit_code=int(lines[1] or 0),
        number=int(lines[2] or 0),
        is_kept=lines[3] == "y",
        change=_change_in(change),
    )


def _results_in(rest: bytes) -> list[CommandResult]:
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


# -- a change as text, and back


def _described(change: EnvironmentChange) -> str:
    """The change without the text of its file; ASCII."""
    told: dict[str, Any] = {
        each.name: getattr(change, each.name) for each in fields(change) if each.name != "file"
    }
    told["file_name"] = change.file.name if change.file is not None else ""
    words = json.dumps(told)
    if len(words) > _MOST_CHANGE_BYTES:
        raise ChangeRefused("Not begun", f"{len(words)} bytes of names are too many", "Use a file")
    return words


def _change_in(words: str) -> EnvironmentChange | None:
    """What a description says; None for one that nobody of us can have written."""
    try:
        told = json.loads(words)
        if not isinstance(told, Mapping):
            return None
        values: dict[str, Any] = {}
        for each in fields(EnvironmentChange):
            if each.name == "file" or each.name not in told:
                continue
            value = told[each.name]
            if each.name == "verb":
                value = ChangeVerb(value)
            elif each.name == "kind":
                value = EnvironmentKind(value)
            elif each.name == "only_channels":
                value = value is True
            elif isinstance(value, list):
                value = tuple(str(word) for word in value)
            elif not isinstance(value, str):
                return None
            values[each.name] = value
        return EnvironmentChange(**values)
    except (ValueError, TypeError, RecursionError):
        return None
