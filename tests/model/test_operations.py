"""Plans of operations, and the engine's own client's line for a step."""

from __future__ import annotations

import shlex

import pytest

from tests.making import full_id, make_container
from tui.model.containers import Container, ContainerState
from tui.model.operations import Operation, Plan, Step, command_line, counted, plan, rename_plan

STATES = [state for state in ContainerState if state is not ContainerState.PAUSED]


def operations(made: Plan) -> list[tuple[str, str]]:
    return [(step.operation.value, step.container_name) for step in steps(made)]


def steps(made: Plan) -> list[Step]:
    """All of them, which are about containers."""
    found = [step for step in made.steps if isinstance(step, Step)]
    assert len(found) == len(made.steps)
    return found


class TestPlans:
    @pytest.mark.parametrize("operation", [each for each in Operation if each is not Operation.REMOVE])
    def test_one_step_a_container(self, operation: Operation) -> None:
        made = plan(operation, (make_container("a"), make_container("b")))
        assert made.steps == (Step(operation, full_id("a"), "a"), Step(operation, full_id("b"), "b"))

    def test_removing_a_stopped_one_is_one_step(self) -> None:
        made = plan(Operation.REMOVE, (make_container("a", ContainerState.EXITED),))
        assert operations(made) == [("rm", "a")]

    @pytest.mark.parametrize("state", [ContainerState.RUNNING, ContainerState.RESTARTING])
    def test_removing_a_running_one_stops_it_first(self, state: ContainerState) -> None:
        made = plan(Operation.REMOVE, (make_container("a", state),))
        assert operations(made) == [("stop", "a"), ("rm", "a")]

    def test_removing_a_paused_one_unpauses_and_stops_it_first(self) -> None:
        made = plan(Operation.REMOVE, (make_container("a", ContainerState.PAUSED),))
        assert operations(made) == [("unpause", "a"), ("stop", "a"), ("rm", "a")]

    def test_volumes_go_only_with_the_removal(self) -> None:
        made = plan(Operation.REMOVE, (make_container("a"),), with_volumes=True)
        assert [step.with_volumes for step in steps(made)] == [False, True]

    def test_each_container_is_finished_before_the_next(self) -> None:
        made = plan(Operation.REMOVE, (make_container("a"), make_container("b", ContainerState.EXITED)))
        assert operations(made) == [("stop", "a"), ("rm", "a"), ("rm", "b")]

    @pytest.mark.parametrize(
        ("containers", "words"),
        [((make_container("a"),), "a"), ((make_container("a"), make_container("b")), "2 containers")],
    )
    def test_the_title_names_one_and_counts_more(self, containers: tuple[Container, ...], words: str) -> None:
        assert counted(containers) == words
        assert plan(Operation.REMOVE, containers).title == f"Remove {words}"
        assert plan(Operation.UNPAUSE, containers).title == f"Unpause {words}"

    def test_rename(self) -> None:
        made = rename_plan(make_container("a"), "b")
        assert made == Plan("Rename a to b", (Step(Operation.RENAME, full_id("a"), "a", new_name="b"),))


class TestCommandLines:
    @pytest.mark.parametrize(
        ("step", "line"),
        [
            (Step(Operation.START, "id", "box"), "docker start box"),
            (Step(Operation.STOP, "id", "box"), "docker stop --time 10 box"),
            (Step(Operation.RESTART, "id", "box"), "docker restart box"),
            (Step(Operation.PAUSE, "id", "box"), "docker pause box"),
            (Step(Operation.KILL, "id", "box"), "docker kill box"),
            (Step(Operation.REMOVE, "id", "box"), "docker rm box"),
            (Step(Operation.REMOVE, "id", "box", with_volumes=True), "docker rm --volumes box"),
            (Step(Operation.RENAME, "id", "box", new_name="crate"), "docker rename box crate"),
        ],
    )
    def test_says_what_a_person_would_type(self, step: Step, line: str) -> None:
        assert command_line(step) == line

    def test_a_name_from_outside_is_one_word_to_a_shell(self) -> None:
        hostile = "a; rm -rf $HOME '\n"
        assert shlex.split(command_line(Step(Operation.START, "id", hostile))) == [
            "docker",
            "start",
            hostile,
        ]
