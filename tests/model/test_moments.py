"""Moments as a person writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.model.moments import moment_from

SECOND = 10**9
# 2026-05-31T08:00:00Z
WHEN = 1780214400 * SECOND
NOW = WHEN + 123456789
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("2026-05-31T08:00:00Z", WHEN),
        ("2026-05-31T08:00:00.000000001Z", WHEN + 1),
        ("2026-05-31T08:00:00.5Z", WHEN + SECOND // 2),
        ("2026-05-31t08:00:00z", WHEN),
        ("2026-05-31T10:30:00+02:30", WHEN),
        ("2026-05-31T03:00:00-0500", WHEN),
        ("2026-05-31T08:00Z", WHEN),
        # no zone: where the reader sits
        ("2026-05-31T17:00:00.000000009", WHEN + 9),
        ("2026-05-31 17:00", WHEN),
        ("2026-05-31", WHEN - 17 * 3600 * SECOND),
    ],
)
def test_times(text: str, nanoseconds: int) -> None:
    assert moment_from(text, NOW, TOKYO) == nanoseconds


def test_a_time_without_a_zone_is_this_machines() -> None:
    # the tests' time zone is UTC
    assert moment_from("2026-05-31T08:00:00", NOW) == WHEN


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("1780214400", WHEN),
        ("1780214400.000000001", WHEN + 1),
        ("1780214400.25", WHEN + SECOND // 4),
        ("253402300799.999999999", 253402300800 * SECOND - 1),
    ],
)
def test_unix_seconds(text: str, nanoseconds: int) -> None:
    assert moment_from(text, NOW) == nanoseconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("10m", 600),
        ("3h", 10800),
        ("2d", 172800),
        ("1w", 604800),
        ("1h30m", 5400),
        ("1d2h3m4s", 93784),
        ("1.5h", 5400),
    ],
)
def test_how_long_ago(text: str, seconds: int) -> None:
    assert moment_from(text, NOW) == NOW - seconds * SECOND


def test_a_part_of_a_second_ago_is_exact() -> None:
    assert moment_from("1.000000001s", NOW) == NOW - SECOND - 1


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "999999d"])
def test_nothing_is_before_the_epoch(text: str) -> None:
    assert moment_from(text, NOW) == 0


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "now", "yesterday", "-5", "+5", "1e9", "0x10", "1.", ".5", "1 780", "5 m", "m", "-10m",
        "10M", "10y", "30m1h", "1h1h", "1hm", "1h\n", "10m ", "253402300800", "9" * 13, "1.0000000001",
        "2026-13-01", "2026-02-30T00:00:00Z", "2026-05-31T24:01:00Z", "2026-05-31T08:60Z", "2026-05-31T08",
        "2026-05-31T08:00:00.Z", "2026-05-31T08:00:00.0000000001Z", "2026-05-31T08:00:00+25:00",
        "2026-05-31T08:00:00 Z", "2026-05-31Z", "2026-5-31", "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00", "١٠m", "١٧٨٠", "２０２６-05-31",
    ],
)  # fmt: skip
def test_everything_else_is_no_moment(text: str) -> None:
    assert moment_from(text, NOW) is None


@settings(deadline=None, database=None, max_examples=300)
@given(st.integers(0, 253402300800 * SECOND - 1), st.integers(-23 * 60, 23 * 60))
def test_what_is_written_to_the_nanosecond_is_read_to_the_nanosecond(at: int, offset: int) -> None:
    whole, rest = divmod(at, SECOND)
    assert moment_from(f"{whole}.{rest:09d}", NOW) == at
    try:
        zone = timezone(timedelta(minutes=offset))
        moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=whole)
        date, offset_text = moment.astimezone(zone).isoformat()[:19], moment.astimezone(zone).isoformat()[19:]
    except OverflowError:
        return
    assert moment_from(f"{date}.{rest:09d}{offset_text}", NOW) == at


@settings(deadline=None, database=None, max_examples=500)
@given(st.text(st.sampled_from("0123456789.:-+TZ wdhms"), max_size=30))
def test_no_text_is_an_exception(text: str) -> None:
    found = moment_from(text, NOW)
    assert found is None or 0 <= found < 253402300800 * SECOND
