"""Ends exactly one process of this machine: looked at just before, by a handle that no other can get."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal as signals
import threading
from collections.abc import Callable
from functools import cache
from importlib.resources import files as resources
from typing import Protocol
from urllib.parse import quote

from tui.backends.conda import probe
from tui.backends.deadline import ACTION_SECONDS, Deadline
from tui.backends.docker.engine import DockerEngine
from tui.backends.gpu.process_files import HasEnded, NotSeen, ProcessFiles
from tui.model.containers import Container, ContainerState
from tui.model.errors import ProcessChanged, ProcessPermission, ProcessStays
from tui.model.owners import Ending, EndSignal, ProcessIdentity

_NUMBERS = {EndSignal.TERM: signals.SIGTERM, EndSignal.KILL: signals.SIGKILL}
# Kernels before 5.3 have no handles, and a filter of system calls may refuse them.
_NO_HANDLES = (errno.ENOSYS, errno.EPERM, errno.EINVAL)
# Without a handle nothing tells of the end: it is looked for so often.
_LOOK_AGAIN_SECONDS = 0.05
_ENDED_STATES = ("Z", "X")
# what the script ends with where the container knows no such process
_NOT_FOUND = 4
_MOST_BYTES = 4096
_ASK_ITS_USER = "Ask its user, or start envtui as root"


class Handle(Protocol):
    """One process, to be signalled and waited for."""

    def send(self, number: signals.Signals) -> None:
        """Send a signal. Raises ProcessLookupError and PermissionError."""

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it came."""

    def close(self) -> None:
        """Let go of it."""


class PidfdHandle:
    """A process by a descriptor, which never means another that gets the same number."""

    def __init__(self, pid: int) -> None:
        """Raises OSError."""
        self._descriptor = os.pidfd_open(pid)

    def send(self, number: signals.Signals) -> None:
        """Send a signal. Raises ProcessLookupError and PermissionError."""
        signals.pidfd_send_signal(self._descriptor, number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it came. The kernel says so when all its threads have ended."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(max(0.0, seconds) * 1000))

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


class NumberHandle:
    """A process by its number, where the kernel has nothing better: another could get it meanwhile."""

    def __init__(self, pid: int, is_there: Callable[[], bool]) -> None:
        """Args: its number, and whether it still is the process that is meant."""
        self._pid = pid
        self._is_there = is_there

    def send(self, number: signals.Signals) -> None:
        """Send a signal. Raises ProcessLookupError and PermissionError."""
        os.kill(self._pid, number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it came."""
        deadline, pause = Deadline(seconds), threading.Event()
        while self._is_there():
            if deadline.passed:
                return False
            pause.wait(min(_LOOK_AGAIN_SECONDS, deadline.remaining()))
        return True

    def close(self) -> None:
        """Nothing to let go of."""


class LocalProcessEnding:
    """Ends processes of the machine that the engine runs on."""

    def __init__(
        self,
        engine: DockerEngine,
        files: ProcessFiles | None = None,
        open_handle: Callable[[int], Handle] = PidfdHandle,
    ) -> None:
        """Args: engine of the containers; the kernel's files; how to get hold of a process."""
        self._engine = engine
        self._files = files or ProcessFiles()
        self._open_handle = open_handle

    def end(
        self,
        process: ProcessIdentity,
        signal: EndSignal,
        seconds: float,
        container: Container | None = None,
    ) -> Ending:
        """Send a signal to exactly this process and wait until it is gone.

        Args:
            process: it is looked at again just before; whatever differs, nothing is sent.
            signal: TERM or KILL.
            seconds: to wait for its end.
            container: the one that it runs in, as it is listed now. Where the kernel refuses, its engine is
                asked to send the signal; None never asks it.

        Raises:
            ProcessChanged: it is another process by now.
            ProcessPermission: this user may not.
            ProcessStays: it is still there after so many seconds.
            EngineError: the engine was asked, and failed.
        """
        if self._files.why_foreign:
            raise ProcessPermission(f"Process {process.pid} can't be ended", self._files.why_foreign)
        try:
            # a handle first: if the number belongs to the same process after that, so does the handle
            handle = self._handle(process)
        except ProcessLookupError:
            return Ending.WAS_GONE
        with contextlib.closing(handle):
            try:
                self._check(process)
                handle.send(_NUMBERS[signal])
            except (HasEnded, ProcessLookupError):
                return Ending.WAS_GONE
            except PermissionError:
                self._send_through_engine(process, signal, container)
            if handle.wait(seconds):
                return Ending.ENDED
            raise self._stays(process, signal, seconds)

    def _handle(self, process: ProcessIdentity) -> Handle:
        try:
            return self._open_handle(process.pid)
        except OSError as error:
            if error.errno not in _NO_HANDLES:
                raise
        return NumberHandle(process.pid, lambda: self._is_there(process))

    def _is_there(self, process: ProcessIdentity) -> bool:
        try:
            stat = self._files.stat(process.pid)
        except NotSeen:
            return False
        return stat.start_ticks == process.start_ticks and stat.state not in _ENDED_STATES

    def _check(self, process: ProcessIdentity) -> None:
        """Raises HasEnded, ProcessChanged and ProcessPermission."""
        title = f"Process {process.pid} is not the one that was meant"
        hint = "Nothing was sent to it; the list follows by itself"
        try:
            stat = self._files.stat(process.pid)
            if stat.start_ticks != process.start_ticks:
                raise ProcessChanged(title, "The one that was meant has ended, its number is another's", hint)
            if stat.state in _ENDED_STATES:
                raise HasEnded
            _, container_id = self._files.container(process.pid)
            if container_id != process.container_id:
                raise ProcessChanged(title, "It is in another container than before", hint)
        except HasEnded:
            raise
        except NotSeen as why:
            raise ProcessPermission(f"Process {process.pid} can't be looked at", str(why)) from why

    def _send_through_engine(
        self, process: ProcessIdentity, signal: EndSignal, container: Container | None
    ) -> None:
        """Have the engine send it: whoever may talk to it is root in its containers.

        Raises:
            ProcessPermission: it can't either.
            EngineError: it was asked, and failed.
        """
        title = f"No permission to end process {process.pid}"
        if container is None or container.id != process.container_id:
            raise ProcessPermission(title, "It is another user's process", _ASK_ITS_USER)
        if container.state is not ContainerState.RUNNING:
            raise ProcessPermission(
                title,
                f"It is another user's process, and its container {container.name} is {container.state}",
                f"{_ASK_ITS_USER}; or unpause the container, then the engine can do it",
            )
        try:
            numbers = self._files.status(process.pid).numbers
        except NotSeen:
            # the wait that follows tells how it ended
            return
        self._engine.api_version()
        if numbers[1:] == (1,):
            # inside its own numbering no signal ends the first process, only from outside
            path = f"/containers/{quote(container.id, safe='')}/kill?signal=SIG{signal}"
            self._engine.http.post(path, None, ACTION_SECONDS)
            return
        self._send_inside(process, signal, container, numbers)

    def _send_inside(
        self, process: ProcessIdentity, signal: EndSignal, container: Container, numbers: tuple[int, ...]
    ) -> None:
        lines = ["\t".join(("NSpid:", *map(str, numbers[first:]))) for first in range(len(numbers))]
        argv = (probe.SHELL, "-c", _script(), "kill", signal.value, str(process.start_ticks), *lines)
        title = f"No permission to end process {process.pid}"
        hint = f"{_ASK_ITS_USER}; `docker kill {container.name}` ends its whole container"
        try:
            run = probe.run(
                self._engine.http, container.id, argv, ACTION_SECONDS, _MOST_BYTES, user=probe.ROOT
            )
        except probe.NoShell as error:
            detail = "It is another user's process, and its container has no shell to end it from"
            raise ProcessPermission(title, detail, hint) from error
        if run.exit_code == 0 or not self._is_there(process):
            return
        if run.exit_code is None:
            raise ProcessStays(
                f"Process {process.pid} could not be ended",
                f"Its container {container.name} did not answer within {ACTION_SECONDS:.0f} s",
                hint,
            )
        if run.exit_code == _NOT_FOUND:
            told = f"Its container {container.name} does not know it"
        else:
            refused = run.first_error or f"the command ended with {run.exit_code}"
            told = f"Its container {container.name} refuses it, too: {refused}"
        raise ProcessPermission(title, told, hint)

    def _stays(self, process: ProcessIdentity, signal: EndSignal, seconds: float) -> ProcessStays:
        title = f"Process {process.pid} is still there"
        try:
            state, numbers = self._files.stat(process.pid).state, self._files.status(process.pid).numbers
        except NotSeen:
            state, numbers = "", ()
        detail = f"It got {signal} and has not ended within {seconds:.0f} s"
        if state == "D":
            hint = "It hangs in the kernel, mostly in a driver, where no signal reaches it"
        elif signal is EndSignal.KILL:
            hint = "The kernel is still tidying up after it: look again in a while"
        elif numbers[1:] == (1,):
            hint = "The first process of a container ignores TERM unless it says otherwise: KILL ends it"
        else:
            hint = "KILL ends it at once, without letting it tidy up"
        return ProcessStays(title, detail, hint)


@cache
def _script() -> str:
    return (resources("tui.backends.gpu") / "kill.sh").read_text("utf-8")
