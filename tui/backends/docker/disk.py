"""What takes room on the disk of an engine: read by the Engine API, and from this machine's own files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tui.backends.deadline import DESCRIBE_SECONDS, DISK_SECONDS, CancellableDeadline
from tui.backends.docker import disk_entries
from tui.backends.docker.changes import changes_until
from tui.backends.docker.disk_usage import Items, SharedUsage, count_of, entries
from tui.backends.docker.disk_users import ContainerUse, full_id, uses
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.file_systems import LocalFileSystems
from tui.backends.docker.image_layers import (
    ImageBuild,
    is_builders,
    layers_of,
    step_from_history,
)
from tui.backends.docker.in_parallel import ask_each
from tui.backends.docker.layer_changes import layer_changes
from tui.backends.docker.log_files import log_file
from tui.backends.docker.mounts import mounts_of
from tui.model.containers import Container
from tui.model.disk import (
    BuildRecord,
    ContainerLayer,
    DiskImage,
    DiskMeasure,
    DiskNetwork,
    DiskVolume,
    FileSystem,
    LayerChanges,
    LogFile,
)
from tui.model.errors import EngineError

_DATA_ROOT = "engine's data root"
_SHARED_SIZE_SINCE = (1, 42)


class DockerDisk:
    """The disk of one engine. Thread-safe."""

    def __init__(self, engine: DockerEngine, file_systems: LocalFileSystems | None = None) -> None:
        """Args: engine to ask; how this machine's file systems are looked at, where it is on this machine."""
        self._engine = engine
        self._is_here = engine.endpoint.socket_path is not None
        self._file_systems = file_systems or LocalFileSystems()
        self._usage = SharedUsage(engine)
        self._lock = threading.Lock()
        # an image never changes under its id, so each is looked into once
        self._builds: dict[str, ImageBuild] = {}
        self._data_root: str | None = None

    def images(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskImage]:
        """See `Disk`."""
        listed = entries(self._get("/images/json?all=1", is_cancelled))
        builds = self._looked_into([full_id(entry.get("Id")) for entry in listed], listed, is_cancelled)
        built = frozenset(image for image, build in builds.items() if build.is_built)
        found = disk_entries.images(listed, layers_of(builds), built, self._uses(is_cancelled))
        if all(image.shared_bytes is not None for image in found if not image.is_intermediate):
            return found
        return disk_entries.with_shared_bytes(found, self._told_as_shared(is_cancelled))

    def container_layers(self, is_cancelled: Callable[[], bool]) -> Sequence[ContainerLayer]:
        """See `Disk`."""
        listed = entries(self._get("/containers/json?all=1&size=1", is_cancelled, DISK_SECONDS))
        return disk_entries.container_layers(listed)

    def volumes(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskVolume]:
        """See `Disk`."""
        usage = self._usage.usage("volume", is_cancelled)
        told = self._get("/volumes", is_cancelled)
        listed = entries(told.get("Volumes") if isinstance(told, dict) else None)
        return disk_entries.volumes(listed, usage.volumes or (), self._uses(is_cancelled))

    def networks(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskNetwork]:
        """See `Disk`."""
        return disk_entries.networks(entries(self._get("/networks", is_cancelled)), self._uses(is_cancelled))

    def build_cache(self, is_cancelled: Callable[[], bool]) -> Sequence[BuildRecord]:
        """See `Disk`."""
        return disk_entries.build_records(self._usage.usage("build-cache", is_cancelled).build_cache or ())

    def logs(self, containers: Sequence[Container], is_cancelled: Callable[[], bool]) -> Sequence[LogFile]:
        """See `Disk`."""
        self._engine.api_version()
        inspected = ask_each(self._inspect, [each.id for each in containers], is_cancelled)
        return tuple(
            log_file(inspected[each.id], self._is_here) for each in containers if each.id in inspected
        )

    def file_systems(
        self, containers: Sequence[Container], is_cancelled: Callable[[], bool]
    ) -> Sequence[FileSystem]:
        """See `Disk`."""
        if not self._is_here:
            return ()
        names = {each.id: each.name for each in containers}
        places = [(root, _DATA_ROOT)] if (root := self._root(is_cancelled)) else []
        for entry in self._containers(is_cancelled):
            name = names.get(str(entry.get("Id")))
            if name is not None:
                places += [(source, f"{path} of {name}") for source, path in disk_entries.bind_mounts(entry)]
        return self._file_systems.of(places, is_cancelled)

    def layer_changes(
        self, container_id: str, prefixes: Sequence[str], is_cancelled: Callable[[], bool]
    ) -> LayerChanges:
        """See `Disk`."""
        self._engine.api_version()
        inspected = self._inspect(container_id, CancellableDeadline(DESCRIBE_SECONDS, is_cancelled))
        deadline = CancellableDeadline(DISK_SECONDS, is_cancelled)
        told = changes_until(self._engine.http, container_id, deadline)
        return layer_changes(container_id, prefixes, mounts_of(inspected), told)

    def measure(self, is_cancelled: Callable[[], bool]) -> DiskMeasure:
        """See `Disk`."""
        accounted = disk_entries.accounted_bytes(self._usage.usage("", is_cancelled))
        root = self._root(is_cancelled) if self._is_here else None
        free = self._file_systems.free_bytes(root, is_cancelled) if root else None
        return DiskMeasure(accounted, free)

    # -- what several of them need

    def _get(self, path: str, is_cancelled: Callable[[], bool], seconds: float = DESCRIBE_SECONDS) -> Any:
        self._engine.api_version()
        return self._engine.http.get_json_until(path, CancellableDeadline(seconds, is_cancelled))

    def _containers(self, is_cancelled: Callable[[], bool]) -> Items:
        return entries(self._get("/containers/json?all=1", is_cancelled))

    def _uses(self, is_cancelled: Callable[[], bool]) -> tuple[ContainerUse, ...]:
        """Asked for after the things themselves: what was put to use meanwhile must not seem unused."""
        return uses(self._containers(is_cancelled))

    def _inspect(self, container_id: str, deadline: CancellableDeadline) -> Mapping[str, Any]:
        told = self._engine.http.get_json_until(f"/containers/{quote(container_id, safe='')}/json", deadline)
        return told if isinstance(told, dict) else {}

    def _root(self, is_cancelled: Callable[[], bool]) -> str | None:
        if self._data_root is None:
            told = self._get("/info", is_cancelled)
            self._data_root = str(told.get("DockerRootDir") or "") if isinstance(told, dict) else ""
        return self._data_root or None

    def _told_as_shared(self, is_cancelled: Callable[[], bool]) -> Mapping[str, int]:
        """The engine's own figures, where the layers don't tell; {} where it has none."""
        version = tuple(map(int, self._engine.api_version().split(".")))
        try:
            if version >= _SHARED_SIZE_SINCE:
                listed: Items | None = entries(self._get("/images/json?shared-size=1", is_cancelled))
            else:
                listed = self._usage.usage("image", is_cancelled).images
        except EngineError:
            # the images themselves are known: that one figure of them is not
            return {}
        return disk_entries.shared_bytes(listed or ())

    def _looked_into(
        self, ids: Sequence[str], listed: Items, is_cancelled: Callable[[], bool]
    ) -> Mapping[str, ImageBuild]:
        sizes = {full_id(entry.get("Id")): count_of(entry.get("Size")) for entry in listed}
        with self._lock:
            known = {each: build for each in ids if (build := self._builds.get(each)) is not None}
        news = ask_each(
            lambda image, deadline: self._build(image, sizes[image], deadline),
            [each for each in sizes if each and each not in known],
            is_cancelled,
        )
        with self._lock:
            # those that are gone are forgotten
            self._builds = {**known, **news}
            return dict(self._builds)

    def _build(self, image_id: str, size: int | None, deadline: CancellableDeadline) -> ImageBuild:
        path = f"/images/{quote(image_id, safe='')}"
        told = self._engine.http.get_json_until(f"{path}/json", deadline)
        layers = (told.get("RootFS") or {}).get("Layers") if isinstance(told, dict) else None
        history = entries(self._engine.http.get_json_until(f"{path}/history", deadline))
        return ImageBuild(
            digests=tuple(str(each) for each in layers or ()),
            # the newest step comes first
            steps=tuple(_steps(reversed(history))),
            size_bytes=size,
            is_built=bool(history)
            and is_builders(str(history[0].get("CreatedBy") or ""), str(history[0].get("Comment") or "")),
        )


def _steps(history: Iterable[Mapping[str, Any]]) -> Iterable[Any]:
    for entry in history:
        yield step_from_history(str(entry.get("CreatedBy") or ""), count_of(entry.get("Size")) or 0)
