"""Fixtures that start a private engine for the session and put a proxy in front of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.boxes import Box
from tests.engine.change_box import ChangeBox
from tests.engine.disk_listing import DiskListing
from tests.engine.session_environments import Field, make_field
from tests.gpus.on_screen import Machine
from tests.rig import manager_image as managers
from tests.rig import nvml_double
from tests.rig import shell_image as shells
from tests.rig.conda_channel import CondaChannel
from tests.rig.conda_prefixes import make_channel
from tests.rig.disk_actor import DiskActor
from tests.rig.engine import PrivateEngine, why_unavailable
from tests.rig.nvml_scenario import Scenario, full_gpu
from tests.rig.proxy import EngineProxy


@pytest.fixture(scope="session")
def engine() -> Iterator[PrivateEngine]:
    """One engine for the session, with the rig's image.

    Skips where no engine can run; with ENVTUI_REQUIRE_ENGINE=1 it fails there.
    """
    reason = why_unavailable()
    if reason is not None:
        if os.environ.get("ENVTUI_REQUIRE_ENGINE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with PrivateEngine() as private:
        private.build_image()
        yield private


@pytest.fixture(scope="module")
def shell_image(engine: PrivateEngine) -> str:
    """The image with shells and sshd, on the session's engine: made again where a test removed it."""
    reason = shells.why_unavailable()
    if reason is not None:
        if os.environ.get("ENVTUI_REQUIRE_ENGINE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return shells.build_shell_image(engine)


@pytest.fixture(scope="module")
def field(
    engine: PrivateEngine, shell_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    """Containers with shells, sshd and environments of each kind, for all tests of a module."""
    engine.recover()
    engine.remove_all()
    engine.build_image()
    assert shell_image
    yield make_field(engine, tmp_path_factory.mktemp("field"))
    engine.recover()
    engine.remove_all()


@pytest.fixture
def clean_engine(engine: PrivateEngine) -> PrivateEngine:
    """The session's engine, answering, with its image and nothing else of earlier tests but images."""
    engine.recover()
    engine.remove_all()
    engine.build_image()
    return engine


@pytest.fixture
def proxy(clean_engine: PrivateEngine) -> Iterator[EngineProxy]:
    """A fresh proxy in front of a clean engine."""
    with EngineProxy(clean_engine.socket_path) as front:
        yield front


@pytest.fixture
def change_box(clean_engine: PrivateEngine) -> ChangeBox:
    """Containers with managers of environments, on a clean engine."""
    reason = managers.why_unavailable()
    if reason is not None:
        if os.environ.get("ENVTUI_REQUIRE_ENGINE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return ChangeBox(clean_engine)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Three GPUs that nobody uses."""
    reason = nvml_double.why_unavailable()
    if reason is not None:
        if os.environ.get("ENVTUI_REQUIRE_ENGINE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    unused = {number: full_gpu(number, memory__used=0, utilization=0) for number in range(3)}
    made = Machine(tmp_path, Scenario(unused))
    yield made
    made.gpus.close()


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> CondaChannel:
    """The packages that real conda prefixes are made of."""
    return make_channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture
def box(clean_engine: PrivateEngine, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """Containers with environments, on a clean engine."""
    return Box(clean_engine, channel, tmp_path_factory)


@pytest.fixture
def actor(clean_engine: PrivateEngine) -> Iterator[DiskActor]:
    """Somebody at a clean engine who makes what takes room; all of it is removed again."""
    somebody = DiskActor(clean_engine)
    yield somebody
    clean_engine.recover()
    somebody.clear()


@pytest.fixture
def listing(clean_engine: PrivateEngine) -> DiskListing:
    """What takes room on a clean engine."""
    return DiskListing(clean_engine.host)


@pytest.fixture
def through(proxy: EngineProxy, listing: DiskListing) -> DiskListing:
    """The same engine, asked through a proxy that can be told to fail."""
    assert listing
    return DiskListing(proxy.host)
