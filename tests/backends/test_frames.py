"""What the engine sends, cut into messages: frames, a terminal's bytes, garbage."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.backends.docker.frames import (
    ByteSplitter,
    FrameSplitter,
    Message,
    Splitter,
    TimedByteSplitter,
)
from tui.model.errors import EngineLost
from tui.model.logs import LONGEST_LINE_BYTES, Stream

OUT, ERR, ENGINE = int(Stream.STDOUT), int(Stream.STDERR), int(Stream.ENGINE)
PART = 16384
SECONDS = 20.0
AT = b"2026-07-01T10:00:00.123456789Z "
LATER = b"2026-07-01T10:00:00.123456790Z "
EARLIER = b"2026-07-01T10:00:00.123456788Z "

many = settings(deadline=None, database=None, max_examples=300)


def frame(stream: int, payload: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


def messages_of(splitter: Splitter, blocks: Iterable[bytes]) -> list[Message]:
    found = [message for block in blocks for message in splitter.feed(block)]
    return [*found, *splitter.end()]


def cut(data: bytes, seed: int, most: int) -> list[bytes]:
    generator = random.Random(seed)
    blocks, position = [], 0
    while position < len(data):
        size = generator.randint(1, most)
        blocks.append(data[position : position + size])
        position += size
    return blocks


class TestFrames:
    def test_streams_are_told_apart(self) -> None:
        data = frame(1, b"out\n") + frame(2, b"err\n") + frame(3, b"engine\n")
        assert messages_of(FrameSplitter(), [data]) == [
            (OUT, b"out\n"),
            (ERR, b"err\n"),
            (ENGINE, b"engine\n"),
        ]

    def test_nobody_else_speaks_as_envtui(self) -> None:
        # what the protocol calls stdin is written on stdout
        assert messages_of(FrameSplitter(), [frame(0, b"note?\n")]) == [(OUT, b"note?\n")]

    def test_an_empty_one_is_a_message(self) -> None:
        assert messages_of(FrameSplitter(), [frame(1, b"") + frame(2, b"")]) == [(OUT, b""), (ERR, b"")]

    def test_nothing_at_all(self) -> None:
        assert messages_of(FrameSplitter(), []) == []
        assert messages_of(FrameSplitter(), [b"", b""]) == []

    @many
    @given(
        st.lists(st.tuples(st.sampled_from([OUT, ERR, ENGINE]), st.binary(max_size=300)), max_size=8),
        st.integers(0, 1 << 30),
        st.sampled_from([1, 3, 9, 50, 400]),
    )
    def test_blocks_make_no_difference(self, messages: list[Message], seed: int, most: int) -> None:
        data = b"".join(frame(*message) for message in messages)
        assert messages_of(FrameSplitter(), cut(data, seed, most)) == messages

    def test_each_comes_with_its_last_byte(self) -> None:
        splitter = FrameSplitter()
        data = frame(1, b"one\n") + frame(2, b"two\n")
        assert splitter.feed(data[:11]) == []
        assert splitter.feed(data[11:15]) == [(OUT, b"one\n")]
        assert splitter.feed(data[15:-1]) == []
        assert splitter.feed(data[-1:]) == [(ERR, b"two\n")]
        assert splitter.end() == []

    def test_a_large_one_in_small_blocks(self) -> None:
        payload = AT + b"x" * 5_000_000 + b"\n"
        data = frame(1, payload)
        began = time.monotonic()
        assert messages_of(FrameSplitter(), [data[at : at + 64] for at in range(0, len(data), 64)]) == [
            (OUT, payload)
        ]
        assert time.monotonic() - began < SECONDS

    @pytest.mark.parametrize("missing", [1, 4, 12, 13, 19])
    def test_one_that_broke_off(self, missing: int) -> None:
        splitter = FrameSplitter()
        splitter.feed((frame(1, b"whole\n") + frame(1, b"half of it\n\n"))[:-missing])
        with pytest.raises(EngineLost, match="broke off"):
            splitter.end()

    @pytest.mark.parametrize(
        "head",
        [
            b"\x04\0\0\0\0\0\0\x01",
            b"\xff\0\0\0\0\0\0\x01",
            b"\x01\x01\0\0\0\0\0\x01",
            b"\x01\0\0\x01\0\0\0\x01",
            b"\0\0\x01\0\0\0\0\x01",
            b"\x01\0\0\0\xff\xff\xff\xff",
            b"\x01\0\0\0" + (LONGEST_LINE_BYTES + 1).to_bytes(4, "big"),
            b"2026-07-",
            b"HTTP/1.1",
            b"<html><b",
            b'{"messag',
        ],
    )
    @pytest.mark.parametrize("behind", [b"", b"x", b"x\n" * 500])
    def test_what_is_no_header_is_told(self, head: bytes, behind: bytes) -> None:
        for blocks in ([head + behind], [frame(1, b"good\n") + head + behind], [head[:3], head[3:], behind]):
            with pytest.raises(EngineLost, match="can't be read"):
                messages_of(FrameSplitter(), blocks)

    def test_garbage_between_frames_is_found_in_every_cut(self) -> None:
        data = frame(1, b"good\n") + b"garbage!" + frame(1, b"good\n") * 20
        for most in (1, 5, 40, 1000):
            with pytest.raises(EngineLost, match="can't be read"):
                messages_of(FrameSplitter(), cut(data, most, most))

    @many
    @given(st.binary(max_size=200), st.integers(0, 1 << 30))
    def test_garbage_is_read_or_told_and_nothing_else(self, data: bytes, seed: int) -> None:
        outcomes = []
        for blocks in ([data], cut(data, seed, 7)):
            try:
                outcomes.append(messages_of(FrameSplitter(), blocks))
            except EngineLost as error:
                outcomes.append([(0, error.title.encode())])
        assert outcomes[0] == outcomes[1]


class TestTerminalBytes:
    def test_lines(self) -> None:
        data = AT + b"one\r\n" + AT + b"\r\n" + LATER + b"two\r\n"
        assert messages_of(TimedByteSplitter(), [data]) == [
            (OUT, AT + b"one\r\n"), (OUT, AT + b"\r\n"), (OUT, LATER + b"two\r\n"),
        ]  # fmt: skip

    def test_a_line_comes_with_its_newline(self) -> None:
        splitter = TimedByteSplitter()
        assert splitter.feed(AT + b"one") == []
        assert splitter.feed(b"\r") == []
        assert splitter.feed(b"\n") == [(OUT, AT + b"one\r\n")]
        assert splitter.end() == []

    def test_one_without_a_newline_comes_at_the_end(self) -> None:
        splitter = TimedByteSplitter()
        assert splitter.feed(AT + b"one\r\n" + AT + b"prompt$ ") == [(OUT, AT + b"one\r\n")]
        assert splitter.end() == [(OUT, AT + b"prompt$ ")]
        assert splitter.end() == []

    def test_a_long_line_is_cut_where_the_engine_cut_it(self) -> None:
        data = AT + b"a" * PART + AT + b"b" * PART + AT + b"c\r\n" + LATER + b"next\r\n"
        expected = [
            (OUT, AT + b"a" * PART),
            (OUT, AT + b"b" * PART),
            (OUT, AT + b"c\r\n"),
            (OUT, LATER + b"next\r\n"),
        ]
        for most in (7, 1000, 20_000, len(data)):
            assert messages_of(TimedByteSplitter(), cut(data, most, most)) == expected

    def test_a_line_that_just_fills_a_part(self) -> None:
        data = AT + b"a" * (PART - 1) + b"\r" + AT + b"\n" + LATER + b"next\r\n"
        for most in (7, 1000, 20_000, len(data)):
            assert messages_of(TimedByteSplitter(), cut(data, most, most)) == [
                (OUT, AT + b"a" * (PART - 1) + b"\r"), (OUT, AT + b"\n"), (OUT, LATER + b"next\r\n"),
            ]  # fmt: skip

    def test_a_part_at_the_end(self) -> None:
        data = AT + b"a" * PART
        assert messages_of(TimedByteSplitter(), [data]) == [(OUT, data)]

    def test_a_long_line_that_nobody_cut_is_whole(self) -> None:
        line = AT + b"a" * 100_000 + b"\r\n"
        for most in (1000, 20_000, 200_000):
            found = messages_of(TimedByteSplitter(), cut(line, most, most))
            assert b"".join(payload for _, payload in found) == line

    def test_the_last_of_a_container_that_ended_does_not_take_in_the_next(self) -> None:
        data = AT + b"prompt$ " + LATER + b"started again\r\n" + LATER + b"more" + LATER + b"and more"
        expected = [
            (OUT, AT + b"prompt$ "),
            (OUT, LATER + b"started again\r\n"),
            (OUT, LATER + b"more"),
            (OUT, LATER + b"and more"),
        ]
        for most in (1, 7, 50, 500):
            assert messages_of(TimedByteSplitter(), cut(data, most, most)) == expected

    def test_nor_does_it_where_the_next_is_long(self) -> None:
        data = AT + b"prompt$ " + LATER + b"a" * PART + LATER + b"b\r\n"
        for most in (7, 1000, 20_000, len(data)):
            found = messages_of(TimedByteSplitter(), cut(data, most, most))
            assert found == [(OUT, AT + b"prompt$ "), (OUT, LATER + b"a" * PART), (OUT, LATER + b"b\r\n")]

    def test_nor_does_a_long_line_whose_newline_the_driver_leaves_out(self) -> None:
        full, more = AT + b"a" * (PART - 1) + b"\r", AT + b"b" * 5000 + b"\r"
        data = full + AT + LATER + b"next\r\n" + full + more + LATER + b"last\r\n"
        for most in (7, 1000, 20_000, len(data)):
            assert messages_of(TimedByteSplitter(), cut(data, most, most)) == [
                (OUT, full),
                (OUT, AT),
                (OUT, LATER + b"next\r\n"),
                (OUT, full),
                (OUT, more),
                (OUT, LATER + b"last\r\n"),
            ]

    @pytest.mark.parametrize(
        "text",
        [
            EARLIER + b"what a program writes",
            b"time=" + EARLIER + b"level=info",
            b"time=" + LATER[:-2] + b"+00:00 level=info",
            b"from " + LATER[:-1] + b", no blank",
            b"Z Z Z ",
        ],
    )
    def test_times_that_programs_write_are_text(self, text: bytes) -> None:
        data = AT + text + b"\r\n" + LATER + b"next\r\n"
        assert messages_of(TimedByteSplitter(), [data]) == [
            (OUT, AT + text + b"\r\n"),
            (OUT, LATER + b"next\r\n"),
        ]

    def test_lines_without_times_are_lines(self) -> None:
        data = b"Error grabbing logs: broken\n" + AT + b"one\r\n"
        assert messages_of(TimedByteSplitter(), [data]) == [
            (OUT, b"Error grabbing logs: broken\n"), (OUT, AT + b"one\r\n"),
        ]  # fmt: skip

    @many
    @given(st.binary(max_size=300), st.integers(0, 1 << 30))
    def test_no_byte_is_lost(self, data: bytes, seed: int) -> None:
        found = messages_of(TimedByteSplitter(), cut(data, seed, 40))
        assert b"".join(payload for _, payload in found) == data

    @pytest.mark.parametrize(
        "data",
        [AT + b"x" * 5_000_000, b"x" * 5_000_000, (AT + b"x") * 150_000, AT * 160_000],
        ids=["timed", "bare", "no newlines", "times"],
    )
    def test_no_line_takes_long(self, data: bytes) -> None:
        began = time.monotonic()
        found = messages_of(TimedByteSplitter(), [data[at : at + 65536] for at in range(0, len(data), 65536)])
        assert time.monotonic() - began < SECONDS
        assert b"".join(payload for _, payload in found) == data


def test_bytes_as_they_come() -> None:
    splitter = ByteSplitter()
    assert list(splitter.feed(b"a\xff")) == [(OUT, b"a\xff")]
    assert list(splitter.end()) == []
