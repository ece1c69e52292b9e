"""Figures as short text: bytes, shares, ages and times."""

from __future__ import annotations

from datetime import UTC, datetime

_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def format_bytes(count: float) -> str:
    """Bytes with three significant digits and a binary unit, as `docker stats` shows memory."""
    value = float(count)
    unit = _BINARY_UNITS[0]
    for unit in _BINARY_UNITS:
        # 999.5 and not 1024: four digits would break the column's width
        if abs(value) < 999.5 or unit == _BINARY_UNITS[-1]:
            break
        value /= 1024
    if unit == "B" or abs(value) >= 99.95:
        return f"{value:.0f} {unit}"
    return f"{value:.1f} {unit}" if abs(value) >= 9.995 else f"{value:.2f} {unit}"


def format_rate(bytes_per_second: float) -> str:
    """A rate in bytes per second."""
    return f"{format_bytes(bytes_per_second)}/s"


def format_percent(percent: float) -> str:
    """A percentage with one decimal below 100, as narrow as can be read."""
    return f"{percent:.0f}%" if percent >= 99.95 else f"{percent:.1f}%"


def format_age(seconds: float) -> str:
    """A duration in its largest unit: `<1m`, `5m`, `3h`, `2d`, `6w`, `2y`.

    Nothing below a minute is told apart, so that a table of ages changes at most once a minute.
    """
    for limit, size, unit in (
        (3600, 60, "m"),
        (2 * 86400, 3600, "h"),
        (21 * 86400, 86400, "d"),
        (2 * 365 * 86400, 7 * 86400, "w"),
    ):
        if seconds < limit:
            return "<1m" if seconds < 60 else f"{int(seconds // size)}{unit}"
    return f"{int(seconds // (365 * 86400))}y"


def parse_time(text: str | None) -> float | None:
    """Seconds since the epoch from the engine's RFC 3339 time; None for its zero time or no time.

    The engine writes nanoseconds, which `datetime` does not read, and `0001-01-01T00:00:00Z` for
    "never".
    """
    if not text or text.startswith("0001-"):
        return None
    whole, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{whole}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}"
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def iso_time(epoch_seconds: float | None) -> str | None:
    """ISO 8601 in UTC with its offset, or None."""
    return None if epoch_seconds is None else datetime.fromtimestamp(epoch_seconds, UTC).isoformat()
