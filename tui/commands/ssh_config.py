"""`envtui ssh-config`: entries with which ssh, scp, rsync and editors get into containers as envtui does."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.commands.ending import EndedBySignal, EndingSignals
from tui.commands.finding import check_runs, find_container
from tui.commands.options import load_settings, open_workstation
from tui.commands.ssh_config_text import config_text, host_name, include_line
from tui.model.containers import ContainerState
from tui.model.errors import EnvtuiError, NoRoute, ReadOnlyRefusal, UsageError
from tui.model.printable import printable
from tui.paths import ssh_config_file

if TYPE_CHECKING:
    import argparse

    from tui.commands.questions import Questions
    from tui.model.sessions import SshDoor
    from tui.settings import Settings

_PROGRAM = "envtui"
# Without --host they name the engine, in this order (docs.docker.com, "docker context").
_ENGINE_VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print or write the entries; gives back 1 where the named one has none. Raises an EnvtuiError."""
    if options.yes and not options.write:
        raise UsageError("--yes", "it answers what only --write asks")
    settings = load_settings(options, environ)
    if settings.read_only:
        raise ReadOnlyRefusal("Read-only", "it would put a key into containers, and write files")
    from tui.commands.questions import questions_here

    questions = questions_here()
    try:
        # a question that is given up leaves the terminal as it was
        with EndingSignals():
            return _run(options, settings, environ, questions)
    except EndedBySignal as ended:
        return ended.exit_code
    finally:
        questions.close()


def _run(
    options: argparse.Namespace, settings: Settings, environ: Mapping[str, str], questions: Questions
) -> int:
    doors = _doors(options, settings, environ, questions)
    text = config_text(doors, proxy_words(options, settings, environ))
    if options.write:
        is_done = _write(text, doors, ssh_config_file(environ), options.yes, questions)
    else:
        sys.stdout.write(text)
        sys.stdout.flush()
        is_done = True
    if options.container is not None and doors[0].problem:
        raise NoRoute("No way in over SSH", f"{doors[0].container_name}: {doors[0].problem}")
    return 0 if is_done else 1


def _doors(
    options: argparse.Namespace, settings: Settings, environ: Mapping[str, str], questions: Questions
) -> Sequence[SshDoor]:
    """Those of the containers that are meant; of a named one always one."""
    workstation = open_workstation(options, settings, environ)
    if workstation.doors is None:
        raise EnvtuiError("No way in over SSH", "this host offers none")
    listed, _ = workstation.containers.containers()
    if options.container is None:
        running = (each for each in listed if each.state is ContainerState.RUNNING)
        return workstation.doors.doors(sorted(running, key=lambda each: each.name.casefold()), questions)
    container = find_container(listed, options.container)
    check_runs(container)
    doors = workstation.doors.doors([container], questions)
    if not doors:
        raise NoRoute(
            "No way in over SSH", f"there is no sshd in {container.name}", f"Try: envtui ssh {container.name}"
        )
    return doors


def proxy_words(options: argparse.Namespace, settings: Settings, environ: Mapping[str, str]) -> Sequence[str]:
    """The command line of a proxy that finds the same engine, wherever and by whomever ssh is started."""
    words = list(_program())
    if getattr(options, "demo", False):
        words.append("--demo")
    config = getattr(options, "config", None)
    if config is not None:
        words += ["--config", os.path.abspath(config)]
    host = settings.host or next((environ[name] for name in _ENGINE_VARIABLES if environ.get(name)), None)
    if host is not None:
        words += ["--host", host]
    return [*words, "ssh-proxy"]


def _program() -> Sequence[str]:
    """This program, so that editors find it whatever their PATH is."""
    if os.path.basename(sys.argv[0]) == _PROGRAM and (found := shutil.which(sys.argv[0])):
        return (os.path.abspath(found),)
    return (sys.executable, "-m", "tui")


def _write(text: str, doors: Sequence[SshDoor], path: Path, is_agreed: bool, questions: Questions) -> bool:
    """Write the file, and see that ssh reads it; False where nobody could be asked for the line."""
    from tui.commands.questions import TerminalQuestions
    from tui.commands.ssh_include import include, is_included, users_ssh_config, write_file

    config, line = users_ssh_config(), include_line(str(path))
    write_file(path, text)
    hosts = [host_name(each) for each in doors if not each.problem]
    print(printable(f"{path}: {', '.join(hosts) or 'no host'}"))
    if is_included(config, path):
        return True
    if not is_agreed:
        if not isinstance(questions, TerminalQuestions):
            _say(f"ssh does not read it before {config} begins with: {line} (--yes adds the line)")
            return False
        asked = f"ssh reads it once {config} begins with this line, all else there stays as it is:"
        if not questions.ask([asked, line], "Add it?"):
            print("Not added")
            return True
    include(config, path)
    print(printable(f"{config}: {line}"))
    return True


def _say(line: str) -> None:
    print(f"envtui: {printable(line)}", file=sys.stderr)
