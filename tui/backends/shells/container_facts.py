"""What the engine knows of a container that matters to whoever wants to get into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tui.backends.docker.http import EngineHttp
from tui.backends.shells.authorized_keys import mount_paths
from tui.model.errors import Conflict


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """One container, as an inspect tells it.

    Attributes:
        id: full.
        user: that its image names for it, "" for root.
        working_directory: "" for none.
        variables: that the engine gives to what it starts; may hold secrets.
        mounts: paths in it on which something of the host, or a volume, lies.
    """

    id: str
    name: str
    user: str
    working_directory: str
    variables: Mapping[str, str]
    mounts: tuple[str, ...]


def look_at(http: EngineHttp, container_id: str, seconds: float) -> ContainerFacts:
    """The facts of a container that runs.

    Raises:
        Conflict: it does not run, or is paused.
        NoSuchContainer: there is none.
        EngineError: the engine can't be asked.
    """
    told: dict[str, Any] = http.get_json(f"/containers/{quote(container_id, safe='')}/json", seconds) or {}
    state, config = told.get("State") or {}, told.get("Config") or {}
    name = str(told.get("Name") or "").removeprefix("/")
    if state.get("Paused"):
        raise Conflict("No session can be opened", f"{name} is paused", "Unpause it first", 409)
    if not state.get("Running"):
        raise Conflict("No session can be opened", f"{name} does not run", "Start it first", 409)
    entries = (str(each).partition("=") for each in config.get("Env") or ())
    return ContainerFacts(
        str(told.get("Id") or container_id),
        name,
        str(config.get("User") or ""),
        str(config.get("WorkingDir") or ""),
        {key: value for key, _, value in entries},
        mount_paths(told),
    )


def is_paused(http: EngineHttp, container_id: str, seconds: float) -> bool:
    """Whether it stands still just now. Raises an EngineError."""
    told = http.get_json(f"/containers/{quote(container_id, safe='')}/json", seconds) or {}
    return bool((told.get("State") or {}).get("Paused"))
