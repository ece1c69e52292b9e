"""Services that a container offers over HTTP: found in what its programs say, and as reachable from here.

Sources of the formats, read and run: jupyter_server 2.21, notebook 6.5 (and 4 and 5 by their sources),
jupyterhub-singleuser, tensorboard 2.21.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from urllib.parse import parse_qs, quote

from tui.model.containers import Container, Port
from tui.model.escapes import without_sequences

#: Where a Jupyter listens unless told otherwise (jupyter_server, ServerApp.port).
JUPYTER_PORT = 8888
#: Network mode of containers that have the host's own ports.
HOST_NETWORK = "host"
#: What stands for a token's hidden rest.
_DOTS = "••••••"
# Four characters of a token this long give nothing away; Jupyter's own have 48, people choose short ones.
_LONG_TOKEN, _SHOWN_OF_TOKEN = 16, 4

# Jupyter always names the port. The host is a name, an address, "(name or 127.0.0.1)" in notebook 5, or
# "[all ip addresses on your system]" in notebook 4. A path may hold what needs no quoting, less what a
# shell acts upon: an address is pasted there, too.
_URL = (
    r"(?P<scheme>https?)://(?:\[[^\]]*\]|\([^)]*\)|[^\s/:?#()\[\]]*):(?P<port>\d{1,5})"
    r"(?P<path>/[A-Za-z0-9._~%/+@:=,-]*)?(?:\?(?P<query>[!-~]*))?"
)
# The address ends its line, as it does where a server tells it; in front of it stand a logger's mark, a
# process manager's, "or". A request or referer that a program logs has its method there, or is in quotes.
_LAST_ON_LINE = re.compile(rf"(?:^|\s){_URL}\s*$")
_NO_ANNOUNCEMENT = re.compile(
    r"\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|referr?er|request\w*)\b", re.IGNORECASE
)
_JUPYTER_STARTS = re.compile(r"\bJupyter .*\brunning at:?")
_TENSORBOARD = re.compile(rf"\bTensorBoard (?P<version>\d\S*) at (?:{_URL})(?=\s|$)")
_LISTED = re.compile(rf"^\s*{_URL}(?:\s+::\s.*)?$")
_TOKEN_OPTION = re.compile(r"--(?:\w+App|IdentityProvider)\.token[= ](['\"]?)(?P<token>[^'\"\s]*)\1(?=\s|$)")
# What a page of the three front ends ends in; what stands before it is the server's base.
_FRONT_ENDS = {"lab": "JupyterLab", "tree": "Jupyter Notebook", "notebooks": "Jupyter Notebook"}
_HIGHEST_PORT = 65535
# A line without these announces nothing, nor does one that is much longer than any address.
_WORDS = ("http", "running at")
_LONGEST_LINE = 4096


class ServiceKind(StrEnum):
    """What answers."""

    JUPYTER = "jupyter"
    TENSORBOARD = "tensorboard"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Service:
    """One service of a container. Title, address and note may hold foreign text.

    Attributes:
        title: of its page, or what it is.
        url: as reachable from this host, with the token; None where it can't be reached.
        container_port: inside the container.
        host_port: on the host; None where it is not published.
        token: that lets one in, None where there is none or it is not known.
        is_open: True where it lets everybody in who asks, and runs what they send (Jupyter); False where it
            asks for a token or password; None where that is not known or nothing is lost by it.
        note: what else there is to know, or why there is no address.
    """

    kind: ServiceKind
    title: str
    url: str | None
    container_port: int
    host_port: int | None = None
    token: str | None = None
    is_open: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a program says of the service that it runs.

    Attributes:
        port: inside the container.
        path: of its first page, without the query.
        token: None where it needs none or does not tell.
        is_open: it says itself that it asks for nothing, or for something; None where it does not say.
        is_secure: over TLS.
    """

    kind: ServiceKind
    port: int
    path: str = "/"
    token: str | None = None
    is_open: bool | None = None
    is_secure: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What answers on a port that was asked.

    Attributes:
        path: of its first page, or of what lies above all its pages.
        is_open: as for a Service.
    """

    kind: ServiceKind
    title: str
    path: str = "/"
    is_open: bool | None = None
    is_secure: bool = False
    note: str = ""


# -- what programs say


def announced_in(lines: Iterable[str]) -> tuple[Announcement, ...]:
    """What the lines of a log announce, sequences and all; for each port, its last start counts."""
    found: dict[int, Announcement] = {}
    starts = False
    for line in lines:
        if len(line) > _LONGEST_LINE or not any(word in line for word in _WORDS):
            starts = False
            continue
        text = without_sequences(line.rstrip("\r\n"))
        tensorboard = _TENSORBOARD.search(text)
        if tensorboard is not None:
            _add(found, _announced(ServiceKind.TENSORBOARD, tensorboard))
            continue
        # notebook 4 says where in the same line
        starts_here = _JUPYTER_STARTS.search(text) is not None
        match = _LAST_ON_LINE.search(text)
        is_address = match is not None and not _NO_ANNOUNCEMENT.search(text[: match.start()])
        if match is not None and is_address and (starts or starts_here or _token_in(match) is not None):
            _add(found, _announced(ServiceKind.JUPYTER, match))
        # the addresses of one start stand in lines of their own right below
        starts = starts_here or (starts and is_address)
    return tuple(found.values())


def announced_in_list(text: str) -> tuple[Announcement, ...]:
    """Running servers from what `jupyter server list` prints (`lab list` and `notebook list`, too).

    With `--json` that is an object a line, with `--jsonlist` one list, else a line
    `http://host:8888/?token=… :: /folder` for each.
    """
    found: dict[int, Announcement] = {}
    for entry in _json_entries(text):
        _add(found, _from_server_info(entry))
    for line in text.splitlines():
        match = _LISTED.match(without_sequences(line))
        if match is not None:
            _add(found, _announced(ServiceKind.JUPYTER, match))
    return tuple(found.values())


def told_token(command: Sequence[str], environment: Sequence[str]) -> str | None:
    """The token that a container gives its Jupyter: by an option, or in JUPYTER_TOKEN; "" for none at all."""
    options = [option["token"] for option in _TOKEN_OPTION.finditer(" ".join(command))]
    if options:
        # the last one counts, as for Jupyter
        return str(options[-1])
    values = dict(entry.partition("=")[::2] for entry in environment)
    return values.get("JUPYTER_TOKEN")


def names_jupyter(texts: Iterable[str]) -> bool:
    """Whether an image, a command or a process is a Jupyter's, by its name."""
    return any(re.search(r"jupyter|start-(?:notebook|singleuser)", text, re.IGNORECASE) for text in texts)


def _add(found: dict[int, Announcement], announcement: Announcement | None) -> None:
    if announcement is not None:
        found.pop(announcement.port, None)
        found[announcement.port] = announcement


def _announced(kind: ServiceKind, match: re.Match[str]) -> Announcement | None:
    port = int(match["port"])
    if not 0 < port <= _HIGHEST_PORT:
        return None
    token = _token_in(match) if kind is ServiceKind.JUPYTER else None
    path = match["path"] or "/"
    return Announcement(
        kind,
        port,
        path,
        # a token that a person chose is not told
        token=None if token in ("...", "") else token,
        is_open=False if token else None,
        is_secure=match["scheme"] == "https",
        title=jupyter_title(path) if kind is ServiceKind.JUPYTER else f"TensorBoard {match['version']}",
    )


def _token_in(match: re.Match[str]) -> str | None:
    tokens = parse_qs(match["query"] or "", keep_blank_values=True).get("token")
    return tokens[-1] if tokens else None


def _json_entries(text: str) -> Iterator[Mapping[str, object]]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        parsed: list[object] = []
        for line in text.splitlines():
            try:
                parsed.append(json.loads(line))
            except (ValueError, RecursionError):
                continue
    else:
        parsed = whole if isinstance(whole, list) else [whole]
    for entry in parsed:
        if isinstance(entry, dict):
            yield entry


def _from_server_info(entry: Mapping[str, object]) -> Announcement | None:
    port, token, base = entry.get("port"), entry.get("token"), entry.get("base_url")
    if not isinstance(port, int) or not 0 < port <= _HIGHEST_PORT:
        # 0 for one on a unix socket
        return None
    path = base if isinstance(base, str) and re.fullmatch(r"/[A-Za-z0-9._~%/+@:=,-]*", base) else "/"
    has_token = isinstance(token, str) and bool(token)
    # jupyter_server 2 says "password": false also where it asks for one
    asks = has_token or bool(entry.get("password"))
    return Announcement(
        ServiceKind.JUPYTER,
        port,
        path,
        token=str(token) if has_token else None,
        is_open=False if asks else None,
        is_secure=bool(entry.get("secure")),
        title=jupyter_title(path),
    )


def jupyter_title(path: str) -> str:
    """What a Jupyter is called by the path of its first page."""
    return _FRONT_ENDS.get(path.rstrip("/").rpartition("/")[2], "Jupyter")


def base_of(path: str) -> str:
    """What all pages of a Jupyter begin with, by the path of its first one."""
    folder, _, page = path.rstrip("/").rpartition("/")
    return f"{folder}/" if page in _FRONT_ENDS else f"{path.rstrip('/')}/"


# -- where it is from here


@dataclass(frozen=True, slots=True)
class Address:
    """Where a port of a container is reached from this host.

    Attributes:
        host: name or IP address, without brackets.
    """

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container's ports are.

    Attributes:
        ports: published and exposed ones.
        network_mode: "host" means that its ports are the host's.
        engine_host: the engine's host where that is another than this one, None for this one.
    """

    ports: tuple[Port, ...]
    network_mode: str = ""
    engine_host: str | None = None

    def published(self, port: int | None = None) -> list[Port]:
        """The TCP ports that are published: all, or as what one of the container's is."""
        return [
            each
            for each in self.ports
            if each.host_port is not None
            and each.protocol == "tcp"
            and (port is None or each.container_port == port)
        ]

    def address_of(self, port: int) -> Address | None:
        """Where a TCP port of the container is reached from here; None where it can't be."""
        if self.network_mode == HOST_NETWORK:
            return Address(self.engine_host or "127.0.0.1", port)
        reachable = [each for each in self.published(port) if not self._is_over_there(each)]
        if not reachable:
            return None
        best = min(reachable, key=lambda each: (_preference(each.host_ip), each.host_port))
        assert best.host_port is not None
        return Address(_reached_at(best.host_ip, self.engine_host), best.host_port)

    def why_unreachable(self, port: int) -> str:
        """Why there is no address for a port, and what to do."""
        if self.network_mode.startswith("container:"):
            return "it uses another container's network: look at that one's ports"
        if self.published(port):
            return f"port {port} is published on {self.engine_host}'s loopback only: forward it (ssh -L)"
        return f"port {port} is not published: recreate the container with -p {port}:{port}"

    def _is_over_there(self, port: Port) -> bool:
        """On the loopback of another host."""
        return self.engine_host is not None and _preference(port.host_ip) in _LOOPBACK_PREFERENCES


def url_of(address: Address, path: str = "/", token: str | None = None, is_secure: bool = False) -> str:
    """The address as a browser takes it."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    query = f"?token={quote(token, safe='')}" if token else ""
    return f"{'https' if is_secure else 'http'}://{host}:{address.port}{path or '/'}{query}"


_LOOPBACK_PREFERENCES = (1, 3)


def _preference(host_ip: str | None) -> int:
    """Every address first, then loopback, then a single one; IPv4 before IPv6."""
    if not host_ip:
        return 0
    try:
        parsed = ip_address(host_ip)
    except ValueError:
        return 6
    is_v6 = isinstance(parsed, IPv6Address)
    if parsed.is_unspecified:
        return 2 if is_v6 else 0
    if parsed.is_loopback:
        return 3 if is_v6 else 1
    return 5 if is_v6 else 4


def _reached_at(host_ip: str | None, engine_host: str | None) -> str:
    """The host's address for a published port: of every address the one that is nearest."""
    if host_ip in (None, "", "0.0.0.0"):
        return engine_host or "127.0.0.1"
    if host_ip == "::":
        # published on IPv6 only, or else 0.0.0.0 would have come before it
        return engine_host or "::1"
    return str(host_ip)


def compose(
    announcements: Iterable[Announcement],
    findings: Mapping[int, Finding],
    place: Place,
    why_no_token: str = "",
) -> tuple[Service, ...]:
    """The services of a container from what its programs say and what answers.

    Args:
        announcements: of its programs.
        findings: what answers, by the port inside the container.
        place: where its ports are.
        why_no_token: said of a Jupyter that asks for a token which nobody told.
    """
    announced = {each.port: each for each in announcements}
    made = [
        _announced_service(each, findings.get(each.port), place, why_no_token) for each in announced.values()
    ]
    for port, finding in findings.items():
        address = place.address_of(port)
        if port not in announced and address is not None:
            made.append(_found_service(port, finding, address, why_no_token))
    kinds = list(ServiceKind)
    made.sort(key=lambda each: (each.url is None, kinds.index(each.kind), each.container_port))
    return tuple(made)


def _announced_service(
    told: Announcement, finding: Finding | None, place: Place, why_no_token: str
) -> Service:
    address = place.address_of(told.port)
    is_open = told.is_open if finding is None or finding.is_open is None else finding.is_open
    # where nobody is asked for a token it is nothing to hide, and Jupyter takes any
    token = None if is_open else told.token
    if address is None:
        note = place.why_unreachable(told.port)
    elif finding is None:
        note = "nothing answers there: does it listen on 0.0.0.0 in the container?"
    elif told.kind is ServiceKind.JUPYTER and token is None and is_open is not True:
        note = why_no_token
    else:
        note = finding.note
    return Service(
        told.kind,
        _title(told, finding),
        None if address is None else url_of(address, told.path, token, told.is_secure),
        told.port,
        None if address is None else address.port,
        token,
        is_open,
        note,
    )


def _title(told: Announcement, finding: Finding | None) -> str:
    """By the first page where that says it; a page that asks for a token has the server's title only."""
    if finding is None or finding.kind is not told.kind or told.title in _FRONT_ENDS.values():
        return told.title
    return finding.title or told.title


def _found_service(port: int, finding: Finding, address: Address, why_no_token: str) -> Service:
    wants_token = finding.kind is ServiceKind.JUPYTER and not finding.is_open
    return Service(
        finding.kind,
        finding.title,
        url_of(address, finding.path, None, finding.is_secure),
        port,
        address.port,
        is_open=finding.is_open,
        note=why_no_token if wants_token else finding.note,
    )


# -- what is shown


def masked(token: str) -> str:
    """A token for the screen: its beginning, where that gives nothing away, and dots."""
    return (token[:_SHOWN_OF_TOKEN] if len(token) >= _LONG_TOKEN else "") + _DOTS


def masked_url(service: Service) -> str:
    """The address for the screen, its token masked; "" where there is none."""
    if service.url is None or service.token is None:
        return service.url or ""
    without = service.url.removesuffix(quote(service.token, safe=""))
    return f"{without}{masked(service.token)}"


def why_none(container: Container) -> str:
    """Why no service of a container is shown, as a sentence."""
    if not container.is_alive:
        return "It does not run."
    if container.network_mode == HOST_NETWORK:
        return "It uses the host's network, and nothing in its log says where it listens."
    if not any(port.host_port is not None and port.protocol == "tcp" for port in container.ports):
        return "It publishes no port: recreate it with -p HOST:CONTAINER."
    return "Nothing speaks HTTP on its published ports."
