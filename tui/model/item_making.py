"""Makes an item of each thing that an engine has: whether it may go, why, and what is lost with it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tui.model.containers import Container, ContainerState
from tui.model.disk import BuildRecord, DiskFacts, DiskImage, DiskNetwork, DiskVolume
from tui.model.disk_items import DiskItem, DiskKind, ItemKey, Safety, image_seen, volume_seen
from tui.model.image_sharing import ImageSharing
from tui.model.losses import container_losses
from tui.model.protection import Protection, image_names, repository_of
from tui.model.who import who

#: Why a step of a build stays, unless all that stands on it goes too.
STANDS = "another image stands on it"

# Podman's registry of all that was built on the machine (docs.podman.io, podman-build: "localhost/…").
_MADE_HERE = "localhost/"


class Making:
    """One pass over the facts."""

    def __init__(self, facts: DiskFacts, containers: Sequence[Container], protection: Protection) -> None:
        """Args: as `tui.model.reclaim.disk_items` has them."""
        self._facts = facts
        self._list = containers
        self._by_id = {each.id: each for each in containers}
        self._protection = protection
        self._sharing = ImageSharing(facts.images or (), facts.build_cache)

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
        elif is_dangling and not image.digests and not image.is_built:
            safety, reason = Safety.CHECK, "it has no tag; it may be what somebody kept with docker commit"
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

    # -- reasons

    def _protected(self, container: Container) -> str | None:
        return self._protection.why_not((container.name,), container.labels)

    def _used(self, container_ids: Sequence[str], alive_words: str, stopped_words: str) -> str:
        users = [self._by_id.get(each) for each in container_ids]
        alive = [each.name for each in users if each is not None and each.is_alive]
        stopped = [each.name for each in users if each is not None and not each.is_alive]
        if alive:
            return who("container", alive, alive_words)
        if stopped:
            return who("stopped container", stopped, stopped_words)
        return who("container", [each[:12] for each in container_ids], alive_words)


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
    if image.is_intermediate:
        return ()
    if not (image.tags or image.digests):
        return () if image.is_built else ("what it holds, unless it is built again: no registry has it",)
    if not image.tags:
        return ("it has to be pulled again by its digest, if its registry still has it",)
    what = f"the only tag of it: {image.tags[0]}" if len(image.tags) == 1 else f"its {len(image.tags)} tags: "
    if len(image.tags) > 1:
        what += ", ".join(image.tags)
    if any(not each.startswith(_MADE_HERE) for each in image.digests):
        return (what, "it has to be pulled again, if its registry still has it")
    return (what, "it was built here: no registry has it as far as the engine knows")
