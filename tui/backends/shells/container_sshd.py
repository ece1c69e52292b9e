"""The sshd of a container: whether there is one, what leads to it, and whether a key gets somebody in.

Only looked at: nothing is written in the container.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from tui.backends.deadline import Deadline
from tui.backends.docker import exec as engine_exec
from tui.backends.docker.archive import ContainerFiles, TooMuch
from tui.backends.docker.http import EngineHttp
from tui.backends.shells.accounts import Account
from tui.backends.shells.authorized_keys import why_distrusted
from tui.backends.shells.sshd_settings import (
    SshdSettings,
    parse_configuration,
    parse_effective,
    why_no_key_login,
)
from tui.backends.ssh.fingerprints import kind_of
from tui.model.containers import Container
from tui.model.errors import Conflict, EngineRefused, NoSuchContainer
from tui.model.printable import printable

_PROGRAMS = ("/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd", "/usr/local/bin/sshd")
_DROPBEARS = ("/usr/sbin/dropbear", "/usr/bin/dropbear", "/usr/local/sbin/dropbear")
_CONFIGURATION_FOLDER = "/etc/ssh"
_CONFIGURATION_BYTES = 1 << 18
# A name that stands in `sshd -C user=…,host=…` without meaning anything there.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.$-]*")
_MISSING_FOLDER = re.compile(r"Missing privilege separation directory: (/\S+)")
_NO_HOST_KEYS = "no hostkeys available"
_NOLOGIN_FILE = "/etc/nologin"
_EVERY_ADDRESS = ("", "0.0.0.0", "::")
_ROOT = "0"


@dataclass(frozen=True, slots=True)
class ContainerSshd:
    """What is known of it.

    Attributes:
        program: absolute path in the container, "" for none.
        ports: in the container, on which it listens if it runs as it is configured.
        published: host and port of this side that lead to one of them; something else may answer there.
        authorized_keys: absolute path in the container, "" for none.
        host_keys: in wire form.
        problem: why SSH can't work, as a sentence without its end; "" where nothing speaks against it.
        missing_folder: the folder whose absence is the problem: once it is made (root, 0755), SSH works.
    """

    program: str = ""
    ports: tuple[int, ...] = ()
    published: tuple[tuple[str, int], ...] = ()
    authorized_keys: str = ""
    host_keys: tuple[bytes, ...] = ()
    problem: str = ""
    missing_folder: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """Settings, and what sshd itself has against running."""

    settings: SshdSettings
    complaint: str = ""
    missing_folder: str = ""


def find_sshd(
    http: EngineHttp,
    container_id: str,
    container: Container,
    account: Account,
    engine_host: str,
    deadline: Deadline,
) -> ContainerSshd:
    """Look for a container's sshd and what it says of an account.

    Args:
        http: the engine's.
        container_id: full id.
        container: it runs.
        account: that is to be logged into.
        engine_host: where ports are reached that are published on every address.
        deadline: for everything.

    Raises:
        NoSuchContainer: it is gone.
        Conflict: it does not run, or is paused.
        EngineError: the engine can't be asked.
    """
    files = ContainerFiles(http, container_id, deadline)
    program = find_program(files)
    if not program:
        return ContainerSshd(problem=_why_no_program(files))
    groups = _groups(files.read("/etc/group") or b"", account)
    read = _read_settings(http, container_id, files, program, account, groups, deadline)
    settings = read.settings
    path = settings.authorized_keys(account)
    host_keys = tuple(_host_keys(files, settings.host_keys))
    problem = why_no_key_login(settings, account, groups, _is_locked(files, account)) or read.complaint
    if not problem and not host_keys:
        problem = "its sshd has no host keys that can be read: ssh-keygen -A makes them in the container"
    if not problem and account.uid != 0 and files.exists(_NOLOGIN_FILE):
        problem = f"{_NOLOGIN_FILE} keeps everybody but root out"
    if not problem and settings.first("strictmodes", "yes").lower() != "no":
        problem = why_distrusted(http, container_id, account, path, deadline)
    return ContainerSshd(
        program,
        settings.ports,
        published_ports(container, settings.ports, engine_host),
        path,
        host_keys,
        problem,
        read.missing_folder if problem == read.complaint else "",
    )


def find_program(files: ContainerFiles) -> str:
    """Absolute path of a container's sshd, "" for none. Raises an EngineError."""
    return _first_there(files, _PROGRAMS)


def _why_no_program(files: ContainerFiles) -> str:
    if _first_there(files, _DROPBEARS):
        return "its SSH server is dropbear, which envtui does not know"
    return "there is no sshd in it"


def _first_there(files: ContainerFiles, paths: Sequence[str]) -> str:
    for path in paths:
        found = files.stat(path)
        if found is not None and not found.is_folder:
            return path
    return ""


def _read_settings(
    http: EngineHttp,
    container_id: str,
    files: ContainerFiles,
    program: str,
    account: Account,
    groups: Sequence[str],
    deadline: Deadline,
) -> _Read:
    """Sshd's own words for its settings; where it has none, its files."""
    said = ""
    if _PLAIN_NAME.fullmatch(account.name):
        connection = f"user={account.name},host=localhost,addr=127.0.0.1"
        argv = (program, "-T", "-C", connection)
        try:
            told = engine_exec.run(http, container_id, argv, deadline.remaining(), user=_ROOT)
        except (NoSuchContainer, Conflict):
            raise
        except EngineRefused:
            # an engine may forbid exec, and its archives still say what is configured
            told = engine_exec.ExecResult(b"", b"", None)
        if told.exit_code == 0:
            return _Read(parse_effective(_text(told.stdout)))
        said = _text(told.stderr)
    text = _text(files.read(f"{_CONFIGURATION_FOLDER}/sshd_config", _CONFIGURATION_BYTES))
    settings = parse_configuration(text, account, groups, lambda pattern: _included(files, pattern))
    missing = _MISSING_FOLDER.search(said)
    if missing:
        complaint = f"{printable(missing[1])} is missing in it, and sshd does not run without"
        return _Read(settings, complaint, missing[1])
    if _NO_HOST_KEYS in said:
        return _Read(settings, "its sshd has no host keys: ssh-keygen -A makes them in the container")
    # the first line names the option, the last one counts them
    first = next((line for line in said.splitlines() if "config" in line.lower()), "").strip()
    return _Read(settings, f"its sshd refuses its configuration ({printable(first)})" if first else "")


def _included(files: ContainerFiles, pattern: str) -> list[str]:
    """Contents of what a pattern of Include means; only the last part of a path may have signs in it."""
    folder, name = os.path.split(os.path.join(_CONFIGURATION_FOLDER, pattern))
    if not any(sign in name for sign in "*?["):
        return [_text(files.read(f"{folder}/{name}", _CONFIGURATION_BYTES))]
    if not files.exists(folder):
        return []
    found: dict[str, str] = {}
    entries = files.members(folder, _CONFIGURATION_BYTES)
    with contextlib.suppress(TooMuch), contextlib.closing(entries):
        for below, _, content in entries:
            if content and "/" not in below and fnmatch.fnmatchcase(below, name):
                found[below] = _text(content.read())
    return [found[each] for each in sorted(found) if not each.startswith(".")]


def _groups(group_file: bytes, account: Account) -> tuple[str, ...]:
    """Names of an account's groups, by /etc/group."""
    names = []
    for line in _text(group_file).split("\n"):
        fields = line.split(":")
        is_group = len(fields) == 4
        if is_group and (fields[2] == str(account.gid) or account.name in fields[3].split(",")):
            names.append(fields[0])
    return tuple(names)


def _is_locked(files: ContainerFiles, account: Account) -> bool:
    """Whether the password field begins with "!"; no more than that is looked at."""
    name = account.name.encode("utf-8", "surrogateescape")
    shadow = files.read("/etc/shadow") or b""
    return any(line.startswith(name + b":!") for line in shadow.split(b"\n"))


def _host_keys(files: ContainerFiles, paths: Sequence[str]) -> Iterator[bytes]:
    for path in paths:
        words = _text(files.read(f"{path}.pub")).split()
        if len(words) < 2:
            continue
        with contextlib.suppress(ValueError, binascii.Error):
            blob = base64.b64decode(words[1], validate=True)
            if kind_of(blob) == words[0]:
                yield blob


def published_ports(
    container: Container, ports: Sequence[int], engine_host: str
) -> tuple[tuple[str, int], ...]:
    """Host and port of this side that lead to ports of a container, as it is listed now."""
    return tuple(_published(container, ports, engine_host))


def _published(container: Container, ports: Sequence[int], engine_host: str) -> Iterator[tuple[str, int]]:
    """Where this side reaches its ports; the loopback of another machine can't be."""
    seen = set()
    for port in container.ports:
        if port.protocol != "tcp" or port.host_port is None or port.container_port not in ports:
            continue
        host = port.host_ip or ""
        if _is_loopback(host) and not _is_loopback(engine_host):
            continue
        address = (engine_host if host in _EVERY_ADDRESS else host, port.host_port)
        if address not in seen:
            seen.add(address)
            yield address


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")
