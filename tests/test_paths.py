"""Where files live, also for users without a home."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tui import paths


def test_without_xdg_variables_they_are_below_home() -> None:
    environ = {"HOME": "/home/ana"}
    assert paths.settings_file(environ) == Path("/home/ana/.config/envtui/config.yaml")
    assert paths.state_folder(environ) == Path("/home/ana/.local/state/envtui")
    assert paths.log_file(environ) == Path("/home/ana/.local/state/envtui/envtui.log")


def test_xdg_variables_go_first() -> None:
    environ = {"HOME": "/home/ana", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"}
    assert paths.settings_file(environ) == Path("/c/envtui/config.yaml")
    assert paths.log_file(environ) == Path("/s/envtui/envtui.log")


@pytest.mark.parametrize("unusable", ["", "relative/folder", "."])
def test_empty_or_relative_xdg_variables_are_ignored(unusable: str) -> None:
    environ = {"HOME": "/home/ana", "XDG_CONFIG_HOME": unusable, "XDG_STATE_HOME": unusable}
    assert paths.settings_file(environ) == Path("/home/ana/.config/envtui/config.yaml")
    assert paths.state_folder(environ) == Path("/home/ana/.local/state/envtui")


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "nowhere"}])
def test_without_home_the_user_database_tells(environ: dict[str, str]) -> None:
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert paths.state_folder(environ) == home / ".local/state/envtui"


def test_a_user_that_nobody_knows_gets_a_path_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # any container that runs under a bare number is such a user
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)
    assert paths.log_file({}) == Path("/.local/state/envtui/envtui.log")


def test_the_surroundings_are_asked_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/first")
    assert paths.state_folder() == Path("/first/envtui")
    monkeypatch.setenv("XDG_STATE_HOME", "/second")
    assert paths.state_folder() == Path("/second/envtui")


def test_nothing_is_created(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_STATE_HOME": str(tmp_path / "s")}
    paths.settings_file(environ), paths.log_file(environ)
    assert list(tmp_path.iterdir()) == []
