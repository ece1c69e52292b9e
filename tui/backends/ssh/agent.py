"""Keys that an SSH agent holds: asked for and used over its socket, with a time-out each."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from functools import partial
from types import TracebackType

from tui.backends.deadline import Deadline
from tui.backends.ssh.configuration import AGENT_OF_ENVIRONMENT, NO_AGENT
from tui.backends.ssh.fingerprints import fingerprint
from tui.backends.ssh.keys import CERTIFICATE_SUFFIX, HeldKey, KeyUnusable
from tui.backends.ssh.wire import WireError, split, string, strings
from tui.model.printable import printable

# draft-ietf-sshm-ssh-agent, section 6.1
_LIST, _LISTED = 11, 12
_SIGN, _SIGNED = 13, 14
_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}

_LIST_SECONDS = 5.0
# Somebody may have to find the security key and touch it, or to say yes in a dialog.
_SIGN_SECONDS = 60.0
# As many as OpenSSH reads, in one message of at most this size.
_MOST_KEYS, _MOST_BYTES = 2048, 256 * 1024
_READ_BYTES = 65536


class Agent:
    """A connection to an agent. To be closed."""

    def __init__(self, path: str) -> None:
        """Connect. Raises KeyUnusable."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_LIST_SECONDS)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise KeyUnusable(f"no agent answers at {printable(path)}: {error.strerror or error}") from error

    def __enter__(self) -> Agent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()

    def keys(self) -> tuple[HeldKey, ...]:
        """All keys that it offers. Raises KeyUnusable."""
        code, rest = self._ask(bytes([_LIST]), _LIST_SECONDS)
        if code != _LISTED:
            raise KeyUnusable("the agent does not tell its keys; it may be locked")
        keys = []
        try:
            count, rest = int.from_bytes(rest[:4], "big"), rest[4:]
            for _ in range(min(count, _MOST_KEYS)):
                (blob, comment), rest = split(rest, 2)
                name = printable(comment.decode("utf-8", "replace")) or fingerprint(blob)
                key = HeldKey(blob, f"key {name} of the agent", partial(self._sign, blob))
                keys.append(replace(key, is_costly=key.is_security_key))
        except WireError as error:
            raise KeyUnusable("the agent's answer makes no sense") from error
        return tuple(key for key in keys if key.kind)

    def _sign(self, blob: bytes, data: bytes, algorithm: str) -> bytes:
        flags = _FLAGS.get(algorithm.removesuffix(CERTIFICATE_SUFFIX), 0)
        request = bytes([_SIGN]) + string(blob) + string(data) + flags.to_bytes(4, "big")
        code, rest = self._ask(request, _SIGN_SECONDS)
        if code != _SIGNED:
            raise KeyUnusable("the agent did not sign with it")
        try:
            return strings(rest, 1)[0]
        except WireError as error:
            raise KeyUnusable("the agent's signature makes no sense") from error

    def _ask(self, request: bytes, seconds: float) -> tuple[int, bytes]:
        """Send a request and read its answer: code and rest. Raises KeyUnusable."""
        deadline = Deadline(seconds)
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(string(request))
            length = int.from_bytes(self._read(4, deadline), "big")
            if not 0 < length <= _MOST_BYTES:
                raise KeyUnusable("the agent's answer makes no sense")
            answer = self._read(length, deadline)
        except TimeoutError as error:
            # what it answers later would be taken for the answer to another question
            self.close()
            raise KeyUnusable(f"the agent did not answer within {seconds:.0f} s") from error
        except OSError as error:
            raise KeyUnusable("the agent does not answer any more") from error
        return answer[0], answer[1:]

    def _read(self, count: int, deadline: Deadline) -> bytes:
        """Raises OSError, and TimeoutError after the deadline."""
        data = bytearray()
        while len(data) < count:
            if deadline.passed:
                raise TimeoutError
            self._socket.settimeout(deadline.remaining())
            more = self._socket.recv(min(count - len(data), _READ_BYTES))
            if not more:
                raise ConnectionResetError
            data += more
        return bytes(data)


def open_agent(identity_agent: str) -> Agent | None:
    """The agent that a host's configuration names; None for none.

    Raises:
        KeyUnusable: it does not answer.
    """
    if identity_agent == NO_AGENT:
        return None
    path = os.environ.get("SSH_AUTH_SOCK", "") if identity_agent == AGENT_OF_ENVIRONMENT else identity_agent
    return Agent(path) if path else None
