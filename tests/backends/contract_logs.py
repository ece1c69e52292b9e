"""What every implementation of the Logs protocol must do, as cases over a harness."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from tests.backends.contract import NO_SUCH_ID, PATIENCE_SECONDS, Harness, do
from tests.rig.waiting import until
from tui.backends.base import LogStream
from tui.model.errors import LogUnreadable, NoSuchContainer
from tui.model.logs import TIME_BYTES, LogRequest, Stream, nanoseconds_of
from tui.model.operations import Operation

#: A stream and a line on it.
Message = tuple[int, bytes]


class LogReader:
    """Reads a log in a thread of its own, so that a case can wait for what comes."""

    def __init__(self, stream: LogStream) -> None:
        self.stream = stream
        self.messages: list[Message] = []
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for batch in self.stream.messages():
                self.messages.extend(batch)
        except BaseException as error:
            self.error = error

    def wait_for(self, count: int, host: Harness) -> None:
        """Let time pass until so many messages came."""

        def came() -> bool:
            host.let_time_pass()
            return len(self.messages) >= count

        until(came, PATIENCE_SECONDS, lambda: f"{count} messages, but {len(self.messages)} ({self.error})")

    def has_ended(self) -> bool:
        """Whether the iteration ended in time."""
        self._thread.join(PATIENCE_SECONDS)
        return not self._thread.is_alive()


def read(host: Harness, container_id: str, request: LogRequest | None = None) -> list[Message]:
    """A log to its end."""
    stream = host.logs.open(container_id, request or LogRequest())
    return [message for batch in stream.messages() for message in batch]


def time_of(message: Message) -> int:
    """The time in front, in nanoseconds since the epoch."""
    at = nanoseconds_of(message[1])
    assert at is not None, message
    return at


def texts(messages: Sequence[Message], stream: Stream) -> list[bytes]:
    """What came on one of the streams, with the times in front."""
    return [payload for number, payload in messages if number == stream]


class LogsContract:
    """Logs: which part is asked for, what a line is, and how a stream ends."""

    def test_all_lines_come_whole_on_the_stream_that_they_were_written_to(self, host: Harness) -> None:
        messages = read(host, host.wrote())
        assert {stream for stream, _ in messages} == {Stream.STDOUT, Stream.STDERR}
        assert all(payload.endswith(b"\n") and payload.count(b"\n") == 1 for _, payload in messages)
        for stream in (Stream.STDOUT, Stream.STDERR):
            assert len(texts(messages, stream)) >= 10

    def test_the_time_in_front_is_as_long_as_ever_and_grows(self, host: Harness) -> None:
        messages = read(host, host.wrote())
        assert all(payload[TIME_BYTES - 2 : TIME_BYTES] == b"Z " for _, payload in messages)
        for stream in (Stream.STDOUT, Stream.STDERR):
            times = [time_of((stream, payload)) for payload in texts(messages, stream)]
            assert times == sorted(set(times))

    def test_the_times_lie_within_the_run(self, host: Harness) -> None:
        container_id = host.wrote()
        told, messages = host.containers.details(container_id), read(host, container_id)
        assert told.started_at is not None and told.finished_at is not None
        # the engine's two clocks for a start and for a line are some milliseconds apart
        assert told.started_at - 1 <= time_of(messages[0]) / 1e9
        assert time_of(messages[-1]) / 1e9 <= told.finished_at + 1

    def test_without_times_the_same_lines_come(self, host: Harness) -> None:
        container_id = host.wrote()
        bare = read(host, container_id, LogRequest(timestamps=False))
        assert bare == [(stream, payload[TIME_BYTES:]) for stream, payload in read(host, container_id)]

    def test_tail_gives_the_last_lines(self, host: Harness) -> None:
        container_id = host.wrote()
        messages = read(host, container_id)
        assert read(host, container_id, LogRequest(tail=1)) == messages[-1:]
        assert read(host, container_id, LogRequest(tail=7)) == messages[-7:]

    def test_a_tail_longer_than_the_log_gives_all_of_it(self, host: Harness) -> None:
        container_id = host.wrote()
        messages = read(host, container_id)
        assert read(host, container_id, LogRequest(tail=len(messages) + 1000)) == messages

    def test_a_tail_of_none_gives_nothing(self, host: Harness) -> None:
        assert read(host, host.wrote(), LogRequest(tail=0)) == []

    def test_since_and_until_include_their_moments(self, host: Harness) -> None:
        container_id = host.wrote()
        messages = read(host, container_id)
        first, last = time_of(messages[3]), time_of(messages[8])
        assert read(host, container_id, LogRequest(since_ns=first)) == messages[3:]
        assert read(host, container_id, LogRequest(since_ns=first + 1)) == messages[4:]
        assert read(host, container_id, LogRequest(until_ns=last)) == messages[:9]
        assert read(host, container_id, LogRequest(until_ns=last - 1)) == messages[:8]
        assert read(host, container_id, LogRequest(since_ns=first, until_ns=last)) == messages[3:9]
        assert read(host, container_id, LogRequest(since_ns=first, until_ns=first)) == messages[3:4]

    def test_since_counts_from_the_tail(self, host: Harness) -> None:
        container_id = host.wrote()
        messages = read(host, container_id)
        since = time_of(messages[-4])
        assert read(host, container_id, LogRequest(tail=10, since_ns=since)) == messages[-4:]
        assert read(host, container_id, LogRequest(tail=2, since_ns=since)) == messages[-2:]

    def test_the_tail_is_counted_before_until(self, host: Harness) -> None:
        container_id = host.wrote()
        messages = read(host, container_id)
        until_ns = time_of(messages[-3])
        assert read(host, container_id, LogRequest(tail=5, until_ns=until_ns)) == messages[-5:-2]
        assert read(host, container_id, LogRequest(tail=2, until_ns=until_ns)) == []

    def test_one_that_was_never_started_has_an_empty_log(self, host: Harness) -> None:
        container_id = host.created()
        assert read(host, container_id) == []
        assert read(host, container_id, LogRequest(follow=True)) == []

    def test_following_one_that_has_ended_ends_with_its_log(self, host: Harness) -> None:
        container_id = host.wrote()
        messages = read(host, container_id)
        assert read(host, container_id, LogRequest(follow=True)) == messages
        assert read(host, container_id, LogRequest(follow=True, tail=3)) == messages[-3:]

    def test_following_gives_new_lines_and_ends_quietly_with_the_container(self, host: Harness) -> None:
        container_id = host.writes()
        reader = LogReader(host.logs.open(container_id, LogRequest(follow=True)))
        reader.wait_for(len(read(host, container_id)) + 4, host)
        do(host, Operation.KILL, container_id)
        assert reader.has_ended() and reader.error is None
        assert reader.messages == read(host, container_id)

    def test_following_without_a_tail_gives_new_lines_alone(self, host: Harness) -> None:
        container_id = host.writes()
        old = read(host, container_id)
        reader = LogReader(host.logs.open(container_id, LogRequest(follow=True, tail=0)))
        reader.wait_for(3, host)
        do(host, Operation.KILL, container_id)
        assert reader.has_ended() and reader.error is None
        messages = read(host, container_id)
        assert reader.messages == messages[-len(reader.messages) :]
        assert messages[: len(old)] == old and len(messages) >= len(old) + 3

    def test_two_readers_read_the_same(self, host: Harness) -> None:
        container_id = host.writes()
        readers = [LogReader(host.logs.open(container_id, LogRequest(follow=True))) for _ in range(2)]
        for reader in readers:
            reader.wait_for(4, host)
        do(host, Operation.KILL, container_id)
        assert all(reader.has_ended() and reader.error is None for reader in readers)
        assert readers[0].messages == readers[1].messages

    def test_a_restart_ends_the_stream_and_the_log_goes_on(self, host: Harness) -> None:
        container_id = host.writes()
        reader = LogReader(host.logs.open(container_id, LogRequest(follow=True)))
        reader.wait_for(2, host)
        do(host, Operation.RESTART, container_id)
        assert reader.has_ended() and reader.error is None
        again = LogReader(host.logs.open(container_id, LogRequest(follow=True)))
        again.wait_for(len(reader.messages) + 2, host)
        again.stream.close()
        assert again.has_ended() and again.messages[: len(reader.messages)] == reader.messages

    def test_a_paused_container_writes_nothing_and_is_followed_on(self, host: Harness) -> None:
        container_id = host.writes()
        reader = LogReader(host.logs.open(container_id, LogRequest(follow=True)))
        reader.wait_for(2, host)
        do(host, Operation.PAUSE, container_id)
        host.let_time_pass()
        written = read(host, container_id)
        host.let_time_pass()
        assert read(host, container_id) == written
        do(host, Operation.UNPAUSE, container_id)
        reader.wait_for(len(written) + 2, host)
        reader.stream.close()
        assert reader.has_ended() and reader.error is None
        assert reader.messages[: len(written)] == written

    def test_close_from_another_thread_ends_a_waiting_reader_quietly(self, host: Harness) -> None:
        # nothing is written by one that runs and has nothing to say, or while time stands still
        reader = LogReader(host.logs.open(host.running(), LogRequest(follow=True, tail=0)))
        closer = threading.Thread(target=reader.stream.close)
        closer.start()
        closer.join(PATIENCE_SECONDS)
        assert reader.has_ended() and reader.error is None and reader.messages == []

    def test_close_before_the_first_line_and_twice(self, host: Harness) -> None:
        stream = host.logs.open(host.running(), LogRequest(follow=True))
        stream.close()
        stream.close()
        reader = LogReader(stream)
        assert reader.has_ended() and reader.error is None and reader.messages == []

    def test_close_between_two_lines(self, host: Harness) -> None:
        stream = host.logs.open(host.wrote(), LogRequest())
        for _ in stream.messages():
            stream.close()

    @pytest.mark.parametrize("follow", [False, True])
    def test_a_container_that_is_gone_says_so(self, host: Harness, follow: bool) -> None:
        with pytest.raises(NoSuchContainer):
            read(host, NO_SUCH_ID, LogRequest(follow=follow))

    @pytest.mark.parametrize("follow", [False, True])
    def test_a_log_that_is_kept_nowhere_says_so(self, host: Harness, follow: bool) -> None:
        with pytest.raises(LogUnreadable) as caught:
            read(host, host.unreadable(), LogRequest(follow=follow))
        assert "does not support reading" in caught.value.detail and caught.value.hint
