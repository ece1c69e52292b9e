"""A command in a container has input, outputs, a terminal and an end, and whatever breaks is told."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import pytest

from tests.engine.exec_box import END_SECONDS, ExecBox, printed, read_until
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import until
from tui.backends.deadline import Deadline
from tui.backends.docker.exec_channel import ExecChannel
from tui.model.errors import Conflict, EngineError, NoSuchContainer
from tui.model.logs import Stream
from tui.model.sessions import ChannelOutcome, Terminal

OUT, ERR = Stream.STDOUT, Stream.STDERR
QUICK_PULSE = (0.05, 1.0)


@pytest.fixture(scope="module")
def shared(engine: PrivateEngine) -> ExecBox:
    """A container that the tests leave as it is."""
    engine.recover()
    engine.remove_all()
    return ExecBox(engine)


@pytest.fixture
def execs(shared: ExecBox) -> Iterator[ExecBox]:
    """The same; afterwards nothing of ours may be left on this side."""
    shared.remember()
    yield shared
    shared.nothing_is_left()


class TestOutputs:
    def test_they_come_apart_without_a_terminal(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo fine; echo broken >&2")
        assert printed(channel) == {OUT: b"fine\n", ERR: b"broken\n"}

    def test_with_a_terminal_all_of_it_is_standard_output(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo fine; echo broken >&2", terminal=Terminal())
        assert printed(channel) == {OUT: b"fine\r\nbroken\r\n", ERR: b""}

    def test_100_megabytes_come_intact(self, execs: ExecBox) -> None:
        size = 100 << 20
        channel = execs.open("sh", "-c", f"yes 0123456789abcdef | head -c {size}")
        found, count = hashlib.sha256(), 0
        while piece := channel.read():
            found.update(piece[1])
            count += len(piece[1])
        line = b"0123456789abcdef\n"
        wanted = (line * (size // len(line) + 1))[:size]
        assert count == size
        assert found.digest() == hashlib.sha256(wanted).digest()

    def test_the_end_is_said_again_and_again(self, execs: ExecBox) -> None:
        channel = execs.open("true")
        assert printed(channel) == {OUT: b"", ERR: b""}
        assert channel.read() is None


class TestTheEnd:
    @pytest.mark.by_default("pipes-0", "pipes-7", "terminal-130")
    @pytest.mark.parametrize("code", [0, 7, 130])
    @pytest.mark.parametrize("terminal", [None, Terminal()], ids=["pipes", "terminal"])
    def test_the_exit_code_is_told(self, execs: ExecBox, code: int, terminal: Terminal | None) -> None:
        channel = execs.open("sh", "-c", f"exit {code}", terminal=terminal)
        printed(channel)
        assert channel.outcome(END_SECONDS) == ChannelOutcome(code)

    def test_one_that_was_killed_has_the_code_that_shells_give(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "kill -9 $$")
        printed(channel)
        assert channel.outcome(END_SECONDS) == ChannelOutcome(137)

    def test_of_one_that_was_given_up_nothing_is_known(self, execs: ExecBox) -> None:
        channel = execs.open("sleep", "999")
        channel.close()
        assert channel.outcome(END_SECONDS) == ChannelOutcome()

    def test_a_program_that_is_not_there_has_the_code_that_shells_give(self, execs: ExecBox) -> None:
        channel = execs.open("nosuch")
        said = printed(channel)
        assert b"executable file not found" in said[OUT] + said[ERR]
        assert channel.outcome(END_SECONDS).status in (126, 127)


class TestInput:
    def test_5_megabytes_arrive_intact(self, execs: ExecBox) -> None:
        content = bytes(range(256)) * (5 << 12)
        channel = execs.open("sha256sum")
        channel.send(content)
        channel.send_end()
        assert printed(channel)[OUT].split()[0].decode() == hashlib.sha256(content).hexdigest()

    def test_its_end_leaves_the_output_open(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "cat; echo later; echo more >&2")
        channel.send(b"first\n")
        channel.send_end()
        channel.send_end()
        assert printed(channel) == {OUT: b"first\nlater\n", ERR: b"more\n"}

    def test_the_keys_of_a_shell_arrive_at_once(self, execs: ExecBox) -> None:
        channel = execs.open(
            "sh",
            "-c",
            "stty raw -echo; echo ready; while dd bs=1 count=1 2>/dev/null | od -An -tx1; do :; done",
            terminal=Terminal(),
        )
        read_until(channel, b"ready\n")
        # the engine's own detach keys; each by itself, as they are typed
        channel.send(b"\x10")
        assert b"10" in read_until(channel, b"\n")
        channel.send(b"\x11")
        assert b"11" in read_until(channel, b"\n")
        channel.close()

    def test_sending_to_what_takes_nothing_waits_until_it_is_closed(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo ready; exec sleep 999")
        read_until(channel, b"ready")
        errors: list[EngineError] = []

        def send() -> None:
            try:
                channel.send(bytes(64 << 20))
            except EngineError as error:
                errors.append(error)

        sender = threading.Thread(target=send)
        sender.start()
        # far more than the buffers on the way hold
        sender.join(0.3)
        assert sender.is_alive()
        channel.close()
        sender.join(END_SECONDS)
        assert len(errors) == 1

    def test_after_the_end_sending_is_an_error(self, execs: ExecBox) -> None:
        channel = execs.open("true")
        printed(channel)
        with pytest.raises(EngineError):
            channel.send(b"x")
        with pytest.raises(EngineError):
            channel.send_end()


class TestTheTerminal:
    def test_it_has_its_size_and_its_name(self, execs: ExecBox) -> None:
        script = 'until [ "$(stty size)" = "33 101" ]; do :; done; echo "$TERM is right"'
        channel = execs.open("sh", "-c", script, terminal=Terminal("vt220", 101, 33))
        assert b"vt220 is right" in printed(channel)[OUT]

    def test_a_new_size_reaches_the_program(self, execs: ExecBox) -> None:
        script = "trap 'stty size' WINCH; echo ready; while :; do read x; done"
        channel = execs.open("sh", "-c", script, terminal=Terminal())
        read_until(channel, b"ready")
        channel.resize(70, 20)
        channel.resize(99, 44)
        read_until(channel, b"44 99")
        channel.close()

    def test_a_size_for_what_has_ended_is_nothing(self, execs: ExecBox) -> None:
        channel = execs.open("true", terminal=Terminal())
        printed(channel)
        channel.resize(10, 10)


class TestHowItRuns:
    def test_with_user_variables_and_folder(self, execs: ExecBox) -> None:
        script = 'echo "$(id -u):$(id -g) $PWD $WORD"'
        channel = execs.open("sh", "-c", script, user="12:34", environment={"WORD": "a = 'b'"}, folder="/tmp")
        assert printed(channel)[OUT] == b"12:34 /tmp a = 'b'\n"

    def test_not_in_a_container_that_is_gone(self, execs: ExecBox) -> None:
        with pytest.raises(NoSuchContainer):
            ExecChannel.open(execs.http, "0" * 64, ("sh",), None, "", {}, "", Deadline(END_SECONDS))


class TestClosing:
    def test_it_ends_a_read_that_waits(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo ready; exec sleep 999")
        read_until(channel, b"ready")
        found: list[object] = []
        reader = threading.Thread(target=lambda: found.append(channel.read()))
        reader.start()
        channel.close()
        channel.close()
        reader.join(END_SECONDS)
        assert found == [None]

    def test_what_runs_goes_on(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo ready; exec sleep 777", terminal=Terminal())
        read_until(channel, b"ready")
        channel.close()
        assert "sleep 777" in execs.says("ps")


class TestWhatBreaks:
    @pytest.fixture
    def execs(self, clean_engine: PrivateEngine) -> Iterator[ExecBox]:
        """A container of its own."""
        box = ExecBox(clean_engine)
        yield box
        box.nothing_is_left()

    def test_in_a_container_that_does_not_run_nothing_starts(self, execs: ExecBox) -> None:
        execs.engine.docker("kill", execs.id)
        with pytest.raises(Conflict) as caught:
            execs.open("sh")
        assert "not running" in caught.value.detail

    def test_a_container_that_is_stopped_ends_it(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo ready; exec sleep 999", terminal=Terminal())
        read_until(channel, b"ready")
        execs.engine.docker("kill", execs.id)
        assert channel.read() is None
        assert channel.outcome(END_SECONDS) == ChannelOutcome(137)

    def test_a_container_that_is_removed_is_told(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo ready; exec sleep 999")
        read_until(channel, b"ready")
        execs.engine.docker("rm", "--force", execs.id)
        assert channel.read() is None
        assert "the engine knows no more of it" in channel.outcome(END_SECONDS).lost

    def test_an_engine_that_freezes_is_noticed(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo ready; exec sleep 999", pulse_seconds=QUICK_PULSE)
        read_until(channel, b"ready")
        until(lambda: channel.round_trip_seconds is not None, message="a sign of life comes")
        execs.engine.freeze()
        try:
            until(lambda: channel.silent_seconds > 0.2, message="a sign of life is waited for")
            assert channel.read() is None
            assert channel.outcome(END_SECONDS) == ChannelOutcome(lost="the engine does not answer for 1 s")
        finally:
            execs.engine.thaw()

    def test_closing_while_the_engine_is_frozen_leaves_nothing(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo ready; exec sleep 999", pulse_seconds=(0.05, 600.0))
        read_until(channel, b"ready")
        execs.engine.freeze()
        try:
            until(lambda: channel.silent_seconds > 0.2, message="a sign of life is waited for")
            channel.close()
            execs.nothing_is_left()
        finally:
            execs.engine.thaw()

    def test_an_engine_that_is_killed_is_told(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo ready; exec sleep 999", terminal=Terminal())
        read_until(channel, b"ready")
        execs.engine.kill()
        assert channel.read() is None
        channel.resize(10, 10)
        # in whichever of its ways the kernel told of the end
        outcome = channel.outcome(END_SECONDS)
        assert outcome.lost and outcome.status is None

    def test_an_engine_that_was_restarted_knows_no_more(self, execs: ExecBox) -> None:
        channel = execs.open("sh", "-c", "echo ready; exec sleep 999")
        read_until(channel, b"ready")
        execs.engine.restart()
        assert channel.read() is None
        assert "the engine knows no more of it" in channel.outcome(END_SECONDS).lost

    def test_a_connection_that_is_cut_is_told(self, clean_engine: PrivateEngine) -> None:
        with EngineProxy(clean_engine.socket_path) as proxy:
            box = ExecBox(clean_engine, proxy.host)
            channel = box.open("sh", "-c", "echo ready; exec sleep 999", terminal=Terminal())
            read_until(channel, b"ready")
            proxy.cut()
            assert channel.read() is None
            # it waits as long as it may; a busy engine needs some of that for its answer
            assert "still runs" in channel.outcome(2.0).lost
