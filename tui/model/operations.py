"""What can be done to containers: one step per object, gathered in a plan that is shown before it runs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tui.model.containers import Container, ContainerState

if TYPE_CHECKING:
    from tui.model.owners import EndSignal, ProcessIdentity

#: Seconds that a container gets to end by itself before it is killed; the engine's own default.
STOP_GRACE_SECONDS = 10


class Operation(StrEnum):
    """A verb of the engine's client for one container."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    KILL = "kill"
    RENAME = "rename"
    REMOVE = "rm"


@dataclass(frozen=True, slots=True)
class Step:
    """One call to the engine about one container.

    Attributes:
        operation: what to do.
        container_id: full id; names are for people.
        container_name: as it was when the plan was made.
        new_name: for RENAME.
        with_volumes: for REMOVE, take the anonymous volumes too.
    """

    operation: Operation
    container_id: str
    container_name: str
    new_name: str = ""
    with_volumes: bool = False

    @property
    def target(self) -> str:
        """What it is done to: a step that fails ends those behind it on the same."""
        return self.container_id

    @property
    def target_name(self) -> str:
        """What a person calls that."""
        return self.container_name


@dataclass(frozen=True, slots=True)
class EndStep:
    """One signal to one process of the host.

    Attributes:
        process: which one, told from every other.
        signal: TERM or KILL.
        container_id: of the container that it runs in, None for none or where that is not known.
    """

    process: ProcessIdentity
    signal: EndSignal
    container_id: str | None = None

    @property
    def target(self) -> str:
        """What it is done to."""
        return f"process {self.process.pid} {self.process.start_ticks}"

    @property
    def target_name(self) -> str:
        """What a person calls that."""
        return f"process {self.process.pid}"


AnyStep = Step | EndStep


@dataclass(frozen=True, slots=True)
class Plan:
    """What one action will do: its steps in order, and the words that a dialog says about them."""

    title: str
    steps: tuple[AnyStep, ...]


def plan(operation: Operation, containers: tuple[Container, ...], with_volumes: bool = False) -> Plan:
    """The plan of one operation on each of `containers`.

    Removing a container that has processes stops it first; nothing is ever removed by force.
    """
    steps: list[Step] = []
    for container in containers:
        if operation is Operation.REMOVE and container.is_alive:
            if container.state is ContainerState.PAUSED:
                steps.append(Step(Operation.UNPAUSE, container.id, container.name))
            steps.append(Step(Operation.STOP, container.id, container.name))
        steps.append(Step(operation, container.id, container.name, with_volumes=with_volumes))
    return Plan(f"{operation_word(operation)} {counted(containers)}", tuple(steps))


def rename_plan(container: Container, new_name: str) -> Plan:
    """The plan of giving one container another name."""
    step = Step(Operation.RENAME, container.id, container.name, new_name=new_name)
    return Plan(f"Rename {container.name} to {new_name}", (step,))


def end_plan(process: ProcessIdentity, signal: EndSignal, container_id: str | None, what: str) -> Plan:
    """The plan of ending one process; `what` names it for people."""
    word = "Kill" if signal == "KILL" else "End"
    return Plan(f"{word} {what}", (EndStep(process, signal, container_id),))


def operation_word(operation: Operation) -> str:
    """The verb as a button says it."""
    return "Remove" if operation is Operation.REMOVE else operation.value.capitalize()


def counted(containers: tuple[Container, ...]) -> str:
    """The container's name, or how many there are."""
    return containers[0].name if len(containers) == 1 else f"{len(containers)} containers"


def command_line(step: AnyStep) -> str:
    """The line of the engine's own client, or of the shell, that does the same, for the command log."""
    if isinstance(step, EndStep):
        return shlex.join(["kill", f"-{step.signal}", str(step.process.pid)])
    words = ["docker", step.operation.value]
    if step.operation is Operation.STOP:
        words += ["--time", str(STOP_GRACE_SECONDS)]
    if step.operation is Operation.REMOVE and step.with_volumes:
        words.append("--volumes")
    words.append(step.container_name)
    if step.operation is Operation.RENAME:
        words.append(step.new_name)
    return shlex.join(words)
