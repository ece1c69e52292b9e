"""What takes room on the make-believe workstation, and in its containers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tui.demo.disk_catalogue import CACHES, StoredCache
from tui.demo.environments import hindrance_of
from tui.demo.life import DemoContainer
from tui.demo.stock import DemoStock
from tui.demo.world import DemoWorld
from tui.model.changes import ChangeVerb, EnvironmentChange
from tui.model.containers import Container
from tui.model.disk import (
    BuildRecord,
    ContainerLayer,
    DiskImage,
    DiskMeasure,
    DiskNetwork,
    DiskVolume,
    FileSystem,
    InsideCache,
    LayerChanges,
    LogFile,
)
from tui.model.environments import Environment, EnvironmentKind, Origin
from tui.model.errors import Conflict, NoSuchContainer, ReclaimError

#: An engine walks through every volume for its answer. A clock that stands still takes no time for it.
VOLUMES_SECONDS = 6.0
_LOOK_SECONDS = 0.05
# What is left of a cache that was cleaned: its empty folder.
_EMPTY_BYTES = 4096


class DemoDisk:
    """The disk of a DemoWorld. Every method raises what the world's faults say."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that it belongs to."""
        self._world = world

    def images(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskImage]:
        """All images."""
        self._world.faults.pass_count(is_cancelled)
        with self._world.stock() as stock:
            return tuple(stock.images())

    def container_layers(self, is_cancelled: Callable[[], bool]) -> Sequence[ContainerLayer]:
        """The writable layers of all containers."""
        self._world.faults.pass_count(is_cancelled)
        with self._world.stock() as stock:
            return tuple(stock.container_layers())

    def volumes(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskVolume]:
        """All volumes, after some seconds."""
        self._world.faults.pass_count(is_cancelled)
        self._walk(is_cancelled)
        with self._world.stock() as stock:
            return tuple(stock.volumes())

    def networks(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskNetwork]:
        """All networks but the engine's own."""
        self._question(is_cancelled)
        with self._world.stock() as stock:
            return tuple(stock.networks())

    def build_cache(self, is_cancelled: Callable[[], bool]) -> Sequence[BuildRecord]:
        """All records of the build cache."""
        self._world.faults.pass_count(is_cancelled)
        with self._world.stock() as stock:
            return tuple(stock.build_cache())

    def logs(self, containers: Sequence[Container], is_cancelled: Callable[[], bool]) -> Sequence[LogFile]:
        """The log files of those of these containers that are still there."""
        self._question(is_cancelled)
        with self._world.stock() as stock:
            return tuple(stock.log(each) for each in self._found(containers))

    def file_systems(
        self, containers: Sequence[Container], is_cancelled: Callable[[], bool]
    ) -> Sequence[FileSystem]:
        """The engine's own, and those behind bind mounts."""
        self._question(is_cancelled)
        with self._world.stock() as stock:
            return tuple(stock.file_systems(self._found(containers)))

    def layer_changes(
        self, container_id: str, prefixes: Sequence[str], is_cancelled: Callable[[], bool]
    ) -> LayerChanges:
        """What a writable layer has that the image has not. Raises NoSuchContainer."""
        self._question(is_cancelled)
        with self._world.stock() as stock:
            return stock.layer_changes(self._world.find(container_id), prefixes)

    def measure(self, is_cancelled: Callable[[], bool]) -> DiskMeasure:
        """How much there is now."""
        self._world.faults.pass_count(is_cancelled)
        with self._world.stock() as stock:
            return DiskMeasure(stock.accounted_bytes(), stock.space().free_bytes)

    def _question(self, is_cancelled: Callable[[], bool]) -> None:
        self._world.faults.pass_question()
        _check(is_cancelled)

    def _found(self, containers: Sequence[Container]) -> list[DemoContainer]:
        found = []
        for each in containers:
            try:
                found.append(self._world.find(each.id))
            except NoSuchContainer:
                continue
        return found

    def _walk(self, is_cancelled: Callable[[], bool]) -> None:
        """Take as long as an engine that goes through every file."""
        clock, nobody = self._world.clock, threading.Event()
        until = clock.monotonic() + VOLUMES_SECONDS
        while True:
            _check(is_cancelled)
            if not clock.runs_by_itself or clock.monotonic() >= until:
                return
            nobody.wait(_LOOK_SECONDS)


class DemoCaches:
    """What package managers keep in a DemoWorld's containers."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def caches(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
    ) -> Sequence[InsideCache]:
        """The caches in a running container.

        Raises:
            NoSuchContainer: it is gone.
            Conflict: nothing can be run in it.
        """
        self._world.faults.pass_question()
        _check(is_cancelled)
        made = self._world.find(container.id)
        hindrance = hindrance_of(made)
        if hindrance:
            why = hindrance.partition(":")[0]
            raise Conflict(
                "The caches can't be measured",
                f"{made.name}: {why}",
                "A container has to run and to have a shell for that",
                409,
            )
        known = {each.prefix: each for each in environments}
        with self._world.stock() as stock:
            return tuple(
                _cache(stock, made, each, known.get(each.prefix), self._world.begin)
                for each in CACHES.get(made.blueprint.name, ())
            )


def _cache(
    stock: DemoStock,
    container: DemoContainer,
    cache: StoredCache,
    cleaner: Environment | None,
    begin: float,
) -> InsideCache:
    held = stock.cache_bytes(container, cache)
    change, why_not = None, ""
    if cache.from_image:
        why_not = "it came with the image: cleaning it frees nothing"
    elif cleaner is None:
        why_not = f"nothing in {container.name} can clean it"
    else:
        is_of_conda = cache.owner == "conda"
        change = EnvironmentChange(
            ChangeVerb.CLEAN,
            container.id,
            container.name,
            cache.prefix,
            EnvironmentKind.CONDA if is_of_conda else EnvironmentKind.VENV,
            manager=(cleaner.manager or "") if is_of_conda else "",
            root_prefix=cache.prefix if is_of_conda else "",
            label=cache.path,
            cache=cache.path,
            user=cleaner.user or "",
        )
    return InsideCache(
        container.id,
        cache.path,
        cache.owner,
        max(_EMPTY_BYTES, held),
        0 if cache.from_image else held,
        begin - cache.modified_ago,
        Origin.IMAGE if cache.from_image else Origin.LAYER,
        change,
        why_not,
    )


def _check(is_cancelled: Callable[[], bool]) -> None:
    if is_cancelled():
        raise ReclaimError("Called off", "it was not counted to its end")
