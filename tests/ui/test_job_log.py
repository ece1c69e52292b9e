"""What a job prints, as lines."""

from __future__ import annotations

from tui.ui.job_log import JobLog


def lines(*pieces: bytes) -> list[str]:
    """Of a log that grows piece by piece."""
    log, known = JobLog(), b""
    for piece in pieces:
        known += piece
        log.take(known, 0)
    return log.lines


def test_progress_that_overwrites_itself_is_one_line() -> None:
    assert lines(b"fetch 1%\r", b"fetch 50%\rfetch 10", b"0%\r\ndone\n") == ["fetch 100%", "done"]


def test_the_last_line_is_there_before_it_ends() -> None:
    assert lines(b"one\nSolving environment: ") == ["one", "Solving environment: "]


def test_a_character_in_two_pieces_is_one() -> None:
    assert lines(b"\xe6\xb0", b"\xb4\n") == ["水"]


def test_nothing_drives_the_terminal() -> None:
    assert lines(b"\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m\x08\x00\n") == ["red␈"]


def test_what_is_known_is_not_taken_twice() -> None:
    log = JobLog()
    assert log.take(b"one\n", 0)
    assert not log.take(b"one\n", 0)
    assert log.take(b"one\ntwo\n", 0)
    assert log.lines == ["one", "two"]


def test_what_was_dropped_in_front_is_known_already() -> None:
    log = JobLog()
    log.take(b"one\ntwo\n", 0)
    log.take(b"two\nthree\n", 4)
    assert log.lines == ["one", "two", "three"]


def test_what_nobody_saw_is_counted() -> None:
    log = JobLog()
    log.take(b"one\n", 0)
    log.take(b"far\n", 2052)
    assert log.lines == ["one", "", "… 2.00 KiB are not shown", "far"]


def test_it_is_bounded() -> None:
    log = JobLog()
    log.take(b"x" * 1_000_000 + b"\n" + b"y\n" * 10_000, 0)
    assert len(log.lines) == 4000
    log.take(b"z" * 1_000_000, 1_020_001)
    assert len(log.lines[-1]) == 2000
