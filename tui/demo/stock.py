"""What lies on the make-believe disk by now: it fills by the clock, and what is removed is gone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from tui.demo.disk_catalogue import (
    CACHES,
    FILE_SYSTEMS,
    FREE_INODES,
    IMAGES,
    INODES,
    LAYERS,
    LOG_LIMITS,
    LOGS,
    NETWORKS,
    RECORDS,
    SMALL_LOG,
    VOLUMES,
    Layer,
    StoredCache,
    StoredImage,
    StoredLayer,
    StoredVolume,
    is_anonymous,
)  # fmt: skip
from tui.demo.life import DemoContainer, mounts_of
from tui.demo.prefixes import DemoPrefix
from tui.demo.works import DemoWorks
from tui.model.containers import ContainerState
from tui.model.disk import (
    BuildRecord,
    ContainerLayer,
    DiskImage,
    DiskNetwork,
    DiskVolume,
    FileSystem,
    ImageLayer,
    LayerChanges,
    LogFile,
    PrefixChange,
)  # fmt: skip
from tui.model.environments import EnvironmentKind, Origin
from tui.model.hosts import FileSystemSpace

_PROJECT = "com.docker.compose.project"
_MEGA, _MIB = 1_000_000, 1 << 20
# What a change of an installation that came with the image writes anew, of all that is in it.
_CHANGED_SHARE = 8
# Of a file of an environment, roughly: its count is what a list of changes shows.
_FILE_BYTES = 40_000
_INSTALLATIONS = (EnvironmentKind.BASE, EnvironmentKind.SYSTEM)


class DemoStock:
    """Everything that takes room on a DemoWorld's disk. Not thread-safe: its world holds a lock."""

    def __init__(
        self,
        begin: float,
        containers: Mapping[str, DemoContainer],
        works: DemoWorks,
        space: FileSystemSpace,
    ) -> None:
        """Args: when the world began; its containers, always as they are; its environments; its room then."""
        self._begin = begin
        self._containers = containers
        self._works = works
        self._looked_at = begin
        self._images = {image_id(each.key): each for each in IMAGES}
        self._volumes = {each.name: each for each in VOLUMES}
        self._networks = {_digest("network", name): (name, ago, labels) for name, ago, labels in NETWORKS}
        self._records = {record_id(each.key): each for each in RECORDS}
        #: bytes that came since the beginning: of logs and layers by container id, of volumes by name
        self._grown: dict[tuple[str, str], float] = {}
        self._space = space
        self._others = space.used_bytes - self._all_bytes()

    def settle(self, now: float) -> None:
        """Let come what running containers write, up to `now`."""
        seconds, self._looked_at = max(0.0, now - self._looked_at), max(now, self._looked_at)
        running = {
            each.blueprint.name: each
            for each in self._containers.values()
            if each.state is ContainerState.RUNNING
        }
        for name, container in running.items():
            self._grow("log", container.id, LOGS.get(name, (0.0, 0.0))[1] * seconds)
            layer = LAYERS.get(name)
            self._grow("layer", container.id, layer.growing * seconds if layer else 0.0)
        for volume in self._volumes.values():
            if volume.grown_by in running:
                self._grow("volume", volume.name, volume.growing * seconds)

    def _grow(self, kind: str, name: str, megabytes: float) -> None:
        if megabytes:
            self._grown[kind, name] = self._grown.get((kind, name), 0.0) + megabytes * _MEGA

    # -- what there is

    def images(self) -> Iterator[DiskImage]:
        """All images."""
        chains = {each_id: _layers(each) for each_id, each in self._images.items()}
        for each_id, each in self._images.items():
            others = {
                layer.chain_id
                for other, layers in chains.items()
                if other != each_id
                for layer in layers
            }  # fmt: skip
            yield DiskImage(
                each_id,
                each.references,
                tuple(_digest_of(tag) for tag in each.references) if each.is_pulled else (),
                image_id(each.parent) if each.parent else "",
                self._begin - each.created_ago,
                sum(layer.size_bytes or 0 for layer in chains[each_id]),
                sum(layer.size_bytes or 0 for layer in chains[each_id] if layer.chain_id in others),
                chains[each_id],
                each.labels,
                tuple(made.id for made in self._containers.values() if made.image_id == each_id),
                each.is_intermediate,
                is_built=True,
            )

    def container_layers(self) -> Iterator[ContainerLayer]:
        """The writable layers of all containers."""
        return (ContainerLayer(each.id, self.layer_bytes(each)) for each in self._containers.values())

    def layer_bytes(self, container: DemoContainer) -> int:
        """What a container's writable layer takes."""
        written = LAYERS.get(container.blueprint.name)
        total = self._grown.get(("layer", container.id), 0.0) + (written.size * _MEGA if written else 0)
        for each in self._works.prefixes.of(container).values():
            if (change := _prefix_change(each)) is not None:
                total += _own_bytes(each) // (1 if change is PrefixChange.MADE else _CHANGED_SHARE)
        for cache in CACHES.get(container.blueprint.name, ()):
            if not cache.from_image:
                total += self.cache_bytes(container, cache)
        return round(total)

    def layer_changes(self, container: DemoContainer, prefixes: Sequence[str]) -> LayerChanges:
        """What a writable layer has that the image has not."""
        written = LAYERS.get(container.blueprint.name, StoredLayer(0, ()))
        known = self._works.prefixes.of(container)
        changes = {path: change for path, each in known.items() if (change := _prefix_change(each))}
        folders = dict(written.folders)
        changed = written.changed
        for path, change in changes.items():
            if change is PrefixChange.MADE:
                folders[path] = _own_bytes(known[path]) // _FILE_BYTES
            else:
                count = _own_bytes(known[path]) // _CHANGED_SHARE // _FILE_BYTES
                changed, folders[path] = changed + count // 4, count - count // 4
        added = sum(folders.values())
        ordered = sorted(folders.items(), key=lambda each: (-each[1], each[0]))
        figures = f"{self.layer_bytes(container)} {added} {changed} {written.deleted} {sorted(changes)}"
        return LayerChanges(
            container.id,
            added,
            changed,
            written.deleted,
            tuple(ordered[:5]),
            {path: change for path, change in changes.items() if path in prefixes},
            _digest("changes", figures)[:16],
        )

    def volumes(self) -> Iterator[DiskVolume]:
        """All volumes."""
        for each in self._volumes.values():
            users = self._users(each.name)
            yield DiskVolume(
                each.name,
                "local",
                self._begin - each.created_ago,
                self._volume_bytes(each),
                tuple(made.id for made, _ in users),
                each.labels,
                f"/var/lib/docker/volumes/{each.name}/_data",
                is_anonymous(each.name),
            )

    def networks(self) -> Iterator[DiskNetwork]:
        """All networks but the engine's own: those of projects, and those that nobody uses."""
        members: dict[str, list[DemoContainer]] = {}
        for each in self._containers.values():
            if each.blueprint.project and each.blueprint.network_mode != "host":
                members.setdefault(each.blueprint.project, []).append(each)
        for project, used_by in members.items():
            name = f"{project}_default"
            made_at = min(each.created_at for each in used_by) - 2.0
            users = tuple(each.id for each in used_by)
            yield DiskNetwork(_digest("network", name), name, "bridge", made_at, {_PROJECT: project}, users)
        for each_id, (name, ago, labels) in self._networks.items():
            yield DiskNetwork(each_id, name, "bridge", self._begin - ago, labels)

    def build_cache(self) -> Iterator[BuildRecord]:
        """All records of the build cache."""
        for each_id, each in self._records.items():
            yield BuildRecord(
                each_id,
                each.kind,
                each.description,
                tuple(record_id(key) for key in each.parents if record_id(key) in self._records),
                each.size * _MEGA,
                self._begin - each.created_ago,
                self._begin - each.used_ago,
                each.usage_count,
                each.in_use,
                each.is_shared,
            )

    def log(self, container: DemoContainer) -> LogFile:
        """The log file of a container."""
        name = container.blueprint.name
        if container.blueprint.log_driver != "json-file":
            return LogFile(container.id, why_unknown="its log driver keeps no file")
        path = f"/var/lib/docker/containers/{container.id}/{container.id}-json.log"
        return LogFile(container.id, path, self._log_bytes(container), LOG_LIMITS.get(name, ""))

    def cache_bytes(self, container: DemoContainer, cache: StoredCache) -> int:
        """What a cache inside a container takes."""
        root = cache.prefix if cache.owner == "conda" else cache.path
        return self._works.cache_bytes(container, root)

    def file_systems(self, containers: Sequence[DemoContainer]) -> Iterator[FileSystem]:
        """The engine's own, and those behind bind mounts."""
        space = self.space()
        yield FileSystem(
            space.path, space.total_bytes, space.used_bytes, space.free_bytes, INODES, FREE_INODES,
            ("engine's data root",),
        )  # fmt: skip
        for path, size, used, inodes, free_inodes in FILE_SYSTEMS:
            uses = tuple(
                f"{destination} of {each.name}"
                for each in containers
                for source, destination in mounts_of(each)
                if source.startswith(f"{path}/")
            )
            if uses:
                yield FileSystem(
                    path, size * _MEGA, used * _MEGA, (size - used) * _MEGA, inodes, free_inodes, uses
                )

    def space(self) -> FileSystemSpace:
        """Room on the engine's own file system; a full one is full."""
        total = self._space.used_bytes + self._space.free_bytes
        used = min(total, max(0, self._others + self._all_bytes()))
        return FileSystemSpace(self._space.path, self._space.total_bytes, used, total - used)

    def accounted_bytes(self) -> int:
        """What the engine counts: each layer once, writable layers, volumes, build cache."""
        layers = {each.chain_id: each.size_bytes or 0 for image in self.images() for each in image.layers}
        return (
            sum(layers.values())
            + sum(each.size_bytes or 0 for each in self.container_layers())
            + sum(each.size_bytes or 0 for each in self.volumes())
            + sum(each.size * _MEGA for each in self._records.values() if not each.is_shared)
        )

    # -- what goes

    def take_image(self, each_id: str) -> int:
        """Remove an image; gives back how many bytes no other one needs."""
        before = self.accounted_bytes()
        del self._images[each_id]
        return before - self.accounted_bytes()

    def take_volume(self, name: str) -> int:
        """Remove a volume; gives back its bytes."""
        return self._volume_bytes(self._volumes.pop(name))

    def take_volumes_of(self, container: DemoContainer) -> None:
        """Remove the anonymous volumes of a container that is gone, but for those of others."""
        for source, _ in mounts_of(container):
            if is_anonymous(source) and source in self._volumes and not self._users(source):
                self.take_volume(source)

    def take_network(self, each_id: str) -> None:
        """Remove a network; those of projects are there as long as their containers are."""
        self._networks.pop(each_id, None)

    def take_record(self, each_id: str) -> int:
        """Remove a record of the build cache; gives back how many bytes no image has."""
        gone = self._records.pop(each_id)
        return 0 if gone.is_shared else gone.size * _MEGA

    # -- sizes

    def _all_bytes(self) -> int:
        return self.accounted_bytes() + sum(map(self._log_bytes, self._containers.values()))

    def _log_bytes(self, container: DemoContainer) -> int:
        if container.blueprint.log_driver != "json-file":
            return 0
        size, _ = LOGS.get(container.blueprint.name, (SMALL_LOG, 0.0))
        return round(size * _MEGA + self._grown.get(("log", container.id), 0.0))

    def _users(self, volume: str) -> list[tuple[DemoContainer, str]]:
        return [
            (each, destination)
            for each in self._containers.values()
            for source, destination in mounts_of(each)
            if source == volume
        ]

    def _volume_bytes(self, volume: StoredVolume) -> int:
        """With the environments on it, which one of its users lists."""
        total = volume.size * _MEGA + self._grown.get(("volume", volume.name), 0.0)
        for container, destination in self._users(volume.name)[:1]:
            for each in self._works.prefixes.of(container).values():
                if each.made.prefix.startswith(f"{destination}/") and each.made.origin is Origin.MOUNT:
                    total += _own_bytes(each)
        return round(total)


def image_id(key: str) -> str:
    """The id of an image, as its containers name it."""
    return f"sha256:{hashlib.sha256(f'image/0/{key}'.encode()).hexdigest()}"


def record_id(key: str) -> str:
    """The id of a record of the build cache, of 25 letters and digits as BuildKit's are."""
    return _digest("record", key)[:25]


def _layers(image: StoredImage) -> tuple[ImageLayer, ...]:
    return tuple(_chain(image.layers))


def _chain(layers: Sequence[Layer]) -> Iterator[ImageLayer]:
    below = ""
    for name, size in layers:
        below = f"sha256:{_digest('layer', f'{below} {name}')}"
        yield ImageLayer(below, size * _MEGA)


def _prefix_change(known: DemoPrefix) -> PrefixChange | None:
    """What a writable layer did to an environment; None where it is as it came, or lies elsewhere."""
    if known.made.origin is Origin.LAYER:
        return PrefixChange.CHANGED if known.made.kind in _INSTALLATIONS else PrefixChange.MADE
    is_changed = known.made.origin is Origin.IMAGE and known.changed_at is not None
    return PrefixChange.CHANGED if is_changed else None


def _own_bytes(known: DemoPrefix) -> int:
    return (known.made.size_mib if known.made.own_mib is None else known.made.own_mib) * _MIB


def _digest_of(tag: str) -> str:
    return f"{tag.rpartition(':')[0]}@sha256:{_digest('manifest', tag)}"


def _digest(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind}/{name}".encode()).hexdigest()
