"""Which GPUs a grant means here, who is on one without it, and who holds one without using it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.making import full_id
from tui.model.entitlement import (
    GpuAddress,
    GpuEntitlement,
    Grant,
    HoldSample,
    Standing,
    gpus_among,
    granted,
    idle_seconds,
    is_idle_holder,
    lacks_gpu,
    missing,
    standing,
)
from tui.model.owners import OUTSIDE, ProcessOwner, not_seen
from tui.model.reading import Reading

FIRST, SECOND, THIRD = (f"GPU-{each * 8}-0000-0000-0000-000000000000" for each in "abc")
SLICES = ("MIG-11111111-0000-0000-0000-000000000000", "MIG-22222222-0000-0000-0000-000000000000")
#: The third was plugged in first: its node is the first of all.
GPUS = (GpuAddress(0, FIRST, minor=1), GpuAddress(1, SECOND, SLICES, minor=2), GpuAddress(2, THIRD, minor=0))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("0",), {FIRST}),
        (("0", "2"), {FIRST, THIRD}),
        ((SECOND,), {SECOND, *SLICES}),
        ((SECOND.upper(),), {SECOND, *SLICES}),
        (("GPU-cccccccc",), {THIRD}),
        (("GPU-c",), set()),
        (("1:1",), {SLICES[1]}),
        (("1:9",), set()),
        ((SLICES[0],), {SLICES[0]}),
        (("nvidia.com/gpu=2",), {THIRD}),
        (("nvidia.com/gpu=1:0",), {SLICES[0]}),
        ((f"nvidia.com/gpu={FIRST}",), {FIRST}),
        (("management.nvidia.com/gpu=all",), {FIRST, SECOND, THIRD, *SLICES}),
        (("acme.com/gpu=0",), set()),
        (("/dev/nvidia0",), {THIRD}),
        (("7",), set()),
        (("",), set()),
    ],
)
def test_a_device_means_these(words: tuple[str, ...], expected: set[str]) -> None:
    entitlement = GpuEntitlement(Grant.SOME, words)
    assert granted(entitlement, GPUS) == frozenset(expected)
    assert missing(entitlement, GPUS) == (() if expected else words)


def test_all_none_and_unknown() -> None:
    assert granted(GpuEntitlement(Grant.ALL), GPUS) == frozenset({FIRST, SECOND, THIRD, *SLICES})
    assert granted(GpuEntitlement(Grant.ALL), ()) == frozenset()
    assert granted(GpuEntitlement(Grant.NONE), GPUS) == frozenset()
    assert granted(GpuEntitlement(Grant.UNKNOWN), GPUS) is None


def test_without_its_number_a_node_counts_as_the_index() -> None:
    gpus = tuple(replace(each, minor=None) for each in GPUS)
    assert granted(GpuEntitlement(Grant.SOME, ("/dev/nvidia0",)), gpus) == frozenset({FIRST})


def test_a_gpu_is_held_by_one_of_its_instances() -> None:
    assert gpus_among(frozenset({SLICES[1], FIRST}), GPUS) == GPUS[:2]
    assert gpus_among(frozenset(), GPUS) == ()
    assert gpus_among(None, GPUS) is None


@pytest.mark.parametrize(
    ("entitlement", "expected"),
    [
        (GpuEntitlement(Grant.NONE, is_cuda_image=True), True),
        (GpuEntitlement(Grant.NONE), False),
        (GpuEntitlement(Grant.NONE, is_cuda_image=True, is_withheld=True), False),
        (GpuEntitlement(Grant.ALL, is_cuda_image=True), False),
        (GpuEntitlement(Grant.UNKNOWN, is_cuda_image=True), None),
        (GpuEntitlement(Grant.UNKNOWN), False),
    ],
)
def test_a_cuda_image_without_a_gpu(entitlement: GpuEntitlement, expected: bool | None) -> None:
    assert lacks_gpu(entitlement) is expected


def owner(container_id: str | None, *enclosing: str) -> ProcessOwner:
    return replace(not_seen(1, "?"), container_id=Reading(container_id), enclosing_ids=enclosing)


class TestStanding:
    box, other = full_id("box"), full_id("other")

    def test_in_a_container_that_was_given_it(self) -> None:
        assert standing(owner(self.box), FIRST, {self.box: frozenset({FIRST})}) is Standing.ENTITLED

    def test_in_one_that_was_given_another(self) -> None:
        assert standing(owner(self.box), FIRST, {self.box: frozenset({THIRD})}) is Standing.NOT_ENTITLED

    def test_on_another_instance_than_its_own(self) -> None:
        assert (
            standing(owner(self.box), SLICES[0], {self.box: frozenset(SLICES[1:])}) is Standing.NOT_ENTITLED
        )

    def test_nested_in_one_that_was_given_it(self) -> None:
        assert standing(owner("inner", self.box), FIRST, {self.box: frozenset({FIRST})}) is Standing.ENTITLED

    def test_outside_any(self) -> None:
        assert standing(owner(OUTSIDE), FIRST, {self.box: frozenset({FIRST})}) is Standing.OUTSIDE

    def test_nobody_is_accused_of_what_is_not_known(self) -> None:
        assert standing(owner(None), FIRST, {self.box: frozenset()}) is Standing.UNKNOWN
        assert standing(owner(self.box), FIRST, {self.box: None}) is Standing.UNKNOWN
        assert standing(owner(self.other), FIRST, {self.box: frozenset()}) is Standing.UNKNOWN


def samples(*percents: float | None, step: float = 30.0, memory: int | None = 1 << 30) -> list[HoldSample]:
    return [HoldSample(1000.0 + step * place, memory, percent) for place, percent in enumerate(percents)]


class TestIdleHolder:
    def test_one_that_has_rested_for_as_long(self) -> None:
        told = samples(50.0, *[0.0] * 21)
        assert idle_seconds(told) == 600.0
        assert is_idle_holder(told) is True
        assert is_idle_holder(told, minutes=11) is False

    def test_one_that_has_just_worked(self) -> None:
        assert is_idle_holder(samples(*[0.0] * 21, 3.0)) is False
        assert idle_seconds(samples(*[0.0] * 21, 3.0)) == 0.0

    def test_one_that_has_not_been_watched_for_long_enough(self) -> None:
        assert is_idle_holder(samples(0.0, 0.0, 0.0)) is None

    def test_one_of_which_the_driver_says_nothing(self) -> None:
        assert is_idle_holder(samples(*[0.0] * 30, None)) is None
        assert is_idle_holder(samples(*[0.0] * 30, memory=None)) is None
        assert is_idle_holder([]) is None

    def test_what_was_not_said_in_between_is_not_taken_for_rest(self) -> None:
        told = samples(*[0.0] * 30, None, *[0.0] * 5)
        assert idle_seconds(told) == 120.0
        assert is_idle_holder(told) is None

    def test_a_gap_is_not_taken_for_rest(self) -> None:
        before = samples(*[0.0] * 21)
        after = [replace(each, at=each.at + 5000.0) for each in samples(0.0, 0.0)]
        assert idle_seconds([*before, *after]) == 30.0

    def test_one_that_holds_nothing(self) -> None:
        assert idle_seconds(samples(0.0, 0.0, memory=0)) == 0.0
        assert is_idle_holder(samples(*[0.0] * 30, memory=0)) is False
