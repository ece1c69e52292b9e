"""Whose the processes of this machine are: from `/proc`, or from their containers where `/proc` refuses."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

from tui.backends.conda.probe import NoShell
from tui.backends.docker.engine import DockerEngine
from tui.backends.gpu import inside
from tui.backends.gpu.process_files import ENDED, NotSeen, ProcessFiles, Stat, Status, first_path, text_of
from tui.backends.parallel import in_parallel
from tui.model.containers import Container, ContainerState
from tui.model.errors import EngineError
from tui.model.owners import (
    OUTSIDE,
    Clues,
    ProcessOwner,
    has_clues,
    name_of,
    not_seen,
    prefix_of,
)
from tui.model.reading import Reading, unknown

# A container that could not answer is not asked again about the same process for this long.
_ASK_AGAIN_SECONDS = 30.0
# An engine starts commands one after the other anyway.
_AT_ONCE = 4
# More processes than any machine has on its GPUs; only a caller that asks for all kinds comes here.
_MOST_KNOWN = 4096
# The kernel's letter of a process that waits for a device. Its command line may not be readable until it is
# served: whoever reads it waits, too.
_WAITS_IN_KERNEL = "D"
_ENDED_STATES = ("Z", "X")

_OTHERS = "another user's process: only root may look"
_NO_CONTAINER_NAMED = "its control group names no container"
_UNCOLLECTED = "it has ended, and its parent has not collected it"
_NO_PROGRAM = "it has no program of its own"


@dataclass(slots=True)
class _Seen:
    """A process as it was seen last.

    Attributes:
        owner: everything but the environment.
        command_line: as the kernel has it.
        program: None where it is refused to us.
        clues: None where nobody has told them.
        reason: why not.
        numbers: its PIDs, from the host's to the innermost.
        user_inside: what it runs as in its container, "" where not known.
        ask_after: when its container may be asked (again), by our clock.
        asked_with: the command line that it had when its container told the clues.
    """

    owner: ProcessOwner
    command_line: bytes
    program: str | None
    clues: Clues | None
    reason: str
    numbers: tuple[int, ...]
    user_inside: str = ""
    ask_after: float = 0.0
    asked_with: bytes | None = None

    @property
    def is_open_question(self) -> bool:
        """Its container is to be asked: nothing is known, or it may be another program since."""
        return self.clues is None or (self.asked_with is not None and self.asked_with != self.command_line)


class LocalOwnership:
    """Owners of processes of the machine that the engine runs on; several threads wait for each other."""

    def __init__(
        self,
        engine: DockerEngine,
        files: ProcessFiles | None = None,
        clock: Callable[[], float] = time.monotonic,
        name_of_user: Callable[[int], str | None] | None = None,
    ) -> None:
        """Args: engine of the containers; the kernel's files; monotonic seconds; a user's name by number."""
        self._engine = engine
        self._files = files or ProcessFiles()
        self._clock = clock
        self._name_of_user = name_of_user or user_name
        self._users: dict[int, str] = {}
        self._booted_at: float | None = None
        self._known: dict[int, _Seen] = {}
        self._lock = threading.Lock()

    def owners(
        self,
        pids: Collection[int],
        containers: Sequence[Container],
        ask_inside: bool = True,
        while_asking: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> Mapping[int, ProcessOwner]:
        """An owner for each number, with whatever could be found out; never raises.

        Each process is recognised by the time of its start before and after everything else was read. May
        take some seconds where containers must be asked, and as long as the kernel wants where a process
        hangs in it.

        Args:
            pids: numbers of this host.
            containers: all that the engine lists.
            ask_inside: whether a command may be run in a container, where `/proc` does not tell enough.
            while_asking: entered with a container's id around the command in it; may raise an EngineError,
                then there is none.
        """
        if self._files.why_foreign:
            return {pid: not_seen(pid, self._files.why_foreign) for pid in pids}
        with self._lock:
            self._forget(set(pids))
            found: dict[int, ProcessOwner] = {}
            seen: list[_Seen] = []
            for pid in pids:
                try:
                    seen.append(self._looked(pid))
                except NotSeen as why:
                    found[pid] = self._gone(pid, str(why))
            questions = self._questions(seen, {each.id: each for each in containers}, ask_inside)
            if questions:
                ask = partial(self._ask, while_asking=while_asking)
                in_parallel(ask, list(questions.items()), _AT_ONCE, "ask-owners")
            for each in seen:
                pid = each.owner.pid
                is_same = self._is_same(each.owner)
                found[pid] = _with_environment(each) if is_same else self._gone(pid, ENDED)
            return found

    # -- what is known

    def _forget(self, wanted: set[int]) -> None:
        """Forget processes that nobody asks for any more, once they are gone."""
        others = [each.owner for pid, each in self._known.items() if pid not in wanted]
        is_full = len(self._known) > _MOST_KNOWN
        for owner in others:
            if is_full or not self._is_same(owner):
                del self._known[owner.pid]

    def _gone(self, pid: int, reason: str) -> ProcessOwner:
        self._known.pop(pid, None)
        return not_seen(pid, reason)

    def _is_same(self, owner: ProcessOwner) -> bool:
        try:
            return self._files.stat(owner.pid).start_ticks == owner.start_ticks
        except NotSeen:
            return False

    # -- /proc

    def _looked(self, pid: int) -> _Seen:
        """A process as it is now. Raises NotSeen."""
        stat = self._files.stat(pid)
        known = self._known.get(pid)
        if known is None or known.owner.start_ticks != stat.start_ticks:
            known = self._known[pid] = self._first_look(pid, stat)
        else:
            self._look_again(known, stat)
        return known

    def _first_look(self, pid: int, stat: Stat) -> _Seen:
        status = self._files.status(pid)
        group, identity = self._files.container(pid)
        command_line = self._files.command_line(pid)
        container_id = unknown(_NO_CONTAINER_NAMED) if identity is None else Reading(identity)
        uid, user = self._user(status)
        owner = replace(
            not_seen(pid, ""),
            start_ticks=stat.start_ticks,
            started_at=self._started_at(stat),
            uid=uid,
            user=user,
            command=Reading(_command(command_line, stat)),
            container_id=container_id,
            pid_inside=_pid_inside(container_id, status.numbers),
            parent_pid=stat.parent_pid,
            state=stat.state,
            runtime=group.runtime,
            pod=group.pod,
            enclosing_ids=group.container_ids[:-1],
        )
        seen = _Seen(owner, command_line, None, None, "", status.numbers)
        self._read_clues(seen)
        return seen

    def _look_again(self, seen: _Seen, stat: Stat) -> None:
        """What may have changed: one that starts another program keeps its number and its start."""
        pid, before = seen.owner.pid, seen.command_line
        if stat.state != _WAITS_IN_KERNEL:
            seen.command_line = self._files.command_line(pid)
        if seen.command_line != before:
            uid, user = self._user(self._files.status(pid))
            seen.owner = replace(seen.owner, uid=uid, user=user)
        seen.owner = replace(
            seen.owner,
            state=stat.state,
            parent_pid=stat.parent_pid,
            command=Reading(_command(seen.command_line, stat)),
        )
        try:
            is_other = seen.program is not None and self._files.program(pid) != seen.program
        except PermissionError:
            # it has become another user's
            is_other = True
        if is_other:
            self._read_clues(seen)

    def _read_clues(self, seen: _Seen) -> None:
        seen.program = seen.clues = None
        seen.reason = _OTHERS
        try:
            seen.clues = self._files.clues(seen.owner.pid, seen.command_line)
        except PermissionError:
            seen.user_inside = self._files.user_inside(seen.owner.pid)
            return
        seen.program = seen.clues.program
        seen.reason = _UNCOLLECTED if seen.owner.state in _ENDED_STATES else _NO_PROGRAM

    def _started_at(self, stat: Stat) -> Reading[float]:
        if self._booted_at is None:
            self._booted_at = self._files.boot_time()
        if self._booted_at is None:
            return unknown("this host does not tell when it was started")
        return Reading(self._booted_at + stat.start_ticks / os.sysconf("SC_CLK_TCK"))

    def _user(self, status: Status) -> tuple[Reading[int], Reading[str]]:
        """Number and name of a process's user."""
        uid = status.uid
        if uid is None:
            reason = "the kernel does not tell its user"
            return unknown(reason), unknown(reason)
        if uid not in self._users:
            self._users[uid] = self._name_of_user(uid) or str(uid)
        return Reading(uid), Reading(self._users[uid])

    # -- containers

    def _questions(
        self, seen: Iterable[_Seen], containers: Mapping[str, Container], ask_inside: bool
    ) -> Mapping[tuple[str, str], list[_Seen]]:
        """What containers are to be asked about: one question for each, and each user in it.

        Not even root may look at others' programs without a capability that containers do not have
        (ptrace(2), access mode checks: user and group must be the same).
        """
        now = self._clock()
        questions: dict[tuple[str, str], list[_Seen]] = defaultdict(list)
        for each in seen:
            if not each.is_open_question or now < each.ask_after:
                continue
            container = containers.get(each.owner.container_id.value or "")
            reason = _why_not_asked(each, container, ask_inside)
            if reason:
                each.reason = reason
            elif container is not None:
                questions[container.id, each.user_inside].append(each)
        return questions

    def _ask(
        self,
        question: tuple[tuple[str, str], list[_Seen]],
        while_asking: Callable[[str], AbstractContextManager[object]],
    ) -> None:
        (container_id, user), seen = question
        wanted = [inside.Wanted(each.owner.pid, each.owner.start_ticks or 0, each.numbers) for each in seen]
        told: Mapping[int, Clues] = {}
        try:
            self._engine.api_version()
            with while_asking(container_id):
                told = inside.ask(self._engine.http, container_id, user, wanted)
            reason = "another user's process, and its container does not tell of it"
        except NoShell:
            reason = "another user's process, and its container has no shell to ask"
        except EngineError as error:
            reason = f"another user's process, and its container can't be asked: {error.one_line()}"
        ask_after = self._clock() + _ASK_AGAIN_SECONDS
        for each in seen:
            each.ask_after = ask_after
            clues = told.get(each.owner.pid)
            if clues is not None and clues.program:
                each.clues, each.asked_with, each.reason = clues, each.command_line, ""
            elif each.clues is None:
                each.reason = reason


def user_name(uid: int) -> str | None:
    """A user's name on this machine; None for a number without one."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _why_not_asked(seen: _Seen, container: Container | None, ask_inside: bool) -> str:
    """Why a container is not asked about a process, "" where it is."""
    identity = seen.owner.container_id.value
    if not identity:
        return _OTHERS
    if container is None:
        return "another user's process, and its container is not one of this engine's"
    if container.state is not ContainerState.RUNNING:
        return f"another user's process, and its container is {container.state}: nothing can be asked in it"
    if not ask_inside:
        return "another user's process, and read-only mode asks nothing inside its container"
    if not seen.numbers or not seen.user_inside:
        return "another user's process, and the kernel does not tell what its container knows it by"
    return ""


def _with_environment(seen: _Seen) -> ProcessOwner:
    clues = seen.clues
    if clues is None:
        word = first_path(seen.command_line)
        clues = Clues(first_word=word if word.startswith("/") else "")
    prefix = prefix_of(clues)
    # the first word alone can tell an environment, not that there is none
    if not has_clues(clues) or (seen.clues is None and not prefix):
        why: Reading[str] = unknown(seen.reason)
        return replace(seen.owner, prefix=why, environment=why, clues=clues)
    name = name_of(prefix, clues)
    return replace(seen.owner, prefix=Reading(prefix), environment=Reading(name), clues=clues)


def _pid_inside(container_id: Reading[str], numbers: Sequence[int]) -> Reading[int]:
    if container_id.value == OUTSIDE:
        return unknown("outside any container")
    return Reading(numbers[-1]) if numbers else unknown("the kernel does not tell it")


def _command(command_line: bytes, stat: Stat) -> str:
    words = command_line.rstrip(b"\0").split(b"\0")
    return " ".join(map(text_of, words)) if any(words) else f"[{stat.name}]"
