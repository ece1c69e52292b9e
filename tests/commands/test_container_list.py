"""The list of containers that a watching command keeps: renewed beside it, and never in its way."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from tests.making import make_container
from tests.rig.waiting import until
from tui.commands.container_list import ContainerList
from tui.model.containers import Container
from tui.model.errors import EngineLost

PATIENCE_SECONDS = 20.0


class Engine:
    """Lists what it has once it may."""

    def __init__(self) -> None:
        self.listed: Sequence[Container] | Exception = ()
        self.times = 0
        self.answers = threading.Event()
        self.answers.set()

    def containers(self) -> tuple[Sequence[Container], float]:
        self.times += 1
        assert self.answers.wait(PATIENCE_SECONDS)
        if isinstance(self.listed, Exception):
            raise self.listed
        return self.listed, 0.0


@pytest.fixture
def engine() -> Engine:
    return Engine()


def names(containers: ContainerList) -> list[str]:
    return [each.name for each in containers.containers]


def test_it_is_renewed_when_it_is_time_to_or_when_somebody_must_know(engine: Engine) -> None:
    kept = ContainerList(engine.containers)
    engine.listed = [make_container("one")]
    assert kept.is_renewed(is_wanted=False, is_patient=True) and names(kept) == ["one"]
    engine.listed = [make_container("two")]
    assert not kept.is_renewed(is_wanted=False, is_patient=True) and names(kept) == ["one"]
    assert kept.is_renewed(is_wanted=True, is_patient=True) and names(kept) == ["two"]
    assert engine.times == 2


def test_what_is_known_serves_until_one_that_hangs_has_answered(engine: Engine) -> None:
    kept = ContainerList(engine.containers)
    engine.listed = [make_container("one")]
    assert kept.is_renewed(is_wanted=True, is_patient=True)
    engine.listed = [make_container("two")]
    engine.answers.clear()
    for _ in range(2):
        assert not kept.is_renewed(is_wanted=True, is_patient=False) and names(kept) == ["one"]
    engine.answers.set()
    assert until(lambda: kept.is_renewed(is_wanted=False, is_patient=False), PATIENCE_SECONDS)
    # never asked twice at once
    assert (names(kept), engine.times) == (["two"], 2)


def test_a_failure_is_kept_until_it_answers(engine: Engine) -> None:
    kept = ContainerList(engine.containers)
    engine.listed = EngineLost("The engine is gone", "while it answered")
    assert kept.is_renewed(is_wanted=True, is_patient=True)
    assert (names(kept), kept.error) == ([], engine.listed)
    engine.listed = [make_container("one")]
    assert kept.is_renewed(is_wanted=True, is_patient=True)
    assert (names(kept), kept.error) == (["one"], None)


def test_an_error_of_our_own_is_not_swallowed(engine: Engine) -> None:
    engine.listed = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        ContainerList(engine.containers).is_renewed(is_wanted=True, is_patient=True)
