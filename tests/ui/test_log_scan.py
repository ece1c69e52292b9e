"""Searching a log in slices: the same matches as at once, in the order of lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.model.log_ring import LogRing
from tui.model.logs import Batch
from tui.ui.filters import Filter
from tui.ui.log_scan import LogScan


def filled(ring: LogRing, texts: list[str]) -> None:
    batch = Batch()
    for text in texts:
        batch.add((f"2026-01-01T00:00:00.000000000Z {text}\n".encode(), 1))
    ring.append(batch)


def finish(scan: LogScan) -> None:
    while scan.advance(0.001):
        pass


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "ab"]), max_size=600), max_size=5),
    st.integers(1, 400),
    st.sampled_from(["a", "!a", "b$"]),
)
def test_matches_are_those_of_the_window(bursts: list[list[str]], most: int, text: str) -> None:
    ring = LogRing(most_lines=most)
    scan = LogScan(Filter(text), ring)
    for burst in bursts:
        filled(ring, burst)
        finish(scan)
        matches = Filter(text).matcher()
        kept = [(number, line.text) for number in range(ring.first, ring.end) if (line := ring.line(number))]
        wanted = [number for number, line in kept if matches(line)]
        assert [scan.at(index) for index in range(scan.count)] == wanted
        for number in (ring.first - 1, ring.first, (ring.first + ring.end) // 2, ring.end):
            after = [each for each in wanted if each > number]
            before = [each for each in wanted if each < number]
            assert scan.next_after(number) == (after[0] if after else None)
            assert scan.last_before(number) == (before[-1] if before else None)


def test_lines_from_before_the_first_are_searched_too() -> None:
    ring = LogRing()
    filled(ring, ["x", "a"])
    scan = LogScan(Filter("a"), ring)
    finish(scan)
    ring.prepend([(b"2026-01-01T00:00:00.000000000Z a\n", 1), (b"2026-01-01T00:00:00.000000000Z b\n", 1)])
    finish(scan)
    assert [scan.at(index) for index in range(scan.count)] == [-2, 1]


def test_an_expression_that_takes_for_ever_is_given_up() -> None:
    ring = LogRing()
    filled(ring, ["a" * 60 + "!"])
    scan = LogScan(Filter("(x|a|aa)+$"), ring)
    finish(scan)
    assert scan.is_too_slow


@pytest.mark.parametrize("text", ["(", "a{99999999999}", "[", "(?P<a"])
def test_a_malformed_one_is_refused(text: str) -> None:
    import re

    with pytest.raises(re.error):
        Filter(text).matcher()
