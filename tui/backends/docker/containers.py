"""Containers through the Engine API: the list, what happens to them, and what is done to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.http import EngineStream
from tui.backends.docker.refusals import parse_json
from tui.backends.docker.sdk import DockerSdk
from tui.model.containers import (
    Container,
    ContainerDetails,
    ContainerEvent,
    Health,
    Port,
    container_state,
    exit_code_from_status,
    health_from_status,
)
from tui.model.operations import Step
from tui.model.processes import ProcessTable
from tui.model.units import parse_time

# What changes a row. Left out on purpose: exec_* (every health check makes three), attach, top, resize.
_LISTED_ACTIONS = (
    "create", "start", "die", "stop", "restart", "pause", "unpause", "rename", "destroy", "update",
    "health_status", "oom",
)  # fmt: skip


class DockerContainers:
    """The containers of one engine."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine that was or will be identified by somebody."""
        self._engine = engine
        self._sdk = DockerSdk(engine)

    def containers(self) -> tuple[Sequence[Container], float]:
        """All containers with one list call, and the engine's clock. Raises an EngineError."""
        self._engine.api_version()
        body, headers = self._engine.http.get("/containers/json?all=1")
        listed = parse_json(body)
        return [from_list(entry) for entry in listed or ()], _date(headers.get("Date"))

    def events(self, since: float) -> DockerEventStream:
        """Open the event stream, filtered to what changes a row. Raises an EngineError."""
        self._engine.api_version()
        wanted = {"type": ["container"], "event": list(_LISTED_ACTIONS)}
        query = {"filters": json.dumps(wanted)}
        if since:
            query["since"] = str(int(since))
        return DockerEventStream(self._engine.http.open_stream(f"/events?{urlencode(query)}"))

    def details(self, container_id: str) -> ContainerDetails:
        """What the list does not tell. Raises an EngineError."""
        self._engine.api_version()
        return from_inspect(self._engine.http.get_json(f"/containers/{quote(container_id, safe='')}/json"))

    def inspect(self, container_id: str) -> Mapping[str, Any]:
        """Everything that the engine knows of it. Raises an EngineError."""
        return self._sdk.inspect(container_id)

    def processes(self, container_id: str) -> ProcessTable:
        """Its processes. Raises an EngineError."""
        return self._sdk.processes(container_id)

    def perform(self, step: Step) -> None:
        """Do one step. Raises an EngineError."""
        self._sdk.perform(step)


class DockerEventStream:
    """The engine's container events, as they come."""

    def __init__(self, stream: EngineStream) -> None:
        """Args: an opened `/events` answer."""
        self._stream = stream

    def __iter__(self) -> Iterator[ContainerEvent]:
        """Raises EngineLost when the engine ends it; ends quietly after `close`."""
        try:
            for line in self._stream.lines():
                event = from_event_line(line)
                if event is not None:
                    yield event
        finally:
            self._stream.release()

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._stream.close()


def from_list(entry: Mapping[str, Any]) -> Container:
    """A container from one entry of `/containers/json`. Every field may be missing or null."""
    names = entry.get("Names") or [entry.get("Name") or ""]
    status = entry.get("Status") or ""
    state = container_state(entry.get("State") or "")
    health = (entry.get("Health") or {}).get("Status") if isinstance(entry.get("Health"), dict) else None
    identity = str(entry.get("Id") or "")
    return Container(
        id=identity,
        name=_own_name(names) or identity[:12],
        image=str(entry.get("Image") or ""),
        image_id=str(entry.get("ImageID") or ""),
        state=state,
        health=_health(health) or health_from_status(status),
        created_at=float(entry["Created"]) if isinstance(entry.get("Created"), int | float) else None,
        exit_code=exit_code_from_status(status),
        command=str(entry.get("Command") or ""),
        network_mode=str((entry.get("HostConfig") or {}).get("NetworkMode") or ""),
        # the engine lists them in another order each time
        ports=tuple(sorted(_ports(entry.get("Ports") or ()), key=_port_order)),
        labels={str(key): str(value) for key, value in (entry.get("Labels") or {}).items()},
        mounts=tuple(_mount(mount) for mount in entry.get("Mounts") or ()),
    )


def from_inspect(told: Mapping[str, Any]) -> ContainerDetails:
    """Details from `/containers/{id}/json`. Every field may be missing or null."""
    state = told.get("State") or {}
    settings = told.get("HostConfig") or {}
    word = container_state(state.get("Status") or "")
    ended = word.value in ("exited", "dead")
    return ContainerDetails(
        id=str(told.get("Id") or ""),
        state=word,
        health=_health((state.get("Health") or {}).get("Status")),
        started_at=parse_time(state.get("StartedAt")),
        # the engine keeps the end of the run before while the container runs again
        finished_at=parse_time(state.get("FinishedAt")) if not _runs(word.value) else None,
        exit_code=state.get("ExitCode") if ended else None,
        process_id=state.get("Pid") or None,
        network_mode=str(settings.get("NetworkMode") or ""),
        restart_policy=str((settings.get("RestartPolicy") or {}).get("Name") or ""),
        memory_limit_bytes=settings.get("Memory") or None,
        out_of_memory=bool(state.get("OOMKilled")),
        anonymous_volumes=tuple(
            str(mount.get("Name"))
            for mount in told.get("Mounts") or ()
            if mount.get("Type") == "volume" and _is_anonymous(str(mount.get("Name") or ""))
        ),
    )


def from_event_line(line: bytes) -> ContainerEvent | None:
    """An event from one line of the stream; None for an empty line or another object's event.

    From API 1.52 on `status`, `id` and `from` are gone: only Type, Action, Actor and the times are read.
    """
    if not line.strip():
        return None
    told = parse_json(line)
    if not isinstance(told, dict) or told.get("Type", "container") != "container":
        return None
    actor = told.get("Actor") or {}
    at = (told.get("timeNano") or 0) / 1e9 or float(told.get("time") or 0)
    return ContainerEvent(
        action=str(told.get("Action") or ""),
        container_id=str(actor.get("ID") or ""),
        at=at,
        attributes={str(key): str(value) for key, value in (actor.get("Attributes") or {}).items()},
    )


def _own_name(names: Sequence[Any]) -> str:
    """The container's name among its names: a link from another container adds `/other/alias`."""
    written = [str(name or "").lstrip("/") for name in names]
    return next((name for name in written if "/" not in name), written[0])


def _runs(word: str) -> bool:
    return word in ("running", "paused")


def _is_anonymous(name: str) -> bool:
    """The engine names volumes that nobody named with 64 hexadecimal digits."""
    return len(name) == 64 and not name.strip("0123456789abcdef")


def _health(word: str | None) -> Health | None:
    try:
        return Health(word) if word else None
    except ValueError:
        # "none": no health check
        return None


def _ports(entries: Sequence[Mapping[str, Any]]) -> Iterator[Port]:
    for entry in entries:
        published = entry.get("PublicPort")
        yield Port(
            container_port=int(entry.get("PrivatePort") or 0),
            protocol=str(entry.get("Type") or "tcp"),
            host_ip=(str(entry.get("IP") or "") or None) if published else None,
            host_port=int(published) if published else None,
        )


def _port_order(port: Port) -> tuple[bool, int, str, str, int]:
    """Published ones first, then by number."""
    published = port.host_port is not None
    return not published, port.container_port, port.protocol, port.host_ip or "", port.host_port or 0


def _mount(entry: Mapping[str, Any]) -> str:
    source = entry.get("Name") or entry.get("Source") or entry.get("Type") or ""
    return f"{source}:{entry.get('Destination') or ''}"


def _date(header: str | None) -> float:
    """Seconds since the epoch from an HTTP date; 0.0 where there is none."""
    try:
        return parsedate_to_datetime(header).timestamp() if header else 0.0
    except ValueError:
        return 0.0
