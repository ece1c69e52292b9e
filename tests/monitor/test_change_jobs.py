"""Jobs that change environments: begun, followed, ended, and found again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.making import full_id, make_container
from tests.monitor.changes import ScriptedChanges, make_change
from tests.rig.waiting import until
from tui.backends.conda.kept_jobs import KeptJobs
from tui.model.changes import ChangeJob, ChangePlan, ChangeState, JobNews
from tui.model.containers import Container, ContainerState
from tui.model.errors import (
    ChangeError,
    ChangeFailed,
    ChangeUnderWay,
    Conflict,
    EngineLost,
    EnvtuiError,
    ReadOnlyRefusal,
    SessionError,
)
from tui.monitor.change_jobs import ChangeKeeper
from tui.monitor.exec_gate import ExecGate
from tui.monitor.job_record import JobRecord
from tui.monitor.jobs import CommandRecord
from tui.monitor.known_changes import LOG_BYTES, KnownChange, found, with_news
from tui.monitor.store import Store
from tui.monitor.topics import CHANGES, CONTAINERS

BOX = make_container("box")
LOST = EngineLost("The engine closed the connection", "it went away")


class Answers:
    """What the callbacks were told."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.failures: list[EnvtuiError] = []

    @property
    def told(self) -> tuple[Callable[[Any], None], Callable[[EnvtuiError], None]]:
        return self.answers.append, self.failures.append

    def answer(self) -> Any:
        return until(lambda: self.answers, message=lambda: str(self.failures))[0]

    def failure(self) -> EnvtuiError:
        return until(lambda: self.failures, message=lambda: str(self.answers))[0]


class Place:
    """A keeper over containers that a test lists."""

    def __init__(self) -> None:
        self.store = Store()
        self.backend = ScriptedChanges()
        self.gate = ExecGate(patience_seconds=20.0)
        self.changed: list[str] = []
        self.commands: list[CommandRecord] = []
        self.made: list[ChangeKeeper] = []

    def keeper(self, read_only: bool = False, kept: JobRecord | None = None) -> ChangeKeeper:
        made = ChangeKeeper(
            self.backend, self.gate, self.store, self.changed.append, self.commands.append,
            read_only, kept, first_seconds=0.01,
        )  # fmt: skip
        self.made.append(made)
        made.start()
        return made

    def list(self, *containers: Container) -> None:
        self.store.put(CONTAINERS, containers)

    def begin(self, keeper: ChangeKeeper, **fields: Any) -> ChangeJob:
        answers = Answers()
        keeper.begin(BOX, make_change(**fields), *answers.told, commands=[["/opt/conda/bin/conda", "go"]])
        job = answers.answer()
        assert isinstance(job, ChangeJob)
        return job

    def known(self, job: ChangeJob) -> KnownChange | None:
        return (self.store.value(CHANGES) or {}).get(job.key)

    def state(self, job: ChangeJob) -> ChangeState | None:
        known = self.known(job)
        return known.job.state if known else None

    def ended(self, job: ChangeJob) -> KnownChange:
        until(lambda: (known := self.known(job)) is not None and known.job.is_over)
        known = self.known(job)
        assert known is not None
        return known


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    made.list(BOX)
    yield made
    made.backend.may_plan.set()
    made.backend.may_start.set()
    for keeper in made.made:
        keeper.stop()


class Kept:
    """A record in memory."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)
        self.failure: EnvtuiError | None = None

    def containers(self) -> frozenset[str]:
        if self.failure is not None:
            raise self.failure
        return frozenset(self.ids)

    def note(self, container_id: str, container_name: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.ids.add(container_id)

    def forget(self, container_id: str) -> None:
        self.ids.discard(container_id)


class TestPlan:
    def test_a_plan(self, place: Place) -> None:
        answers = Answers()
        place.keeper().plan(BOX, make_change(), *answers.told)
        assert isinstance(answers.answer(), ChangePlan)

    def test_what_is_asked_for_may_be_a_question_itself(self, place: Place) -> None:
        keeper, answers = place.keeper(), Answers()
        keeper.plan(BOX, lambda: keeper.new_prefix(BOX, "new", ()), *answers.told)
        assert answers.answer().change.prefix == "/opt/conda/envs/new"

    def test_one_that_is_called_off_ends_in_the_container_and_tells_nobody(self, place: Place) -> None:
        answers = Answers()
        place.backend.may_plan.clear()
        asking = place.keeper().plan(BOX, make_change(), *answers.told)
        until(lambda: place.backend.count("plan"))
        asking.cancel()
        assert place.backend.was_cancelled.wait(30)
        until(lambda: not [each for each in threading.enumerate() if each.name == "change-question"])
        assert not answers.answers and not answers.failures

    def test_the_end_of_the_app_calls_it_off(self, place: Place) -> None:
        keeper = place.keeper()
        place.backend.may_plan.clear()
        keeper.plan(BOX, make_change(), *Answers().told)
        until(lambda: place.backend.count("plan"))
        keeper.stop()
        assert place.backend.was_cancelled.is_set()

    def test_it_gives_way_to_somebody_who_pauses_the_container(self, place: Place) -> None:
        answers = Answers()
        place.backend.may_plan.clear()
        place.keeper().plan(BOX, make_change(), *answers.told)
        until(lambda: place.backend.count("plan"))
        with place.gate.held(BOX.id):
            failure = answers.failure()
        assert isinstance(failure, Conflict) and "paused" in failure.detail


class TestRunning:
    def test_it_is_followed_to_its_end(self, place: Place) -> None:
        keeper = place.keeper()
        job = place.begin(keeper)
        place.backend.say(job, b"Collecting\n")
        until(lambda: (known := place.known(job)) is not None and known.log == b"Collecting\n")
        place.backend.say(job, b"done\n")
        place.backend.end(job, ChangeState.DONE)
        known = place.ended(job)
        until(lambda: (now := place.known(job)) is not None and now.log == b"Collecting\ndone\n")
        assert known.was_seen_running
        until(lambda: keeper.is_at_rest)

    def test_its_end_lists_the_container_anew_and_is_in_the_command_log(self, place: Place) -> None:
        job = place.begin(place.keeper())
        place.backend.end(job, ChangeState.DONE)
        until(lambda: place.changed == [BOX.id])
        (record,) = place.commands
        assert (record.command, record.outcome) == ("docker exec box /opt/conda/bin/conda go", "done")
        assert not record.failed

    def test_why_it_failed_is_in_the_command_log(self, place: Place) -> None:
        job = place.begin(place.keeper())
        place.backend.end(job, ChangeState.FAILED, ChangeFailed("Not installed", "no such package"))
        until(lambda: place.changed == [BOX.id])
        assert place.commands[0].outcome == "Not installed: no such package" and place.commands[0].failed

    def test_only_the_newest_of_a_long_log_is_kept_and_the_rest_counted(self, place: Place) -> None:
        job = place.begin(place.keeper())
        text = b"".join(b"line %06d\n" % number for number in range(60_000))
        place.backend.say(job, text)
        until(lambda: (known := place.known(job)) is not None and known.log_end == len(text))
        known = place.known(job)
        assert known is not None
        assert known.log == text[-LOG_BYTES:] and known.dropped_bytes == len(text) - LOG_BYTES

    def test_one_that_can_not_be_begun_is_told_and_forgotten(self, place: Place) -> None:
        kept, answers = Kept(), Answers()
        place.backend.start_failure = ChangeFailed("Not begun", "no room")
        place.keeper(kept=kept).begin(BOX, make_change(), *answers.told)
        assert answers.failure().title == "Not begun"
        until(lambda: not kept.ids)
        assert [each.outcome for each in place.commands] == ["Not begun: no room"]
        assert not place.store.value(CHANGES)

    def test_a_second_one_on_the_same_environment_is_refused_unasked(self, place: Place) -> None:
        keeper = place.keeper()
        place.begin(keeper)
        for ask in (keeper.plan, keeper.begin):
            answers = Answers()
            ask(BOX, make_change(packages=("scipy",)), *answers.told)
            failure = answers.failure()
            assert isinstance(failure, ChangeUnderWay) and "Install numpy into vision" in failure.detail
        assert place.backend.count("plan") == 0 and place.backend.count("start") == 1

    def test_two_on_two_environments_run_at_once(self, place: Place) -> None:
        keeper = place.keeper()
        one, other = place.begin(keeper), place.begin(keeper, prefix="/opt/conda/envs/other")
        place.backend.end(other, ChangeState.DONE)
        place.ended(other)
        assert place.state(one) is ChangeState.RUNNING

    def test_a_lost_engine_is_told_and_it_goes_on_when_it_is_back(self, place: Place) -> None:
        job = place.begin(place.keeper())
        place.backend.failure = LOST
        until(lambda: (known := place.known(job)) is not None and known.error is LOST)
        assert place.state(job) is ChangeState.RUNNING
        place.store.fail(CONTAINERS, LOST)
        place.backend.failure = None
        place.backend.end(job, ChangeState.DONE)
        place.list(BOX)
        assert place.ended(job).error is None

    @pytest.mark.parametrize(
        ("after", "why"),
        [((), "removed"), ((make_container("box", ContainerState.EXITED),), "stopped")],
    )
    def test_a_container_that_ends_takes_it_along(
        self, place: Place, after: tuple[Container, ...], why: str
    ) -> None:
        job = place.begin(place.keeper())
        place.list(*after)
        known = place.ended(job)
        assert known.job.state is ChangeState.LOST
        assert known.job.error is not None and why in known.job.error.detail

    def test_what_it_left_there_is_the_truth_when_the_container_starts_again(self, place: Place) -> None:
        job = place.begin(place.keeper())
        place.list(make_container("box", ContainerState.EXITED))
        place.ended(job)
        place.backend.end(job, ChangeState.DONE)
        place.list(BOX)
        until(lambda: place.state(job) is ChangeState.DONE)

    def test_in_a_paused_container_it_stands_still_unasked(self, place: Place) -> None:
        job = place.begin(place.keeper())
        place.list(make_container("box", ContainerState.PAUSED))
        until(lambda: (known := place.known(job)) is not None and known.error is not None)
        asked = place.backend.count("news")
        assert place.state(job) is ChangeState.RUNNING
        place.backend.end(job, ChangeState.DONE)
        place.list(BOX)
        place.ended(job)
        assert place.backend.count("news") > asked

    def test_one_that_its_container_does_not_know_is_lost(self, place: Place) -> None:
        job = place.begin(place.keeper())
        del place.backend.held[job.key]
        assert place.ended(job).job.state is ChangeState.LOST


class TestCancel:
    def test_it_ends_and_what_it_printed_is_read_to_its_end(self, place: Place) -> None:
        keeper, answers = place.keeper(), Answers()
        job = place.begin(keeper)
        place.backend.say(job, b"Rolling back\n")
        keeper.cancel(job.key, *answers.told)
        assert answers.answer().state is ChangeState.CANCELLED
        assert place.ended(job).job.state is ChangeState.CANCELLED
        until(lambda: (known := place.known(job)) is not None and known.log == b"Rolling back\n")
        until(lambda: keeper.is_at_rest)
        assert len(place.commands) == 1 and place.changed == [BOX.id]

    def test_one_that_can_not_be_ended_goes_on(self, place: Place) -> None:
        keeper, answers = place.keeper(), Answers()
        job = place.begin(keeper)
        place.backend.cancel_failure = ChangeFailed("Not cancelled", "it does not listen")
        keeper.cancel(job.key, *answers.told)
        assert isinstance(answers.failure(), ChangeError)
        until(lambda: place.state(job) is ChangeState.RUNNING)

    def test_one_that_is_over_stays_as_it_is(self, place: Place) -> None:
        keeper, answers = place.keeper(), Answers()
        job = place.begin(keeper)
        place.backend.end(job, ChangeState.DONE)
        place.ended(job)
        keeper.cancel(job.key, *answers.told)
        assert answers.answer().state is ChangeState.DONE
        assert place.backend.count("cancel") == 0


class TestPutAway:
    def test_nothing_is_known_of_it_afterwards(self, place: Place) -> None:
        kept, answers = Kept(), Answers()
        keeper = place.keeper(kept=kept)
        job = place.begin(keeper)
        assert kept.ids == {BOX.id}
        place.backend.end(job, ChangeState.DONE)
        place.ended(job)
        keeper.put_away(job.key, *answers.told)
        until(lambda: answers.answers)
        assert place.store.value(CHANGES) == {} and not place.backend.held and not kept.ids

    def test_one_that_runs_is_refused(self, place: Place) -> None:
        keeper, answers = place.keeper(), Answers()
        job = place.begin(keeper)
        keeper.put_away(job.key, *answers.told)
        assert "still runs" in answers.failure().detail
        assert place.backend.count("put_away") == 0

    def test_of_a_container_that_is_gone_nobody_is_asked(self, place: Place) -> None:
        keeper, answers = place.keeper(), Answers()
        job = place.begin(keeper)
        place.list()
        place.ended(job)
        keeper.put_away(job.key, *answers.told)
        until(lambda: answers.answers)
        assert place.backend.count("put_away") == 0 and place.store.value(CHANGES) == {}


class TestFoundAgain:
    def test_only_where_the_record_says_so(self, place: Place) -> None:
        other = make_container("other")
        job = place.backend.put(make_change(), log=b"x" * (LOG_BYTES + 100))
        place.backend.put(make_change("other"))
        place.list(BOX, other)
        keeper = place.keeper(kept=Kept(BOX.id))
        until(lambda: (known := place.known(job)) is not None and len(known.log) == LOG_BYTES)
        known = place.known(job)
        assert known is not None and known.was_seen_running and known.dropped_bytes == 100
        assert place.backend.count("jobs other") == 0
        answers: list[dict[str, EnvtuiError]] = []
        keeper.find_all(answers.append)
        until(lambda: answers == [{}])
        known_now = place.store.value(CHANGES)
        assert known_now is not None and len(known_now) == 2

    def test_one_that_is_over_is_there_and_no_news(self, place: Place) -> None:
        job = place.backend.put(make_change())
        place.backend.end(job, ChangeState.DONE)
        place.keeper(kept=Kept(BOX.id))
        known = until(lambda: place.known(job))
        assert not known.was_seen_running and not place.changed

    def test_its_log_is_read_when_somebody_wants_it(self, place: Place) -> None:
        job = place.backend.put(make_change(), log=b"all of it\n")
        place.backend.end(job, ChangeState.FAILED)
        keeper = place.keeper(kept=Kept(BOX.id))
        until(lambda: place.known(job))
        keeper.look_at(job.key)
        until(lambda: (known := place.known(job)) is not None and known.log == b"all of it\n")

    def test_a_container_without_jobs_is_forgotten(self, place: Place) -> None:
        kept = Kept(BOX.id)
        place.keeper(kept=kept)
        until(lambda: not kept.ids)

    def test_one_in_which_a_job_is_being_begun_is_not_forgotten(self, place: Place) -> None:
        kept, answers = Kept(), Answers()
        looks: list[dict[str, EnvtuiError]] = []
        keeper = place.keeper(kept=kept)
        place.backend.may_start.clear()
        keeper.begin(BOX, make_change(), *answers.told)
        until(lambda: place.backend.count("start"))
        # a look at the container, which has none yet
        keeper.find_all(looks.append)
        until(lambda: looks == [{}])
        assert place.backend.count("jobs box") and kept.ids == {BOX.id}
        place.backend.may_start.set()
        job = answers.answer()
        assert kept.ids == {BOX.id}
        place.backend.end(job, ChangeState.DONE)
        place.ended(job)
        gone = Answers()
        keeper.put_away(job.key, *gone.told)
        gone.answer()
        assert not kept.ids

    def test_what_could_not_be_asked_is_told(self, place: Place) -> None:
        keeper = place.keeper()
        answers: list[dict[str, EnvtuiError]] = []
        place.backend.failure = LOST
        keeper.find_all(answers.append)
        until(lambda: answers == [{"box": LOST}])

    def test_a_record_that_can_not_be_written_keeps_nobody_from_work(self, place: Place) -> None:
        kept = Kept()
        kept.failure = SessionError("A file could not be written")
        job = place.begin(place.keeper(kept=kept))
        place.backend.end(job, ChangeState.DONE)
        place.ended(job)


class TestReadOnly:
    def test_nothing_is_run_in_any_container(self, place: Place) -> None:
        place.backend.put(make_change())
        keeper = place.keeper(read_only=True, kept=Kept(BOX.id))
        for ask in (keeper.plan, keeper.begin):
            answers = Answers()
            ask(BOX, make_change(), *answers.told)
            assert isinstance(answers.failure(), ReadOnlyRefusal)
        with pytest.raises(ReadOnlyRefusal):
            keeper.new_prefix(BOX, "new", ())
        looked: list[dict[str, EnvtuiError]] = []
        keeper.find_all(looked.append)
        assert looked == [{}]
        assert place.backend.asked == []


class TestNews:
    def job(self, **fields: Any) -> ChangeJob:
        return ChangeJob("1", make_change(), 42, 0.0, **fields)

    def test_what_is_known_is_not_taken_twice(self) -> None:
        known = KnownChange(self.job(), log=b"abc")
        assert with_news(known, JobNews(self.job(), b"bcde", 1)).log == b"abcde"

    def test_a_gap_counts_as_dropped(self) -> None:
        known = with_news(KnownChange(self.job(), log=b"abc"), JobNews(self.job(), b"xyz", 10))
        assert (known.log, known.dropped_bytes) == (b"xyz", 10)

    def test_one_that_was_told_to_end_does_not_look_as_if_it_ran(self) -> None:
        known = KnownChange(self.job(state=ChangeState.CANCELLING))
        assert with_news(known, JobNews(self.job())).job.state is ChangeState.CANCELLING
        over = with_news(known, JobNews(self.job(state=ChangeState.CANCELLED)))
        assert over.job.state is ChangeState.CANCELLED

    def test_one_that_was_found_over_was_not_seen_running(self) -> None:
        known = found(self.job(state=ChangeState.DONE))
        assert not with_news(known, JobNews(self.job(state=ChangeState.DONE))).was_seen_running


class TestKeptJobs:
    def test_from_run_to_run(self, tmp_path: Path) -> None:
        KeptJobs(tmp_path / "changes").note(full_id("box"), "box")
        KeptJobs(tmp_path / "changes").note(full_id("other"), "other")
        KeptJobs(tmp_path / "changes").forget(full_id("other"))
        assert KeptJobs(tmp_path / "changes").containers() == {full_id("box")}

    def test_nothing_is_written_to_forget_what_is_not_there(self, tmp_path: Path) -> None:
        KeptJobs(tmp_path / "changes").forget(full_id("box"))
        assert KeptJobs(tmp_path / "changes").containers() == frozenset()
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("damage", [b'{"1', b"[1]", b"\xff\0", b'{"x": 1}', b'{"": {"at": "soon"}}'])
    def test_garbage_names_no_container_and_keeps_nothing_from_being_written(
        self, tmp_path: Path, damage: bytes
    ) -> None:
        (tmp_path / "containers.json").write_bytes(damage)
        kept = KeptJobs(tmp_path)
        assert kept.containers() == frozenset()
        kept.note(full_id("box"), "box")
        assert kept.containers() == {full_id("box")}

    def test_it_is_bounded(self, tmp_path: Path) -> None:
        path = tmp_path / "containers.json"
        path.write_text(json.dumps({full_id(str(number)): {"at": number} for number in range(300)}))
        KeptJobs(tmp_path, lambda: 1000.0).note(full_id("box"), "box")
        kept = KeptJobs(tmp_path).containers()
        assert len(kept) == 200 and {full_id("box"), full_id("299")} <= kept and full_id("0") not in kept
