"""An SSH server on loopback with any rule for logging in: passwords, codes, several things one after another.

sshd asks PAM about passwords, and so for accounts of the machine; this one knows its own.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_PARTIALLY_SUCCESSFUL,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
)

WAIT_SECONDS = 30.0
# A test that hangs shows a broken test; its own time-out would come much later.


@dataclass
class LoginRules:
    """Who gets in, and what was shown to the server.

    Attributes:
        steps: all have to be done, in this order; each by one of its methods.
        password: of everybody.
        keys: public keys in wire form.
        rounds: of questions, each (title, instructions, prompts); each prompt with whether it may be seen.
        answers: to all prompts of all rounds.
        banner: shown before anything else.
        seen: method and what was shown, in order.
    """

    steps: Sequence[Sequence[str]] = (("password",),)
    password: str = ""
    keys: Sequence[bytes] = ()
    rounds: Sequence[tuple[str, str, Sequence[tuple[str, bool]]]] = ()
    answers: Sequence[str] = ()
    banner: str = ""
    seen: list[tuple[str, Any]] = field(default_factory=list)

    def methods(self) -> list[str]:
        return [method for method, _ in self.seen]


class _Login(paramiko.ServerInterface):  # type: ignore[misc]
    """One connection."""

    def __init__(self, rules: LoginRules) -> None:
        self._rules = rules
        self._done = self._round = 0
        self._answers: list[str] = []
        self._last_result: int | None = None

    def get_banner(self) -> tuple[str | None, str | None]:
        return (self._rules.banner, "en") if self._rules.banner else (None, None)

    def get_allowed_auths(self, username: str) -> str:
        return ",".join(self._wanted())

    def _wanted(self) -> Sequence[str]:
        steps = self._rules.steps
        return steps[self._done] if self._done < len(steps) else ()

    def _result(self, method: str, is_right: bool) -> int:
        if not is_right or method not in self._wanted():
            return int(AUTH_FAILED)
        self._done += 1
        is_all = self._done == len(self._rules.steps)
        return int(AUTH_SUCCESSFUL if is_all else AUTH_PARTIALLY_SUCCESSFUL)

    def check_auth_none(self, username: str) -> int:
        return int(AUTH_FAILED)

    def check_auth_password(self, username: str, password: str) -> int:
        self._rules.seen.append(("password", password))
        return self._result("password", password == self._rules.password)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """Called for a question about a key, and then for its signature, in the same way."""
        is_again = ("publickey", key.asbytes()) in self._rules.seen and key.asbytes() in self._rules.keys
        self._rules.seen.append(("publickey", key.asbytes()))
        if is_again and self._last_result is not None:
            return self._last_result
        self._last_result = self._result("publickey", key.asbytes() in self._rules.keys)
        return self._last_result

    def check_auth_interactive(self, username: str, submethods: bytes) -> int | paramiko.InteractiveQuery:
        self._round, self._answers = 0, []
        if not self._rules.rounds or "keyboard-interactive" not in self._wanted():
            self._rules.seen.append(("keyboard-interactive", None))
            return int(AUTH_FAILED)
        return self._query()

    def _query(self) -> paramiko.InteractiveQuery:
        title, instructions, prompts = self._rules.rounds[self._round]
        self._round += 1
        return paramiko.InteractiveQuery(title, instructions, *prompts)

    def check_auth_interactive_response(self, responses: list[str]) -> int | paramiko.InteractiveQuery:
        self._rules.seen.append(("keyboard-interactive", list(responses)))
        self._answers += responses
        if self._round < len(self._rules.rounds):
            return self._query()
        return self._result("keyboard-interactive", self._answers == list(self._rules.answers))

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)


class LoginServer:
    """Listens while it is entered."""

    def __init__(
        self,
        rules: LoginRules,
        version: str = "",
        disabled_algorithms: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Args: who gets in; what the server calls itself; algorithms that it lacks, as for paramiko."""
        self.rules = rules
        self.host_key = paramiko.ECDSAKey.generate()
        self._version = version
        self._disabled = disabled_algorithms
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._accept, name="login-server", daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # close() alone does not wake up a thread in accept()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT_SECONDS)
        self._listener.close()
        for transport in self._transports:
            transport.close()
            transport.join(WAIT_SECONDS)

    def hang_up(self) -> None:
        """End all connections."""
        for transport in self._transports:
            transport.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection, disabled_algorithms=self._disabled)
            if self._version:
                transport.local_version = self._version
            transport.add_server_key(self.host_key)
            self._transports.append(transport)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                # returns at once: what happens then is the transport's own thread's
                transport.start_server(threading.Event(), _Login(self.rules))
