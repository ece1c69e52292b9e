"""A figure that may be unknown: a value with the time it was taken, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value, or None with the reason.

    Attributes:
        value: the figure, None where it is unknown or not supported.
        reason: why there is no value, in words for the detail line.
        taken_at: monotonic seconds of the sample, 0.0 where there is none.
    """

    value: T | None
    reason: str = ""
    taken_at: float = 0.0


def unknown(reason: str) -> Reading[T]:
    """A reading without a value, for `reason`."""
    return Reading(None, reason)
