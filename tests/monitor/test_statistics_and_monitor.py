"""Figures of what is on screen, and the monitor that holds everything together."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

import pytest

from tests.making import full_id, make_container, make_sample
from tests.monitor.hosts import SILENT, ScriptedHost
from tests.rig.waiting import until
from tui.model.containers import Container
from tui.model.errors import EnvtuiError
from tui.model.operations import Operation, plan
from tui.model.stats import ContainerStats, StatsSample
from tui.monitor.monitor import Monitor
from tui.monitor.questions import AT_ONCE
from tui.monitor.selection import Selection
from tui.monitor.statistics_watch import StatisticsWatch
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, DATA_ROOT, ENGINE, JOBS, SELECTION, STATISTICS
from tui.workstation import Workstation

A, B = full_id("a"), full_id("b")
LONG = 1000.0


class SampledHost(ScriptedHost):
    """Gives a new sample at each question, half of a core of use a second, at times that a test says."""

    def __init__(self) -> None:
        super().__init__(make_container("a"), make_container("b"))
        self.now = 10.0
        self.wanted: list[set[str]] = []

    def samples(self, containers: Sequence[Container]) -> Mapping[str, StatsSample]:
        self._ask("samples")
        self.wanted.append({each.name for each in containers})
        cpu = int(self.now**2 * 1e9)
        return {each.id: make_sample(self.now, cpu_nanoseconds=cpu) for each in containers}


class Sampled:
    """A statistics watch that samples when it is poked."""

    def __init__(self) -> None:
        self.host = SampledHost()
        self.store = Store()
        self.store.put(CONTAINERS, tuple(self.host.listed))
        self.watch = StatisticsWatch(self.host, self.store, LONG)
        self.watch.start()

    def sample_at(self, now: float) -> ContainerStats:
        """One more sample of `a` at this time."""
        count = self.host.count("samples")
        self.host.now = now
        self.watch.want([A])
        self.watch._poller.poke()
        until(lambda: self.host.count("samples") > count)

        def shown() -> ContainerStats | None:
            stats = (self.store.value(STATISTICS) or {}).get(A)
            return stats if stats is not None and stats.pids.taken_at == now else None

        return until(shown)


@pytest.fixture
def sampled() -> Iterator[Sampled]:
    made = Sampled()
    yield made
    made.watch.stop()
    until(lambda: not made.watch._poller._thread.is_alive())


class TestStatistics:
    def test_what_is_wanted_is_sampled_at_once(self, sampled: Sampled) -> None:
        sampled.watch.want([A])
        until(lambda: sampled.host.wanted == [{"a"}])
        sampled.watch.want([A, B])
        until(lambda: sampled.host.wanted == [{"a"}, {"a", "b"}])

    def test_what_is_no_longer_wanted_is_left_out(self, sampled: Sampled) -> None:
        sampled.watch.want([A])
        until(lambda: len(sampled.host.wanted) == 1)
        sampled.watch.want([B])
        until(lambda: sampled.host.wanted == [{"a"}, {"b"}])

    def test_one_that_is_not_known_is_not_asked_for(self, sampled: Sampled) -> None:
        sampled.watch.want([B, full_id("nobody")])
        until(lambda: sampled.host.wanted == [{"b"}])

    def test_the_second_sample_gives_rates(self, sampled: Sampled) -> None:
        assert sampled.sample_at(10.0).cpu_percent.value is None
        # (11² − 10²) seconds of processor time in a second
        assert sampled.sample_at(11.0).cpu_percent.value == pytest.approx(2100.0)

    def test_a_sample_soon_after_another_is_measured_from_the_one_before(self, sampled: Sampled) -> None:
        sampled.sample_at(10.0)
        sampled.sample_at(11.0)
        sampled.sample_at(11.1)
        # from 11, not from 11.1
        assert sampled.sample_at(11.25).cpu_percent.value == pytest.approx((11.25**2 - 121) / 0.25 * 100)

    def test_a_container_that_comes_back_begins_anew(self, sampled: Sampled) -> None:
        sampled.sample_at(10.0)
        sampled.host.listed = []
        sampled.store.put(CONTAINERS, (make_container("b"),))
        sampled.watch._poller.poke()
        until(lambda: sampled.store.value(STATISTICS) == {})
        sampled.store.put(CONTAINERS, (make_container("a"),))
        assert sampled.sample_at(20.0).cpu_percent.value is None


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    host = ScriptedHost(make_container("a"))
    made = Monitor(Workstation("scripted", host, host, host), stats_seconds=LONG)
    yield made
    made.stop()


def host_of(monitor: Monitor) -> ScriptedHost:
    host = monitor.workstation.engine
    assert isinstance(host, ScriptedHost)
    return host


class TestMonitor:
    def test_nothing_is_asked_before_the_start(self, monitor: Monitor) -> None:
        assert host_of(monitor).asked == []

    def test_start_lists_and_stop_ends_all_threads(self) -> None:
        before = set(threading.enumerate())
        host = ScriptedHost(make_container("a"))
        monitor = Monitor(Workstation("scripted", host, host, host))
        monitor.start()
        monitor.show_containers([A])
        monitor.begin_the_rest()
        until(lambda: monitor.store.value(CONTAINERS))
        until(lambda: host.streams)
        monitor.stop()
        until(lambda: set(threading.enumerate()) <= before)

    def test_the_data_root_is_read_only_when_the_header_is_shown(self, monitor: Monitor) -> None:
        monitor.start()
        until(lambda: host_of(monitor).streams)
        assert host_of(monitor).count("describe") == 0
        monitor.begin_the_rest()
        space = until(lambda: monitor.store.value(DATA_ROOT))
        assert space.path == "/var/lib/docker"
        known = monitor.store.value(ENGINE)
        assert known is not None
        assert known.data_root == "/var/lib/docker"

    def test_the_engine_is_described_once(self, monitor: Monitor) -> None:
        assert monitor._read_data_root() == monitor._read_data_root()
        assert host_of(monitor).count("describe") == 1

    def test_a_selection_is_told_once(self, monitor: Monitor) -> None:
        monitor.select_container(A)
        assert monitor.store.take_changes() == {SELECTION}
        monitor.select_container(A)
        assert monitor.store.take_changes() == frozenset()
        assert monitor.store.value(SELECTION) == Selection(A)

    def test_a_plan_is_carried_out_and_listed_behind(self, monitor: Monitor) -> None:
        monitor.start()
        until(lambda: host_of(monitor).streams)
        chosen = plan(Operation.STOP, (make_container("a"),))
        monitor.submit(chosen)
        until(lambda: host_of(monitor).performed == list(chosen.steps))
        until(lambda: host_of(monitor).count("list") == 2)
        until(lambda: all(job.is_over for job in monitor.store.value(JOBS) or ()))
        assert tuple(monitor.running_jobs()) == ()


class Answers:
    """Where the answer to a question arrives."""

    def __init__(self) -> None:
        self.answers: list[object] = []
        self.failures: list[EnvtuiError] = []


class TestQuestions:
    def ask(self, monitor: Monitor, question: object, answers: Answers) -> None:
        assert callable(question)
        monitor.ask(question, answers.answers.append, answers.failures.append)

    def test_an_answer(self, monitor: Monitor) -> None:
        answers = Answers()
        self.ask(monitor, lambda: 7, answers)
        until(lambda: answers.answers == [7])
        assert answers.failures == []

    def test_an_error(self, monitor: Monitor) -> None:
        answers = Answers()

        def question() -> None:
            raise SILENT

        self.ask(monitor, question, answers)
        until(lambda: answers.failures == [SILENT])

    def test_what_nobody_foresaw(self, monitor: Monitor) -> None:
        answers = Answers()
        self.ask(monitor, lambda: 1 // 0, answers)
        (failure,) = until(lambda: answers.failures)
        assert "ZeroDivisionError" in failure.detail

    def test_too_many_that_hang_are_refused_with_the_reason(self, monitor: Monitor) -> None:
        answers, gate = Answers(), threading.Event()
        for _ in range(AT_ONCE):
            self.ask(monitor, gate.wait, answers)
        self.ask(monitor, lambda: 7, answers)
        assert [failure.title for failure in answers.failures] == ["Too many questions"]
        gate.set()
        until(lambda: len(answers.answers) == AT_ONCE)
        self.ask(monitor, lambda: 7, answers)
        until(lambda: answers.answers[-1] == 7)
