"""Removes single things from the make-believe disk, as an engine would: by id, never by force."""

from __future__ import annotations

from tui.demo.stock import DemoStock
from tui.demo.world import DemoWorld
from tui.model.disk import BuildRecord, DiskImage, DiskNetwork, DiskVolume
from tui.model.disk_items import DiskItem, DiskKind, Reclaimed, container_seen, image_seen, volume_seen
from tui.model.errors import EngineLost, ItemChanged, ItemGone, ItemInUse, ItemStays
from tui.model.operations import Operation, Step


class DemoReclaiming:
    """Removes things from the disk of a DemoWorld. Every method raises what the world's faults say."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def reclaim(self, item: DiskItem) -> Reclaimed:
        """Remove exactly this.

        Raises:
            ItemInUse, ItemChanged, ItemGone: it was left alone.
            ItemStays: it can't be removed from here.
            EngineLost: it was removed, and nobody was told.
        """
        self._world.faults.pass_action()
        if self._world.faults.items_in_use:
            raise ItemInUse("In use now", f"somebody began to use {item.name} just now")
        with self._world.stock() as stock:
            freed = self._removed(stock, item)
        if self._world.faults.removal_lost:
            raise EngineLost(
                "The engine was lost",
                f"demo closed the connection while it removed {item.name}",
                "Wait, then look",
            )
        return Reclaimed(freed)

    def is_there(self, item: DiskItem) -> bool:
        """Whether it is still there; what lies inside a container is not asked for here."""
        self._world.faults.pass_question()
        with self._world.stock() as stock:
            match item.kind:
                case DiskKind.IMAGE:
                    return _image(stock, item) is not None
                case DiskKind.CONTAINER:
                    return self._has_container(item.id)
                case DiskKind.VOLUME:
                    return _volume(stock, item) is not None
                case DiskKind.NETWORK:
                    return _network(stock, item) is not None
                case DiskKind.BUILD_CACHE:
                    return _record(stock, item) is not None
        return True

    def _removed(self, stock: DemoStock, item: DiskItem) -> int:
        match item.kind:
            case DiskKind.IMAGE:
                return self._remove_image(stock, item)
            case DiskKind.CONTAINER:
                return self._remove_container(stock, item)
            case DiskKind.VOLUME:
                return self._remove_volume(stock, item)
            case DiskKind.NETWORK:
                return self._remove_network(stock, item)
            case DiskKind.BUILD_CACHE:
                return _remove_record(stock, item)
        raise ItemStays("Not removed", f"{item.name} is no thing that the engine removes")

    def _has_container(self, container_id: str) -> bool:
        return self._world.look(lambda made: any(each.id == container_id for each in made))

    def _remove_container(self, stock: DemoStock, item: DiskItem) -> int:
        if not self._has_container(item.id):
            raise _gone(item)
        container = self._world.find(item.id)
        if container.is_alive:
            raise ItemInUse("In use now", f"{container.name} is {container.state}")
        prefixes = list(self._world.prefixes(container))
        now = (
            container_seen(
                container.state,
                container.finished_at,
                stock.layer_changes(container, prefixes).fingerprint,
            )
        ).split("\n")  # fmt: skip
        for then, each in zip(item.seen.split("\n"), now, strict=False):
            # what was not known then can't be compared
            if then and then != each:
                raise _changed(item)
        freed = stock.layer_bytes(container)
        self._world.perform(Step(Operation.REMOVE, container.id, container.name))
        return freed

    def _remove_image(self, stock: DemoStock, item: DiskItem) -> int:
        image = _image(stock, item)
        if image is None:
            raise _gone(item)
        if image.used_by:
            raise self._used(item, image.used_by)
        if image_seen(image.tags, image.digests) != item.seen:
            raise _changed(item)
        if any(each.parent_id == image.id for each in stock.images()):
            raise ItemInUse("In use now", "another image stands on it")
        return stock.take_image(image.id)

    def _remove_volume(self, stock: DemoStock, item: DiskItem) -> int:
        volume = _volume(stock, item)
        if volume is None:
            raise _gone(item)
        if volume.used_by:
            raise self._used(item, volume.used_by)
        if item.seen and volume_seen(volume.created_at) != item.seen:
            raise _changed(item)
        return stock.take_volume(volume.name)

    def _remove_network(self, stock: DemoStock, item: DiskItem) -> int:
        network = _network(stock, item)
        if network is None:
            raise _gone(item)
        if network.used_by:
            raise self._used(item, network.used_by)
        stock.take_network(network.id)
        return 0

    def _used(self, item: DiskItem, users: tuple[str, ...]) -> ItemInUse:
        name = self._world.find(users[0]).name
        return ItemInUse("In use now", f"container {name} uses {item.name}")


def _remove_record(stock: DemoStock, item: DiskItem) -> int:
    record = _record(stock, item)
    if record is None:
        raise _gone(item)
    if record.in_use:
        raise ItemInUse("In use now", "a build that runs uses it")
    if any(record.id in each.parents for each in stock.build_cache()):
        raise ItemInUse("In use now", "another record stands on it")
    return stock.take_record(record.id)


def _image(stock: DemoStock, item: DiskItem) -> DiskImage | None:
    return next((each for each in stock.images() if each.id == item.id), None)


def _volume(stock: DemoStock, item: DiskItem) -> DiskVolume | None:
    return next((each for each in stock.volumes() if each.name == item.id), None)


def _network(stock: DemoStock, item: DiskItem) -> DiskNetwork | None:
    return next((each for each in stock.networks() if each.id == item.id), None)


def _record(stock: DemoStock, item: DiskItem) -> BuildRecord | None:
    return next((each for each in stock.build_cache() if each.id == item.id), None)


def _gone(item: DiskItem) -> ItemGone:
    return ItemGone("Gone already", f"there is no {item.kind.value} {item.name} any more")


def _changed(item: DiskItem) -> ItemChanged:
    return ItemChanged("Changed since", f"{item.name} is not as it was when it was listed")
