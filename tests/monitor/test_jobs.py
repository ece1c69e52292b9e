"""Jobs: carried out in order, each failure told, nothing done twice at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.making import make_container
from tests.rig.waiting import until
from tui.model.containers import ContainerState
from tui.model.errors import Conflict, EnvtuiError, ReadOnlyRefusal
from tui.model.operations import AnyStep, Operation, Plan, Step, plan
from tui.monitor import jobs
from tui.monitor.jobs import Job, JobRefused, JobRunner, JobState
from tui.monitor.store import Store
from tui.monitor.topics import COMMANDS, JOBS

REFUSED = Conflict("The engine refuses", "is in use", "Stop it", 409)


class Workshop:
    """A runner whose steps a test can hold and let fail."""

    def __init__(self) -> None:
        self.store = Store()
        self.done: list[str] = []
        self.over = 0
        self.failures: dict[str, Exception] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.runner = JobRunner(self.perform, self.store, self.after, read_only=False, wall_clock=lambda: 5.0)

    def perform(self, step: AnyStep) -> None:
        self.gate.wait()
        assert isinstance(step, Step)
        line = f"{step.operation.value} {step.container_name}"
        self.done.append(line)
        if line in self.failures:
            raise self.failures[line]

    def after(self) -> None:
        self.over += 1

    def submit(self, operation: Operation, *names: str, state: ContainerState = ContainerState.EXITED) -> Job:
        return self.runner.submit(plan(operation, tuple(make_container(name, state) for name in names)))

    def finished(self, job: Job) -> Job:
        def found() -> Job | None:
            return next((each for each in self.jobs() if each.number == job.number and each.is_over), None)

        return until(found)

    def jobs(self) -> tuple[Job, ...]:
        return self.store.value(JOBS) or ()

    def commands(self) -> list[tuple[str, str]]:
        return [(record.command, record.outcome) for record in self.store.value(COMMANDS) or ()]


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    made = Workshop()
    yield made
    made.gate.set()
    until(lambda: not made.runner.running())


def test_steps_are_done_in_order(workshop: Workshop) -> None:
    job = workshop.submit(Operation.REMOVE, "a", "b", state=ContainerState.RUNNING)
    finished = workshop.finished(job)
    assert workshop.done == ["stop a", "rm a", "stop b", "rm b"]
    assert (finished.state, finished.steps_done, finished.failures) == (JobState.DONE, 4, ())


def test_a_failure_stops_the_later_steps_of_the_same_container_only(workshop: Workshop) -> None:
    workshop.failures["stop a"] = REFUSED
    job = workshop.finished(workshop.submit(Operation.REMOVE, "a", "b", state=ContainerState.RUNNING))
    assert workshop.done == ["stop a", "stop b", "rm b"]
    assert (job.state, job.failures, job.steps_done) == (JobState.FAILED, (("a", REFUSED),), 4)


def test_what_nobody_foresaw_is_a_failure_and_the_next_job_is_done(workshop: Workshop) -> None:
    workshop.failures["start a"] = ZeroDivisionError("by zero")
    job = workshop.finished(workshop.submit(Operation.START, "a"))
    assert [(name, "by zero" in error.detail) for name, error in job.failures] == [("a", True)]
    assert workshop.finished(workshop.submit(Operation.START, "b")).state is JobState.DONE


def test_the_same_step_twice_at_once_is_refused(workshop: Workshop) -> None:
    workshop.gate.clear()
    workshop.submit(Operation.STOP, "a")
    with pytest.raises(JobRefused, match="Already under way") as caught:
        workshop.submit(Operation.STOP, "b", "a")
    assert caught.value.detail == "docker stop --time 10 a"
    assert len(workshop.jobs()) == 1


def test_the_same_step_later_is_not(workshop: Workshop) -> None:
    workshop.finished(workshop.submit(Operation.STOP, "a"))
    assert workshop.finished(workshop.submit(Operation.STOP, "a")).number == 2


def test_four_jobs_run_at_once_and_the_fifth_waits(workshop: Workshop) -> None:
    workshop.gate.clear()
    for name in "abcde":
        workshop.submit(Operation.STOP, name)
    until(lambda: [job.state for job in workshop.jobs()].count(JobState.RUNNING) == 4)
    assert [job.state for job in workshop.jobs()].count(JobState.WAITING) == 1
    workshop.gate.set()
    until(lambda: all(job.is_over for job in workshop.jobs()))


def test_too_many_that_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_WAITING_LIMIT", 2)
    workshop = Workshop()
    workshop.gate.clear()

    def too_many() -> JobRefused | None:
        try:
            workshop.submit(Operation.STOP, f"n{len(workshop.jobs())}")
        except JobRefused as refused:
            return refused
        return None

    refused = until(too_many)
    assert refused.title == "Too many jobs"
    known = len(workshop.jobs())
    # four run, two wait, and the refused one left no trace
    assert known <= 6
    workshop.gate.set()
    until(lambda: all(job.is_over for job in workshop.jobs()))
    assert len(workshop.done) == known


def test_read_only_refuses_everything() -> None:
    workshop = Workshop()
    runner = JobRunner(workshop.perform, workshop.store, workshop.after, read_only=True)
    with pytest.raises(ReadOnlyRefusal):
        runner.submit(plan(Operation.START, (make_container("a"),)))
    assert (workshop.done, workshop.jobs()) == ([], ())


def test_running_are_those_that_are_not_over(workshop: Workshop) -> None:
    workshop.gate.clear()
    job = workshop.submit(Operation.STOP, "a")
    assert [each.number for each in workshop.runner.running()] == [job.number]
    workshop.gate.set()
    workshop.finished(job)
    assert workshop.runner.running() == ()


def test_somebody_is_told_when_a_job_is_over(workshop: Workshop) -> None:
    workshop.failures["stop b"] = REFUSED
    workshop.finished(workshop.submit(Operation.STOP, "a"))
    workshop.finished(workshop.submit(Operation.STOP, "b"))
    until(lambda: workshop.over == 2)


def test_an_error_in_who_is_told_does_not_end_the_worker(workshop: Workshop) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    workshop.runner._after = fail
    for name in "abcdef":
        workshop.finished(workshop.submit(Operation.STOP, name))


class TestCommandLog:
    def test_each_step_is_a_line_with_its_outcome(self, workshop: Workshop) -> None:
        workshop.failures["stop b"] = REFUSED
        workshop.finished(workshop.submit(Operation.REMOVE, "a"))
        workshop.finished(workshop.submit(Operation.REMOVE, "b", state=ContainerState.RUNNING))
        assert workshop.commands() == [
            ("docker rm a", "done"),
            ("docker stop --time 10 b", "The engine refuses: is in use. Stop it"),
        ]

    def test_a_line_has_a_time_and_says_whether_it_failed(self, workshop: Workshop) -> None:
        workshop.failures["stop a"] = REFUSED
        workshop.finished(workshop.submit(Operation.STOP, "a"))
        (record,) = workshop.store.value(COMMANDS) or ()
        assert (record.at, record.failed) == (5.0, True)
        assert 0 <= record.duration < 60

    def test_it_is_bounded(self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jobs, "_COMMANDS_KEPT", 3)
        workshop.finished(workshop.submit(Operation.START, *"abcde"))
        assert [command for command, _ in workshop.commands()] == [f"docker start {name}" for name in "cde"]

    def test_jobs_that_are_over_are_bounded(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "_JOBS_KEPT", 3)
        for number in range(8):
            workshop.finished(workshop.submit(Operation.START, f"n{number}"))
        assert len(workshop.jobs()) == 3

    def test_jobs_under_way_are_never_forgotten(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "_JOBS_KEPT", 1)
        workshop.gate.clear()
        for name in "abc":
            workshop.submit(Operation.STOP, name)
        assert len(workshop.jobs()) == 3


def test_an_empty_plan_is_done(workshop: Workshop) -> None:
    assert workshop.finished(workshop.runner.submit(Plan("Nothing", ()))).state is JobState.DONE


def test_an_error_keeps_its_kind(workshop: Workshop) -> None:
    workshop.failures["stop a"] = EnvtuiError("Odd")
    (failure,) = workshop.finished(workshop.submit(Operation.STOP, "a")).failures
    assert failure[1] is workshop.failures["stop a"]
