"""The options of `ssh`, `ssh-config` and `ssh-proxy`; what carries one out is imported when it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui.paths import ssh_config_file

if TYPE_CHECKING:
    import argparse

_SSH = "ssh"
# The common options that are followed by a value.
_WITH_VALUE = ("--host", "--config")


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register the three subcommands."""
    _add_ssh(commands, common)
    _add_ssh_config(commands, common)
    _add_ssh_proxy(commands, common)


def split_command(arguments: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """What is ours, and what stands behind the first `--` of an `ssh`; None where there is none.

    It is kept from argparse, which drops a second `--` and wants to know what begins with a dash.
    """
    own = list(arguments)
    if "--" not in own:
        return own, None
    end = own.index("--")
    words = iter(own[:end])
    for word in words:
        if word.startswith("--") and any(option.startswith(word) for option in _WITH_VALUE):
            next(words, None)
        elif not word.startswith("-"):
            return (own[:end], own[end + 1 :]) if word == _SSH else (own, None)
    return own, None


def _add_ssh(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        _SSH,
        parents=[common],
        usage="envtui ssh [options] CONTAINER[/ENV] [-- COMMAND ...]",
        help="a shell in a container, with an environment active",
        description="Open a shell in a running container with one of its environments active, or run one "
        "command there: its arguments reach the program as they are, and its exit status is passed on.",
        epilog="ENV is a name, or a prefix: box/vision, box//opt/conda/envs/vision. "
        "In the shell, Enter ~. leaves it and ~? helps.",
    )
    parser.add_argument(
        "target", metavar="CONTAINER[/ENV]", help="name, id, or the beginning of one id; an environment in it"
    )
    parser.add_argument(
        "--user", "-u", metavar="U", default="",
        help="name, uid or uid:gid in the container (the one that its image names)",
    )  # fmt: skip
    parser.add_argument(
        "--route", choices=("ssh", "exec"), help="only over SSH, or only by the engine (the best there is)"
    )
    parser.add_argument("-t", "--terminal", action="store_true", help="give the command a terminal")
    # `remote`, the words behind --, is set by whoever splits the command line
    parser.set_defaults(command=_ssh)


def _add_ssh_config(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "ssh-config",
        parents=[common],
        help="Host entries for ssh, scp, rsync and editors",
        description="Print an entry for each running container that has an sshd program, or for the one that "
        "is named: its host is called envtui-NAME, needs no port, and its key is pinned. envtui's own key is "
        "put into a container after asking once.",
    )
    parser.add_argument(
        "container", metavar="CONTAINER", nargs="?", help="name, id, or the beginning of one id"
    )
    # argparse puts something else in place of what begins with %
    path = str(ssh_config_file()).replace("%", "%%")
    parser.add_argument(
        "--write",
        action="store_true",
        help=f"into {path}, with one Include line in ~/.ssh/config, which is asked for first",
    )
    parser.add_argument("--yes", "-y", action="store_true", help="add the Include line without asking")
    parser.set_defaults(command=_ssh_config)


def _add_ssh_proxy(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "ssh-proxy",
        parents=[common],
        help="for ProxyCommand: the streams of a container's sshd",
        description="Connect standard input and output to an sshd that is started in a container for this "
        "connection alone. `envtui ssh-config` writes it into the entries that it prints.",
    )
    parser.add_argument("container", metavar="CONTAINER_ID", help="its id")
    parser.add_argument("--user", "-u", metavar="U", default="", help="who starts the sshd (root)")
    parser.set_defaults(command=_ssh_proxy)


def _ssh(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from tui.commands.ssh import run

    return run(options, environ)


def _ssh_config(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from tui.commands.ssh_config import run

    return run(options, environ)


def _ssh_proxy(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from tui.commands.ssh_proxy import run

    return run(options, environ)
