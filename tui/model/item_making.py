"""Makes an item of each thing that takes room: whether it may go, why, and what is lost with it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tui.model.change_making import change_of
from tui.model.changes import ChangeVerb, why_not_changed
from tui.model.containers import Container, ContainerState
from tui.model.disk import BuildRecord, DiskFacts, DiskImage, DiskNetwork, DiskVolume, InsideCache
from tui.model.disk_items import DiskItem, DiskKind, ItemKey, Safety, image_seen, volume_seen
from tui.model.environments import Environment, EnvironmentKind, Origin
from tui.model.image_sharing import ImageSharing
from tui.model.losses import container_losses
from tui.model.protection import Protection, image_names, repository_of

#: Why a step of a build stays, unless all that stands on it goes too.
STANDS = "another image stands on it"

# Three names say who; more are a page.
_MOST_NAMED = 3


class Making:
    """One pass over the facts."""

    def __init__(
        self,
        facts: DiskFacts,
        containers: Sequence[Container],
        protection: Protection,
        now: float,
        allow_base: bool = False,
    ) -> None:
        """Args: as `tui.model.reclaim.disk_items` has them."""
        self._facts = facts
        self._list = containers
        self._by_id = {each.id: each for each in containers}
        self._protection = protection
        self._now = now
        self._allow_base = allow_base
        self._sharing = ImageSharing(facts.images or (), facts.build_cache)

    # -- what the engine has

    def images(self) -> Iterator[DiskItem]:
        """All images."""
        children: dict[str, list[str]] = {}
        for image in self._facts.images or ():
            if image.parent_id:
                children.setdefault(image.parent_id, []).append(image.id)
        for image in self._facts.images or ():
            yield self._image(image, children.get(image.id, ()))

    def _image(self, image: DiskImage, children: Sequence[str]) -> DiskItem:
        names = (*image_names((*image.tags, *image.digests)), _image_name(image))
        why_not = self._protection.why_not(names, image.labels)
        if image.used_by:
            why_not = self._used(image.used_by, "uses it", "needs it")
        elif why_not is None and children:
            why_not = STANDS
        own = self._sharing.own_bytes(image.id)
        is_dangling = not image.tags
        if image.is_intermediate:
            safety, reason = Safety.SAFE, "a step of a build, without a name"
        elif is_dangling and not image.digests:
            safety, reason = Safety.SAFE, "it has no tag, and nothing uses it"
        elif is_dangling:
            safety, reason = Safety.CHECK, "it has no tag, only a digest; nothing uses it"
        else:
            safety, reason = Safety.CHECK, "no container uses it"
        return DiskItem(
            DiskKind.IMAGE,
            image.id,
            _image_name(image),
            image.size_bytes,
            0 if why_not is not None else own,
            image.created_at,
            None,
            safety,
            why_not or reason,
            _image_losses(image),
            why_not,
            seen=image_seen(image.tags, image.digests),
            references=(*image.tags, *image.digests),
            follows=tuple((DiskKind.IMAGE, each) for each in children),
            is_dangling=is_dangling,
        )

    def containers(self) -> Iterator[DiskItem]:
        """All containers: what goes with each is its writable layer."""
        sizes = {each.container_id: each.size_bytes for each in self._facts.containers or ()}
        logs = {each.container_id: each.size_bytes for each in self._facts.logs or ()}
        for container in self._list:
            yield self._container(container, sizes.get(container.id), logs.get(container.id))

    def _container(self, container: Container, size_bytes: int | None, log_bytes: int | None) -> DiskItem:
        why_not = _alive_words(container) or self._protected(container)
        losses = container_losses(
            container,
            self._facts.environments.get(container.id),
            self._facts.layers.get(container.id),
            size_bytes,
            self._facts.sizes,
            log_bytes,
        )
        return DiskItem(
            DiskKind.CONTAINER,
            container.id,
            container.name,
            size_bytes,
            0 if why_not is not None else size_bytes,
            container.created_at,
            container.finished_at,
            losses.safety,
            why_not or losses.reason,
            () if container.is_alive else losses.lines,
            why_not,
            container.id,
            losses.seen,
            is_alive=container.is_alive,
            has_run=container.state is not ContainerState.CREATED,
        )

    def volumes(self) -> Iterator[DiskItem]:
        """All volumes."""
        for volume in self._facts.volumes or ():
            yield self._volume(volume)

    def _volume(self, volume: DiskVolume) -> DiskItem:
        why_not = self._protection.why_not((volume.name,), volume.labels)
        if volume.used_by is None:
            why_not = "who uses it is not known"
        elif volume.used_by:
            why_not = self._used(volume.used_by, "has it mounted", "has it mounted")
        reason = (
            "nobody named it, and nothing mounts it" if volume.is_anonymous else "it has a name, and data"
        )
        data = "the data of a container that is gone" if volume.is_anonymous else "all data in it"
        return DiskItem(
            DiskKind.VOLUME,
            volume.name,
            volume.name,
            volume.size_bytes,
            0 if why_not is not None else volume.size_bytes,
            volume.created_at,
            None,
            Safety.CHECK if volume.is_anonymous else Safety.DANGER,
            why_not or reason,
            (data,) if volume.size_bytes != 0 else (),
            why_not,
            seen=volume_seen(volume.created_at),
        )

    def networks(self) -> Iterator[DiskItem]:
        """All networks that somebody made."""
        for network in self._facts.networks or ():
            yield self._network(network)

    def _network(self, network: DiskNetwork) -> DiskItem:
        why_not = self._protection.why_not((network.name,), network.labels)
        if network.used_by:
            why_not = self._used(network.used_by, "is in it", "is to be in it")
        return DiskItem(
            DiskKind.NETWORK,
            network.id,
            network.name,
            0,
            0,
            network.created_at,
            None,
            Safety.SAFE,
            why_not or "no container is in it",
            (),
            why_not,
        )

    def build_records(self) -> Iterator[DiskItem]:
        """All records of the build cache."""
        records = self._facts.build_cache or ()
        standing: dict[str, list[ItemKey]] = {}
        for record in records:
            for parent in record.parents:
                standing.setdefault(parent, []).append((DiskKind.BUILD_CACHE, record.id))
        for record in records:
            yield self._record(record, tuple(standing.get(record.id, ())))

    @staticmethod
    def _record(record: BuildRecord, follows: tuple[ItemKey, ...]) -> DiskItem:
        why_not = "a build is using it" if record.in_use else None
        if record.is_shared:
            safety, reason = Safety.CHECK, "an image has the same layer: it frees nothing while that is there"
        else:
            safety, reason = Safety.SAFE, "the next build makes it again"
        return DiskItem(
            DiskKind.BUILD_CACHE,
            record.id,
            record.description or record.kind or record.id,
            record.size_bytes,
            0 if why_not is not None or record.is_shared else record.size_bytes,
            record.created_at,
            record.last_used_at,
            safety,
            why_not or reason,
            (),
            why_not,
            follows=follows,
        )

    def logs(self) -> Iterator[DiskItem]:
        """What containers have logged: shown, and never removed from under them."""
        for log in self._facts.logs or ():
            container = self._by_id.get(log.container_id)
            limit = f"it is kept below {log.limit}" if log.limit else "nothing limits it"
            why_not = f"the engine has it open, and it goes with its container; {limit}" + (
                "" if log.limit else " (docker run --log-opt max-size=10m)"
            )
            yield DiskItem(
                DiskKind.LOG,
                log.container_id,
                container.name if container is not None else log.container_id[:12],
                log.size_bytes,
                0,
                container.created_at if container is not None else None,
                None,
                Safety.CHECK,
                log.why_unknown or why_not,
                (),
                why_not,
                log.container_id,
            )

    # -- what is inside containers

    def caches(self) -> Iterator[DiskItem]:
        """What package managers keep in running containers."""
        for container_id, caches in self._facts.caches.items():
            container = self._by_id.get(container_id)
            if container is not None and container.is_alive:
                for cache in caches:
                    yield self._cache(container, cache)

    def _cache(self, container: Container, cache: InsideCache) -> DiskItem:
        why_not = self._protected(container) or cache.why_not or None
        if cache.origin is Origin.IMAGE:
            why_not = "it came with the image: cleaning it frees nothing"
        elif why_not is None and cache.change is None:
            why_not = "nothing in the container cleans it"
        elif why_not is None and container.state is not ContainerState.RUNNING:
            why_not = f"its container is {container.state}"
        elif why_not is None:
            why_not = self._lies_in(container, cache)
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
            + ("; others may have it mounted, too" if cache.origin is Origin.MOUNT else ""),
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
        inside = [each.partition(":") for each in container.mounts]
        around = [
            (source, at)
            for source, _, at in inside
            if prefix == at or prefix.startswith(f"{at.rstrip('/')}/")
        ]
        if not around:
            return None
        source = max(around, key=lambda each: len(each[1]))[0]
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
        return _who("container", others, "has it mounted") if others else None

    def _protected(self, container: Container) -> str | None:
        return self._protection.why_not((container.name,), container.labels)

    def _used(self, container_ids: Sequence[str], alive_words: str, stopped_words: str) -> str:
        users = [self._by_id.get(each) for each in container_ids]
        alive = [each.name for each in users if each is not None and each.is_alive]
        stopped = [each.name for each in users if each is not None and not each.is_alive]
        if alive:
            return _who("container", alive, alive_words)
        if stopped:
            return _who("stopped container", stopped, stopped_words)
        return _who("container", [each[:12] for each in container_ids], alive_words)


def _who(what: str, names: Sequence[str], words: str) -> str:
    if len(names) == 1:
        return f"{what} {names[0]} {words}"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    plural = {"uses it": "use it", "needs it": "need it", "has it mounted": "have it mounted",
              "is in it": "are in it", "is to be in it": "are to be in it"}  # fmt: skip
    return f"{what}s {', '.join(names[:_MOST_NAMED])}{more} {plural[words]}"


def _alive_words(container: Container) -> str | None:
    if not container.is_alive:
        return "it is being removed" if container.state is ContainerState.REMOVING else None
    return "it runs" if container.state is ContainerState.RUNNING else f"it is {container.state}"


def _image_name(image: DiskImage) -> str:
    if image.tags:
        return image.tags[0]
    short = image.id.removeprefix("sha256:")[:12]
    return f"{repository_of(image.digests[0])}@{short}" if image.digests else f"<untagged> {short}"


def _image_losses(image: DiskImage) -> tuple[str, ...]:
    if image.is_intermediate or not (image.tags or image.digests):
        return ()
    if not image.tags:
        return ("it has to be pulled again by its digest, if its registry still has it",)
    what = f"the only tag of it: {image.tags[0]}" if len(image.tags) == 1 else f"its {len(image.tags)} tags: "
    if len(image.tags) > 1:
        what += ", ".join(image.tags)
    if image.digests:
        return (what, "it has to be pulled again, if its registry still has it")
    return (what, "it was built here: no registry has it as far as the engine knows")
