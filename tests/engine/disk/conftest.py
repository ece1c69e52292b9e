"""What is tried here takes all images away, so it has an engine of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.rig.engine import PrivateEngine, why_unavailable


@pytest.fixture(scope="session")
def engine() -> Iterator[PrivateEngine]:
    """One engine for these tests, with the rig's image; the others' images stay on theirs."""
    reason = why_unavailable()
    if reason is not None:
        if os.environ.get("ENVTUI_REQUIRE_ENGINE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with PrivateEngine() as private:
        private.build_image()
        yield private
