"""A real engine's disk keeps to what every host's disk keeps to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends import contract_disk as contract
from tests.rig.disk_world import DiskWorld
from tests.rig.engine import PrivateEngine
from tui.model.disk_items import DiskKind
from tui.workstation import Workstation, open_local

MEGA = 1 << 20


@pytest.fixture
def host(clean_engine: PrivateEngine) -> Iterator[Workstation]:
    world = DiskWorld(clean_engine)
    world.clean()
    world.image("used:1", MEGA)
    world.image("unused:1", MEGA, base="used:1")
    clean_engine.run_container("running", image="used:1")
    clean_engine.run_container("stopped", start=False)
    world.volume("named", MEGA)
    world.volume(size=MEGA)
    clean_engine.docker("network", "create", "unused")
    yield open_local(clean_engine.host, {})
    clean_engine.recover()
    world.clean()


def test_facts(host: Workstation) -> None:
    contract.check_facts(host)
    contract.check_nothing_is_changed_by_reading(host)
    contract.check_no_such_container(host)


def test_called_off(host: Workstation) -> None:
    contract.check_called_off(host)


def test_removals(host: Workstation) -> None:
    contract.check_removals(host, (DiskKind.CONTAINER, DiskKind.IMAGE, DiskKind.VOLUME, DiskKind.NETWORK))


def test_left_alone(host: Workstation) -> None:
    contract.check_left_alone(host)
