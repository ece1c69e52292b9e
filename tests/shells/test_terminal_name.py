"""TERM is the wanted one where this side knows it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tui.backends.shells.entering import Entry, exec_argv


def chosen(wanted: str, variables: Mapping[str, str] | None = None, is_terminal: bool = True) -> str:
    entry = Entry("c", None, "engine exec", "0" * 32, ("printenv", "TERM"), is_terminal, wanted)
    environ = {"PATH": "/usr/bin:/bin", "TERM": "dumb", **(variables or {})}
    return subprocess.run(
        exec_argv(entry), env=environ, capture_output=True, text=True, timeout=30
    ).stdout.strip()


def describe(file: Path) -> str:
    file.parent.mkdir(parents=True)
    file.touch()
    return file.name


def test_one_that_is_known() -> None:
    assert chosen("screen") == "screen"


@pytest.mark.parametrize("wanted", ["xterm-of-nobody", "", "../../etc/passwd", "a b", "日本"])
def test_one_that_is_not(wanted: str) -> None:
    assert chosen(wanted) == "xterm-256color"


@pytest.mark.parametrize("folder", ["x", "78"])
@pytest.mark.parametrize("place", ["home", "TERMINFO", "TERMINFO_DIRS"])
def test_one_that_is_described_elsewhere(tmp_path: Path, place: str, folder: str) -> None:
    name = describe(tmp_path / ".terminfo" / folder / "xterm-kitten")
    told = {"home": {"HOME": str(tmp_path)}, "TERMINFO": {"TERMINFO": f"{tmp_path}/.terminfo"}}
    variables = told.get(place, {"TERMINFO_DIRS": f"/nowhere:{tmp_path}/.terminfo"})
    assert chosen(name, variables) == name


def test_without_a_terminal_it_stays() -> None:
    assert chosen("screen", is_terminal=False) == "dumb"
