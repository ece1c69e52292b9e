"""What pip is told, always as the environment's own interpreter's module; and the variables that bind it."""

from __future__ import annotations

from collections.abc import Sequence

from tui.backends.conda.command import FILE, Command, checked, checked_path

_Environ = tuple[tuple[str, str], ...]

#: For every program of a change: plain text in whole lines, nobody is asked, and Python reads no packages
#: from a user's home. pip ignores an empty variable, which switches off what the container sets.
PLAIN: _Environ = (
    ("TERM", "dumb"),
    ("NO_COLOR", "1"),
    ("PYTHONUNBUFFERED", "1"),
    ("PYTHONNOUSERSITE", "1"),
    ("PYTHONPATH", ""),
    ("PYTHONHOME", ""),
    ("PIP_NO_INPUT", "1"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_PROGRESS_BAR", "off"),
    ("PIP_USER", "0"),
    ("PIP_TARGET", ""),
    ("PIP_PREFIX", ""),
    ("PIP_ROOT", ""),
)
#: pip takes a conda environment for no virtual one, and would refuse where the container asks for one.
IN_CONDA: _Environ = (*PLAIN, ("PIP_REQUIRE_VIRTUALENV", "0"))
IN_VENV: _Environ = (*PLAIN, ("PIP_REQUIRE_VIRTUALENV", "1"))


def interpreter(prefix: str) -> str:
    """The Python of an environment."""
    return f"{prefix.rstrip('/')}/bin/python"


def install(
    prefix: str,
    packages: Sequence[str],
    environ: _Environ,
    options: Sequence[str] = (),
    has_file: bool = False,
) -> Command:
    """`pip install`. Args: options go first; has_file tells that the change's file is one of requirements."""
    given = ("-r", FILE) if has_file else ()
    argv = (interpreter(prefix), "-m", "pip", "install", *options, *given, *checked(packages))
    return Command(argv, environ)


def plan(
    prefix: str,
    packages: Sequence[str],
    environ: _Environ,
    options: Sequence[str] = (),
    has_file: bool = False,
) -> Command:
    """The same, which only tells what it would do, as JSON on stdout; pip knows that since 22.2."""
    return install(prefix, packages, environ, ("--dry-run", "--quiet", "--report", "-", *options), has_file)


def uninstall(prefix: str, names: Sequence[str], environ: _Environ) -> Command:
    """`pip uninstall`, which leaves the dependencies of what goes."""
    return Command((interpreter(prefix), "-m", "pip", "uninstall", "-y", *checked(names)), environ)


def purge(python: str, cache: str) -> Command:
    """`pip cache purge` of one cache, whatever the container's variables say."""
    return Command(
        (checked_path(python, "interpreter"), "-m", "pip", "cache", "purge", "--cache-dir", cache), IN_CONDA
    )
