"""The poller: reads, puts, waits, and does no more than that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.rig.waiting import until
from tui.model.errors import EnvtuiError
from tui.monitor.poller import Poller
from tui.monitor.store import Store
from tui.monitor.topics import Topic

NUMBER: Topic[int] = Topic("number")
ERROR = EnvtuiError("Broken", "again")
# Never comes within a test: what happens then was poked.
LONG = 1000.0

Start = Callable[..., Poller[int]]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def start(store: Store) -> Iterator[Start]:
    pollers: list[Poller[int]] = []

    def begin(
        read: Callable[[], int], interval: float = LONG, longest_wait: float = LONG, wanted: bool = True
    ) -> Poller[int]:
        pollers.append(Poller(store, NUMBER, read, interval, longest_wait))
        pollers[-1].start()
        pollers[-1].want(wanted)
        return pollers[-1]

    yield begin
    for poller in pollers:
        poller.stop()
    until(lambda: not any(poller._thread.is_alive() for poller in pollers))


class Reads:
    """Counts reads; fails while `failing` is set, and holds them while `gate` is not."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.running = self.most_running = 0
        self.failing: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    @property
    def count(self) -> int:
        return len(self.times)

    def __call__(self) -> int:
        self.times.append(time.monotonic())
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        self.gate.wait()
        self.running -= 1
        if self.failing is not None:
            raise self.failing
        return self.count


def test_it_reads_again_and_again(store: Store, start: Start) -> None:
    reads = Reads()
    start(reads, interval=0.001)
    until(lambda: (store.value(NUMBER) or 0) >= 5)


def test_it_reads_only_while_wanted(start: Start) -> None:
    unwanted, companion = Reads(), Reads()
    poller = start(unwanted, interval=0.001, wanted=False)
    start(companion, interval=0.001)
    until(lambda: companion.count > 20)
    assert unwanted.count == 0
    poller.want(True)
    until(lambda: unwanted.count > 2)


def test_it_stops_when_nobody_looks_any_more(start: Start) -> None:
    companion = Reads()
    count = 0

    def read() -> int:
        nonlocal count
        count += 1
        poller.want(False)
        return count

    poller = start(read, interval=0.001)
    start(companion, interval=0.001)
    until(lambda: companion.count > 20)
    assert count == 1


def test_a_poke_reads_now(start: Start) -> None:
    reads = Reads()
    poller = start(reads)
    until(lambda: reads.count == 1)
    poller.poke()
    until(lambda: reads.count == 2)


def test_it_never_overlaps_itself_and_many_pokes_are_one(store: Store, start: Start) -> None:
    reads = Reads()
    reads.gate.clear()
    poller = start(reads)
    until(lambda: reads.count == 1)
    for _ in range(100):
        poller.poke()
    reads.gate.set()
    until(lambda: store.value(NUMBER) == 2)
    poller.poke()
    until(lambda: store.value(NUMBER) == 3)
    assert (reads.count, reads.most_running) == (3, 1)


def test_a_slow_read_is_repeated_seldom(start: Start) -> None:
    reads = Reads()
    reads.gate.clear()
    start(reads, interval=0.001)
    until(lambda: reads.count == 1)
    threading.Timer(0.02, reads.gate.set).start()
    until(lambda: reads.count >= 2)
    # the read itself, and a pause of four times as long
    assert reads.times[1] - reads.times[0] >= 5 * 0.02


def test_it_backs_off_while_it_fails(store: Store, start: Start) -> None:
    reads = Reads()
    reads.failing = ERROR
    start(reads, interval=0.005)
    until(lambda: reads.count >= 5)
    pauses = [later - earlier for earlier, later in zip(reads.times, reads.times[1:], strict=False)]
    assert all(pause >= 0.005 * 2**number for number, pause in enumerate(pauses, start=1))
    snapshot = store.get(NUMBER)
    assert snapshot is not None
    assert (snapshot.value, snapshot.error) == (None, ERROR)


def test_it_does_not_back_off_for_ever(start: Start) -> None:
    reads = Reads()
    reads.failing = ERROR
    start(reads, interval=0.001, longest_wait=0.004)
    # doubling from a millisecond, the twentieth would come after a quarter of an hour
    until(lambda: reads.count >= 20)


def test_it_recovers(store: Store, start: Start) -> None:
    reads = Reads()
    reads.failing = ERROR
    poller = start(reads)
    until(lambda: store.get(NUMBER))
    reads.failing = None
    poller.poke()
    until(lambda: store.value(NUMBER))
    snapshot = store.get(NUMBER)
    assert snapshot is not None
    assert snapshot.error is None


def test_what_nobody_foresaw_is_shown_too(store: Store, start: Start) -> None:
    reads = Reads()
    reads.failing = ZeroDivisionError("by zero")
    poller = start(reads)
    snapshot = until(lambda: store.get(NUMBER))
    assert snapshot.error is not None
    assert "ZeroDivisionError: by zero" in snapshot.error.detail
    reads.failing = None
    poller.poke()
    until(lambda: store.value(NUMBER) == 2)


@pytest.mark.parametrize("wanted", [True, False])
def test_stop_ends_the_thread(start: Start, wanted: bool) -> None:
    poller = start(Reads(), wanted=wanted)
    poller.stop()
    until(lambda: not poller._thread.is_alive())
