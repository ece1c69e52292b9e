"""What makes a hundred apps in one process start quickly."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def _less_garbage_collection() -> Iterator[None]:
    """Look for garbage seldom: looking through all that pytest holds took a quarter of the time."""
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    yield
    gc.set_threshold(*usual)
    gc.unfreeze()
