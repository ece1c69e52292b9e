"""The diagnostic log: everything goes there, nothing to the terminal, and it never gets in the way."""

from __future__ import annotations

import logging
import os
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui import diagnostics


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    yield
    diagnostics.stop()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log file that diagnostics go to, in a folder that is not there yet."""
    path = tmp_path / "state" / "envtui" / "envtui.log"
    diagnostics.start(path)
    return path


class CannotBeShown:
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


def test_nothing_is_touched_before_the_first_record(log: Path) -> None:
    assert not log.parent.parent.exists()
    diagnostics.logger("monitor").warning("a")
    assert log.exists()


def test_a_record_is_a_line_with_time_level_name_and_thread(log: Path) -> None:
    diagnostics.logger("monitor").warning("poller %s is late by %d s", "containers", 3)
    line = log.read_text()
    assert line.endswith(" WARNING envtui.monitor [MainThread] poller containers is late by 3 s\n")
    assert line.count("\n") == 1 and line[:2] == "20"


def test_file_and_folder_are_for_this_user_alone(log: Path) -> None:
    diagnostics.logger("a").error("b")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "envtui.log"
    path.touch(0o644)
    path.chmod(0o644)
    diagnostics.start(path)
    diagnostics.logger("a").error("b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_printed(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    diagnostics.logger("a").critical("ours")
    logging.getLogger("somebody.else").error("theirs")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("a library's advice", UserWarning, stacklevel=1)
    diagnostics.record_exception("painting", ValueError("bad"))
    assert capfd.readouterr() == ("", "")
    text = log.read_text()
    assert all(word in text for word in ("ours", "theirs", "a library's advice", "painting"))


def test_nothing_is_printed_without_a_start_either(capfd: pytest.CaptureFixture[str]) -> None:
    diagnostics.logger("a").critical("ours")
    diagnostics.record_exception("painting", ValueError("bad"))
    assert capfd.readouterr() == ("", "")


def test_our_records_come_once_and_infos_of_others_not_at_all(log: Path) -> None:
    diagnostics.logger("a").info("ours")
    logging.getLogger("somebody").info("theirs")
    assert log.read_text().count("ours") == 1 and "theirs" not in log.read_text()


def test_an_exception_is_written_with_its_traceback(log: Path) -> None:
    try:
        raise KeyError("missing-key")
    except KeyError as error:
        diagnostics.record_exception("drawing the list", error)
    head, *rest = log.read_text().splitlines()
    assert head.endswith("drawing the list")
    assert all(line.startswith("  | ") for line in rest)
    assert rest[0] == "  | Traceback (most recent call last):" and "KeyError: 'missing-key'" in rest[-1]


def test_control_characters_are_written_out(log: Path) -> None:
    diagnostics.logger("a").error("one\ntwo\x1b[2J\x07 \x9b \u202e \ud800 héé 中")
    assert log.read_text().count("\n") == 1
    assert log.read_text().endswith("one\\ntwo\\x1b[2J\\x07 \\x9b \\u202e \\ud800 héé 中\n")


def test_a_message_can_not_forge_a_record(log: Path) -> None:
    forged = "2026-01-01 00:00:00.000 INFO envtui [x] all is well"
    diagnostics.record_exception(f"a\n{forged}", ValueError(f"b\n{forged}\r{forged}"))
    assert not any(line.startswith("2026-01-01") for line in log.read_text().splitlines())


@pytest.mark.parametrize("arguments", [("%d", "x"), ("%s %s", "x"), ("%s", CannotBeShown())])
def test_a_record_that_can_not_be_formatted_says_where_it_came_from(
    log: Path,
    arguments: tuple[object, ...],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = logging.getLogger("envtui")
    # pytest hangs a handler of its own on each logger, which raises for such records
    ours = [handler for handler in own.handlers if not type(handler).__module__.startswith("_pytest")]
    monkeypatch.setattr(own, "handlers", ours)
    diagnostics.logger("a").error(*arguments)
    assert "test_diagnostics.py" in log.read_text()
    assert capfd.readouterr() == ("", "")


def test_a_huge_message_is_cut_and_says_so(log: Path) -> None:
    diagnostics.logger("a").error("x" * 5_000_000)
    diagnostics.record_exception("reading", ValueError("y" * 5_000_000 + "THE END"))
    assert log.stat().st_size < 50_000
    assert "characters more)" in log.read_text() and "THE END" in log.read_text()


def test_the_log_is_three_files_of_a_megabyte(log: Path) -> None:
    for _ in range(300):
        diagnostics.logger("a").error("x" * 15_000)
    files = sorted(log.parent.iterdir())
    assert [file.name for file in files] == ["envtui.log", "envtui.log.1", "envtui.log.2"]
    for file in files:
        assert file.stat().st_size <= 1_000_000
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["below a file", "a folder", "read-only"])
def test_where_it_can_not_be_written_it_goes_nowhere(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    path = {
        "below a file": tmp_path / "file" / "envtui.log",
        "a folder": tmp_path / "folder",
        # also for root, and no file can be made below it
        "read-only": Path("/proc/self/envtui/envtui.log"),
    }[kind]
    diagnostics.start(path)
    diagnostics.logger("a").error("b")
    diagnostics.record_exception("c", ValueError("d"))
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "file").read_text() == "mine"


def test_it_goes_on_when_the_disk_has_room_again(tmp_path: Path) -> None:
    blocker = tmp_path / "state"
    blocker.write_text("")
    diagnostics.start(blocker / "envtui.log")
    diagnostics.logger("a").error("lost")
    blocker.unlink()
    diagnostics.logger("a").error("kept")
    assert "kept" in (blocker / "envtui.log").read_text()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    diagnostics.start(Path("/dev/full"))
    diagnostics.logger("a").error("x" * 10_000)
    diagnostics.stop()
    assert capfd.readouterr() == ("", "")


def test_a_thread_that_dies_is_recorded(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ZeroDivisionError("in a thread")

    thread = threading.Thread(target=fail, name="poll-containers")
    thread.start()
    thread.join()
    assert "thread poll-containers ended" in log.read_text()
    assert "ZeroDivisionError: in a thread" in log.read_text()
    assert capfd.readouterr() == ("", "")


def test_a_thread_that_exits_on_purpose_is_not_recorded(log: Path) -> None:
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    assert not log.exists()


def test_an_exception_that_nobody_can_catch_is_recorded(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class Fails:
        def __del__(self) -> None:
            raise ZeroDivisionError("in a finalizer")

    holder = [Fails()]
    holder.clear()
    assert "ZeroDivisionError: in a finalizer" in log.read_text()
    assert capfd.readouterr() == ("", "")


def test_a_second_start_moves_the_log(log: Path, tmp_path: Path) -> None:
    diagnostics.logger("a").error("first")
    diagnostics.start(tmp_path / "other.log")
    diagnostics.logger("a").error("second")
    assert "second" not in log.read_text()
    assert (tmp_path / "other.log").read_text().count("second") == 1


def test_stop_puts_the_hooks_back(tmp_path: Path) -> None:
    hooks = threading.excepthook, sys.unraisablehook, warnings.showwarning
    handlers = list(logging.getLogger().handlers)
    diagnostics.start(tmp_path / "envtui.log")
    assert threading.excepthook is not hooks[0] and sys.unraisablehook is not hooks[1]
    diagnostics.stop()
    assert (threading.excepthook, sys.unraisablehook, warnings.showwarning) == hooks
    assert logging.getLogger().handlers == handlers
