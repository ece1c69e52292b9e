"""GPUs' codes in words, and memory that adds up."""

from __future__ import annotations

import pytest

from tui.model.gpu_words import compute_mode_words, slowing, throttle_words, xid_words
from tui.model.gpus import Gpu, GpuProcess, GpuReport, ProcessType, unexplained_memory
from tui.model.reading import Reading, unknown


def process(pid: int, memory: int | None, gpu: str = "GPU-a") -> GpuProcess:
    reading: Reading[int] = unknown("not told") if memory is None else Reading(memory)
    return GpuProcess(pid, gpu, ProcessType.COMPUTE, reading, Reading(0.0))


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0, ()),
        (1, ("idle",)),
        (0x24, ("power limit", "heat (driver)")),
        (0x1FF, tuple(throttle_words(1 << bit)[0] for bit in range(9))),
        (0x1004, ("power limit", "unknown reason 0x1000")),
    ],
)
def test_throttle_bits_in_words(bits: int, words: tuple[str, ...]) -> None:
    assert throttle_words(bits) == words


def test_what_costs_time_is_told_from_what_was_chosen() -> None:
    assert slowing(throttle_words(0x1FF)) == (
        "power limit", "hardware slowdown", "heat (driver)", "heat (hardware)", "power brake",
    )  # fmt: skip


def test_xids_in_words() -> None:
    assert xid_words(79) == "fell off the bus"
    assert xid_words(4711) == "an error that is not in envtui's table"


def test_compute_modes_in_words() -> None:
    assert [compute_mode_words(mode) for mode in (0, 3, 9)] == [
        "default",
        "exclusive process",
        "unknown mode 9",
    ]


@pytest.mark.parametrize(
    ("used", "processes", "left"), [(100, (30, 20), 50), (100, (), 100), (100, (100,), 0), (0, (), 0)]
)
def test_memory_that_no_process_explains(used: int, processes: tuple[int, ...], left: int) -> None:
    gpu = Gpu("GPU-a", 0, memory_used_bytes=Reading(used, "", 5.0))
    holders = [process(pid, memory) for pid, memory in enumerate(processes)]
    assert unexplained_memory(gpu, holders) == Reading(left, "", 5.0)


def test_it_is_unknown_where_a_part_is() -> None:
    gpu = Gpu("GPU-a", 0, memory_used_bytes=Reading(100))
    assert unexplained_memory(gpu, [process(1, 10), process(7, None)]).reason == (
        "memory of process 7 is unknown: not told"
    )
    assert (
        unexplained_memory(gpu, [process(1, 101)]).reason
        == "its processes are said to hold more than is used"
    )
    dark = Gpu("GPU-a", 0, memory_used_bytes=unknown("asleep"))
    assert unexplained_memory(dark, []).reason == "asleep"


def test_a_report_knows_whose_processes_are_whose() -> None:
    first = Gpu("GPU-a", 0, memory_used_bytes=Reading(100))
    second = Gpu("GPU-b", 1, memory_used_bytes=Reading(50))
    report = GpuReport(
        gpus=(first, second),
        processes=(process(1, 10), process(1, 20, "GPU-b")),
        processes_unknown=(("GPU-b", "no permission"),),
    )
    assert [each.memory_bytes.value for each in report.processes_of("GPU-b")] == [20]
    assert report.unexplained_memory(first).value == 90
    assert report.unexplained_memory(second).reason == "no permission"
