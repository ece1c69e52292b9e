"""Waiting for a condition instead of sleeping, in threads and on the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

STEP_SECONDS = 0.015
# Shorter than a person notices, long enough that a waiting test costs no measurable CPU on two cores.


class NotReached(AssertionError):
    """A condition did not come true in time."""


def until(
    predicate: Callable[[], T | None],
    timeout: float = 30.0,
    message: str | Callable[[], str] = "the condition",
    step_seconds: float = STEP_SECONDS,
) -> T:
    """Waits in this thread until the predicate is truthy, and gives back what it returned.

    Args:
        predicate: Asked again and again; an exception from it ends the wait.
        timeout: Seconds; generous, as it only matters when something is broken.
        message: What was waited for, or a function that is called for it on failure.
        step_seconds: Between two looks; longer ones where a look costs more than nothing.

    Raises:
        NotReached: The predicate stayed falsy.
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise NotReached(_failure(message, timeout))
        pause.wait(step_seconds)


async def until_async(
    predicate: Callable[[], T | None],
    timeout: float = 30.0,
    message: str | Callable[[], str] = "the condition",
) -> T:
    """Like `until`, but lets the event loop run between two looks."""
    deadline = time.monotonic() + timeout
    pause = asyncio.Event()
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise NotReached(_failure(message, timeout))
        try:
            await asyncio.wait_for(pause.wait(), STEP_SECONDS)
        except TimeoutError:
            continue


def _failure(message: str | Callable[[], str], timeout: float) -> str:
    text = message() if callable(message) else message
    return f"not within {timeout:g} s: {text}"
