"""One SSH connection and everything that belongs to it: the way there, its keep-alive, its channels, its end.

paramiko's Transport, not its SSHClient: that one reads no Include, breaks on known_hosts with markers, asks
servers with every key of the agent, and waits for ever in several places.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import paramiko
from paramiko.ssh_exception import ChannelException, IncompatiblePeer, SSHException

from tui.backends.base import SessionQuestions
from tui.backends.ssh.authentication import authenticate
from tui.backends.ssh.channel import SshChannel, request_command, request_terminal, watch_exit_signals
from tui.backends.ssh.configuration import SshHost, parse_jump, resolve
from tui.backends.ssh.keep_alive import KeepAlive
from tui.backends.ssh.known_hosts import check_host_key, preferred_algorithms
from tui.backends.ssh.proxy_process import ProxyProcess
from tui.model.errors import ChannelRefused, SshError, SshLost, SshNotSpoken, SshSilent, SshUnreachable
from tui.model.printable import printable
from tui.model.sessions import Terminal

# AES-GCM costs a quarter less than counter mode with a MAC of its own; paramiko would try it last, and
# still offers CBC and MD5.
_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
_MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
# A chain of jump hosts that is longer goes in a circle.
_MOST_JUMPS = 8
# What is shown of an answer that is not SSH.
_SHOWN_BYTES = 60


class Connection:
    """An authenticated connection. Its owner closes it."""

    def __init__(self, transport: paramiko.Transport, host: SshHost, before: contextlib.ExitStack) -> None:
        """Args: authenticated; where to; what has to be closed after it."""
        self.host = host
        self._transport = transport
        self._before = before
        self._lock = threading.Lock()
        self._lost = ""
        self._is_closed = False
        self._alive = KeepAlive(transport, host.alive_seconds, host.alive_grace_seconds, self._lose)
        self._alive.start()

    @classmethod
    def open(
        cls,
        host: SshHost,
        questions: SessionQuestions,
        sock: Any = None,
        config_file: str | None = None,
    ) -> Connection:
        """Connect and log in.

        Args:
            host: where to, and with what.
            questions: who is asked on the way.
            sock: something connected to use instead of a connection of our own; closed with this one.
            config_file: of ssh, for jump hosts; None for the usual ones.

        Raises:
            SshUnreachable: name, network, jump host or proxy command fails.
            SshSilent: no answer in time; its `step` says where.
            SshNotSpoken: what answers does not speak SSH, or nothing that both sides accept.
            HostKeyError: its key is not the one that is known.
            AuthenticationFailed: it lets this user not in.
            SshError: anything else.
        """
        with contextlib.ExitStack() as stack:
            if sock is not None:
                stack.callback(sock.close)
            else:
                sock = _way(host, questions, config_file, stack, 0)
            transport = _begun(host, sock, questions, stack)
            watch_exit_signals(transport)
            return cls(transport, host, stack.pop_all())
        raise AssertionError

    def channel(self, command: str, terminal: Terminal | None, seconds: float) -> SshChannel:
        """Run a command.

        Args:
            command: for the account's shell.
            terminal: that it is shown in; None for none.
            seconds: for each answer of the server.

        Raises:
            ChannelRefused: the server does not open a session, or not run it.
            SshSilent: it does not answer.
            SshLost: the connection is gone.
        """
        channel = self._opened(seconds)
        try:
            if terminal is not None:
                request_terminal(channel, terminal, seconds)
            request_command(channel, command, seconds)
        except BaseException:
            with contextlib.suppress(SSHException, OSError, EOFError):
                channel.close()
            raise
        channel.settimeout(None)
        return SshChannel(self, channel, terminal is not None)

    @property
    def lost_reason(self) -> str:
        """Why the connection is gone, "" while it is not."""
        if not self._lost and not self._is_closed and not self._transport.is_active():
            error = self._transport.get_exception()
            said = printable(str(error)) if error is not None and str(error) else "the server hung up"
            self._lost = "the server hung up" if isinstance(error, EOFError) else said
            proxy = getattr(self._transport.sock, "proxy", None)
            if proxy is not None and proxy.words:
                self._lost = f"the proxy command ended: {proxy.words}"
        return self._lost

    @property
    def cipher(self) -> str:
        """The one that is used, for the curious."""
        return str(self._transport.local_cipher)

    @property
    def round_trip_seconds(self) -> float | None:
        """Of the last sign of life."""
        return self._alive.round_trip_seconds

    @property
    def silent_seconds(self) -> float:
        """Since when a sign of life is waited for."""
        return self._alive.silent_seconds

    def close(self) -> None:
        """End it and everything on the way to it. Any thread, any number of times."""
        with self._lock:
            self._is_closed = True
        self._alive.stop()
        self._transport.close()
        self._before.close()

    def _opened(self, seconds: float) -> paramiko.Channel:
        try:
            return self._transport.open_channel("session", timeout=seconds)
        except ChannelException as error:
            raise ChannelRefused(
                "The server opens no session",
                printable(error.text),
                "MaxSessions in its sshd_config bounds them",
            ) from error
        except (SSHException, OSError, EOFError) as error:
            if self._transport.is_active():
                raise SshSilent(
                    "The server does not answer", f"no session within {seconds:.0f} s", step="channel"
                ) from error
            raise SshLost("Connection lost", self.lost_reason) from error

    def _lose(self, reason: str) -> None:
        with self._lock:
            self._lost = self._lost or reason
        self._transport.close()


def silence_paramiko() -> None:
    """Its own log prints tracebacks of servers that hang up, over the screen; every failure is told by us."""
    logger = logging.getLogger("paramiko")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    logger.setLevel(logging.CRITICAL)


silence_paramiko()


# -- the way there


def _way(
    host: SshHost,
    questions: SessionQuestions,
    config_file: str | None,
    stack: contextlib.ExitStack,
    depth: int,
) -> Any:
    """Something connected to a host's sshd; what it needs is left to the stack."""
    if host.proxy_command:
        questions.progress(f"starting the proxy command for {host.alias}")
        proxy = ProxyProcess(host.proxy_command)
        stack.callback(proxy.close)
        return _ProxySocket(proxy)
    if not host.proxy_jump:
        return _connected(host, questions, stack)
    if depth + len(host.proxy_jump) > _MOST_JUMPS:
        raise SshUnreachable(
            f"Too many jump hosts before {host.alias}", " → ".join(host.proxy_jump), "Look at ProxyJump"
        )
    carrier: paramiko.Transport | None = None
    for jump in host.proxy_jump:
        user, name, port = parse_jump(jump)
        hop = resolve(name, config_file, user or None, port)
        questions.progress(f"through {hop.alias}")
        try:
            sock = (
                _way(hop, questions, config_file, stack, depth + 1)
                if carrier is None
                else _through(carrier, hop)
            )
            carrier = _begun(hop, sock, questions, stack)
        except SshError as error:
            raise _at_hop(error, hop) from error
    assert carrier is not None
    return _through(carrier, host)


def _at_hop(error: SshError, hop: SshHost) -> SshError:
    """The same error, saying that it is about a host on the way."""
    name = f"jump host {hop.alias}"
    if name not in error.title:
        error.title = f"{name}: {error.title}"
    return error


def _connected(host: SshHost, questions: SessionQuestions, stack: contextlib.ExitStack) -> socket.socket:
    place = f"{host.hostname}:{host.port}"
    questions.progress(f"connecting to {place}")
    title = f"{host.alias} can't be reached"
    try:
        sock = socket.create_connection((host.hostname, host.port), host.connect_seconds)
    except socket.gaierror as error:
        raise SshUnreachable(
            title, f"the name {printable(host.hostname)} is not known: {error.strerror}", "Check the name"
        ) from error
    except TimeoutError as error:
        raise SshUnreachable(
            title,
            f"no answer from {place} within {host.connect_seconds:.0f} s",
            "It may be off, or a firewall drops the connection",
        ) from error
    except ConnectionRefusedError as error:
        raise SshUnreachable(
            title, f"nothing listens at {place}", "Is its sshd running, on this port?"
        ) from error
    except (OSError, UnicodeError) as error:
        raise SshUnreachable(title, f"{place}: {error}", "Check the network") from error
    stack.callback(sock.close)
    # paramiko sets neither: keys would wait for one another, and a dead link would be noticed by the kernel
    # after a quarter of an hour
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    patience = int((host.alive_seconds + host.alive_grace_seconds) * 1000)
    with contextlib.suppress(AttributeError, OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
    return sock


def _through(carrier: paramiko.Transport, host: SshHost) -> paramiko.Channel:
    try:
        return carrier.open_channel(
            "direct-tcpip", (host.hostname, host.port), ("127.0.0.1", 0), timeout=host.connect_seconds
        )
    except (SSHException, OSError, EOFError) as error:
        said = error.text if isinstance(error, ChannelException) else str(error)
        raise SshUnreachable(
            f"{host.alias} can't be reached",
            f"the jump host does not get to {host.hostname}:{host.port}: {printable(said)}",
            "Is its sshd running? Does the jump host allow forwarding (AllowTcpForwarding)?",
        ) from error


class _ProxySocket:
    """The socket of a proxy command, which says what the program said when it breaks."""

    def __init__(self, proxy: ProxyProcess) -> None:
        self.proxy = proxy
        self._sock = proxy.sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


# -- the protocol


def _begun(
    host: SshHost, sock: Any, questions: SessionQuestions, stack: contextlib.ExitStack
) -> paramiko.Transport:
    """A transport over something connected: keys exchanged, host key checked, logged in."""
    _check_banner(host, sock)
    transport = paramiko.Transport(sock)
    stack.callback(transport.close)
    # closed at the latest then, a transport that never became active, too: its thread lives on otherwise
    transport.daemon = True
    transport._preferred_ciphers = _CIPHERS
    transport._preferred_macs = _MACS
    seconds = host.connect_seconds
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = seconds
    transport.clear_to_send_timeout = transport.channel_timeout = seconds
    usual = transport._preferred_keys
    first = [each for each in preferred_algorithms(host) if each in usual]
    transport._preferred_keys = tuple(dict.fromkeys((*first, *usual)))
    _exchange_keys(transport, host, sock)
    questions.progress(f"checking the host key of {host.alias}")
    key = transport.get_remote_server_key()
    check_host_key(host, key.get_name(), key.asbytes(), questions)
    questions.progress(f"logging in to {host.alias}")
    authenticate(transport, host, questions)
    return transport


def _check_banner(host: SshHost, sock: Any) -> None:
    """Look at the first bytes without taking them, where that is possible.

    paramiko's own words for a server that says nothing and for one that is no SSH server are the same.
    """
    look = getattr(sock, "proxy", None)
    real = look.sock if look is not None else sock
    if not isinstance(real, socket.socket):
        return
    real.settimeout(host.connect_seconds)
    try:
        begin = real.recv(255, socket.MSG_PEEK)
    except TimeoutError as error:
        raise _no_banner(host) from error
    except OSError as error:
        raise SshNotSpoken(f"{host.alias} hung up", str(error), _HANGS_UP) from error
    finally:
        real.settimeout(None)
    if not begin:
        said = look.words if look is not None else ""
        if look is not None:
            raise SshUnreachable(
                f"The proxy command for {host.alias} ended", said or "without a word", "Try it by hand"
            )
        raise SshNotSpoken(f"{host.alias} hung up", "before it said anything", _HANGS_UP)
    # servers may say a line or two before (RFC 4253, section 4.2), but not without SSH- in the end
    if b"SSH-" not in begin and not begin.lstrip().startswith((b"S", b"#")):
        raise SshNotSpoken(
            f"{host.alias} does not speak SSH",
            f"it begins with {_shown(begin)}",
            "Is the port right?",
        )


_HANGS_UP = (
    "Too many connections at once (MaxStartups), fail2ban or a VPN may be the reason; try again in a while"
)


def _no_banner(host: SshHost) -> SshSilent:
    return SshSilent(
        f"{host.alias} says nothing",
        f"the connection is there, and no greeting came within {host.connect_seconds:.0f} s",
        "The server may be overloaded, or the port is another program's",
        "banner",
    )


def _exchange_keys(transport: paramiko.Transport, host: SshHost, sock: Any) -> None:
    try:
        transport.start_client(timeout=host.connect_seconds)
    except IncompatiblePeer as error:
        raise SshNotSpoken(
            f"{host.alias} and envtui have nothing in common",
            printable(str(error)),
            "A server that offers only SHA-1 (OpenSSH before 7.2) can't be used: update it",
        ) from error
    except (SSHException, OSError, EOFError) as error:
        raise _failed_exchange(transport, host, sock, error) from error
    if not transport.initial_kex_done:
        raise SshSilent(
            f"{host.alias} does not go on",
            f"it began to speak SSH, and was silent for {host.connect_seconds:.0f} s",
            "The server may be frozen or overloaded",
            "host key",
        )


def _failed_exchange(
    transport: paramiko.Transport, host: SshHost, sock: Any, error: BaseException
) -> SshError:
    words = printable(str(error))
    proxy = getattr(sock, "proxy", None)
    if proxy is not None and proxy.words:
        return SshUnreachable(f"The proxy command for {host.alias} failed", proxy.words, "Try it by hand")
    told = next(_said_by(sock), "")
    if "banner" in words and transport.remote_version == "":
        if "timed out" in words.lower() or "timeout" in words.lower():
            return _no_banner(host)
        return SshNotSpoken(f"{host.alias} does not speak SSH", told or words, "Is the port right?")
    return SshNotSpoken(f"{host.alias} hung up", told or words or "in the middle of the greeting", _HANGS_UP)


def _said_by(sock: Any) -> Iterator[str]:
    """What a program that carries the connection wrote on its error output, newest first."""
    errors = getattr(sock, "errors", None)
    if errors is not None and not callable(errors):
        yield from (printable(str(line)) for line in reversed(errors))


def _shown(data: bytes) -> str:
    return repr(data[:_SHOWN_BYTES].decode("latin-1"))
