"""Logs of the make-believe workstation: the same each time, lively, bounded, and broken on demand."""

from __future__ import annotations

import re
import threading
import time
import tracemalloc
from itertools import islice

import pytest

from tests.backends.contract_logs import LogReader, Message, time_of
from tests.rig.waiting import until
from tui.demo.clock import DemoClock
from tui.demo.life import CRASH_AFTER_SECONDS, RESTART_AFTER_SECONDS
from tui.demo.logs import DemoLogs
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.errors import (
    EngineError,
    EngineLost,
    EngineNotFound,
    EnginePermission,
    EngineTimeout,
    LogUnreadable,
)
from tui.model.logs import LineAssembler, LogRequest, Stream, text_of
from tui.model.operations import Operation, Step

PATIENCE_SECONDS = 30.0


def names(world: DemoWorld) -> list[str]:
    return [container.name for container in world.containers()[0]]


def read(world: DemoWorld, name: str, request: LogRequest | None = None) -> list[Message]:
    stream = DemoLogs(world).open(name, request or LogRequest())
    return [message for batch in stream.messages() for message in batch]


def text(world: DemoWorld, name: str, stream: Stream | None = None) -> str:
    return b"".join(
        payload[31:] for number, payload in read(world, name) if stream in (None, number)
    ).decode()


def follow(world: DemoWorld, name: str, tail: int | None = 0) -> LogReader:
    return LogReader(DemoLogs(world).open(name, LogRequest(follow=True, tail=tail)))


def do(world: DemoWorld, operation: Operation, name: str) -> None:
    world.perform(Step(operation, world.find(name).id, name))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def world(clock: FrozenClock) -> DemoWorld:
    return DemoWorld(clock=clock)


class TestTheSameEachTime:
    def test_same_seed_same_lines_to_the_last_byte(self, world: DemoWorld) -> None:
        other = DemoWorld(clock=FrozenClock())
        for name in names(world):
            if name != "dcgm-exporter":
                request = LogRequest(tail=5000)
                assert read(world, name, request) == read(other, name, request)

    def test_another_seed_gives_other_lines(self, world: DemoWorld) -> None:
        assert text(DemoWorld(8, FrozenClock()), "vision-train") != text(world, "vision-train")

    @pytest.mark.parametrize("name", ["vision-train", "serve-qwen", "sweep-agent", "notebook-chen"])
    def test_lines_do_not_depend_on_when_they_are_read(self, name: str) -> None:
        watched_clock, unwatched_clock = FrozenClock(), FrozenClock()
        watched, unwatched = DemoWorld(clock=watched_clock), DemoWorld(clock=unwatched_clock)
        since = round(watched_clock.now() * 1e9)
        for seconds in (0.004, 0.3, 7.0, 61.0, 240.0):
            read(watched, name, LogRequest(since_ns=since))
            watched_clock.advance(seconds)
        unwatched_clock.advance(0.004 + 0.3 + 7.0 + 61.0 + 240.0)
        assert read(watched, name, LogRequest(since_ns=since)) == read(
            unwatched, name, LogRequest(since_ns=since)
        )

    @pytest.mark.parametrize("tail", [0, 1, 17, 1000])
    def test_a_tail_is_the_end_of_the_whole_wherever_the_clock_stands(
        self, world: DemoWorld, clock: FrozenClock, tail: int
    ) -> None:
        for seconds in (0.0, 0.9, 31.7, 179.98):
            clock.advance(seconds)
            for name in ("vision-train", "dl-dev", "sweep-agent", "diffusion-train", "log-flood"):
                last = read(world, name)[-tail:] if tail else []
                assert read(world, name, LogRequest(tail=tail)) == last

    def test_times_are_unique_and_grow_over_days(self, world: DemoWorld, clock: FrozenClock) -> None:
        for name in ("eval-suite", "log-flood"):
            do(world, Operation.START, name)
        clock.advance(1.0)
        do(world, Operation.STOP, "log-flood")
        clock.advance(4 * 3600.0)
        for name in names(world):
            if name not in ("dcgm-exporter", "serve-qwen"):
                times = [time_of(message) for message in read(world, name)]
                assert times == sorted(set(times)), name

    def test_a_crash_loop_that_nobody_watched_wrote_what_it_would_have_written(self) -> None:
        day = 86_400.0
        slept_clock, watched_clock = FrozenClock(), FrozenClock()
        slept, watched = DemoWorld(clock=slept_clock), DemoWorld(clock=watched_clock)
        slept_clock.advance(day)
        rounds = int(day / (CRASH_AFTER_SECONDS + RESTART_AFTER_SECONDS))
        for _ in range(rounds):
            watched_clock.advance(day / rounds)
        request = LogRequest(tail=2000)
        assert read(slept, "sweep-agent", request) == read(watched, "sweep-agent", request)


class TestWhatIsWritten:
    def test_training_tells_epochs_in_colour_and_a_loss_that_is_no_number(self, world: DemoWorld) -> None:
        written = text(world, "vision-train", Stream.STDOUT)
        assert re.search(r"\x1b\[32mEpoch 90/300\x1b\[0m step 5004/5004 loss \d\.\d{4}", written)
        complaints = text(world, "vision-train", Stream.STDERR)
        assert "UserWarning: Detected call of `lr_scheduler.step()`" in complaints
        assert "loss is nan at step" in complaints

    def test_a_progress_bar_is_one_message_and_in_the_end_one_state(self, world: DemoWorld) -> None:
        bars = [message for message in read(world, "vision-train") if b"Validation" in message[1]]
        assert bars and all(payload.count(b"\r") >= 10 for _, payload in bars)
        lines = LineAssembler().feed(bars)
        assert len(lines) == len(bars)
        assert text_of(lines.raws[0]).startswith("Validation: 100%|██████████| 196/196 [00:17<00:00")

    def test_no_message_is_longer_than_the_engine_makes_them(self, world: DemoWorld) -> None:
        for name in names(world):
            if name != "dcgm-exporter":
                messages = read(world, name, LogRequest(tail=3000, timestamps=False))
                assert max((len(payload) for _, payload in messages), default=0) <= 16 << 10

    def test_failures_that_a_person_looks_for(self, world: DemoWorld) -> None:
        crashed = text(world, "sweep-agent", Stream.STDERR).splitlines()
        assert "Traceback (most recent call last):" in crashed
        assert any(line.startswith("torch.OutOfMemoryError: CUDA out of memory.") for line in crashed)
        killed = text(world, "diffusion-train", Stream.STDERR)
        assert "torch.OutOfMemoryError: CUDA out of memory." in killed
        assert killed.endswith("DataLoader worker (pid 812) is killed by signal: Killed.\n")
        hung = text(world, "llm-finetune", Stream.STDERR)
        assert "Watchdog caught collective operation timeout: WorkNCCL(" in hung

    def test_each_round_of_the_crash_loop_leaves_a_traceback(
        self, world: DemoWorld, clock: FrozenClock
    ) -> None:
        clock.advance(40.0)
        assert text(world, "sweep-agent").count("Traceback (most recent call last):") == 3

    def test_jupyter_names_its_address_and_token(self, world: DemoWorld) -> None:
        written = text(world, "notebook-chen", Stream.STDERR)
        assert (
            len(set(re.findall(r"http://127\.0\.0\.1:8888/lab\?token=([0-9a-f]{48})$", written, re.M))) == 1
        )

    def test_another_run_of_jupyter_has_another_token(self, world: DemoWorld, clock: FrozenClock) -> None:
        do(world, Operation.RESTART, "notebook-chen")
        clock.advance(10.0)
        written = text(world, "notebook-chen")
        assert "received signal 15, stopping" in written
        assert len(set(re.findall(r"token=([0-9a-f]{48})", written))) == 2

    def test_one_jupyter_lets_everybody_in_and_says_so(self, world: DemoWorld) -> None:
        written = text(world, "notebook-ana")
        assert "All authentication is disabled." in written
        assert "http://127.0.0.1:8888/lab\n" in written and "token=" not in written

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("tensorboard", "TensorBoard 2.19.0 at http://0.0.0.0:6006/ (Press CTRL+C to quit)\n"),
            ("serve-qwen", '"POST /v1/chat/completions HTTP/1.1" 200 OK\n'),
            ("dl-dev", "Server listening on 0.0.0.0 port 22.\n"),
            ("optuna-db", "LOG:  checkpoint complete:"),
            ("serve-embed", "\x1b[31mERROR\x1b[0m"),
            ("rl-sim", "episode_reward_mean="),
            ("preprocess-dicom", "done: 41,822 series"),
        ],
    )
    def test_services_and_jobs_write_what_they_would(self, world: DemoWorld, name: str, words: str) -> None:
        assert words in text(world, name)

    def test_one_keeps_its_log_nowhere(self, world: DemoWorld) -> None:
        with pytest.raises(LogUnreadable) as caught:
            DemoLogs(world).open("dcgm-exporter", LogRequest())
        assert caught.value.detail == "configured logging driver does not support reading"
        assert world.inspect("dcgm-exporter")["HostConfig"]["LogConfig"]["Type"] == "none"

    def test_times_in_the_lines_fit_the_times_in_front(self, world: DemoWorld) -> None:
        for _, payload in read(world, "serve-qwen", LogRequest(tail=200)):
            if match := re.search(rb"INFO 03-02 (\d\d:\d\d:\d\d)", payload):
                assert payload[11:19] == match[1]


class TestFollowed:
    def test_lines_come_as_the_clock_moves(self, world: DemoWorld, clock: FrozenClock) -> None:
        old = read(world, "vision-train")
        reader = follow(world, "vision-train", tail=None)
        clock.advance(20.0)
        until(lambda: len(reader.messages) >= len(old) + 9, PATIENCE_SECONDS)
        reader.stream.close()
        assert reader.has_ended() and reader.error is None
        assert reader.messages == read(world, "vision-train")

    def test_a_clock_that_runs_by_itself_brings_new_lines_without_being_asked(self) -> None:
        world = DemoWorld()
        reader = follow(world, "vision-train")
        until(lambda: len(reader.messages) >= 2, PATIENCE_SECONDS)
        reader.stream.close()
        assert reader.has_ended()
        assert all(
            abs(time_of(message) / 1e9 - time.time()) < PATIENCE_SECONDS for message in reader.messages
        )

    def test_a_crash_ends_the_stream_without_anybody_else_looking(self) -> None:
        class AheadClock(DemoClock):
            def now(self) -> float:
                # the crash loop begins its next run a moment after the world began
                return time.time() + self.ahead

            ahead = 0.0

        clock = AheadClock()
        world = DemoWorld(clock=clock)
        clock.ahead = RESTART_AFTER_SECONDS - 8.0 + CRASH_AFTER_SECONDS - 0.5
        reader = follow(world, "sweep-agent")
        assert reader.has_ended() and reader.error is None
        assert b"killing sweep" in reader.messages[-1][1]

    def test_until_ends_what_is_followed(self, world: DemoWorld, clock: FrozenClock) -> None:
        end = round((clock.now() + 10.0) * 1e9)
        request = LogRequest(follow=True, tail=0, until_ns=end)
        reader = LogReader(DemoLogs(world).open("vision-train", request))
        clock.advance(60.0)
        assert reader.has_ended() and reader.error is None
        assert 4 <= len(reader.messages) <= 6 and time_of(reader.messages[-1]) <= end

    def test_a_container_that_is_removed_at_once_gives_its_last_words(self, world: DemoWorld) -> None:
        reader = follow(world, "notebook-chen", tail=None)
        until(lambda: reader.messages, PATIENCE_SECONDS)
        do(world, Operation.STOP, "notebook-chen")
        do(world, Operation.REMOVE, "notebook-chen")
        assert reader.has_ended() and reader.error is None
        assert b"received signal 15" in reader.messages[-2][1]

    def test_the_work_of_a_paused_container_goes_on_where_it_stood(
        self, world: DemoWorld, clock: FrozenClock
    ) -> None:
        unpaused_clock = FrozenClock()
        unpaused = DemoWorld(clock=unpaused_clock)
        do(world, Operation.PAUSE, "vision-train")
        clock.advance(1000.0)
        do(world, Operation.UNPAUSE, "vision-train")
        clock.advance(100.0)
        unpaused_clock.advance(100.0)
        assert text(world, "vision-train") == text(unpaused, "vision-train")

    def test_no_thread_and_no_watcher_stays(self, world: DemoWorld) -> None:
        threads = threading.active_count()
        readers = [follow(world, "vision-train") for _ in range(5)]
        assert threading.active_count() <= threads + len(readers)
        for reader in readers:
            reader.stream.close()
        assert all(reader.has_ended() for reader in readers)
        read(world, "vision-train", LogRequest(tail=1))
        assert not world._watchers


class TestFlood:
    def test_it_is_off_until_the_container_is_started(self, world: DemoWorld, clock: FrozenClock) -> None:
        old = len(read(world, "log-flood"))
        clock.advance(60.0)
        assert len(read(world, "log-flood")) == old
        do(world, Operation.START, "log-flood")
        clock.advance(3.0)
        assert len(read(world, "log-flood")) == pytest.approx(old + 60_000, abs=200)

    def test_it_comes_in_batches_with_no_line_missing(self, world: DemoWorld, clock: FrozenClock) -> None:
        do(world, Operation.START, "log-flood")
        sizes: list[int] = []
        numbers: list[int] = []
        stream = DemoLogs(world).open("log-flood", LogRequest(follow=True, tail=0))
        reading = stream.messages()
        for _ in range(20):
            clock.advance(0.5)
            batch = next(reading)
            sizes.append(len(batch))
            numbers += [int(payload[32:42]) for _, payload in batch]
        stream.close()
        assert numbers == list(range(len(numbers)))
        assert min(sizes) >= 500

    def test_a_reader_that_is_slower_than_it_is_written_costs_no_memory(
        self, world: DemoWorld, clock: FrozenClock
    ) -> None:
        do(world, Operation.START, "log-flood")
        stream = DemoLogs(world).open("log-flood", LogRequest(follow=True, tail=0))
        reading = stream.messages()
        clock.advance(1.0)
        next(reading)
        tracemalloc.start()
        try:
            # an hour of it is 72 million lines, of which the reader takes some thousands
            clock.advance(3600.0)
            for _ in islice(reading, 5):
                pass
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()
            stream.close()

    def test_its_tail_after_an_hour_is_there_at_once(self, world: DemoWorld, clock: FrozenClock) -> None:
        do(world, Operation.START, "log-flood")
        clock.advance(3600.0)
        messages = read(world, "log-flood", LogRequest(tail=2000))
        assert len(messages) == 2000 and int(messages[-1][1][32:42]) > 71_990_000

    def test_all_of_it_arrives_with_the_clock_running(self) -> None:
        world = DemoWorld()
        do(world, Operation.START, "log-flood")
        reader = follow(world, "log-flood", tail=None)
        until(lambda: len(reader.messages) > 60_000, PATIENCE_SECONDS)
        do(world, Operation.STOP, "log-flood")
        assert reader.has_ended() and reader.error is None
        assert reader.messages == read(world, "log-flood")


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("engine_gone", EngineNotFound),
            ("no_permission", EnginePermission),
            ("frozen_engine", EngineTimeout),
        ],
    )
    def test_a_log_can_not_be_opened(self, world: DemoWorld, fault: str, error: type[EngineError]) -> None:
        world.faults.frozen_seconds = 0.01
        setattr(world.faults, fault, True)
        with pytest.raises(error):
            DemoLogs(world).open("vision-train", LogRequest())
        setattr(world.faults, fault, False)
        assert read(world, "vision-train", LogRequest(tail=1))

    def test_an_engine_that_goes_breaks_open_logs_off(self, world: DemoWorld) -> None:
        readers = [follow(world, name) for name in ("vision-train", "serve-qwen")]
        world.faults.engine_gone = True
        for reader in readers:
            assert reader.has_ended() and isinstance(reader.error, EngineLost)

    def test_an_engine_that_was_away_for_a_moment_broke_them_off_all_the_same(self, world: DemoWorld) -> None:
        stream = DemoLogs(world).open("vision-train", LogRequest())
        world.faults.engine_gone = True
        world.faults.engine_gone = False
        with pytest.raises(EngineLost):
            next(iter(stream.messages()))

    def test_a_frozen_engine_is_silent_and_goes_on(self, world: DemoWorld, clock: FrozenClock) -> None:
        reader = follow(world, "vision-train")
        world.faults.frozen_engine = True
        clock.advance(20.0)
        assert reader.messages == []
        world.faults.frozen_engine = False
        until(lambda: len(reader.messages) >= 9, PATIENCE_SECONDS)
        reader.stream.close()
        assert reader.has_ended() and reader.error is None

    def test_a_log_of_a_frozen_engine_can_be_closed(self, world: DemoWorld) -> None:
        reader = follow(world, "vision-train")
        world.faults.frozen_engine = True
        reader.stream.close()
        assert reader.has_ended() and reader.error is None
