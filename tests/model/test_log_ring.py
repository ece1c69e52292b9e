"""The window of a log: bounded, its numbers stay, and it knows what left it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.rig.waiting import until
from tui.model.log_ring import LogRing, key_of, without_known
from tui.model.logs import TIME_BYTES, Batch, RawLine, Stream, tag_of, text_of

AT = b"2026-07-01T10:00:00.123456789Z "
OUT, ERR = tag_of(Stream.STDOUT), tag_of(Stream.STDERR)


def line(text: str, tag: int = OUT, at: bytes = AT) -> RawLine:
    return at + text.encode() + b"\n", tag


def batch_of(*lines: RawLine) -> Batch:
    batch = Batch()
    for each in lines:
        batch.add(each)
    return batch


def numbered(start: int, stop: int) -> list[RawLine]:
    return [line(f"line {number}") for number in range(start, stop)]


def shown(ring: LogRing) -> list[str]:
    """All lines that are here, complete or not."""
    first, _, end = ring.span()
    found = [ring.line(number) for number in range(first, end)]
    assert all(each is not None and each.number == first + index for index, each in enumerate(found))
    return [each.text for each in found if each is not None]


class TestLines:
    def test_an_empty_one(self) -> None:
        ring = LogRing()
        assert ring.span() == (0, 0, 0)
        assert (ring.left_lines, ring.size_bytes, ring.count, ring.end) == (0, 0, 0, 0)
        assert ring.line(0) is None
        assert ring.raws(0, 10) == (0, [])
        assert ring.raw_lines(0, 10) == []

    def test_a_line_is_looked_at_by_its_number(self) -> None:
        ring = LogRing()
        ring.append(batch_of(line("out"), (AT + b"10%\r\x1b[31m20%\r\n", tag_of(Stream.STDERR, 2))))
        found = ring.line(1)
        assert found is not None
        assert (found.number, found.stream, found.origin, found.text, found.is_complete, found.cut_bytes) == (
            1, Stream.STDERR, 2, "\x1b[31m20%", True, 0,
        )  # fmt: skip
        assert found.at == pytest.approx(1_782_900_000.123456789)

    def test_only_so_much_of_it_as_is_asked_for(self) -> None:
        ring = LogRing()
        ring.append(batch_of(line("ab☃cd")))
        found = ring.line(0, most_bytes=3)
        assert found is not None
        assert (found.text, found.cut_bytes) == ("ab�", 4)

    @pytest.mark.parametrize("number", [-1, 3, 1000])
    def test_none_for_one_that_is_not_here(self, number: int) -> None:
        ring = LogRing()
        ring.append(batch_of(*numbered(0, 3)))
        assert ring.line(number) is None

    def test_as_they_are_kept(self) -> None:
        ring = LogRing(most_lines=5)
        lines = numbered(0, 8)
        ring.append(batch_of(*lines))
        assert ring.raws(0, 5) == (3, [raw for raw, _ in lines[3:5]])
        assert ring.raws(5, 100) == (5, [raw for raw, _ in lines[5:]])
        assert ring.raws(7, 6) == (7, [])
        assert ring.raws(20, 30) == (20, [])
        assert ring.raw_lines(-5, 5) == lines[3:5]
        assert ring.raw_lines(6, 100) == lines[6:]
        assert ring.raw_lines(7, 6) == ring.raw_lines(0, 2) == ring.raw_lines(20, 30) == []


class TestBounds:
    def test_the_oldest_leave_and_numbers_stay(self) -> None:
        ring = LogRing(most_lines=3)
        for number in range(10):
            ring.append(batch_of(*numbered(number, number + 1)))
        assert ring.span() == (7, 10, 10)
        assert shown(ring) == ["line 7", "line 8", "line 9"]
        assert ring.left_lines == 7

    def test_a_batch_larger_than_the_window(self) -> None:
        ring = LogRing(most_lines=3)
        ring.append(batch_of(*numbered(0, 1000)))
        assert ring.span() == (997, 1000, 1000)
        assert ring.left_lines == 997

    def test_bytes_are_bounded_too(self) -> None:
        size = len(numbered(0, 1)[0][0])
        ring = LogRing(most_bytes=4 * size + 1)
        ring.append(batch_of(*numbered(0, 9)))
        assert ring.span() == (5, 9, 9)
        assert ring.size_bytes == 4 * size

    def test_the_newest_line_stays_however_long(self) -> None:
        ring = LogRing(most_bytes=100)
        ring.append(batch_of(line("short"), line("x" * 1000)))
        assert shown(ring) == ["x" * 1000]
        ring.append(batch_of(line("next")))
        assert shown(ring) == ["next"]
        assert ring.left_lines == 2
        assert ring.size_bytes == TIME_BYTES + 5


class TestPending:
    def test_lines_without_their_end_stand_behind_the_others(self) -> None:
        ring = LogRing()
        ring.append(batch_of(*numbered(0, 2)), [(AT + b"out so far", OUT), (AT + b"err so far", ERR)])
        assert ring.span() == (0, 2, 4)
        assert ring.end == 2
        found = [ring.line(2), ring.line(3)]
        assert [(each.number, each.text, each.stream, each.is_complete) for each in found if each] == [
            (2, "out so far", Stream.STDOUT, False),
            (3, "err so far", Stream.STDERR, False),
        ]
        assert ring.line(4) is None
        assert ring.raws(0, 10)[1] == [raw for raw, _ in numbered(0, 2)]

    def test_they_are_replaced_each_time(self) -> None:
        ring = LogRing()
        ring.append(Batch(), [(AT + b"10%", OUT)])
        ring.append(Batch(), [(AT + b"10%\r20%", OUT)])
        assert shown(ring) == ["20%"]
        ring.append(batch_of(line("100%")))
        assert shown(ring) == ["100%"]
        assert ring.span() == (0, 1, 1)

    def test_nobody_changes_them_from_outside(self) -> None:
        ring = LogRing()
        pending = [(AT + b"mine", OUT)]
        ring.append(Batch(), pending)
        pending.clear()
        assert shown(ring) == ["mine"]


class TestOlder:
    def test_numbers_go_down(self) -> None:
        ring = LogRing()
        ring.append(batch_of(*numbered(10, 13)))
        assert ring.prepend(numbered(5, 10)) == 5
        assert ring.span() == (-5, 3, 3)
        assert shown(ring) == [f"line {number}" for number in range(5, 13)]
        assert ring.left_lines == 0
        found = ring.line(-5)
        assert found is not None
        assert found.text == "line 5"

    def test_lines_that_left_are_here_again(self) -> None:
        ring = LogRing(most_lines=4)
        ring.append(batch_of(*numbered(0, 10)))
        assert ring.left_lines == 6
        assert ring.prepend(numbered(3, 6)) == 3
        assert ring.left_lines == 3
        assert shown(ring) == [f"line {number}" for number in range(3, 10)]

    def test_at_most_once_again_as_many_and_of_them_the_newest(self) -> None:
        ring = LogRing(most_lines=4)
        ring.append(batch_of(*numbered(20, 24)))
        assert ring.prepend(numbered(0, 20)) == 4
        assert shown(ring) == [f"line {number}" for number in range(16, 24)]
        assert ring.prepend(numbered(10, 16)) == 0

    def test_no_more_bytes_than_are_bounded(self) -> None:
        size = len(line("line 10")[0])
        ring = LogRing(most_bytes=5 * size)
        ring.append(batch_of(*numbered(20, 22)))
        assert ring.prepend(numbered(10, 20)) == 3
        assert ring.size_bytes == 5 * size
        assert shown(ring) == [f"line {number}" for number in range(17, 22)]

    def test_they_are_held_while_new_ones_come(self) -> None:
        ring = LogRing(most_lines=4)
        ring.append(batch_of(*numbered(20, 24)))
        ring.prepend(numbered(17, 20))
        ring.append(batch_of(*numbered(24, 26)))
        assert ring.span() == (-1, 6, 6)
        assert ring.left_lines == 2
        assert shown(ring)[0] == "line 19"

    def test_they_leave_when_nobody_looks_any_more(self) -> None:
        ring = LogRing(most_lines=4)
        ring.append(batch_of(*numbered(20, 24)))
        ring.prepend(numbered(17, 20))
        ring.release_older()
        assert shown(ring) == [f"line {number}" for number in range(20, 24)]
        assert ring.span() == (0, 4, 4)
        assert ring.left_lines == 3
        ring.append(batch_of(*numbered(24, 25)))
        assert ring.span() == (1, 5, 5)

    def test_nothing_is_released_of_what_fits(self) -> None:
        ring = LogRing(most_lines=10)
        ring.append(batch_of(*numbered(20, 24)))
        ring.prepend(numbered(17, 20))
        ring.release_older()
        assert ring.span() == (-3, 4, 4)

    def test_into_an_empty_one(self) -> None:
        ring = LogRing()
        assert ring.prepend(numbered(0, 3)) == 3
        assert ring.prepend([]) == 0
        assert ring.span() == (-3, 0, 0)


def test_cleared_it_is_as_new() -> None:
    ring = LogRing(most_lines=4)
    ring.append(batch_of(*numbered(0, 10)), [(AT + b"pending", OUT)])
    ring.prepend(numbered(0, 3))
    ring.clear()
    assert ring.span() == (0, 0, 0)
    assert (ring.left_lines, ring.size_bytes) == (0, 0)
    ring.append(batch_of(*numbered(0, 9)))
    assert ring.span() == (5, 9, 9)


class TestKnown:
    def test_each_known_line_takes_one_equal_line_away(self) -> None:
        lines = [line("a"), line("b"), line("a"), line("a")]
        assert without_known(lines, [line("a"), line("a"), line("c")]) == [line("b"), line("a")]

    def test_stream_time_and_text_must_be_equal(self) -> None:
        later = AT.replace(b"789Z", b"790Z")
        lines = [line("a", ERR), line("a", at=later), line("b"), line("a", tag_of(Stream.STDOUT, 1))]
        assert without_known(lines, [line("a")]) == lines

    def test_how_a_line_came_makes_no_difference(self) -> None:
        assert (
            key_of((AT + b"10%\r20%\r\n", OUT)) == key_of((AT + b"20%\n", OUT)) == key_of((AT + b"20%", OUT))
        )
        assert without_known([line("20%")], [(AT + b"10%\r20%\r\n", OUT)]) == []

    def test_nothing_known_and_nothing_new(self) -> None:
        assert without_known(numbered(0, 3), []) == numbered(0, 3)
        assert without_known([], numbered(0, 3)) == []

    def test_their_order_stays(self) -> None:
        assert without_known(numbered(0, 9), numbered(3, 6)[::-1]) == numbered(0, 3) + numbered(6, 9)


# -- against a plain list

LINES = st.lists(st.builds(line, st.text("ab☃", max_size=8), st.sampled_from([OUT, ERR])), max_size=12)
MOST_LINES, MOST_BYTES = 10, 450


class RingAgainstList(RuleBasedStateMachine):
    """Whatever is done, the ring holds what a list of everything, cut by the bounds, holds."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = LogRing(MOST_LINES, MOST_BYTES)
        #: what should be here, by number
        self.kept: dict[int, RawLine] = {}
        self.end = 0
        self.lowest = 0
        self.extra = 0
        self.pending: list[RawLine] = []

    @property
    def first(self) -> int:
        return min(self.kept, default=self.end)

    @property
    def size(self) -> int:
        return sum(len(raw) for raw, _ in self.kept.values())

    def drop_oldest(self) -> None:
        while len(self.kept) > MOST_LINES + self.extra or (self.size > MOST_BYTES and len(self.kept) > 1):
            del self.kept[self.first]

    @rule(lines=LINES, pending=st.lists(st.just((AT + b"so far", ERR)), max_size=2))
    def append(self, lines: list[RawLine], pending: list[RawLine]) -> None:
        self.ring.append(batch_of(*lines), pending)
        for each in lines:
            self.kept[self.end] = each
            self.end += 1
        self.pending = pending
        self.drop_oldest()

    @rule(lines=LINES)
    def prepend(self, lines: list[RawLine]) -> None:
        added = 0
        for each in reversed(lines):
            if self.size + len(each[0]) > MOST_BYTES or len(self.kept) >= 2 * MOST_LINES:
                break
            self.kept[self.first - 1] = each
            added += 1
        assert self.ring.prepend(lines) == added
        self.lowest = min(self.lowest, self.first)
        self.extra = max(self.extra, len(self.kept) - MOST_LINES)

    @rule()
    def release_older(self) -> None:
        self.ring.release_older()
        self.extra = 0
        self.drop_oldest()

    @precondition(lambda self: self.end > 20)
    @rule()
    def clear(self) -> None:
        self.ring.clear()
        self.kept.clear()
        self.pending = []
        self.end = self.lowest = self.extra = 0

    @invariant()
    def holds_the_same(self) -> None:
        ring, first = self.ring, self.first
        assert ring.span() == (first, self.end, self.end + len(self.pending))
        assert (ring.first, ring.end, ring.count) == (first, self.end, len(self.kept))
        assert ring.size_bytes == self.size
        assert ring.left_lines == first - self.lowest
        expected = [self.kept[number] for number in sorted(self.kept)]
        assert ring.raw_lines(first - 3, self.end + 3) == expected
        assert ring.raws(first, self.end) == (first, [raw for raw, _ in expected])
        assert shown(ring) == [text_of(raw) for raw, _ in [*expected, *self.pending]]

    @invariant()
    def bounds_hold(self) -> None:
        assert self.ring.count <= 2 * MOST_LINES
        assert self.ring.size_bytes <= MOST_BYTES or self.ring.count == 1


TestRingAgainstList = RingAgainstList.TestCase
TestRingAgainstList.settings = settings(
    deadline=None, database=None, max_examples=120, stateful_step_count=25
)


# -- a writer and readers at once


class _Readers:
    """Look at a ring until they are told to stop, and keep what they found wrong."""

    def __init__(self, ring: LogRing, most_lines: int) -> None:
        self.wrong: list[str] = []
        self.looks: Counter[str] = Counter()
        self._ring = ring
        self._most_lines = most_lines
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, args=(name, look))
            for name, look in {
                "spans": self._at_spans,
                "lines": self._at_lines,
                "raws": self._at_raws,
                "raw lines": self._at_raw_lines,
            }.items()
        ]

    def __enter__(self) -> _Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def have_all_looked(self) -> bool:
        return len(self.looks) == len(self._threads)

    def _loop(self, name: str, look: Callable[[], str | None]) -> None:
        while not self._stop.is_set() and not self.wrong:
            problem = look()
            if problem:
                self.wrong.append(problem)
            self.looks[name] += 1

    def _at_spans(self) -> str | None:
        first, end, shown_end = self._ring.span()
        if not (end - first <= 2 * self._most_lines and end <= shown_end <= end + 1):
            return f"span {first} {end} {shown_end}"
        return f"left {left}" if (left := self._ring.left_lines) < 0 else None

    def _at_lines(self) -> str | None:
        _, end, _ = self._ring.span()
        found = self._ring.line(end - 1)
        if found is not None and found.is_complete and not _is_right(found.number, found.text):
            return f"line {found}"
        return None

    def _at_raws(self) -> str | None:
        first = self._ring.first
        low, raws = self._ring.raws(first, first + 50)
        wrong = [raw for index, raw in enumerate(raws) if not _is_right(low + index, text_of(raw))]
        return f"raws {low} {wrong}" if wrong else None

    def _at_raw_lines(self) -> str | None:
        pairs = self._ring.raw_lines(self._ring.first, self._ring.end)
        numbers = [int(text_of(raw)) for raw, _ in pairs]
        if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            return f"numbers {numbers}"
        wrong = [(raw, tag) for raw, tag in pairs if tag != tag_of(Stream.STDOUT, int(text_of(raw)) % 7)]
        return f"tags {wrong}" if wrong else None


def _is_right(number: int, text: str) -> bool:
    return int(text) == number


def counted(numbers: Sequence[int]) -> list[RawLine]:
    """Lines that say their number, with tags that follow from it."""
    return [line(str(number), tag_of(Stream.STDOUT, number % 7)) for number in numbers]


def test_readers_never_see_half_of_a_change() -> None:
    most_lines = 200
    ring = LogRing(most_lines, 1 << 20)
    with _Readers(ring, most_lines) as readers:
        end = 0

        def write() -> bool:
            nonlocal end
            for size in (1, 3, 170, 0, 41, 260):
                ring.append(batch_of(*counted(range(end, end + size))), [(AT + b"-1", OUT)] * (size % 2))
                end += size
                first = ring.first
                ring.prepend(counted(range(first - 30, first)))
                if size == 41:
                    ring.release_older()
            return bool(readers.wrong) or (readers.have_all_looked and end > 50_000)

        until(write, 60.0)
    assert readers.wrong == []


def test_cleared_under_readers() -> None:
    ring = LogRing(50, 1 << 20)
    with _Readers(ring, 50) as readers:

        def write() -> bool:
            for _ in range(20):
                ring.append(batch_of(*counted(range(90))))
                ring.clear()
            return bool(readers.wrong) or (readers.have_all_looked and readers.looks.total() > 500)

        until(write, 60.0)
    assert readers.wrong == []
