"""Changes of a writable layer: counted where they are, told of the environments that they made or changed."""

from __future__ import annotations

import random

from tui.backends.docker.changes import Change, ChangeKind
from tui.backends.docker.layer_changes import layer_changes
from tui.backends.docker.mounts import Mounts
from tui.model.disk import LayerChanges, PrefixChange

M, A, D = ChangeKind.MODIFIED, ChangeKind.ADDED, ChangeKind.DELETED


def counted(
    *told: tuple[ChangeKind, str], prefixes: tuple[str, ...] = (), mounts: Mounts | None = None
) -> LayerChanges:
    changes = [Change(path, kind) for kind, path in told]
    return layer_changes("c", prefixes, mounts or Mounts(), changes)


def numbers(found: LayerChanges) -> tuple[int, int, int]:
    return found.added, found.changed, found.deleted


class TestCounting:
    def test_nothing(self) -> None:
        found = counted()
        assert (found.count, found.folders, found.prefixes) == (0, (), {})
        assert found.fingerprint

    def test_a_folder_that_is_only_told_for_what_is_in_it_is_not_counted(self) -> None:
        found = counted((M, "/etc"), (M, "/etc/hosts"), (M, "/work"), (A, "/work/a"), (D, "/x"), (M, "/y"))
        assert numbers(found) == (1, 2, 1)
        assert dict(found.folders) == {"/etc": 1, "/work": 1, "/": 2}

    def test_python_caches_are_not_counted(self) -> None:
        assert counted((M, "/a"), (A, "/a/__pycache__"), (A, "/a/__pycache__/b.pyc")).count == 0

    def test_folders_that_things_are_mounted_on_are_not_counted(self) -> None:
        mounts = Mounts(("/data/sets/x",), ("/fast",))
        found = counted(
            (A, "/data"),
            (A, "/data/sets"),
            (A, "/data/sets/x"),
            (A, "/fast"),
            (A, "/database"),
            mounts=mounts,
        )
        assert numbers(found) == (1, 0, 0)

    def test_what_lies_beside_a_mount_is_counted(self) -> None:
        found = counted((A, "/data"), (A, "/data/own"), (D, "/gone"), mounts=Mounts(("/data/x", "/gone"), ()))
        assert numbers(found) == (1, 0, 1)

    def test_most_first_and_not_too_deep(self) -> None:
        told = [(A, f"/root/work/deep/er/{number}") for number in range(5)]
        told += [(A, f"/home/{number}/x") for number in range(9)]
        found = counted(*told)
        assert found.folders[0] == ("/root/work/deep", 5) and len(found.folders) == 5

    def test_many_folders_do_not_fill_the_memory(self) -> None:
        found = counted(*((A, f"/many/{number}/x") for number in range(30_000)))
        assert found.added == 30_000 and found.folders[0] == ("/many", 20_000)

    def test_any_name(self) -> None:
        found = counted((A, "/a\n\x1b[31m\udcff"), (A, "/$(x) 'y\""))
        assert found.added == 2 and found.fingerprint


class TestEnvironments:
    PREFIXES = ("/opt/conda", "/opt/conda/envs/a", "/opt/conda/envs/b")

    def test_made_and_changed(self) -> None:
        found = counted(
            (M, "/opt"), (M, "/opt/conda"), (M, "/opt/conda/envs"), (A, "/opt/conda/envs/a"),
            (A, "/opt/conda/envs/a/bin"), (M, "/opt/conda/envs/b"), (D, "/opt/conda/envs/b/bin"),
            prefixes=self.PREFIXES,
        )  # fmt: skip
        assert found.prefixes == {
            "/opt/conda/envs/a": PrefixChange.MADE,
            "/opt/conda/envs/b": PrefixChange.CHANGED,
        }
        assert dict(found.folders) == {"/opt/conda/envs/a": 2, "/opt/conda/envs/b": 1}

    def test_all_of_an_installation_that_was_added(self) -> None:
        found = counted((M, "/opt"), (A, "/opt/conda"), (A, "/opt/conda/envs"), prefixes=self.PREFIXES)
        assert set(found.prefixes.values()) == {PrefixChange.MADE} and len(found.prefixes) == 3

    def test_its_package_cache_is_none_of_it(self) -> None:
        assert counted((A, "/opt/conda/pkgs/x"), prefixes=self.PREFIXES).prefixes == {}

    def test_on_a_volume_none_in_memory_gone_with_the_container(self) -> None:
        mounts = Mounts(("/data",), ("/fast",))
        found = counted((A, "/data"), prefixes=("/data/env", "/fast/env"), mounts=mounts)
        assert found.prefixes == {"/fast/env": PrefixChange.MADE}


class TestFingerprint:
    TOLD = ((M, "/a"), (A, "/a/b"), (D, "/c"), (A, "/d/__pycache__"))

    def test_the_same_in_any_order_and_for_any_environments(self) -> None:
        others = list(self.TOLD)
        random.Random(1).shuffle(others)
        assert counted(*self.TOLD).fingerprint == counted(*others, prefixes=("/a",)).fingerprint

    def test_another_for_every_difference(self) -> None:
        prints = {
            counted(*told).fingerprint
            for told in (self.TOLD, self.TOLD[1:], (*self.TOLD, (A, "/e")), ((A, "/a"), *self.TOLD[1:]), ())
        }
        assert len(prints) == 5


def test_environments_that_nobody_asked_about_are_told_once_each() -> None:
    found = counted(
        (A, "/data"), (A, "/data/x"), (A, "/data/x/conda-meta"), (A, "/data/x/conda-meta/history"),
        (A, "/lab/env/pyvenv.cfg"), (M, "/baked/conda-meta"), (D, "/gone/pyvenv.cfg"), (A, "/pyvenv.cfg"),
        (A, "/envs/known"), (A, "/envs/known/pyvenv.cfg"), (A, "/envs/known/lib/tests/pyvenv.cfg"),
        prefixes=("/envs/known",),
    )  # fmt: skip
    made = PrefixChange.MADE
    assert found.prefixes == {"/envs/known": made, "/data/x": made, "/lab/env": made}
