"""Figures as short text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.model.units import format_age, format_bytes, format_percent, format_rate, iso_time, parse_time

KIB = 1024


class TestBytes:
    @pytest.mark.parametrize(
        ("count", "text"),
        [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "0.98 KiB"),
            (1024, "1.00 KiB"),
            (10 * KIB, "10.0 KiB"),
            (9.994 * KIB, "9.99 KiB"),
            (9.996 * KIB, "10.0 KiB"),
            (99.94 * KIB, "99.9 KiB"),
            (99.96 * KIB, "100 KiB"),
            (KIB**2, "1.00 MiB"),
            (1.5 * KIB**3, "1.50 GiB"),
            (503 * KIB**3, "503 GiB"),
            (2 * KIB**4, "2.00 TiB"),
            (5 * KIB**5, "5.00 PiB"),
            (5000 * KIB**5, "5000 PiB"),
        ],
    )
    def test_three_digits_and_a_binary_unit(self, count: float, text: str) -> None:
        assert format_bytes(count) == text

    @settings(deadline=None, database=None, max_examples=200)
    @given(st.integers(0, 999 * KIB**5))
    def test_never_wider_than_eight_cells(self, count: int) -> None:
        assert len(format_bytes(count)) <= 8

    def test_a_rate(self) -> None:
        assert format_rate(2048) == "2.00 KiB/s"


@pytest.mark.parametrize(
    ("percent", "text"),
    [(0, "0.0%"), (9.96, "10.0%"), (99.94, "99.9%"), (99.95, "100%"), (784.2, "784%"), (6400, "6400%")],
)
def test_percent_has_a_decimal_below_a_hundred(percent: float, text: str) -> None:
    assert format_percent(percent) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<1m"),
        (0, "<1m"),
        (59.9, "<1m"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (2 * 86400 - 1, "47h"),
        (2 * 86400, "2d"),
        (21 * 86400 - 1, "20d"),
        (21 * 86400, "3w"),
        (2 * 365 * 86400 - 1, "104w"),
        (2 * 365 * 86400, "2y"),
    ],
)
def test_age_in_its_largest_unit(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("1970-01-01T00:00:10Z", 10.0),
            ("1970-01-01T00:00:10.5Z", 10.5),
            ("1970-01-01T00:00:10.123456789Z", 10.123456),
            ("1970-01-01T02:00:10.123456789+02:00", 10.123456),
            ("2026-03-02T09:30:00.000000001Z", 1_772_443_800.0),
        ],
    )
    def test_the_engines_times(self, text: str, seconds: float) -> None:
        assert parse_time(text) == pytest.approx(seconds, abs=1e-6)

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "", None, "yesterday", "2026-13-01T00:00:00Z"])
    def test_never_and_nonsense_are_none(self, text: str | None) -> None:
        assert parse_time(text) is None

    def test_written_in_utc_with_its_offset(self) -> None:
        assert iso_time(1_772_443_800.0) == "2026-03-02T09:30:00+00:00"

    def test_no_time_is_written_as_none(self) -> None:
        assert iso_time(None) is None

    def test_what_is_written_can_be_read(self) -> None:
        assert parse_time(iso_time(1_772_443_800.25)) == 1_772_443_800.25
