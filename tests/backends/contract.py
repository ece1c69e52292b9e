"""What every implementation of the backend protocols must do, as cases over a harness.

An implementation's test file defines a fixture `host` that gives a Harness, and subclasses these
classes under names that pytest collects.
"""

from __future__ import annotations

import threading
from typing import Protocol

import pytest

from tui.backends.base import Containers, Engine, EventStream, Logs, Statistics
from tui.model.containers import Container, ContainerEvent, ContainerState, apply_event, with_details
from tui.model.errors import Conflict, EngineRefused, NoSuchContainer
from tui.model.operations import Operation, Step
from tui.model.stats import figures

# Generous: it only matters when something is broken, and a real engine may be busy.
PATIENCE_SECONDS = 30.0
NO_SUCH_ID = "0123456789abcdef" * 4


class Harness(Protocol):
    """The backends of one host, and containers on it that a case may do anything to."""

    engine: Engine
    containers: Containers
    statistics: Statistics
    logs: Logs

    def running(self) -> str:
        """Id of a running container that nobody else uses, another one at each call."""

    def created(self) -> str:
        """Id of one that was never started, another one at each call."""

    def wrote(self) -> str:
        """Id of one that has ended and wrote at least ten lines to each of stdout and stderr."""

    def writes(self) -> str:
        """Id of a running one that writes lines to both as time passes."""

    def unreadable(self) -> str:
        """Id of one whose log driver keeps nothing."""

    def let_time_pass(self) -> None:
        """Make sure that two samples around this call are apart."""


class Listener:
    """Reads a stream in a thread of its own, so that a case can wait for what comes."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream
        self.events: list[ContainerEvent] = []
        self.error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for event in self.stream:
                with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()
        except BaseException as error:
            self.error = error

    def wait_for(self, container_id: str, action: str) -> ContainerEvent:
        """The first event of that action about that container."""

        def found() -> ContainerEvent | None:
            wanted = (e for e in self.events if e.container_id == container_id and e.action == action)
            return next(wanted, None)

        with self._changed:
            event = self._changed.wait_for(found, PATIENCE_SECONDS)
        assert event is not None, f"no {action} of {container_id[:12]}, but {self.events}"
        return event

    def has_ended(self) -> bool:
        """Whether the iteration ended in time."""
        self._thread.join(PATIENCE_SECONDS)
        return not self._thread.is_alive()


def find(host: Harness, container_id: str) -> Container | None:
    """The container as the list has it now."""
    return next((listed for listed in host.containers.containers()[0] if listed.id == container_id), None)


def get(host: Harness, container_id: str) -> Container:
    """The same for one that must be there."""
    container = find(host, container_id)
    assert container is not None
    return container


def do(host: Harness, operation: Operation, container_id: str, new_name: str = "") -> None:
    """One step."""
    host.containers.perform(Step(operation, container_id, "name-for-people", new_name=new_name))


class EngineContract:
    """Engine."""

    def test_identify_names_product_version_and_api_version(self, host: Harness) -> None:
        told = host.engine.identify()
        assert told.product
        major, minor = (int(part) for part in told.api_version.split("."))
        assert (major, minor) >= (1, 41)

    def test_describe_agrees_with_identify_and_adds_the_machine(self, host: Harness) -> None:
        identity, told = host.engine.identify(), host.engine.describe()
        assert (told.product, told.version, told.api_version) == (
            identity.product,
            identity.version,
            identity.api_version,
        )
        assert told.memory_bytes is not None and told.memory_bytes > 0
        assert told.cpus is not None and told.cpus > 0
        assert told.data_root is not None and told.data_root.startswith("/")

    def test_ping_is_quiet_when_the_engine_lives(self, host: Harness) -> None:
        host.engine.ping()

    def test_address_is_one_line_for_people(self, host: Harness) -> None:
        assert host.engine.address.isprintable() and host.engine.address

    def test_room_behind_a_folder_that_does_not_exist_is_unknown(self, host: Harness) -> None:
        assert host.engine.data_root_space("/nonexistent/data/root") is None


class ContainersContract:
    """Containers: what is listed, told, done, and announced."""

    def test_a_running_container_is_listed(self, host: Harness) -> None:
        container = get(host, host.running())
        assert container.state is ContainerState.RUNNING
        assert container.name and not container.name.startswith("/")
        assert container.image and container.image_id.startswith("sha256:")
        assert container.created_at is not None and container.created_at > 0
        assert container.exit_code is None

    def test_ids_are_full_and_listed_once(self, host: Harness) -> None:
        host.running(), host.created()
        ids = [container.id for container in host.containers.containers()[0]]
        assert len(ids) >= 2 and len(set(ids)) == len(ids)
        assert all(len(container_id) == 64 for container_id in ids)

    def test_a_container_that_was_never_started_is_created(self, host: Harness) -> None:
        container_id = host.created()
        assert get(host, container_id).state is ContainerState.CREATED
        told = host.containers.details(container_id)
        assert (told.started_at, told.finished_at, told.exit_code, told.process_id) == (None,) * 4

    def test_details_fit_the_listed_container(self, host: Harness) -> None:
        container_id = host.running()
        told = host.containers.details(container_id)
        assert told.id == container_id and told.state is ContainerState.RUNNING
        assert told.started_at is not None and told.finished_at is None and told.exit_code is None
        assert told.process_id is not None and told.process_id > 1
        merged = with_details(get(host, container_id), told)
        assert merged.started_at == told.started_at and merged.process_id == told.process_id

    def test_inspect_is_in_the_engines_words(self, host: Harness) -> None:
        container_id = host.running()
        told = host.containers.inspect(container_id)
        assert told["Id"] == container_id
        assert told["Name"] == f"/{get(host, container_id).name}"
        assert told["State"]["Status"] == "running"
        assert all("=" in line for line in told["Config"]["Env"])

    @pytest.mark.parametrize("question", ["details", "inspect", "processes"])
    def test_a_question_about_a_container_that_is_gone_says_so(self, host: Harness, question: str) -> None:
        with pytest.raises(NoSuchContainer):
            getattr(host.containers, question)(NO_SUCH_ID)

    @pytest.mark.parametrize("operation", list(Operation))
    def test_an_action_on_a_container_that_is_gone_says_so(self, host: Harness, operation: Operation) -> None:
        with pytest.raises(NoSuchContainer):
            do(host, operation, NO_SUCH_ID, "new-name")

    def test_processes_have_a_cell_for_each_title(self, host: Harness) -> None:
        container_id = host.running()
        table = host.containers.processes(container_id)
        assert "PID" in table.titles and table.rows
        assert all(len(row) == len(table.titles) for row in table.rows)
        process_ids = [row[table.titles.index("PID")] for row in table.rows]
        assert str(host.containers.details(container_id).process_id) in process_ids

    def test_a_stopped_container_has_no_processes_to_list(self, host: Harness) -> None:
        with pytest.raises(EngineRefused):
            host.containers.processes(host.created())

    def test_stop_ends_it_and_start_runs_it_again(self, host: Harness) -> None:
        container_id = host.running()
        do(host, Operation.STOP, container_id)
        stopped, told = get(host, container_id), host.containers.details(container_id)
        assert stopped.state is ContainerState.EXITED and stopped.exit_code is not None
        assert told.exit_code == stopped.exit_code and told.process_id is None
        assert told.started_at is not None and told.finished_at is not None
        assert told.finished_at >= told.started_at
        do(host, Operation.START, container_id)
        started = get(host, container_id)
        assert started.state is ContainerState.RUNNING and started.exit_code is None
        assert host.containers.details(container_id).finished_at is None

    def test_start_of_a_running_and_stop_of_a_stopped_one_are_fine(self, host: Harness) -> None:
        running, created = host.running(), host.created()
        do(host, Operation.START, running)
        do(host, Operation.STOP, created)
        assert get(host, running).state is ContainerState.RUNNING
        assert get(host, created).state is ContainerState.CREATED

    def test_restart_gives_it_another_process(self, host: Harness) -> None:
        container_id = host.running()
        before = host.containers.details(container_id)
        do(host, Operation.RESTART, container_id)
        after = host.containers.details(container_id)
        assert after.state is ContainerState.RUNNING
        assert after.process_id != before.process_id
        assert after.started_at is not None and before.started_at is not None
        assert after.started_at > before.started_at

    def test_pause_and_unpause(self, host: Harness) -> None:
        container_id = host.running()
        do(host, Operation.PAUSE, container_id)
        assert get(host, container_id).state is ContainerState.PAUSED
        with pytest.raises(EngineRefused):
            do(host, Operation.PAUSE, container_id)
        do(host, Operation.UNPAUSE, container_id)
        assert get(host, container_id).state is ContainerState.RUNNING
        with pytest.raises(EngineRefused):
            do(host, Operation.UNPAUSE, container_id)

    def test_pause_of_a_stopped_container_is_refused(self, host: Harness) -> None:
        with pytest.raises(EngineRefused):
            do(host, Operation.PAUSE, host.created())

    def test_kill_ends_it_with_137_and_is_refused_afterwards(self, host: Harness) -> None:
        container_id = host.running()
        do(host, Operation.KILL, container_id)
        assert get(host, container_id).exit_code == 137
        with pytest.raises(Conflict):
            do(host, Operation.KILL, container_id)

    def test_rename(self, host: Harness) -> None:
        container_id = host.running()
        new_name = f"{get(host, container_id).name}.renamed_1"
        do(host, Operation.RENAME, container_id, new_name)
        assert get(host, container_id).name == new_name

    def test_rename_to_a_taken_name_names_its_holder(self, host: Harness) -> None:
        container_id, holder = host.running(), get(host, host.created())
        name = get(host, container_id).name
        with pytest.raises(Conflict) as caught:
            do(host, Operation.RENAME, container_id, holder.name)
        assert holder.name in caught.value.detail and holder.id in caught.value.detail
        assert caught.value.hint and get(host, container_id).name == name

    @pytest.mark.parametrize("bad_name", ["with space", "-dash-first", "slash/inside", "x" * 3 + "\n"])
    def test_rename_to_what_is_no_name_is_refused(self, host: Harness, bad_name: str) -> None:
        container_id = host.running()
        name = get(host, container_id).name
        with pytest.raises(EngineRefused):
            do(host, Operation.RENAME, container_id, bad_name)
        assert get(host, container_id).name == name

    def test_remove_takes_a_stopped_container_away(self, host: Harness) -> None:
        container_id = host.created()
        do(host, Operation.REMOVE, container_id)
        assert find(host, container_id) is None
        with pytest.raises(NoSuchContainer):
            do(host, Operation.REMOVE, container_id)

    @pytest.mark.parametrize("paused", [False, True])
    def test_remove_of_a_container_with_processes_is_refused(self, host: Harness, paused: bool) -> None:
        container_id = host.running()
        if paused:
            do(host, Operation.PAUSE, container_id)
        with pytest.raises(Conflict) as caught:
            do(host, Operation.REMOVE, container_id)
        assert caught.value.detail and find(host, container_id) is not None

    @pytest.mark.parametrize(
        "operations",
        [
            (Operation.STOP,),
            (Operation.STOP, Operation.START),
            (Operation.RESTART,),
            (Operation.PAUSE,),
            (Operation.PAUSE, Operation.UNPAUSE),
            (Operation.KILL,),
        ],
        ids=lambda operations: "-".join(operations),
    )
    def test_events_lead_to_what_the_list_says(
        self, host: Harness, operations: tuple[Operation, ...]
    ) -> None:
        container_id = host.running()
        known: Container | None = get(host, container_id)
        _, clock = host.containers.containers()
        listener = Listener(host.containers.events(clock))
        try:
            for operation in operations:
                do(host, operation, container_id)
            do(host, Operation.RENAME, container_id, f"renamed-{container_id[:12]}")
            listener.wait_for(container_id, "rename")
        finally:
            listener.stream.close()
        for event in list(listener.events):
            if event.container_id == container_id:
                known = apply_event(known, event)
        listed = get(host, container_id)
        assert known is not None
        assert (known.state, known.exit_code, known.name) == (listed.state, listed.exit_code, listed.name)

    def test_a_removal_is_announced(self, host: Harness) -> None:
        container_id = host.created()
        listener = Listener(host.containers.events(host.containers.containers()[1]))
        try:
            do(host, Operation.REMOVE, container_id)
            event = listener.wait_for(container_id, "destroy")
        finally:
            listener.stream.close()
        assert apply_event(None, event) is None

    def test_what_happened_between_list_and_stream_is_not_missed(self, host: Harness) -> None:
        container_id = host.running()
        _, clock = host.containers.containers()
        do(host, Operation.PAUSE, container_id)
        listener = Listener(host.containers.events(clock))
        try:
            event = listener.wait_for(container_id, "pause")
        finally:
            listener.stream.close()
        # an engine may tell its clock in whole seconds
        assert event.at >= clock - 1

    def test_an_event_carries_name_and_image(self, host: Harness) -> None:
        container = get(host, host.running())
        listener = Listener(host.containers.events(host.containers.containers()[1]))
        try:
            do(host, Operation.KILL, container.id)
            event = listener.wait_for(container.id, "die")
        finally:
            listener.stream.close()
        assert event.attributes["name"] == container.name
        assert event.attributes["image"] == container.image
        assert event.attributes["exitCode"] == "137"

    def test_two_streams_hear_the_same(self, host: Harness) -> None:
        container_id, clock = host.running(), host.containers.containers()[1]
        listeners = [Listener(host.containers.events(clock)) for _ in range(2)]
        try:
            do(host, Operation.PAUSE, container_id)
            heard = [listener.wait_for(container_id, "pause") for listener in listeners]
        finally:
            for listener in listeners:
                listener.stream.close()
        assert heard[0] == heard[1]

    def test_close_from_another_thread_ends_the_iteration_quietly(self, host: Harness) -> None:
        container_id, clock = host.running(), host.containers.containers()[1]
        listener = Listener(host.containers.events(clock))
        do(host, Operation.PAUSE, container_id)
        listener.wait_for(container_id, "pause")
        closer = threading.Thread(target=listener.stream.close)
        closer.start()
        closer.join(PATIENCE_SECONDS)
        assert listener.has_ended() and listener.error is None

    def test_close_before_the_first_event_and_twice(self, host: Harness) -> None:
        listener = Listener(host.containers.events(host.containers.containers()[1]))
        listener.stream.close()
        listener.stream.close()
        assert listener.has_ended() and listener.error is None


class StatisticsContract:
    """Statistics."""

    def test_two_samples_of_a_running_container_give_figures(self, host: Harness) -> None:
        container = get(host, host.running())
        before = host.statistics.samples([container])[container.id]
        host.let_time_pass()
        now = host.statistics.samples([container])[container.id]
        assert now.taken_at > before.taken_at
        shown = figures(before, now)
        assert shown.cpu_percent.value is not None and 0 <= shown.cpu_percent.value < 100 * 4096
        assert shown.memory_bytes.value is not None and shown.memory_limit_bytes.value is not None
        assert 0 < shown.memory_bytes.value <= shown.memory_limit_bytes.value
        assert shown.pids.value is not None and shown.pids.value >= 1

    def test_counters_do_not_go_backwards(self, host: Harness) -> None:
        container = get(host, host.running())
        taken = []
        for _ in range(3):
            taken.append(host.statistics.samples([container])[container.id])
            host.let_time_pass()
        for counter in ("cpu_nanoseconds", "network_rx_bytes", "block_write_bytes"):
            values = [getattr(sample, counter) for sample in taken]
            if None not in values:
                assert values == sorted(values), counter

    def test_an_unknown_counter_has_a_reason(self, host: Harness) -> None:
        container = get(host, host.running())
        sample = host.statistics.samples([container])[container.id]
        for counter in ("network_rx_bytes", "network_tx_bytes", "block_read_bytes", "block_write_bytes"):
            if getattr(sample, counter) is None:
                assert counter in dict(sample.missing)

    def test_a_container_that_is_gone_or_stopped_is_left_out(self, host: Harness) -> None:
        running, gone = get(host, host.running()), get(host, host.created())
        stopped = get(host, host.running())
        do(host, Operation.REMOVE, gone.id)
        do(host, Operation.KILL, stopped.id)
        assert set(host.statistics.samples([running, gone, stopped])) == {running.id}

    def test_no_containers_give_no_samples(self, host: Harness) -> None:
        assert dict(host.statistics.samples([])) == {}
