"""What an engine's disk holds, as items, for tests of their removal."""

from __future__ import annotations

from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.disk import DockerDisk
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.reclaim import DockerReclaiming
from tui.model.containers import Container
from tui.model.disk import DiskNetwork
from tui.model.disk_items import (
    DiskItem,
    DiskKind,
    ItemKey,
    container_seen,
    image_seen,
    volume_seen,
)


class DiskListing:
    """The disk of one engine; each item as it is when it is asked for, whether or not it may go."""

    def __init__(self, host: str) -> None:
        engine = DockerEngine(find(host, {}))
        self.containers = DockerContainers(engine)
        self.disk = DockerDisk(engine)
        self.reclaiming = DockerReclaiming(engine)

    def image(self, image_id: str) -> DiskItem:
        """An image."""
        return self._items(DiskKind.IMAGE)[DiskKind.IMAGE, image_id]

    def container(self, container_id: str, look: bool = True) -> DiskItem:
        """A container, with what is in its layer unless told otherwise."""
        listed = next(each for each in self.containers.containers()[0] if each.id == container_id)
        return self._container(listed, look)

    def volume(self, name: str) -> DiskItem:
        """A volume."""
        return self._items(DiskKind.VOLUME)[DiskKind.VOLUME, name]

    def network(self, network_id: str) -> DiskItem:
        """A network."""
        return self._items(DiskKind.NETWORK)[DiskKind.NETWORK, network_id]

    def build_records(self) -> list[DiskItem]:
        """All records of the build cache, those first that nothing stands on."""
        return list(self._items(DiskKind.BUILD_CACHE).values())

    def _container(self, listed: Container, look: bool) -> DiskItem:
        details = self.containers.details(listed.id)
        fingerprint = self.disk.layer_changes(listed.id, (), _never).fingerprint if look else ""
        seen = container_seen(details.state.value, details.finished_at, fingerprint)
        return DiskItem(DiskKind.CONTAINER, listed.id, listed.name, container_id=listed.id, seen=seen)

    def _items(self, kind: DiskKind) -> dict[ItemKey, DiskItem]:
        match kind:
            case DiskKind.IMAGE:
                found = [
                    DiskItem(
                        kind, each.id, next(iter(each.tags), each.id[:19]),
                        seen=image_seen(each.tags, each.digests), references=(*each.tags, *each.digests),
                    )
                    for each in self.disk.images(_never)
                ]  # fmt: skip
            case DiskKind.VOLUME:
                found = [
                    DiskItem(kind, each.name, each.name, seen=volume_seen(each.created_at))
                    for each in self.disk.volumes(_never)
                ]
            case DiskKind.NETWORK:
                found = [network_item(each) for each in self.disk.networks(_never)]
            case _:
                records = {each.id: each for each in self.disk.build_cache(_never)}
                found = []
                while records:
                    parents = {parent for each in records.values() for parent in each.parents}
                    for leaf in sorted(set(records) - parents) or sorted(records):
                        each = records.pop(leaf)
                        found.append(DiskItem(kind, each.id, each.description, each.size_bytes))
        return {each.key: each for each in found}


def network_item(network: DiskNetwork) -> DiskItem:
    """A network as an item."""
    return DiskItem(DiskKind.NETWORK, network.id, network.name)


def _never() -> bool:
    return False
