"""`envtui ssh`: a shell in a container with an environment active, or one command there."""

from __future__ import annotations

import select
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tui.commands.ending import EndedBySignal, EndingSignals
from tui.commands.finding import (
    AmbiguousEnvironment,
    check_runs,
    environment_in,
    find_container,
    list_candidates,
    split_target,
)
from tui.commands.options import load_settings, open_workstation
from tui.model.errors import EnvtuiError, ReadOnlyRefusal, UsageError
from tui.model.printable import printable
from tui.model.sessions import EndReason, Route, RouteChoice, SessionRequest

if TYPE_CHECKING:
    import argparse

    from tui.backends.base import Session
    from tui.commands.questions import Questions
    from tui.model.containers import Container
    from tui.model.environments import Environment
    from tui.model.sessions import SessionEnd
    from tui.workstation import Workstation

_USAGE = 2
# Ends that a person who looks at a shell brought about and sees.
_EXPECTED_ENDS = (EndReason.EXIT, EndReason.SIGNAL)
# And those that an exit status does not tell of.
_OUR_FAILURES = (EndReason.LOST, EndReason.CLOSED)
_ROUTES = {None: RouteChoice.BEST, "ssh": RouteChoice.SSH, "exec": RouteChoice.EXEC}


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Open the shell or run the command; gives back how it ended. Raises an EnvtuiError."""
    if options.remote == []:
        raise UsageError("No command", "nothing stands behind --", "Leave it out for a shell")
    if options.user.startswith("-"):
        raise UsageError(f"--user {options.user}", "it must be a name, a uid, or uid:gid")
    is_interactive = options.remote is None or options.terminal
    if is_interactive and not (sys.stdin.isatty() and sys.stdout.isatty()):
        what = "a shell needs" if options.remote is None else "-t needs"
        hint = (
            "Give it a command: envtui ssh CONTAINER -- COMMAND" if options.remote is None else "Leave -t out"
        )
        raise UsageError("No terminal", f"{what} one on standard input and output", hint)
    settings = load_settings(options, environ)
    if settings.read_only:
        raise ReadOnlyRefusal("Read-only", "whoever is in a container can change anything")
    workstation = open_workstation(options, settings, environ)
    try:
        with EndingSignals() as signals:
            return _run(workstation, options, environ, is_interactive, signals)
    except EndedBySignal as ended:
        return ended.exit_code
    except AmbiguousEnvironment as ambiguous:
        list_candidates(ambiguous, options.target)
        return _USAGE


def _run(
    workstation: Workstation,
    options: argparse.Namespace,
    environ: Mapping[str, str],
    is_interactive: bool,
    signals: EndingSignals,
) -> int:
    if workstation.shells is None:
        raise EnvtuiError("No sessions", "this host offers none")
    container, environment = _target(workstation, options.target)
    terminal = None
    if is_interactive:
        from tui.backends.terminal.modes import this_terminal

        terminal = this_terminal(0, 1, environ)
    request = SessionRequest(
        container, environment, options.user, _ROUTES[options.route], tuple(options.remote or ()), terminal
    )
    from tui.commands.questions import questions_here

    questions = questions_here(shows_progress=options.remote is None)
    try:
        session = workstation.shells.open(request, questions)
    finally:
        questions.close()
    try:
        _tell_route(session, questions, is_shell=options.remote is None)
        end = _connect(session, is_interactive)
    finally:
        signals.hold_off()
        session.close()
    if end.reason is EndReason.CLOSED and _is_unread(1):
        # whoever read our output has enough
        raise BrokenPipeError
    _tell_end(end, request, is_shell=options.remote is None)
    return end.exit_code


def _target(workstation: Workstation, target: str) -> tuple[Container, Environment | None]:
    """What CONTAINER[/ENV] names. Raises an EnvtuiError."""
    name, wanted = split_target(target)
    listed, _ = workstation.containers.containers()
    container = find_container(listed, name)
    check_runs(container)
    return container, environment_in(workstation, container, wanted) if wanted else None


def _connect(session: Session, is_interactive: bool) -> SessionEnd:
    """Let our streams be those of the session until it ends."""
    if is_interactive:
        from tui.backends.terminal.bridge import bridge

        return bridge(session.channel)
    from tui.backends.terminal.pipes import pump

    return pump(session.channel, 0, 1, 2)


def _tell_route(session: Session, questions: Questions, is_shell: bool) -> None:
    """Which way is taken, to a person; a command hears only of a better one that could not be asked for."""
    if is_shell or (questions.wanted_consent and session.route is Route.EXEC):
        for note in session.notes:
            _say(note)
    if is_shell:
        _say(f"{session.words}. Enter ~. to leave, ~? for help")


def _tell_end(end: SessionEnd, request: SessionRequest, is_shell: bool) -> None:
    """Ends that nobody sees by themselves; an exit status says the rest."""
    if end.reason not in _EXPECTED_ENDS and (is_shell or end.reason in _OUR_FAILURES):
        _say(f"{request.target}: {end.words}")


def _is_unread(descriptor: int) -> bool:
    """It is a pipe whose other end was closed."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _say(line: str) -> None:
    print(f"envtui: {printable(line)}", file=sys.stderr, flush=True)
