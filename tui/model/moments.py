"""Moments as a person writes them: a time, Unix seconds, or how long ago; exact to the nanosecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

#: What `moment_from` understands, for messages.
ACCEPTED = (
    "a time (2026-05-31T08:00:00Z, without a zone it is local), Unix seconds (1780214400.5), "
    "or how long ago (90s, 10m, 1h30m, 2d)"
)

_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](?P<minute>\d\d:\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_SECONDS = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?", re.ASCII)
# Each unit at most once, from the largest down: what is not in this order is rather a slip than a wish.
_AGO = re.compile("".join(rf"(?:(?P<{unit}>\d{{1,9}}(?:\.\d{{1,9}})?){unit})?" for unit in "wdhms"), re.ASCII)
_UNIT_SECONDS = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 9999-12-31T23:59:59.999999999Z, the last that RFC 3339 can write.
_LAST_NS = 253402300800 * 10**9 - 1


def moment_from(text: str, now_ns: int, zone: tzinfo | None = None) -> int | None:
    """Nanoseconds since the epoch, never negative: no log is older; None for a text that is no moment.

    Args:
        text: as in ACCEPTED. A time may leave out its seconds, or be a date alone: midnight.
        now_ns: from where durations count back.
        zone: of times that say none; None for this machine's.
    """
    found = _from_duration(text, now_ns)
    if found is None:
        found = _from_seconds(text)
    if found is None:
        found = _from_time(text, zone)
    return max(0, found) if found is not None and found <= _LAST_NS else None


def _from_duration(text: str, now_ns: int) -> int | None:
    match = _AGO.fullmatch(text)
    if not text or match is None:
        return None
    parts = {unit: value for unit, value in match.groupdict().items() if value}
    return now_ns - sum(_nanoseconds(value) * _UNIT_SECONDS[unit] for unit, value in parts.items())


def _from_seconds(text: str) -> int | None:
    return _nanoseconds(text) if _SECONDS.fullmatch(text) else None


def _from_time(text: str, zone: tzinfo | None) -> int | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    written = f"{match['date']}T{match['minute'] or '00:00'}:{match['second'] or '00'}"
    try:
        moment = datetime.fromisoformat(written + (match["zone"] or "").upper())
        if moment.tzinfo is None:
            moment = moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
        seconds = (moment - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        # no such day or hour, or at the very ends of the calendar
        return None
    return seconds * 10**9 + _nanoseconds(f"0.{match['fraction'] or 0}")


def _nanoseconds(decimal: str) -> int:
    """Nanoseconds in a decimal number of seconds, by its digits: a float would lose some."""
    whole, _, fraction = decimal.partition(".")
    return int(whole) * 10**9 + int(fraction.ljust(9, "0"))
