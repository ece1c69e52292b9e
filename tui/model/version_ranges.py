"""Which versions a dependency lets in, as far as numbers can say it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tui.model.cuda_table import Version

# "2.9.1+cu128" and "1.26.*" begin with what counts; letters ("2.9.0rc1") are not judged
_CLAUSE = re.compile(
    r"(?P<operator>[<>=!~]*)(?P<version>\d{1,9}(?:\.\d{1,9}){0,7})(?P<open>\.?\*)?(?:\+[\w.]*)?"
)


@dataclass(frozen=True, slots=True)
class Range:
    """Versions from `low` to `high`.

    Attributes:
        low, high: None for no end; without zeros at their ends, as those do not count.
        with_high: `high` itself is in it. (That `low` itself is not never matters here.)
    """

    low: Version | None = None
    high: Version | None = None
    with_high: bool = False


#: Any of them.
Ranges = tuple[Range, ...]

ANY: Ranges = (Range(),)


def series(version: Version) -> Ranges:
    """All that begin with these numbers: 2.9 has 2.9.0 and 2.9.1 in it."""
    return (Range(_plain(version), _plain((*version[:-1], version[-1] + 1))),)


def up_to(version: Version) -> Ranges:
    """That one and all before it."""
    return (Range(None, _plain(version), True),)


def allowed(spec: str, by_pip: bool = False) -> Ranges:
    """The versions that a dependency's version lets in; more than it does where that can't be said.

    Args:
        spec: as it stands behind the name (">=1.26,<3", "=2.9"); "" for any.
        by_pip: "==2.9" and its like as pip reads them.
    """
    found: list[Range] = []
    for alternative in spec.split("|"):
        one: Ranges = ANY
        for clause in filter(None, alternative.split(",")):
            one = common(one, _clause(clause.strip(), by_pip))
        found += one
    return tuple(found)


def common(left: Ranges, right: Ranges) -> Ranges:
    """What is in both; () for nothing."""
    return tuple(both for one in left for other in right if (both := _both(one, other)) is not None)


def lowest(ranges: Ranges) -> Version | None:
    """From which version on; None where there is no such."""
    lows = [each.low for each in ranges]
    known = [low for low in lows if low is not None]
    return min(known) if known and len(known) == len(lows) else None


def _clause(clause: str, by_pip: bool) -> Ranges:
    found = _CLAUSE.fullmatch(clause)
    if found is None:
        return ANY
    written = tuple(map(int, found["version"].split(".")))
    version = _plain(written)
    match found["operator"]:
        case ">=" | ">":
            return (Range(version),)
        case "<=":
            return (Range(None, version, True),)
        case "<":
            return (Range(None, version),)
        case "=" if not by_pip:
            return series(written)
        case "==" | "===" | "":
            return series(written) if found["open"] else (Range(version, version, True),)
        case "~=" if len(written) > 1:
            return (Range(version, series(written[:-1])[0].high),)
    # "!=" takes single ones out of the middle
    return ANY


def _both(one: Range, other: Range) -> Range | None:
    lows = [low for low in (one.low, other.low) if low is not None]
    low = max(lows, default=None)
    ends = [(each.high, each.with_high) for each in (one, other) if each.high is not None]
    high, with_high = min(ends, default=(None, False))
    if low is not None and high is not None and (low > high or (low == high and not with_high)):
        return None
    return Range(low, high, with_high)


def _plain(version: Version) -> Version:
    """Without zeros at its end: 2.9 and 2.9.0 are the same."""
    end = len(version)
    while end > 1 and version[end - 1] == 0:
        end -= 1
    return version[:end]
