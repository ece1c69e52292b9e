"""The make-believe workstation: the same each time, alive as time goes by, and broken on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.backends.contract import Listener
from tui.demo.backends import DemoContainers, DemoEngine, DemoStatistics
from tui.demo.life import CRASH_AFTER_SECONDS, RESTART_AFTER_SECONDS
from tui.demo.world import DemoClock, DemoWorld, FrozenClock
from tui.model.containers import Container, ContainerState, Health, fold_ports
from tui.model.errors import (
    EngineError,
    EngineLost,
    EngineNotFound,
    EnginePermission,
    EngineRefused,
    EngineTimeout,
)
from tui.model.operations import Operation, Step, plan
from tui.model.stats import ContainerStats, StatsSample, figures

PATIENCE_SECONDS = 30.0


def by_name(world: DemoWorld) -> dict[str, Container]:
    return {container.name: container for container in world.containers()[0]}


def shown(world: DemoWorld) -> dict[str, ContainerStats]:
    """Figures by name, as somebody who samples twice sees them."""
    containers = world.containers()[0]
    ids = [container.id for container in containers]
    before, now = world.samples(ids), world.samples(ids)
    return {c.name: figures(before[c.id], now[c.id]) for c in containers if c.id in now}


def rates(stats: ContainerStats) -> tuple[float | None, ...]:
    return (
        stats.cpu_percent.value,
        stats.memory_bytes.value,
        stats.network_rx_bytes_per_second.value,
        stats.network_tx_bytes_per_second.value,
        stats.block_read_bytes_per_second.value,
        stats.block_write_bytes_per_second.value,
    )


def step(operation: Operation, container: Container) -> Step:
    return Step(operation, container.id, container.name)


class TestTheSameEachTime:
    def test_same_seed_same_world_to_the_last_digit(self) -> None:
        first, second = DemoWorld(3, FrozenClock()), DemoWorld(3, FrozenClock())
        assert first.containers() == second.containers()
        for container in first.containers()[0]:
            assert first.inspect(container.id) == second.inspect(container.id)
        assert {name: rates(stats) for name, stats in shown(first).items()} == {
            name: rates(stats) for name, stats in shown(second).items()
        }

    def test_another_seed_gives_other_ids_and_figures(self) -> None:
        first, second = DemoWorld(3, FrozenClock()), DemoWorld(4, FrozenClock())
        assert by_name(first).keys() == by_name(second).keys()
        assert not {c.id for c in first.containers()[0]} & {c.id for c in second.containers()[0]}
        assert rates(shown(first)["llm-finetune"]) != rates(shown(second)["llm-finetune"])

    @pytest.mark.parametrize("calls", [1, 2, 7, 40])
    def test_figures_at_a_frozen_moment_do_not_depend_on_how_often_they_are_read(self, calls: int) -> None:
        untouched = shown(DemoWorld(clock=FrozenClock()))
        world = DemoWorld(clock=FrozenClock())
        ids = [container.id for container in world.containers()[0]]
        for call in range(calls):
            # some readers look at some containers only
            world.samples(ids[call % 3 :])
        assert {n: rates(s) for n, s in shown(world).items()} == {n: rates(s) for n, s in untouched.items()}

    @pytest.mark.parametrize("seconds", [0.25, 1.0, 59.9, 86_400.0])
    def test_figures_after_an_advance_depend_on_the_moment_only(self, seconds: float) -> None:
        busy_clock, idle_clock = FrozenClock(), FrozenClock()
        busy, idle = DemoWorld(clock=busy_clock), DemoWorld(clock=idle_clock)
        for _ in range(5):
            shown(busy)
        busy_clock.advance(seconds)
        idle_clock.advance(seconds)
        assert rates(shown(busy)["vision-train"]) == rates(shown(idle)["vision-train"])

    def test_a_frozen_clock_can_not_go_back(self) -> None:
        clock = FrozenClock()
        with pytest.raises(ValueError):
            clock.advance(-1)
        with pytest.raises(ValueError):
            clock.advance(float("nan"))


class TestWhatItShows:
    def test_every_state_that_a_person_meets(self) -> None:
        containers = by_name(DemoWorld(clock=FrozenClock()))
        found = {
            (c.state.value, c.health.value if c.health else "", c.exit_code) for c in containers.values()
        }
        assert found == {
            ("running", "", None),
            ("running", "healthy", None),
            ("running", "unhealthy", None),
            ("running", "starting", None),
            ("paused", "", None),
            ("restarting", "", None),
            ("exited", "", 0),
            ("exited", "", 137),
            ("created", "", None),
        }

    def test_out_of_memory_is_told_by_details_alone(self) -> None:
        world = DemoWorld(clock=FrozenClock())
        killed = by_name(world)["diffusion-train"]
        assert not killed.out_of_memory and world.details(killed.id).out_of_memory

    def test_ports_of_all_kinds(self) -> None:
        ports = {name: fold_ports(container.ports) for name, container in by_name(DemoWorld()).items()}
        assert ports["notebook-ana"] == "8889→8888"
        assert ports["dl-dev"] == "2222→22, 6100-6104→6006-6010"
        assert ports["serve-embed"] == "127.0.0.1:8001→80"
        assert ports["rl-sim"] == "8265→8265, 14550→14550/udp"
        assert ports["optuna-db"] == "" and ports["eval-suite"] == ""

    def test_each_published_port_is_there_for_both_address_families(self) -> None:
        ports = by_name(DemoWorld())["notebook-ana"].ports
        assert {port.host_ip for port in ports} == {"0.0.0.0", "::"}

    def test_owners_and_projects_are_labels(self) -> None:
        containers = by_name(DemoWorld())
        assert {c.labels["owner"] for c in containers.values()} == {"ana", "ben", "chen", "dora", "admin"}
        assert containers["serve-qwen"].project == "llm" and containers["dl-dev"].project is None

    def test_inspect_holds_secrets_to_hide(self) -> None:
        world = DemoWorld()
        told = world.inspect(by_name(world)["vision-train"].id)
        assert any(line.startswith("WANDB_API_KEY=") for line in told["Config"]["Env"])
        assert told["HostConfig"]["Memory"] == 160 << 30
        assert [mount["Type"] for mount in told["Mounts"]] == ["bind", "volume"]

    def test_figures_are_believable_all_day(self) -> None:
        clock = FrozenClock()
        world = DemoWorld(clock=clock)
        for _ in range(200):
            clock.advance(431.0)
            stats = shown(world)
            for name in ("vision-train", "llm-finetune"):
                cpu, memory = stats[name].cpu_percent.value, stats[name].memory_bytes.value
                assert cpu is not None and 300 < cpu < 900
                assert memory is not None and memory > 20 << 30
            for told in stats.values():
                used, limit = told.memory_bytes.value, told.memory_limit_bytes.value
                assert used is not None and limit is not None and 0 < used <= limit

    def test_figures_move_with_the_time(self) -> None:
        clock = FrozenClock()
        world = DemoWorld(clock=clock)
        seen = set()
        for _ in range(10):
            seen.add(rates(shown(world)["serve-qwen"]))
            clock.advance(1.0)
        assert len(seen) == 10

    def test_a_paused_container_uses_memory_and_no_processor(self) -> None:
        told = shown(DemoWorld(clock=FrozenClock()))["rl-sim"]
        assert told.cpu_percent.value == 0.0 and told.network_rx_bytes_per_second.value == 0.0
        assert told.memory_bytes.value is not None and told.memory_bytes.value > 1 << 30

    def test_the_hosts_network_is_unknown_and_not_zero(self) -> None:
        told = shown(DemoWorld(clock=FrozenClock()))["dcgm-exporter"]
        assert told.network_rx_bytes_per_second.value is None
        assert "host's network" in told.network_rx_bytes_per_second.reason

    def test_a_restart_begins_counters_anew(self) -> None:
        clock = FrozenClock()
        world = DemoWorld(clock=clock)
        container = by_name(world)["serve-qwen"]
        before = world.samples([container.id])[container.id]
        clock.advance(1.0)
        world.perform(step(Operation.RESTART, container))
        now = world.samples([container.id])[container.id]
        assert figures(before, now).cpu_percent.value is None
        assert _cpu(now) < _cpu(before)

    def test_a_disk_that_is_filling_up(self) -> None:
        engine = DemoEngine(DemoWorld())
        told = engine.describe()
        assert told.data_root is not None
        space = engine.data_root_space(told.data_root)
        assert space is not None and space.used_percent == pytest.approx(88.0)


def _cpu(sample: StatsSample) -> int:
    assert sample.cpu_nanoseconds is not None
    return sample.cpu_nanoseconds


class TestAsTimeGoesBy:
    def test_the_starting_notebook_gets_healthy_within_half_a_minute(self) -> None:
        clock = FrozenClock()
        world = DemoWorld(clock=clock)
        clock.advance(24.0)
        assert by_name(world)["notebook-chen"].health is Health.STARTING
        clock.advance(2.0)
        assert by_name(world)["notebook-chen"].health is Health.HEALTHY

    def test_the_crash_loop_goes_round_every_twenty_seconds(self) -> None:
        clock = FrozenClock()
        world = DemoWorld(clock=clock)
        states = []
        for _ in range(60):
            states.append(by_name(world)["sweep-agent"].state)
            clock.advance(1.0)
        starts = [i for i in range(1, 60) if states[i] is ContainerState.RUNNING is not states[i - 1]]
        assert starts == [6, 26, 46]
        assert set(states) == {ContainerState.RUNNING, ContainerState.RESTARTING}
        container = by_name(world)["sweep-agent"]
        assert world.inspect(container.id)["RestartCount"] == 3

    def test_an_advance_announces_what_happened_in_it_in_order(self) -> None:
        clock = FrozenClock()
        world = DemoWorld(clock=clock)
        agent, notebook = (by_name(world)[name].id for name in ("sweep-agent", "notebook-chen"))
        listener = Listener(world.open_stream(world.containers()[1]))
        clock.advance(27.0)
        world.perform(step(Operation.PAUSE, by_name(world)["dl-dev"]))
        listener.wait_for(by_name(world)["dl-dev"].id, "pause")
        listener.stream.close()
        heard = [(event.action, event.container_id) for event in listener.events][:-1]
        assert heard == [
            ("start", agent),
            ("die", agent),
            ("health_status: healthy", notebook),
            ("start", agent),
        ]
        times = [event.at for event in listener.events]
        assert times == sorted(set(times))

    def test_a_machine_that_slept_for_a_month_does_not_play_every_crash(self) -> None:
        clock = FrozenClock()
        world = DemoWorld(clock=clock)
        listener = Listener(world.open_stream(world.containers()[1]))
        month = 30 * 86_400.0
        clock.advance(month)
        agent = by_name(world)["sweep-agent"]
        told = world.details(agent.id)
        assert told.started_at is not None and clock.now() - told.started_at < 20.0
        period = CRASH_AFTER_SECONDS + RESTART_AFTER_SECONDS
        assert world.inspect(agent.id)["RestartCount"] == pytest.approx(month / period, abs=1)
        world.perform(step(Operation.STOP, agent))
        listener.wait_for(agent.id, "stop")
        listener.stream.close()
        assert len(listener.events) < 30

    def test_a_stop_ends_the_crash_loop(self) -> None:
        clock = FrozenClock()
        world = DemoWorld(clock=clock)
        world.perform(step(Operation.STOP, by_name(world)["sweep-agent"]))
        clock.advance(100.0)
        agent = by_name(world)["sweep-agent"]
        assert agent.state is ContainerState.EXITED and agent.exit_code == 1

    def test_a_started_container_with_a_check_is_starting_again(self) -> None:
        clock = FrozenClock()
        world = DemoWorld(clock=clock)
        world.perform(step(Operation.RESTART, by_name(world)["serve-embed"]))
        assert by_name(world)["serve-embed"].health is Health.STARTING
        clock.advance(30.0)
        assert by_name(world)["serve-embed"].health is Health.UNHEALTHY

    def test_the_removal_plan_of_a_paused_container_works(self) -> None:
        world = DemoWorld(clock=FrozenClock())
        for planned in plan(Operation.REMOVE, (by_name(world)["rl-sim"],)).steps:
            assert isinstance(planned, Step)
            world.perform(planned)
        assert "rl-sim" not in by_name(world)


class LeapingClock(DemoClock):
    """The machine's clock, some seconds ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead


def ticker() -> threading.Thread | None:
    return next((thread for thread in threading.enumerate() if thread.name == "demo-world"), None)


class TestTheTicker:
    def test_it_announces_what_nobody_asked_for_while_a_stream_is_open(self) -> None:
        clock = LeapingClock()
        world = DemoWorld(clock=clock)
        agent = by_name(world)["sweep-agent"].id
        # the crash loop's next start is a moment away, for the ticker to wait for
        clock.ahead = RESTART_AFTER_SECONDS - 8.0 - 0.3
        listener = Listener(world.open_stream(clock.now()))
        thread = ticker()
        assert thread is not None and thread.daemon
        listener.wait_for(agent, "start")
        listener.stream.close()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()

    def test_there_is_none_without_a_stream_and_none_with_a_frozen_clock(self) -> None:
        world = DemoWorld()
        world.containers()
        stream = DemoWorld(clock=FrozenClock()).open_stream(0.0)
        assert ticker() is None
        stream.close()


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("engine_gone", EngineNotFound),
            ("no_permission", EnginePermission),
            ("frozen_engine", EngineTimeout),
        ],
    )
    def test_every_call_fails_while_it_is_on_and_works_afterwards(
        self, fault: str, error: type[EngineError]
    ) -> None:
        world = DemoWorld(clock=FrozenClock())
        world.faults.frozen_seconds = 0.01
        engine, containers, statistics = DemoEngine(world), DemoContainers(world), DemoStatistics(world)
        listed = list(containers.containers()[0])
        stop = step(Operation.STOP, by_name(world)["dl-dev"])
        calls: list[Callable[[], object]] = [
            engine.identify,
            engine.describe,
            engine.ping,
            containers.containers,
            lambda: containers.events(0.0).close(),
            lambda: containers.details(listed[0].id),
            lambda: containers.inspect(listed[0].id),
            lambda: containers.processes(by_name(world)["vision-train"].id),
            lambda: containers.perform(stop),
            lambda: statistics.samples(listed),
        ]
        setattr(world.faults, fault, True)
        for call in calls:
            with pytest.raises(error) as caught:
                call()
            assert caught.value.title and caught.value.detail and caught.value.hint
        assert by_name(world)["dl-dev"].state is ContainerState.RUNNING
        setattr(world.faults, fault, False)
        for call in calls:
            call()
        assert by_name(world)["dl-dev"].state is ContainerState.EXITED

    def test_refused_actions_change_nothing_and_questions_go_on(self) -> None:
        world = DemoWorld(clock=FrozenClock())
        containers = DemoContainers(world)
        target = by_name(world)["dl-dev"]
        world.faults.refuse_actions = True
        with pytest.raises(EngineRefused) as caught:
            containers.perform(step(Operation.STOP, target))
        assert caught.value.status == 500
        assert containers.details(target.id).state is ContainerState.RUNNING
        world.faults.refuse_actions = False
        containers.perform(step(Operation.STOP, target))
        assert containers.details(target.id).state is ContainerState.EXITED

    def test_a_call_to_a_frozen_engine_goes_on_when_it_thaws(self) -> None:
        world = DemoWorld(clock=FrozenClock())
        world.faults.frozen_seconds = 2 * PATIENCE_SECONDS
        world.faults.frozen_engine = True
        answered = threading.Event()

        def ask() -> None:
            DemoEngine(world).ping()
            answered.set()

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        assert not answered.is_set()
        world.faults.frozen_engine = False
        assert answered.wait(PATIENCE_SECONDS)

    def test_open_streams_break_off_when_the_engine_goes(self) -> None:
        world = DemoWorld(clock=FrozenClock())
        listeners = [Listener(world.open_stream(world.containers()[1])) for _ in range(2)]
        world.faults.engine_gone = True
        for listener in listeners:
            assert listener.has_ended() and isinstance(listener.error, EngineLost)

    def test_a_frozen_engine_holds_its_events_back(self) -> None:
        clock = FrozenClock()
        world = DemoWorld(clock=clock)
        agent = by_name(world)["sweep-agent"].id
        stream = world.open_stream(world.containers()[1])
        world.faults.frozen_engine = True
        clock.advance(7.0)
        listener = Listener(stream)
        assert not listener.events
        world.faults.frozen_engine = False
        listener.wait_for(agent, "start")
        stream.close()

    def test_a_stream_of_a_frozen_engine_can_be_closed(self) -> None:
        world = DemoWorld(clock=FrozenClock())
        listener = Listener(world.open_stream(0.0))
        world.faults.frozen_engine = True
        listener.stream.close()
        assert listener.has_ended() and listener.error is None

    def test_a_reader_that_does_not_read_is_cut_off_and_costs_no_more(self) -> None:
        world = DemoWorld(clock=FrozenClock())
        container = by_name(world)["dl-dev"]
        stream = world.open_stream(world.containers()[1])
        for _ in range(600):
            world.perform(step(Operation.PAUSE, container))
            world.perform(step(Operation.UNPAUSE, container))
        read = 0
        with pytest.raises(EngineLost) as caught:
            for _ in stream:
                read += 1
        assert read == 1000 and "not read" in caught.value.detail

    def test_many_threads_at_once_leave_a_world_in_order(self) -> None:
        world = DemoWorld(clock=FrozenClock())
        container = by_name(world)["dl-dev"]
        listener = Listener(world.open_stream(world.containers()[1]))
        errors: list[BaseException] = []

        def work() -> None:
            try:
                for _ in range(50):
                    world.perform(step(Operation.RESTART, container))
                    world.samples([container.id])
                    world.containers()
            except BaseException as error:
                errors.append(error)

        workers = [threading.Thread(target=work) for _ in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(PATIENCE_SECONDS)
        world.perform(step(Operation.KILL, container))
        listener.wait_for(container.id, "stop")
        world.perform(Step(Operation.RENAME, container.id, "", new_name="the-end"))
        listener.wait_for(container.id, "rename")
        listener.stream.close()
        assert not errors and world.details(container.id).state is ContainerState.EXITED
        times = [event.at for event in listener.events]
        assert times == sorted(set(times))
