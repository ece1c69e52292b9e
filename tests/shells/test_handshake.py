"""A start text is handed to real shells with start-up files of every kind, and what is foreign is dropped."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rig.local_channel import LocalChannel
from tests.rig.waiting import until
from tui.backends.base import ShellChannel
from tui.backends.shells.handshake import MarkedChannel, hand_over
from tui.model.errors import SessionError
from tui.model.logs import Stream
from tui.model.sessions import ChannelOutcome, Terminal

SHELLS = [each for each in ("bash", "zsh", "fish", "dash") if shutil.which(each)]
TEXT = rb"""case $0 in */envtui.*/start) rm -f "$0"; rmdir "${0%/start}";; esac
printf '%s\n' 'it runs "$x" \n'; echo err >&2; exit 7
"""


_STARTED: list[LocalChannel] = []


class Account:
    """Runs commands as sshd does: by the account's shell, which bash takes for a reason to read its rc."""

    def __init__(self, home: Path, login_shell: str) -> None:
        self.home = home
        self.shell = shutil.which(login_shell) or login_shell
        self.lines: list[str] = []

    def channel(self, command: str, terminal: Terminal | None, seconds: float) -> ShellChannel:
        self.lines.append(command)
        environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "SSH_CLIENT": "127.0.0.1 1 22",
            "SHLVL": "0",
            "TMPDIR": str(self.home / "tmp"),
        }
        channel = LocalChannel([self.shell, "-c", command], terminal is not None, env=environment)
        _STARTED.append(channel)
        return channel


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "tmp").mkdir()
    yield tmp_path
    while _STARTED:
        _STARTED.pop().tidy_up()


def read_all(channel: ShellChannel) -> tuple[bytes, bytes]:
    found = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}
    while (block := channel.read()) is not None:
        found[block[0]] += block[1]
    return bytes(found[Stream.STDOUT]), bytes(found[Stream.STDERR])


def ran(account: Account, terminal: Terminal | None = None) -> tuple[bytes, bytes, ChannelOutcome]:
    """Outputs and end of the text, handed over and run."""
    start = hand_over(account, TEXT, 20)
    channel = MarkedChannel(account.channel(start.line(terminal is not None), terminal, 20), start.mark)
    out, err = read_all(channel)
    return out, err, channel.outcome(10)


@pytest.mark.parametrize("login_shell", SHELLS)
def test_the_text_runs_by_sh_whatever_the_accounts_shell_is(home: Path, login_shell: str) -> None:
    account = Account(home, login_shell)
    out, err, outcome = ran(account)
    assert (out, err, outcome.status) == (b'it runs "$x" \\n\n', b"err\n", 7)
    assert not list((home / "tmp").iterdir())
    # not a byte of it was in a command line
    assert not any("it runs" in line for line in account.lines)


@pytest.mark.parametrize("login_shell", SHELLS)
def test_it_runs_in_a_terminal_too(home: Path, login_shell: str) -> None:
    out, _, outcome = ran(Account(home, login_shell), Terminal())
    assert out.replace(b"\r\n", b"\n") == b'it runs "$x" \\n\nerr\n' and outcome.status == 7


NOISES = {
    "bash": (".bashrc", "echo noise; echo more noise >&2\n"),
    "zsh": (".zshenv", "echo noise; echo more noise >&2\n"),
    "fish": (".config/fish/config.fish", "echo noise; echo more noise >&2\n"),
}


@pytest.mark.parametrize("login_shell", [each for each in SHELLS if each in NOISES])
def test_what_start_up_files_print_is_dropped(home: Path, login_shell: str) -> None:
    path, text = NOISES[login_shell]
    (home / path).parent.mkdir(parents=True, exist_ok=True)
    (home / path).write_text(text)
    out, err, outcome = ran(Account(home, login_shell))
    assert (out, err, outcome.status) == (b'it runs "$x" \\n\n', b"err\n", 7)


def test_slow_start_up_files_are_waited_for(home: Path) -> None:
    (home / ".bashrc").write_text("sleep 2.5\n")
    assert ran(Account(home, "bash"))[2].status == 7
    assert not list((home / "tmp").iterdir())


def test_start_up_files_that_take_too_long_are_given_up(home: Path) -> None:
    (home / ".bashrc").write_text("sleep 1000\n")
    with pytest.raises(SessionError) as caught:
        hand_over(Account(home, "bash"), TEXT, 1)
    assert "longer than 1 s" in caught.value.detail


@pytest.mark.parametrize("other", [each for each in ("zsh", "fish", "dash") if each in SHELLS])
def test_another_program_in_the_shells_place_is_found_out_and_told_nothing(home: Path, other: str) -> None:
    (home / ".bashrc").write_text(f"exec {shutil.which(other)}\n")
    canary = home / "canary"
    with pytest.raises(SessionError):
        hand_over(Account(home, "bash"), f"touch {canary}\n".encode(), 60)
    assert not canary.exists() and not list((home / "tmp").iterdir())


def test_start_up_files_that_end_the_shell_are_told(home: Path) -> None:
    (home / ".bashrc").write_text("exit 5\n")
    with pytest.raises(SessionError) as caught:
        hand_over(Account(home, "bash"), TEXT, 10)
    assert "status 5" in caught.value.detail


def test_start_up_files_that_print_without_end_are_told(home: Path) -> None:
    (home / ".bashrc").write_text("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n")
    with pytest.raises(SessionError) as caught:
        hand_over(Account(home, "bash"), TEXT, 20)
    assert "print without end" in caught.value.detail


def test_only_its_user_can_read_it(home: Path) -> None:
    start = hand_over(Account(home, "dash"), b"secret\n", 20)
    path = Path(start.path)
    until(path.exists)
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


# -- the mark


class Told:
    """A channel that gives what it was told to."""

    round_trip_seconds = None
    silent_seconds = 0.0

    def __init__(self, blocks: Sequence[tuple[Stream, bytes]]) -> None:
        self._blocks = list(blocks)

    def read(self) -> tuple[Stream, bytes] | None:
        return self._blocks.pop(0) if self._blocks else None

    def send(self, data: bytes) -> None: ...
    def send_end(self) -> None: ...
    def resize(self, columns: int, rows: int, width_pixels: int = 0, height_pixels: int = 0) -> None: ...
    def close(self) -> None: ...
    def outcome(self, seconds: float) -> ChannelOutcome:
        return ChannelOutcome(0)


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[one:other] for one, other in itertools.pairwise(places) if one != other]


@given(st.binary(max_size=200), st.binary(max_size=200), st.lists(st.integers(0, 1000), max_size=6))
def test_wherever_it_is_cut_all_behind_the_mark_comes(before: bytes, behind: bytes, cuts: list[int]) -> None:
    mark = b"envtui-begins-0123456789abcdef"
    before = before.replace(b"envtui", b"")
    blocks = [(Stream.STDOUT, each) for each in pieces(before + mark + behind, cuts)]
    assert read_all(MarkedChannel(Told(blocks), mark))[0] == behind


def test_without_a_mark_nothing_is_lost() -> None:
    blocks = [(Stream.STDOUT, b"why it "), (Stream.STDERR, b"does not"), (Stream.STDOUT, b"work")]
    assert read_all(MarkedChannel(Told(blocks), b"mark")) == (b"why it work", b"does not")


def test_a_flood_without_a_mark_is_let_through() -> None:
    data = b"x" * (1 << 18)
    blocks = [(Stream.STDOUT, each) for each in pieces(data, list(range(0, 1 << 18, 5000)))]
    assert read_all(MarkedChannel(Told(blocks), b"mark"))[0] == data
