"""Which containers use which images, volumes and networks: from a list where any field may be absent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.backends.docker.changes import is_in

_HEX_DIGITS = 64


@dataclass(frozen=True, slots=True)
class ContainerUse:
    """What one container needs, running or not.

    Attributes:
        container_id: full id.
        image_id: with its algorithm, "" where not told.
        image: the name that it was made by.
        volumes: names of what it mounts; None where the engine does not tell its mounts.
        networks: names and ids, of those that it is in or is to be in.
        folders: of the host that it has inside.
    """

    container_id: str
    image_id: str = ""
    image: str = ""
    volumes: frozenset[str] | None = None
    networks: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()


def uses(listed: Iterable[Mapping[str, Any]]) -> tuple[ContainerUse, ...]:
    """What each container needs, from the entries of `/containers/json?all=1`."""
    return tuple(sorted((_use(entry) for entry in listed), key=lambda use: use.container_id))


def full_id(told: Any) -> str:
    """An image's id with its algorithm, which Podman leaves out in places."""
    text = str(told or "")
    is_bare = len(text) == _HEX_DIGITS and not text.strip("0123456789abcdef")
    return f"sha256:{text}" if is_bare else text


def users_of_image(image_id: str, references: Sequence[str], used: Sequence[ContainerUse]) -> tuple[str, ...]:
    """The containers that were made from an image. Where the list has no id, its name has to do."""
    names = {image_id, *references, *(each.removesuffix(":latest") for each in references)}
    return tuple(
        use.container_id
        for use in used
        if (use.image_id == image_id if use.image_id else full_id(use.image) in names)
    )


def users_of_volume(name: str, mount_point: str, used: Sequence[ContainerUse]) -> tuple[str, ...] | None:
    """The containers that mount a volume; None where one can't be told to mount it or not.

    One that has the volume's folder inside by its path on the host uses it too: the engine does not see that.
    """
    found = tuple(
        use.container_id
        for use in used
        if (use.volumes is not None and name in use.volumes)
        or (mount_point and any(is_in(folder, mount_point) for folder in use.folders))
    )
    return found if found or all(use.volumes is not None for use in used) else None


def users_of_network(network_id: str, name: str, used: Sequence[ContainerUse]) -> tuple[str, ...]:
    """The containers that are in a network, or will be when they start: then only its name may be told."""
    return tuple(use.container_id for use in used if not use.networks.isdisjoint((network_id, name)))


def _use(entry: Mapping[str, Any]) -> ContainerUse:
    networks: set[str] = set()
    settings = entry.get("NetworkSettings")
    told = settings.get("Networks") if isinstance(settings, dict) else None
    for name, network in (told if isinstance(told, dict) else {}).items():
        networks.add(str(name))
        if isinstance(network, dict):
            networks.add(str(network.get("NetworkID") or ""))
    host = entry.get("HostConfig")
    if isinstance(host, dict):
        networks.add(str(host.get("NetworkMode") or ""))
    told_mounts = entry.get("Mounts")
    mounts = (
        [each for each in told_mounts if isinstance(each, dict)] if isinstance(told_mounts, list) else None
    )
    return ContainerUse(
        container_id=str(entry.get("Id") or ""),
        image_id=full_id(entry.get("ImageID")),
        image=str(entry.get("Image") or ""),
        volumes=None if mounts is None else frozenset(_told(mounts, "Name", (None, "volume"))),
        networks=frozenset(networks - {""}),
        folders=frozenset(_told(mounts or (), "Source", ("bind",))),
    )


def _told(mounts: Iterable[Mapping[str, Any]], key: str, kinds: Sequence[str | None]) -> Iterator[str]:
    return (str(each[key]) for each in mounts if each.get(key) and each.get("Type") in kinds)
