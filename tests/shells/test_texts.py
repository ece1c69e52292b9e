"""The texts are what their shells can read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import tui.backends.shells.entering as entering

_FOLDER = Path(entering.__file__).parent
_READERS = {
    "enter.sh": ("dash", "bash", "bash --posix", "busybox sh"),
    "activate.sh": ("dash", "bash", "bash --posix", "busybox sh", "zsh"),
    "start.sh": ("dash", "bash --posix", "busybox sh"),
    "start.bash": ("bash",),
    "start.zsh": ("zsh",),
    "start.fish": ("fish",),
}


@pytest.mark.parametrize(("name", "reader"), [(name, each) for name in _READERS for each in _READERS[name]])
def test_it_is_read_without_a_complaint(name: str, reader: str) -> None:
    argv = reader.split()
    if not shutil.which(argv[0]):
        pytest.skip(f"there is no {argv[0]} here")
    done = subprocess.run([*argv, "-n", _FOLDER / name], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
