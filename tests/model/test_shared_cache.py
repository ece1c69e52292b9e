"""Layers that the build cache keeps when their images go."""

from __future__ import annotations

from tui.model.disk import BuildRecord, DiskImage, ImageLayer
from tui.model.shared_cache import records_of_layers


def image(name: str, *layers: tuple[str, int | None]) -> DiskImage:
    return DiskImage(name, layers=tuple(ImageLayer(chain, size) for chain, size in layers))


def record(name: str, size: int, parent: str = "", *, shared: bool = True) -> BuildRecord:
    return BuildRecord(name, size_bytes=size, parents=(parent,) if parent else (), is_shared=shared)


BASE = record("base", 0)
BUILT = image("built", ("l0", 500), ("l1", 30), ("l2", 0), ("l3", 20))


def test_a_layer_is_held_by_its_record_and_by_those_that_stand_on_it() -> None:
    records = (BASE, record("r1", 30, "base"), record("empty", 0, "r1"), record("r3", 20, "empty"))
    assert records_of_layers((BUILT,), records) == {
        "l0": {"r1", "r3"}, "l1": {"r1", "r3"}, "l2": {"r3"}, "l3": {"r3"},
    }  # fmt: skip


def test_records_that_no_image_shares_hold_nothing_of_one() -> None:
    assert records_of_layers((BUILT,), (record("r1", 30, shared=False), BASE)) == {}


def test_the_same_size_on_something_else_is_another_layer() -> None:
    assert records_of_layers((BUILT,), (record("r1", 31), record("r3", 20, "r1"))).get("l3") is None


def test_layers_of_unknown_size_may_be_any() -> None:
    unknown = image("unknown", ("l0", None), ("l1", 20))
    assert records_of_layers((unknown,), (record("r0", 7), record("r1", 20, "r0"))) == {
        "l0": {"r1"}, "l1": {"r1"},
    }  # fmt: skip


def test_records_that_stand_on_each_other_in_a_circle() -> None:
    records = (record("a", 20, "b"), record("b", 30, "a"))
    assert records_of_layers((BUILT,), records) == {}
