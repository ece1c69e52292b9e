"""An environment's files on their way from one container to another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.making import make_container
from tests.rig.waiting import until
from tui.model.containers import Container
from tui.model.errors import (
    ChangeCancelled,
    ChangeRefused,
    ChangeUnderWay,
    Conflict,
    EnvtuiError,
    ReadOnlyRefusal,
)
from tui.monitor.exec_gate import ExecGate
from tui.monitor.jobs import CommandRecord
from tui.monitor.prefix_carrying import PrefixCarrier

ONE, OTHER, PREFIX = make_container("one"), make_container("other"), "/opt/conda/envs/vision"


class Copies:
    """Carries as long as a test says."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.failure: EnvtuiError | None = None
        self.is_carrying = threading.Event()

    def copy_prefix(
        self,
        source: Container,
        prefix: str,
        target: Container,
        is_cancelled: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> None:
        progress(100)
        self.is_carrying.set()
        while not self.may_end.wait(0.01):
            if is_cancelled():
                raise ChangeCancelled("Called off")
        if self.failure is not None:
            raise self.failure


class Place:
    def __init__(self) -> None:
        self.copies = Copies()
        self.gate = ExecGate(20.0)
        self.changed: list[str] = []
        self.commands: list[CommandRecord] = []
        self.progress: list[int] = []
        self.done: list[None] = []
        self.failures: list[EnvtuiError] = []
        self.carrier = self.make()

    def make(self, read_only: bool = False) -> PrefixCarrier:
        return PrefixCarrier(self.copies, self.gate, self.changed.append, self.commands.append, read_only)

    def carry(self, carrier: PrefixCarrier | None = None) -> Callable[[], None]:
        asking = (carrier or self.carrier).carry(
            ONE, PREFIX, OTHER, self.progress.append, self.done.append, self.failures.append
        )
        return asking.cancel


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.copies.may_end.set()
    made.carrier.stop()


def test_it_is_told_listed_and_written_down(place: Place) -> None:
    place.copies.may_end.set()
    place.carry()
    until(lambda: place.done == [None])
    assert place.progress == [100] and place.changed == [OTHER.id]
    assert [each.outcome for each in place.commands] == ["done"]
    assert not place.carrier.is_running


def test_why_it_failed_is_told(place: Place) -> None:
    place.copies.failure = ChangeRefused("Something is there")
    place.copies.may_end.set()
    place.carry()
    until(lambda: [each.title for each in place.failures] == ["Something is there"])
    assert place.commands[0].failed and not place.done


def test_one_that_is_called_off_tells_nobody(place: Place) -> None:
    cancel = place.carry()
    assert place.copies.is_carrying.wait(30) and place.carrier.is_running
    cancel()
    until(lambda: not place.carrier.is_running)
    assert not place.done and not place.failures


def test_the_end_of_the_app_waits_until_nothing_of_it_is_left(place: Place) -> None:
    place.carry()
    assert place.copies.is_carrying.wait(30)
    place.carrier.stop()
    assert not place.carrier.is_running


def test_a_second_one_has_to_wait(place: Place) -> None:
    place.carry()
    assert place.copies.is_carrying.wait(30)
    place.carry()
    until(lambda: place.failures)
    assert isinstance(place.failures[0], ChangeUnderWay)
    assert place.carrier.is_running


def test_it_gives_way_to_somebody_who_pauses_the_container(place: Place) -> None:
    place.carry()
    assert place.copies.is_carrying.wait(30)
    with place.gate.held(OTHER.id):
        until(lambda: place.failures)
    assert isinstance(place.failures[0], Conflict)


def test_read_only_carries_nothing(place: Place) -> None:
    place.carry(place.make(read_only=True))
    until(lambda: place.failures)
    assert isinstance(place.failures[0], ReadOnlyRefusal)
    assert not place.copies.is_carrying.is_set()
