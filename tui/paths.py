"""Where the settings, the state and the diagnostic log of this user live, after the XDG base directories.

Nothing is created or looked at here: a folder that can't be had is found out by who opens a file in it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def settings_file(environ: Mapping[str, str] = os.environ) -> Path:
    """The settings file that is read where none is named."""
    return _base(environ, "XDG_CONFIG_HOME", ".config") / "envtui" / "config.yaml"


def ssh_config_file(environ: Mapping[str, str] = os.environ) -> Path:
    """The file of Host entries that `envtui ssh-config --write` writes."""
    return settings_file(environ).with_name("ssh_config")


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder for what envtui keeps from run to run."""
    return _base(environ, "XDG_STATE_HOME", ".local/state") / "envtui"


def log_file(environ: Mapping[str, str] = os.environ) -> Path:
    """The diagnostic log."""
    return state_folder(environ) / "envtui.log"


def _base(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    """A base directory; the XDG specification says that a relative one is to be ignored."""
    named = environ.get(variable, "")
    return Path(named) if os.path.isabs(named) else _home(environ) / below_home


def _home(environ: Mapping[str, str]) -> Path:
    """HOME, or what the user database says, or the root folder: cron and containers may know neither."""
    named = environ.get("HOME", "")
    if os.path.isabs(named):
        return Path(named)
    import pwd

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir or "/")
    except KeyError:
        return Path("/")
