"""Entries of an ssh_config for containers: how each is written so that ssh reads what was meant."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from tui.model.errors import EnvtuiError
from tui.model.printable import printable
from tui.model.sessions import SshDoor

_HEAD = "# Written by `envtui ssh-config`, which writes it anew each time."
_HOST_PREFIX = "envtui-"
# What an engine takes as a name (moby, daemon/names): nothing that a Host line would take as a pattern.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_PATTERN, _KEPT = re.compile(r"([*?\[\]\\])"), r"\\\1"
_PLAIN = re.compile(r"[\w./:@+,=-]+", re.ASCII)


def config_text(doors: Sequence[SshDoor], proxy: Sequence[str]) -> str:
    """A file with an entry for each door, and a comment for each that can't be entered.

    Args:
        doors: of one host.
        proxy: program and arguments that the id of a container is put behind.

    Raises:
        EnvtuiError: a path holds what no ssh_config can say.
    """
    blocks = ["\n".join(_lines(door, proxy)) for door in doors]
    return "\n\n".join([_HEAD, *blocks]) + "\n"


def host_name(door: SshDoor) -> str:
    """What ssh calls it."""
    return f"{_HOST_PREFIX}{door.container_name}"


def include_line(path: str) -> str:
    """The line that makes ssh read a file too. Raises EnvtuiError."""
    # the name is looked for as a pattern
    return f"Include {_word(re.sub(_PATTERN, _KEPT, path))}"


def _lines(door: SshDoor, proxy: Sequence[str]) -> Iterator[str]:
    if door.problem:
        yield f"# {printable(host_name(door))}: {printable(door.problem)}"
        return
    if not _NAME.fullmatch(door.container_name):
        yield f"# {printable(host_name(door))}: no Host line can hold its name"
        return
    yield f"Host {host_name(door)}"
    yield f"    User {_word(door.user)}"
    yield f"    ProxyCommand {_command([*proxy, door.container_id])}"
    yield f"    HostKeyAlias {_word(door.host_key_alias)}"
    yield f"    UserKnownHostsFile {_path(door.known_hosts_file)}"
    yield "    StrictHostKeyChecking yes"
    yield f"    IdentityFile {_path(door.identity_file)}"
    yield "    IdentitiesOnly yes"


def _command(words: Sequence[str]) -> str:
    """A command line for the user's shell; ssh puts something else in place of what begins with %."""
    return _checked(shlex.join(words)).replace("%", "%%")


def _path(path: str) -> str:
    if "${" in path:
        # ssh puts a variable in its place, and knows no way to write it otherwise (ssh_config(5), TOKENS)
        raise EnvtuiError("ssh can't be told of a file", f"{path} holds a ${{", "Move it")
    return _word(path.replace("%", "%%"))


def _word(text: str) -> str:
    """One argument of a line (ssh_config(5): double quotes; inside them a backslash keeps the next one)."""
    if _PLAIN.fullmatch(_checked(text)):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _checked(text: str) -> str:
    if re.search(r"[\0\r\n]", text):
        raise EnvtuiError("ssh can't be told of a name", f"{text} has several lines")
    return text
