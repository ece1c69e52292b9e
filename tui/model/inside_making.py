"""Makes an item of each cache and environment inside containers that run; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tui.model.change_making import change_of
from tui.model.changes import ChangeVerb, why_not_changed
from tui.model.containers import Container, ContainerState
from tui.model.disk import DiskFacts, InsideCache
from tui.model.disk_items import DiskItem, DiskKind, Safety
from tui.model.environments import Environment, EnvironmentKind, Origin
from tui.model.mount_sources import mount_source, same_folder
from tui.model.protection import Protection
from tui.model.who import who


class InsideMaking:
    """One pass over the facts."""

    def __init__(
        self,
        facts: DiskFacts,
        containers: Sequence[Container],
        protection: Protection,
        allow_base: bool = False,
    ) -> None:
        """Args: as `tui.model.reclaim.disk_items` has them."""
        self._facts = facts
        self._list = containers
        self._by_id = {each.id: each for each in containers}
        self._protection = protection
        self._allow_base = allow_base

    def caches(self) -> Iterator[DiskItem]:
        """What package managers keep in running containers: one item a folder, whoever has it mounted."""
        found: dict[str, list[tuple[Container, InsideCache]]] = {}
        for container_id, caches in self._facts.caches.items():
            container = self._by_id.get(container_id)
            if container is not None and container.is_alive:
                for cache in caches:
                    folder = same_folder(container, cache.path)
                    found.setdefault(folder, []).append((container, cache))
        for seen in found.values():
            within = next((words for each in seen if (words := self._lies_in(*each))), None)
            items = [
                self._cache(*each, within, [other.name for other, _ in seen if other is not each[0]])
                for each in seen
            ]
            yield next((item for item in items if item.why_not is None), items[0])

    def _cache(
        self, container: Container, cache: InsideCache, within: str | None, others: Sequence[str]
    ) -> DiskItem:
        why_not = self._protected(container) or cache.why_not or None
        if cache.origin is Origin.IMAGE:
            why_not = "it came with the image: cleaning it frees nothing"
        elif why_not is None and cache.change is None:
            why_not = "nothing in the container cleans it"
        elif why_not is None and container.state is not ContainerState.RUNNING:
            why_not = f"its container is {container.state}"
        elif why_not is None:
            why_not = within
        # what is linked into it breaks; only uv is asked to link so by a mere variable (UV_LINK_MODE)
        is_linked = cache.owner == "uv"
        return DiskItem(
            DiskKind.CACHE,
            f"{container.id}:{cache.path}",
            f"{container.name}:{cache.path}",
            cache.size_bytes,
            0 if why_not is not None else cache.reclaimable_bytes,
            None,
            cache.modified_at,
            Safety.CHECK if cache.origin is Origin.MOUNT or is_linked else Safety.SAFE,
            why_not
            or f"{cache.owner} fetches again what it needs"
            + (f"; {who('container', others, 'has it mounted')}, too" if others else "")
            + ("; others may have it mounted, too" if cache.origin is Origin.MOUNT and not others else ""),
            ("environments that were made with links into it (UV_LINK_MODE=symlink) break",)
            if is_linked
            else (),
            why_not,
            container.id,
            change=cache.change,
        )

    def _lies_in(self, container: Container, cache: InsideCache) -> str | None:
        """That something else is in a cache, which would go with it."""
        folder = f"{cache.path.rstrip('/')}/"
        listing = self._facts.environments.get(container.id)
        for each in listing.environments if listing is not None else ():
            if f"{each.prefix.rstrip('/')}/".startswith(folder):
                return f"environment {each.label} is in it"
        for other in self._facts.caches.get(container.id, ()):
            if other.path != cache.path and f"{other.path}/".startswith(folder):
                return f"another cache is in it: {other.path}"
        for mount in container.mounts:
            if mount.partition(":")[2].startswith(folder):
                return f"something is mounted in it: {mount.partition(':')[2]}"
        return None

    def environments(self) -> Iterator[DiskItem]:
        """Environments in running containers; those of a stopped one go with it."""
        for container_id, listing in self._facts.environments.items():
            container = self._by_id.get(container_id)
            if container is not None and container.is_alive:
                for environment in listing.environments:
                    if environment.kind is not EnvironmentKind.SYSTEM:
                        yield self._environment(container, environment)

    def _environment(self, container: Container, environment: Environment) -> DiskItem:
        size = self._facts.sizes.get(environment.key)
        inside = [
            each.label
            for each in self._facts.environments[container.id].environments
            if each.prefix.startswith(f"{environment.prefix.rstrip('/')}/")
        ]
        why_not = (
            why_not_changed(environment, ChangeVerb.REMOVE, self._allow_base)
            or self._protection.why_not((f"{container.name}/{environment.label}",), {})
            or self._protected(container)
        )
        if why_not is None and environment.pids:
            count = len(environment.pids)
            why_not = "a process runs out of it" if count == 1 else f"{count} processes run out of it"
        elif why_not is None and inside:
            why_not = f"another environment is in it: {inside[0]}"
        elif why_not is None and environment.origin is Origin.MOUNT:
            why_not = self._shared_mount(container, environment.prefix)
        elif why_not is None and environment.origin is Origin.IMAGE:
            why_not = "it came with the image: its removal frees nothing"
        elif why_not is None and container.state is not ContainerState.RUNNING:
            why_not = f"its container is {container.state}"
        change = change_of(ChangeVerb.REMOVE, environment, container.name) if why_not is None else None
        lost = ["its packages, and whatever else is in its folder"]
        if environment.origin is Origin.MOUNT:
            lost.append("it lies on a volume or bind mount: it goes for whoever else has that mounted, too")
        return DiskItem(
            DiskKind.ENVIRONMENT,
            f"{container.id}:{environment.prefix}",
            f"{container.name}/{environment.label}",
            size.size_bytes if size is not None else None,
            0 if why_not is not None else size.own_bytes if size is not None else None,
            environment.created_at,
            environment.modified_at,
            Safety.DANGER,
            why_not or "it has to be made again",
            tuple(lost),
            why_not,
            container.id,
            environment.fingerprint,
            change=change,
        )

    # -- reasons

    def _shared_mount(self, container: Container, prefix: str) -> str | None:
        """Why what lies on a mount stays: its volume is protected, or another container that runs has it."""
        found = mount_source(container, prefix)
        if found is None:
            return None
        source, _ = found
        volume = next((each for each in self._facts.volumes or () if each.name == source), None)
        if volume is not None:
            why_not = self._protection.why_not((volume.name,), volume.labels)
            if why_not is not None:
                return f"volume {volume.name}: {why_not}"
        others = [
            each.name
            for each in self._list
            if each.id != container.id
            and each.is_alive
            and any(mount.partition(":")[0] == source for mount in each.mounts)
        ]
        return who("container", others, "has it mounted") if others else None

    def _protected(self, container: Container) -> str | None:
        return self._protection.why_not((container.name,), container.labels)
