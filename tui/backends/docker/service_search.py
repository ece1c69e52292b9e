"""Looks for services of a container: in its log, on its published ports, and inside where it may."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from tui.backends.deadline import Deadline
from tui.backends.docker.endpoint import Endpoint
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.exec import CANNOT_RUN, NOT_FOUND, run
from tui.backends.docker.logs import DockerLogs
from tui.backends.docker.probe import probe
from tui.backends.parallel import in_parallel
from tui.model.containers import Container, ContainerState, Port, container_state
from tui.model.errors import EngineError, EngineRefused
from tui.model.logs import LineAssembler, LogRequest, text_of
from tui.model.services import (
    HOST_NETWORK,
    JUPYTER_PORT,
    Announcement,
    Finding,
    Place,
    Service,
    ServiceKind,
    announced_in,
    announced_in_list,
    compose,
    names_jupyter,
    told_token,
)
from tui.model.units import parse_time

# Somebody looks at an empty list meanwhile. A Python that starts in a container takes the better part of it.
_ALL_SECONDS, _LOG_SECONDS, _INSIDE_SECONDS, _TOP_SECONDS = 5.0, 3.0, 4.0, 2.0
# A server says where it is when it starts, so within minutes of the container's start; one that was started
# by hand later is in what was written last.
_BEGINNING_NANOSECONDS = 600 * 10**9
_LAST_LINES = 2000
_MOST_LOG_BYTES = 4 << 20
# The engine notes the start a moment after the process began to write.
_START_SECONDS = 2.0
# More ports than a person publishes services on; ranges for SSH and the like are longer.
_MOST_PORTS = 8
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ALIVE = (ContainerState.RUNNING, ContainerState.PAUSED)

_READ_ONLY = "its token is not in the log, and read-only mode asks nothing inside the container"
_NO_ANSWER = "its token is not in the log, and the container did not tell it in time"
_NOT_TOLD = "its token is not in the log, and its list of servers does not name it"
_NO_TOKEN = "its list of servers names no token: it asks for a password"
_NO_COMMAND = "its token is not in the log, and the container has no jupyter command to ask"
_REFUSED = "its token is not in the log, and nothing can be asked in the container now"


@dataclass(frozen=True, slots=True)
class _Told:
    """What an inspect tells that matters here."""

    state: ContainerState
    started_at: float | None
    image: str
    command: tuple[str, ...]
    environment: tuple[str, ...]
    place: Place


class ServiceSearch:
    """Looks for the services of one engine's containers."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine that was or will be identified by somebody."""
        self._engine = engine
        self._logs = DockerLogs(engine)
        self._host = engine_host(engine.endpoint)

    def look(self, container: Container, ask_inside: bool) -> Sequence[Service]:
        """What the container offers, within about five seconds; () where it does not run.

        Args:
            container: any.
            ask_inside: whether a command may be run in it, where nothing else tells a Jupyter's token.

        Raises:
            EngineError: the engine can't be asked.
        """
        deadline = Deadline(_ALL_SECONDS)
        self._engine.api_version()
        path = f"/containers/{quote(container.id, safe='')}/json"
        told = from_inspect(self._engine.http.get_json(path, deadline.remaining()) or {}, self._host)
        if told.state not in _ALIVE:
            return ()
        place = told.place
        announced = {each.port: each for each in announced_in(self._lines(container.id, told.started_at))}
        # what a port of the host's network belongs to, only the container's own words tell
        published = () if place.network_mode == HOST_NETWORK else sorted(map(_inside, place.published()))
        findings = self._probe(place, (*announced, *published), announced)
        token = told_token(told.command, told.environment)
        if token:
            announced = _with_token(announced, findings, token)
        why_no_token = _READ_ONLY
        is_known = _knows_jupyter(announced, findings)
        if ask_inside and (not is_known or _lacks_token(announced, findings)):
            asked = self._who_to_ask(container, told, is_known)
            listed, why_no_token = self._ask_inside(container.id, asked, deadline)
            announced = _merged(announced, listed)
            new = [each.port for each in listed if each.port not in findings]
            findings.update(self._probe(place, new, announced))
        return compose(announced.values(), findings, place, why_no_token)

    # -- the log

    def _lines(self, container_id: str, started_at: float | None) -> list[str]:
        """What the present run wrote first, and last."""
        since_ns = None if started_at is None else round((started_at - _START_SECONDS) * 1e9)
        parts = [LogRequest(tail=_LAST_LINES, since_ns=since_ns)]
        if since_ns is not None:
            parts.insert(0, LogRequest(since_ns=since_ns, until_ns=since_ns + _BEGINNING_NANOSECONDS))
        read = in_parallel(lambda part: self._read(container_id, part), parts, len(parts), "service log")
        return [line for lines in read for line in lines]

    def _read(self, container_id: str, request: LogRequest) -> list[str]:
        """Lines of a log, as many as come in time; none of one that can't be read."""
        assembler = LineAssembler()
        raws: list[bytes] = []
        read_bytes = 0
        stream = self._logs.open(container_id, request)
        # a stream has no deadline: it is ended from outside
        watch = threading.Timer(_LOG_SECONDS, stream.close)
        watch.daemon = True
        watch.start()
        try:
            for messages in stream.messages():
                raws += assembler.feed(messages).raws
                read_bytes += sum(len(payload) for _, payload in messages)
                if read_bytes >= _MOST_LOG_BYTES:
                    stream.close()
        except EngineRefused:
            # a log driver that keeps nothing: the ports tell what there is
            return []
        finally:
            watch.cancel()
        raws += assembler.end().raws
        return [text_of(raw) for raw in raws]

    # -- the ports

    def _probe(
        self, place: Place, ports: Iterable[int], announced: Mapping[int, Announcement]
    ) -> dict[int, Finding]:
        """What answers on these of the container's ports, as far as they can be reached."""
        distinct = dict.fromkeys(ports)
        reached = [(port, address) for port in distinct if (address := place.address_of(port)) is not None]
        reached = reached[:_MOST_PORTS]
        found = in_parallel(
            lambda each: probe(each[1], announced.get(each[0])), reached, _MOST_PORTS, "service probe"
        )
        return {port: each for (port, _), each in zip(reached, found, strict=True) if each is not None}

    # -- inside

    def _ask_inside(
        self, container_id: str, asked: Sequence[tuple[str, str]], deadline: Deadline
    ) -> tuple[Sequence[Announcement], str]:
        """The servers that the container's own jupyter knows, and what to say where it names none."""
        why = _NO_COMMAND
        for program, user in asked:
            # notebook 6 and jupyter_server keep lists of their own
            for kind in ("server", "notebook"):
                seconds = min(_INSIDE_SECONDS, deadline.remaining())
                if deadline.passed:
                    return (), _NO_ANSWER
                try:
                    result = run(
                        self._engine.http, container_id, (program, kind, "list", "--json"), seconds, user=user
                    )
                except EngineRefused:
                    # it is paused, or has no such user
                    why = _REFUSED
                    break
                except EngineError:
                    return (), _NO_ANSWER
                if result.exit_code is None:
                    return (), _NO_ANSWER
                listed = announced_in_list(result.stdout.decode("utf-8", "replace"))
                if listed:
                    return listed, _NO_TOKEN
                # engines before 23 say of a command that is not there that it can't be run
                if result.exit_code in (CANNOT_RUN, NOT_FOUND):
                    break
                why = _NOT_TOLD
        return (), why

    def _who_to_ask(self, container: Container, told: _Told, is_known: bool) -> list[tuple[str, str]]:
        """Programs and users: the jupyter that runs, as whoever runs it; then the one on the PATH.

        The list of servers is in the home folder of the user who runs them, and the jupyter of an environment
        is on no PATH. Nobody is asked in a container that does not look as if it had a Jupyter.
        """
        path = f"/containers/{quote(container.id, safe='')}/top?ps_args={quote('-eo pid,uid,args')}"
        found: list[tuple[str, str]] = []
        with contextlib.suppress(EngineError):
            # without the list of processes the PATH is all there is
            table = self._engine.http.get_json(path, _TOP_SECONDS) or {}
            for row in table.get("Processes") or ():
                program = jupyter_program(str(row[-1])) if row else None
                if program is not None and len(row) > 2:
                    found.append((program, str(row[1])))
        if not found and not is_known and not _names_jupyter(container, told):
            return []
        # more than two would take too long
        return [*found[:1], ("jupyter", "")]


def engine_host(endpoint: Endpoint) -> str | None:
    """The engine's host, None where it is this one."""
    if endpoint.socket_path is not None or endpoint.tcp_host in _LOOPBACK:
        return None
    return endpoint.tcp_host


def from_inspect(told: Mapping[str, Any], host: str | None) -> _Told:
    """What matters here of `/containers/{id}/json`. Every field may be missing or null."""
    state, config = told.get("State") or {}, told.get("Config") or {}
    command = [*_words(config.get("Entrypoint")), *_words(config.get("Cmd"))]
    mode = str((told.get("HostConfig") or {}).get("NetworkMode") or "")
    return _Told(
        container_state(str(state.get("Status") or "")),
        parse_time(state.get("StartedAt")),
        str(config.get("Image") or ""),
        tuple(command),
        tuple(_words(config.get("Env"))),
        Place(tuple(_ports(told)), mode, host),
    )


def _words(told: Any) -> list[str]:
    if isinstance(told, str):
        return [told]
    return [str(word) for word in told or ()]


def _ports(told: Mapping[str, Any]) -> Iterable[Port]:
    settings = told.get("NetworkSettings") or {}
    exposed = dict.fromkeys((told.get("Config") or {}).get("ExposedPorts") or {})
    ports: dict[str, Any] = {**exposed, **(settings.get("Ports") or {})}
    for name, bindings in ports.items():
        number, _, protocol = str(name).partition("/")
        if not number.isdecimal():
            continue
        each: list[dict[str, Any]] = bindings or [{}]
        for binding in each:
            published = str(binding.get("HostPort") or "")
            yield Port(
                int(number),
                protocol or "tcp",
                (str(binding.get("HostIp") or "") or None) if published else None,
                int(published) if published.isdecimal() else None,
            )


def jupyter_program(command: str) -> str | None:
    """The jupyter beside the server that a process is, None where it is none."""
    for word in command.split()[:3]:
        folder, slash, name = word.rpartition("/")
        if name == "jupyter" or name.startswith("jupyter-"):
            return f"{folder}{slash}jupyter"
    return None


def _inside(port: Port) -> int:
    return port.container_port


def _knows_jupyter(announced: Mapping[int, Announcement], findings: Mapping[int, Finding]) -> bool:
    kinds = {each.kind for each in announced.values()} | {each.kind for each in findings.values()}
    return ServiceKind.JUPYTER in kinds


def _lacks_token(announced: Mapping[int, Announcement], findings: Mapping[int, Finding]) -> bool:
    """A Jupyter asks for a token that is not known."""
    for port, finding in findings.items():
        told = announced.get(port)
        if finding.kind is ServiceKind.JUPYTER and not finding.is_open and (told is None or not told.token):
            return True
    return any(
        each.kind is ServiceKind.JUPYTER and not each.token
        for each in announced.values()
        if each.port not in findings
    )


def _names_jupyter(container: Container, told: _Told) -> bool:
    """It looks as if a Jupyter were in it."""
    exposes = any(port.container_port == JUPYTER_PORT for port in told.place.ports)
    return exposes or names_jupyter((container.image, told.image, container.command, *told.command))


def _with_token(
    announced: Mapping[int, Announcement], findings: Mapping[int, Finding], token: str
) -> dict[int, Announcement]:
    """The token that the container gives its Jupyter, for each that does not tell its own."""
    merged = dict(announced)
    for port, finding in findings.items():
        if finding.kind is ServiceKind.JUPYTER and port not in merged:
            merged[port] = Announcement(
                ServiceKind.JUPYTER, port, finding.path, is_secure=finding.is_secure, title=finding.title
            )
    return {
        port: replace(each, token=token) if each.kind is ServiceKind.JUPYTER and not each.token else each
        for port, each in merged.items()
    }


def _merged(announced: Mapping[int, Announcement], listed: Sequence[Announcement]) -> dict[int, Announcement]:
    """What the log says, with the tokens that the list of servers knows; the log knows the first page."""
    merged = dict(announced)
    for each in listed:
        known = merged.get(each.port)
        merged[each.port] = each if known is None else replace(known, token=each.token, is_open=each.is_open)
    return merged
