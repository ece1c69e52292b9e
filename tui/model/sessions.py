"""A session: a shell, or one command, in a container, with one of its environments active."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.environments import Environment

# As ssh and shells do: what could not be begun, and what was ended by signal n.
_NOT_BEGUN, _SIGNAL_BASE = 255, 128
_SIGNAL_NUMBERS = {
    "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "USR1": 10, "SEGV": 11,
    "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15,
}  # fmt: skip


class Route(StrEnum):
    """A way into a container, best first."""

    #: SSH to the container's sshd through its published port
    PORT = "port"
    #: SSH to the container's sshd, which the engine starts for this one connection (`sshd -i`)
    SSHD = "sshd"
    #: a command of the engine with a terminal
    EXEC = "exec"


class RouteChoice(StrEnum):
    """What somebody wants of the route."""

    BEST = "best"
    SSH = "ssh"
    EXEC = "exec"


@dataclass(frozen=True, slots=True)
class Terminal:
    """The terminal that a session is shown in.

    Attributes:
        name: of its kind, as in TERM.
        width_pixels, height_pixels: 0 where it does not tell.
        modes: its settings as RFC 4254, section 8, encodes them; b"" for none.
    """

    name: str = "xterm-256color"
    columns: int = 80
    rows: int = 24
    width_pixels: int = 0
    height_pixels: int = 0
    modes: bytes = b""


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What is to be opened.

    Attributes:
        container: it runs.
        environment: one of its environments, active in the session; None for none.
        user: name or number (`1000`, `1000:1000`) in the container; "" for the one that its image names.
        route: which ways may be taken.
        command: program and arguments instead of a shell.
        terminal: None for none: then both outputs come apart.
    """

    container: Container
    environment: Environment | None = None
    user: str = ""
    route: RouteChoice = RouteChoice.BEST
    command: tuple[str, ...] = ()
    terminal: Terminal | None = None

    @property
    def target(self) -> str:
        """CONTAINER/ENV, as a person would write it."""
        return self.container.name + (f"/{self.environment.label}" if self.environment else "")


@dataclass(frozen=True, slots=True)
class HostKeyQuestion:
    """A host whose key is not known yet.

    Attributes:
        host: as known_hosts would name it.
        kind: of the key, such as `ssh-ed25519`.
        fingerprint: `SHA256:…`.
        randomart: eleven lines, as `ssh-keygen -lv` draws them.
        others: lines of known_hosts with keys of other kinds for this host, as `file:line`.
    """

    host: str
    kind: str
    fingerprint: str
    randomart: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyConsent:
    """What putting envtui's key into a container means.

    Attributes:
        account: in the container.
        path: of the file that gets one line more.
        key_comment: the end of that line, by which it is found again.
        otherwise: what is done without it, as a button says it.
    """

    container_id: str
    container_name: str
    account: str
    path: str
    key_comment: str
    otherwise: str = "Use the engine's exec"


@dataclass(frozen=True, slots=True)
class SecretQuestion:
    """What a server or a key file wants to be told.

    Attributes:
        title: what it is for.
        instructions: the server's own words, may be empty.
        prompts: each with whether the answer may be seen.
    """

    title: str
    instructions: str
    prompts: tuple[tuple[str, bool], ...]


AnyQuestion = HostKeyQuestion | KeyConsent | SecretQuestion


@dataclass(frozen=True, slots=True)
class SshDoor:
    """How any SSH client gets into a container, through `sshd -i`.

    Attributes:
        user: account that is logged into.
        host_key_alias: name of the container in `known_hosts_file`.
        identity_file, known_hosts_file: absolute paths on this machine.
        problem: why it can't be entered so, in words; "" where it can. Then only name and id count.
    """

    container_name: str
    container_id: str
    user: str = ""
    host_key_alias: str = ""
    identity_file: str = ""
    known_hosts_file: str = ""
    problem: str = ""


class Consent(StrEnum):
    """What somebody says to it."""

    YES = "yes"
    #: remembered: this container is entered without it
    NO = "no"
    #: nobody is there to be asked
    NOBODY = "nobody"
    #: nothing is opened at all
    CANCEL = "cancel"


class EndReason(StrEnum):
    """How a session ended."""

    EXIT = "exit"
    SIGNAL = "signal"
    #: the way to it is gone
    LOST = "lost"
    #: left with the escape
    ESCAPE = "escape"
    #: the terminal that it was shown in went away
    HANGUP = "hangup"
    #: without any status
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ChannelOutcome:
    """What the far side told of the end of a shell or command.

    Attributes:
        status: None where it told none.
        signal: name without SIG, "" for none.
        lost: why the way to it is gone, "" where it is not.
    """

    status: int | None = None
    signal: str = ""
    lost: str = ""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a session ended, and what went through it.

    Attributes:
        signal: name without SIG: what ended it there, or envtui itself (HANGUP).
    """

    reason: EndReason
    status: int | None = None
    signal: str = ""
    detail: str = ""
    seconds: float = 0.0
    received_bytes: int = field(default=0, compare=False)
    sent_bytes: int = field(default=0, compare=False)

    @property
    def exit_code(self) -> int:
        """What a program passes on: the status, 128 and the signal's number, or 255 as ssh does."""
        if self.status is not None:
            return self.status
        if self.reason is EndReason.SIGNAL or self.signal:
            return _SIGNAL_BASE + _SIGNAL_NUMBERS.get(self.signal, 127)
        if self.reason is EndReason.ESCAPE:
            return 0
        return _SIGNAL_BASE + 1 if self.reason is EndReason.HANGUP else _NOT_BEGUN

    @property
    def words(self) -> str:
        """It as a short sentence."""
        if self.reason is EndReason.EXIT:
            return "ended" if not self.status else f"ended with exit status {self.status}"
        if self.reason is EndReason.SIGNAL:
            return f"ended by signal {self.signal}"
        if self.reason is EndReason.HANGUP and self.signal:
            return f"envtui was ended by signal {self.signal}"
        words = {
            EndReason.LOST: "connection lost",
            EndReason.ESCAPE: "left",
            EndReason.HANGUP: "the terminal went away",
            EndReason.CLOSED: "closed by the far side without a status",
        }[self.reason]
        return f"{words}: {self.detail}" if self.detail else words
