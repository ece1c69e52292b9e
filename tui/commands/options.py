"""What the common options mean: the settings they add up to, and the host they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tui.model.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from tui.model.reclaim import Protection
    from tui.settings import Settings
    from tui.workstation import Workstation


def load_settings(options: argparse.Namespace | None, environ: Mapping[str, str]) -> Settings:
    """Settings file, then ENVTUI_* variables, then the command line's options on top."""
    from dataclasses import replace
    from pathlib import Path

    from tui import settings

    config = getattr(options, "config", None)
    loaded = settings.load(Path(config) if config is not None else None, environ)
    host = getattr(options, "host", None)
    if host is not None:
        if not host:
            raise UsageError("--host is empty", "", "Name an engine, or leave the option out")
        loaded = replace(loaded, host=host)
    return replace(loaded, read_only=True) if getattr(options, "read_only", False) else loaded


def open_workstation(
    options: argparse.Namespace | None, settings: Settings, environ: Mapping[str, str]
) -> Workstation:
    """The host that the options and settings name."""
    from tui.workstation import open_demo, open_local

    if getattr(options, "demo", False):
        return open_demo()
    return open_local(settings.host, environ, settings.gpu, settings.environments.allow_base)


def protection_of(settings: Settings, owner: str = "") -> Protection:
    """What is never removed from the disk.

    Whose things are ours the settings say, or else the host (`owner`); by default this user's are.
    """
    from tui.model.reclaim import Protection

    disk = settings.disk
    ours = disk.owner or owner or _login_name()
    return Protection(disk.protect_labels, disk.protect_names, disk.owner_labels, ours)


def _login_name() -> str:
    """Of whoever runs this; "" for a uid that has none."""
    import os
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return ""
