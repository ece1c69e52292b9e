"""Saving a log: the whole of it under its name, or nothing at all."""

from __future__ import annotations

import errno
import os
import queue
import stat
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.rig.waiting import until
from tui.demo.world import DemoWorld
from tui.model.errors import EngineLost, EnvtuiError, NoSuchContainer, SaveFailed
from tui.model.logs import LogRequest, Stream
from tui.monitor.log_saver import LogSaver, SaveProgress, SaveState
from tui.monitor.monitor import Monitor
from tui.monitor.new_file import examine, free_bytes_in
from tui.monitor.store import Store
from tui.monitor.topics import SAVING, Snapshot, Topic
from tui.workstation import Workstation, open_demo

MIB = 1 << 20
LOST = EngineLost("The engine closed the connection", "its stream ended", "It may be restarting")

Batch = Sequence[tuple[int, bytes]]


class ScriptedStream:
    """Gives what a test puts in: batches, an error, None for the end."""

    def __init__(self, *script: Batch | Exception | None) -> None:
        self.script: queue.Queue[Batch | Exception | None] = queue.Queue()
        for each in script:
            self.script.put(each)
        self.closed = threading.Event()
        self.is_released = False

    def messages(self) -> Iterator[Batch]:
        try:
            while (each := self.script.get()) is not None:
                if isinstance(each, Exception):
                    raise each
                yield each
        finally:
            self.is_released = True

    def close(self) -> None:
        self.closed.set()
        self.script.put(None)


class ScriptedLogs:
    """Opens one stream after the other."""

    def __init__(self) -> None:
        self.streams: list[ScriptedStream] = []
        self.asked: list[tuple[str, LogRequest]] = []
        self.gate = threading.Event()
        self.gate.set()

    def open(self, container_id: str, request: LogRequest) -> ScriptedStream:
        self.gate.wait()
        self.asked.append((container_id, request))
        return self.streams[len(self.asked) - 1]


class NotingStore(Store):
    """Keeps every progress that was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[SaveProgress] = []
        self.on_change(self._note)

    def _note(self) -> None:
        if SAVING in self.take_changes():
            progress = self.value(SAVING)
            assert progress is not None
            self.told.append(progress)


class Desk:
    """A saver on a scripted engine, with plenty of room and a clock that a test can set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target = folder / "box.log"
        self.logs = ScriptedLogs()
        self.store = NotingStore()
        self.free: int | None = 1 << 40
        self.now = 0.0
        self.saver = LogSaver(self.logs, self.store, lambda _: self.free, lambda: self.now)

    def stream(self, *script: Batch | Exception | None) -> ScriptedStream:
        made = ScriptedStream(*script)
        self.logs.streams.append(made)
        return made

    def save(self, *script: Batch | Exception | None, replace: bool = False) -> SaveProgress:
        """Save a log that is scripted to its end, and wait for that."""
        self.stream(*script)
        self.saver.save("id", "box", self.target, replace)
        return self.ended()

    def save_lines(self, lines: Iterable[bytes], replace: bool = False) -> SaveProgress:
        self.saver.save_lines("filtered", lines, self.target, replace)
        return self.ended()

    def ended(self) -> SaveProgress:
        return until(lambda: next((each for each in self.store.told[-1:] if each.is_over), None))

    def error(self, progress: SaveProgress) -> EnvtuiError:
        assert progress.state is SaveState.FAILED
        assert progress.error is not None
        assert progress.error.title and progress.error.hint
        return progress.error

    def files(self) -> list[str]:
        return sorted(os.listdir(self.folder))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "there"
    folder.mkdir()
    made = Desk(folder)
    yield made
    made.logs.gate.set()
    made.saver.stop()
    until(lambda: not made.saver.is_running)


def out(*payloads: bytes) -> Batch:
    return [(Stream.STDOUT, payload) for payload in payloads]


class TestWhatIsSaved:
    def test_all_payloads_in_their_order_byte_for_byte(self, desk: Desk) -> None:
        odd = b"\xff\xfe\x1b[31m\r\x00 no end"
        progress = desk.save(out(b"one\n", b"two\n"), [(Stream.STDERR, b"three\n"), (1, odd)], None)
        assert (progress.state, progress.error) == (SaveState.DONE, None)
        whole = b"one\ntwo\nthree\n" + odd
        assert desk.target.read_bytes() == whole
        assert progress.written_bytes == len(whole)
        assert desk.files() == ["box.log"]

    def test_the_whole_log_is_asked_for_without_times(self, desk: Desk) -> None:
        desk.save(None)
        assert desk.logs.asked == [("id", LogRequest(timestamps=False))]

    def test_an_empty_log_is_an_empty_file(self, desk: Desk) -> None:
        assert desk.save(None).state is SaveState.DONE
        assert desk.target.read_bytes() == b""

    def test_its_stream_is_given_back(self, desk: Desk) -> None:
        desk.save(out(b"x\n"), None)
        (stream,) = desk.logs.streams
        assert stream.closed.is_set() and stream.is_released

    def test_lines_of_a_view_each_with_its_newline(self, desk: Desk) -> None:
        progress = desk.save_lines(iter([b"one\n", b"two", b"", b"three"]))
        assert desk.target.read_bytes() == b"one\ntwo\n\nthree\n"
        assert (progress.title, progress.written_bytes) == ("filtered", 15)
        assert desk.logs.asked == []

    def test_lines_that_can_not_be_had_are_a_failure(self, desk: Desk) -> None:
        def broken() -> Iterator[bytes]:
            yield b"one\n"
            raise RuntimeError("deque mutated")

        assert "deque mutated" in desk.error(desk.save_lines(broken())).detail
        assert desk.files() == []

    def test_more_than_one_look_at_the_room(self, desk: Desk) -> None:
        block = os.urandom(MIB)
        assert desk.save(*[out(block)] * 40, None).state is SaveState.DONE
        assert desk.target.read_bytes() == block * 40


class TestTheName:
    def test_a_file_that_is_there_stays(self, desk: Desk) -> None:
        desk.target.write_text("old")
        error = desk.error(desk.save(out(b"new\n"), None))
        assert error.title == "The file exists already"
        assert desk.target.read_text() == "old"
        assert desk.logs.asked == []

    def test_or_is_replaced_with_its_permissions(self, desk: Desk) -> None:
        desk.target.write_text("old")
        desk.target.chmod(0o640)
        assert desk.save(out(b"new\n"), None, replace=True).state is SaveState.DONE
        assert desk.target.read_text() == "new\n"
        assert stat.S_IMODE(desk.target.stat().st_mode) == 0o640
        assert desk.files() == ["box.log"]

    def test_the_old_one_is_whole_until_the_new_one_is(self, desk: Desk) -> None:
        desk.target.write_text("old")
        stream = desk.stream(out(b"new\n"))
        desk.saver.save("id", "box", desk.target, replace=True)
        until(lambda: len(desk.files()) == 2)
        assert desk.target.read_text() == "old"
        stream.script.put(LOST)
        desk.error(desk.ended())
        assert desk.target.read_text() == "old"
        assert desk.files() == ["box.log"]

    def test_one_that_appeared_meanwhile_stays(self, desk: Desk) -> None:
        stream = desk.stream(out(b"new\n"))
        desk.saver.save("id", "box", desk.target, replace=False)
        until(desk.files)
        desk.target.write_text("somebody else's")
        stream.script.put(None)
        assert desk.error(desk.ended()).title == "The file exists already"
        assert desk.target.read_text() == "somebody else's"
        assert desk.files() == ["box.log"]

    def test_so_does_a_link_to_nowhere_that_appeared_meanwhile(self, desk: Desk) -> None:
        stream = desk.stream(out(b"new\n"))
        desk.saver.save("id", "box", desk.target, replace=False)
        until(desk.files)
        desk.target.symlink_to("elsewhere")
        stream.script.put(None)
        assert desk.error(desk.ended()).title == "The file exists already"
        assert desk.files() == ["box.log"]

    @pytest.mark.parametrize("appears", [False, True])
    def test_without_hard_links_too(self, desk: Desk, monkeypatch: pytest.MonkeyPatch, appears: bool) -> None:
        def refuse(*_: object) -> None:
            if appears:
                desk.target.write_text("somebody else's")
            raise PermissionError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", refuse)
        progress = desk.save(out(b"new\n"), None)
        assert progress.state is (SaveState.FAILED if appears else SaveState.DONE)
        assert desk.target.read_text() == ("somebody else's" if appears else "new\n")
        assert desk.files() == ["box.log"]

    def test_a_link_is_followed_and_the_file_is_made_beside_the_real_one(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "real.log").write_text("old")
        desk.target.symlink_to(elsewhere / "real.log")
        stream = desk.stream(out(b"new\n"))
        desk.saver.save("id", "box", desk.target, replace=True)
        part = until(lambda: next((each for each in os.listdir(elsewhere) if each != "real.log"), None))
        assert part.startswith(".") and part.endswith(".part")
        stream.script.put(None)
        assert desk.ended().state is SaveState.DONE
        assert desk.target.is_symlink()
        assert (elsewhere / "real.log").read_text() == "new\n"
        assert os.listdir(elsewhere) == ["real.log"]

    def test_a_link_to_a_file_that_is_not_there_makes_it(self, desk: Desk) -> None:
        desk.target.symlink_to("new.log")
        assert desk.save(out(b"new\n"), None).state is SaveState.DONE
        assert desk.files() == ["box.log", "new.log"]
        assert desk.target.is_symlink()

    def test_the_path_that_was_asked_for_is_told(self, desk: Desk) -> None:
        desk.target.symlink_to("new.log")
        assert desk.save(None).path == desk.target

    @pytest.mark.parametrize("mask", [0o022, 0o077])
    def test_permissions_are_those_of_any_new_file_and_none_while_it_grows(
        self, desk: Desk, mask: int
    ) -> None:
        before = os.umask(mask)
        try:
            stream = desk.stream(out(b"new\n"))
            desk.saver.save("id", "box", desk.target, replace=False)
            (part,) = until(desk.files)
            until(lambda: stat.S_IMODE((desk.folder / part).stat().st_mode) == 0o600)
            stream.script.put(None)
            assert desk.ended().state is SaveState.DONE
        finally:
            os.umask(before)
        assert stat.S_IMODE(desk.target.stat().st_mode) == 0o666 & ~mask


class TestWhereItCanNotBe:
    def refused(self, desk: Desk, target: Path, title: str) -> None:
        """Refused by the saver, with or without replacing, and by the look at what is typed."""
        for replace in (False, True):
            desk.target = target
            error = desk.error(desk.save(None, replace=replace))
            assert isinstance(error, SaveFailed)
            assert error.title == title
        assert examine(target).complaint == title
        assert desk.logs.asked == []

    def test_a_folder_that_is_not_there(self, desk: Desk) -> None:
        self.refused(desk, desk.folder / "none" / "box.log", "The folder does not exist")

    def test_a_folder(self, desk: Desk) -> None:
        self.refused(desk, desk.folder, "This is a folder")

    def test_below_a_file(self, desk: Desk) -> None:
        (desk.folder / "file").touch()
        self.refused(desk, desk.folder / "file" / "box.log", "Its folder is a file")

    def test_a_pipe_or_device_which_replacing_would_destroy(self, desk: Desk) -> None:
        os.mkfifo(desk.folder / "pipe")
        self.refused(desk, desk.folder / "pipe", "This is no ordinary file")
        self.refused(desk, Path("/dev/null"), "This is no ordinary file")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)

    def test_a_link_to_itself(self, desk: Desk) -> None:
        (desk.folder / "loop").symlink_to("loop")
        self.refused(desk, desk.folder / "loop", "This is no ordinary file")

    def test_a_name_that_no_file_can_have(self, desk: Desk) -> None:
        self.refused(desk, desk.folder / "a\0b", "This can't be the name of a file")
        self.refused(desk, desk.folder / ("x" * 300), "The name is too long")

    @pytest.mark.parametrize(
        ("number", "title"),
        [
            (errno.EACCES, "No permission to write there"),
            (errno.EDQUOT, "Your disk quota is used up"),
            (errno.EIO, "The disk can't be written"),
            (errno.EROFS, "The file system is read-only"),
            (errno.ESTALE, "The file could not be saved"),
        ],
    )
    def test_what_the_file_system_answers_at_the_end_is_explained(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int, title: str
    ) -> None:
        def refuse(_: int) -> None:
            raise OSError(number, "refused")

        monkeypatch.setattr(os, "fsync", refuse)
        error = desk.error(desk.save(out(b"x\n"), None))
        assert isinstance(error, SaveFailed)
        assert error.title == title
        assert str(desk.target) in error.detail and os.strerror(number) in error.detail
        assert desk.files() == []

    def test_a_folder_of_somebody_else(self, desk: Desk) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        desk.folder.chmod(0o500)
        try:
            assert desk.error(desk.save(None)).title == "No permission to write there"
            assert examine(desk.target).complaint == "No permission to write there"
        finally:
            desk.folder.chmod(0o700)


class TestRoom:
    def test_a_disk_that_is_nearly_full_is_not_begun_on(self, desk: Desk) -> None:
        desk.free = 64 * MIB - 1
        error = desk.error(desk.save(None))
        assert error.title == "The disk is nearly full"
        assert "64.0 MiB" in error.detail
        assert desk.files() == []

    @pytest.mark.parametrize("room", [0, 1, 3 * MIB, 20 * MIB])
    def test_what_is_left_to_others_is_left(self, desk: Desk, room: int) -> None:
        start = 64 * MIB + room
        lowest = start

        def left(folder: Path) -> int:
            nonlocal lowest
            written = sum((folder / name).stat().st_size for name in os.listdir(folder))
            lowest = min(lowest, start - written)
            return start - written

        saver = LogSaver(desk.logs, desk.store, left)
        desk.stream(*[out(bytes(MIB // 2))] * 60, None)
        saver.save("id", "box", desk.target, replace=False)
        assert desk.error(desk.ended()).title == "The disk is nearly full"
        assert lowest >= 64 * MIB
        assert desk.files() == []

    def test_what_fits_exactly_is_saved(self, desk: Desk) -> None:
        desk.free = 64 * MIB + 3
        assert desk.save(out(b"123"), None).state is SaveState.DONE

    def test_a_file_system_without_figures_is_tried(self, desk: Desk) -> None:
        desk.free = None
        assert desk.save(*[out(bytes(MIB))] * 20, None).state is SaveState.DONE

    def test_free_room_is_told_to_who_types(self, desk: Desk) -> None:
        target = examine(desk.target, lambda _: 80 * MIB)
        assert (target.free_bytes, target.exists, target.complaint) == (80 * MIB, False, None)
        assert examine(desk.target, lambda _: MIB).complaint == "The disk is nearly full"
        desk.target.touch()
        assert examine(desk.target, lambda _: None).exists


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 1 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class TestRealDisks:
    def test_a_full_disk_is_a_failure_and_is_as_free_as_before(self, desk: Desk, small_disk: Path) -> None:
        before = free_bytes_in(small_disk)
        desk.target = small_disk / "box.log"
        error = desk.error(desk.save(*[out(bytes(MIB // 4))] * 8, None))
        assert isinstance(error, SaveFailed)
        assert error.title == "The disk is full"
        assert os.strerror(errno.ENOSPC) in error.detail
        assert os.listdir(small_disk) == []
        assert free_bytes_in(small_disk) == before

    def test_an_old_file_on_it_survives(self, desk: Desk, small_disk: Path) -> None:
        desk.target = small_disk / "box.log"
        desk.target.write_bytes(b"old" * 1000)
        desk.error(desk.save(*[out(bytes(MIB // 4))] * 8, None, replace=True))
        assert desk.target.read_bytes() == b"old" * 1000
        assert os.listdir(small_disk) == ["box.log"]

    def test_its_real_figures_refuse_it_before_it_is_full(self, desk: Desk, small_disk: Path) -> None:
        saver = LogSaver(desk.logs, desk.store)
        desk.stream(None)
        saver.save("id", "box", small_disk / "box.log", replace=False)
        assert desk.error(desk.ended()).title == "The disk is nearly full"
        assert examine(small_disk / "box.log").complaint == "The disk is nearly full"

    def test_a_read_only_disk_is_said(self, desk: Desk, small_disk: Path) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        desk.target = small_disk / "box.log"
        assert desk.error(desk.save(None)).title == "The file system is read-only"
        assert examine(desk.target).complaint == "The file system is read-only"


class TestEngine:
    def test_one_that_goes_away_in_the_middle_leaves_nothing(self, desk: Desk) -> None:
        error = desk.error(desk.save(out(b"one\n"), LOST))
        assert isinstance(error, SaveFailed)
        assert error.title == "The log could not be saved whole"
        assert "its stream ended" in error.detail
        assert desk.files() == []
        assert desk.logs.streams[0].is_released

    def test_its_own_words_in_the_stream_are_a_failure(self, desk: Desk) -> None:
        words = [(Stream.STDOUT, b"one\n"), (Stream.ENGINE, b"Error grabbing logs: invalid character\n")]
        error = desk.error(desk.save(words, out(b"two\n"), None))
        assert error.detail == "Error grabbing logs: invalid character"
        assert desk.files() == []

    def test_its_refusal_is_told_as_it_is(self, desk: Desk) -> None:
        gone = NoSuchContainer("No such container", "box", "Refresh", 404)
        assert desk.save(gone).error is gone
        assert desk.files() == []

    def test_what_nobody_foresaw_is_a_failure_and_the_next_one_is_saved(self, desk: Desk) -> None:
        assert "by zero" in desk.error(desk.save(ZeroDivisionError("by zero"))).detail
        assert desk.files() == []
        assert desk.save(out(b"x\n"), None).number == 2
        assert desk.target.read_bytes() == b"x\n"

    def test_a_failed_write_closes_its_stream(self, desk: Desk) -> None:
        desk.free = 64 * MIB
        stream = desk.stream(out(b"x\n"))
        desk.saver.save("id", "box", desk.target, replace=False)
        desk.error(desk.ended())
        assert stream.closed.is_set() and stream.is_released


class TestCancel:
    def test_it_ends_a_silent_stream_at_once_and_nothing_is_left(self, desk: Desk) -> None:
        stream = desk.stream(out(b"one\n"))
        desk.saver.save("id", "box", desk.target, replace=False)
        until(desk.files)
        desk.saver.cancel()
        progress = desk.ended()
        assert (progress.state, progress.error) == (SaveState.CANCELLED, None)
        assert desk.files() == []
        assert stream.closed.is_set()
        assert not desk.saver.is_running

    def test_a_stream_that_opens_after_it_is_closed(self, desk: Desk) -> None:
        stream = desk.stream()
        desk.logs.gate.clear()
        desk.saver.save("id", "box", desk.target, replace=False)
        desk.saver.cancel()
        desk.logs.gate.set()
        assert desk.ended().state is SaveState.CANCELLED
        assert stream.closed.is_set()
        assert desk.files() == []

    def test_lines_stop_to_be_taken(self, desk: Desk) -> None:
        taken = threading.Event()

        def endless() -> Iterator[bytes]:
            while True:
                yield b"again"
                taken.set()

        desk.saver.save_lines("filtered", endless(), desk.target, replace=False)
        assert taken.wait(30)
        desk.saver.cancel()
        assert desk.ended().state is SaveState.CANCELLED
        assert desk.files() == []

    def test_a_loss_that_it_causes_is_no_failure(self, desk: Desk) -> None:
        stream = desk.stream(out(b"one\n"))
        desk.saver.save("id", "box", desk.target, replace=False)
        until(desk.files)
        desk.saver._save.cancelled.set()  # type: ignore[union-attr]
        stream.script.put(LOST)
        assert desk.ended().state is SaveState.CANCELLED

    def test_it_is_harmless_when_nothing_is_saved(self, desk: Desk) -> None:
        desk.saver.cancel()
        desk.save(out(b"x\n"), None)
        desk.saver.cancel()
        assert desk.target.exists()

    def test_stopping_returns_when_the_file_is_gone(self, desk: Desk) -> None:
        desk.stream(out(b"one\n"))
        desk.saver.save("id", "box", desk.target, replace=False)
        until(desk.files)
        desk.saver.stop()
        assert desk.files() == []

    def test_stopping_does_not_wait_for_an_engine_that_does_not_answer(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tui.monitor.log_saver._STOP_SECONDS", 0.01)
        desk.stream()
        desk.logs.gate.clear()
        desk.saver.save("id", "box", desk.target, replace=False)
        desk.saver.stop()
        assert desk.saver.is_running
        assert desk.files() == []


class TestOneAtATime:
    def test_a_second_one_is_refused_and_the_first_goes_on(self, desk: Desk) -> None:
        stream = desk.stream()
        desk.saver.save("id", "box", desk.target, replace=False)
        assert desk.saver.is_running
        with pytest.raises(EnvtuiError, match="A log is being saved already"):
            desk.saver.save("id", "box", desk.target, replace=False)
        with pytest.raises(EnvtuiError) as refused:
            desk.saver.save_lines("other", [], desk.target, replace=False)
        assert refused.value.detail == "box"
        stream.script.put(out(b"x\n"))
        stream.script.put(None)
        assert desk.ended().state is SaveState.DONE

    def test_whoever_hears_of_the_end_may_begin_the_next(self, desk: Desk) -> None:
        for number in range(1, 30):
            desk.target = desk.folder / f"{number}.log"
            assert desk.save(None).number == number


class TestProgress:
    def test_it_begins_with_nothing_and_ends_with_everything(self, desk: Desk) -> None:
        desk.save(out(b"12345"), None)
        assert desk.store.told == [
            SaveProgress(1, "box", desk.target),
            SaveProgress(1, "box", desk.target, 5, SaveState.DONE),
        ]

    def test_a_flood_is_told_five_times_a_second(self, desk: Desk) -> None:
        def lines() -> Iterator[bytes]:
            for _ in range(1000):
                desk.now += 0.01
                yield b"123456789"

        desk.save_lines(lines())
        running = [each.written_bytes for each in desk.store.told if not each.is_over]
        assert running[0] == 0
        assert 45 <= len(running) <= 51
        assert running == sorted(running)

    def test_a_failure_tells_how_far_it_came(self, desk: Desk) -> None:
        assert desk.save(out(b"12345"), LOST).written_bytes == 5

    def test_its_error_keeps_no_lines_alive(self, desk: Desk) -> None:
        assert desk.error(desk.save(out(b"12345"), LOST)).__traceback__ is None

    def test_the_topic_is_like_any_other(self, desk: Desk) -> None:
        topic: Topic[SaveProgress] = SAVING
        desk.save(None)
        snapshot: Snapshot[SaveProgress] | None = desk.store.get(topic)
        assert snapshot is not None and snapshot.error is None


class TestMonitor:
    def test_it_has_a_saver_where_there_are_logs(self, desk: Desk) -> None:
        demo = open_demo(DemoWorld())
        bare = Workstation("bare", demo.engine, demo.containers, demo.statistics)
        assert Monitor(bare).saver is None
        able = Workstation("able", demo.engine, demo.containers, demo.statistics, desk.logs)
        assert Monitor(able).saver is not None

    def test_its_end_ends_a_save(self, desk: Desk) -> None:
        demo = open_demo(DemoWorld())
        monitor = Monitor(Workstation("able", demo.engine, demo.containers, demo.statistics, desk.logs))
        assert monitor.saver is not None
        stream = desk.stream(out(b"x\n"))
        monitor.saver.save("id", "box", desk.target, replace=False)
        until(desk.files)
        monitor.stop()
        assert desk.files() == []
        assert stream.closed.is_set()
        progress = monitor.store.value(SAVING)
        assert progress is not None and progress.state is SaveState.CANCELLED
