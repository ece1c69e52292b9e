"""The client's half of RFC 4252 and 4256 on paramiko's transport, one question and one reply at a time.

paramiko's own half signs and asks people in the thread that reads the connection, never asks a server whether
it would take a key, and ends the connection where an agent refuses to sign.
"""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from paramiko import SSHException
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    MSG_USERAUTH_REQUEST,
    cMSG_SERVICE_REQUEST,
    cMSG_USERAUTH_INFO_RESPONSE,
    cMSG_USERAUTH_REQUEST,
)
from paramiko.message import Message

from tui.backends.deadline import Deadline
from tui.backends.ssh.wire import string

if TYPE_CHECKING:
    from paramiko import Transport

_SERVICE = b"ssh-connection"
# A server asks for a password and a code at once, never for more than a few things.
_MOST_PROMPTS = 16
# The end of a connection is told at once, but for one that somebody closes meanwhile.
_LOOK_AGAIN_SECONDS = 0.5


class ReplyKind(Enum):
    """What a server can say."""

    READY = auto()
    ACCEPTED = auto()
    #: one of several things that it wants
    PARTLY = auto()
    REFUSED = auto()
    #: it would take that key
    USABLE = auto()
    QUESTIONS = auto()
    #: it hung up
    ENDED = auto()
    SILENT = auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server says.

    Attributes:
        allowed: with which methods it goes on, where it refused or wants more.
        title, instructions, prompts: of its questions, as it sent them; each prompt with whether the answer
            may be seen.
    """

    kind: ReplyKind
    allowed: tuple[str, ...] = ()
    title: str = ""
    instructions: str = ""
    prompts: tuple[tuple[str, bool], ...] = ()


class Login(AuthHandler):  # type: ignore[misc]
    """A login on a transport whose keys are exchanged. Nothing here raises but for programming mistakes.

    The methods that are named with an underscore in paramiko are called by its reading thread.
    """

    def __init__(self, transport: Transport, user: str) -> None:
        """Args: the transport, and the account for all that follows."""
        super().__init__(transport)
        self.username = user
        self._replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        transport.auth_handler = self

    def begin(self, seconds: float) -> Reply:
        """Ask for the service: READY, ENDED or SILENT."""
        message = Message()
        message.add_byte(cMSG_SERVICE_REQUEST)
        message.add_string("ssh-userauth")
        return self._ask(message, seconds)

    def ask_nothing(self, seconds: float) -> Reply:
        """Without any proof, which some servers take; the others tell what they want."""
        return self._request("none", (), seconds)

    def query_key(self, algorithm: str, blob: bytes, seconds: float) -> Reply:
        """Whether the server would take a key: USABLE, or as for the others."""
        return self._request("publickey", (False, algorithm, blob), seconds)

    def what_to_sign(self, algorithm: str, blob: bytes) -> bytes:
        """RFC 4252, section 7."""
        name, session = self.username.encode(), bytes(self.transport.session_id)
        parts = (string(name), string(_SERVICE), string(b"publickey"), b"\1", string(algorithm.encode()))
        return string(session) + bytes([MSG_USERAUTH_REQUEST]) + b"".join(parts) + string(blob)

    def show_key(self, algorithm: str, blob: bytes, signature: bytes, seconds: float) -> Reply:
        """Log in with a key."""
        return self._request("publickey", (True, algorithm, blob, signature), seconds)

    def show_password(self, password: str, seconds: float) -> Reply:
        """Log in with a password."""
        return self._request("password", (False, password), seconds)

    def ask_for_questions(self, seconds: float) -> Reply:
        """Log in by answers: QUESTIONS, as often as the server likes, or as for the others."""
        return self._request("keyboard-interactive", ("", ""), seconds)

    def answer(self, answers: Sequence[str], seconds: float) -> Reply:
        """Answer what was asked."""
        message = Message()
        message.add_byte(cMSG_USERAUTH_INFO_RESPONSE)
        message.add_int(len(answers))
        for each in answers:
            message.add_string(each)
        return self._ask(message, seconds)

    def _request(self, method: str, fields: Sequence[bool | str | bytes], seconds: float) -> Reply:
        self.auth_method = method
        message = Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        for field in (self.username, _SERVICE, method, *fields):
            if isinstance(field, bool):
                message.add_boolean(field)
            else:
                message.add_string(field)
        return self._ask(message, seconds)

    def _ask(self, message: Message, seconds: float) -> Reply:
        deadline = Deadline(seconds)
        try:
            with self.transport.lock:
                self.transport._send_message(message)
        except (OSError, EOFError, SSHException):
            return Reply(ReplyKind.ENDED)
        while True:
            try:
                return self._replies.get(timeout=min(deadline.remaining(), _LOOK_AGAIN_SECONDS))
            except queue.Empty:
                if not self.transport.is_active():
                    return Reply(ReplyKind.ENDED)
                if deadline.passed:
                    return Reply(ReplyKind.SILENT)

    def abort(self) -> None:
        """The connection ended."""
        self._replies.put(Reply(ReplyKind.ENDED))

    def _parse_service_accept(self, message: Message) -> None:
        self._replies.put(Reply(ReplyKind.READY))

    def _parse_userauth_success(self, message: Message) -> None:
        super()._parse_userauth_success(message)
        self._replies.put(Reply(ReplyKind.ACCEPTED))

    def _parse_userauth_failure(self, message: Message) -> None:
        allowed = tuple(_text(message).split(","))
        kind = ReplyKind.PARTLY if message.get_boolean() else ReplyKind.REFUSED
        self._replies.put(Reply(kind, allowed))

    def _parse_userauth_banner(self, message: Message) -> None:
        # some words for people; nobody asked for them, and they do not belong in a log
        self.banner = message.get_binary()

    def _parse_userauth_info_request(self, message: Message) -> None:
        if self.auth_method == "publickey":
            # the same number is SSH_MSG_USERAUTH_PK_OK there
            self._replies.put(Reply(ReplyKind.USABLE))
            return
        if self.auth_method != "keyboard-interactive":
            raise SSHException("questions that were not asked for")
        title, instructions, _language = _text(message), _text(message), message.get_binary()
        count = message.get_int()
        if count > _MOST_PROMPTS:
            raise SSHException("too many questions")
        prompts = tuple((_text(message), message.get_boolean()) for _ in range(count))
        self._replies.put(Reply(ReplyKind.QUESTIONS, (), title, instructions, prompts))


def _text(message: Message) -> str:
    return bytes(message.get_binary()).decode("utf-8", "replace")
