"""What must not be changed on the make-believe workstation, and what goes wrong there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.demo.desk import LONG_ENOUGH, Desk
from tui.demo.requests import BROKEN_PACKAGE
from tui.model.change_making import clone_of
from tui.model.changes import (
    ChangeState,
    ChangeVerb,
    EnvironmentChange,
)
from tui.model.errors import (
    ChangeFailed,
    ChangeLost,
    ChangeRefused,
    ChangeUnderWay,
    Conflict,
    EngineNotFound,
    EngineRefused,
    NoManager,
)
from tui.model.operations import Operation, Step


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestWhatGoesWrong:
    def test_conda_rolls_back_what_can_not_be_linked(self, desk: Desk) -> None:
        before = desk.find("legacy-seg")
        job = desk.do(desk.change(ChangeVerb.INSTALL, "legacy-seg", BROKEN_PACKAGE))
        assert job.state is ChangeState.FAILED and isinstance(job.error, ChangeFailed)
        assert job.error.kind == "LinkError" and "Rolling back" in desk.news(job).log.decode()
        assert desk.find("legacy-seg") == before

    def test_pip_that_fails_leaves_a_half_made_one(self, desk: Desk) -> None:
        change = replace(desk.new("half", "python=3.12"), pip_packages=("einops", BROKEN_PACKAGE))
        job = desk.do(change)
        assert job.state is ChangeState.FAILED
        assert any("half made" in problem for problem in desk.find("half").problems)
        assert "einops" not in desk.versions("half") and "python" in desk.versions("half")

    def test_a_container_that_stops_takes_its_jobs_along(self, desk: Desk) -> None:
        target, before = desk.container(), desk.labels()
        job = desk.start(desk.new("fresh", "numpy"))
        desk.world.perform(Step(Operation.STOP, target.id, target.name))
        with pytest.raises(Conflict):
            desk.news(job)
        desk.world.perform(Step(Operation.START, target.id, target.name))
        found = desk.news(job).job
        assert found.state is ChangeState.LOST and isinstance(found.error, ChangeLost)
        assert desk.labels() == before

    def test_a_paused_container_holds_its_jobs(self, desk: Desk) -> None:
        target = desk.container()
        job = desk.start(desk.new("fresh", "numpy"))
        desk.world.perform(Step(Operation.PAUSE, target.id, target.name))
        desk.clock.advance(LONG_ENOUGH)
        with pytest.raises(Conflict, match="can be run"):
            desk.news(job)
        desk.world.perform(Step(Operation.UNPAUSE, target.id, target.name))
        assert desk.news(job).job.state is ChangeState.RUNNING
        desk.clock.advance(LONG_ENOUGH)
        assert desk.news(job).job.state is ChangeState.DONE

    def test_where_nothing_can_be_run(self, desk: Desk) -> None:
        for name in ("eval-suite", "rl-sim", "serve-embed"):
            with pytest.raises(Conflict):
                desk.changes.new_prefix(desk.container(name), "x", desk.all(name))
        # no job can have begun where there is no shell
        assert desk.changes.jobs(desk.container("serve-embed")) == ()

    def test_what_the_faults_say(self, desk: Desk) -> None:
        change = desk.new("fresh", "numpy")
        desk.world.faults.refuse_actions = True
        assert desk.plan(change).packages
        with pytest.raises(EngineRefused):
            desk.start(change)
        desk.world.faults.engine_gone = True
        with pytest.raises(EngineNotFound):
            desk.changes.jobs(desk.container())


class TestRefusals:
    @pytest.mark.parametrize(
        ("verb", "label", "name"),
        [
            (ChangeVerb.REMOVE, "base", "dl-dev"),
            (ChangeVerb.RENAME, "base", "dl-dev"),
            (ChangeVerb.INSTALL, "base", "notebook-chen"),
            (ChangeVerb.INSTALL, "/usr", "vision-train"),
            (ChangeVerb.REMOVE, "/usr", "tensorboard"),
            (ChangeVerb.RENAME, "/workspace/captions/.venv", "dl-dev"),
            (ChangeVerb.INSTALL, "default", "notebook-ana"),
            (ChangeVerb.UPDATE, "/workspace/captions/.venv", "dl-dev"),
            (ChangeVerb.CLEAN, "/workspace/captions/.venv", "dl-dev"),
        ],
    )
    def test_what_must_not_be_changed(self, desk: Desk, verb: ChangeVerb, label: str, name: str) -> None:
        packages = ("numpy",) if verb is ChangeVerb.INSTALL else ()
        change = desk.change(verb, label, *packages, name=name, new_prefix="/opt/conda/envs/z")
        before = desk.all(name)
        for ask in (desk.plan, desk.start):
            with pytest.raises(ChangeRefused):
                ask(change)
        assert desk.all(name) == before

    def test_a_second_job_on_one_environment(self, desk: Desk) -> None:
        desk.start(desk.change(ChangeVerb.INSTALL, "vision", "tqdm"))
        other: Callable[[EnvironmentChange], object]
        for other in (desk.plan, desk.start):
            with pytest.raises(ChangeUnderWay, match="at work"):
                other(desk.change(ChangeVerb.REMOVE, "vision"))
            with pytest.raises(ChangeUnderWay):
                other(clone_of(desk.find("vision"), desk.new("copy")))
        assert desk.start(desk.change(ChangeVerb.INSTALL, "next", "tqdm")).state is ChangeState.RUNNING
        desk.clock.advance(LONG_ENOUGH)
        assert desk.start(desk.change(ChangeVerb.REMOVE, "vision")).state is ChangeState.RUNNING

    def test_what_is_there_and_what_is_not(self, desk: Desk) -> None:
        with pytest.raises(ChangeRefused, match="already"):
            desk.new("vision")
        gone = replace(desk.change(ChangeVerb.INSTALL, "next", "tqdm"), prefix="/nowhere")
        with pytest.raises(ChangeRefused, match="no such environment"):
            desk.start(gone)
        onto = desk.change(ChangeVerb.RENAME, "next", new_prefix=desk.find("vision").prefix)
        with pytest.raises(ChangeRefused, match="already"):
            desk.start(onto)

    def test_nothing_that_makes_environments(self, desk: Desk) -> None:
        with pytest.raises(NoManager):
            desk.new("x", name="optuna-db")
        stats = desk.change(ChangeVerb.RENAME, "stats", name="notebook-ana", new_prefix="/home/jovyan/z")
        with pytest.raises(NoManager, match="can't rename"):
            desk.plan(stats)

    @pytest.mark.parametrize("name", ["", "/", ".", "..", "a/b", "nul\0"])
    def test_names_that_are_none(self, desk: Desk, name: str) -> None:
        with pytest.raises(ChangeRefused, match="No name"):
            desk.new(name)

    @pytest.mark.parametrize("name", ["my env", "分割 2", "$HOME", "it's", 'a"b', "line\nbreak"])
    def test_names_that_are_odd(self, desk: Desk, name: str) -> None:
        assert desk.do(desk.new(name, "numpy")).state is ChangeState.DONE
        assert name in desk.labels()
