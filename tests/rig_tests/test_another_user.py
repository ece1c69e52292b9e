"""Programs of ours that run as another user are that user's in every respect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig import another_user
from tests.rig.another_user import as_user

_SCRIPT = """
import json, os, pynvml, tui
status = open("/proc/self/status").read()
told = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff")]
try:
    os.readlink("/proc/1/exe")
except PermissionError:
    told.append("refused")
print(json.dumps([os.getuid(), os.getgid(), sorted(os.getgroups()), *told]))
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_this_python_runs_with_its_libraries_and_without_any_privilege() -> None:
    command = [*as_user(65534, [47110]), sys.executable, "-c", _SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [65534, 65534, [47110], "0" * 16, "refused"]


def test_a_closed_folder_shows_what_is_needed_of_it_and_stays_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what pytest makes lies in a closed folder
    needed, secret = tmp_path / "needed", tmp_path / "secret"
    for each in (needed, secret):
        each.mkdir()
        (each / "file").write_text("text")
    monkeypatch.setattr(another_user, "_ROOT", needed)
    command = [*as_user(65534), "sh", "-c", f"cat file; ls {tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "textneeded\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["needed", "secret"]
