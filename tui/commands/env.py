"""`envtui env`: work with one environment or its file; each of its commands has a module of its own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

# In the order in which help lists them. Each has `add_parser(subcommands, common)`, which imports nothing
# that only its own work needs.
_MODULES: tuple[str, ...] = (
    "env_check",
    "env_export",
    "env_diff",
    "env_change",
    "env_copy",
    "env_jobs",
)


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand and its own subcommands."""
    parser = commands.add_parser(
        "env",
        help="check, export, compare and change environments",
        description="Work with one environment of a container, or with the file that describes one.",
    )
    subcommands = parser.add_subparsers(metavar="COMMAND", title="commands", required=True)
    for name in _MODULES:
        import_module(f"tui.commands.{name}").add_parser(subcommands, common)
