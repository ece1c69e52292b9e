"""`envtui disk` and `envtui prune` as a shell starts them, on a real engine: what is planned is what goes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.program import ENVTUI, on_terminal
from tests.rig.disk_world import DiskWorld
from tests.rig.engine import PrivateEngine, why_unavailable
from tests.rig.image import IMAGE
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import until

_SECONDS = 120.0
_KIB = 1 << 10
_CHANGES_NOTHING = {"GET", "HEAD"}
_VENV = (
    "mkdir -p /opt/venv/bin && echo 'version = 3.11.2' >/opt/venv/pyvenv.cfg "
    "&& echo x >/opt/venv/bin/python3 && echo work >/opt/venv/notes"
)


@pytest.fixture(scope="module")
def own_engine() -> Iterator[PrivateEngine]:
    """An engine of this module's own: `--all` means every image that there is."""
    reason = why_unavailable()
    if reason is not None:
        if os.environ.get("ENVTUI_REQUIRE_ENGINE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with PrivateEngine() as private:
        private.build_image()
        yield private


@pytest.fixture
def world(own_engine: PrivateEngine) -> DiskWorld:
    """Nothing on it but the rig's image."""
    own_engine.recover()
    made = DiskWorld(own_engine)
    made.clean()
    return made


@pytest.fixture
def front(world: DiskWorld) -> Iterator[EngineProxy]:
    """A fresh proxy in front of it."""
    with EngineProxy(world.engine.socket_path) as proxy:
        yield proxy


def envtui(
    host: str, *words: str, home: Path | None = None, code: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """`envtui …` without a terminal."""
    surroundings = dict(os.environ)
    if home is not None:
        surroundings |= {"XDG_CONFIG_HOME": str(home), "HOME": str(home)}
    done = subprocess.run(
        [*ENVTUI, words[0], "--host", host, *words[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        env=surroundings,
    )
    assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def told(host: str, *words: str, home: Path | None = None, code: int = 0) -> Any:
    """What it prints with --json."""
    return json.loads(envtui(host, *words, "--json", home=home, code=code).stdout)


def ids(entries: list[Mapping[str, Any]]) -> set[str]:
    return {str(each["id"]) for each in entries}


def gone(before: Mapping[str, set[str]], after: Mapping[str, set[str]]) -> set[str]:
    """What is not there any more; nothing may have come."""
    assert all(after[kind] <= before[kind] for kind in before)
    return {key for kind in before for key in before[kind] - after[kind]}


def untagged(world: DiskWorld, size: int = 4 * _KIB) -> str:
    """An image that lost its tag to another one."""
    first = world.image("moves:1", size)
    world.image("moves:1", size)
    return first


def fill(world: DiskWorld) -> dict[str, str]:
    """One of each kind that can go, one that is used, one that holds work; ids by name."""
    world.engine.docker("tag", IMAGE, "kept:1")
    made = {
        "dangling": untagged(world),
        "tagged": world.image("unused:1", 64 * _KIB),
        "used": world.image("used:1", 32 * _KIB),
    }
    made |= {
        "needs": world.container("needs", "used:1"),
        "changed": world.container("changed", writes={"/tmp/result": 16 * _KIB}),
        "untouched": world.container("untouched"),
        "up": world.container("up", writes={"/work/live": 4 * _KIB}, runs=True),
    }
    world.engine.docker("start", "needs")
    made["named"] = world.volume("checkpoints", 8 * _KIB)
    made["anonymous"] = world.volume(None, 8 * _KIB)
    made["mounted"] = world.volume("mounted", 8 * _KIB)
    world.container("mounts", args=("--network", "none", "-v", "mounted:/data"), runs=True)
    made["network"] = world.engine.docker("network", "create", "old-net").strip()
    world.engine.run_container("lab", ("sh", "-c", _VENV))
    world.engine.docker("wait", "lab")
    made["lab"] = world.engine.docker("inspect", "-f", "{{.Id}}", "lab").strip()
    world.image("kit:1", 4 * _KIB, 4 * _KIB, kit=True)
    return made


_ALL = ("--images", "--all", "--containers", "--build-cache", "--volumes", "--networks", "--caches")


class TestPlanIsResult:
    def test_of_everything(self, world: DiskWorld) -> None:
        made = fill(world)
        host = world.engine.host
        plan = told(host, "prune", *_ALL, "--keep", "moves:*", "--keep", "kit:*", "--dry-run")
        before = world.ids()
        assert {
            made[each] for each in ("dangling", "tagged", "changed", "untouched", "anonymous", "network")
        } <= ids(plan["items"])
        answer = told(host, "prune", *_ALL, "--keep", "moves:*", "--keep", "kit:*", "--yes")
        assert answer["failed"] == []
        also = {key for each in answer["removed"] for key in each["also_removed"]}
        went = gone(before, world.ids())
        assert ids(answer["removed"]) == ids(plan["items"])
        assert went == ids(answer["removed"]) | also
        stays = {made[each] for each in ("used", "needs", "up", "named", "mounted", "lab")}
        assert not stays & went
        reasons = {each["id"]: each["reason"] for each in answer["skipped"]}
        assert {made["named"], made["lab"]} <= set(reasons)

    def test_images_without_a_tag_only(self, world: DiskWorld) -> None:
        dangling, tagged = untagged(world), world.image("unused:1", 4 * _KIB)
        before = world.ids()
        answer = told(world.engine.host, "prune", "--images", "--yes")
        went = gone(before, world.ids())
        assert dangling in went and tagged not in went and went == ids(answer["removed"])

    def test_bytes_are_those_that_the_engine_had_counted(self, world: DiskWorld) -> None:
        size = 8 << 20
        for name in ("first", "second"):
            world.image(f"{name}:1", size, base=IMAGE)
        world.container("changed", writes={"/tmp/result": size})
        world.volume(None, size)
        answer = told(
            world.engine.host,
            "prune",
            "--images",
            "--all",
            "--containers",
            "--volumes",
            "--yes",
            "--keep",
            IMAGE,
        )
        assert len(answer["removed"]) >= 4
        assert answer["planned_bytes"] == pytest.approx(4 * size, rel=0.05)
        assert answer["freed_bytes"] == pytest.approx(answer["planned_bytes"], rel=0.05)

    def test_it_says_nothing_to_remove_the_second_time(self, world: DiskWorld) -> None:
        untagged(world)
        told(world.engine.host, "prune", "--images", "--yes")
        before = world.ids()
        answer = told(world.engine.host, "prune", "--images", "--yes")
        assert (answer["removed"], answer["freed_bytes"]) == ([], 0) and world.ids() == before


class TestLeftOut:
    def test_keep_and_age(self, world: DiskWorld) -> None:
        world.image("acme/train:1", 4 * _KIB)
        other = world.image("acme/serve:1", 4 * _KIB)
        host = world.engine.host
        plan = told(host, "prune", "--images", "--all", "--keep", "*/train:*", "--keep", IMAGE, "--dry-run")
        assert other in ids(plan["items"])
        assert world.image_id("acme/train:1") not in ids(plan["items"])
        assert told(host, "prune", "--images", "--all", "--older-than", "1h", "--dry-run")["items"] == []

    def test_protected_and_foreign_things(self, world: DiskWorld, tmp_path: Path) -> None:
        (tmp_path / "envtui").mkdir()
        (tmp_path / "envtui" / "config.yaml").write_text(
            "disk:\n  protect_labels: [keep]\n  protect_names: ['acme/*']\n  owner: ana\n"
        )
        image = world.image("acme/train:1", 4 * _KIB)
        world.volume("label-kept", 1, {"keep": "yes"})
        foreign = world.image("bert/own:1", 4 * _KIB, more="LABEL owner=bert")
        own = world.image("ana/own:1", 4 * _KIB, more="LABEL owner=ana")
        network = world.engine.docker("network", "create", "--label", "keep=1", "kept-net").strip()
        answer = told(world.engine.host, "prune", *_ALL, "--keep", IMAGE, "--yes", home=tmp_path)
        assert own in ids(answer["removed"])
        there = world.ids()
        assert {image, foreign} <= there["images"] and network in there["networks"]
        assert "label-kept" in there["volumes"]

    def test_work_goes_only_where_its_name_is_typed(self, world: DiskWorld) -> None:
        made = fill(world)
        words = ("prune", "--host", world.engine.host, "--containers", "--volumes", "--keep", "changed",
                 "--keep", "untouched", "--keep", made["anonymous"])  # fmt: skip
        with on_terminal(*words, columns=160, rows=50) as shown:
            shown.wait_for(r"Type lab to remove it, nothing to leave it:$")
            shown.send("lab\r")
            shown.wait_for(r"Type checkpoints to remove it, nothing to leave it:$")
            shown.send("\r")
            shown.wait_for(r"Remove them\? \(y/N\)$")
            shown.send("y\r")
            shown.wait_for(r"removed: container lab")
            assert shown.wait_exit() == 0
        there = world.ids()
        assert made["lab"] not in there["containers"] and made["named"] in there["volumes"]

    def test_a_stopped_containers_environment_is_named(self, world: DiskWorld) -> None:
        made = fill(world)
        items = told(world.engine.host, "disk")["items"]
        (lab,) = (each for each in items if each["id"] == made["lab"] and each["kind"] == "container")
        assert lab["safety"] == "danger" and any(
            "/opt/venv" in each or "venv" in each for each in lab["loses"]
        )

    def test_nor_an_environment_at_a_place_of_its_own(self, world: DiskWorld) -> None:
        world.engine.run_container("odd", ("sh", "-c", _VENV.replace("/opt/venv", "/projects/lab/env")))
        world.engine.docker("wait", "odd")
        before = world.ids()
        answer = told(world.engine.host, "prune", "--containers", "--yes")
        assert (answer["removed"], world.ids()) == ([], before)


class TestTrouble:
    def test_read_only_only_reads(self, world: DiskWorld, front: EngineProxy) -> None:
        fill(world)
        before = world.ids()
        front.clear()
        told(front.host, "disk", "--read-only")
        told(front.host, "prune", *_ALL, "--dry-run", "--read-only")
        refused = envtui(front.host, "prune", *_ALL, "--yes", "--read-only", code=1)
        assert "Read-only" in refused.stderr and refused.stderr.count("\n") == 1
        seen = {(each.method, each.path) for each in front.requests() if each.method not in _CHANGES_NOTHING}
        assert front.requests() and not seen
        assert world.ids() == before

    def test_an_item_that_fails_is_reported_and_the_others_go(
        self, world: DiskWorld, front: EngineProxy
    ) -> None:
        stays, goes = world.volume(None, 4 * _KIB), world.volume(None, 4 * _KIB)
        front.override("DELETE", f"/volumes/{stays}", 500, {"message": "no space left on device"})
        answer = told(front.host, "prune", "--volumes", "--yes", code=1)
        assert ids(answer["removed"]) == {goes}
        (failed,) = answer["failed"]
        assert failed["id"] == stays and "no space left on device" in failed["reason"]
        assert world.ids()["volumes"] == {stays}

    def test_what_came_into_use_meanwhile_is_left_alone(self, world: DiskWorld) -> None:
        image = world.image("late:1", 4 * _KIB)
        words = ("prune", "--host", world.engine.host, "--images", "--all", "--keep", IMAGE)
        with on_terminal(*words, columns=160, rows=50) as shown:
            shown.wait_for(r"Remove them\? \(y/N\)$")
            world.container("late", "late:1")
            shown.send("y\r")
            shown.wait_for(r"in use now: image late:1")
            assert shown.wait_exit() == 0
        assert image in world.ids()["images"]

    def test_an_engine_that_is_away_is_one_line(self, tmp_path: Path) -> None:
        for words in (("disk",), ("prune", "--images", "--yes")):
            done = envtui(f"unix://{tmp_path}/none.sock", *words, "--json", code=1)
            assert done.stdout == "" and done.stderr.count("\n") == 1

    def test_ctrl_c_finishes_the_one_under_way(self, world: DiskWorld, front: EngineProxy) -> None:
        volumes = {world.volume(None, 4 * _KIB) for _ in range(4)}
        front.faults_match = "^DELETE /volumes/"
        front.hang = True
        program = subprocess.Popen(
            [*ENVTUI, "prune", "--host", front.host, "--volumes", "--yes", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until(lambda: front.count(lambda each: each.method == "DELETE") > 0, _SECONDS, "a removal")
        program.send_signal(signal.SIGINT)
        assert program.stderr is not None
        assert "finishing" in program.stderr.readline()
        front.hang = False
        out, _ = program.communicate(timeout=_SECONDS)
        assert program.returncode == 130
        answer = json.loads(out)
        (removed,) = answer["removed"]
        assert world.ids()["volumes"] == volumes - {removed["id"]}
        assert [each["state"] for each in answer["skipped"]] == ["not begun"] * 3

    def test_an_engine_lost_in_the_middle(self, world: DiskWorld, front: EngineProxy) -> None:
        volumes = {world.volume(None, 4 * _KIB) for _ in range(3)}
        front.faults_match = "^DELETE /volumes/"
        front.hang = True
        program = subprocess.Popen(
            [*ENVTUI, "prune", "--host", front.host, "--volumes", "--yes", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until(lambda: front.count(lambda each: each.method == "DELETE") > 0, _SECONDS, "a removal")
        front.faults_match, front.cut_requests = "^(?!DELETE)", True
        front.cut()
        front.hang = False
        out, _ = program.communicate(timeout=_SECONDS)
        answer = json.loads(out)
        assert program.returncode == 1
        there = world.ids()["volumes"]
        assert ids(answer["removed"]) == volumes - there
        known = ids(answer["removed"]) | ids(answer["failed"]) | ids(answer["skipped"])
        assert known == volumes and ids(answer["failed"])


def test_disk_for_people(world: DiskWorld) -> None:
    fill(world)
    done = envtui(world.engine.host, "disk")
    assert "engine" in done.stdout and "checkpoints" in done.stdout and done.stderr == ""


def test_disk_tells_ids_in_full(world: DiskWorld) -> None:
    made = fill(world)
    items = {(each["kind"], each["id"]): each for each in told(world.engine.host, "disk")["items"]}
    assert ("image", made["tagged"]) in items and made["tagged"].startswith("sha256:")
    assert ("container", made["changed"]) in items and ("volume", "checkpoints") in items
    assert ("network", made["network"]) in items
    records = {key for kind, key in items if kind == "build-cache"}
    assert records == world.ids()["build-cache"]
