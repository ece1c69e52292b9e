"""Begins a shell, or one command, in a container with one of its environments truly active."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from tui.model.activation import activation_root
from tui.model.environments import Environment, EnvironmentKind
from tui.model.printable import printable

#: The program that runs what `exec_argv` and `start_text` give.
SHELL = "/bin/sh"

# What the script reads after its own arguments: activation, then one text for each kind of shell.
_TEXTS = ("activate.sh", "start.bash", "start.sh", "start.zsh", "start.fish")
# A prompt is expanded by its shell: letters that mean something there are not for it.
_NOT_FOR_PROMPTS = re.compile(r"[^\w.+-]", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Sets the arguments from a text with octal numbers, and goes on with the script.
_OCTAL = '__envtui_script=$2; eval "set -- $(printf %b "$1")"; eval "$__envtui_script"'
_HAVE_PYTHON = (EnvironmentKind.VENV, EnvironmentKind.UV, EnvironmentKind.SYSTEM)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is begun.

    Attributes:
        container_name: for the first line.
        environment: made active; None for none.
        route_words: how the container was reached, such as "engine exec": for the first line.
        tag: 32 hexadecimal digits. `ENVTUI_SESSION` is TAG:PID in everything that runs in the session, PID
            being its leader's.
        command: program and arguments; () for an interactive shell.
        is_terminal: it has a terminal, which a shell always has.
        terminal_name: the TERM that is wanted.
        shell: path or name of the shell, "" for the account's.
        working_directory: gone to where it is there; "" to stay.
        variables: exported first, by `start_text` only: the engine sets the image's by itself.
    """

    container_name: str
    environment: Environment | None
    route_words: str
    tag: str
    command: tuple[str, ...] = ()
    is_terminal: bool = True
    terminal_name: str = ""
    shell: str = ""
    working_directory: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


def exec_argv(entry: Entry) -> list[str]:
    """Program and arguments for the engine. They are UTF-8, which is all that its JSON can carry."""
    arguments = _arguments(entry)
    if all(map(_is_utf8, arguments)):
        return [SHELL, "-c", _text("enter.sh"), "envtui", *arguments]
    quoted = " ".join(map(shlex.quote, arguments)).encode("utf-8", "surrogateescape")
    octal = "".join(chr(each) if each < 128 and each != ord("\\") else f"\\0{each:03o}" for each in quoted)
    return [SHELL, "-c", _OCTAL, "envtui", octal, _text("enter.sh")]


def start_text(entry: Entry) -> bytes:
    """A file to be run as `/bin/sh FOLDER/start`, FOLDER being named `envtui.…`, which it removes."""
    exports = [
        f"export {name}={shlex.quote(value)}"
        for name, value in entry.variables.items()
        if _NAME.fullmatch(name) and "\0" not in value
    ]
    arguments = " ".join(map(shlex.quote, _arguments(entry)))
    # only what lies in a folder of ours, and the folder only where nothing else is in it
    remove = 'case $0 in */envtui.*/start) rm -f -- "$0"; rmdir -- "${0%/start}";; esac 2>/dev/null'
    text = "\n".join([remove, *exports, f"set -- {arguments}", _text("enter.sh")])
    return text.encode("utf-8", "surrogateescape")


def _arguments(entry: Entry) -> list[str]:
    mode = "shell" if not entry.command else "command-tty" if entry.is_terminal else "command"
    facts = _facts(entry)
    return [
        entry.tag,
        mode,
        entry.terminal_name,
        entry.shell,
        entry.working_directory,
        "\n".join(f"__envtui_{name}={shlex.quote(value)}" for name, value in facts.items()),
        "\n".join(f"set -g __envtui_{name} {_fish_quoted(value)}" for name, value in facts.items()),
        *(_text(name) if name == _TEXTS[0] or not entry.command else "" for name in _TEXTS),
        *entry.command,
    ]


def _facts(entry: Entry) -> dict[str, str]:
    """What the texts know of the environment; `line` and `place` are safe to show as they are."""
    environment = entry.environment
    names = [entry.container_name, *([environment.label] if environment else [])]
    line = f"envtui: {printable(entry.route_words)} · {' / '.join(map(printable, names))}"
    if environment is None:
        values = dict.fromkeys(("kind", "prefix", "root", "manager", "program", "mark", "place", "needs"), "")
        return {**values, "line": line}
    manager = environment.manager or ""
    mark = environment.name or PurePosixPath(environment.prefix).name
    needs_python = environment.kind in _HAVE_PYTHON or environment.python is not None
    return {
        "kind": environment.kind.value,
        "prefix": environment.prefix,
        "root": activation_root(environment),
        "manager": manager,
        "program": PurePosixPath(manager).name,
        "mark": _NOT_FOR_PROMPTS.sub("_", mark),
        "place": printable(environment.prefix),
        "needs": "yes" if needs_python else "",
        "line": line,
    }


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@cache
def _text(name: str) -> str:
    """A text that lies beside this module."""
    return (files("tui.backends.shells") / name).read_text("utf-8")
