"""`envtui logs` gives pipes what `docker logs` gives, terminals nothing that drives them, scripts JSON."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.engine import hostile
from tests.engine.program import ENVTUI, PATIENCE_SECONDS, on_terminal, run
from tests.rig.engine import PrivateEngine
from tests.rig.image import find_program
from tests.rig.proxy import EngineProxy
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until
from tui.model.logs import Stream

Program = subprocess.Popen[bytes]
NO_NETWORK = ("--network", "none")
# The default driver, json-file, keeps no bytes that are no text, nor a character where it cuts a line.
ALL_BYTES = ("--log-driver", "local")
# All that a log may be made of: both streams, colours, a progress bar, bytes that are no text, empty lines,
# lines that the engine cuts (each 16 KiB), with a newline and a character at the cut, no newline at the end.
OUT = (
    b"plain\n\n\x1b[31mred\x1b[0m\tend\n 10%\r 50%\r100%\n"
    + b"\xff\xfe\x80 no text \xe4\n"
    + b"x" * 100_000
    + b"\n"
    + b"y" * ((16 << 10) - 1)
    + "é".encode()
    + b"\n"
    + b"z" * (16 << 10)
    + b"\n"
    + b"2026-05-31T08:00:00.000000000Z as if it were a time\n"
    + b"unfinished"
)
ERR = b"\x00warning\x07\n" + b"e" * 20_000 + b"\nno end"
# What a terminal would obey, one kind a line; `after` must stay on screen.
OBEYED = {
    "title": b"\x1b]0;OWNED\x07",
    "link": b"\x1b]8;;http://evil.example/\x1b\\link\x1b]8;;\x1b\\",
    "clipboard": b"\x1b]52;c;ZXZpbA==\x07",
    "device control": b'\x1bP$q"p\x1b\\',
    "sixel": b"\x1bPq#0;2;0;0;0~\x1b\\",
    "application": b"\x1b_Gf=24;AAAA\x1b\\\x1b^private\x1b\\\x1bXstart\x1b\\",
    "alternate screen": b"\x1b[?1049h\x1b[?47h",
    "mouse and paste": b"\x1b[?1000h\x1b[?1006h\x1b[?2004h",
    "cursor": b"\x1b[10A\x1b[5;5H\x1b[2J\x1b[K\x1b7\x1b8\x1b[s\x1b[u\x1bM\x1bc",
    "scroll region": b"\x1b[1;5r\x1b[3S\x1b[4L",
    "device queries": b"\x1b[c\x1b[>c\x1b[5n\x1b[6n\x1b[?6n\x1b[0x\x1b]10;?\x07\x1bZ\x1b[21t",
    "keyboard": b"\x1b[>1u\x1b[=5u\x1b[?1h\x1b=",
    "character sets": b"\x0e\x1b(0\x1bn\x1b#8",
    "C1 as bytes": b"\x9b2J\x9d0;OWNED\x9c\x90q\x9c",
    "C1 as characters": "\x9b2J\x9d0;OWNED\x9c\x90q\x9c\x85\x84\x8d".encode(),
    "controls": b"\x07\x08\x08\x05\x0b\x0c\x7f\x00",
    "never ends": b"\x1b]0;OWNED",
    "broken off": b"\x1b[12;\x18\x1b]52;c;\x1a\x1b",
}


# -- for pipes: what docker gives


@pytest.mark.by_default("streams-bare", "terminal-timed")
@pytest.mark.parametrize("timestamps", [(), ("--timestamps",)], ids=["bare", "timed"])
@pytest.mark.parametrize("terminal", [(), ("--tty",)], ids=["streams", "terminal"])
def test_pipes_get_dockers_bytes(
    clean_engine: PrivateEngine, terminal: tuple[str, ...], timestamps: tuple[str, ...]
) -> None:
    wrote(clean_engine, "box", OUT, ERR, *terminal)
    assert logs(clean_engine, "box", *timestamps) == dockers(clean_engine, "box", *timestamps)


def test_followed_to_its_end_a_log_is_the_same(clean_engine: PrivateEngine) -> None:
    wrote(clean_engine, "box", OUT, ERR)
    told = logs(clean_engine, "box", "-f")
    assert told == logs(clean_engine, "box") == dockers(clean_engine, "box")
    assert 0 < told[0].count(b"\n") == OUT.count(b"\n")


def test_both_streams_in_one_file_stay_in_order(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("box", ("sh", "-c", "for n in $(seq 500); do echo o$n; echo e$n >&2; done"))
    clean_engine.docker("wait", "box")
    expected = subprocess.run(
        docker_command(clean_engine, "logs", "box"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    )
    done = subprocess.run(
        command(clean_engine, "logs", "box"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
    )
    assert done.stdout == expected.stdout


@pytest.mark.by_default("1-timed", "2-bare")
@pytest.mark.parametrize("timestamps", [(), ("-t",)], ids=["bare", "timed"])
@pytest.mark.parametrize("piped", [1, 2])
def test_beside_a_terminal_a_pipe_gets_dockers_bytes(
    clean_engine: PrivateEngine, tmp_path: Path, piped: int, timestamps: tuple[str, ...]
) -> None:
    wrote(clean_engine, "box", OUT, ERR)
    line = f"{shlex.join(command(clean_engine, 'logs', 'box', *timestamps))} {piped}>{tmp_path}/file"
    with TerminalSession(["sh", "-c", line]) as session:
        assert session.wait_exit() == 0
        assert (tmp_path / "file").read_bytes() == dockers(clean_engine, "box", *timestamps)[piped - 1]
        shown = harmless(session)
        assert ("plain" in shown) == (piped == 2) and ("warning" in shown) == (piped == 1)
        assert bool(re.search(r"^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z \S", shown)) == bool(timestamps)


@pytest.mark.by_default("/box", "prefix")
@pytest.mark.parametrize("name", ["box", "/box", "id", "prefix"])
def test_the_engine_resolves_what_is_named(clean_engine: PrivateEngine, name: str) -> None:
    identity = wrote(clean_engine, "box", b"hello\n")
    named = {"id": identity, "prefix": identity[:6]}.get(name, name)
    assert logs(clean_engine, named) == (b"hello\n", b"")


# -- a part of it


@pytest.mark.by_default("0", "7", "all")
@pytest.mark.parametrize("count", ["0", "1", "7", "100", "99999999999", "all"])
def test_tail(clean_engine: PrivateEngine, count: str) -> None:
    wrote(clean_engine, "box", b"".join(b"line %d\n" % number for number in range(50)))
    told = logs(clean_engine, "box", "--tail", count)
    assert told == dockers(clean_engine, "box", "--tail", count) == logs(clean_engine, "box", "-n", count)
    assert told[0].count(b"\n") == min(50, int(count) if count.isdigit() else 50)


def test_since_and_until_are_exact(clean_engine: PrivateEngine) -> None:
    wrote(clean_engine, "box", b"".join(b"line %d\n" % number for number in range(50)))
    timed = logs(clean_engine, "box", "-t")[0].splitlines(keepends=True)
    first, last = (timed[number].split(b" ")[0].decode() for number in (20, 30))

    def told(*arguments: str) -> list[bytes]:
        return logs(clean_engine, "box", *arguments)[0].splitlines(keepends=True)

    bare = [line.partition(b" ")[2] for line in timed]
    assert told("--since", first) == bare[20:]
    assert told("--until", last) == bare[:31]
    assert told("--since", first, "--until", last) == bare[20:31]
    # the same moment as others write it
    assert told("--since", unix_seconds(first)) == told("--since", first.replace("Z", "+00:00")) == bare[20:]
    assert told("--since", "2h", "--until", "0s") == told("--since", "1d") == bare
    assert told("--until", "1h") == told("--since", "2100-01-01") == []


def test_a_time_without_a_zone_is_local(clean_engine: PrivateEngine) -> None:
    wrote(clean_engine, "box", b"hello\n")
    at = datetime.fromisoformat(objects(logs(clean_engine, "box", "--json"))[0]["time"][:26] + "+00:00")
    for seconds, since, until_then in ((-2, b"hello\n", b""), (2, b"", b"hello\n")):
        tokyos = (at + timedelta(hours=9, seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
        for option, expected in (("--since", since), ("--until", until_then)):
            line = command(clean_engine, "logs", "box", option, tokyos)
            environment = {**os.environ, "TZ": "Asia/Tokyo"}
            done = subprocess.run(line, env=environment, capture_output=True, check=True)
            assert done.stdout == expected


# -- for terminals


@pytest.mark.parametrize("terminal", [(), ("--tty",)], ids=["streams", "terminal"])
def test_a_log_does_not_drive_the_terminal(clean_engine: PrivateEngine, terminal: tuple[str, ...]) -> None:
    lines = [b"before " + name.encode() + b"\n" + text + b"\nafter\n" for name, text in OBEYED.items()]
    foreign = [text.encode("utf-8", "surrogatepass") + b"\n" for text in hostile.TEXTS.values()]
    everything = b"".join([*lines, *foreign])
    wrote(clean_engine, "box", everything, everything, *terminal)
    with on_terminal("--host", clean_engine.host, "logs", "box", rows=100) as session:
        assert session.wait_exit() == 0
        shown = harmless(session)
        hostile.assert_nothing_interpreted(session)
        assert session.private_modes() == {}
        for name in OBEYED:
            assert shown.count(f"before {name}\r\n") == 2, name
        assert shown.count("\r\nafter\r\n") == 2 * len(OBEYED)
        assert "link" in shown and "模型训练" in shown


@pytest.mark.by_default("16365", "16372", "16379", "16384")
@pytest.mark.parametrize("before", range((16 << 10) - 19, (16 << 10) + 1))
def test_a_sequence_that_the_engine_cuts_is_still_one(clean_engine: PrivateEngine, before: int) -> None:
    wrote(clean_engine, "box", b"a" * before + b"\x1b]52;c;ZXZpbA==\x07\xf0\x9f\x90\xb3\n", b"", *ALL_BYTES)
    with on_terminal("--host", clean_engine.host, "logs", "box") as session:
        assert session.wait_exit() == 0, session.dump()
        assert harmless(session) == "a" * before + "\N{SPOUTING WHALE}\r\n"


@pytest.mark.parametrize("terminal", [(), ("--tty",)], ids=["streams", "terminal"])
def test_colours_stay_and_end_with_their_line(clean_engine: PrivateEngine, terminal: tuple[str, ...]) -> None:
    wrote(
        clean_engine,
        "box",
        b"\x1b[1;31mred\x1b[2K and\x1b[0m plain\n\x1b[38:5:208morange\nplain\n",
        b"",
        *terminal,
    )
    with on_terminal("--host", clean_engine.host, "logs", "box") as session:
        assert session.wait_exit() == 0
        assert session.raw == (
            b"\x1b[1;31mred and\x1b[0m plain\x1b[m\r\n\x1b[38:5:208morange\x1b[m\r\nplain\r\n"
        )


@pytest.mark.parametrize("terminal", [(), ("--tty",)], ids=["streams", "terminal"])
def test_a_progress_bar_shows_its_last_state_and_a_last_line_needs_no_end(
    clean_engine: PrivateEngine, terminal: tuple[str, ...]
) -> None:
    bar = b"".join(b"%d%% of it\r" % percent for percent in range(10_000))
    wrote(clean_engine, "box", bar + b"done\n\none\r\ntwo: ", b"", *terminal)
    with on_terminal("--host", clean_engine.host, "logs", "box") as session:
        assert session.wait_exit() == 0
        assert session.raw == b"done\r\n\r\none\r\ntwo: \r\n"


def test_streams_keep_their_order_on_a_terminal(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("box", ("sh", "-c", "for n in $(seq 200); do echo o$n; echo e$n >&2; done"))
    clean_engine.docker("wait", "box")
    merged = subprocess.run(
        docker_command(clean_engine, "logs", "box"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    ).stdout
    with on_terminal("--host", clean_engine.host, "logs", "box") as session:
        assert session.wait_exit() == 0
        assert session.raw == merged.replace(b"\n", b"\r\n")


# -- for scripts


@pytest.mark.parametrize("terminal", [(), ("--tty",)], ids=["streams", "terminal"])
def test_json_tells_each_line(clean_engine: PrivateEngine, terminal: tuple[str, ...]) -> None:
    wrote(clean_engine, "box", OUT, ERR, *terminal)
    told = objects(logs(clean_engine, "box", "--json"))

    out = [
        "plain", "", "\x1b[31mred\x1b[0m\tend", "100%", "\ufffd\ufffd\ufffd no text \ufffd", "x" * 100_000,
        # the engine cut the character, and keeps no half of one
        "y" * ((16 << 10) - 1) + "\ufffd\ufffd", "z" * (16 << 10),
        "2026-05-31T08:00:00.000000000Z as if it were a time",
    ]  # fmt: skip
    if terminal:
        # one stream: what came last goes on with what came before
        err = ["unfinished\x00warning\x07", "e" * 20_000, "no end"]
        assert [each["text"] for each in told] == out + err
        assert {each["stream"] for each in told} == {"stdout"}
    else:
        by_stream = {
            name: [each["text"] for each in told if each["stream"] == name] for name in ("stdout", "stderr")
        }
        assert by_stream == {
            "stdout": [*out, "unfinished"],
            "stderr": ["\x00warning\x07", "e" * 20_000, "no end"],
        }
    assert all(list(each) == ["time", "stream", "text"] for each in told)


def test_json_tells_times_as_the_engine_wrote_them(clean_engine: PrivateEngine) -> None:
    wrote(clean_engine, "box", b"one\ntwo\nthree\n")
    written = [line.split()[0].decode() for line in dockers(clean_engine, "box", "-t")[0].splitlines()]
    assert [each["time"] for each in objects(logs(clean_engine, "box", "--json"))] == written
    assert logs(clean_engine, "box", "--json", "-t") == logs(clean_engine, "box", "--json")


def test_json_has_nothing_that_a_terminal_obeys(clean_engine: PrivateEngine) -> None:
    wrote(clean_engine, "box", b"".join(text + b"\n" for text in OBEYED.values()))
    told, _ = logs(clean_engine, "box", "--json")
    assert set(told) <= {*range(0x20, 0x7F), ord("\n")}


# -- as it goes on


def test_a_followed_log_comes_as_it_is_written_and_ends_with_its_container(
    clean_engine: PrivateEngine,
) -> None:
    told_what_to_say(clean_engine, "box")
    with following(clean_engine, "box") as program:
        assert program.stdout and program.stderr
        for word in ("one", "two"):
            say(clean_engine, "box", word)
            assert program.stdout.readline() == f"{word}\n".encode()
        assert program.poll() is None
        clean_engine.docker("kill", "box")
        assert (program.stdout.read(), program.stderr.read()) == (b"", b"")
        assert program.wait(PATIENCE_SECONDS) == 0


def test_a_followed_log_ends_with_a_container_that_is_removed(clean_engine: PrivateEngine) -> None:
    told_what_to_say(clean_engine, "box", "--rm")
    with following(clean_engine, "box", "--json") as program:
        assert program.stdout and program.stderr
        say(clean_engine, "box", "one")
        assert json.loads(program.stdout.readline())["text"] == "one"
        clean_engine.docker("kill", "box")
        assert (program.wait(PATIENCE_SECONDS), program.stderr.read()) == (0, b"")


def test_a_followed_log_ends_when_its_container_starts_again(clean_engine: PrivateEngine) -> None:
    told_what_to_say(clean_engine, "box")
    with following(clean_engine, "box") as program:
        assert program.stdout and program.stderr
        say(clean_engine, "box", "one")
        assert program.stdout.readline() == b"one\n"
        clean_engine.docker("restart", "--time", "0", "box")
        assert (program.wait(PATIENCE_SECONDS), program.stderr.read()) == (0, b"")


def test_ctrl_c_ends_a_followed_log_quietly(clean_engine: PrivateEngine) -> None:
    told_what_to_say(clean_engine, "box")
    with on_terminal("--host", clean_engine.host, "logs", "-f", "--tail", "1", "box") as session:
        say(clean_engine, "box", "one")
        session.wait_for("^one$")
        session.press("ctrl+c")
        assert session.wait_exit() == 130
        assert session.raw.replace(b"^C", b"") == b"one\r\n"


def test_ctrl_c_does_not_wait_for_a_reader_that_stopped_reading(clean_engine: PrivateEngine) -> None:
    flood(clean_engine, "box")
    with following(clean_engine, "box") as program:
        assert program.stdout and program.stderr
        assert program.stdout.read(1) == b"1"
        until(lambda: is_blocked_writing(program.pid), PATIENCE_SECONDS, "the pipe is full")
        program.send_signal(signal.SIGINT)
        assert (program.wait(PATIENCE_SECONDS), program.stderr.read()) == (130, b"")


@pytest.mark.parametrize("option", ["--tail=all", "--follow", "--json"])
def test_a_reader_that_has_enough_is_not_complained_to(clean_engine: PrivateEngine, option: str) -> None:
    flood(clean_engine, "box")
    line = f"{shlex.join(command(clean_engine, 'logs', 'box', option))} | head -n 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    assert (done.stdout.count(b"\n"), done.stderr) == (1, b"")


# -- mistakes, and what breaks


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tail", "x"), ("--tail", "'x'", "a number of lines")),
        (("--tail=-1",), ("--tail", "'-1'", "a number of lines")),
        (("--since", "soon"), ("--since", "'soon'", "2026-05-31T08:00:00Z", "1h30m")),
        (("--until", "2026-02-30"), ("--until", "'2026-02-30'", "2026-05-31T08:00:00Z")),
        (("--until", "\x1b[2J"), ("--until", "Unix seconds")),
    ],
)
def test_what_cannot_be_meant_ends_in_one_line(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = run("--host", "unix:///nonexistent/docker.sock", "logs", "box", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    one_line_about(done.stderr, *words)


@pytest.mark.by_default("nobody-once", "..-followed", "box/json?-once", "\\x1b]0;x\\x07-followed")
@pytest.mark.parametrize("follow", [(), ("-f",)], ids=["once", "followed"])
@pytest.mark.parametrize("name", ["nobody", "", "..", "a/../b", "box/json?", "\x1b]0;x\x07", "-"])
def test_who_is_not_there_ends_in_one_line(
    clean_engine: PrivateEngine, name: str, follow: tuple[str, ...]
) -> None:
    wrote(clean_engine, "box", b"hello\n")
    done = run("--host", clean_engine.host, "logs", *follow, "--", name)
    assert (done.returncode, done.stdout) == (1, "")
    one_line_about(done.stderr, "No such container", "envtui ps --all")


def test_the_beginning_of_two_ids_ends_in_one_line(clean_engine: PrivateEngine) -> None:
    digits = [identity[0] for identity in clean_engine.create_many(17, "box", start=False)]
    twice = next(digit for digit in digits if digits.count(digit) > 1)
    done = run("--host", clean_engine.host, "logs", twice)
    assert (done.returncode, done.stdout) == (1, "")
    one_line_about(done.stderr, twice)


def test_a_driver_that_keeps_nothing_ends_in_one_line(clean_engine: PrivateEngine) -> None:
    wrote(clean_engine, "box", b"hello\n", b"", "--log-driver", "none")
    done = run("--host", clean_engine.host, "logs", "box")
    assert (done.returncode, done.stdout) == (1, "")
    one_line_about(done.stderr, "can't be read", "does not support reading", "driver")


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["bytes", "json"])
def test_a_log_that_breaks_off_does_not_look_complete(
    clean_engine: PrivateEngine, proxy: EngineProxy, form: tuple[str, ...]
) -> None:
    size = flood(clean_engine, "box")
    line = [*ENVTUI, "--host", proxy.host, "logs", "box", *form]
    with started(line) as program:
        assert program.stdout and program.stderr
        begun = program.stdout.read(1)
        until(lambda: is_blocked_writing(program.pid), PATIENCE_SECONDS, "the pipe is full")
        proxy.cut()
        told = begun + program.stdout.read()
        assert program.wait(PATIENCE_SECONDS) == 1
        one_line_about(program.stderr.read().decode(), "The log broke off", "not all of it")
        assert 0 < len(told) < size


@pytest.mark.parametrize("gone", [False, True], ids=["connection", "engine"])
def test_a_followed_log_that_breaks_off_is_told(
    clean_engine: PrivateEngine, proxy: EngineProxy, gone: bool
) -> None:
    told_what_to_say(clean_engine, "box")
    line = [*ENVTUI, "--host", proxy.host, "logs", "-f", "box"]
    with started(line) as program:
        assert program.stdout and program.stderr
        say(clean_engine, "box", "one")
        assert program.stdout.readline() == b"one\n"
        proxy.cut_requests = gone
        proxy.cut()
        assert (program.stdout.read(), program.wait(PATIENCE_SECONDS)) == (b"", 1)
        one_line_about(program.stderr.read().decode(), "The log broke off", "not all of it")


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["bytes", "json"])
def test_the_engines_own_words_are_told_and_the_log_goes_on(
    clean_engine: PrivateEngine, proxy: EngineProxy, form: tuple[str, ...]
) -> None:
    wrote(clean_engine, "box", b"")
    time = b"2026-05-31T08:00:00.000000001Z " if form else b""
    body = frame(Stream.STDOUT, time + b"one\n") + frame(Stream.ENGINE, b"Error \x1b[2Jgrabbing logs: EOF\n")
    proxy.override("GET", "/logs", 200, body + frame(Stream.STDOUT, time + b"two\n"))
    done = run("--host", proxy.host, "logs", "box", *form)
    assert done.returncode == 1
    one_line_about(done.stderr, "the engine says: Error grabbing logs: EOF")
    if form:
        assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["one", "two"]
    else:
        assert done.stdout == "one\ntwo\n"


# -- without an engine


def test_the_make_believe_workstation_has_logs() -> None:
    done = run("--demo", "logs", "llm-finetune", "--tail", "5", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = objects((done.stdout.encode(), b""))
    assert len(told) == 5 and all(each["time"] and each["text"] for each in told)


def test_ctrl_c_ends_a_make_believe_log_quietly() -> None:
    with on_terminal("--demo", "logs", "-f", "--tail", "5", "llm-finetune") as session:
        session.wait_for(r"\S")
        session.press("ctrl+c")
        assert session.wait_exit() == 130
        assert "Traceback" not in harmless(session)


# -- helpers


def wrote(engine: PrivateEngine, name: str, out: bytes, err: bytes = b"", *args: str) -> str:
    """A container that wrote these bytes and ended; gives back its id."""
    folder = engine.folder / "tmp" / name
    folder.mkdir(exist_ok=True)
    (folder / "out").write_bytes(out)
    (folder / "err").write_bytes(err)
    share = ("--volume", f"{folder}:/said:ro")
    line = "cat /said/out; cat /said/err >&2"
    identity = engine.run_container(name, ("sh", "-c", line), (*NO_NETWORK, *share, *args))
    engine.docker("wait", name)
    return identity


def flood(engine: PrivateEngine, name: str) -> int:
    """A container that wrote more than all buffers on the way hold; gives back how many bytes."""
    engine.run_container(name, ("seq", "1000000", "1400000"))
    engine.docker("wait", name)
    return 400_001 * len("1000000\n")


def told_what_to_say(engine: PrivateEngine, name: str, *args: str) -> None:
    """A running container that writes what `say` tells it."""
    line = "mkfifo /tmp/words; while :; do cat /tmp/words; done"
    engine.run_container(name, ("sh", "-c", line), (*NO_NETWORK, *args))


def say(engine: PrivateEngine, name: str, word: str) -> None:
    """Have it write a line."""
    line = f"until [ -p /tmp/words ]; do :; done; echo {word} >/tmp/words"
    engine.docker("exec", name, "sh", "-c", line)


def command(engine: PrivateEngine, *arguments: str) -> list[str]:
    """Our command line for an engine."""
    return [*ENVTUI, "--host", engine.host, *arguments]


def docker_command(engine: PrivateEngine, *arguments: str) -> list[str]:
    """Docker's own."""
    return [find_program("docker") or "docker", "--host", engine.host, *arguments]


def logs(engine: PrivateEngine, *arguments: str) -> tuple[bytes, bytes]:
    """Our stdout and stderr, from pipes."""
    return both(command(engine, "logs", *arguments))


def dockers(engine: PrivateEngine, *arguments: str) -> tuple[bytes, bytes]:
    """Docker's stdout and stderr, from pipes."""
    return both(docker_command(engine, "logs", *arguments))


def both(line: Sequence[str]) -> tuple[bytes, bytes]:
    done = subprocess.run(
        line, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_SECONDS * 2, check=True
    )
    return done.stdout, done.stderr


def following(engine: PrivateEngine, *arguments: str) -> contextlib.AbstractContextManager[Program]:
    """The program as it follows a log into pipes."""
    return started(command(engine, "logs", "--follow", *arguments))


@contextlib.contextmanager
def started(line: Sequence[str]) -> Iterator[Program]:
    """A program whose output nobody reads by itself; it is ended here at the latest."""
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        try:
            yield program
        finally:
            program.kill()


def is_blocked_writing(pid: int) -> bool:
    """Whether it waits in a write to a pipe."""
    return Path(f"/proc/{pid}/wchan").read_text().endswith("pipe_write")


def harmless(session: TerminalSession) -> str:
    """What came to the terminal, without colours; the rest must be nothing but text and ends of lines."""
    text = re.sub(rb"\x1b\[[0-9;:]*m", b"", session.raw).decode()
    assert not re.search(r"\r(?!\n)", text)
    strange = {character for character in text if not (character.isprintable() or character in "\r\n")}
    assert strange == set()
    return text


def objects(told: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    """What `--json` told, a line each, and nothing on stderr."""
    out, err = told
    assert err == b"" and out.endswith(b"\n")
    return [json.loads(line) for line in out.splitlines()]


def unix_seconds(time: str) -> str:
    """A time of the engine's as Unix seconds, by its digits."""
    return f"{datetime.fromisoformat(time[:19] + '+00:00').timestamp():.0f}.{time[20:29]}"


def frame(stream: Stream, payload: bytes) -> bytes:
    """A message as the engine sends it."""
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def one_line_about(text: str, *words: str) -> None:
    """One line of ours, with nothing in it that a terminal obeys, and these words."""
    line, end, rest = text.partition("\n")
    assert (end, rest) == ("\n", "") and line.startswith("envtui: ") and line.isprintable()
    assert [word for word in words if word not in line] == []
