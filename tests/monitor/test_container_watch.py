"""The watch over containers: a list, events at once, a list behind each burst, and what breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.making import full_id, make_container, make_event
from tests.monitor.hosts import LOST, SILENT, ScriptedHost
from tests.rig.waiting import until
from tui.model.containers import Container, ContainerState
from tui.model.errors import EngineNotFound, EngineRefused, EnvtuiError, NoSuchContainer
from tui.model.hosts import EngineInfo
from tui.monitor import container_watch, details_reader, pulse
from tui.monitor.container_watch import ContainerWatch, carried_over
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, ENGINE

RUNNING, EXITED = ContainerState.RUNNING, ContainerState.EXITED


class Watched:
    """A host and the watch over it."""

    def __init__(self) -> None:
        self.host = ScriptedHost(make_container("a"), make_container("b", EXITED))
        self.store = Store()
        self.watch = ContainerWatch(self.host, self.host, self.store)

    def start(self) -> None:
        self.watch.start()
        until(lambda: self.host.streams)

    def state(self, name: str) -> ContainerState | None:
        found = self.find(name)
        return found.state if found else None

    def find(self, name: str) -> Container | None:
        return next((each for each in self.store.value(CONTAINERS) or () if each.id == full_id(name)), None)

    @property
    def error(self) -> EnvtuiError | None:
        snapshot = self.store.get(CONTAINERS)
        return snapshot.error if snapshot else None

    def threads(self) -> list[bool]:
        parts = (self.watch._thread, self.watch._pulse._thread, self.watch._details._thread)
        return [thread.is_alive() for thread in parts if thread is not None]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    # as fast as a test wants to be; no pulse and no list without a cause unless a test asks for it
    monkeypatch.setattr(container_watch, "_QUIET_SECONDS", 0.03)
    monkeypatch.setattr(container_watch, "_FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(pulse, "_INTERVAL_SECONDS", 1000.0)
    monkeypatch.setattr(pulse, "_SILENT_SECONDS", 0.01)
    monkeypatch.setattr(details_reader, "_RETRY_SECONDS", 0.01)
    made = Watched()
    yield made
    made.host.may_tell.set()
    made.watch.stop()
    until(lambda: not any(made.threads()))


class TestList:
    def test_it_is_listed_once_and_then_listened_to(self, watched: Watched) -> None:
        watched.host.clock = 1234.0
        watched.start()
        assert watched.store.value(CONTAINERS) == tuple(watched.host.listed)
        assert watched.host.asked == ["identify", "list", "events"]
        assert watched.host.since == [1234.0]

    def test_the_engine_is_told(self, watched: Watched) -> None:
        watched.start()
        assert watched.store.value(ENGINE) == watched.host.identity

    def test_what_is_known_of_the_engine_is_not_lost_to_its_short_identity(self, watched: Watched) -> None:
        described = EngineInfo("Docker", "29.1.3", "1.52", data_root="/var/lib/docker")
        watched.store.put(ENGINE, described)
        watched.start()
        assert watched.store.value(ENGINE) == described

    def test_a_wish_is_a_list_at_once(self, watched: Watched) -> None:
        watched.start()
        watched.host.listed.append(make_container("c"))
        watched.watch.refresh()
        until(lambda: watched.state("c") is RUNNING)

    def test_a_list_without_a_cause_finds_what_no_event_told(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(container_watch, "_RECONCILE_SECONDS", 0.02)
        watched.start()
        watched.host.listed.pop()
        until(lambda: watched.state("b") is None)


class TestEvents:
    def test_one_is_applied_before_anything_is_listed(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(container_watch, "_QUIET_SECONDS", 1000.0)
        monkeypatch.setattr(container_watch, "_BURST_SECONDS", 1000.0)
        watched.start()
        watched.host.stream.put(make_event("pause", "a"))
        until(lambda: watched.state("a") is ContainerState.PAUSED)
        assert watched.host.count("list") == 1

    def test_then_the_list_tells_what_events_do_not(self, watched: Watched) -> None:
        watched.start()
        watched.host.listed[1] = replace(make_container("b"), command="from the list")
        watched.host.stream.put(make_event("start", "b"))
        until(lambda: (found := watched.find("b")) and found.command == "from the list")

    def test_fifty_are_two_lists_at_most(self, watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(container_watch, "_QUIET_SECONDS", 0.2)
        watched.start()
        names = [f"n{number}" for number in range(25)]
        watched.host.listed += [make_container(name) for name in names]
        for event in [make_event(action, name) for name in names for action in ("create", "start")]:
            watched.host.stream.put(event)
        until(lambda: watched.host.count("list") > 1)
        # the list behind one more event comes after all lists behind the burst
        before = watched.host.count("list")
        watched.host.listed = []
        watched.host.stream.put(make_event("destroy", "a"))
        until(lambda: watched.store.value(CONTAINERS) == ())
        assert before <= 3
        assert watched.host.count("list") <= 4

    def test_a_burst_that_goes_on_is_listed_now_and_then(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(container_watch, "_QUIET_SECONDS", 1000.0)
        monkeypatch.setattr(container_watch, "_BURST_SECONDS", 0.02)
        monkeypatch.setattr(container_watch, "_LONGEST_BURST_SECONDS", 0.04)
        watched.start()

        def listed_again() -> bool:
            watched.host.stream.put(make_event("pause", "a"))
            watched.host.stream.put(make_event("unpause", "a"))
            return watched.host.count("list") >= 3

        until(listed_again)

    def test_a_health_check_is_no_cause_for_a_list(self, watched: Watched) -> None:
        watched.start()
        watched.host.stream.put(make_event("health_status: unhealthy", "a"))
        until(lambda: (found := watched.find("a")) and found.health == "unhealthy")
        assert watched.watch._list_due is None

    def test_one_about_an_unknown_container_is_left_to_the_list(self, watched: Watched) -> None:
        watched.start()
        watched.host.listed.append(make_container("c"))
        watched.host.stream.put(make_event("start", "c"))
        until(lambda: watched.state("c") is RUNNING)


class TestBreaks:
    def test_an_engine_that_is_not_there_is_asked_again(self, watched: Watched) -> None:
        watched.host.failure = EngineNotFound("No container engine", "nothing listens")
        watched.watch.start()
        until(lambda: watched.error is watched.host.failure)
        watched.host.failure = None
        until(lambda: watched.error is None and watched.state("a") is RUNNING)

    def test_it_connects_again_after_the_stream_ended(self, watched: Watched) -> None:
        watched.start()
        watched.host.listed.append(make_container("c"))
        watched.host.stream.put(LOST)
        until(lambda: len(watched.host.streams) == 2)
        assert watched.state("c") is RUNNING
        assert watched.host.streams[0].closed.is_set()

    def test_old_rows_stay_while_it_is_away(self, watched: Watched) -> None:
        watched.start()
        watched.host.failure = EngineNotFound("No container engine", "nothing listens")
        watched.host.stream.put(LOST)
        until(lambda: watched.error is watched.host.failure)
        assert watched.state("a") is RUNNING

    def test_what_nobody_foresaw_is_shown_and_tried_again(self, watched: Watched) -> None:
        listed, watched.host.listed = watched.host.listed, [None]  # type: ignore[list-item]
        watched.watch.start()
        until(lambda: watched.error is not None and "AttributeError" in watched.error.detail)
        watched.host.listed = listed
        until(lambda: watched.state("a") is RUNNING)

    def test_a_silent_engine_is_noticed_and_comes_back(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pulse, "_INTERVAL_SECONDS", 0.01)
        watched.start()
        watched.host.ping_failure = SILENT
        until(lambda: watched.error is SILENT)
        assert watched.state("a") is RUNNING
        watched.host.ping_failure = None
        until(lambda: watched.error is None)
        assert len(watched.host.streams) == 1

    def test_a_silent_engine_is_not_asked_without_a_pause(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pulse, "_INTERVAL_SECONDS", 0.01)
        monkeypatch.setattr(pulse, "_SILENT_SECONDS", 1000.0)
        watched.host.ping_failure = SILENT
        watched.start()
        until(lambda: watched.error is SILENT)
        watched.watch.refresh()
        until(lambda: watched.error is None)
        assert watched.host.count("ping") == 1

    def test_stop_ends_every_thread_and_the_stream(self, watched: Watched) -> None:
        watched.host.tell("a")
        watched.start()
        watched.watch.want_details([full_id("a")])
        until(lambda: watched.host.count(f"details {full_id('a')}"))
        watched.watch.stop()
        until(lambda: not any(watched.threads()))
        assert watched.host.stream.closed.is_set()

    def test_stop_while_the_engine_is_away(self, watched: Watched) -> None:
        watched.host.failure = EngineNotFound("No container engine", "nothing listens")
        watched.watch.start()
        until(lambda: watched.error)
        watched.watch.stop()
        until(lambda: not any(watched.threads()))


class TestDetails:
    def asked(self, watched: Watched, name: str) -> int:
        return watched.host.count(f"details {full_id(name)}")

    def test_they_are_added_to_what_is_listed(self, watched: Watched) -> None:
        watched.host.tell("a", process_id=42)
        watched.start()
        watched.watch.want_details([full_id("a")])
        until(lambda: (found := watched.find("a")) and found.process_id == 42)

    def test_each_is_asked_once_however_often_it_is_wanted(self, watched: Watched) -> None:
        watched.host.tell("a")
        watched.host.tell("b", state=EXITED, process_id=7)
        watched.host.may_tell.clear()
        watched.start()
        for _ in range(100):
            watched.watch.want_details([full_id("a"), full_id("b")])
        watched.host.may_tell.set()
        until(lambda: (found := watched.find("b")) and found.process_id == 7)
        assert (self.asked(watched, "a"), self.asked(watched, "b")) == (1, 1)

    def test_the_newest_wish_replaces_the_one_before(self, watched: Watched) -> None:
        for name in ("a", "b"):
            watched.host.tell(name, state=RUNNING if name == "a" else EXITED)
        watched.host.may_tell.clear()
        watched.start()
        watched.watch.want_details([full_id("a"), *(full_id(f"n{number}") for number in range(100))])
        until(lambda: self.asked(watched, "a"))
        watched.watch.want_details([full_id("b")])
        watched.host.may_tell.set()
        until(lambda: self.asked(watched, "b"))
        assert sum(question.startswith("details") for question in watched.host.asked) == 2

    def test_another_state_is_asked_about_anew(self, watched: Watched) -> None:
        watched.host.tell("a")
        watched.start()
        watched.watch.want_details([full_id("a")])
        until(lambda: (found := watched.find("a")) and found.process_id)
        watched.host.tell("a", state=EXITED, out_of_memory=True, process_id=None)
        watched.host.listed[0] = make_container("a", EXITED)
        watched.host.stream.put(make_event("die", "a", exitCode="137"))
        until(lambda: (found := watched.find("a")) and found.out_of_memory)

    def test_a_start_that_was_listed_already_is_asked_about_anew(self, watched: Watched) -> None:
        # the stream begins with the second of the list, so it tells again what the list knew
        watched.host.tell("a")
        watched.start()
        watched.watch.want_details([full_id("a")])
        until(lambda: (found := watched.find("a")) and found.process_id)
        watched.host.tell("a", process_id=43)
        watched.host.stream.put(make_event("start", "a"))
        until(lambda: (found := watched.find("a")) and found.process_id == 43)

    @pytest.mark.parametrize("kind", [NoSuchContainer, EngineRefused])
    def test_one_that_the_engine_refuses_is_not_asked_for_again(
        self, watched: Watched, kind: type[EngineRefused]
    ) -> None:
        watched.host.details_failures[full_id("a")] = kind("No", "it says")
        watched.host.tell("b", state=EXITED, process_id=7)
        watched.start()
        watched.watch.want_details([full_id("a")])
        until(lambda: self.asked(watched, "a"))
        watched.watch.want_details([full_id("a"), full_id("b")])
        until(lambda: (found := watched.find("b")) and found.process_id == 7)
        assert self.asked(watched, "a") == 1

    def test_one_that_the_engine_did_not_answer_is_asked_for_again(self, watched: Watched) -> None:
        watched.host.details_failures[full_id("a")] = SILENT
        watched.host.tell("a")
        watched.start()
        watched.watch.want_details([full_id("a")])
        until(lambda: self.asked(watched, "a") >= 2)
        del watched.host.details_failures[full_id("a")]
        until(lambda: (found := watched.find("a")) and found.process_id == 42)

    def test_one_over_which_the_engine_hangs_does_not_keep_the_others_waiting(self, watched: Watched) -> None:
        watched.host.details_failures[full_id("a")] = SILENT
        watched.host.tell("b", state=EXITED, process_id=7)
        watched.start()
        watched.watch.want_details([full_id("a"), full_id("b")])
        until(lambda: (found := watched.find("b")) and found.process_id == 7)


class TestCarriedOver:
    KNOWN = make_container(
        restart_policy="always",
        memory_limit_bytes=5,
        started_at=1.0,
        process_id=42,
        out_of_memory=True,
        exit_code=3,
    )

    def test_a_new_one_is_as_it_is_listed(self) -> None:
        assert carried_over(None, make_container()) == make_container()

    def test_what_lists_do_not_tell_is_kept(self) -> None:
        listed = make_container(command="new", exit_code=None)
        assert carried_over(self.KNOWN, listed) == replace(self.KNOWN, command="new")

    def test_what_the_list_tells_is_newer(self) -> None:
        assert carried_over(self.KNOWN, make_container(exit_code=9)).exit_code == 9

    def test_another_state_keeps_only_what_lasts(self) -> None:
        assert carried_over(self.KNOWN, make_container(state=EXITED)) == make_container(
            state=EXITED, restart_policy="always", memory_limit_bytes=5
        )
