"""What can be done to containers: one step per object, gathered in a plan that is shown before it runs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum

from tui.model.containers import Container, ContainerState

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


@dataclass(frozen=True, slots=True)
class Plan:
    """What one action will do: its steps in order, and the words that a dialog says about them."""

    title: str
    steps: tuple[Step, ...]


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


def operation_word(operation: Operation) -> str:
    """The verb as a button says it."""
    return "Remove" if operation is Operation.REMOVE else operation.value.capitalize()


def counted(containers: tuple[Container, ...]) -> str:
    """The container's name, or how many there are."""
    return containers[0].name if len(containers) == 1 else f"{len(containers)} containers"


def docker_command(step: Step) -> str:
    """The line of the engine's own client that does the same, for the command log."""
    words = ["docker", step.operation.value]
    if step.operation is Operation.STOP:
        words += ["--time", str(STOP_GRACE_SECONDS)]
    if step.operation is Operation.REMOVE and step.with_volumes:
        words.append("--volumes")
    words.append(step.container_name)
    if step.operation is Operation.RENAME:
        words.append(step.new_name)
    return shlex.join(words)
