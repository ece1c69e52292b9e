"""A plan is carried out item by item: what became of each is known, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.making import full_id, make_container
from tests.monitor.changes import ScriptedChanges, make_change
from tests.monitor.disk import ScriptedDisk, ScriptedReclaiming, item, outcome_words
from tests.monitor.hosts import LOST, SILENT, ScriptedHost
from tui.model.changes import ChangeState, ChangeVerb, EnvironmentChange
from tui.model.containers import Container, ContainerState
from tui.model.disk import DiskMeasure
from tui.model.disk_items import (
    ENDED_STATES,
    DiskItem,
    DiskKind,
    OutcomeState,
    Reclaimed,
    ReclaimPlan,
    ReclaimReport,
)
from tui.model.errors import (
    ChangeFailed,
    ChangeRefused,
    ChangeUnderWay,
    ItemChanged,
    ItemGone,
    ItemInUse,
    ItemStays,
)
from tui.monitor.jobs import CommandRecord
from tui.monitor.reclaiming import carry_out
from tui.workstation import Workstation


class Desk:
    """A host with a disk, and everything that is told of one removal."""

    def __init__(self) -> None:
        self.host = ScriptedHost(make_container("box"))
        self.disk = ScriptedDisk()
        self.reclaiming = ScriptedReclaiming()
        self.changes = ScriptedChanges()
        self.reports: list[ReclaimReport] = []
        self.lines: list[CommandRecord] = []
        self.is_cancelled: Callable[[], bool] = lambda: False
        self.lost_seconds = 20.0

    def carry_out(self, *items: DiskItem, containers: tuple[Container, ...] | None = None) -> ReclaimReport:
        workstation = Workstation(
            "scripted", self.host, self.host, self.host,
            changes=self.changes, disk=self.disk, caches=self.disk, reclaiming=self.reclaiming,
        )  # fmt: skip
        return carry_out(
            ReclaimPlan(items),
            workstation,
            self.host.listed if containers is None else containers,
            self.reports.append,
            self.is_cancelled,
            record=self.lines.append,
            lost_seconds=self.lost_seconds,
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


def of_environment(container: str = "box", **fields: object) -> DiskItem:
    change = make_change(container, verb=ChangeVerb.REMOVE, packages=())
    told: dict[str, object] = {"container_id": full_id(container), "change": change, "seen": "as it was"}
    return item("vision", DiskKind.ENVIRONMENT, **(told | fields))


def test_every_item_waits_runs_and_ends_in_the_order_of_the_plan(desk: Desk) -> None:
    report = desk.carry_out(item("a"), item("b"), item("c"))
    assert desk.reclaiming.removed == ["a", "b", "c"]
    assert report.is_over and not report.is_cancelling
    assert outcome_words(report.outcomes) == {"a": "removed", "b": "removed", "c": "removed"}
    told = [tuple(each.state.value for each in report.outcomes) for report in desk.reports]
    assert told[0] == ("waiting", "waiting", "waiting")
    assert ("removed", "running", "waiting") in told
    assert desk.reports[-1] == report


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ItemInUse("In use", "by lab"), OutcomeState.IN_USE),
        (ItemChanged("Changed"), OutcomeState.CHANGED),
        (ItemGone("Gone"), OutcomeState.GONE),
        (ItemStays("It is still there", "no space left on device"), OutcomeState.FAILED),
    ],
)
def test_one_that_is_not_removed_is_told_and_the_others_go_on(
    desk: Desk, error: ItemStays, state: OutcomeState
) -> None:
    desk.reclaiming.failures["b"] = error
    report = desk.carry_out(item("a"), item("b"), item("c"))
    assert [each.state for each in report.outcomes] == [OutcomeState.REMOVED, state, OutcomeState.REMOVED]
    assert report.outcomes[1].reason == error.one_line()
    assert desk.lines[1].failed and not desk.lines[0].failed


def test_called_off_between_items_the_rest_is_not_begun(desk: Desk) -> None:
    begun: list[str] = []
    desk.reclaiming.before_each = lambda each: begun.append(each.name)
    desk.is_cancelled = lambda: "b" in begun
    report = desk.carry_out(item("a"), item("b"), item("c"), item("d"))
    assert desk.reclaiming.removed == ["a", "b"]
    assert outcome_words(report.outcomes) == {
        "a": "removed", "b": "removed", "c": "not begun", "d": "not begun",
    }  # fmt: skip
    assert any(each.is_cancelling for each in desk.reports) and not report.is_cancelling


def test_what_follows_something_that_stayed_is_left_alone(desk: Desk) -> None:
    parent = item("parent")
    child = item("child", follows=(parent.key,))
    desk.reclaiming.failures["parent"] = ItemStays("Still there")
    report = desk.carry_out(parent, child, item("other"))
    assert desk.reclaiming.removed == ["other"]
    assert report.outcomes[1].state is OutcomeState.NOT_BEGUN and "parent" in report.outcomes[1].reason


def test_what_follows_something_that_is_gone_already_goes(desk: Desk) -> None:
    parent = item("parent")
    desk.reclaiming.failures["parent"] = ItemGone("Gone")
    desk.carry_out(parent, item("child", follows=(parent.key,)))
    assert desk.reclaiming.removed == ["child"]


def test_what_may_not_go_is_not_asked_for(desk: Desk) -> None:
    report = desk.carry_out(item("a", why_not="protected"))
    assert desk.reclaiming.removed == []
    assert (report.outcomes[0].state, report.outcomes[0].reason) == (OutcomeState.NOT_BEGUN, "protected")


@pytest.mark.parametrize(
    ("kind", "reclaimed"),
    [
        (DiskKind.BUILD_CACHE, lambda second: Reclaimed(10, (second,))),
        (DiskKind.IMAGE, lambda second: Reclaimed(parts=("a layer", second))),
    ],
)
def test_what_went_along_with_another_counts_as_removed(
    desk: Desk, kind: DiskKind, reclaimed: Callable[[str], Reclaimed]
) -> None:
    first, second = item("first", kind), item("second", kind)
    desk.reclaiming.reclaimed["first"] = reclaimed(second.id)
    desk.reclaiming.failures["second"] = ItemGone("Gone")
    report = desk.carry_out(first, second)
    assert outcome_words(report.outcomes) == {"first": "removed", "second": "removed"}
    assert "first" in report.outcomes[1].reason


@pytest.mark.parametrize(("is_there", "state"), [(False, OutcomeState.REMOVED), (True, OutcomeState.FAILED)])
def test_an_engine_that_comes_back_is_asked_what_became_of_it(
    desk: Desk, is_there: bool, state: OutcomeState
) -> None:
    lost = item("b")
    desk.reclaiming.failures["b"] = LOST
    desk.reclaiming.there[lost.key] = is_there
    desk.host.ping_failure = LOST
    pings: list[str] = []

    def asked() -> None:
        pings.append("ping")
        if len(pings) == 3:
            desk.host.ping_failure = None
        if desk.host.ping_failure is not None:
            raise desk.host.ping_failure

    desk.host.ping = asked  # type: ignore[method-assign]
    report = desk.carry_out(item("a"), lost, item("c"))
    assert [each.state for each in report.outcomes] == [OutcomeState.REMOVED, state, OutcomeState.REMOVED]
    assert len(pings) >= 3


def test_an_engine_that_stays_away_leaves_the_rest_not_begun(desk: Desk) -> None:
    desk.lost_seconds = 0.0
    desk.reclaiming.failures["b"] = LOST
    desk.host.ping_failure = LOST
    report = desk.carry_out(item("a"), item("b"), item("c"))
    assert outcome_words(report.outcomes) == {"a": "removed", "b": "not known", "c": "not begun"}
    assert "engine was lost" in report.outcomes[2].reason
    assert desk.disk.count("measure") == 1, "nobody asks an engine that is lost how much there is"


def test_an_engine_that_is_only_slow_may_still_be_at_it(desk: Desk) -> None:
    desk.lost_seconds = 0.2
    desk.reclaiming.failures["a"] = SILENT
    report = desk.carry_out(item("a"))
    assert report.outcomes[0].state is OutcomeState.UNKNOWN
    assert "still there" in report.outcomes[0].reason


def test_called_off_while_the_engine_is_away_nobody_waits(desk: Desk) -> None:
    desk.reclaiming.failures["a"] = LOST
    desk.host.ping_failure = LOST
    desk.lost_seconds = 600.0
    cancelled: list[bool] = []
    desk.reclaiming.before_each = lambda _: cancelled.append(True)
    desk.is_cancelled = lambda: bool(cancelled)
    report = desk.carry_out(item("a"), item("b"))
    assert outcome_words(report.outcomes) == {"a": "not known", "b": "not begun"}


def test_what_was_freed_is_measured_before_and_after(desk: Desk) -> None:
    desk.disk.measures = [DiskMeasure(1000, 50), DiskMeasure(400, 640)]
    report = desk.carry_out(item("a"))
    assert (report.freed_bytes, report.free_before_bytes, report.free_after_bytes) == (600, 50, 640)


def test_others_who_write_meanwhile_make_no_negative_figure(desk: Desk) -> None:
    desk.disk.measures = [DiskMeasure(1000, 50), DiskMeasure(1400, 40)]
    report = desk.carry_out(item("a"))
    assert report.freed_bytes is None and "others" in report.note
    assert (report.free_before_bytes, report.free_after_bytes) == (50, 40)


def test_an_engine_that_can_not_count_still_removes(desk: Desk) -> None:
    desk.disk.failures["measure"] = SILENT
    report = desk.carry_out(item("a"))
    assert desk.reclaiming.removed == ["a"] and report.freed_bytes is None and report.is_over


def test_every_removal_stands_in_the_command_log_as_the_engines_own_line(desk: Desk) -> None:
    desk.carry_out(
        item("lab", DiskKind.CONTAINER),
        item("my data", DiskKind.VOLUME),
        item("old:1", DiskKind.IMAGE, references=("old:1", "old:2")),
        item("net"),
    )
    assert [each.command for each in desk.lines] == [
        "docker rm lab",
        "docker volume rm 'my data'",
        "docker rmi --no-prune old:1 old:2",
        "docker network rm net",
    ]


def with_job(desk: Desk, state: ChangeState, error: ChangeFailed | None = None) -> None:
    """Have every job end so, once it was looked at."""
    news = desk.changes.news

    def looked(*args: object) -> object:
        for job in tuple(desk.changes.held.values()):
            desk.changes.end(job, state, error)
        return news(*args)  # type: ignore[arg-type]

    desk.changes.news = looked  # type: ignore[assignment, method-assign]


def test_an_environment_goes_by_a_job_whose_traces_are_put_away(desk: Desk) -> None:
    with_job(desk, ChangeState.DONE)
    report = desk.carry_out(of_environment())
    assert report.outcomes[0].state is OutcomeState.REMOVED
    assert desk.changes.held == {} and desk.reclaiming.removed == []


def test_what_was_agreed_to_is_an_environment_as_it_was_listed(desk: Desk) -> None:
    with_job(desk, ChangeState.DONE)
    begun: list[str] = []
    start = desk.changes.start

    def noted(container: Container, change: EnvironmentChange) -> object:
        begun.append(change.seen)
        return start(container, change)

    desk.changes.start = noted  # type: ignore[assignment, method-assign]
    desk.carry_out(of_environment())
    assert begun == ["as it was"]
    unknown = desk.carry_out(of_environment(seen=""))
    assert unknown.outcomes[0].state is OutcomeState.FAILED and begun == ["as it was"]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (ChangeState.FAILED, OutcomeState.FAILED),
        (ChangeState.LOST, OutcomeState.UNKNOWN),
        (ChangeState.CANCELLED, OutcomeState.FAILED),
    ],
)
def test_a_job_that_fails_is_told(desk: Desk, state: ChangeState, outcome: OutcomeState) -> None:
    with_job(desk, state, ChangeFailed("It failed", "disk full"))
    report = desk.carry_out(of_environment(), item("a"))
    assert [each.state for each in report.outcomes] == [outcome, OutcomeState.REMOVED]
    assert report.outcomes[0].reason


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ChangeUnderWay("Another job"), OutcomeState.IN_USE),
        (ChangeRefused("It has changed since the plan"), OutcomeState.CHANGED),
    ],
)
def test_a_job_that_is_not_begun_leaves_the_item_alone(
    desk: Desk, error: ChangeRefused, outcome: OutcomeState
) -> None:
    desk.changes.start_failure = error
    report = desk.carry_out(of_environment())
    assert (report.outcomes[0].state, report.outcomes[0].reason) == (outcome, error.one_line())


def test_called_off_the_job_in_the_container_is_called_off(desk: Desk) -> None:
    desk.is_cancelled = lambda: bool(desk.changes.held) or "cancel" in desk.changes.asked
    report = desk.carry_out(of_environment(), item("a"))
    assert outcome_words(report.outcomes) == {"vision": "failed", "a": "not begun"}
    assert "a part of it may be gone" in report.outcomes[0].reason


def test_containers_that_are_gone_or_do_not_run_are_not_asked(desk: Desk) -> None:
    gone = desk.carry_out(of_environment(), containers=())
    assert gone.outcomes[0].state is OutcomeState.GONE
    stopped = replace(make_container("box"), state=ContainerState.EXITED)
    changed = desk.carry_out(of_environment(), containers=(stopped,))
    assert changed.outcomes[0].state is OutcomeState.CHANGED
    assert desk.changes.asked == []


def test_a_job_whose_beginning_was_lost_is_found_again(desk: Desk) -> None:
    start = desk.changes.start

    def lost(*args: object) -> object:
        start(*args)  # type: ignore[arg-type]
        raise LOST

    desk.changes.start = lost  # type: ignore[assignment, method-assign]
    with_job(desk, ChangeState.DONE)
    report = desk.carry_out(of_environment())
    assert report.outcomes[0].state is OutcomeState.REMOVED


def test_nothing_is_ever_left_between_two_states(desk: Desk) -> None:
    desk.reclaiming.before_each = lambda _: (_ for _ in ()).throw(RuntimeError("a bug"))
    report = desk.carry_out(item("a"), item("b"))
    assert {each.state for each in report.outcomes} <= ENDED_STATES
    assert report.outcomes[0].state is OutcomeState.UNKNOWN
