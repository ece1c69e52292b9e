"""`envtui` and its subcommands: arguments in, a screen or plain lines out, an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn

from tui import __version__
from tui.model.errors import EnvtuiError, UsageError

if TYPE_CHECKING:
    import argparse

    from tui.monitor.monitor import Monitor
    from tui.settings import Settings

DONE, FAILED, USAGE = 0, 1, 2


def entry() -> NoReturn:
    """The console script: runs `main` and ends at once, whatever threads still wait for the engine."""
    _open_closed_streams()
    code = main(sys.argv[1:], os.environ)
    # daemon threads may hang in a call to a dead engine; the interpreter's own shutdown takes 50 ms more
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Carry out a command line; gives back the exit code. Messages go to stderr, one line each."""
    try:
        return _carry_out(arguments, environ)
    except BrokenPipeError:
        # whoever read our output has enough
        _drop_output()
        return DONE
    except OSError as error:
        # a full disk behind a redirection, a terminal that is gone
        _drop_output()
        return _fail(EnvtuiError("The system refuses", error.strerror or str(error)), FAILED)
    except KeyboardInterrupt:
        return 130
    except UsageError as error:
        return _fail(error, USAGE)
    except EnvtuiError as error:
        return _fail(error, FAILED)


def _open_closed_streams() -> None:
    """Give streams that the caller closed (`<&-`) a file to read or write: Python leaves None there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for good
    if isinstance(sys.stdout, io.TextIOWrapper):
        # as standard error has it: what the terminal's own encoding lacks is told by its number
        sys.stdout.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """What is left in the buffer of standard output must not complain once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: EnvtuiError, code: int) -> int:
    from tui.model.printable import printable

    print(f"envtui: {printable(error.one_line())}", file=sys.stderr)
    return code


def _carry_out(arguments: list[str], environ: Mapping[str, str]) -> int:
    # argparse costs 20 ms of a start of 250, and the usual call has no arguments
    options = _parse(arguments) if arguments else None
    command: Callable[..., int] | None = getattr(options, "command", None)
    if command is None:
        return _open_screen(options, environ)
    return command(options, environ)


def _parse(arguments: list[str]) -> argparse.Namespace:
    import argparse

    from tui.commands import disk, env, envs, gpus, logs, prune, ps, session_parsers
    from tui.paths import log_file, settings_file

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--host", metavar="HOST", default=argparse.SUPPRESS,
                        help="engine: unix:///path, tcp://host:port, or a docker context")  # fmt: skip
    common.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help=f"settings file ({settings_file()})"
    )
    common.add_argument(
        "--read-only", action="store_true", default=argparse.SUPPRESS, help="look, change nothing"
    )
    common.add_argument(
        "--demo", action="store_true", default=argparse.SUPPRESS, help="a make-believe workstation"
    )
    parser = argparse.ArgumentParser(
        prog="envtui",
        parents=[common],
        description="One screen for the containers, environments and GPUs of a workstation.",
        epilog=f"Without a command the screen opens. Messages for diagnosis: {log_file()}",
    )
    parser.add_argument("--version", action="version", version=f"envtui {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    ps.add_parser(commands, common)
    envs.add_parser(commands, common)
    env.add_parser(commands, common)
    gpus.add_parser(commands, common)
    logs.add_parser(commands, common)
    disk.add_parser(commands, common)
    prune.add_parser(commands, common)
    session_parsers.add_parsers(commands, common)
    own, remote = session_parsers.split_command(arguments)
    return parser.parse_args(own, argparse.Namespace(remote=remote))


def _open_screen(options: argparse.Namespace | None, environ: Mapping[str, str]) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("No terminal", "the screen needs one on standard input and output",
                         "For scripts there is `envtui ps --json`")  # fmt: skip
    from tui import diagnostics
    from tui.backends.conda.kept_jobs import KeptJobs
    from tui.commands.options import load_settings, open_workstation, protection_of
    from tui.monitor.monitor import Monitor
    from tui.paths import log_file, state_folder

    settings = load_settings(options, environ)
    diagnostics.start(log_file())
    workstation = open_workstation(options, settings, environ)
    kept = None if workstation.is_demo else KeptJobs(state_folder(environ) / "changes")
    monitor = Monitor(
        workstation,
        settings.read_only,
        settings.stats_seconds,
        kept,
        settings.environments.allow_base,
        protection_of(settings, workstation.owner),
    )
    # the engine is asked while the screen is being imported, which takes longer
    monitor.start()
    try:
        return _run_app(monitor, settings, environ)
    finally:
        monitor.stop()


def _run_app(monitor: Monitor, settings: Settings, environ: Mapping[str, str]) -> int:
    if environ.get("SSH_CONNECTION"):
        # every animation is bytes over somebody's line; read by textual when it is imported
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    # a thread that reads a flood gives way to the keys five times sooner than by default
    sys.setswitchinterval(0.001)
    from tui.paths import log_file
    from tui.ui.app import EnvtuiApp

    app = EnvtuiApp(monitor, settings)
    app.run()
    if app.failure is not None:
        raise EnvtuiError(
            "Stopped by an unexpected error",
            f"{type(app.failure).__name__}: {app.failure}",
            f"The log file has the details: {log_file()}",
        )
    return app.return_code or DONE
