"""Environments of three kinds for containers with shells, and a person who types in a session."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.rig import managers, shell_image
from tests.rig.engine import PrivateEngine
from tests.rig.waiting import until
from tests.ssh.asking import Somebody
from tui.backends.base import Session
from tui.model.containers import Container
from tui.model.environments import Environment
from tui.model.errors import SessionError
from tui.model.logs import Stream
from tui.model.sessions import Consent, KeyConsent, Route, RouteChoice, SessionRequest, Terminal
from tui.workstation import Workstation, open_local

PREFIXES = {
    "conda": "/opt/conda/envs/vision",
    "micromamba": "/opt/micromamba/envs/audio",
    "venv": "/opt/venv",
}
ACCOUNTS = {"bash": "dev", "zsh": "zed", "fish": "fin", "dash": "ash"}
ROUTES = (Route.PORT, Route.SSHD, Route.EXEC)
# In every form that a shell, or JSON, could get wrong.
ODD = (
    "a  b", " ends ", "$HOME", "${HOME}", "$(id)", "`id`", "it's", '"q"', "back\\slash\\n", "ends\\", "",
    "new\nline", "newline\n", "\ttab", "環境", "-x", "--", "*", "~", "{a,b}", "!!", "#c", "%s", "a;b|c&d>e",
)  # fmt: skip
# Where a shell keeps what was typed; dash keeps nothing.
_HISTORIES = {"bash": ".bash_history", "zsh": ".zsh_history", "fish": ".local/share/fish/fish_history"}
_PYTHON = "/usr/bin/python3.11"
_WITH_PORT, _WITHOUT = "matrix-port", "matrix"
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()].|[=>78])")
_PATIENCE_SECONDS = 60
# zsh keeps no history unless it is told to; fish says welcome before anything else, and leaves a folder
_SETTINGS = {
    "zed/.zshrc": "HISTFILE=~/.zsh_history SAVEHIST=100 HISTSIZE=100",
    "fin/.config/fish/config.fish": "set -g fish_greeting",
}
_MANAGERS = {"conda": "/opt/conda/bin/conda", "micromamba": "/usr/local/bin/micromamba", "venv": None}
# As the real one writes it: by this it is known whose an environment is.
_MICROMAMBAS_HISTORY = "==> 2025-11-26 00:00:00 <==\n# cmd: micromamba create -n audio python\n"
# What a session may have left, each with a word in front: $0 is the account, $1 its history.
_LOOK = """\
ps -eo user:20=,args= | sed -n "s/^$0  */process /p"
find /tmp /var/tmp /dev/shm -mindepth 1 -not -path '/tmp/fish.*' | sed 's/^/file /'
find /run -name '*envtui*' | sed 's/^/file /'
grep -rl envtui "/home/$0" | grep -v '/authorized_keys$' | sed 's/^/names-us /'
if [ -f "$1" ]; then sed 's/^/typed /' "$1"; fi
"""


class Agreeing(Somebody):
    """Lets envtui's key in everywhere."""

    def consent(self, question: KeyConsent) -> Consent:
        return Consent.YES


@dataclass(frozen=True, slots=True)
class Field:
    """Containers with the environments, and the host that they are on.

    Attributes:
        state: for XDG_STATE_HOME.
    """

    engine: PrivateEngine
    state: Path
    workstation: Workstation
    containers: Mapping[str, Container]
    environments: Mapping[str, Mapping[str, Environment]]

    def container(self, route: Route) -> Container:
        """The one that is entered by a route."""
        return self.containers[_WITH_PORT if route is Route.PORT else _WITHOUT]

    def environment(self, route: Route, kind: str) -> Environment:
        """As it was listed."""
        return self.environments[self.container(route).name][kind]

    def open(
        self,
        route: Route,
        environment: Environment | None = None,
        user: str = "",
        command: tuple[str, ...] = (),
        terminal: Terminal | None = None,
    ) -> Session:
        """A session by exactly this route."""
        choice = RouteChoice.EXEC if route is Route.EXEC else RouteChoice.SSH
        request = SessionRequest(self.container(route), environment, user, choice, command, terminal)
        session = self.open_as(request)
        assert session.route is route, session.notes
        return session

    def open_as(self, request: SessionRequest) -> Session:
        """A session by whatever route it gets."""
        assert self.workstation.shells is not None
        return self.workstation.shells.open(request, Agreeing())

    def forget_what_was_typed(self, route: Route, shell: str) -> None:
        """Remove the history of a shell's account."""
        self.inside(route, "rm", "-f", _history_of(shell))

    def traces(self, route: Route, shell: str) -> Traces:
        """What is there of a shell's account now."""
        told = self.inside(route, "sh", "-c", _LOOK, ACCOUNTS[shell], _history_of(shell))
        pairs = [line.partition(" ")[::2] for line in told.splitlines()]
        typed = [line for word, line in pairs if word == "typed"]
        if shell == "fish":
            typed = [line.removeprefix("- cmd: ") for line in typed if line.startswith("- cmd: ")]
        return Traces(
            tuple(line for word, line in pairs if word == "process"),
            tuple(line for word, line in pairs if word in ("file", "names-us")),
            tuple(typed),
        )

    def inside(self, route: Route, *words: str, user: str = "root") -> str:
        """What a command prints in the container of a route."""
        return self.engine.docker("exec", "--user", user, self.container(route).name, *words)


@dataclass(frozen=True, slots=True)
class Traces:
    """What there is of an account's sessions in a container.

    Attributes:
        files: of folders for what is temporary, and those in the account's home that name envtui.
        typed: lines of the shell's history.
    """

    processes: tuple[str, ...]
    files: tuple[str, ...]
    typed: tuple[str, ...]


class Person:
    """Types in an interactive session and reads what comes; as a context it is closed at the end."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._raw = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self._reader.join(_PATIENCE_SECONDS)

    def _read(self) -> None:
        while (block := self.session.channel.read()) is not None:
            self._raw += block[1]

    @property
    def text(self) -> str:
        """All so far, without what moves and colours."""
        return _ESCAPES.sub("", self._raw.decode("utf-8", "replace")).replace("\r", "\n")

    def sees(self, pattern: str) -> re.Match[str]:
        """Wait for something."""
        return until(
            lambda: re.search(pattern, self.text, re.MULTILINE),
            _PATIENCE_SECONDS,
            lambda: f"{pattern!r} in:\n{self.text[-3000:]}",
        )

    def types(self, line: str) -> None:
        """A line and enter."""
        self.session.channel.send(line.encode() + b"\r")

    def leaves(self, line: str) -> int:
        """Type a line that ends it; the status."""
        self.types(line)
        self._reader.join(_PATIENCE_SECONDS)
        assert not self._reader.is_alive(), self.text
        outcome = self.session.channel.outcome(20)
        assert outcome.status is not None, outcome
        return outcome.status


def _history_of(shell: str) -> str:
    return f"/home/{ACCOUNTS[shell]}/{_HISTORIES.get(shell, '.sh_history')}"


def run(session: Session, given: bytes | None = b"") -> tuple[bytes, bytes, int]:
    """Both outputs and the status of a command; None as its input, where that is a terminal."""
    found = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}

    def send() -> None:
        if given is None:
            return
        try:
            session.channel.send(given)
            session.channel.send_end()
        except SessionError:
            # it ended before it read all
            return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        while (block := session.channel.read()) is not None:
            found[block[0]] += block[1]
        outcome = session.channel.outcome(20)
    finally:
        session.close()
        sender.join(_PATIENCE_SECONDS)
    assert outcome.status is not None, outcome
    return bytes(found[Stream.STDOUT]), bytes(found[Stream.STDERR]), outcome.status


def make_field(engine: PrivateEngine, folder: Path) -> Field:
    """Run the containers, put the environments into them, and list those."""
    shell_image.run_with_sshd(engine, _WITH_PORT)
    shell_image.run_without_running_sshd(engine, _WITHOUT)
    archive = _tree(folder)
    for name in (_WITH_PORT, _WITHOUT):
        status, body = engine.request("PUT", f"/containers/{name}/archive?path=/", archive)
        assert status == 200, body
        for path, line in _SETTINGS.items():
            script = f'umask 022; mkdir -p "$(dirname ~/{path[4:]})"; echo "$0" >>~/{path[4:]}'
            home = f"HOME=/home/{path[:3]}"
            engine.docker("exec", "--user", path[:3], "--env", home, name, "sh", "-c", script, line)
        engine.docker("exec", name, _PYTHON, "-m", "venv", "--without-pip", PREFIXES["venv"], timeout=120)
    workstation = open_local(engine.host, {"XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)})
    assert workstation.environments is not None
    containers = {each.name: each for each in workstation.containers.containers()[0]}
    environments = {}
    for name in (_WITH_PORT, _WITHOUT):
        listed = workstation.environments.environments(containers[name]).environments
        by_prefix = {each.prefix: each for each in listed}
        environments[name] = {kind: by_prefix[prefix] for kind, prefix in PREFIXES.items()}
        # another manager's would not be active, but put first in PATH by hand
        assert {kind: each.manager for kind, each in environments[name].items()} == _MANAGERS
    return Field(engine, folder / "state", workstation, containers, environments)


def _tree(folder: Path) -> bytes:
    """The managers and their environments as an archive, as if they had been made where they will lie."""
    top = folder / "tree"
    conda, micromamba = top / "opt/conda", top / "opt/micromamba"
    managers.make_conda(conda)
    managers.make_micromamba(top / "usr/local/bin/micromamba")
    managers.make_prefix(conda / "envs/vision")
    managers.make_prefix(micromamba / "envs/audio")
    (micromamba / "envs/audio/conda-meta/history").write_text(_MICROMAMBAS_HISTORY)
    (micromamba / "conda-meta").mkdir(exist_ok=True)
    for path in top.rglob("*"):
        if path.is_symlink():
            path.unlink()
            path.symlink_to(_PYTHON)
        elif path.is_file():
            mode = path.stat().st_mode
            path.write_text(re.sub(r"home = .*", "home = /usr/bin", path.read_text().replace(str(top), "")))
            path.chmod(mode)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path in sorted(top.rglob("*")):
            archive.add(path, str(path.relative_to(top)), recursive=False, filter=_of_root)
    shutil.rmtree(top)
    return content.getvalue()


def _of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
