"""Removes single things from an engine's disk, each by its id, as it was listed, and never by force."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from tui.backends.deadline import REMOVAL_SECONDS, Deadline
from tui.backends.docker.build_record_removal import BuildRecordRemoval
from tui.backends.docker.containers import from_inspect
from tui.backends.docker.disk import DockerDisk
from tui.backends.docker.disk_users import users_of_network, users_of_volume
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.image_removal import ImageRemoval
from tui.backends.docker.removal_requests import (
    RemovalRequests,
    changed,
    gone,
    in_use,
    part,
    stays,
)
from tui.model.containers import ALIVE_STATES, ContainerDetails, ContainerState
from tui.model.disk_items import DiskItem, DiskKind, Reclaimed, volume_seen
from tui.model.errors import EngineRefused, ItemStays, ReclaimError
from tui.model.units import parse_time

# A removal of somebody else is looked at so often: nobody waits for it with a stop watch.
_LOOK_SECONDS = 0.5
_UNDER_WAY = "already in progress"
_ALIVE_WORDS = {ContainerState.RUNNING: "it runs", ContainerState.PAUSED: "it is paused"}


class DockerReclaiming:
    """The `Reclaiming` of one engine. Thread-safe."""

    def __init__(self, engine: DockerEngine, disk: DockerDisk | None = None) -> None:
        """Args: the engine; how the changes of a container are looked at."""
        self._requests = RemovalRequests(engine)
        self._disk = disk or DockerDisk(engine)
        self._images = ImageRemoval(self._requests)
        self._build_records = BuildRecordRemoval(engine, self._requests)

    def reclaim(self, item: DiskItem) -> Reclaimed:
        """See `Reclaiming`."""
        removals: Mapping[DiskKind, Callable[[DiskItem], Reclaimed]] = {
            DiskKind.IMAGE: self._images.remove,
            DiskKind.CONTAINER: self._remove_container,
            DiskKind.VOLUME: self._remove_volume,
            DiskKind.NETWORK: self._remove_network,
            DiskKind.BUILD_CACHE: self._build_records.remove,
        }
        remove = removals.get(item.kind)
        if remove is None:
            raise ItemStays(f"{item.name} was not removed", f"the engine removes no {item.kind.value}")
        try:
            return remove(item)
        except EngineRefused as refusal:
            raise stays(item, refusal) from refusal

    def is_there(self, item: DiskItem) -> bool:
        """See `Reclaiming`. An image whose removal was cut short gets its tags again."""
        match item.kind:
            case DiskKind.IMAGE:
                return self._images.is_there(item)
            case DiskKind.CONTAINER:
                return self._by_id("containers", item, "/json") is not None
            case DiskKind.VOLUME:
                # another one of its name is one of which nobody can say whether it is the same
                return self._requests.look(f"/volumes/{part(item.id)}") is not None
            case DiskKind.NETWORK:
                return self._by_id("networks", item) is not None
            case DiskKind.BUILD_CACHE:
                return self._build_records.is_there(item)
        # nothing that is inside a container is removed from here
        return True

    def _by_id(self, kind: str, item: DiskItem, more: str = "") -> Mapping[str, Any] | None:
        """What the engine knows of it; it would take another one's name for the id, too."""
        told = self._requests.look(f"/{kind}/{part(item.id)}{more}")
        return told if told is not None and told.get("Id") == item.id else None

    # -- containers

    def _remove_container(self, item: DiskItem) -> Reclaimed:
        details = self._container(item)
        if details is not None and details.state is ContainerState.REMOVING:
            raise self._others_removal(item)
        self._check_container(item, details)
        try:
            # volumes that nobody named are items of their own
            self._requests.delete(f"/containers/{part(item.id)}?v=0&force=0")
        except EngineRefused as refusal:
            if refusal.status == 404:
                raise gone(item) from refusal
            if refusal.status == 409 and _UNDER_WAY in refusal.detail:
                raise self._others_removal(item) from refusal
            # what has begun to go can't be compared any more: only whether somebody started it
            self._has_no_process(item, self._container(item))
            raise
        return Reclaimed()

    def _container(self, item: DiskItem) -> ContainerDetails | None:
        told = self._by_id("containers", item, "/json")
        return None if told is None else from_inspect(told)

    def _check_container(self, item: DiskItem, details: ContainerDetails | None) -> None:
        """It has no process, and it is as it was listed, as far as that was known."""
        details = self._has_no_process(item, details)
        state, finished_at, fingerprint = (*item.seen.split("\n"), "", "", "")[:3]
        # an engine that could not finish a removal calls the container dead, and goes on with it when asked
        if state and state != details.state.value and details.state is not ContainerState.DEAD:
            raise changed(item, f"it was {state} and is {details.state.value}")
        if finished_at and finished_at != str(details.finished_at or ""):
            raise changed(item, "it ran meanwhile")
        if fingerprint and fingerprint != self._disk.layer_changes(item.id, (), lambda: False).fingerprint:
            raise changed(item, "its files were changed meanwhile")

    def _has_no_process(self, item: DiskItem, details: ContainerDetails | None) -> ContainerDetails:
        if details is None:
            raise gone(item)
        if details.state in ALIVE_STATES:
            raise in_use(item, _ALIVE_WORDS.get(details.state, f"it is {details.state.value}"))
        return details

    def _others_removal(self, item: DiskItem) -> ReclaimError:
        """Wait for the end of a removal that somebody else began."""
        deadline, pause = Deadline(REMOVAL_SECONDS), threading.Event()
        while (details := self._container(item)) is not None:
            if details.state is not ContainerState.REMOVING:
                return ItemStays(f"{item.name} was not removed", "somebody else's removal of it failed")
            if deadline.passed:
                return ItemStays(f"{item.name} was not removed", "somebody else removes it, without an end")
            pause.wait(_LOOK_SECONDS)
        return gone(item)

    # -- volumes and networks

    def _remove_volume(self, item: DiskItem) -> Reclaimed:
        told = self._requests.look(f"/volumes/{part(item.id)}")
        if told is None:
            raise gone(item)
        told = self._volume(item)
        if told is None:
            raise changed(item, "it was made anew, or what is in it was changed")
        users = self._requests.users()
        found = users_of_volume(item.id, str(told.get("Mountpoint") or ""), users.uses)
        if found is None:
            raise in_use(item, "the engine does not tell whether a container mounts it")
        if found:
            raise in_use(item, users.words(found))
        try:
            self._requests.delete(f"/volumes/{part(item.id)}?force=0")
        except EngineRefused as refusal:
            if refusal.status == 404:
                raise gone(item) from refusal
            if refusal.status == 409:
                raise in_use(item, refusal.detail) from refusal
            raise
        return Reclaimed()

    def _volume(self, item: DiskItem) -> Mapping[str, Any] | None:
        """What the engine knows of the volume that was listed; None where it is another of the same name."""
        told = self._requests.look(f"/volumes/{part(item.id)}")
        if told is None or told.get("Name") != item.id:
            return None
        created = volume_seen(parse_time(str(told.get("CreatedAt") or "")))
        return told if item.seen in ("", created) else None

    def _remove_network(self, item: DiskItem) -> Reclaimed:
        told = self._by_id("networks", item)
        if told is None:
            raise gone(item)
        users = self._requests.users()
        found = users_of_network(item.id, str(told.get("Name") or ""), users.uses)
        if found:
            # the engine itself would take it from under one that does not run
            raise in_use(item, users.words(found))
        if told.get("Containers"):
            raise in_use(item, "something is connected to it")
        try:
            self._requests.delete(f"/networks/{part(item.id)}")
        except EngineRefused as refusal:
            if refusal.status == 404:
                raise gone(item) from refusal
            if "active endpoints" in refusal.detail:
                raise in_use(item, refusal.detail) from refusal
            raise
        return Reclaimed()
