"""Figures from two samples of counters."""

from __future__ import annotations

from tests.making import make_sample
from tui.model.reading import Reading
from tui.model.stats import StatsSample, figures


def test_one_core_for_a_second_is_a_hundred_percent() -> None:
    shown = figures(make_sample(10.0), make_sample(12.0, cpu_nanoseconds=2_000_000_000))
    assert shown.cpu_percent == Reading(100.0, "", 12.0)


def test_many_cores_exceed_a_hundred() -> None:
    shown = figures(make_sample(10.0), make_sample(11.0, cpu_nanoseconds=7_840_000_000))
    assert shown.cpu_percent.value == 784.0


def test_rates_are_per_second() -> None:
    now = make_sample(
        14.0, network_rx_bytes=400, network_tx_bytes=800, block_read_bytes=1200, block_write_bytes=1600
    )
    shown = figures(make_sample(10.0), now)
    assert (
        shown.network_rx_bytes_per_second.value,
        shown.network_tx_bytes_per_second.value,
        shown.block_read_bytes_per_second.value,
        shown.block_write_bytes_per_second.value,
    ) == (100.0, 200.0, 300.0, 400.0)


def test_nothing_used_is_a_true_zero() -> None:
    assert figures(make_sample(10.0), make_sample(11.0)).cpu_percent.value == 0.0


def test_levels_need_one_sample_only() -> None:
    shown = figures(None, make_sample(10.0, memory_bytes=5, pids=3))
    assert (shown.memory_bytes.value, shown.pids.value, shown.memory_limit_bytes.value) == (5, 3, 1 << 30)


def test_the_first_sample_gives_no_rate_and_says_so() -> None:
    cpu = figures(None, make_sample(10.0, cpu_nanoseconds=5)).cpu_percent
    assert cpu.value is None
    assert "second sample" in cpu.reason


def test_a_counter_that_went_backwards_gives_no_rate() -> None:
    shown = figures(make_sample(10.0, cpu_nanoseconds=100, network_rx_bytes=5), make_sample(11.0))
    assert shown.cpu_percent.value is None
    assert shown.network_rx_bytes_per_second.value is None
    assert shown.network_tx_bytes_per_second.value == 0.0


def test_two_samples_of_the_same_moment_give_no_rate() -> None:
    assert figures(make_sample(10.0), make_sample(10.0, cpu_nanoseconds=5)).cpu_percent.value is None


def test_a_missing_counter_says_why() -> None:
    now = make_sample(11.0, network_rx_bytes=None, missing=(("network_rx_bytes", "uses the host's network"),))
    assert figures(make_sample(10.0), now).network_rx_bytes_per_second == Reading(
        None, "uses the host's network"
    )


def test_a_missing_counter_without_a_reason_still_has_words() -> None:
    assert figures(None, StatsSample(1.0)).memory_bytes == Reading(None, "not told by this host")


def test_a_counter_that_appears_only_now_gives_no_rate_yet() -> None:
    shown = figures(make_sample(10.0, cpu_nanoseconds=None), make_sample(11.0, cpu_nanoseconds=5))
    assert shown.cpu_percent.value is None
