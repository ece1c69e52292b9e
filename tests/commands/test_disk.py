"""`envtui disk`: what takes room, for people and for scripts; parts that can't be read, and ctrl+c."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.commands.disk_hosts import HOSTILE, DiskHost, container_id, image_id
from tests.rig.waiting import until
from tui.commands.disk_table import bar
from tui.model.disk import DiskPart, DiskVolume
from tui.model.errors import EngineNotFound, EnvtuiError

ITEM_KEYS = [
    "kind", "id", "name", "size_bytes", "reclaimable_bytes", "created_at", "last_used_at", "safety", "reason",
    "loses", "markable", "why_not",
]  # fmt: skip


def by_id(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in told["items"]}


class TestForScripts:
    def test_everything_is_told(self, disk_host: DiskHost) -> None:
        told = disk_host.json("disk")
        assert list(told) == ["file_systems", "totals", "items", "problems"] and told["problems"] == []
        (file_system,) = told["file_systems"]
        assert (file_system["path"], file_system["free_inodes"]) == ("/", 900)
        assert all(list(each) == ITEM_KEYS for each in told["items"])
        kinds = {each["kind"] for each in told["items"]}
        assert kinds >= {"image", "container", "volume", "network", "build-cache", "log"}
        assert {each["kind"] for each in told["totals"]} >= {"image", "volume"}

    def test_ids_are_the_engines_own(self, disk_host: DiskHost) -> None:
        items = by_id(disk_host.json("disk"))
        assert items[image_id("a")]["kind"] == "image"
        assert items[container_id("exited")]["kind"] in ("container", "log")
        assert items["checkpoints"]["kind"] == "volume" and items["rec1"]["kind"] == "build-cache"

    def test_what_may_go_and_what_may_not(self, disk_host: DiskHost) -> None:
        items = by_id(disk_host.json("disk"))
        dangling, tagged, used = (items[image_id(each)] for each in "abc")
        assert (dangling["safety"], dangling["markable"]) == ("safe", True)
        assert tagged["safety"] == "check" and any("acme/train:1.0" in line for line in tagged["loses"])
        assert not used["markable"] and "running" in used["why_not"]
        assert items["checkpoints"]["safety"] == "danger"
        assert items["checkpoints"]["created_at"].endswith("+00:00")
        made = next(
            each
            for each in disk_host.json("disk")["items"]
            if each["kind"] == "container" and each["name"] == "made"
        )
        assert made["safety"] == "danger" and any("vision" in line for line in made["loses"])

    def test_biggest_first_and_those_that_can_go_before(self, disk_host: DiskHost) -> None:
        items = disk_host.json("disk")["items"]
        markable = [each["markable"] for each in items]
        assert markable == sorted(markable, reverse=True)
        frees = [each["reclaimable_bytes"] or 0 for each in items if each["markable"]]
        assert frees == sorted(frees, reverse=True)


class TestForPeople:
    def test_tables(self, disk_host: DiskHost) -> None:
        code, out, err = disk_host.run("disk")
        assert (code, err) == (0, "")
        file_systems, totals, items = out.rstrip("\n").split("\n\n")
        assert file_systems.splitlines()[1].startswith("/ ") and "████████░░ 82%" in file_systems
        assert totals.splitlines()[0].split() == ["KIND", "COUNT", "SIZE", "CAN", "GO"]
        title, first, *_ = items.splitlines()
        assert title.split()[:4] == ["FREES", "SIZE", "KIND", "SAFETY"]
        # nothing frees more
        assert "checkpoints" in first and "danger" in first

    def test_foreign_names_drive_nothing(self, disk_host: DiskHost) -> None:
        disk_host.disk.volumes_.append(DiskVolume(HOSTILE, size_bytes=1))
        code, out, _ = disk_host.run("disk")
        assert code == 0 and "␛]0;owned␇'\"$HOME [red]" in out and "\x1b" not in out and "\u202e" not in out

    @pytest.mark.parametrize(
        ("share", "drawn"),
        [
            (0, "░░░░░░░░░░"),
            (0.001, "█░░░░░░░░░"),
            (0.5, "█████░░░░░"),
            (0.999, "█████████░"),
            (1, "██████████"),
        ],
    )
    def test_a_bar_is_full_or_empty_only_where_that_is_so(self, share: float, drawn: str) -> None:
        assert bar(share) == drawn


class TestTrouble:
    def test_a_part_that_fails_is_told_and_the_rest_is_there(self, disk_host: DiskHost) -> None:
        disk_host.disk.failing[DiskPart.VOLUMES] = EnvtuiError("It hurts", "in\nthe \x1b[31mmiddle")
        code, out, err = disk_host.run("disk")
        assert code == 1 and "acme/train:1.0" in out and "checkpoints" not in out
        assert err.count("\n") == 1 and "volumes: It hurts" in err and "\x1b" not in err
        told = disk_host.json("disk", code=1)
        assert [(each["part"], each["error"]["title"]) for each in told["problems"]] == [
            ("volumes", "It hurts")
        ]

    def test_without_an_engine_it_is_one_line(self, disk_host: DiskHost) -> None:
        def gone() -> Any:
            raise EngineNotFound("No container engine", "nothing listens")

        disk_host.station.containers.containers = gone  # type: ignore[method-assign]
        code, out, err = disk_host.run("disk", "--json")
        assert (code, out) == (1, "") and err.count("\n") == 1

    def test_a_host_whose_disk_nobody_knows(self, disk_host: DiskHost) -> None:
        disk_host.station = replace(disk_host.station, disk=None)
        code, _, err = disk_host.run("disk")
        assert code == 1 and err.count("\n") == 1

    def test_ctrl_c_ends_the_reading(self, disk_host: DiskHost) -> None:
        ended = []

        def wait(part: DiskPart, is_cancelled: Callable[[], bool]) -> None:
            if part is DiskPart.VOLUMES:
                os.kill(os.getpid(), signal.SIGINT)
                until(is_cancelled, 30, "called off")
                ended.append(part)

        disk_host.disk.on_read = wait
        code, out, _ = disk_host.run("disk", "--json")
        assert (code, out) == (130, "") and ended == [DiskPart.VOLUMES]

    def test_read_only_runs_nothing_in_containers_and_is_no_failure(self, disk_host: DiskHost) -> None:
        parts: list[DiskPart] = []
        disk_host.disk.on_read = lambda part, _: parts.append(part)
        told = disk_host.json("disk", "--read-only")
        assert DiskPart.INSIDE not in parts and DiskPart.VOLUMES in parts
        assert [each["part"] for each in told["problems"]] == ["inside"]
