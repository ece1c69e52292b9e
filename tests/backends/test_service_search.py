"""What a search for services reads in an inspect, with fields missing, null or odd."""

from __future__ import annotations

from typing import Any

import pytest

from tui.backends.docker.endpoint import Endpoint
from tui.backends.docker.service_search import engine_host, from_inspect, jupyter_program
from tui.model.containers import ContainerState, Port


def test_all_that_matters() -> None:
    told = from_inspect(
        {
            "State": {"Status": "running", "StartedAt": "2026-01-02T03:04:05.5Z"},
            "Config": {
                "Image": "quay.io/jupyter/base-notebook",
                "Entrypoint": ["tini", "-g", "--"],
                "Cmd": ["start-notebook.py"],
                "Env": ["JUPYTER_TOKEN=x"],
                "ExposedPorts": {"8888/tcp": {}, "6006/tcp": {}},
            },
            "HostConfig": {"NetworkMode": "bridge"},
            "NetworkSettings": {
                "Ports": {
                    "8888/tcp": [
                        {"HostIp": "0.0.0.0", "HostPort": "9000"},
                        {"HostIp": "::", "HostPort": "9000"},
                    ],
                    "53/udp": [{"HostIp": "", "HostPort": "53"}],
                }
            },
        },
        None,
    )
    assert (told.state, told.image) == (ContainerState.RUNNING, "quay.io/jupyter/base-notebook")
    assert told.command == ("tini", "-g", "--", "start-notebook.py")
    assert set(told.place.ports) == {
        Port(8888, "tcp", "0.0.0.0", 9000),
        Port(8888, "tcp", "::", 9000),
        Port(6006, "tcp"),
        Port(53, "udp", None, 53),
    }


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"State": None, "Config": None, "HostConfig": None, "NetworkSettings": None},
        {"Config": {"Entrypoint": "sh -c x", "Cmd": None, "Env": None, "ExposedPorts": None}},
        {"NetworkSettings": {"Ports": {"8888/tcp": None, "": [], "x/tcp": [{"HostPort": "y"}]}}},
    ],
)
def test_missing_and_odd_fields(told: dict[str, Any]) -> None:
    assert not [port for port in from_inspect(told, None).place.ports if port.host_port is not None]


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("/opt/conda/bin/python3.12 /opt/conda/bin/jupyter-lab --ip=0.0.0.0", "/opt/conda/bin/jupyter"),
        ("/usr/bin/jupyter server", "/usr/bin/jupyter"),
        ("jupyter-notebook", "jupyter"),
        ("/opt/conda/bin/python -m ipykernel_launcher -f /home/j/.local/share/jupyter/k.json", None),
        ("tini -g -- start.sh jupyter", None),
        ("", None),
    ],
)
def test_the_jupyter_of_a_process(command: str, program: str | None) -> None:
    assert jupyter_program(command) == program


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        (Endpoint("unix:///x", "default", socket_path="/x"), None),
        (Endpoint("tcp://localhost:2375", "--host", tcp_host="localhost", tcp_port=2375), None),
        (Endpoint("tcp://gpu01:2375", "--host", tcp_host="gpu01", tcp_port=2375), "gpu01"),
    ],
)
def test_where_published_ports_are(endpoint: Endpoint, host: str | None) -> None:
    assert engine_host(endpoint) == host
