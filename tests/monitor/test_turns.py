"""What is due is done, by few threads, and never beside itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.rig.waiting import until
from tui.monitor.turns import Turns


@pytest.fixture
def turns() -> Iterator[Turns]:
    made = Turns("turn", workers=2)
    yield made
    made.stop()


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("turn-")]


def test_it_is_done_once_and_the_threads_end(turns: Turns) -> None:
    done: list[int] = []
    turns.due("a", 0.0, lambda: done.append(1))
    until(lambda: done == [1] and turns.is_at_rest)
    until(lambda: not threads())


def test_the_newest_wish_of_a_key_counts(turns: Turns) -> None:
    done: list[str] = []
    turns.due("a", 1000.0, lambda: done.append("late"))
    turns.due("a", 0.0, lambda: done.append("now"))
    until(lambda: done == ["now"] and turns.is_at_rest)


def test_one_key_never_runs_beside_itself(turns: Turns) -> None:
    may_end, began, other = threading.Event(), threading.Event(), threading.Event()
    ran: list[int] = []

    def first() -> None:
        began.set()
        assert may_end.wait(30)
        ran.append(1)

    turns.due("a", 0.0, first)
    assert began.wait(30)
    turns.due("a", 0.0, lambda: ran.append(2))
    turns.due("b", 0.0, other.set)
    assert other.wait(30)
    assert ran == []
    may_end.set()
    until(lambda: ran == [1, 2])


def test_what_raises_ends_no_thread(turns: Turns) -> None:
    done: list[int] = []

    def fail() -> None:
        raise ZeroDivisionError

    turns.due("a", 0.0, fail)
    turns.due("b", 0.0, lambda: done.append(1))
    until(lambda: done == [1] and turns.is_at_rest)


def test_no_more_threads_than_allowed(turns: Turns) -> None:
    may_end, done = threading.Event(), []

    def task() -> None:
        assert may_end.wait(30)
        done.append(1)

    for key in range(5):
        turns.due(key, 0.0, task)
    assert len(threads()) == 2
    may_end.set()
    until(lambda: len(done) == 5)


def test_what_is_forgotten_or_stopped_is_not_done(turns: Turns) -> None:
    done: list[str] = []
    turns.due("a", 1000.0, lambda: done.append("a"))
    turns.forget("a")
    assert turns.is_at_rest
    turns.due("b", 1000.0, lambda: done.append("b"))
    turns.stop()
    turns.due("c", 0.0, lambda: done.append("c"))
    until(lambda: not threads())
    assert done == []
