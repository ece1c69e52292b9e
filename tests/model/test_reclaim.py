"""Plans over made-up disks: never more than was asked for, in an order that works, with the right bytes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tui.model.changes import ChangeVerb, EnvironmentChange
from tui.model.containers import Container, ContainerState
from tui.model.disk import (
    BuildRecord,
    ContainerLayer,
    DiskFacts,
    DiskImage,
    DiskNetwork,
    DiskVolume,
    ImageLayer,
    InsideCache,
    LayerChanges,
    LogFile,
    PrefixChange,
)
from tui.model.disk_items import DiskItem, DiskKind, ReclaimPlan, Safety
from tui.model.environments import Environment, EnvironmentKind, EnvironmentList, Origin
from tui.model.image_sharing import ImageSharing
from tui.model.protection import Protection, image_names, repository_of
from tui.model.reclaim import PruneRequest, disk_items, plan_of, prune_plan, safe_keys, totals

NOW = 1_000_000.0
DAY = 86_400.0


def image(name: str, *layers: tuple[str, int | None], **more: object) -> DiskImage:
    made = tuple(ImageLayer(chain, size) for chain, size in layers)
    known = [size for _, size in layers]
    size = sum(each or 0 for each in known) if None not in known else None
    tags = more.pop("tags", (f"{name}:1",))
    more.setdefault("is_built", True)
    return DiskImage(f"sha256:{name}", tags=tags, size_bytes=size, layers=made, **more)  # type: ignore[arg-type]


def container(name: str, state: ContainerState = ContainerState.EXITED, **more: object) -> Container:
    return Container(name * 8, name, "image:1", "sha256:x", state, **more)  # type: ignore[arg-type]


def made(
    facts: DiskFacts, *containers: Container, protection: Protection | None = None
) -> dict[str, DiskItem]:
    protection = protection or Protection(owner="me")
    return {each.name: each for each in disk_items(facts, containers, protection)}


class TestImages:
    def test_shared_layers_count_once_all_that_share_them_go(self) -> None:
        one = image("a", ("base", 100), ("a", 10))
        two = image("b", ("base", 100), ("b", 20))
        facts = DiskFacts(images=(one, two), build_cache=())
        items = made(facts)
        assert [items["a:1"].reclaimable_bytes, items["b:1"].reclaimable_bytes] == [10, 20]
        listed = tuple(items.values())
        assert plan_of(listed, [items["a:1"].key], facts).planned_bytes == 10
        both = plan_of(listed, [each.key for each in listed], facts)
        assert (both.planned_bytes, both.is_exact) == (130, True)
        assert [each.size_bytes for each in totals(listed, facts)] == [130]

    def test_nothing_is_exact_while_the_build_cache_is_not_read(self) -> None:
        one = image("a", ("base", 100))
        for records, is_exact in ((None, False), ((), True)):
            facts = DiskFacts(images=(one,), build_cache=records)
            listed = tuple(made(facts).values())
            plan = plan_of(listed, [each.key for each in listed], facts)
            assert (plan.planned_bytes, plan.is_exact) == (100, is_exact)
            assert [each.is_exact for each in totals(listed, facts)] == [is_exact]
        # other kinds do not rest on it
        facts = DiskFacts(volumes=(DiskVolume("v", size_bytes=1),))
        listed = tuple(made(facts).values())
        assert plan_of(listed, [each.key for each in listed], facts).is_exact

    def test_the_same_chain_in_two_images(self) -> None:
        one, two = image("a", ("base", 100)), image("b", ("base", 100))
        facts = DiskFacts(images=(one, two))
        items = made(facts)
        assert items["a:1"].reclaimable_bytes == 0
        assert (
            plan_of(tuple(items.values()), [each.key for each in items.values()], facts).planned_bytes == 100
        )

    def test_layers_that_nobody_tells_are_at_least_what_is_unique(self) -> None:
        one = DiskImage("sha256:a", tags=("a:1",), size_bytes=100, shared_bytes=40)
        two = DiskImage("sha256:b", tags=("b:1",), size_bytes=None)
        facts = DiskFacts(images=(one, two))
        items = made(facts)
        assert (items["a:1"].reclaimable_bytes, items["b:1"].reclaimable_bytes) == (60, None)
        plan = plan_of(tuple(items.values()), [each.key for each in items.values()], facts)
        assert (plan.planned_bytes, plan.is_exact) == (60, False)

    def test_what_containers_use_stays_stopped_ones_too(self) -> None:
        used = image("a", ("a", 1), used_by=("run" * 8,))
        needed = image("b", ("b", 1), used_by=("off" * 8, "out" * 8))
        facts = DiskFacts(images=(used, needed))
        items = made(facts, container("run", ContainerState.RUNNING), container("off"), container("out"))
        assert items["a:1"].why_not == "container run uses it"
        assert items["b:1"].why_not == "stopped containers off, out need it"
        plan = plan_of(tuple(items.values()), [items["a:1"].key, items["b:1"].key], facts)
        assert plan.items == () and len(plan.skipped) == 2

    def test_untagged_is_safe_tagged_has_to_be_looked_at(self) -> None:
        facts = DiskFacts(
            images=(
                image("old", ("o", 1), tags=()),
                image("built", ("b", 1)),
                image("pulled", ("p", 1), digests=("pulled@sha256:1",)),
                image("podman", ("q", 1), digests=("localhost/podman@sha256:1",)),
            )
        )
        items = made(facts)
        old = next(each for each in items.values() if each.is_dangling)
        assert (old.safety, old.loses) == (Safety.SAFE, ())
        assert items["built:1"].safety is Safety.CHECK
        assert "no registry has it" in items["built:1"].loses[1]
        assert "no registry has it" in items["podman:1"].loses[1]
        assert items["pulled:1"].loses == (
            "the only tag of it: pulled:1",
            "it has to be pulled again, if its registry still has it",
        )
        assert safe_keys(tuple(items.values())) == {old.key}

    def test_what_may_be_somebodys_commit_has_to_be_looked_at(self) -> None:
        facts = DiskFacts(images=(image("kept", ("k", 1), tags=(), is_built=False),))
        (kept,) = made(facts).values()
        assert kept.safety is Safety.CHECK and "docker commit" in kept.reason
        assert kept.loses == ("what it holds, unless it is built again: no registry has it",)
        assert not safe_keys((kept,))

    def test_steps_of_a_build_go_after_the_last_that_stands_on_them(self) -> None:
        step1 = image("s1", ("1", 1), tags=(), is_intermediate=True)
        step2 = image("s2", ("1", 1), ("2", 2), tags=(), is_intermediate=True, parent_id="sha256:s1")
        leaf = image("leaf", ("1", 1), ("2", 2), ("3", 4), parent_id="sha256:s2")
        other = image("other", ("1", 1), ("4", 8), parent_id="sha256:s1")
        facts = DiskFacts(images=(step1, step2, leaf, other))
        items = made(facts)
        listed = tuple(items.values())
        plan = plan_of(listed, [items["leaf:1"].key], facts)
        assert [each.id for each in plan.items] == ["sha256:leaf", "sha256:s2"]
        assert plan.planned_bytes == 6
        both = plan_of(listed, [items["leaf:1"].key, items["other:1"].key], facts)
        assert [each.id for each in both.items][-1] == "sha256:s1"
        assert (len(both.items), both.planned_bytes) == (4, 15)
        assert all(each.why_not is None for each in both.items)
        alone = plan_of(listed, [(DiskKind.IMAGE, "sha256:s2")], facts)
        assert alone.items == () and alone.skipped[0][1] == "leaf:1 stands on it, and stays"

    def test_a_request_takes_the_steps_below_along_or_keeps_them(self) -> None:
        step = image("s", ("1", 1), tags=(), is_intermediate=True, created_at=NOW - 9 * DAY)
        leaf = image("leaf", ("1", 1), ("2", 2), parent_id="sha256:s", created_at=NOW - 9 * DAY)
        records = (
            BuildRecord("low", size_bytes=4, last_used_at=NOW - 9 * DAY),
            BuildRecord("top", size_bytes=8, last_used_at=NOW, parents=("low",)),
        )
        facts = DiskFacts(images=(step, leaf), build_cache=records)
        kinds = frozenset({DiskKind.IMAGE, DiskKind.BUILD_CACHE})

        def asked(facts: DiskFacts, **more: object) -> ReclaimPlan:
            request = PruneRequest(kinds, all_images=True, **more)  # type: ignore[arg-type]
            return prune_plan(disk_items(facts, (), Protection()), request, facts, NOW)

        old = asked(facts, older_than_seconds=7 * DAY)
        assert [each.id for each in old.items] == ["sha256:leaf", "sha256:s"]
        assert {each.id: why for each, why in old.skipped} == {
            "top": "it is not that old",
            "low": "top stands on it, and stays",
        }
        everything = asked(facts)
        assert len(everything.items) == 4 and everything.skipped == ()
        # a step that is asked to stay does, and so does what a young record stands on
        young = replace(facts, images=(replace(step, created_at=NOW), leaf))
        kept = asked(young, older_than_seconds=7 * DAY)
        assert [each.id for each in kept.items] == ["sha256:leaf"]
        assert {each.id for each, _ in kept.skipped} == {"sha256:s", "top", "low"}


class TestTheRest:
    def test_containers(self) -> None:
        env = Environment("off" * 8, "/opt/e", "e", EnvironmentKind.CONDA, origin=Origin.LAYER)
        off, run, new = container("off"), container("run", ContainerState.RUNNING), container("new")
        clean = container("clean")
        facts = DiskFacts(
            containers=(ContainerLayer("off" * 8, 5), ContainerLayer("run" * 8, 7)),
            environments={
                off.id: EnvironmentList(off.id, (env,)),
                clean.id: EnvironmentList(clean.id, ()),
            },
            layers={
                off.id: LayerChanges(off.id, added=1, prefixes={"/opt/e": PrefixChange.MADE}),
                clean.id: LayerChanges(clean.id),
            },
        )
        items = made(facts, off, run, new, clean)
        assert (items["off"].safety, items["off"].reclaimable_bytes) == (Safety.DANGER, 5)
        assert "environment e (/opt/e), made in it" in items["off"].loses[0]
        assert (items["run"].why_not, items["run"].reclaimable_bytes) == ("it runs", 0)
        assert (items["new"].safety, items["new"].reason) == (Safety.DANGER, "what is in it is not known")
        assert (items["clean"].safety, items["clean"].loses) == (Safety.CHECK, ("its log",))
        quiet = replace(facts, logs=(LogFile(clean.id, size_bytes=0),))
        found = {each.key: each for each in disk_items(quiet, (clean,), Protection())}
        assert found[DiskKind.CONTAINER, clean.id].safety is Safety.SAFE

    def test_volumes_networks_and_logs(self) -> None:
        facts = DiskFacts(
            volumes=(
                DiskVolume("data", size_bytes=9),
                DiskVolume("a" * 64, size_bytes=3, is_anonymous=True),
                DiskVolume("used", size_bytes=3, used_by=("off" * 8,)),
                DiskVolume("odd", used_by=None),
            ),
            networks=(DiskNetwork("n1", "lonely"), DiskNetwork("n2", "waiting", used_by=("off" * 8,))),
            logs=(LogFile("off" * 8, size_bytes=50),),
        )
        items = {each.key: each for each in disk_items(facts, (container("off"),), Protection())}
        volume = {each.id: each for key, each in items.items() if key[0] is DiskKind.VOLUME}
        assert volume["data"].safety is Safety.DANGER and volume["a" * 64].safety is Safety.CHECK
        assert volume["used"].why_not == "stopped container off has it mounted"
        assert volume["odd"].why_not == "who uses it is not known"
        assert items[DiskKind.NETWORK, "n1"].safety is Safety.SAFE
        assert items[DiskKind.NETWORK, "n2"].why_not == "stopped container off is to be in it"
        log = items[DiskKind.LOG, "off" * 8]
        assert log.why_not is not None and "nothing limits it" in log.why_not and log.reclaimable_bytes == 0

    def test_build_records_go_before_what_they_stand_on(self) -> None:
        facts = DiskFacts(
            build_cache=(
                BuildRecord("low", size_bytes=1),
                BuildRecord("mid", size_bytes=2, parents=("low",)),
                BuildRecord("top", size_bytes=4, parents=("mid",)),
                BuildRecord("busy", size_bytes=8, in_use=True, parents=("low",)),
                BuildRecord("shared", size_bytes=16, is_shared=True),
            )
        )
        listed = disk_items(facts, (), Protection())
        by_id = {each.id: each for each in listed}
        plan = plan_of(listed, [by_id[each].key for each in ("low", "mid", "top")], facts)
        assert [each.id for each in plan.items] == ["top", "mid"]
        assert [each.id for each, _ in plan.skipped] == ["low"]
        assert plan.planned_bytes == 6
        assert by_id["shared"].reclaimable_bytes == 0

    def test_caches_and_environments_of_running_containers(self) -> None:
        run = container("run", ContainerState.RUNNING)
        mine = Environment(run.id, "/opt/e", "e", EnvironmentKind.CONDA, origin=Origin.LAYER)
        busy = replace(mine, prefix="/opt/b", name="b", pids=(3, 4))
        baked = replace(mine, prefix="/opt/i", name="i", origin=Origin.IMAGE)
        base = replace(mine, prefix="/opt", name="base", kind=EnvironmentKind.BASE)
        facts = DiskFacts(
            caches={
                run.id: (
                    InsideCache(run.id, "/opt/pkgs", "conda", 10, 8, origin=Origin.IMAGE),
                    InsideCache(run.id, "/root/.cache/pip", "pip", 10, 8, origin=Origin.LAYER),
                )
            },
            environments={run.id: EnvironmentList(run.id, (base, mine, busy, baked))},
        )
        items = made(facts, run)
        assert items["run:/opt/pkgs"].why_not == "it came with the image: cleaning it frees nothing"
        assert items["run:/root/.cache/pip"].why_not == "nothing in the container cleans it"
        assert items["run/e"].why_not is None and items["run/e"].safety is Safety.DANGER
        assert items["run/b"].why_not == "2 processes run out of it"
        assert items["run/i"].why_not is not None and "frees nothing" in items["run/i"].why_not
        assert items["run/base"].why_not == "base is the installation itself"

    def test_a_cache_that_several_have_mounted_is_one_item(self) -> None:
        one = container("one", ContainerState.RUNNING, mounts=("/srv/shared:/data",))
        two = container("two", ContainerState.RUNNING, mounts=("/srv:/work", "models:/models"))
        own = container("own", ContainerState.RUNNING, mounts=("other:/data",))
        clean = EnvironmentChange(
            ChangeVerb.CLEAN, one.id, "one", "", EnvironmentKind.SYSTEM, cache="/data/pip"
        )

        def cache(of: Container, path: str, change: EnvironmentChange | None = None) -> InsideCache:
            return InsideCache(of.id, path, "pip", 10, 10, origin=Origin.MOUNT, change=change)

        facts = DiskFacts(
            caches={
                two.id: (cache(two, "/work/shared/pip"),),
                one.id: (cache(one, "/data/pip", clean),),
                own.id: (cache(own, "/data/pip", clean),),
            }
        )
        items = made(facts, one, two, own)
        found = {name: each for name, each in items.items() if each.kind is DiskKind.CACHE}
        # that of a container that can clean it
        assert set(found) == {"one:/data/pip", "own:/data/pip"}
        shared = found["one:/data/pip"]
        assert (shared.why_not, shared.safety) == (None, Safety.CHECK)
        assert "container two has it mounted, too" in shared.reason
        assert "others may have it mounted" in found["own:/data/pip"].reason
        # what is in it for one of them is in it for all
        inner = Environment(two.id, "/work/shared/pip/e", "e", EnvironmentKind.VENV, origin=Origin.MOUNT)
        facts = replace(facts, environments={two.id: EnvironmentList(two.id, (inner,))})
        items = made(facts, one, two, own)
        shared = items["two:/work/shared/pip"]
        assert "one:/data/pip" not in items and shared.why_not is not None
        facts = replace(facts, caches={one.id: facts.caches[one.id], two.id: facts.caches[two.id]})
        assert made(facts, one, two)["one:/data/pip"].why_not == "environment e is in it"


class TestProtection:
    def test_names_labels_and_owners(self) -> None:
        protection = Protection(("keep", "tier=gold*"), ("*-prod", "registry:5000/base"), owner="me")
        facts = DiskFacts(
            images=(
                replace(image("x", ("x", 1)), tags=("other:1", "registry:5000/base:9")),
                image("theirs", ("t", 1), labels={"owner": "alice"}),
                image("mine", ("m", 1), labels={"owner": "me", "tier": "silver"}),
                image("gold", ("g", 1), labels={"tier": "golden"}),
            ),
            volumes=(DiskVolume("db-prod"), DiskVolume("v", labels={"keep": ""})),
        )
        items = made(facts, container("web-prod"), protection=protection)
        why = {name: each.why_not for name, each in items.items()}
        assert why["other:1"] == "protected: the settings keep registry:5000/base"
        assert why["theirs:1"] == "it is alice's (label owner)"
        assert why["mine:1"] is None
        assert why["gold:1"] == "protected: the settings keep what has the label tier=gold*"
        assert why["db-prod"] and why["v"] and why["web-prod"]
        everything = [each.key for each in items.values()]
        assert [each.name for each in plan_of(tuple(items.values()), everything, facts).items] == ["mine:1"]

    def test_names_of_images(self) -> None:
        assert repository_of("a/b:1") == "a/b"
        assert repository_of("host:5000/a") == "host:5000/a"
        assert repository_of("host:5000/a@sha256:1") == "host:5000/a"
        assert image_names(("a:1", "a:2")) == ("a:1", "a", "a:2")


class TestRequests:
    facts = DiskFacts(
        images=(
            image("old", ("o", 1), created_at=NOW - 9 * DAY),
            image("new", ("n", 2), created_at=NOW - DAY),
            image("odd", ("x", 4)),
            image("none", ("y", 8), tags=(), created_at=NOW - 9 * DAY),
        ),
        volumes=(DiskVolume("data", size_bytes=16), DiskVolume("b" * 64, size_bytes=32, is_anonymous=True)),
    )

    def plan(
        self, *kinds: DiskKind, agreed: tuple[tuple[DiskKind, str], ...] = (), **more: object
    ) -> ReclaimPlan:
        items = disk_items(self.facts, (container("run", ContainerState.RUNNING),), Protection())
        request = PruneRequest(frozenset(kinds), **more)  # type: ignore[arg-type]
        return prune_plan(items, request, self.facts, NOW, agreed)

    def test_dangling_alone_and_all(self) -> None:
        assert [each.id for each in self.plan(DiskKind.IMAGE).items] == ["sha256:none"]
        assert len(self.plan(DiskKind.IMAGE, all_images=True).items) == 4

    def test_older_than(self) -> None:
        plan = self.plan(DiskKind.IMAGE, all_images=True, older_than_seconds=7 * DAY)
        assert {each.id for each in plan.items} == {"sha256:old", "sha256:none"}
        assert {why for _, why in plan.skipped} == {"it is not that old", "its age is not known"}

    def test_keep(self) -> None:
        plan = self.plan(DiskKind.IMAGE, all_images=True, keep=("o*:1",))
        assert {each.id for each in plan.items} == {"sha256:new", "sha256:none"}

    def test_what_is_dangerous_needs_its_name(self) -> None:
        plan = self.plan(DiskKind.VOLUME)
        assert [each.id for each in plan.items] == ["b" * 64]
        assert plan.skipped[0][1].startswith("its name has to be typed")
        assert len(self.plan(DiskKind.VOLUME, agreed=((DiskKind.VOLUME, "data"),)).items) == 2

    def test_running_containers_are_not_meant(self) -> None:
        plan = self.plan(DiskKind.CONTAINER)
        assert plan.items == () and plan.skipped == ()


# -- whatever the disk is like


@st.composite
def disks(draw: st.DrawFn) -> DiskFacts:
    chains: list[tuple[ImageLayer, ...]] = []
    images: list[DiskImage] = []
    for number in range(draw(st.integers(1, 8))):
        below = draw(st.sampled_from([(), *chains]))
        own = tuple(
            ImageLayer(f"{number}.{each}", draw(st.one_of(st.none(), st.integers(0, 50))))
            for each in range(draw(st.integers(0, 3)))
        )
        chains.append(below + own)
        parent = draw(st.sampled_from(["", *(each.id for each in images)]))
        tags = draw(st.sampled_from([(), (f"i{number}:1",), (f"i{number}:1", f"i{number}:2")]))
        images.append(
            DiskImage(
                f"sha256:{number}",
                tags=tags,
                parent_id=parent,
                size_bytes=draw(st.one_of(st.none(), st.integers(0, 200))),
                shared_bytes=draw(st.one_of(st.none(), st.integers(0, 300))),
                layers=below + own,
                used_by=draw(st.sampled_from([(), ("off" * 8,), ("run" * 8,), ("gone",)])),
                is_intermediate=not tags and draw(st.booleans()),
            )
        )
    records = tuple(
        BuildRecord(
            str(number),
            parents=tuple(str(each) for each in range(number) if draw(st.integers(0, 3)) == 0),
            size_bytes=draw(st.one_of(st.none(), st.integers(0, 50))),
            in_use=draw(st.integers(0, 4)) == 0,
            is_shared=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 6)))
    )
    volumes = tuple(
        DiskVolume(
            f"v{number}",
            size_bytes=draw(st.one_of(st.none(), st.integers(0, 9))),
            used_by=draw(st.sampled_from([(), None, ("off" * 8,)])),
            is_anonymous=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 3)))
    )
    return DiskFacts(images=tuple(images), build_cache=records, volumes=volumes)


CONTAINERS = (container("off"), container("run", ContainerState.RUNNING))


@given(disks(), st.data())
def test_a_plan_is_what_was_asked_for_in_an_order_that_works(facts: DiskFacts, data: st.DataObject) -> None:
    items = disk_items(facts, CONTAINERS, Protection())
    keys = data.draw(st.sets(st.sampled_from([each.key for each in items])))
    plan = plan_of(items, keys, facts)
    by_key = {each.key: each for each in items}
    steps = {image.id for image in facts.images or () if image.is_intermediate}
    planned = [each.key for each in plan.items]
    assert len(set(planned)) == len(planned)
    for place, item in enumerate(plan.items):
        before = set(planned[:place])
        assert item.key in keys or (item.kind is DiskKind.IMAGE and item.id in steps)
        assert all(key in before for key in item.follows if key in by_key)
        assert by_key[item.key].why_not is None or item.follows
        assert item.why_not is None
    assert {each.key for each, _ in plan.skipped} | set(planned) >= keys
    assert not {each.key for each, _ in plan.skipped} & set(planned)
    assert plan.planned_bytes >= 0


@given(disks(), st.data())
def test_more_never_frees_less_and_never_more_than_there_is(facts: DiskFacts, data: st.DataObject) -> None:
    images = facts.images or ()
    sharing = ImageSharing(images)
    ids = [each.id for each in images]
    some = data.draw(st.sets(st.sampled_from(ids)))
    more = some | data.draw(st.sets(st.sampled_from(ids)))
    layers = {layer.chain_id: layer.size_bytes or 0 for each in images for layer in each.layers}
    bare = sum(each.size_bytes or 0 for each in images if not each.layers)
    assert sharing.freed(some)[0] <= sharing.freed(more)[0] <= sum(layers.values()) + bare


@given(disks(), st.data())
def test_layers_that_are_freed_are_those_that_nobody_keeps(facts: DiskFacts, data: st.DataObject) -> None:
    images = tuple(each for each in facts.images or () if each.layers)
    gone = data.draw(st.sets(st.sampled_from([each.id for each in images]))) if images else set()
    kept = {layer.chain_id for each in images if each.id not in gone for layer in each.layers}
    lost = {
        layer.chain_id: layer.size_bytes or 0 for each in images if each.id in gone for layer in each.layers
    }
    expected = sum(size for chain, size in lost.items() if chain not in kept)
    assert ImageSharing(images).freed(gone)[0] == expected


@given(disks())
def test_what_is_safe_is_nobodys_work(facts: DiskFacts) -> None:
    items = disk_items(facts, CONTAINERS, Protection())
    safe = safe_keys(items)
    for item in items:
        assert (item.key in safe) == (item.safety is Safety.SAFE and item.why_not is None)
        if item.why_not is not None:
            assert item.reclaimable_bytes == 0
    plan = plan_of(items, safe, facts)
    assert all(each.safety is Safety.SAFE for each in plan.items)


@given(disks(), st.booleans(), st.sampled_from([(), ("i1*",), ("<untagged>*",)]))
def test_a_request_never_plans_what_it_leaves_out(
    facts: DiskFacts, all_images: bool, keep: tuple[str, ...]
) -> None:
    items = disk_items(facts, CONTAINERS, Protection())
    plan = prune_plan(items, PruneRequest(frozenset(DiskKind), all_images, None, keep), facts, NOW)
    planned, left = [each.key for each in plan.items], [each.key for each, _ in plan.skipped]
    assert len({*planned, *left}) == len(planned) + len(left)
    by_key = {each.key: each for each in items}
    for place, item in enumerate(plan.items):
        assert item.safety is not Safety.DANGER
        assert all(key in planned[:place] for key in item.follows if key in by_key)
