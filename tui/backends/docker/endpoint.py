"""Which engine to talk to, found in the docker command line's own order, then rootless, then Podman."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tui.model.errors import EngineNotFound, EngineUnreachable

ACCEPTED = "accepted: unix:///path, tcp://host:port, or the name of a docker context"
DEFAULT_SOCKET = "/var/run/docker.sock"
# docker's own ports: 2375 in clear text, 2376 with TLS
_CLEAR_PORT, _TLS_PORT = 2375, 2376


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files for TLS, as DOCKER_CERT_PATH holds them; each may be absent."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine listens.

    Attributes:
        url: as written for `--host`.
        origin: who named it: "--host", "DOCKER_HOST", "context box", "default", …
        socket_path: for unix sockets, else None.
        tcp_host, tcp_port: for TCP.
        tls: for TCP with TLS.
    """

    url: str
    origin: str
    socket_path: str | None = None
    tcp_host: str = ""
    tcp_port: int = 0
    tls: TlsFiles | None = None


def find(host: str | None, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint for `--host` (URL or context name), or the first that the surroundings name.

    Order as in the docker command line (docs.docker.com, "docker context"): an explicit host,
    DOCKER_HOST, DOCKER_CONTEXT, the current context, the default socket; then, where that socket
    does not exist, a rootless engine's and Podman's.

    Raises:
        EngineUnreachable: `host` or a variable is malformed.
        EngineNotFound: it names a context that does not exist.
    """
    if host:
        if "://" in host:
            return _parse(host, "--host", environ)
        return _from_context(host, "--host", environ)
    if environ.get("DOCKER_HOST"):
        return _parse(environ["DOCKER_HOST"], "DOCKER_HOST", environ)
    context = environ.get("DOCKER_CONTEXT") or _current_context(environ)
    if context and context != "default":
        return _from_context(context, f"context {context}", environ)
    return _default(environ)


def _default(environ: Mapping[str, str]) -> Endpoint:
    if not _is_socket(DEFAULT_SOCKET):
        runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        for origin, path in (
            ("rootless", f"{runtime}/docker.sock"),
            ("podman", f"{runtime}/podman/podman.sock"),
            ("podman", "/run/podman/podman.sock"),
        ):
            if _is_socket(path):
                return Endpoint(f"unix://{path}", origin, socket_path=path)
    return Endpoint(f"unix://{DEFAULT_SOCKET}", "default", socket_path=DEFAULT_SOCKET)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def _parse(url: str, origin: str, environ: Mapping[str, str], tls: TlsFiles | None = None) -> Endpoint:
    scheme, _, rest = url.partition("://")
    if any(ord(character) < 33 or ord(character) == 127 for character in url):
        raise _malformed(url, origin, "it holds a blank or control character")
    if scheme == "unix":
        if not rest.startswith("/"):
            raise _malformed(url, origin, "the socket's path must start with /")
        return Endpoint(url, origin, socket_path=rest)
    if scheme in ("tcp", "http", "https"):
        try:
            from urllib.parse import urlsplit

            parts = urlsplit(f"tcp://{rest}")
            name, port = parts.hostname, parts.port
        except ValueError as error:
            raise _malformed(url, origin, str(error)) from error
        if not name or parts.path not in ("", "/"):
            raise _malformed(url, origin, "it must be tcp://host:port")
        if tls is None and (scheme == "https" or _wants_tls(environ)):
            tls = _tls_files(environ)
        default_port = _TLS_PORT if tls else _CLEAR_PORT
        return Endpoint(url, origin, tcp_host=name, tcp_port=port or default_port, tls=tls)
    if scheme == "ssh":
        raise EngineUnreachable(
            f"Host {url} ({origin})", "hosts over SSH are not supported by this version", ACCEPTED
        )
    raise _malformed(url, origin, f"“{scheme}” is not a known kind of address")


def _malformed(url: str, origin: str, why: str) -> EngineUnreachable:
    return EngineUnreachable(f"Host {url!r} ({origin}) can't be used", why, ACCEPTED)


def _wants_tls(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("DOCKER_TLS_VERIFY") or environ.get("DOCKER_TLS"))


def _docker_folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or "/") / ".docker")


def _tls_files(environ: Mapping[str, str]) -> TlsFiles:
    folder = Path(environ.get("DOCKER_CERT_PATH") or _docker_folder(environ))
    # as for the docker command line, DOCKER_TLS without DOCKER_TLS_VERIFY means: encrypt, but trust anybody
    return _tls_in(folder, verify=bool(environ.get("DOCKER_TLS_VERIFY") or not environ.get("DOCKER_TLS")))


def _tls_in(folder: Path, verify: bool) -> TlsFiles:
    def present(name: str) -> str | None:
        path = folder / name
        return str(path) if path.is_file() else None

    return TlsFiles(present("ca.pem"), present("cert.pem"), present("key.pem"), verify)


def _current_context(environ: Mapping[str, str]) -> str | None:
    try:
        config = json.loads((_docker_folder(environ) / "config.json").read_bytes())
    except (OSError, ValueError):
        # no or a broken client configuration: the docker command line goes on with the default, too
        return None
    name = config.get("currentContext") if isinstance(config, dict) else None
    return name if isinstance(name, str) else None


def _from_context(name: str, origin: str, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint of a docker context, kept under the SHA-256 of its name (docker/cli, context store)."""
    if name == "default":
        return _default(environ)
    import hashlib

    digest = hashlib.sha256(name.encode()).hexdigest()
    contexts = _docker_folder(environ) / "contexts"
    meta_file = contexts / "meta" / digest / "meta.json"
    try:
        endpoint = json.loads(meta_file.read_bytes())["Endpoints"]["docker"]
        url = endpoint["Host"]
    except FileNotFoundError as error:
        raise EngineNotFound(
            f"Host {name!r} ({origin})", "there is no docker context of that name", ACCEPTED
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineNotFound(
            f"Host {name!r} ({origin})", f"its docker context can't be read: {error}", ACCEPTED
        ) from error
    tls_folder = contexts / "tls" / digest / "docker"
    tls = _tls_in(tls_folder, verify=not endpoint.get("SkipTLSVerify")) if tls_folder.is_dir() else None
    return _parse(str(url), f"context {name}", environ, tls)


def unreachable(endpoint: Endpoint, error: Exception) -> EngineUnreachable:
    """The error for a TCP endpoint that can't be reached."""
    return EngineUnreachable(
        f"Cannot reach the engine at {endpoint.url} ({endpoint.origin})",
        str(error),
        "Check the address, that the engine listens there, and the TLS files",
    )
