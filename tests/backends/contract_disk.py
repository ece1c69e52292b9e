"""What every host's disk keeps to: facts that fit together, and removals of one item by its id."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from tui.model.containers import Container
from tui.model.disk import ENGINE_PARTS, DiskFacts, DiskPart
from tui.model.disk_items import DiskItem, DiskKind
from tui.model.errors import EnvtuiError, ItemChanged, ItemGone, ItemInUse, NoSuchContainer, ReclaimError
from tui.model.reclaim import Protection, disk_items
from tui.monitor.disk_reading import read_facts
from tui.workstation import Workstation


def never() -> bool:
    return False


def containers_of(host: Workstation) -> tuple[Container, ...]:
    return tuple(host.containers.containers()[0])


def facts_of(host: Workstation) -> DiskFacts:
    """All parts but what takes a command in a container; each has to be told."""
    problems: list[tuple[DiskPart, EnvtuiError]] = []

    def told(part: DiskPart, error: EnvtuiError | None) -> None:
        if error is not None:
            problems.append((part, error))

    facts = read_facts(host, containers_of(host), (*ENGINE_PARTS, DiskPart.LAYERS), never, told)
    assert problems == []
    return facts


def items_of(host: Workstation) -> tuple[DiskItem, ...]:
    return disk_items(facts_of(host), containers_of(host), Protection(owner=host.owner))


def check_facts(host: Workstation) -> None:
    """They fit to each other and to the list of containers."""
    containers, facts = containers_of(host), facts_of(host)
    ids = {each.id for each in containers}
    images = {each.id: each for each in facts.images or ()}
    assert containers and images
    for container in containers:
        assert container.id in images[container.image_id].used_by
    for image in images.values():
        assert image.id.startswith("sha256:") and set(image.used_by) <= ids
        if image.size_bytes is not None and image.shared_bytes is not None:
            assert 0 <= image.shared_bytes <= image.size_bytes
        assert len({layer.chain_id for layer in image.layers}) == len(image.layers)
    layers = facts.containers or ()
    assert {each.container_id for each in layers} == ids and len(layers) == len(ids)
    for volume in facts.volumes or ():
        assert set(volume.used_by or ()) <= ids
    networks = facts.networks or ()
    assert {each.name for each in networks}.isdisjoint({"bridge", "host", "none"})
    assert len({each.id for each in networks}) == len(networks)
    records = {each.id for each in facts.build_cache or ()}
    assert len(records) == len(facts.build_cache or ())
    assert {each.container_id for each in facts.logs or ()} == ids
    for system in facts.file_systems or ():
        assert 0 < system.used_bytes + system.free_bytes <= system.total_bytes and system.uses
    assert set(facts.layers) == {each.id for each in containers if not each.is_alive}


def check_nothing_is_changed_by_reading(host: Workstation) -> None:
    assert host.disk is not None
    before = host.disk.measure(never).accounted_bytes
    facts_of(host)
    assert before is not None and host.disk.measure(never).accounted_bytes == before


def check_called_off(host: Workstation) -> None:
    """Somebody who does not want the answer any more does not get one."""
    assert host.disk is not None
    for read in (host.disk.images, host.disk.volumes, host.disk.build_cache, host.disk.measure):
        with pytest.raises(ReclaimError):
            read(lambda: True)


def check_no_such_container(host: Workstation) -> None:
    assert host.disk is not None
    with pytest.raises(NoSuchContainer):
        host.disk.layer_changes("0" * 64, (), never)


def check_removals(host: Workstation, kinds: Collection[DiskKind]) -> None:
    """One of each kind goes, nothing else does; and it does not go twice."""
    assert host.reclaiming is not None
    for kind in kinds:
        before = {each.key for each in items_of(host)}
        item = next(
            each for each in items_of(host)
            if each.kind is kind and each.why_not is None and not each.follows
        )  # fmt: skip
        assert host.reclaiming.is_there(item)
        host.reclaiming.reclaim(item)
        assert not host.reclaiming.is_there(item)
        gone = before - {each.key for each in items_of(host)}
        expected = {item.key} | ({(DiskKind.LOG, item.id)} if kind is DiskKind.CONTAINER else set())
        assert gone == expected
        with pytest.raises(ItemGone):
            host.reclaiming.reclaim(item)


def check_left_alone(host: Workstation) -> None:
    """What is used stays, and so does what is not as it was."""
    assert host.reclaiming is not None
    items, alive = items_of(host), {each.id for each in containers_of(host) if each.is_alive}
    used = {each.image_id for each in containers_of(host)}
    image = next(each for each in items if each.kind is DiskKind.IMAGE and each.id in used)
    container = next(each for each in items if each.kind is DiskKind.CONTAINER and each.id in alive)
    for item in (image, container):
        with pytest.raises(ItemInUse):
            host.reclaiming.reclaim(replace(item, why_not=None))
    volume = next(each for each in items if each.kind is DiskKind.VOLUME and each.why_not is None)
    with pytest.raises(ItemChanged):
        host.reclaiming.reclaim(replace(volume, seen="1.0"))
    there = {each.key for each in items_of(host)}
    assert {image.key, container.key, volume.key} <= there
