"""Sessions in real shells on this machine, in homes of their own."""

from __future__ import annotations

import ast
import os
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.rig.terminal import TerminalSession
from tui.backends.shells.entering import Entry, exec_argv, start_text
from tui.model.environments import Environment

#: Those that are here, by the name that the tests call them.
SHELLS = {
    name: path
    for name in ("bash", "zsh", "fish", "dash", "ash")
    if (path := shutil.which("busybox" if name == "ash" else name))
}
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()].|[=>78])")
_PATH = "/usr/local/bin:/usr/bin:/bin"
_NAMES = '("CONDA_PREFIX", "VIRTUAL_ENV", "FROM_ACTIVATE_D", "ENVTUI_SESSION")'
_QUESTION = (
    'python -c \'import os, sys; print("<" + sys.prefix + ">", '
    f'[os.environ.get(each, "") for each in {_NAMES}], '
    "os.getsid(0), os.getppid())'; exit "
)
# Makes the folders read-only where a session would look for one, and with them the home, which lies in one.
_READ_ONLY = """
for each in /tmp /dev/shm /run; do mount --bind $each $each; mount -o remount,ro,bind $each; done
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What a session said until its end."""

    status: int
    raw: str

    @property
    def plain(self) -> str:
        """Its lines without what moves and colours."""
        return _ESCAPES.sub("", self.raw).replace("\r", "\n")

    def says(self, line: str) -> bool:
        """Whether it printed this line; the prompt may stand before it, where keys came early."""
        return any(each.endswith(line) for each in self.plain.splitlines())

    def _answer(self) -> re.Match[str]:
        found = re.search(r"<(/.*)> (\[.*\]) (\d+) (\d+)$", self.plain, re.MULTILINE)
        assert found, f"no answer: {self.status}\n{self.raw}"
        return found

    @property
    def prefix(self) -> str:
        """`sys.prefix` of its `python`."""
        return self._answer()[1]

    @property
    def variables(self) -> list[str]:
        """CONDA_PREFIX, VIRTUAL_ENV, FROM_ACTIVATE_D, ENVTUI_SESSION."""
        return list(ast.literal_eval(self._answer()[2]))

    @property
    def leader(self) -> str:
        """The process that leads the session, which is the shell itself."""
        session, parent = self._answer().group(3, 4)
        assert session == parent
        return session

    @property
    def first_line(self) -> str:
        """The line of ours, with its colour."""
        found = re.search(r"(\x1b\[31m)?envtui: engine exec · .*", self.raw)
        return found[0].rstrip("\r") if found else ""

    @property
    def is_red(self) -> bool:
        return self.first_line.startswith("\x1b[31m") and self.first_line.endswith("\x1b[0m")


@dataclass(frozen=True, slots=True)
class Machine:
    """Folder of everything, conda's root, and the environments by what manages them."""

    top: Path
    root: Path
    environments: Mapping[str, Environment]

    def shell(self, name: str) -> str:
        """Path of a shell by which its kind is known."""
        if name != "ash":
            return SHELLS[name]
        link = self.top / "ash"
        if not link.exists():
            link.symlink_to(SHELLS["ash"])
        return str(link)


@dataclass(slots=True)
class Home:
    """A user's home, and the folder for what is not to be left."""

    machine: Machine
    path: Path
    variables: dict[str, str] = field(default_factory=dict)
    tag: str = field(default_factory=lambda: secrets.token_hex(16))

    def write(self, **texts: str) -> None:
        """Start-up files by name: `_bashrc` is .bashrc, `config_fish` fish's."""
        for name, text in texts.items():
            path = self.path / (
                ".config/fish/config.fish" if name == "config_fish" else f".{name.lstrip('_')}"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    @property
    def temporary(self) -> Path:
        return self.path / "tmp"

    @property
    def left(self) -> list[str]:
        """What is left in the folder for temporary files."""
        return sorted(each.name for each in self.temporary.iterdir() if not each.name.startswith("fish."))

    def open(
        self,
        environment: Environment | None,
        shell: str,
        shell_path: str = "",
        by_file: bool = False,
        read_only: bool = False,
        **fields: Any,
    ) -> TerminalSession:
        """Opens a session.

        Args:
            environment: made active.
            shell: of `SHELLS`; "" for `shell_path`.
            shell_path: as it is wanted, "" for the account's.
            by_file: as over SSH, from a file.
            read_only: no folder can be written where a session would look for one.
            fields: of the entry.
        """
        self.temporary.mkdir(exist_ok=True, parents=True)
        wanted = self.machine.shell(shell) if shell else shell_path
        entry = Entry("training", environment, "engine exec", self.tag, shell=wanted, **fields)
        variables: dict[str, str | None] = dict.fromkeys(os.environ)
        variables |= {"HOME": str(self.path), "TMPDIR": str(self.temporary), "PATH": _PATH, "LANG": "C.UTF-8"}
        variables |= {"TERM": "xterm-256color", "COLORTERM": None, **self.variables}
        argv = exec_argv(entry)
        if by_file:
            folder = self.temporary / "envtui.f1le"
            folder.mkdir()
            (folder / "start").write_bytes(start_text(entry))
            argv = ["/bin/sh", str(folder / "start")]
        if read_only:
            argv = ["unshare", "--mount", "/bin/sh", "-c", _READ_ONLY, "sh", *argv]
        return TerminalSession(argv, columns=250, env=variables, cwd="/")

    def ask(
        self,
        environment: Environment | None,
        shell: str,
        lines: Sequence[str] = (),
        status: int = 0,
        **fields: Any,
    ) -> Told:
        """Opens a session, types the lines and the question, and leaves it."""
        with self.open(environment, shell, **fields) as session:
            session.wait_for(r"envtui: engine exec · .*\n", 60)
            for line in (*lines, f"{_QUESTION}{status}"):
                session.send(line + "\r")
            ended = session.wait_exit(60)
            return Told(ended, session.raw.decode("utf-8", "replace"))
