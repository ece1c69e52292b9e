"""Runs job.sh and job_control.sh in a container, and takes their answers apart."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tui.backends.conda.change_text import change_text
from tui.backends.conda.command import FILE, Command, CommandResult, file_name
from tui.backends.conda.job_answers import (
    MOST_ANSWER_BYTES,
    JobStart,
    ToldJob,
    jobs_in,
    one_in,
    outputs,
    results_in,
    start_in,
    text,
)
from tui.backends.deadline import Deadline
from tui.backends.docker import exec as commands
from tui.backends.docker.http import EngineHttp
from tui.model.changes import EnvironmentChange
from tui.model.errors import (
    ChangeError,
    ChangeLost,
    ChangeRefused,
    EngineError,
    EngineRefused,
    EngineTimeout,
)

#: How long a job is only told to end: conda rolls back what it has done, as fast as the disk allows.
PATIENCE_SECONDS = 20
# A container that has everything to do may need seconds for a command.
_QUESTION_SECONDS, _START_SECONDS = 15.0, 30.0
# job_control.sh kills 8 s after that patience, and gives it up 32 s after.
_CANCEL_GRACE_SECONDS = 38.0
_MOST_RESULT_BYTES = 16 << 20
_MOST_LIST_BYTES = 8 << 20
# One argument of Linux holds 128 kB.
_MOST_CHANGE_BYTES = 100_000
_ROOT = "0"


class NoShell(ChangeError):
    """Nothing can be run in the container, so that no job of ours can be in it either."""


@dataclass(frozen=True, slots=True)
class JobOrder:
    """What a job is to do.

    Attributes:
        change: kept as its description; its file is handed over.
        told: the commands, in their order.
        guards: what has to hold before, as job.sh names it, each with a path.
        locks: names that no other job may hold.
        makes: prefix that is undone when it fails or is called off, "" for none.
        keeps_parts: it is not where it fails after a part was done.
        undo_before: number of the command from which on it is not at all, 0 for none.
        is_plan: outputs are kept apart, for `results`.
    """

    change: EnvironmentChange
    told: Sequence[Command]
    guards: Sequence[tuple[str, str]] = ()
    locks: Sequence[str] = ()
    makes: str = ""
    keeps_parts: bool = False
    undo_before: int = 0
    is_plan: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where an environment could be made.

    Attributes:
        path: of it.
        is_taken: something is there.
        has_parent: the folder that it would be in is there.
        is_writable: it can be made there.
    """

    path: str
    is_taken: bool
    has_parent: bool
    is_writable: bool


class ContainerJobs:
    """The jobs in one container, asked for by one account.

    Root is asked, too, about what that account can't see; what is changed is changed by the account that owns
    it, so that nobody in the container can have a job of theirs taken for another's.
    """

    def __init__(
        self, http: EngineHttp, container_id: str, user: str = "", patience_seconds: int = PATIENCE_SECONDS
    ) -> None:
        """Args: the engine's connection, full id, account ("" for the container's own), time to end in."""
        self._http = http
        self._id = container_id
        self._user = user
        self._patience = patience_seconds

    def start(self, job_id: str, order: JobOrder) -> JobStart:
        """Begin a job; returns when its first process says so.

        Args:
            job_id: letters and digits.
            order: what it does.

        Raises:
            ChangeError: it is no command that the system takes.
            EngineError: the engine can't be asked, or the container does not answer.
        """
        argv, content = self._argv(job_id, order)
        deadline = Deadline(_START_SECONDS)
        try:
            exec_path, stream = commands.attach(self._http, self._id, argv, deadline, self._user)
        except EngineRefused as error:
            if commands.code_in(error.detail) is None:
                raise
            raise _no_shell() from error
        try:
            if content:
                stream.send_all(content)
            stream.end_input()
            began = start_in(outputs(stream, deadline))
            if not began.answer:
                # engines before 23 say so on the output of what they could not start
                code = commands.exit_code(self._http, exec_path, deadline, True)
                if code in (commands.CANNOT_RUN, commands.NOT_FOUND):
                    raise _no_shell()
            return began
        except (TimeoutError, EngineError) as error:
            # it may have begun unseen, or be about to
            with contextlib.suppress(EngineError, ChangeError):
                self.cancel(job_id)
                self.put_away(job_id)
            if isinstance(error, EngineError):
                raise
            raise EngineTimeout("The container does not answer", "the job was not seen to begin") from error
        finally:
            # the job goes on without us
            stream.close()

    def jobs(self) -> list[ToldJob]:
        """All that are there, oldest first; plans are left out. Raises an EngineError or ChangeError."""
        uid, answer = self._ask("list", most_bytes=_MOST_LIST_BYTES)
        found = {job.id: job for job, _ in jobs_in(answer)}
        if uid != _ROOT:
            with contextlib.suppress(ChangeError, EngineRefused):
                _, answer = self._ask("list", most_bytes=_MOST_LIST_BYTES, user=_ROOT)
                # root without its rights sees less
                found = {job.id: job for job, _ in jobs_in(answer)} | found
        return sorted(found.values(), key=lambda job: (job.since, job.id))

    def news(self, job_id: str, offset: int, most_bytes: int) -> tuple[ToldJob, bytes]:
        """A job, and its log from `offset` on.

        Raises:
            ChangeLost: there is none.
            EngineError: the engine can't be asked.
        """
        most = most_bytes + 2 * _MOST_CHANGE_BYTES
        return self._seen("news", job_id, str(offset), str(most_bytes), most_bytes=most)

    def results(self, job_id: str) -> list[CommandResult]:
        """What the commands of a plan printed, as far as they were run. Raises as `news`."""
        most = _MOST_RESULT_BYTES
        _, rest = self._seen("results", job_id, str(most // 4), most_bytes=most + _MOST_CHANGE_BYTES)
        return results_in(rest)

    def cancel(self, job_id: str) -> ToldJob:
        """End a job; returns when nothing of it runs, or after a minute. Raises as `news`."""
        told, _ = self.news(job_id, 0, 0)
        seconds = self._patience + _CANCEL_GRACE_SECONDS
        _, answer = self._ask("cancel", job_id, str(self._patience), seconds=seconds, user=told.uid)
        return one_in(answer)[0]

    def put_away(self, job_id: str) -> None:
        """Remove what is left of a job that is over. Raises an EngineError."""
        with contextlib.suppress(ChangeLost):
            told, _ = self.news(job_id, 0, 0)
            self._ask("away", job_id, user=told.uid)

    def places(self, wanted: Sequence[tuple[str, str]]) -> list[Place]:
        """How places for an environment are. Args: folder (`~/` for the home) and name of each."""
        _, answer = self._ask("place", *(word for each in wanted for word in each))
        fields = answer.split(b"\0")
        found = []
        while len(fields) > 5 and fields[0] == b"place":
            is_taken, has_parent, is_writable = (each == b"y" for each in fields[2:5])
            found.append(Place(text(fields[1]), is_taken, has_parent, is_writable))
            fields = fields[5:]
        if len(found) != len(wanted):
            raise ChangeError("Not made", "the container does not tell where environments can be")
        return found

    def command_lines(self, pids: Sequence[int]) -> dict[int, str]:
        """What processes were started as, by number; those that are gone are left out."""
        _, answer = self._ask("lines", *map(str, pids), user=_ROOT)
        fields = answer.split(b"\0")
        found = {}
        while len(fields) > 3 and fields[0] == b"line":
            if line := text(fields[2]).strip():
                found[int(fields[1])] = line
            fields = fields[3:]
        return found

    def _argv(self, job_id: str, order: JobOrder) -> tuple[list[str], bytes]:
        """The command line of job.sh, and what it reads."""
        change = order.change
        content = b"" if change.file is None else change.file.text.encode("utf-8", "surrogateescape")
        described = change_text(change)
        if len(described) > _MOST_CHANGE_BYTES:
            raise ChangeRefused("Not begun", f"{len(described)} bytes of names are too many", "Use a file")
        token = f"file-{secrets.token_hex(16)}"
        name = file_name(change.file) if change.file is not None else ""
        argv = ["/bin/sh", "-c", _script("job.sh"), "job", job_id, "plan" if order.is_plan else "run"]
        argv += [self._id, described, name, str(len(content)), token, order.makes]
        argv += ["y" if order.keeps_parts else "", str(order.undo_before), change.root_prefix]
        argv += [str(len(order.locks)), *order.locks]
        argv += [str(len(order.guards)), *(word for guard in order.guards for word in guard)]
        for command in order.told:
            words = [token if word == FILE else word for word in command.argv]
            variables = [f"{key}={value}" for key, value in command.environ]
            argv += ["m" if command.may_fail else "-", str(len(variables)), *variables]
            argv += [str(len(words)), *words]
        if any("\0" in word for word in argv):
            raise ChangeRefused("Not begun", "a name holds a NUL character")
        return argv, content

    def _seen(self, *words: str, most_bytes: int) -> tuple[ToldJob, bytes]:
        """What is told of one job to its account, or to root. Raises ChangeLost where there is none."""
        uid, answer = self._ask(*words, most_bytes=most_bytes)
        try:
            return one_in(answer)
        except ChangeLost:
            if uid == _ROOT:
                raise
        with contextlib.suppress(EngineRefused):
            _, answer = self._ask(*words, most_bytes=most_bytes, user=_ROOT)
        return one_in(answer)

    def _ask(
        self,
        verb: str,
        *words: str,
        seconds: float = _QUESTION_SECONDS,
        most_bytes: int = MOST_ANSWER_BYTES + 2 * _MOST_CHANGE_BYTES,
        user: str | None = None,
    ) -> tuple[str, bytes]:
        """The number of the account that answers, and its answer."""
        argv = ["/bin/sh", "-c", _script("job_control.sh"), "control", self._id, verb, *words]
        account = self._user if user is None else user
        result = commands.run(self._http, self._id, argv, seconds, most_bytes, account)
        if result.exit_code is None and len(result.stdout) < most_bytes:
            raise EngineTimeout("The container does not answer", f"nothing came within {seconds:g} s")
        if result.exit_code in (commands.CANNOT_RUN, commands.NOT_FOUND):
            raise _no_shell()
        head = result.stdout.split(b"\0", 2)
        if len(head) < 3 or head[0] != b"me":
            said = text(result.stderr or result.stdout)[:200].strip()
            raise ChangeError("The container's shell answers something else", said or "nothing")
        return text(head[1]), head[2]


def _no_shell() -> NoShell:
    return NoShell(
        "Nothing can be run in the container",
        "it has no shell, or its account can't run it",
        "Environments are changed by a shell in their container",
    )


@cache
def _script(name: str) -> str:
    folder = files("tui.backends.conda")
    return "".join((folder / each).read_text(encoding="ascii") for each in ("job_common.sh", name))
