"""Lines put together from what an engine sends, however it comes in pieces."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.backends.docker.frames import FrameSplitter, Splitter, TimedByteSplitter
from tui.model.logs import (
    LONGEST_LINE_BYTES,
    TIME_BYTES,
    Batch,
    LineAssembler,
    RawLine,
    Stream,
    bytes_of,
    nanoseconds_of,
    note,
    plain_text,
    split_tag,
    tag_of,
    text_of,
    time_of,
    written_time,
)

AT = b"2026-07-01T10:00:00.123456789Z "
EARLIER = b"2026-07-01T09:59:59.987654321Z "
AT_NS = 1_782_900_000_123_456_789
PART = 16384
OUT, ERR, ENGINE = int(Stream.STDOUT), int(Stream.STDERR), int(Stream.ENGINE)
SECONDS = 20.0

#: A line by which it is compared: tag, time, text.
Seen = tuple[int, int | None, str]


def frame(stream: int, payload: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


def time_after(nanoseconds: int) -> bytes:
    whole, rest = divmod(AT_NS + nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z ".encode()


def seen(raws: Iterable[bytes], tags: Iterable[int]) -> list[Seen]:
    return [(tag, nanoseconds_of(raw), text_of(raw)) for raw, tag in zip(raws, tags, strict=True)]


def lines_of(blocks: Iterable[bytes], splitter: Splitter) -> list[Seen]:
    """All lines of a stream that came in these blocks."""
    assembler = LineAssembler()
    batches = [assembler.feed(splitter.feed(block)) for block in blocks]
    batches += [assembler.feed(splitter.end()), assembler.end()]
    return [line for batch in batches for line in seen(batch.raws, batch.tags)]


def texts(batch: Batch) -> list[str]:
    return [text_of(raw) for raw in batch.raws]


# -- any log, in any pieces


@dataclass(frozen=True)
class Written:
    """What a container wrote at one moment: one line, with or without its newline."""

    stream: int
    text: bytes
    has_newline: bool = True

    def messages(self, at: bytes, *, leaves_out: bool = False) -> list[tuple[int, bytes]]:
        """As Docker's copier cuts it: parts of exactly 16 KiB, all with the time of the first.

        `leaves_out` the newline of what was cut, as Docker 20.10's driver `local` does.
        """
        parts = [self.text[start : start + PART] for start in range(0, len(self.text), PART)]
        if self.has_newline:
            # what fills the buffer is a part, its newline comes by itself
            if not parts or len(parts[-1]) == PART:
                parts.append(b"")
            if len(parts) == 1 or not leaves_out:
                parts[-1] += b"\n"
        return [(self.stream, at + part) for part in parts]


def shown(text: bytes) -> str:
    """What a line shows in the end."""
    return text.rstrip(b"\r").split(b"\r")[-1].decode("utf-8", "replace")


TEXT = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=12).map(
        lambda text: text.replace("\n", " ").encode()
    ),
    st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"\0")),
    # times that programs write are from before the engine's
    st.sampled_from([EARLIER, b"time=" + EARLIER + b"level=info"]),
    st.sampled_from([b"", b"\0", b"\r", b"\r\r", b"a\rb", b"\r 10%\r 20%", b"\xff\xfe", b"Z Z ", b"abcZ x"]),
    # around the size of a part, and several parts; a filling of two or three bytes lies across their ends
    st.builds(
        lambda size, filling, tail: (filling * (size // len(filling) + 1))[:size] + tail,
        st.sampled_from([4096, PART - 31, PART - 2, PART - 1, PART, PART + 1, PART + 32, 2 * PART, 40_000]),
        st.sampled_from([b"x", "é".encode(), "数".encode(), b"12%\r", b"\r", b"Z ", b"\0"]),
        st.sampled_from([b"", b"\r", b"\r100%", b"end"]),
    ),
)  # fmt: skip
# The last of a container, of any size but that of a part, of which nobody can tell whether it goes on.
UNENDED = st.builds(
    lambda parts, tail: b"y" * (parts * PART) + tail,
    st.integers(0, 1),
    st.one_of(
        st.binary(min_size=1, max_size=40).map(lambda data: data.replace(b"\n", b"-")),
        st.sampled_from([4095, 4096, 5000, 8190, 8193, PART - 1]).map(lambda size: b"t" * size),
    ),
)
LOGS = st.lists(
    st.one_of(
        st.builds(Written, st.sampled_from([OUT, ERR]), TEXT),
        st.builds(Written, st.sampled_from([OUT, ERR]), UNENDED, st.just(False)),
    ),
    max_size=10,
)


def cut(data: bytes, seed: int, sizes: Sequence[int]) -> list[bytes]:
    """The data in blocks of these sizes, in any order; of larger ones where it would be thousands."""
    generator = random.Random(seed)
    sizes = [size * (1 + len(data) // 5000) for size in sizes]
    blocks, position = [], 0
    while position < len(data):
        size = generator.choice(sizes)
        blocks.append(data[position : position + size])
        position += size
    return blocks


SIZES = st.sampled_from(
    [(1,), (1, 2, 7, 8, 9), (1, 30, 31, 32, 39, 40), (100, 16384, 16423), (4096,), (1 << 16,)]
)
many = settings(deadline=None, database=None, max_examples=250)


@many
@given(LOGS, SIZES, st.integers(0, 1 << 30), st.booleans())
def test_how_frames_come_in_blocks_makes_no_difference(
    log: list[Written], sizes: Sequence[int], seed: int, leaves_out: bool
) -> None:
    data, expected = b"", []
    for index, written in enumerate(log):
        at = time_after(index)
        data += b"".join(frame(*message) for message in written.messages(at, leaves_out=leaves_out))
        expected.append((written.stream, AT_NS + index, shown(written.text)))
    # what has no newline is over when the stream is heard of again, or ends
    assert sorted(lines_of(cut(data, seed, sizes), FrameSplitter())) == sorted(expected)
    for stream in (OUT, ERR):
        ours = [line for line in lines_of([data], FrameSplitter()) if line[0] == stream]
        assert ours == [line for line in expected if line[0] == stream]


@many
@given(LOGS, SIZES, st.integers(0, 1 << 30), st.booleans())
def test_how_a_terminals_bytes_come_in_blocks_makes_no_difference(
    log: list[Written], sizes: Sequence[int], seed: int, leaves_out: bool
) -> None:
    data, expected = b"", []
    for index, written in enumerate(log):
        at = time_after(index)
        # a terminal writes a carriage return before each newline
        text = written.text + b"\r" * written.has_newline
        messages = Written(OUT, text, written.has_newline).messages(at, leaves_out=leaves_out)
        data += b"".join(payload for _, payload in messages)
        expected.append((OUT, AT_NS + index, shown(text)))
    assert lines_of(cut(data, seed, sizes), TimedByteSplitter()) == expected


@many
@given(st.binary(max_size=400), SIZES, st.integers(0, 1 << 30))
def test_no_bytes_of_a_terminal_are_too_odd(data: bytes, sizes: Sequence[int], seed: int) -> None:
    assert lines_of(cut(data, seed, sizes), TimedByteSplitter()) == lines_of([data], TimedByteSplitter())


# -- one behaviour each


class TestAssembler:
    def test_a_message_is_a_line(self) -> None:
        batch = LineAssembler(origin=3).feed(
            [(OUT, AT + b"hello\n"), (ERR, AT + b"oh\n"), (ENGINE, AT + b"!\n")]
        )
        assert batch.raws == [AT + b"hello\n", AT + b"oh\n", AT + b"!\n"]
        assert [split_tag(tag) for tag in batch.tags] == [
            (Stream.STDOUT, 3), (Stream.STDERR, 3), (Stream.ENGINE, 3),
        ]  # fmt: skip

    def test_it_counts_messages(self) -> None:
        assembler = LineAssembler()
        assembler.feed([(OUT, AT + b"x" * PART), (OUT, AT + b"\n")])
        assembler.feed(iter([(ERR, AT + b"y\n")]))
        assert assembler.messages == 3

    def test_parts_are_one_line_with_the_time_of_the_first(self) -> None:
        assembler = LineAssembler()
        assert len(assembler.feed([(OUT, AT + b"a" * PART), (OUT, time_after(5) + b"b" * PART)])) == 0
        assert [text_of(raw) for raw, _ in assembler.pending()] == ["a" * PART + "b" * PART]
        batch = assembler.feed([(OUT, time_after(9) + b"c\n")])
        assert seen(batch.raws, batch.tags) == [(OUT, AT_NS, "a" * PART + "b" * PART + "c")]
        assert batch.raws[0].endswith(b"c\n")
        assert assembler.pending() == []

    def test_a_line_that_fills_the_part_ends_with_a_newline_by_itself(self) -> None:
        batch = LineAssembler().feed([(OUT, AT + b"a" * PART), (OUT, AT + b"\n"), (OUT, AT + b"\n")])
        assert texts(batch) == ["a" * PART, ""]

    def test_a_character_over_two_parts_is_whole(self) -> None:
        snowman = "☃".encode()
        batch = LineAssembler().feed(
            [(OUT, AT + b"a" * (PART - 1) + snowman[:1]), (OUT, AT + snowman[1:] + b"\n")]
        )
        assert texts(batch) == ["a" * (PART - 1) + "☃"]

    def test_streams_wait_for_their_own_parts(self) -> None:
        assembler = LineAssembler()
        batch = assembler.feed(
            [
                (OUT, AT + b"o" * PART),
                (ERR, AT + b"e" * PART),
                (OUT, AT + b" out\n"),
                (OUT, AT + b"next\n"),
                (ERR, AT + b" err\n"),
            ]
        )
        assert seen(batch.raws, batch.tags) == [
            (OUT, AT_NS, "o" * PART + " out"),
            (OUT, AT_NS, "next"),
            (ERR, AT_NS, "e" * PART + " err"),
        ]

    def test_both_are_pending_at_once(self) -> None:
        assembler = LineAssembler()
        assembler.feed([(ERR, AT + b"e" * PART), (OUT, AT + b"o" * PART)])
        assert [tag for _, tag in assembler.pending()] == [OUT, ERR]
        assert texts(assembler.end()) == ["o" * PART, "e" * PART]
        assert assembler.pending() == []
        assert len(assembler.end()) == 0

    def test_the_last_line_of_a_container_that_ended_does_not_take_in_the_next(self) -> None:
        assembler = LineAssembler()
        assert len(assembler.feed([(OUT, AT + b"no newline")])) == 0
        batch = assembler.feed([(OUT, time_after(1) + b"next\n")])
        assert seen(batch.raws, batch.tags) == [(OUT, AT_NS, "no newline"), (OUT, AT_NS + 1, "next")]

    def test_nor_does_it_behind_a_long_line(self) -> None:
        batch = LineAssembler().feed(
            [(OUT, AT + b"a" * PART), (OUT, AT + b"tail"), (OUT, time_after(1) + b"next\n")]
        )
        assert texts(batch) == ["a" * PART + "tail", "next"]

    @pytest.mark.parametrize("size", [PART, PART + 1, PART + 5000, 2 * PART, 40_000])
    def test_nor_does_a_long_line_whose_newline_the_driver_leaves_out(self, size: int) -> None:
        messages = Written(OUT, b"x" * size).messages(AT, leaves_out=True)
        batch = LineAssembler().feed([*messages, (OUT, time_after(1) + b"next\n")])
        assert seen(batch.raws, batch.tags) == [(OUT, AT_NS, "x" * size), (OUT, AT_NS + 1, "next")]

    @pytest.mark.parametrize("size", [PART, 8192, 8191])
    def test_parts_of_these_sizes_go_on_whatever_their_time(self, size: int) -> None:
        # journald and Podman time each part
        batch = LineAssembler().feed([(OUT, AT + b"a" * size), (OUT, time_after(1) + b"b\n")])
        assert seen(batch.raws, batch.tags) == [(OUT, AT_NS, "a" * size + "b")]

    def test_parts_of_another_size_go_on_with_the_same_time(self) -> None:
        batch = LineAssembler().feed(
            [(OUT, AT + b"a" * 100_000), (OUT, AT + b"b" * 100_000), (OUT, AT + b"c\n")]
        )
        assert texts(batch) == ["a" * 100_000 + "b" * 100_000 + "c"]

    def test_it_ends_with_the_stream(self) -> None:
        assembler = LineAssembler()
        assembler.feed([(OUT, AT + b"done\n"), (OUT, AT + b"no newline")])
        assert texts(assembler.end()) == ["no newline"]

    def test_several_lines_in_one_message_have_its_time(self) -> None:
        batch = LineAssembler().feed([(OUT, AT + b"a\n\nb\r\nc"), (OUT, time_after(1) + b"d\n")])
        assert seen(batch.raws, batch.tags) == [
            (OUT, AT_NS, "a"), (OUT, AT_NS, ""), (OUT, AT_NS, "b"), (OUT, AT_NS, "c"), (OUT, AT_NS + 1, "d"),
        ]  # fmt: skip

    def test_nothing_is_a_message_too(self) -> None:
        batch = LineAssembler().feed([(OUT, b""), (OUT, AT), (OUT, AT + b"\n"), (OUT, b"\n")])
        assert seen(batch.raws, batch.tags) == [(OUT, AT_NS, ""), (OUT, None, "")]

    def test_the_engines_own_words_have_no_time(self) -> None:
        batch = LineAssembler().feed([(ENGINE, b"Error grabbing logs: invalid character\n")])
        assert seen(batch.raws, batch.tags) == [(ENGINE, None, "Error grabbing logs: invalid character")]

    def test_what_is_no_utf8_is_replaced_and_nul_stays(self) -> None:
        batch = LineAssembler().feed([(OUT, AT + b"a\xff\xc3b\0c\n")])
        assert texts(batch) == ["a��b\0c"]
        assert plain_text(batch.raws[0]) == "a��b␀c"


class TestProgressBars:
    def test_ten_thousand_updates_are_one_line(self) -> None:
        updates = "".join(
            f"\r{step / 100:6.2f}%|{'█' * (step // 500):20}| {step}/10000" for step in range(10_001)
        )
        messages = Written(ERR, updates.encode()).messages(AT)
        assert len(messages) > 20
        assembler = LineAssembler()
        for message in messages[:-1]:
            assert len(assembler.feed([message])) == 0
            assert len(assembler.pending()) == 1
            # what was written over is not kept
            assert len(assembler.pending()[0][0]) < 2 * PART
        batch = assembler.feed(messages[-1:])
        assert texts(batch) == [f"100.00%|{'█' * 20}| 10000/10000"]
        assert len(batch.raws[0]) < PART

    def test_so_they_are_on_a_terminal(self) -> None:
        text = b"".join(b"\r %5d/10000" % step for step in range(10_001)) + b"\r"
        data = b"".join(payload for _, payload in Written(OUT, text).messages(AT))
        assert lines_of(cut(data, 1, (1000,)), TimedByteSplitter()) == [(OUT, AT_NS, " 10000/10000")]

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            (b"10%\r20%", "20%"),
            (b"10%\r20%\r", "20%"),
            (b"10%\r\r", "10%"),
            (b"\r", ""),
            (b"", ""),
            (b"one\r\n", "one"),
            (b"one\r\r\n", "one"),
            (b"10%\r\x1b[K20%\n", "\x1b[K20%"),
        ],
    )
    def test_what_stands_at_the_end_is_shown(self, text: bytes, shown: str) -> None:
        assert text_of(AT + text) == shown
        assert bytes_of(AT + text) == shown.encode()

    @pytest.mark.parametrize("last", [b"", b"\n", b"100%\n", b"\r100%\n", b"\r\n", b"100%\r\r\n"])
    def test_a_part_that_ends_with_a_return(self, last: bytes) -> None:
        first = b"x" * (PART - 1) + b"\r"
        assembler = LineAssembler()
        batches = [assembler.feed([(OUT, AT + first)]), assembler.feed([(OUT, AT + last)]), assembler.end()]
        assert [text for batch in batches for text in texts(batch)] == [text_of(AT + first + last)]

    def test_returns_without_end_cost_nothing(self) -> None:
        assembler = LineAssembler()
        assembler.feed([(OUT, AT + b"x" * PART)] * 256)
        began = time.monotonic()
        assembler.feed([(OUT, AT + b"\r" * PART)] * 3000)
        assert time.monotonic() - began < SECONDS
        assert texts(assembler.end()) == ["x" * (256 * PART)]


class TestLongLines:
    def test_a_line_of_5_mb(self) -> None:
        messages = Written(OUT, b"x" * 5_000_000).messages(AT)
        began = time.monotonic()
        batch = LineAssembler().feed(messages)
        assert texts(batch) == ["x" * 5_000_000]
        assert time.monotonic() - began < SECONDS

    def test_more_than_the_longest_is_counted(self) -> None:
        kept = LONGEST_LINE_BYTES - TIME_BYTES
        batch = LineAssembler().feed(Written(OUT, b"x" * (kept + 12_345)).messages(AT))
        text = text_of(batch.raws[0])
        assert text == "x" * kept + " … 12,345 more bytes of this line are not kept: save the log"
        assert batch.raws[0].endswith(b"\n")

    def test_the_longest_is_whole(self) -> None:
        kept = LONGEST_LINE_BYTES - TIME_BYTES
        batch = LineAssembler().feed(Written(OUT, b"x" * kept).messages(AT))
        assert texts(batch) == ["x" * kept]

    def test_a_return_behind_too_much_begins_anew(self) -> None:
        batch = LineAssembler().feed(
            Written(OUT, b"x" * (LONGEST_LINE_BYTES + PART) + b"\rshort").messages(AT)
        )
        assert texts(batch) == ["short"]

    def test_so_does_one_that_is_not_kept_itself(self) -> None:
        text = b"x" * (LONGEST_LINE_BYTES + PART - 1) + b"\r"
        assert len(text) % PART == 0
        batch = LineAssembler().feed(Written(OUT, text + b"short").messages(AT))
        assert texts(batch) == ["short"]

    def test_the_next_line_counts_for_itself(self) -> None:
        messages = Written(OUT, b"x" * (LONGEST_LINE_BYTES + PART)).messages(AT)
        batch = LineAssembler().feed([*messages, *Written(OUT, b"y" * 20_000).messages(AT)])
        assert len(batch) == 2
        assert text_of(batch.raws[1]) == "y" * 20_000

    def test_one_that_never_ends_stays_bounded(self) -> None:
        assembler = LineAssembler()
        for _ in range(10):
            assembler.feed([(OUT, AT + b"x" * PART)] * 100)
            assert sum(len(raw) for raw, _ in assembler.pending()) <= LONGEST_LINE_BYTES


class TestTimes:
    @pytest.mark.parametrize(
        ("written", "nanoseconds"),
        [
            (b"2026-07-01T10:00:00.123456789Z ", 123_456_789),
            (b"2026-07-01T10:00:00.000000000Z ", 0),
            (b"2026-07-01T10:00:00Z ", 0),
            (b"2026-07-01T10:00:00.5Z ", 500_000_000),
            (b"2026-07-01T12:00:00.123456789+02:00 ", 123_456_789),
            (b"2026-07-01T12:00:00+02:00 ", 0),
            (b"2026-07-01T04:30:00.25-05:30 ", 250_000_000),
            (b"2026-07-02T00:00:00.000001+14:00 ", 1000),
        ],
    )
    @pytest.mark.parametrize("text", [b"text", b"", b"2026-07-01T10:00:00Z nested"])
    def test_every_form_becomes_the_same(self, written: bytes, nanoseconds: int, text: bytes) -> None:
        batch = LineAssembler().feed([(OUT, written + text + b"\n")])
        at_ns = 1_782_900_000 * 10**9 + nanoseconds
        assert seen(batch.raws, batch.tags) == [(OUT, at_ns, text.decode())]
        assert batch.raws[0][TIME_BYTES:] == text + b"\n"
        assert time_of(batch.raws[0]) == pytest.approx(at_ns / 1e9, abs=1e-6)

    @pytest.mark.parametrize(
        "payload",
        [
            b"no time at all\n",
            b"2026-13-01T10:00:00Z month\n",
            b"2026-07-01T25:00:00.1Z hour\n",
            b"2026-07-01T10:00:60.1Z leap second\n",
            b"2026-07-01T10:00:00.1+25:00 zone\n",
            b"2026-07-01T10:00:00.1234567890Z ten digits\n",
            b"2026-07-01 10:00:00Z blank\n",
            b"2026-07-01T10:00:00Zno blank\n",
            b"0001-01-01T00:00:00+01:00 before all time\n",
            b"9999-12-31T23:59:59-01:00 after all time\n",
            b"x" * 29 + b"\n",
        ],
    )
    def test_what_is_none_is_text(self, payload: bytes) -> None:
        batch = LineAssembler().feed([(OUT, payload)])
        assert seen(batch.raws, batch.tags) == [(OUT, None, payload[:-1].decode())]
        assert time_of(batch.raws[0]) is None

    @pytest.mark.parametrize("zero", [b"0001-01-01T00:00:00Z ", b"0001-01-01T00:00:00.000000000Z "])
    def test_the_zero_time_is_none(self, zero: bytes) -> None:
        batch = LineAssembler().feed([(OUT, zero + b"text\n")])
        assert seen(batch.raws, batch.tags) == [(OUT, None, "text")]

    def test_an_early_year_has_four_digits(self) -> None:
        batch = LineAssembler().feed([(OUT, b"0987-06-05T04:03:02Z text\n")])
        assert batch.raws == [b"0987-06-05T04:03:02.000000000Z text\n"]

    @pytest.mark.parametrize("raw", [b"", b"short", b"2026-07-01T10:00:00.x23456789Z text", b"\xff" * 40])
    def test_none_is_found_in_garbage(self, raw: bytes) -> None:
        assert nanoseconds_of(raw) is None
        assert time_of(raw) is None

    @pytest.mark.parametrize("at", [0.0, 1_782_900_000.25, 1.5, 4_102_444_800.0])
    def test_our_own_reads_back(self, at: float) -> None:
        assert len(written_time(at)) == TIME_BYTES
        assert time_of(written_time(at)) == pytest.approx(at, abs=1e-6)

    def test_our_own_none(self) -> None:
        assert len(written_time(None)) == TIME_BYTES
        assert time_of(written_time(None)) is None

    @many
    @given(st.integers(0, 4 * 10**18))
    def test_they_sort_as_bytes(self, nanoseconds: int) -> None:
        assert nanoseconds_of(time_after(nanoseconds)) == AT_NS + nanoseconds
        assert time_after(nanoseconds) >= AT


class TestTags:
    @pytest.mark.parametrize("origin", [0, 1, 2, 99, 100_000])
    @pytest.mark.parametrize("stream", Stream)
    def test_they_read_back(self, stream: Stream, origin: int) -> None:
        assert split_tag(tag_of(stream, origin)) == (stream, origin)

    def test_a_note_is_ours(self) -> None:
        raw, tag = note("the container started again", 1.5, 7)
        line: RawLine = (
            b"1970-01-01T00:00:01.500000000Z the container started again\n",
            tag_of(Stream.NOTE, 7),
        )
        assert (raw, tag) == line

    def test_a_note_of_what_is_no_text(self) -> None:
        assert text_of(note("a \udcff", None)[0]) == "a ?"
