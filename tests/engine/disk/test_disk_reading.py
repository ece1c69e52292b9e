"""The disk as a real engine tells it: right to the byte, also while it takes long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.disk_world import DiskWorld
from tests.rig.engine import PrivateEngine
from tests.rig.image import IDLE, IMAGE
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import until
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.disk import DockerDisk
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.model.containers import Container
from tui.model.disk import DiskImage, PrefixChange
from tui.model.errors import EngineError, NoSuchContainer, ReclaimError
from tui.model.shared_cache import records_of_layers
from tui.workstation import open_local

MEGA = 1 << 20
NO_NETWORK = ("--network", "none")


def never() -> bool:
    return False


@pytest.fixture
def world(clean_engine: PrivateEngine) -> Iterator[DiskWorld]:
    made = DiskWorld(clean_engine)
    made.clean()
    yield made
    clean_engine.recover()
    made.clean()


@pytest.fixture
def disk(world: DiskWorld) -> DockerDisk:
    return DockerDisk(DockerEngine(find(world.engine.host, {})))


def listed(world: DiskWorld) -> list[Container]:
    return list(DockerContainers(DockerEngine(find(world.engine.host, {}))).containers()[0])


def by_tag(found: list[DiskImage] | tuple[DiskImage, ...], tag: str) -> DiskImage:
    return next(image for image in found if tag in image.tags)


def sizes(image: DiskImage) -> list[int | None]:
    """Of the layers above the rig's own image."""
    return [layer.size_bytes for layer in image.layers[1:]]


class TestImages:
    def test_layers_of_every_way_to_make_an_image(self, world: DiskWorld, disk: DockerDisk) -> None:
        world.image("classic:1", 3 * MEGA, MEGA, more="ENV A=1\nLABEL a=b\nRUN true")
        world.image("kit:1", 2 * MEGA, kit=True, more="WORKDIR /there\nCMD true")
        world.image("above:1", MEGA, base="classic:1")
        world.container("worked", "kit:1", writes={"/there/result": MEGA})
        world.commit("worked", "committed:1")
        world.engine.docker("tag", "classic:1", "second:name")

        found = tuple(disk.images(never))

        assert sizes(by_tag(found, "classic:1")) == [3 * MEGA, MEGA]
        assert sizes(by_tag(found, "above:1")) == [3 * MEGA, MEGA, MEGA]
        assert sizes(by_tag(found, "kit:1")) == [2 * MEGA, 0]
        assert sizes(by_tag(found, "committed:1")) == [2 * MEGA, 0, MEGA]
        assert set(by_tag(found, "classic:1").tags) == {"classic:1", "second:name"}
        told = {each["Id"]: each["SharedSize"] for each in world.ask("GET", "/system/df")["Images"]}
        assert {image.id: image.shared_bytes for image in found if image.tags} == told
        # a RUN at the end looks as a commit of a container with a shell's line
        built = {tag for image in found if image.is_built for tag in image.tags}
        assert built & {"classic:1", "kit:1", "above:1", "committed:1"} == {"kit:1", "above:1"}
        # each layer once is what the engine counts
        layers = {layer.chain_id: layer.size_bytes or 0 for image in found for layer in image.layers}
        assert sum(layers.values()) == world.ask("GET", "/system/df")["LayersSize"]

    def test_steps_of_the_classic_builder(self, world: DiskWorld, disk: DockerDisk) -> None:
        image = world.image("classic:1", MEGA, MEGA)
        found = {each.id: each for each in disk.images(never)}
        parent = found[found[image].parent_id]
        assert parent.is_intermediate and not parent.tags and not parent.used_by
        assert parent.size_bytes == (found[image].size_bytes or 0) - MEGA
        assert not found[image].is_intermediate

    def test_an_image_without_a_name_is_no_step(self, world: DiskWorld, disk: DockerDisk) -> None:
        old = world.image("again:1", MEGA)
        world.image("again:1", MEGA)
        found = {each.id: each for each in disk.images(never)}
        assert (found[old].tags, found[old].digests, found[old].is_intermediate) == ((), (), False)

    def test_stopped_containers_use_their_image(self, world: DiskWorld, disk: DockerDisk) -> None:
        image = world.image("used:1", MEGA)
        running, stopped = world.container("u1", "used:1", runs=True), world.container("u2", "used:1")
        created = world.engine.run_container("u3", image="used:1", start=False)
        # the tag goes elsewhere: they still need the image
        world.image("used:1", MEGA)
        found = {each.id: each for each in disk.images(never)}
        assert found[image].used_by == tuple(sorted((running, stopped, created)))
        assert by_tag(tuple(found.values()), "used:1").used_by == ()


class TestOthers:
    def test_writable_layers(self, world: DiskWorld, disk: DockerDisk) -> None:
        full, empty = world.container("full", writes={"/tmp/x": MEGA}), world.container("empty", runs=True)
        found = {each.container_id: each.size_bytes for each in disk.container_layers(never)}
        assert found == {full: MEGA, empty: 0}

    def test_volumes(self, world: DiskWorld, disk: DockerDisk) -> None:
        world.volume("data", 3 * MEGA, {"owner": "anna"})
        world.volume("free", MEGA)
        bound = {"type": "none", "o": "bind", "device": "/usr/share"}
        world.ask("POST", "/volumes/create", {"Name": "elsewhere", "DriverOpts": bound})
        user = world.container("user", args=(*NO_NETWORK, "-v", "data:/data", "-v", "/unnamed"))
        found = {each.name: each for each in disk.volumes(never)}
        named, free, elsewhere = (found.pop(each) for each in ("data", "free", "elsewhere"))
        (anonymous,) = found.values()
        assert (named.size_bytes, named.used_by, named.labels) == (3 * MEGA, (user,), {"owner": "anna"})
        assert (free.size_bytes, free.used_by, free.is_anonymous) == (MEGA, (), False)
        assert (anonymous.size_bytes, anonymous.used_by, anonymous.is_anonymous) == (0, (user,), True)
        # the engine counts none but its own folders
        assert (elsewhere.size_bytes, elsewhere.used_by) == (None, ())
        assert named.created_at is not None and Path(named.mount_point, "content").exists()

    def test_networks(self, world: DiskWorld, disk: DockerDisk) -> None:
        world.ask("POST", "/networks/create", {"Name": "free", "Labels": {"a": "\x1b[1m"}})
        world.ask("POST", "/networks/create", {"Name": "used"})
        stopped = world.engine.run_container("in-it", args=("--network", "used"), start=False)
        found = {each.name: each for each in disk.networks(never)}
        assert set(found) == {"free", "used"}
        assert (found["free"].used_by, found["free"].labels) == ((), {"a": "\x1b[1m"})
        assert found["used"].used_by == (stopped,)

    def test_the_build_cache(self, world: DiskWorld, disk: DockerDisk) -> None:
        world.image("kit:1", 2 * MEGA, MEGA, kit=True)
        records = disk.build_cache(never)
        images = disk.images(never)
        held = records_of_layers(images, records)
        layers = by_tag(tuple(images), "kit:1").layers
        # the engine keeps the layers when the image goes, down to the one that the build began with
        assert all(held[layer.chain_id] for layer in layers)
        shared = {record.id: record.size_bytes for record in records if record.is_shared}
        assert [sorted(shared[each] or 0 for each in held[layer.chain_id]) for layer in layers[1:]] == [
            [MEGA, 2 * MEGA], [MEGA],
        ]  # fmt: skip
        world.engine.docker("rmi", "kit:1")
        assert not any(record.is_shared and record.size_bytes for record in disk.build_cache(never))

    def test_logs(self, world: DiskWorld, disk: DockerDisk) -> None:
        loud = world.engine.docker(
            "run", "-d", *NO_NETWORK, "--log-opt", "max-size=20k", "--log-opt", "max-file=3", IMAGE,
            "sh", "-c", "yes | head -5000; exec idle",
        ).strip()  # fmt: skip
        local = world.engine.docker("run", "-d", *NO_NETWORK, "--log-driver", "local", IMAGE, "echo", "a")
        mute = world.engine.docker("run", "-d", *NO_NETWORK, "--log-driver", "none", IMAGE, *IDLE).strip()
        fresh = world.engine.run_container("fresh", start=False)
        path = Path(world.ask("GET", f"/containers/{loud}/json")["LogPath"])
        until(lambda: Path(f"{path}.2").exists() and path.exists(), 60, "the log was rotated")

        def found() -> dict[str, tuple[int | None, str, str]]:
            return {
                each.container_id: (each.size_bytes, each.limit, each.why_unknown)
                for each in disk.logs(listed(world), never)
            }

        def on_disk() -> int:
            return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))

        until(lambda: found()[loud][0] == on_disk() > 40_000, 60, "the log with its rotated files")
        assert found()[loud][1:] == ("20k", "")
        until(lambda: (found()[local.strip()][0] or 0) > 0, 60, "the log of the local driver")
        assert found()[local.strip()][1] == "20m"
        assert found()[mute][0] == 0
        assert found()[fresh] == (0, "", "")

    def test_file_systems(self, world: DiskWorld, disk: DockerDisk, tmp_path: Path) -> None:
        args = (*NO_NETWORK, "-v", f"{tmp_path}:/data", "-v", f"{world.engine.socket_path}:/sock")
        world.container("box", args=args)
        found = disk.file_systems(listed(world), never)
        uses = [use for each in found for use in each.uses]
        assert uses[0] == "engine's data root" and "/data of box" in uses and "/sock of box" not in uses
        assert all(0 < each.used_bytes + each.free_bytes <= each.total_bytes for each in found)

    def test_an_engine_elsewhere_has_no_file_systems_here(self, world: DiskWorld) -> None:
        engine = DockerEngine(find(world.engine.host, {}))
        disk = DockerDisk(engine)
        disk._is_here = False
        identity = world.container("box", runs=True)
        assert disk.file_systems(listed(world), never) == ()
        (log,) = disk.logs(listed(world), never)
        assert (log.container_id, log.size_bytes) == (identity, None) and log.why_unknown
        assert disk.measure(never).free_bytes is None

    def test_the_workstation_has_it(self, world: DiskWorld) -> None:
        disk = open_local(world.engine.host, {}).disk
        assert disk is not None and len(disk.images(never)) == 1


class TestLayerChanges:
    def test_a_container_that_did_nothing(self, world: DiskWorld, disk: DockerDisk) -> None:
        args = (*NO_NETWORK, "-v", "/a/b/volume", "--tmpfs", "/fast", "-v", "/usr/share:/usr/share:ro")
        identity = world.container("idle", args=args)
        assert disk.layer_changes(identity, (), never).count == 0

    def test_what_was_added_changed_and_deleted(self, world: DiskWorld, disk: DockerDisk) -> None:
        identity = world.container("busy", writes={"/work/anna/a": 10, "/etc/passwd": 10}, runs=True)
        before = disk.layer_changes(identity, (), never)
        world.engine.docker("exec", identity, "rm", "/etc/group")
        world.engine.docker("exec", identity, "mkdir", "-p", "/work/anna/__pycache__")
        after = disk.layer_changes(identity, (), never)
        # the file and its two folders; nothing is lost with a cache
        assert (before.added, before.changed, before.deleted) == (3, 1, 0)
        assert (after.added, after.changed, after.deleted) == (3, 1, 1)
        assert dict(after.folders) == {"/": 1, "/work": 1, "/work/anna": 1, "/etc": 2}
        assert before.fingerprint != after.fingerprint
        assert disk.layer_changes(identity, ("/work",), never).fingerprint == after.fingerprint

    def test_environments(self, world: DiskWorld, disk: DockerDisk, tmp_path: Path) -> None:
        world.container(
            "maker", writes={f"/opt/conda{each}/conda-meta/history": 9 for each in ("", "/envs/a", "/envs/b")}
        )
        world.commit("maker", "conda:1")
        writes = {
            "/opt/conda/envs/b/lib/x": 9, "/opt/conda/envs/new/conda-meta/history": 9,
            "/opt/conda/pkgs/x/y": 9, "/opt/conda/envs/a/lib/__pycache__/x.pyc": 9,
            "/data/on-volume/conda-meta/history": 9,
        }  # fmt: skip
        identity = world.container(
            "user", "conda:1", writes=writes, args=(*NO_NETWORK, "-v", f"{tmp_path}:/data")
        )
        prefixes = (
            "/opt/conda",
            *(f"/opt/conda/envs/{each}" for each in ("a", "b", "new")),
            "/data/on-volume",
        )
        found = disk.layer_changes(identity, prefixes, never)
        # the folder for the cache's file is new in a
        assert found.prefixes == {
            "/opt/conda/envs/a": PrefixChange.CHANGED,
            "/opt/conda/envs/b": PrefixChange.CHANGED,
            "/opt/conda/envs/new": PrefixChange.MADE,
        }
        other = world.container("other", "conda:1")
        assert disk.layer_changes(other, prefixes, never).prefixes == {}

    def test_one_that_is_gone(self, world: DiskWorld, disk: DockerDisk) -> None:
        with pytest.raises(NoSuchContainer):
            disk.layer_changes("0" * 64, (), never)


class TestMeasure:
    def test_what_was_freed_by_the_account_is_what_the_file_system_gave_back(
        self, world: DiskWorld, disk: DockerDisk
    ) -> None:
        world.image("kit:1", 8 * MEGA, kit=True)
        world.image("classic:1", 8 * MEGA, 4 * MEGA)
        world.image("above:1", 4 * MEGA, base="classic:1")
        world.container("full", writes={"/tmp/x": 8 * MEGA})
        world.volume("data", 8 * MEGA)

        def both() -> tuple[int, int]:
            accounted = disk.measure(never).accounted_bytes
            assert accounted is not None
            return accounted, world.room_bytes()

        for step in (
            # nothing is freed: the build cache has the layers
            lambda: world.engine.docker("rmi", "kit:1"),
            # 4 of 16: the others are needed
            lambda: world.engine.docker("rmi", "above:1"),
            lambda: world.engine.docker("rmi", "classic:1"),
            lambda: world.engine.docker("rm", "full"),
            lambda: world.engine.docker("volume", "rm", "data"),
            lambda: world.ask("POST", "/build/prune?all=1"),
        ):
            before = both()
            step()
            after = both()
            freed = before[0] - after[0], before[1] - after[1]
            assert freed[0] == pytest.approx(freed[1], rel=0.05, abs=MEGA / 4), (before, after)

    def test_free_bytes(self, disk: DockerDisk) -> None:
        assert (disk.measure(never).free_bytes or 0) > 0


class Call(threading.Thread):
    """A call in a thread of its own, that can be called off."""

    def __init__(self, disk: DockerDisk, part: str) -> None:
        super().__init__(daemon=True)
        self.cancelled = threading.Event()
        self.came: object = None
        self._disk, self._part = disk, part
        self.start()

    def run(self) -> None:
        try:
            self.came = getattr(self._disk, self._part)(self.cancelled.is_set)
        except Exception as error:
            self.came = error

    def ended(self) -> object:
        """What came of it."""
        self.join(60)
        assert not self.is_alive()
        return self.came


class TestLongAnswers:
    @pytest.mark.parametrize(
        ("part", "request_"),
        [
            ("volumes", "GET /system/df"), ("build_cache", "GET /system/df"), ("measure", "GET /system/df"),
            ("container_layers", "GET /containers/json.*size=1"), ("images", "GET /images/sha256.*/history"),
        ],
    )  # fmt: skip
    def test_called_off_while_the_engine_counts(
        self, world: DiskWorld, proxy: EngineProxy, part: str, request_: str
    ) -> None:
        # far longer than is waited for the end of the call below: only the cancel ends it
        proxy.faults_match, proxy.delay_seconds = request_, 600.0
        disk = DockerDisk(DockerEngine(find(proxy.host, {})))
        call = Call(disk, part)
        asked = request_.partition("*")[0].removeprefix("GET ").rstrip(".")
        until(lambda: proxy.count(lambda each: asked in each.path), 30, "the engine was asked")
        call.cancelled.set()
        assert isinstance(call.ended(), ReclaimError)
        until(lambda: proxy.connections == 0, 30, "the connection is closed")

    def test_the_other_answers_come_meanwhile(self, world: DiskWorld, proxy: EngineProxy) -> None:
        proxy.faults_match, proxy.delay_seconds = "GET /system/df", 60.0
        disk = DockerDisk(DockerEngine(find(proxy.host, {})))
        call = Call(disk, "volumes")
        until(lambda: proxy.count(lambda each: "/system/df" in each.path), 30, "the engine was asked")
        assert len(disk.images(never)) == 1
        assert disk.networks(never) == () and disk.container_layers(never) == ()
        assert call.is_alive()
        call.cancelled.set()
        assert isinstance(call.ended(), ReclaimError)

    def test_several_at_once_are_all_answered(self, world: DiskWorld) -> None:
        # two programs: the engine refuses the second one while it counts for the first
        for number in range(20):
            world.volume(f"v{number}", 4096)
        disks = [DockerDisk(DockerEngine(find(world.engine.host, {}))) for _ in range(4)]
        calls = [Call(disk, part) for disk in disks for part in ("volumes", "build_cache", "measure")]
        for call in calls:
            assert not isinstance(call.ended(), Exception), call.came

    def test_an_engine_that_goes_away_is_told(self, world: DiskWorld, proxy: EngineProxy) -> None:
        disk = DockerDisk(DockerEngine(find(proxy.host, {})))
        proxy.faults_match, proxy.cut_requests = "GET /(system/df|images/.*/json)", True
        for part in ("volumes", "images", "measure"):
            assert isinstance(Call(disk, part).ended(), EngineError)
