"""The store: the newest of every topic, and one wake-up for a burst."""

from __future__ import annotations

import threading

from tui.model.errors import EnvtuiError
from tui.monitor.store import Store
from tui.monitor.topics import Snapshot, Topic

NUMBER: Topic[int] = Topic("number")
WORD: Topic[str] = Topic("word")
ERROR = EnvtuiError("Broken")


class Wakes:
    """Counts wake-ups."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_nothing_before_the_first_value() -> None:
    store = Store()
    assert store.get(NUMBER) is None
    assert store.value(NUMBER) is None


def test_the_latest_value_wins_with_its_time_and_duration() -> None:
    store = Store(clock=lambda: 7.0)
    store.put(NUMBER, 1)
    store.put(NUMBER, 2, duration=0.5)
    assert store.get(NUMBER) == Snapshot(2, taken_at=7.0, duration=0.5)


def test_a_failure_keeps_the_value_and_its_time() -> None:
    times = iter((7.0, 9.0))
    store = Store(clock=lambda: next(times))
    store.put(NUMBER, 1, duration=0.5)
    store.fail(NUMBER, ERROR)
    assert store.get(NUMBER) == Snapshot(1, taken_at=7.0, duration=0.5, error=ERROR)


def test_a_failure_before_any_value() -> None:
    store = Store()
    store.fail(NUMBER, ERROR)
    assert store.get(NUMBER) == Snapshot(None, taken_at=0.0, error=ERROR)


def test_a_value_ends_a_failure() -> None:
    store = Store(clock=lambda: 7.0)
    store.fail(NUMBER, ERROR)
    store.put(NUMBER, 1)
    assert store.get(NUMBER) == Snapshot(1, taken_at=7.0)


def test_ten_thousand_values_are_one_wake_up() -> None:
    store, wakes = Store(), Wakes()
    store.on_change(wakes)

    def put_a_thousand() -> None:
        for value in range(1000):
            store.put(NUMBER, value)

    threads = [threading.Thread(target=put_a_thousand) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wakes.count == 1
    assert store.take_changes() == {NUMBER}


def test_what_changes_after_it_was_taken_wakes_again() -> None:
    store, wakes = Store(), Wakes()
    store.on_change(wakes)
    store.put(NUMBER, 1)
    store.put(WORD, "a")
    assert store.take_changes() == {NUMBER, WORD}
    assert store.take_changes() == frozenset()
    store.put(WORD, "b")
    assert wakes.count == 2
    assert store.take_changes() == {WORD}


def test_who_comes_late_is_woken_for_what_waits() -> None:
    store, wakes = Store(), Wakes()
    store.put(NUMBER, 1)
    store.on_change(wakes)
    assert wakes.count == 1


def test_who_stops_to_listen_is_not_woken() -> None:
    store, wakes = Store(), Wakes()
    store.on_change(wakes)
    store.on_change(None)
    store.put(NUMBER, 1)
    assert wakes.count == 0


def test_the_one_who_is_woken_may_read_and_write() -> None:
    store = Store()
    seen: list[int | None] = []

    def wake() -> None:
        seen.append(store.value(NUMBER))
        store.put(WORD, "seen")

    store.on_change(wake)
    store.put(NUMBER, 1)
    assert (seen, store.value(WORD)) == ([1], "seen")


def test_a_topic_says_its_name() -> None:
    assert repr(NUMBER) == "Topic(number)"
