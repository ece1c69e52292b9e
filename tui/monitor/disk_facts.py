"""The facts of the disk as they are for the containers that are listed now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tui.model.containers import ContainerState
from tui.model.disk import DiskFacts, DiskImage

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.environments import EnvironmentList, EnvironmentSize, KnownEnvironments


def current_facts(
    facts: DiskFacts, containers: Sequence[Container], known: Mapping[str, KnownEnvironments]
) -> DiskFacts:
    """What was read, without what belonged to containers that are gone, with the newest environments.

    Args:
        facts: as they were read, at different moments.
        containers: all that are listed now.
        known: environments that others have asked for, by container id.
    """
    listed = {each.id: each for each in containers}
    environments: dict[str, EnvironmentList] = {
        key: each for key, each in facts.environments.items() if key in listed
    }
    for key, each in known.items():
        if key not in listed or each.listing is None:
            continue
        before = environments.get(key)
        if before is None or before.taken_at <= each.listing.taken_at:
            environments[key] = each.listing
    there = {each.key for listing in environments.values() for each in listing.environments}
    sizes: dict[tuple[str, str], EnvironmentSize] = {
        key: each for key, each in facts.sizes.items() if key in there
    }
    for container_id, told in known.items():
        sizes |= {
            (container_id, prefix): size
            for prefix, size in told.sizes.items()
            if (container_id, prefix) in there
        }
    return replace(
        facts,
        images=_in_use(facts.images, containers),
        environments=environments,
        sizes=sizes,
        layers={key: each for key, each in facts.layers.items() if _is_stopped(listed.get(key))},
        caches={key: each for key, each in facts.caches.items() if _is_running(listed.get(key))},
    )


def _is_stopped(container: Container | None) -> bool:
    return container is not None and not container.is_alive


def _is_running(container: Container | None) -> bool:
    return container is not None and container.state is ContainerState.RUNNING


def _in_use(
    images: tuple[DiskImage, ...] | None, containers: Collection[Container]
) -> tuple[DiskImage, ...] | None:
    """The images with the containers that use them now: one that was made meanwhile counts, too."""
    if images is None:
        return None
    made_from: dict[str, list[str]] = {}
    for each in containers:
        made_from.setdefault(each.image_id, []).append(each.id)
    listed = {each.id for each in containers}
    current: list[DiskImage] = []
    for image in images:
        told = [each for each in image.used_by if each in listed or not listed]
        new = [each for each in made_from.get(image.id, ()) if each not in told]
        current.append(replace(image, used_by=(*told, *new)))
    return tuple(current)
