"""What is asked of the engine through the docker SDK: everything that a person waits for once.

The SDK is imported by the thread that first needs it, because its import takes 260 ms.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tui.backends import deadline
from tui.backends.docker import refusals
from tui.backends.docker.endpoint import Endpoint, unreachable
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.http import lost, socket_error, timed_out
from tui.model.errors import EngineError
from tui.model.operations import STOP_GRACE_SECONDS, Operation, Step
from tui.model.processes import ProcessTable

if TYPE_CHECKING:
    from docker import APIClient


class DockerSdk:
    """Single calls through the docker SDK, a client each: its sessions must not be shared by threads."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: the engine; nothing is opened yet."""
        self._engine = engine

    def inspect(self, container_id: str) -> Mapping[str, Any]:
        """Everything that the engine knows of the container. Raises an EngineError."""
        with self._client(deadline.QUESTION_SECONDS) as client:
            told: Mapping[str, Any] = client.inspect_container(container_id)
            return told

    def processes(self, container_id: str) -> ProcessTable:
        """The container's processes. Raises an EngineError."""
        with self._client(deadline.QUESTION_SECONDS) as client:
            told = client.top(container_id)
        titles = tuple(str(title) for title in told.get("Titles") or ())
        return ProcessTable(
            titles, tuple(tuple(str(cell) for cell in row) for row in told.get("Processes") or ())
        )

    def perform(self, step: Step) -> None:
        """Do one step. Raises an EngineError."""
        with self._client(deadline.of_step(step)) as client:
            match step.operation:
                case Operation.START:
                    client.start(step.container_id)
                case Operation.STOP:
                    client.stop(step.container_id, timeout=STOP_GRACE_SECONDS)
                case Operation.RESTART:
                    client.restart(step.container_id, timeout=STOP_GRACE_SECONDS)
                case Operation.PAUSE:
                    client.pause(step.container_id)
                case Operation.UNPAUSE:
                    client.unpause(step.container_id)
                case Operation.KILL:
                    client.kill(step.container_id)
                case Operation.RENAME:
                    client.rename(step.container_id, step.new_name)
                case Operation.REMOVE:
                    client.remove_container(step.container_id, v=step.with_volumes)

    @contextlib.contextmanager
    def _client(self, seconds: float) -> Iterator[APIClient]:
        """A client whose calls take at most `seconds`; what it raises comes out as our own errors."""
        import requests
        from docker import APIClient, errors

        endpoint = self._engine.endpoint
        version = self._engine.api_version()
        try:
            client = APIClient(
                base_url=_base_url(endpoint), version=version, timeout=int(seconds), tls=_tls(endpoint)
            )
        except errors.DockerException as error:
            raise unreachable(endpoint, error) from error
        try:
            yield client
        except errors.APIError as error:
            status = error.response.status_code if error.response is not None else 500
            raise refusals.from_status(status, str(error.explanation or error)) from error
        except requests.exceptions.Timeout as error:
            raise timed_out(endpoint, seconds) from error
        except requests.exceptions.ConnectionError as error:
            raise _connection_error(endpoint, error, seconds) from error
        except requests.exceptions.RequestException as error:
            raise unreachable(endpoint, error) from error
        except errors.DockerException as error:
            raise refusals.from_status(400, str(error)) from error
        finally:
            client.close()


def _base_url(endpoint: Endpoint) -> str:
    if endpoint.socket_path is not None:
        return f"unix://{endpoint.socket_path}"
    scheme = "https" if endpoint.tls else "tcp"
    name = f"[{endpoint.tcp_host}]" if ":" in endpoint.tcp_host else endpoint.tcp_host
    return f"{scheme}://{name}:{endpoint.tcp_port}"


def _tls(endpoint: Endpoint) -> Any:
    if endpoint.tls is None:
        return False
    from docker.tls import TLSConfig

    pair = (endpoint.tls.certificate, endpoint.tls.key)
    return TLSConfig(
        client_cert=pair if all(pair) else None,  # type: ignore[arg-type]
        ca_cert=endpoint.tls.ca,
        verify=endpoint.tls.verify,
    )


def _connection_error(endpoint: Endpoint, error: Exception, seconds: float) -> EngineError:
    """Requests wraps what the socket raised several times; the innermost says what happened."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError | BlockingIOError):
            return timed_out(endpoint, seconds)
        if isinstance(cause, ConnectionResetError | BrokenPipeError):
            return lost(endpoint)
        if isinstance(cause, PermissionError | FileNotFoundError | ConnectionRefusedError):
            return (
                unreachable(endpoint, cause)
                if endpoint.socket_path is None
                else socket_error(endpoint, cause)
            )
        inner = [part for part in cause.args if isinstance(part, BaseException)]
        cause = cause.__cause__ or cause.__context__ or (inner[0] if inner else None)
    return lost(endpoint)
