"""Sockets for servers in tests, and events that end them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends.serving import Answer, Server
from tui.backends.docker.endpoint import Endpoint

#: Starts a server with this answer; gives it and the endpoint that it listens on.
Serve = Callable[[Answer], tuple[Server, Endpoint]]


@pytest.fixture
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short enough for the 108 bytes that the kernel allows, whatever the test is called."""
    return tmp_path_factory.mktemp("s") / "engine.sock"


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """Set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def serve(socket_path: Path, stop: threading.Event) -> Iterator[Serve]:
    servers: list[Server] = []

    def start(answer: Answer) -> tuple[Server, Endpoint]:
        servers.append(Server.on_socket(socket_path, answer))
        return servers[-1], Endpoint(f"unix://{socket_path}", "--host", socket_path=str(socket_path))

    yield start
    stop.set()
    for server in servers:
        server.close()
