"""The demo's disk keeps to what every host's disk keeps to."""

from __future__ import annotations

import pytest

from tests.backends import contract_disk as contract
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.disk_items import DiskKind
from tui.workstation import Workstation, open_demo


@pytest.fixture
def host() -> Workstation:
    return open_demo(DemoWorld(clock=FrozenClock()))


def test_facts(host: Workstation) -> None:
    contract.check_facts(host)
    contract.check_nothing_is_changed_by_reading(host)
    contract.check_no_such_container(host)


def test_called_off(host: Workstation) -> None:
    contract.check_called_off(host)


def test_removals(host: Workstation) -> None:
    kinds = (
        DiskKind.CONTAINER, DiskKind.IMAGE, DiskKind.VOLUME, DiskKind.NETWORK, DiskKind.BUILD_CACHE,
    )  # fmt: skip
    contract.check_removals(host, kinds)


def test_left_alone(host: Workstation) -> None:
    contract.check_left_alone(host)
