"""Connections to real OpenSSH servers, and to what is none: each failure has its own words, nothing stays."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rig.bad_network import BadNetwork
from tests.rig.sshd import Sshd, free_port
from tests.rig.waiting import until
from tests.ssh.asking import Somebody
from tui.backends.ssh.configuration import SshHost, resolve
from tui.backends.ssh.connection import Connection
from tui.model.errors import (
    AuthenticationFailed,
    ChannelRefused,
    HostKeyChanged,
    HostKeyUnknown,
    SshError,
    SshLost,
    SshNotSpoken,
    SshSilent,
    SshUnreachable,
)

# Within this, and the time that a step may take, everything has to be told.
SECONDS = 2.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with Sshd(tmp_path) as sshd:
        yield sshd


def host_of(server: Sshd, **changes: object) -> SshHost:
    host = SshHost(
        "box", "127.0.0.1", server.port, server.user,
        identity_files=(str(server.client_key),), identities_only=True, identity_agent="none",
        user_known_hosts=(str(server.known_hosts()),), connect_seconds=SECONDS,
    )  # fmt: skip
    return replace(host, **changes)  # type: ignore[arg-type]


@contextlib.contextmanager
def connected(host: SshHost, somebody: Somebody | None = None) -> Iterator[Connection]:
    connection = Connection.open(host, somebody or Somebody())
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No thread, no file, no child of ours outlives a test."""
    threads, files = set(threading.enumerate()), _open_files()
    yield
    until(
        lambda: (
            not [
                each
                for each in set(threading.enumerate()) - threads
                if not each.name.startswith("bad-network")
            ]
        ),
        20,
        lambda: f"threads left: {set(threading.enumerate()) - threads}",
    )
    until(lambda: _open_files() <= files, 20, lambda: f"files left: {_open_files()} instead of {files}")
    until(lambda: not _zombies(), 10, lambda: f"zombies left: {_zombies()}")


def _open_files() -> int:
    sockets = [os.readlink(each) for each in _descriptors()]
    return len([each for each in sockets if each.startswith("socket:")])


def _descriptors() -> Iterator[str]:
    for each in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{each}"
        if os.path.islink(path):
            yield path


def _zombies() -> list[str]:
    found = []
    for path in Path("/proc/self/task").glob("*/children"):
        for pid in path.read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    found.append(pid)
    return found


def refused(host: SshHost, kind: type[SshError], config_file: str | None = None) -> SshError:
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        Connection.open(host, Somebody(), config_file=config_file)
    # a step is given up; how long the machine takes beyond that is its own affair
    assert time.monotonic() - began < 3 * SECONDS + 15
    assert caught.value.title and caught.value.detail
    return caught.value


def test_a_command_runs_with_modern_ciphers(server: Sshd) -> None:
    with connected(host_of(server)) as connection:
        channel = connection.channel("echo there; exit 7", None, 10)
        block = channel.read()
        assert block is not None and block[1] == b"there\n"
        assert channel.read() is None and channel.outcome(10).status == 7
        assert "gcm" in connection.cipher


def test_a_name_that_nobody_knows(server: Sshd) -> None:
    error = refused(host_of(server, hostname="no-such-host.invalid"), SshUnreachable)
    assert error.step == "connect" and "is not known" in error.detail


def test_a_port_where_nobody_listens(server: Sshd) -> None:
    error = refused(host_of(server, port=free_port()), SshUnreachable)
    assert "nothing listens at 127.0.0.1:" in error.detail


def test_a_server_that_never_greets(server: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = refused(host_of(server, port=listener.getsockname()[1]), SshSilent)
    assert error.step == "banner" and "no greeting came within 2 s" in error.detail


def _serving(answer: bytes) -> Callable[[socket.socket], None]:
    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            with client:
                client.sendall(answer)
                client.recv(1000)

    return serve


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 400"),
        (b"\x1b[31mred\r\n", "\\x1b[31mred"),
        (b"220 mail ready\r\n", "220 mail"),
    ],
)
def test_what_is_no_ssh_server_is_shown_harmlessly(server: Sshd, answer: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serving(answer), args=(listener,))
        thread.start()
        error = refused(host_of(server, port=listener.getsockname()[1]), SshNotSpoken)
    thread.join(10)
    assert words in error.detail and "\x1b" not in error.one_line()


def test_one_that_hangs_up_at_once(server: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        error = refused(host_of(server, port=listener.getsockname()[1]), SshNotSpoken)
    thread.join(10)
    assert "MaxStartups" in error.hint


def test_one_that_greets_and_is_silent_then(server: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def greet() -> None:
            client, _ = listener.accept()
            client.sendall(b"SSH-2.0-Frozen\r\n")
            held.append(client)

        thread = threading.Thread(target=greet)
        thread.start()
        error = refused(host_of(server, port=listener.getsockname()[1]), SshError)
    thread.join(10)
    held[0].close()
    assert "silent" in error.detail or "hung up" in error.title


def test_nothing_in_common_is_named(tmp_path: Path) -> None:
    with Sshd(tmp_path, extra=["Ciphers aes128-cbc"]) as server:
        error = refused(host_of(server), SshNotSpoken)
    assert "nothing in common" in error.title


def test_an_unknown_key_is_asked_about_and_a_changed_one_is_not(server: Sshd, tmp_path: Path) -> None:
    fresh = host_of(server, user_known_hosts=(str(tmp_path / "fresh"),))
    assert refused(fresh, HostKeyUnknown).step == "host key"
    somebody = Somebody(accepts=True)
    with connected(fresh, somebody):
        assert len(somebody.host_keys) == 1
    with connected(fresh):
        pass
    server.stop()
    server.new_host_keys()
    server.start()
    error = refused(fresh, HostKeyChanged)
    assert isinstance(error, HostKeyChanged) and error.offered and error.known and error.lines


def test_another_key_than_the_pinned_one(server: Sshd) -> None:
    refused(host_of(server, pinned_keys=(b"\0\0\0\x0bssh-ed25519" + b"\0" * 36,)), HostKeyChanged)


def test_a_refused_login_leaves_nothing(server: Sshd) -> None:
    error = refused(host_of(server, identity_files=()), AuthenticationFailed)
    assert error.step == "authentication"


def test_a_frozen_server_is_noticed_while_connecting(server: Sshd) -> None:
    server.freeze()
    try:
        error = refused(host_of(server), SshSilent)
    finally:
        server.thaw()
    assert error.step == "banner"


def lost_words(connection: Connection, act: Callable[[], None]) -> str:
    """What is told of a session whose connection breaks."""
    channel = connection.channel("echo up; cat", None, 10)
    assert channel.read() is not None
    act()
    assert channel.read() is None
    words = channel.outcome(1).lost
    with pytest.raises(SshLost):
        channel.send(b"x" * (1 << 22))
    return words


def quick(host: SshHost) -> SshHost:
    return replace(host, alive_seconds=0.3, alive_grace_seconds=1.5)


def test_a_server_that_freezes_in_a_session_is_noticed(server: Sshd) -> None:
    with connected(quick(host_of(server))) as connection:
        try:
            assert lost_words(connection, server.freeze) == "no answer for 2 s"
        finally:
            server.thaw()


def test_a_stalled_line_is_noticed(server: Sshd) -> None:
    with BadNetwork(server.port) as network:
        known = (str(server.known_hosts(port=network.port)),)
        host = quick(host_of(server, port=network.port, user_known_hosts=known))
        with connected(replace(host, user_known_hosts=(str(server.known_hosts(port=network.port)),))) as it:
            until(lambda: it.round_trip_seconds)
            assert "no answer" in lost_words(it, network.stall)


def test_a_line_that_is_cut_is_noticed(server: Sshd) -> None:
    with BadNetwork(server.port) as network:
        host = host_of(server, port=network.port)
        with connected(replace(host, user_known_hosts=(str(server.known_hosts(port=network.port)),))) as it:
            assert lost_words(it, network.reset)


def test_a_server_that_kills_the_connection_is_noticed(server: Sshd) -> None:
    with connected(host_of(server)) as connection:
        assert lost_words(connection, server.drop_connections)


def test_a_server_without_room_for_a_session_says_so(tmp_path: Path) -> None:
    with Sshd(tmp_path, extra=["MaxSessions 1"]) as server, connected(host_of(server)) as connection:
        connection.channel("cat", None, 10)
        with pytest.raises(ChannelRefused):
            connection.channel("cat", None, 10)


def test_closing_ends_a_read_that_waits(server: Sshd) -> None:
    connection = Connection.open(host_of(server), Somebody())
    channel = connection.channel("cat", None, 10)
    thread = threading.Thread(target=channel.read)
    thread.start()
    channel.close()
    thread.join(10)
    assert not thread.is_alive()
    connection.close()


# -- jump hosts and proxy commands


def chain(tmp_path: Path, servers: dict[str, Sshd], jumps: dict[str, str]) -> str:
    """A configuration of ssh with a host a server, in an included file, and how they are reached."""
    known = tmp_path / "known"
    known.write_text("".join(server.known_hosts().read_text() for server in servers.values()))
    included, config = tmp_path / "included", tmp_path / "config"
    included.write_text(
        "".join(
            f"Host {name}\n HostName 127.0.0.1\n Port {server.port}\n IdentityFile {server.client_key}\n"
            + (f" ProxyJump {jumps[name]}\n" if name in jumps else "")
            for name, server in servers.items()
        )
    )
    user = next(iter(servers.values())).user
    config.write_text(
        f"Include {included}\nHost *\n User {user}\n IdentitiesOnly yes\n IdentityAgent none\n"
        f" UserKnownHostsFile {known}\n StrictHostKeyChecking yes\n ConnectTimeout 5\n"
    )
    return str(config)


@contextlib.contextmanager
def three(tmp_path: Path) -> Iterator[dict[str, Sshd]]:
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Sshd(tmp_path, name=name)) for name in ("one", "two", "three")}


@pytest.mark.parametrize("jumps", [{"three": "one,two"}, {"three": "two", "two": "one"}])
def test_two_jumps(tmp_path: Path, jumps: dict[str, str]) -> None:
    with three(tmp_path) as servers:
        config = chain(tmp_path, servers, jumps)
        somebody = Somebody()
        connection = Connection.open(resolve("three", config), somebody, config_file=config)
        channel = connection.channel("echo $SSH_CONNECTION", None, 10)
        block = channel.read()
        assert block is not None and int(block[1].split()[3]) == servers["three"].port
        assert [words for words in somebody.told if words.startswith("through")] == [
            "through one", "through two",
        ] or "through two" in somebody.told  # fmt: skip
        connection.close()


def test_a_dead_jump_host_is_named(tmp_path: Path) -> None:
    with three(tmp_path) as servers:
        config = chain(tmp_path, servers, {"three": "one,two"})
        host = replace(resolve("three", config), connect_seconds=SECONDS)
        servers["two"].stop()
        error = refused(host, SshUnreachable, config)
    assert "two" in error.title and "does not get to" in error.detail


def test_a_jump_host_that_refuses_the_key_is_named(tmp_path: Path) -> None:
    with three(tmp_path) as servers:
        config = chain(tmp_path, servers, {"three": "one"})
        servers["one"].authorize(servers["two"].client_key)
        error = refused(resolve("three", config), AuthenticationFailed, config)
    assert error.title.startswith("jump host one:")


def test_jumps_in_a_circle_are_told(tmp_path: Path) -> None:
    with three(tmp_path) as servers:
        config = chain(tmp_path, servers, {"one": "two", "two": "one"})
        error = refused(resolve("one", config), SshUnreachable, config)
    assert "Too many jump hosts" in error.title


_RELAY = """
import os, socket, sys, threading
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def forth():
    while data := os.read(0, 9999):
        sock.sendall(data)
threading.Thread(target=forth, daemon=True).start()
while data := sock.recv(9999):
    os.write(1, data)
"""


def test_a_proxy_command_leads_there_and_its_end_is_noticed(server: Sshd, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    (tmp_path / "relay.py").write_text(_RELAY)
    relay = f"{sys.executable} -I -S {tmp_path}/relay.py {server.port}"
    script = tmp_path / "proxy"
    script.write_text(f"#!/bin/sh\necho $$ > {pid_file}\nexec {relay}\n")
    script.chmod(0o755)
    with connected(host_of(server, proxy_command=str(script))) as connection:
        began = time.process_time()
        assert lost_words(connection, lambda: os.kill(int(pid_file.read_text()), 9))
        # paramiko's own would be busy for ever
        assert time.process_time() - began < 5


def test_a_proxy_command_that_fails_is_quoted(server: Sshd) -> None:
    host = host_of(server, proxy_command="sh -c 'echo no route to host >&2; exit 1'")
    error = refused(host, SshUnreachable)
    assert "proxy command" in error.title and error.detail == "no route to host"


def test_a_proxy_command_that_says_nothing_is_given_up_and_ended(server: Sshd, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    host = host_of(server, proxy_command=f"sh -c 'echo $$ > {pid_file}; sleep 1000 & wait'")
    assert refused(host, SshSilent).step == "banner"
    until(lambda: not Path(f"/proc/{pid_file.read_text().strip()}").exists())


def test_what_a_proxy_command_says_at_its_end_is_told(server: Sshd, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    (tmp_path / "relay.py").write_text(_RELAY)
    script = tmp_path / "proxy"
    # what it leaves in the background keeps its error output open
    relay = f"{sys.executable} -I -S {tmp_path}/relay.py {server.port}"
    script.write_text(
        f"#!/bin/sh\nexec 3<&0\n{relay} <&3 & echo $! > {pid_file}\n"
        f"sleep 1000 </dev/null >/dev/null 3<&- &\nwait $(cat {pid_file})\necho vpn went away >&2\n"
    )
    script.chmod(0o755)
    with connected(host_of(server, proxy_command=str(script))) as connection:
        assert "vpn went away" in lost_words(connection, lambda: os.kill(int(pid_file.read_text()), 9))
