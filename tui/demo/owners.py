"""Whose the processes of the make-believe workstation are, what their containers may use, and their end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from tui.demo.catalogue import ALL_GPUS, CUDA_IMAGES
from tui.demo.environment_catalogue import WITHOUT_SHELL
from tui.demo.gpu_catalogue import USER, USER_NUMBERS
from tui.demo.host_processes import HostProcess, host_processes
from tui.demo.world import DemoWorld
from tui.model.containers import Container, ContainerState
from tui.model.entitlement import GpuEntitlement, Grant
from tui.model.errors import EngineError, ProcessChanged, ProcessPermission, ProcessStays
from tui.model.owners import (
    OUTSIDE,
    Clues,
    Ending,
    EndSignal,
    ProcessIdentity,
    ProcessOwner,
    has_clues,
    name_of,
    not_seen,
    prefix_of,
)
from tui.model.reading import Reading, unknown

_ENDED = "its process has ended"
_OTHERS = "another user's process: only root may look"
# What a shell shows of a process that a signal ended (128 and the signal's number).
_EXIT_CODES = {EndSignal.TERM: 143, EndSignal.KILL: 137}

_WhileAsking = Callable[[str], AbstractContextManager[object]]


class DemoOwnership:
    """Whose the processes of a DemoWorld are, as an ordinary user sees them."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def owners(
        self,
        pids: Collection[int],
        containers: Sequence[Container],
        ask_inside: bool = True,
        while_asking: _WhileAsking = nullcontext,
    ) -> Mapping[int, ProcessOwner]:
        """An owner for each number, with whatever could be found out; never raises."""
        known = {each.pid: each for each in host_processes(self._world)}
        listed = {each.id for each in containers}
        found: dict[int, ProcessOwner] = {}
        for pid in pids:
            process = known.get(pid)
            if process is None:
                found[pid] = not_seen(pid, _ENDED)
            else:
                reason = self._why_not_asked(process, listed, ask_inside, while_asking)
                found[pid] = _owner(process, reason)
        return found

    def _why_not_asked(
        self, process: HostProcess, listed: Collection[str], ask_inside: bool, while_asking: _WhileAsking
    ) -> str:
        """Why the environment of a process can't be found out where its command line does not tell it."""
        if process.user == USER:
            return ""
        if process.container_id == OUTSIDE:
            return _OTHERS
        if process.container_id not in listed:
            return "another user's process, and its container is not one of this engine's"
        if process.state is not ContainerState.RUNNING:
            return f"another user's process, and its container is {process.state}: nothing can be asked in it"
        if not ask_inside:
            return "another user's process, and read-only mode asks nothing inside its container"
        try:
            with while_asking(process.container_id):
                self._world.faults.pass_question()
        except EngineError as error:
            return f"another user's process, and its container can't be asked: {error.one_line()}"
        if process.container in WITHOUT_SHELL:
            return "another user's process, and its container has no shell to ask"
        return ""


class DemoProcessEnding:
    """Ends processes of a DemoWorld, as an ordinary user may who may talk to the engine."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def end(
        self,
        process: ProcessIdentity,
        signal: EndSignal,
        seconds: float,
        container: Container | None = None,
    ) -> Ending:
        """Send a signal to exactly this process and wait until it is gone.

        Raises:
            ProcessChanged: it is another process by now.
            ProcessPermission: this user may not.
            ProcessStays: it is still there after so many seconds.
            EngineError: what the world's faults say.
        """
        known = {each.pid: each for each in host_processes(self._world)}
        found = known.get(process.pid)
        if found is None:
            return Ending.WAS_GONE
        if (found.start_ticks, found.container_id) != (process.start_ticks, process.container_id):
            raise ProcessChanged(
                f"Process {process.pid} is not the one that was meant",
                "The one that was meant has ended, its number is another's",
                "Nothing was sent to it; the list follows by itself",
            )
        if found.user != USER:
            self._check_permission(found, container)
        if signal is EndSignal.TERM and any(use.ignores_term for use in found.uses):
            raise self._stays(process.pid, seconds)
        if found.container_id == OUTSIDE:
            self._world.ended_outside[found.pid] = self._world.clock.now()
        else:
            self._world.end_process(found.container_id, found.number, _EXIT_CODES[signal])
        return Ending.ENDED

    def _check_permission(self, process: HostProcess, container: Container | None) -> None:
        """Whether the engine can do it for us. Raises ProcessPermission or an EngineError."""
        title = f"No permission to end process {process.pid}"
        ask = "Ask its user, or start envtui as root"
        if container is None or container.id != process.container_id:
            raise ProcessPermission(title, "It is another user's process", ask)
        self._world.faults.pass_action()
        if process.state is not ContainerState.RUNNING:
            raise ProcessPermission(
                title,
                f"It is another user's process, and its container {container.name} is {process.state}",
                f"{ask}; or unpause the container, then the engine can do it",
            )

    def _stays(self, pid: int, seconds: float) -> ProcessStays:
        if self._world.clock.runs_by_itself:
            # nobody sets this event: whoever asked wants to see it wait
            threading.Event().wait(seconds)
        return ProcessStays(
            f"Process {pid} is still there",
            f"It got {EndSignal.TERM} and has not ended within {seconds:.0f} s",
            "KILL ends it at once, without letting it tidy up",
        )


class DemoEntitlements:
    """Which GPUs the containers of a DemoWorld may use."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def entitlement(self, container_id: str) -> GpuEntitlement:
        """What one container may use. Raises what the world's faults say, and NoSuchContainer."""
        self._world.faults.pass_question()
        made = self._world.find(container_id).blueprint
        is_withheld = not {"NVIDIA_VISIBLE_DEVICES=none", "NVIDIA_VISIBLE_DEVICES=void"}.isdisjoint(
            made.environment
        )
        is_cuda_image = bool(made.gpus) or made.image in CUDA_IMAGES
        if not made.gpus:
            return GpuEntitlement(Grant.NONE, is_cuda_image=is_cuda_image, is_withheld=is_withheld)
        if made.gpus == ALL_GPUS:
            return GpuEntitlement(Grant.ALL, (), "--gpus", is_cuda_image=is_cuda_image)
        return GpuEntitlement(Grant.SOME, tuple(map(str, made.gpus)), "--gpus", is_cuda_image=is_cuda_image)


def _owner(process: HostProcess, reason: str) -> ProcessOwner:
    """The owner of a process; `reason` why nothing but its command line is known."""
    word = process.command.partition(" ")[0]
    word = word if word.startswith("/") else ""
    clues = Clues(first_word=word) if reason else Clues(process.program or word, word)
    told = prefix_of(clues)
    # the command line alone can tell an environment, not that there is none
    is_known = has_clues(clues) and (not reason or bool(told))
    reason = reason or "it has no program of its own"
    is_inside = process.container_id != OUTSIDE
    return ProcessOwner(
        process.pid,
        process.start_ticks,
        started_at=Reading(process.started_at),
        uid=Reading(USER_NUMBERS[process.user]),
        user=Reading(process.user),
        command=Reading(process.command),
        container_id=Reading(process.container_id),
        pid_inside=Reading(process.number) if is_inside else unknown("outside any container"),
        prefix=Reading(told) if is_known else unknown(reason),
        environment=Reading(name_of(told, clues)) if is_known else unknown(reason),
        parent_pid=process.parent_pid,
        state="S",
        runtime="docker" if is_inside else "",
        clues=clues,
    )
