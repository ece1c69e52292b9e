"""A command between pipes: streams apart, status passed on, not a byte of ours."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.rig.waiting import until
from tests.terminal.making import ROOT, command, environment, is_gone


def _start(
    folder: Path, argv: Sequence[str], options: Sequence[str] = (), stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(folder / "report", argv, ["--pump", *options]),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
        bufsize=0,
    )


def _report(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report").read_text())
    assert report["threads"] == [] and report["left"][0] == 0 and report["left"][1] <= 0 and report["closed"]
    return report


def test_streams_stay_apart_and_the_status_comes_back(tmp_path: Path) -> None:
    with _start(tmp_path, ["sh", "-c", "printf out; printf err >&2; exit 7"]) as program:
        assert program.communicate(timeout=60) == (b"out", b"err")
    assert program.returncode == 7
    _report(tmp_path)


def test_signal_of_the_far_side_is_passed_on_as_status(tmp_path: Path) -> None:
    with _start(tmp_path, ["sh", "-c", "kill -TERM $$"]) as program:
        assert program.communicate(timeout=60) == (b"", b"")
    assert program.returncode == 143
    assert _report(tmp_path)["reason"] == "signal"


def test_hundred_megabytes_pass_intact_both_ways(tmp_path: Path) -> None:
    block = os.urandom(1 << 20)
    wanted, got = hashlib.sha256(), hashlib.sha256()
    with _start(tmp_path, ["cat"], stdin=subprocess.PIPE) as program:
        assert program.stdin and program.stdout

        def feed() -> None:
            assert program.stdin
            for _ in range(100):
                wanted.update(block)
                rest = memoryview(block)
                while rest:
                    rest = rest[program.stdin.write(rest) or 0 :]
            program.stdin.close()

        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        while data := program.stdout.read(1 << 16):
            got.update(data)
        feeder.join(60)
        assert program.wait(60) == 0
    assert got.digest() == wanted.digest()
    assert _report(tmp_path)["sent"] == 100 << 20


def test_standard_input_that_stays_open_is_not_waited_for(tmp_path: Path) -> None:
    with _start(tmp_path, ["sh", "-c", "exit 3"], stdin=subprocess.PIPE) as program:
        assert program.wait(60) == 3
        assert program.stdin
        program.stdin.close()
    _report(tmp_path)


@pytest.mark.parametrize("descriptor", [0, 987], ids=["/dev/null", "closed"])
def test_command_sees_the_end_of_an_input_that_has_nothing(tmp_path: Path, descriptor: int) -> None:
    with _start(tmp_path, ["wc", "-c"], options=["--input", str(descriptor)]) as program:
        assert program.communicate(timeout=60) == (b"0\n", b"")
    assert program.returncode == 0
    _report(tmp_path)


def test_reader_that_has_enough_ends_the_command(tmp_path: Path) -> None:
    with _start(tmp_path, ["yes"]) as program:
        assert program.stdout and program.stderr
        assert program.stdout.read(2) == b"y\n"
        program.stdout.close()
        assert program.wait(60) == 255
        assert program.stderr.read() == b""
    assert _report(tmp_path)["reason"] == "closed"


def test_messages_that_nobody_reads_do_not_end_the_command(tmp_path: Path) -> None:
    script = "echo begun; read -r line; for n in $(seq 1000); do echo message $n >&2; done; echo end"
    with _start(tmp_path, ["sh", "-c", script], stdin=subprocess.PIPE) as program:
        assert program.stdin and program.stdout and program.stderr
        assert program.stdout.read(6) == b"begun\n"
        program.stderr.close()
        program.stdin.write(b"\n")
        assert program.stdout.read(100) == b"end\n"
        assert program.wait(60) == 0
        program.stdin.close()
    _report(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_command_and_is_told_as_status(tmp_path: Path, number: signal.Signals) -> None:
    script = "echo begun; exec sleep 1000"
    with _start(tmp_path, ["sh", "-c", script], stdin=subprocess.PIPE) as program:
        assert program.stdin and program.stdout and program.stderr
        assert program.stdout.read(6) == b"begun\n"
        program.send_signal(number)
        assert program.wait(60) == 128 + number
        assert program.stderr.read() == b""
        program.stdin.close()
    pid = json.loads((tmp_path / "report.begun").read_text())["pid"]
    until(lambda: is_gone(pid), message="the far side is hung up")
    assert _report(tmp_path)["signal"] == number.name.removeprefix("SIG")


def test_far_side_that_takes_nothing_is_no_reason_to_hang(tmp_path: Path) -> None:
    with _start(tmp_path, ["sh", "-c", "echo begun; exec sleep 1000"], stdin=subprocess.PIPE) as program:
        assert program.stdin and program.stdout
        assert program.stdout.read(6) == b"begun\n"
        os.set_blocking(program.stdin.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while program.stdin.write(bytes(1 << 16)):
                pass
        program.terminate()
        assert program.wait(60) == 143
        program.stdin.close()
    _report(tmp_path)


def test_reader_that_takes_nothing_is_no_reason_to_hang(tmp_path: Path) -> None:
    with _start(tmp_path, ["yes"]) as program:
        assert program.stdout
        assert program.stdout.read(2) == b"y\n"
        program.terminate()
        assert program.wait(60) == 143
    _report(tmp_path)
