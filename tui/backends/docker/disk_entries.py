"""Facts of the disk from entries of the engine's lists, where every field may be absent, null or strange."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from tui.backends.docker.disk_usage import DiskUsage, count_of
from tui.backends.docker.disk_users import (
    ContainerUse,
    full_id,
    users_of_image,
    users_of_network,
    users_of_volume,
)
from tui.model.disk import BuildRecord, ContainerLayer, DiskImage, DiskNetwork, DiskVolume, ImageLayer
from tui.model.units import parse_time

Entry = Mapping[str, Any]

# What engines before API 1.43 write for "none".
_NO_TAG, _NO_DIGEST = "<none>:<none>", "<none>@<none>"
#: On volumes that nobody named, from engine 23 on.
ANONYMOUS_LABEL = "com.docker.volume.anonymous"
# Made by the engine itself, and made again when they are gone (Docker; Podman; a swarm).
_ALWAYS_THERE = frozenset({"none", "host", "bridge", "podman", "docker_gwbridge", "ingress"})


def images(
    listed: Iterable[Entry],
    layers: Mapping[str, tuple[ImageLayer, ...]],
    built: Set[str],
    used: Sequence[ContainerUse],
) -> tuple[DiskImage, ...]:
    """All images, from `/images/json?all=1`.

    Args:
        listed: entries of the list.
        layers: by image id, of those that could be looked into.
        built: ids of those whose newest step only a builder makes.
        used: what containers need.
    """
    entries_by_id = {full_id(entry.get("Id")): entry for entry in listed if entry.get("Id")}
    parents = {full_id(entry.get("ParentId")) for entry in entries_by_id.values()}
    found = []
    for image_id, entry in sorted(entries_by_id.items()):
        tags = _names(entry.get("RepoTags"), _NO_TAG)
        digests = _names(entry.get("RepoDigests"), _NO_DIGEST)
        digests = tuple(each for each in digests if not each.startswith("<none>@"))
        found.append(
            DiskImage(
                image_id,
                tags,
                digests,
                full_id(entry.get("ParentId")),
                _seconds(entry.get("Created")),
                count_of(entry.get("Size")),
                layers=layers.get(image_id, ()),
                labels=_labels(entry.get("Labels")),
                used_by=users_of_image(image_id, (*tags, *digests), used),
                is_intermediate=not tags and not digests and image_id in parents,
                is_built=image_id in built,
            )
        )
    return _counted_as_shared(found)


def with_shared_bytes(found: Sequence[DiskImage], told: Mapping[str, int]) -> tuple[DiskImage, ...]:
    """The same with the engine's figures where there are none yet."""
    return tuple(
        replace(image, shared_bytes=told.get(image.id)) if image.shared_bytes is None else image
        for image in found
    )


def shared_bytes(listed: Iterable[Entry]) -> dict[str, int]:
    """What the engine says that images share with others, by image."""
    told = ((full_id(entry.get("Id")), count_of(entry.get("SharedSize"))) for entry in listed)
    return {image_id: size for image_id, size in told if size is not None}


def container_layers(listed: Iterable[Entry]) -> tuple[ContainerLayer, ...]:
    """The writable layers, from `/containers/json?all=1&size=1`."""
    found = []
    for entry in listed:
        size = count_of(entry.get("SizeRw"))
        if "SizeRw" not in entry and count_of(entry.get("SizeRootFs")) is not None:
            # a size of zero is left out of the answer; where both are, nobody counted
            size = 0
        found.append(ContainerLayer(str(entry.get("Id") or ""), size))
    return tuple(sorted(found, key=lambda layer: layer.container_id))


def volumes(
    listed: Iterable[Entry], with_sizes: Iterable[Entry], used: Sequence[ContainerUse]
) -> tuple[DiskVolume, ...]:
    """All volumes.

    Args:
        listed: entries of `/volumes`, which has all of them, without sizes.
        with_sizes: entries of `/system/df`, which leaves out those of other drivers.
        used: what containers mount.
    """
    usage = {str(entry.get("Name")): entry.get("UsageData") for entry in with_sizes}
    found = []
    for entry in listed:
        name = str(entry.get("Name") or "")
        told = usage.get(name) or entry.get("UsageData")
        told = told if isinstance(told, dict) else {}
        mount_point = str(entry.get("Mountpoint") or "")
        users = users_of_volume(name, mount_point, used)
        if users == () and (count_of(told.get("RefCount")) or 0) > 0:
            # the engine counts users that its list of containers does not show
            users = None
        labels = _labels(entry.get("Labels"))
        found.append(
            DiskVolume(
                name,
                str(entry.get("Driver") or "local"),
                parse_time(_text(entry.get("CreatedAt"))),
                count_of(told.get("Size")),
                users,
                labels,
                mount_point,
                ANONYMOUS_LABEL in labels or _is_engines_name(name),
            )
        )
    return tuple(sorted(found, key=lambda volume: volume.name))


def networks(listed: Iterable[Entry], used: Sequence[ContainerUse]) -> tuple[DiskNetwork, ...]:
    """All networks that somebody made on this host; a swarm's belong to all its hosts."""
    found = []
    for entry in listed:
        name, identity = str(entry.get("Name") or ""), str(entry.get("Id") or "")
        if name in _ALWAYS_THERE or entry.get("Ingress") or entry.get("Scope") == "swarm":
            continue
        found.append(
            DiskNetwork(
                identity,
                name,
                str(entry.get("Driver") or ""),
                parse_time(_text(entry.get("Created"))),
                _labels(entry.get("Labels")),
                users_of_network(identity, name, used),
            )
        )
    return tuple(sorted(found, key=lambda network: (network.name, network.id)))


def build_records(listed: Iterable[Entry]) -> tuple[BuildRecord, ...]:
    """The records of the build cache, from `/system/df`."""
    found = []
    for entry in listed:
        # one parent before API 1.42, several from then on
        parents = entry.get("Parents")
        single = _text(entry.get("Parent"))
        found.append(
            BuildRecord(
                str(entry.get("ID") or ""),
                str(entry.get("Type") or ""),
                str(entry.get("Description") or ""),
                tuple(map(str, parents)) if isinstance(parents, list) else (single,) if single else (),
                count_of(entry.get("Size")),
                parse_time(_text(entry.get("CreatedAt"))),
                parse_time(_text(entry.get("LastUsedAt"))),
                count_of(entry.get("UsageCount")),
                entry.get("InUse") is True,
                entry.get("Shared") is True,
            )
        )
    return tuple(sorted(found, key=lambda record: record.id))


def bind_mounts(entry: Entry) -> Iterator[tuple[str, str]]:
    """The folders of the host that a container of the list has inside, each with its place there."""
    mounts = entry.get("Mounts")
    for mount in mounts if isinstance(mounts, list) else ():
        if isinstance(mount, dict) and mount.get("Type") == "bind" and mount.get("Source"):
            yield str(mount["Source"]), str(mount.get("Destination") or "")


def accounted_bytes(usage: DiskUsage) -> int | None:
    """What all of it takes together, nothing counted twice; None where the engine leaves a part out.

    A record of the build cache that is shared is a layer of an image, and counted there. When the image goes
    it is shared no longer, and goes on taking its room.
    """
    parts = (usage.images, usage.containers, usage.volumes, usage.build_cache)
    if usage.layers_bytes is None or any(part is None for part in parts):
        return None
    told_images = [count_of(entry.get("Size")) or 0 for entry in usage.images or ()]
    if not usage.layers_bytes and any(told_images):
        # Podman before 5 counts no layers
        return None
    usages = [entry.get("UsageData") for entry in usage.volumes or ()]
    return (
        usage.layers_bytes
        + sum(count_of(entry.get("SizeRw")) or 0 for entry in usage.containers or ())
        + sum(count_of(each.get("Size")) or 0 for each in usages if isinstance(each, dict))
        + sum(
            count_of(entry.get("Size")) or 0
            for entry in usage.build_cache or ()
            if entry.get("Shared") is not True
        )
    )


def _counted_as_shared(found: Sequence[DiskImage]) -> tuple[DiskImage, ...]:
    """With the bytes of layers that another image has too, steps of builds apart, as the engine counts."""
    owners = Counter(
        layer.chain_id for image in found if not image.is_intermediate for layer in set(image.layers)
    )

    def shared(image: DiskImage) -> int | None:
        if not image.layers:
            return 0 if image.size_bytes == 0 else None
        own = 0 if image.is_intermediate else 1
        total = 0
        for layer in image.layers:
            if owners[layer.chain_id] > own:
                if layer.size_bytes is None:
                    return None
                total += layer.size_bytes
        return total

    return tuple(replace(image, shared_bytes=shared(image)) for image in found)


def _names(told: Any, none: str) -> tuple[str, ...]:
    return tuple(str(each) for each in told if each and each != none) if isinstance(told, list) else ()


def _labels(told: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in told.items()} if isinstance(told, dict) else {}


def _text(told: Any) -> str:
    return told if isinstance(told, str) else ""


def _seconds(told: Any) -> float | None:
    """Epoch seconds of the image list, where 0 and less stand for "not told"."""
    return float(told) if isinstance(told, int | float) and told > 0 else None


def _is_engines_name(name: str) -> bool:
    """The engine names volumes that nobody named with 64 hexadecimal digits."""
    return len(name) == 64 and not name.strip("0123456789abcdef")
