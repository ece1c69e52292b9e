"""What a container is, and how the engine's events change what is known about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

_EXIT_STATUS = re.compile(r"Exited \((\d+)\)")
_COMPOSE_LABELS = ("com.docker.compose.project", "io.podman.compose.project")


class ContainerState(StrEnum):
    """The engine's words for what a container is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    CREATED = "created"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


#: States in which the container has processes.
ALIVE_STATES = frozenset({ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING})


class Health(StrEnum):
    """What the container's own health check says."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STARTING = "starting"


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a container, published or only exposed.

    Attributes:
        container_port: inside the container.
        protocol: "tcp", "udp" or "sctp".
        host_ip: address it is published on, None where it is only exposed.
        host_port: port it is published on, None where it is only exposed.
    """

    container_port: int
    protocol: str
    host_ip: str | None = None
    host_port: int | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """One container as the engine lists it, with what an inspect added.

    Times are seconds since the epoch; None means never, or not known yet (`started_at`, `finished_at`
    and `process_id` come from an inspect or an event, not from the engine's list).
    """

    id: str
    name: str
    image: str
    image_id: str
    state: ContainerState
    health: Health | None = None
    created_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    exit_code: int | None = None
    process_id: int | None = None
    command: str = ""
    network_mode: str = ""
    ports: tuple[Port, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    restart_policy: str = ""
    memory_limit_bytes: int | None = None
    out_of_memory: bool = False

    @property
    def is_alive(self) -> bool:
        """It has processes: running, paused or restarting."""
        return self.state in ALIVE_STATES

    @property
    def short_id(self) -> str:
        """The twelve digits that the engine's own client shows."""
        return self.id[:12]

    @property
    def project(self) -> str | None:
        """The compose project that it belongs to."""
        return next((self.labels[label] for label in _COMPOSE_LABELS if label in self.labels), None)


@dataclass(frozen=True, slots=True)
class ContainerDetails:
    """What only an inspect tells; merged into a Container by `with_details`."""

    id: str
    state: ContainerState
    health: Health | None
    started_at: float | None
    finished_at: float | None
    exit_code: int | None
    process_id: int | None
    network_mode: str
    restart_policy: str
    memory_limit_bytes: int | None
    out_of_memory: bool
    anonymous_volumes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """One message of the engine's event stream about a container.

    Attributes:
        action: the engine's verb: "start", "die", "health_status: healthy", …
        container_id: full id.
        at: seconds since the epoch, by the engine's clock.
        attributes: name, image, exit code and the container's labels, mixed as the engine mixes them.
    """

    action: str
    container_id: str
    at: float
    attributes: Mapping[str, str]


def container_state(word: str) -> ContainerState:
    """The state for the engine's word; an unknown word (Podman has more) reads as its nearest."""
    try:
        return ContainerState(word)
    except ValueError:
        # Podman: "configured", "initialized" before a start, "stopping" and "stopped" around an end
        return ContainerState.CREATED if word in ("configured", "initialized") else ContainerState.EXITED


def health_from_status(status: str) -> Health | None:
    """Health from the list's text, "Up 5 minutes (health: starting)"."""
    if "(healthy)" in status:
        return Health.HEALTHY
    if "(unhealthy)" in status:
        return Health.UNHEALTHY
    return Health.STARTING if "(health: starting)" in status else None


def exit_code_from_status(status: str) -> int | None:
    """Exit code from the list's text, "Exited (137) 2 hours ago"."""
    found = _EXIT_STATUS.match(status)
    return int(found[1]) if found else None


def with_details(container: Container, details: ContainerDetails) -> Container:
    """The container with what an inspect of the same state added; unchanged where the states differ."""
    if details.state is not container.state:
        return container
    return replace(
        container,
        started_at=details.started_at,
        finished_at=details.finished_at,
        exit_code=details.exit_code if details.exit_code is not None else container.exit_code,
        process_id=details.process_id,
        network_mode=details.network_mode or container.network_mode,
        restart_policy=details.restart_policy,
        memory_limit_bytes=details.memory_limit_bytes,
        out_of_memory=details.out_of_memory,
    )


def apply_event(container: Container | None, event: ContainerEvent) -> Container | None:
    """The container after `event`; None when it is gone or can't be made from the event.

    An event tells less than a list (no ports, for one), so that a list must follow; until then this
    is the newest truth. Actions that change nothing that is shown give the container back as it is.
    """
    action, _, argument = event.action.partition(": ")
    if action == "destroy":
        return None
    if container is None:
        return _created(event) if action == "create" else None
    if action == "start":
        return replace(
            container,
            state=ContainerState.RUNNING,
            health=None,
            started_at=event.at,
            finished_at=None,
            exit_code=None,
            process_id=None,
            out_of_memory=False,
        )
    if action == "die":
        code = event.attributes.get("exitCode", "")
        return replace(
            container,
            state=ContainerState.EXITED,
            health=None,
            finished_at=event.at,
            process_id=None,
            exit_code=int(code) if code.isdecimal() else None,
            ports=(),
        )
    if action == "pause":
        return replace(container, state=ContainerState.PAUSED)
    if action == "unpause":
        return replace(container, state=ContainerState.RUNNING)
    if action == "rename":
        return replace(container, name=event.attributes.get("name", container.name).lstrip("/"))
    if action == "health_status":
        return replace(container, health=_health(argument))
    return container


def _created(event: ContainerEvent) -> Container:
    """A row for a container that was made a moment ago, until the list tells the rest."""
    own = ("name", "image", "exitCode", "execID", "signal")
    return Container(
        id=event.container_id,
        name=event.attributes.get("name", event.container_id[:12]).lstrip("/"),
        image=event.attributes.get("image", ""),
        image_id="",
        state=ContainerState.CREATED,
        created_at=event.at,
        labels={key: value for key, value in event.attributes.items() if key not in own},
    )


def _health(word: str) -> Health | None:
    try:
        return Health(word)
    except ValueError:
        return None


def fold_ports(ports: tuple[Port, ...]) -> str:
    """The published ports as short text: `8888→8888, 6006-6010→6006-6010, 53→53/udp`.

    The same mapping on IPv4 and IPv6 is one, neighbouring ports are a range, an address is named
    only when it is not every address. Exposed ports that nobody published are left out.
    """
    published = sorted(
        {
            (port.protocol, _shown_address(port.host_ip), port.host_port, port.container_port)
            for port in ports
            if port.host_port is not None
        }
    )
    runs: list[list[tuple[str, str, int, int]]] = []
    for entry in published:
        if runs and _continues(runs[-1][-1], entry):
            runs[-1].append(entry)
        else:
            runs.append([entry])
    return ", ".join(_format_run(run[0], run[-1]) for run in runs)


def _shown_address(host_ip: str | None) -> str:
    return "" if host_ip in (None, "", "0.0.0.0", "::") else str(host_ip)


def _continues(last: tuple[str, str, int, int], entry: tuple[str, str, int, int]) -> bool:
    return entry[:2] == last[:2] and entry[2] == last[2] + 1 and entry[3] == last[3] + 1


def _format_run(first: tuple[str, str, int, int], last: tuple[str, str, int, int]) -> str:
    protocol, address, host_port, container_port = first
    host = f"{host_port}-{last[2]}" if last != first else f"{host_port}"
    inside = f"{container_port}-{last[3]}" if last != first else f"{container_port}"
    if ":" in address:
        address = f"[{address}]"
    suffix = "" if protocol == "tcp" else f"/{protocol}"
    return f"{address}:{host}→{inside}{suffix}" if address else f"{host}→{inside}{suffix}"
