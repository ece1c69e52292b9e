"""What a container is, and what events make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.making import make_container, make_details, make_event
from tui.model.containers import (
    ALIVE_STATES,
    Container,
    ContainerState,
    Health,
    Port,
    apply_event,
    container_state,
    exit_code_from_status,
    fold_ports,
    health_from_status,
    with_details,
)


class TestEvents:
    def test_start_makes_it_run_from_the_events_time(self) -> None:
        stopped = make_container(
            state=ContainerState.EXITED, exit_code=3, finished_at=900.0, process_id=7, out_of_memory=True
        )
        started = apply_event(stopped, make_event("start", at=1000.0))
        assert started == replace(
            stopped,
            state=ContainerState.RUNNING,
            started_at=1000.0,
            finished_at=None,
            exit_code=None,
            process_id=None,
            out_of_memory=False,
        )

    def test_start_forgets_the_health_of_the_run_before(self) -> None:
        started = apply_event(make_container(health=Health.UNHEALTHY), make_event("start"))
        assert started is not None
        assert started.health is None

    def test_die_ends_it_with_its_exit_code_and_without_ports(self) -> None:
        running = make_container(
            process_id=7, health=Health.HEALTHY, ports=(Port(80, "tcp", "0.0.0.0", 8080),), started_at=500.0
        )
        assert apply_event(running, make_event("die", at=1000.0, exitCode="137")) == replace(
            running,
            state=ContainerState.EXITED,
            finished_at=1000.0,
            exit_code=137,
            process_id=None,
            health=None,
            ports=(),
        )

    @pytest.mark.parametrize("code", ["", "-1", "x", "²"])
    def test_die_with_a_strange_exit_code_has_none(self, code: str) -> None:
        ended = apply_event(make_container(), make_event("die", exitCode=code))
        assert ended is not None
        assert ended.exit_code is None

    def test_pause_and_unpause(self) -> None:
        paused = apply_event(make_container(), make_event("pause"))
        assert paused is not None
        assert paused.state is ContainerState.PAUSED
        assert apply_event(paused, make_event("unpause")) == make_container()

    def test_rename_drops_the_engines_slash(self) -> None:
        renamed = apply_event(make_container("box"), make_event("rename", name="/crate"))
        assert renamed == replace(make_container("box"), name="crate")

    def test_rename_without_a_name_changes_nothing(self) -> None:
        event = make_event("rename")
        nameless = replace(event, attributes={})
        assert apply_event(make_container(), nameless) == make_container()

    @pytest.mark.parametrize(
        ("word", "health"),
        [
            ("healthy", Health.HEALTHY),
            ("unhealthy", Health.UNHEALTHY),
            ("starting", Health.STARTING),
            ("running", None),
            ("", None),
        ],
    )
    def test_health_status(self, word: str, health: Health | None) -> None:
        checked = apply_event(make_container(health=Health.STARTING), make_event(f"health_status: {word}"))
        assert checked == make_container(health=health)

    def test_destroy_takes_it_away(self) -> None:
        assert apply_event(make_container(), make_event("destroy")) is None

    @pytest.mark.parametrize(
        "action", ["stop", "kill", "oom", "update", "restart", "attach", "exec_start: sh -c ls", "", "novel"]
    )
    def test_what_changes_nothing_that_is_shown_gives_it_back_as_it_is(self, action: str) -> None:
        container = make_container(started_at=1.0, exit_code=5)
        assert apply_event(container, make_event(action)) is container

    def test_create_makes_a_row_from_the_event(self) -> None:
        event = make_event("create", "fresh", at=77.0, execID="e", signal="9", exitCode="0", owner="ana")
        assert apply_event(None, event) == make_container(
            "fresh", ContainerState.CREATED, image_id="", created_at=77.0, labels={"owner": "ana"}
        )

    def test_create_of_a_known_one_changes_nothing(self) -> None:
        container = make_container()
        assert apply_event(container, make_event("create")) is container

    def test_create_without_a_name_is_called_by_its_short_id(self) -> None:
        event = replace(make_event("create"), attributes={})
        made = apply_event(None, event)
        assert made is not None
        assert made.name == made.short_id == event.container_id[:12]

    @pytest.mark.parametrize("action", ["start", "die", "pause", "rename", "health_status: healthy", "novel"])
    def test_an_unknown_container_is_left_to_the_list(self, action: str) -> None:
        assert apply_event(None, make_event(action)) is None


class TestStates:
    @pytest.mark.parametrize("state", list(ContainerState))
    def test_the_engines_words(self, state: ContainerState) -> None:
        assert container_state(state.value) is state

    @pytest.mark.parametrize(
        ("word", "state"),
        [
            ("configured", ContainerState.CREATED),
            ("initialized", ContainerState.CREATED),
            ("stopping", ContainerState.EXITED),
            ("stopped", ContainerState.EXITED),
            ("", ContainerState.EXITED),
            ("novel", ContainerState.EXITED),
        ],
    )
    def test_podmans_words_read_as_the_nearest(self, word: str, state: ContainerState) -> None:
        assert container_state(word) is state

    def test_alive_is_what_has_processes(self) -> None:
        alive = {state for state in ContainerState if make_container(state=state).is_alive}
        assert alive == ALIVE_STATES
        assert alive == {ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING}

    @pytest.mark.parametrize(
        ("status", "health"),
        [
            ("Up 5 minutes (healthy)", Health.HEALTHY),
            ("Up 5 minutes (unhealthy)", Health.UNHEALTHY),
            ("Up 1 second (health: starting)", Health.STARTING),
            ("Up 5 minutes", None),
            ("Up 5 minutes (Paused)", None),
            ("", None),
        ],
    )
    def test_health_from_the_lists_text(self, status: str, health: Health | None) -> None:
        assert health_from_status(status) is health

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            ("Exited (0) 2 hours ago", 0),
            ("Exited (137) 2 hours ago", 137),
            ("Up 5 minutes", None),
            ("Created", None),
            ("Restarting (1) 5 seconds ago", None),
        ],
    )
    def test_exit_code_from_the_lists_text(self, status: str, code: int | None) -> None:
        assert exit_code_from_status(status) == code

    @pytest.mark.parametrize("label", ["com.docker.compose.project", "io.podman.compose.project"])
    def test_project_is_composes(self, label: str) -> None:
        assert make_container(labels={label: "vision"}).project == "vision"
        assert make_container(labels={"project": "vision"}).project is None


class TestDetails:
    def test_they_are_merged(self) -> None:
        merged = with_details(make_container(), make_details())
        assert merged == make_container(
            started_at=500.0,
            process_id=42,
            network_mode="bridge",
            restart_policy="always",
            memory_limit_bytes=1 << 30,
        )

    def test_what_the_list_knew_better_is_kept(self) -> None:
        listed = make_container(state=ContainerState.EXITED, exit_code=3, network_mode="host")
        merged = with_details(listed, make_details(state=ContainerState.EXITED, network_mode=""))
        assert (merged.exit_code, merged.network_mode) == (3, "host")

    def test_details_of_another_state_are_old_and_change_nothing(self) -> None:
        container = make_container(state=ContainerState.EXITED)
        assert with_details(container, make_details(state=ContainerState.RUNNING)) is container


def published(*entries: tuple[int, int], ip: str = "0.0.0.0", protocol: str = "tcp") -> tuple[Port, ...]:
    return tuple(Port(inside, protocol, ip, outside) for outside, inside in entries)


class TestPorts:
    @pytest.mark.parametrize(
        ("ports", "text"),
        [
            ((), ""),
            ((Port(8888, "tcp"),), ""),
            (published((8888, 80)), "8888→80"),
            (published((8888, 80)) + published((8888, 80), ip="::"), "8888→80"),
            (published((8888, 80), ip=""), "8888→80"),
            (published((53, 53), protocol="udp"), "53→53/udp"),
            (published((53, 53)) + published((53, 53), protocol="udp"), "53→53, 53→53/udp"),
            (published((9, 9), protocol="sctp"), "9→9/sctp"),
            (published((8001, 80), ip="127.0.0.1"), "127.0.0.1:8001→80"),
            (published((8001, 80), ip="::1"), "[::1]:8001→80"),
            (published(*((port, port) for port in range(6006, 6011))), "6006-6010→6006-6010"),
            (published((6101, 6007), (6100, 6006)), "6100-6101→6006-6007"),
            (published((7000, 80), (7001, 80)), "7000→80, 7001→80"),
            (published((7000, 80), (7001, 82)), "7000→80, 7001→82"),
            (published((7000, 80), (7002, 81)), "7000→80, 7002→81"),
            (published((7000, 80)) + published((7001, 81), protocol="udp"), "7000→80, 7001→81/udp"),
            (published((7000, 80)) + published((7001, 81), ip="10.0.0.1"), "7000→80, 10.0.0.1:7001→81"),
        ],
    )
    def test_folded(self, ports: tuple[Port, ...], text: str) -> None:
        assert fold_ports(ports) == text

    def test_the_order_they_are_told_in_does_not_matter(self) -> None:
        ports = published(*((port, port) for port in range(6006, 6011))) + published((22, 22), ip="::")
        assert fold_ports(ports) == fold_ports(tuple(reversed(ports)))


def test_a_container_can_not_be_changed() -> None:
    container: Container = make_container()
    with pytest.raises(AttributeError):
        container.name = "other"  # type: ignore[misc]
