"""What log files take, and why that is not known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tui.backends.docker.log_files import log_file


def inspected(path: str = "", driver: str = "json-file", **options: str) -> dict[str, Any]:
    config = {"Type": driver, "Config": options or None}
    return {"Id": "c", "LogPath": path, "HostConfig": {"LogConfig": config}}


def test_with_the_files_that_were_put_aside_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "c-json.log"
    for name, size in (("", 5), (".1", 7), (".2.gz", 11), (".bak", 100), (".1.tmp", 100), ("x", 100)):
        Path(f"{path}{name}").write_bytes(b"x" * size)
    os.symlink("/etc/passwd", f"{path}.3")
    found = log_file(inspected(str(path), **{"max-size": "10m"}), is_here=True)
    assert (found.container_id, found.size_bytes, found.limit, found.why_unknown) == ("c", 23, "10m", "")


def test_a_log_that_has_no_line_yet(tmp_path: Path) -> None:
    assert log_file(inspected(str(tmp_path / "c-json.log")), is_here=True).size_bytes == 0
    assert log_file(inspected(), is_here=True).size_bytes == 0


def test_the_local_driver_limits_itself(tmp_path: Path) -> None:
    (tmp_path / "local-logs").mkdir()
    (tmp_path / "local-logs" / "container.log").write_bytes(b"12345")
    told = inspected(driver="local") | {"HostnamePath": str(tmp_path / "hostname")}
    found = log_file(told, is_here=True)
    assert (found.size_bytes, found.limit) == (5, "20m")


def test_podman_tells_the_path_with_the_settings(tmp_path: Path) -> None:
    (tmp_path / "ctr.log").write_bytes(b"123")
    told = {"Id": "c", "HostConfig": {"LogConfig": {"Type": "k8s-file", "Path": str(tmp_path / "ctr.log")}}}
    assert log_file(told, is_here=True).size_bytes == 3


def test_no_log_takes_nothing() -> None:
    assert log_file(inspected(driver="none"), is_here=False).size_bytes == 0


@pytest.mark.parametrize("told", [{}, {"HostConfig": None}, {"HostConfig": {"LogConfig": []}}])
def test_an_engine_that_does_not_tell(told: dict[str, Any]) -> None:
    found = log_file(told, is_here=True)
    assert found.size_bytes is None and found.why_unknown == "the engine does not say where it is"


def test_logs_that_are_elsewhere(tmp_path: Path) -> None:
    assert "journald" in log_file(inspected(driver="journald"), is_here=True).why_unknown
    found = log_file(inspected(str(tmp_path / "x")), is_here=False)
    assert (found.size_bytes, found.why_unknown) == (None, "its engine is on another machine")
    assert log_file(inspected("/no/such/folder/x"), is_here=True).why_unknown.startswith(
        "it can't be looked at"
    )
    assert log_file(inspected("/bad\0/x"), is_here=True).size_bytes is None


def test_only_root_may_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    found = log_file(inspected(str(tmp_path / "x"), **{"max-size": "1k"}), is_here=True)
    assert (found.size_bytes, found.limit, found.why_unknown) == (None, "1k", "only root may look at it")
