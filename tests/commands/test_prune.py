"""`envtui prune`: what it plans, asks and never takes, and how it tells what became of each thing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace

import pytest

from tests.commands.disk_hosts import GIB, HOSTILE, MIB, NOW, DiskHost, container_id, image_id
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until
from tui.commands.prune import duration_seconds
from tui.demo.world import DemoWorld
from tui.model.disk import BuildRecord, DiskPart, DiskVolume
from tui.model.disk_items import DiskItem
from tui.model.errors import EngineNotFound, EnvtuiError, ItemGone, ItemInUse, ItemStays, UsageError
from tui.workstation import open_demo

ALL = ("--images", "--all", "--containers", "--build-cache", "--volumes", "--networks", "--caches")


def ids(entries: list[dict[str, object]]) -> set[object]:
    return {each["id"] for each in entries}


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("--dry-run",),
            ("--all", "--containers", "--yes"),
            ("--images", "--older-than", "7", "--dry-run"),
            ("--images", "--older-than=-7d", "--dry-run"),
            ("--images", "--older-than", "", "--dry-run"),
            ("--images", "--keep", "", "--dry-run"),
        ],
    )
    def test_mistakes_are_one_line_and_nothing_is_read(
        self, disk_host: DiskHost, arguments: tuple[str, ...]
    ) -> None:
        read: list[DiskPart] = []
        disk_host.disk.on_read = lambda part, _: read.append(part)
        code, out, err = disk_host.run("prune", *arguments)
        assert (code, out, read) == (2, "", []) and err.count("\n") == 1

    @pytest.mark.parametrize(
        ("text", "seconds"), [("30m", 1800), ("12h", 43200), ("7d", 604800), ("4w", 2419200), ("0d", 0)]
    )
    def test_durations(self, text: str, seconds: float) -> None:
        assert duration_seconds(text) == seconds

    @pytest.mark.parametrize("text", ["7", "d", "7D", "7 d", "1.5d", "٧d", "7d\n", "9999999999d", "7s"])
    def test_no_durations(self, text: str) -> None:
        with pytest.raises(UsageError):
            duration_seconds(text)

    def test_nobody_to_ask_and_no_yes(self, disk_host: DiskHost) -> None:
        code, out, err = disk_host.run("prune", "--images")
        assert (code, out, disk_host.disk.removed) == (2, "", []) and "--yes" in err and err.count("\n") == 1

    def test_only_what_a_plan_rests_on_is_read(self, disk_host: DiskHost) -> None:
        read: set[DiskPart] = set()
        disk_host.disk.on_read = lambda part, _: read.add(part)
        disk_host.json("prune", "--images", "--dry-run")
        assert read == {DiskPart.IMAGES, DiskPart.BUILD_CACHE}


class TestPlans:
    def test_dangling_images_only_unless_all_are_meant(self, disk_host: DiskHost) -> None:
        plan = disk_host.json("prune", "--images", "--dry-run")
        assert list(plan) == ["items", "planned_bytes", "is_exact", "skipped", "problems"]
        assert ids(plan["items"]) == {image_id("a")}
        plan = disk_host.json("prune", "--images", "--all", "--dry-run")
        assert ids(plan["items"]) == {image_id("a"), image_id("b")}
        # the layer that both have goes with the second
        assert plan["planned_bytes"] == sum(
            layer.size_bytes or 0
            for layer in {layer for image in disk_host.disk.images_[:2] for layer in image.layers}
        )

    def test_a_layer_that_the_build_cache_holds_is_not_freed(self, disk_host: DiskHost) -> None:
        disk_host.disk.records = [BuildRecord("held", size_bytes=2 * GIB, is_shared=True)]
        plan = disk_host.json("prune", "--images", "--dry-run")
        assert (ids(plan["items"]), plan["planned_bytes"]) == ({image_id("a")}, 0)

    def test_what_images_free_is_no_exact_figure_without_the_build_cache(self, disk_host: DiskHost) -> None:
        assert disk_host.json("prune", "--images", "--dry-run")["is_exact"] is True
        disk_host.disk.failing[DiskPart.BUILD_CACHE] = EnvtuiError("It hurts")
        plan = disk_host.json("prune", "--images", "--dry-run", code=1)
        assert ids(plan["items"]) == {image_id("a")} and plan["is_exact"] is False

    def test_nothing_that_holds_work(self, disk_host: DiskHost) -> None:
        plan = disk_host.json("prune", *ALL, "--dry-run")
        assert {"checkpoints", container_id("made")} <= ids(plan["skipped"])
        assert {"data", image_id("c"), container_id("running")}.isdisjoint(ids(plan["items"]))
        assert ids(plan["items"]) == {
            image_id("a"), image_id("b"), container_id("exited"), container_id("untouched"), "rec1", "f" * 64,
            "e" * 64,
        }  # fmt: skip
        assert all(each["reason"] for each in plan["skipped"])
        assert disk_host.disk.removed == []

    def test_keep(self, disk_host: DiskHost) -> None:
        plan = disk_host.json(
            "prune", *ALL, "--dry-run", "--keep", "acme/*", "--keep", "old-?et", "--keep", "exi*"
        )
        assert {image_id("b"), "e" * 64, container_id("exited")}.isdisjoint(ids(plan["items"]))
        assert image_id("a") in ids(plan["items"])

    def test_older_than(self, disk_host: DiskHost) -> None:
        plan = disk_host.json("prune", "--images", "--all", "--dry-run", "--older-than", "7d")
        assert ids(plan["items"]) == {image_id("a")}

    def test_protected_and_foreign_things_stay(self, disk_host: DiskHost) -> None:
        disk_host.settings("disk:\n  protect_names: ['acme/train:*']\n  protect_labels: ['keep=yes']\n")
        disk = disk_host.disk
        disk.volumes_ += [
            DiskVolume("9" * 64, labels={"keep": "yes"}, size_bytes=1, is_anonymous=True),
            DiskVolume("8" * 64, labels={"owner": "somebody else"}, size_bytes=1, is_anonymous=True),
        ]
        plan = disk_host.json("prune", *ALL, "--dry-run")
        assert {image_id("b"), "9" * 64, "8" * 64}.isdisjoint(ids(plan["items"]))

    def test_a_container_that_nobody_could_look_into_stays(self, disk_host: DiskHost) -> None:
        disk_host.disk.failing[DiskPart.LAYERS] = EnvtuiError("It hurts")
        plan = disk_host.json("prune", "--containers", "--dry-run", code=1)
        assert plan["items"] == [] and container_id("untouched") in ids(plan["skipped"])
        told = disk_host.json("prune", "--containers", "--yes", code=1)
        assert told["removed"] == [] and disk_host.disk.removed == []

    def test_for_people(self, disk_host: DiskHost) -> None:
        disk_host.disk.volumes_.append(DiskVolume(HOSTILE, size_bytes=1, created_at=NOW))
        code, out, err = disk_host.run("prune", *ALL, "--dry-run")
        assert (code, err) == (0, "") and "\x1b" not in out and "\u202e" not in out
        assert "left out: volume checkpoints: " in out and "␛]0;owned␇" in out
        assert "loses: " in out and out.splitlines()[-1].startswith("7 things to be removed, which frees ")

    def test_read_only_still_plans(self, disk_host: DiskHost) -> None:
        assert disk_host.json("prune", "--images", "--dry-run", "--read-only")["items"]
        code, out, err = disk_host.run("prune", "--images", "--yes", "--read-only")
        assert (code, out, disk_host.disk.removed) == (1, "", []) and "Read-only" in err


class TestRemoving:
    def test_what_was_planned_is_what_goes(self, disk_host: DiskHost) -> None:
        plan = disk_host.json("prune", *ALL, "--dry-run")
        told = disk_host.json("prune", *ALL, "--yes")
        assert list(told) == [
            "removed", "failed", "skipped", "planned_bytes", "is_exact", "freed_bytes", "note",
            "free_before_bytes", "free_after_bytes", "problems",
        ]  # fmt: skip
        assert ids(told["removed"]) == ids(plan["items"]) == set(disk_host.disk.removed)
        assert len(disk_host.disk.removed) == len(plan["items"])
        assert (told["planned_bytes"], told["failed"]) == (plan["planned_bytes"], [])
        assert told["freed_bytes"] == told["free_after_bytes"] - told["free_before_bytes"] > 0
        assert {"checkpoints", container_id("made")} <= ids(told["skipped"])

    def test_each_outcome_has_its_place(self, disk_host: DiskHost) -> None:
        disk_host.disk.refusals = {
            image_id("a"): ItemStays("Not removed", "disk full"),
            "e" * 64: ItemInUse("In use now", "a container came into it"),
            "f" * 64: ItemGone("Gone already", ""),
        }
        told = disk_host.json("prune", "--images", "--networks", "--volumes", "--yes", code=1)
        (failed,) = told["failed"]
        assert (failed["id"], failed["state"]) == (image_id("a"), "failed") and "disk full" in failed[
            "reason"
        ]
        states = {each["id"]: each.get("state") for each in told["skipped"]}
        assert (states["e" * 64], states["f" * 64]) == ("in use now", "gone already")
        assert states["checkpoints"] is None and told["removed"] == []

    def test_what_was_left_alone_is_no_failure(self, disk_host: DiskHost) -> None:
        disk_host.disk.refusals = {"e" * 64: ItemInUse("In use now", "a container came into it")}
        assert disk_host.json("prune", "--networks", "--yes")["removed"] == []

    def test_for_people(self, disk_host: DiskHost) -> None:
        disk_host.disk.refusals = {image_id("b"): ItemStays("Not removed", "disk full")}
        code, out, err = disk_host.run("prune", "--images", "--all", "--yes")
        assert (code, err) == (1, "")
        assert "✓ removed: image " in out and "✗ failed: image acme/train:1.0" in out and "disk full" in out
        assert "1 of 2 removed; planned 6.00 GiB, freed 2.00 GiB" in out
        assert "free on the disk: 18.0 GiB before, 20.0 GiB after" in out

    def test_nothing_to_remove(self, disk_host: DiskHost) -> None:
        disk_host.disk.images_ = []
        told = disk_host.json("prune", "--images", "--yes")
        assert (told["removed"], told["planned_bytes"], told["freed_bytes"]) == ([], 0, 0)
        code, out, _ = disk_host.run("prune", "--images", "--yes")
        assert code == 0 and "nothing" in out

    def test_a_part_that_fails_leaves_the_rest_and_ends_with_one(self, disk_host: DiskHost) -> None:
        disk_host.disk.failing[DiskPart.VOLUMES] = EnvtuiError("It hurts")
        told = disk_host.json("prune", "--images", "--volumes", "--yes", code=1)
        assert ids(told["removed"]) == {image_id("a")} and told["problems"][0]["part"] == "volumes"

    def test_a_host_that_removes_nothing(self, disk_host: DiskHost) -> None:
        disk_host.station = replace(disk_host.station, reclaiming=None)
        code, out, err = disk_host.run("prune", "--images", "--yes")
        assert (code, out) == (1, "") and err.count("\n") == 1

    def test_without_an_engine_it_is_one_line(self, disk_host: DiskHost) -> None:
        def gone() -> None:
            raise EngineNotFound("No container engine", "nothing listens")

        disk_host.station.containers.containers = gone  # type: ignore[method-assign, assignment]
        code, out, err = disk_host.run("prune", "--images", "--yes", "--json")
        assert (code, out) == (1, "") and err.count("\n") == 1


class TestCallingOff:
    def test_the_one_under_way_is_finished_and_no_other_begun(self, disk_host: DiskHost) -> None:
        said: list[str] = []

        def interrupt(item: DiskItem) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            # the main thread takes it when it looks next
            until(lambda: said, 30, "taken note of")

        disk_host.monkeypatch.setattr("tui.commands.pruning.say", said.append)
        disk_host.disk.on_reclaim = interrupt
        told = disk_host.json("prune", *ALL, "--yes", code=130)
        assert len(told["removed"]) == 1 == len(disk_host.disk.removed)
        assert [each["state"] for each in told["skipped"] if "state" in each] == ["not begun"] * 6

    def test_twice_is_not_waited_for(self, disk_host: DiskHost) -> None:
        told_once: list[str] = []

        def hang(item: DiskItem) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            # the first one was taken note of
            until(lambda: told_once, 30, "asked about once more")
            os.kill(os.getpid(), signal.SIGINT)
            until(ended.is_set, 60, "the command has ended")

        ended = threading.Event()
        disk_host.monkeypatch.setattr("tui.commands.pruning.say", told_once.append)
        disk_host.disk.on_reclaim = hang
        told = disk_host.json("prune", *ALL, "--yes", code=130)
        ended.set()
        assert "ctrl+c again" in told_once[0]
        assert [each["state"] for each in told["failed"]] == ["not known"] and told["removed"] == []
        assert len([each for each in told["skipped"] if each.get("state") == "not begun"]) == 6


class TestAsking:
    @staticmethod
    def terminal(*arguments: str) -> TerminalSession:
        return TerminalSession(
            [sys.executable, "-m", "tests.commands.disk_hosts", "prune", *arguments], columns=160, rows=50
        )

    def test_yes(self) -> None:
        with self.terminal("--images") as shown:
            shown.wait_for(r"1 thing to be removed, which frees 2\.00 GiB")
            shown.wait_for(r"Remove them\? \(y/N\)$")
            shown.send("y\r")
            shown.wait_for(r"✓ removed: image ")
            shown.wait_for(r"gone: \['sha256:aaaaaaa'\] code: 0")

    @pytest.mark.parametrize("keys", ["\r", "n\r", "\x04"])
    def test_anything_else_removes_nothing(self, keys: str) -> None:
        with self.terminal("--images") as shown:
            shown.wait_for(r"Remove them\? \(y/N\)$")
            shown.send(keys)
            shown.wait_for(r"nothing was removed")
            shown.wait_for(r"gone: \[\] code: 1")

    def test_ctrl_c_at_the_question(self) -> None:
        with self.terminal("--images") as shown:
            shown.wait_for(r"Remove them\? \(y/N\)$")
            shown.send("\x03")
            shown.wait_for(r"gone: \[\] code: 130")

    def test_a_name_that_is_typed_takes_it_and_one_that_is_not_leaves_it(self) -> None:
        with self.terminal("--volumes", "--containers") as shown:
            shown.wait_for(r"Type (made|checkpoints) to remove it, nothing to leave it:$")
            answers = {"made": "\r", "checkpoints": "checkpoints\r"}
            first = "made" if "Type made" in shown.text() else "checkpoints"
            shown.send(answers.pop(first))
            (second,) = answers
            shown.wait_for(rf"Type {second} to remove it, nothing to leave it:")
            shown.send(answers[second])
            shown.wait_for(r"4 things to be removed, which frees ")
            shown.wait_for(r"Remove them\? \(y/N\)$")
            shown.send("y\r")
            shown.wait_for(r"✓ removed: volume checkpoints")
            shown.wait_for(r"gone: \[.*'checkpoints'.*\] code: 0")
            assert container_id("made")[:14] not in shown.text().partition("gone:")[2]

    def test_a_wrong_name_leaves_it(self) -> None:
        with self.terminal("--volumes", "--keep", "f*") as shown:
            shown.wait_for(r"Type checkpoints to remove it")
            shown.send("checkpoint\r")
            shown.wait_for(r"gone: \[\] code: 1")

    def test_the_loss_is_shown_where_the_name_is_asked_for(self) -> None:
        with self.terminal("--containers", "--keep", "exited", "--keep", "untouched") as shown:
            shown.wait_for(r"loses: .*vision")
            shown.wait_for(r"Type made to remove it")
            shown.send("made\r")
            shown.wait_for(r"Remove them\? \(y/N\)$")
            shown.send("y\r")
            shown.wait_for(rf"gone: \['{container_id('made')[:14]}'\] code: 0")

    def test_json_keeps_the_plan_out_of_standard_output(self) -> None:
        command = f"{sys.executable} -m tests.commands.disk_hosts prune --images --json 2>/dev/tty | cat"
        with TerminalSession(["sh", "-c", command], columns=160, rows=60) as shown:
            shown.wait_for(r"Remove them\? \(y/N\)$")
            shown.send("y\r")
            shown.wait_for(r'"planned_bytes": 2147483648')


def test_sizes_are_told_in_bytes(disk_host: DiskHost) -> None:
    plan = disk_host.json("prune", "--build-cache", "--dry-run")
    assert plan["planned_bytes"] == 512 * MIB


def test_on_the_make_believe_workstation_what_was_planned_is_what_goes(disk_host: DiskHost) -> None:
    disk_host.station = open_demo(DemoWorld())
    kinds = tuple(each for each in ALL if each != "--caches")
    plan = disk_host.json("prune", *kinds, "--dry-run")
    told = disk_host.json("prune", *kinds, "--yes")
    assert ids(told["removed"]) == ids(plan["items"]) and len(plan["items"]) > 5 and told["failed"] == []
    there = ids(disk_host.json("disk")["items"])
    assert not ids(plan["items"]) & there and "imagenet-resized-2024" in there
