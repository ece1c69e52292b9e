"""Room on this machine's file systems: each once, named by where it is mounted, never waited for too long."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.rig.waiting import until
from tui.backends.docker import file_systems
from tui.backends.docker.file_systems import LocalFileSystems, MountPoint, mount_point_of, mount_points
from tui.model.errors import ReclaimError

# In the form of proc(5), "/proc/pid/mountinfo".
LINES = """\
36 35 98:0 / / rw,noatime master:1 - ext4 /dev/root rw,errors=continue
40 36 98:0 /var/lib/docker /var/lib/docker rw - ext4 /dev/root rw
41 36 98:1 / /data\\040of\\134us rw shared:7 shared:8 - xfs /dev/sdb1 rw
42 36 0:5 /docker /sys/fs/cgroup rw - cgroup2 cgroup rw
not a line
43 36 x:y / /z rw - ext4 a rw
"""


def never() -> bool:
    return False


class TestMountPoints:
    def test_lines(self) -> None:
        root, part, data, group = mount_points(LINES.splitlines(keepends=True))
        assert root == MountPoint(os.makedev(98, 0), "/", "ext4", True)
        assert (part.path, part.is_whole) == ("/var/lib/docker", False)
        assert (data.path, data.kind) == ("/data of\\us", "xfs")
        assert (group.kind, group.is_whole) == ("cgroup2", False)

    def test_the_whole_file_system_is_named_not_a_part_of_it(self) -> None:
        mounted = mount_points(LINES.splitlines())
        found = mount_point_of("/var/lib/docker/x", os.makedev(98, 0), mounted)
        assert found and found.path == "/"

    def test_a_name_that_only_begins_alike_is_another_place(self) -> None:
        mounted = (MountPoint(1, "/data", "ext4"), MountPoint(1, "/database", "ext4"))
        found = mount_point_of("/database/x", 1, mounted)
        assert found and found.path == "/database"
        assert mount_point_of("/dat", 1, mounted) is None


class TestLooking:
    def test_each_file_system_once_with_all_that_is_on_it(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        places = [(str(tmp_path), "one"), (str(tmp_path / "a"), "two"), (str(tmp_path), "one")]
        (found,) = LocalFileSystems().of(places, never)
        room = os.statvfs(tmp_path)
        assert found.uses == ("one", "two")
        assert found.total_bytes == room.f_blocks * room.f_frsize
        assert found.path == "/" or str(tmp_path).startswith(found.path)

    def test_what_is_not_there_or_no_place_is_left_out(self, tmp_path: Path) -> None:
        places = [(str(tmp_path / "gone"), "a"), ("/dev/null", "b"), ("/proc", "c"), ("/bad\0name", "d")]
        assert LocalFileSystems().of(places, never) == ()

    def test_without_a_list_of_mounts_the_folder_itself_is_named(self, tmp_path: Path) -> None:
        (found,) = LocalFileSystems(str(tmp_path / "none")).of([(str(tmp_path), "a")], never)
        assert found.path == str(tmp_path)

    def test_a_folder_that_only_root_may_enter_is_told_by_the_one_around_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hidden = str(tmp_path / "hidden")
        real = os.stat

        def stat(path: Any, *args: Any, **more: Any) -> os.stat_result:
            if path == hidden:
                raise PermissionError
            return real(path, *args, **more)

        with monkeypatch.context() as patched:
            patched.setattr(os, "stat", stat)
            (look,) = file_systems._looked(hidden)
        assert look.path == str(tmp_path)

    def test_one_that_hangs_is_left_out_and_not_asked_again_until_it_answers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go_on, asked = threading.Event(), []

        def hang(path: str) -> list[file_systems._Look]:
            asked.append(path)
            go_on.wait(60)
            return []

        monkeypatch.setattr(file_systems, "_looked", hang)
        monkeypatch.setattr(file_systems, "_LOOK_SECONDS", 0.01)
        local = LocalFileSystems()
        assert local.of([("/net", "a")], never) == () == local.of([("/net", "a")], never)
        assert asked == ["/net"]
        hung = local._hung["/net"]
        go_on.set()
        until(lambda: not hung.is_alive(), 20, "it answers")
        local.free_bytes("/net", never)
        assert asked == ["/net", "/net"]

    def test_called_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        go_on = threading.Event()

        def hang(path: str) -> list[file_systems._Look]:
            go_on.wait(60)
            return []

        monkeypatch.setattr(file_systems, "_looked", hang)
        with pytest.raises(ReclaimError):
            LocalFileSystems().of([("/net", "a")], lambda: True)
        go_on.set()
