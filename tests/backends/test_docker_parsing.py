"""The engine's answers of all ages, with fields missing or null, as facts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.backends.conftest import Serve
from tests.backends.serving import chunked, reply
from tests.making import full_id
from tui.backends.docker.containers import (
    DockerContainers,
    from_event_line,
    from_inspect,
    from_list,
)
from tui.backends.docker.engine import DockerEngine
from tui.model.containers import Container, ContainerDetails, ContainerEvent, ContainerState, Health, Port
from tui.model.errors import EngineLost

ID = full_id("box")
LISTED: dict[str, Any] = {
    "Id": ID,
    "Names": ["/box"],
    "Image": "busybox:1.36",
    "ImageID": "sha256:abc",
    "Command": "sleep 1000",
    "Created": 1_700_000_000,
    "Ports": [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"PrivatePort": 53, "Type": "udp"},
    ],
    "Labels": {"owner": "ana", "com.docker.compose.project": "vision"},
    "State": "running",
    "Status": "Up 5 minutes (healthy)",
    "HostConfig": {"NetworkMode": "bridge"},
    "NetworkSettings": {"Networks": {}},
    "Mounts": [
        {"Type": "volume", "Name": "data", "Destination": "/data"},
        {"Type": "bind", "Source": "/home/ana", "Destination": "/work"},
        {"Type": "tmpfs", "Destination": "/tmp"},
    ],
}
NULLABLE = [
    "Names", "Image", "ImageID", "Command", "Created", "Ports", "Labels", "State", "Status", "HostConfig",
    "Mounts", "Health",
]  # fmt: skip


class TestList:
    def test_a_whole_entry(self) -> None:
        assert from_list(LISTED) == Container(
            id=ID,
            name="box",
            image="busybox:1.36",
            image_id="sha256:abc",
            state=ContainerState.RUNNING,
            health=Health.HEALTHY,
            created_at=1_700_000_000.0,
            command="sleep 1000",
            network_mode="bridge",
            ports=(Port(80, "tcp", "0.0.0.0", 8080), Port(53, "udp")),
            labels={"owner": "ana", "com.docker.compose.project": "vision"},
            mounts=("data:/data", "/home/ana:/work", "tmpfs:/tmp"),
        )

    @pytest.mark.parametrize("field", NULLABLE)
    @pytest.mark.parametrize("how", ["missing", "null"])
    def test_a_field_that_is_not_there_changes_no_other(self, field: str, how: str) -> None:
        entry = dict(LISTED)
        entry.pop(field, None)
        if how == "null":
            entry[field] = None
        found = from_list(entry)
        assert (found.id, found.is_alive) == (ID, field != "State")
        assert found.name == (ID[:12] if field == "Names" else "box")
        assert found.labels == ({} if field == "Labels" else LISTED["Labels"])
        assert len(found.ports) == (0 if field == "Ports" else 2)
        assert len(found.mounts) == (0 if field == "Mounts" else 3)

    def test_an_empty_entry(self) -> None:
        assert from_list({}) == Container("", "", "", "", ContainerState.EXITED)

    @pytest.mark.parametrize(
        ("names", "name"),
        [
            (["/box"], "box"),
            (["box"], "box"),
            (["/web/alias", "/box"], "box"),
            (["/web/alias"], "web/alias"),
            ([], ID[:12]),
            ([""], ID[:12]),
            ([None], ID[:12]),
        ],
    )
    def test_its_own_name_among_those_of_links(self, names: list[str | None], name: str) -> None:
        assert from_list(LISTED | {"Names": names}).name == name

    @pytest.mark.parametrize(
        ("health", "status", "shown"),
        [
            ({"Status": "healthy", "FailingStreak": 0}, "Up 5 minutes", Health.HEALTHY),
            ({"Status": "unhealthy"}, "Up 5 minutes", Health.UNHEALTHY),
            ({"Status": "starting"}, "", Health.STARTING),
            ({"Status": "none"}, "Up 5 minutes", None),
            ({"Status": None}, "Up 5 minutes", None),
            ({}, "Up 5 minutes (unhealthy)", Health.UNHEALTHY),
            ("healthy", "Up 5 minutes", None),
        ],
    )
    def test_health_as_an_object_or_as_text(self, health: object, status: str, shown: Health | None) -> None:
        assert from_list(LISTED | {"Health": health, "Status": status}).health is shown

    def test_the_exit_code_is_in_the_text(self) -> None:
        ended = from_list(LISTED | {"State": "exited", "Status": "Exited (137) 2 hours ago"})
        assert (ended.state, ended.exit_code) == (ContainerState.EXITED, 137)

    def test_a_port_without_numbers_does_no_harm(self) -> None:
        entry = {"IP": None, "PrivatePort": None, "PublicPort": 0, "Type": None}
        assert from_list(LISTED | {"Ports": [entry]}).ports == (Port(0, "tcp"),)

    def test_labels_are_texts(self) -> None:
        assert from_list(LISTED | {"Labels": {"n": 7}}).labels == {"n": "7"}

    def test_the_engines_clock_is_the_answers_date(self, serve: Serve) -> None:
        headers = ("Api-Version: 1.47", "Date: Mon, 02 Mar 2026 09:30:00 GMT")
        _, endpoint = serve(reply(json.dumps([LISTED]), headers=headers))
        listed, clock = DockerContainers(DockerEngine(endpoint)).containers()
        assert ([each.name for each in listed], clock) == (["box"], 1_772_443_800.0)

    @pytest.mark.parametrize("date", ["Date: nonsense", "X-Other: 1"])
    def test_no_date_is_no_clock(self, serve: Serve, date: str) -> None:
        _, endpoint = serve(reply("null", headers=("Api-Version: 1.47", date)))
        assert DockerContainers(DockerEngine(endpoint)).containers() == ([], 0.0)


INSPECTED: dict[str, Any] = {
    "Id": ID,
    "State": {
        "Status": "running",
        "Pid": 42,
        "ExitCode": 0,
        "OOMKilled": False,
        "StartedAt": "1970-01-01T00:00:10.5Z",
        "FinishedAt": "1970-01-01T00:00:05Z",
        "Health": {"Status": "healthy"},
    },
    "HostConfig": {"NetworkMode": "host", "Memory": 1024, "RestartPolicy": {"Name": "always"}},
    "Mounts": [
        {"Type": "volume", "Name": "f" * 64},
        {"Type": "volume", "Name": "named"},
        {"Type": "volume", "Name": "g" * 64},
        {"Type": "bind", "Name": "e" * 64},
        {"Type": "volume", "Name": None},
    ],
}


def inspected(**state: Any) -> ContainerDetails:
    return from_inspect(INSPECTED | {"State": INSPECTED["State"] | state})


class TestInspect:
    def test_a_running_one(self) -> None:
        assert from_inspect(INSPECTED) == ContainerDetails(
            id=ID,
            state=ContainerState.RUNNING,
            health=Health.HEALTHY,
            started_at=10.5,
            finished_at=None,
            exit_code=None,
            process_id=42,
            network_mode="host",
            restart_policy="always",
            memory_limit_bytes=1024,
            out_of_memory=False,
            anonymous_volumes=("f" * 64,),
        )

    def test_one_that_ended(self) -> None:
        ended = inspected(Status="exited", Pid=0, ExitCode=137, OOMKilled=True)
        assert (ended.state, ended.process_id, ended.exit_code) == (ContainerState.EXITED, None, 137)
        assert (ended.finished_at, ended.out_of_memory) == (5.0, True)

    def test_one_that_never_ran(self) -> None:
        zero = "0001-01-01T00:00:00Z"
        created = inspected(Status="created", Pid=0, StartedAt=zero, FinishedAt=zero)
        assert (created.started_at, created.finished_at, created.exit_code) == (None, None, None)

    def test_one_between_two_runs_has_ended(self) -> None:
        assert inspected(Status="restarting").finished_at == 5.0

    @pytest.mark.parametrize("told", [{}, {"State": None, "HostConfig": None, "Mounts": None}])
    def test_nothing_told(self, told: dict[str, Any]) -> None:
        found = from_inspect(told)
        assert (found.started_at, found.process_id, found.memory_limit_bytes) == (None, None, None)
        assert (found.restart_policy, found.network_mode, found.anonymous_volumes) == ("", "", ())

    def test_nothing_told_below(self) -> None:
        found = from_inspect(
            {"State": {"Health": None, "StartedAt": None}, "HostConfig": {"RestartPolicy": None, "Memory": 0}}
        )
        assert (found.health, found.restart_policy, found.memory_limit_bytes) == (None, "", None)


NEW_EVENT = {
    "Type": "container",
    "Action": "die",
    "Actor": {"ID": ID, "Attributes": {"name": "box", "exitCode": "137"}},
    "scope": "local",
    "time": 1000,
    "timeNano": 1_000_250_000_000,
}


def event(**changes: Any) -> ContainerEvent | None:
    return from_event_line(json.dumps(NEW_EVENT | changes).encode())


class TestEvents:
    EXPECTED = ContainerEvent("die", ID, 1000.25, {"name": "box", "exitCode": "137"})

    def test_of_api_1_52_without_status_id_and_from(self) -> None:
        assert event() == self.EXPECTED

    def test_of_older_apis_with_them(self) -> None:
        assert event(status="die", id=ID, **{"from": "busybox"}) == self.EXPECTED

    @pytest.mark.parametrize("nano", [None, 0])
    def test_without_nanoseconds(self, nano: int | None) -> None:
        found = event(timeNano=nano)
        assert found is not None
        assert found.at == 1000.0

    @pytest.mark.parametrize("actor", [None, {}, {"ID": None, "Attributes": None}])
    def test_without_an_actor(self, actor: object) -> None:
        found = event(Actor=actor)
        assert found is not None
        assert (found.container_id, found.attributes) == ("", {})

    def test_without_any_time(self) -> None:
        found = event(timeNano=None, time=None)
        assert found is not None
        assert found.at == 0.0

    @pytest.mark.parametrize("line", [b"", b"\n", b'{"Type": "image"}', b"[]", b"7", b"null"])
    def test_what_is_no_containers_event_is_none(self, line: bytes) -> None:
        assert from_event_line(line) is None

    def test_half_a_line_is_a_lost_connection(self) -> None:
        with pytest.raises(EngineLost):
            from_event_line(b'{"Type": "cont')

    def test_the_stream_is_filtered_to_what_changes_a_row(self, serve: Serve) -> None:
        server, endpoint = serve(reply("OK", headers=("Api-Version: 1.47",)))
        containers = DockerContainers(DockerEngine(endpoint))
        containers._engine.identify()
        line = json.dumps(NEW_EVENT).encode() + b"\n"
        server.answer = chunked(line[:30], line[30:] + b"\n")
        stream = containers.events(999.6)
        found = iter(stream)
        assert next(found) == self.EXPECTED
        with pytest.raises(EngineLost):
            next(found)
        asked = server.requests[-1]
        # not later than asked for, in whole seconds
        assert "since=999&" in f"{asked.split()[1]}&"
        assert "health_status" in asked
        assert "exec_" not in asked
