"""One shell or command on an SSH connection: what paramiko's channel leaves out, behind our own face."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from tui.model.errors import ChannelRefused, SshLost, SshSilent
from tui.model.logs import Stream
from tui.model.sessions import ChannelOutcome, Terminal

if TYPE_CHECKING:
    from paramiko.channel import Channel

    from tui.backends.ssh.connection import Connection

_BLOCK_BYTES = 1 << 16
# SSH_MSG_CHANNEL_REQUEST (RFC 4254, section 9)
_CHANNEL_REQUEST = 98


class SshChannel:
    """A `ShellChannel` over a session channel whose command was started."""

    def __init__(self, connection: Connection, channel: Channel, has_terminal: bool) -> None:
        """Args: the connection; its channel; whether both outputs come as one."""
        self._connection = connection
        self._channel = channel
        self._has_terminal = has_terminal
        self._is_closed = False
        # set by both pipes when they have something, or have ended
        self._news = threading.Event()
        for pipe in (channel.in_buffer, channel.in_stderr_buffer):
            pipe.set_event(self._news)

    def read(self) -> tuple[Stream, bytes] | None:
        """What it prints next; blocks; None at its end, after `close`, and when the connection is lost."""
        channel = self._channel
        while not self._is_closed:
            # emptying one pipe clears the event for both: both are looked at before it is waited for
            self._news.clear()
            # before the pipes are looked at: what comes last comes before the end
            has_ended = channel.eof_received or channel.closed
            if channel.in_buffer.read_ready():
                return Stream.STDOUT, self._taken(channel.recv)
            if channel.in_stderr_buffer.read_ready():
                stream = Stream.STDOUT if self._has_terminal else Stream.STDERR
                return stream, self._taken(channel.recv_stderr)
            if has_ended:
                return None
            if channel.eof_received or channel.closed:
                continue
            self._news.wait()
        return None

    def _taken(self, receive: Any) -> bytes:
        try:
            return bytes(receive(_BLOCK_BYTES))
        except (SSHException, OSError, EOFError):
            # the data is there; only the far side could not be told that there is room again
            return b""

    def send(self, data: bytes) -> None:
        """Send all of it; blocks while the far side takes nothing, until `close`. Raises SshLost."""
        view = memoryview(data)
        while view:
            try:
                sent = self._channel.send(bytes(view[:_BLOCK_BYTES]))
            except (SSHException, OSError, EOFError) as error:
                raise self._gone() from error
            if not sent:
                raise self._gone()
            view = view[sent:]

    def send_end(self) -> None:
        """No more will be sent. Raises SshLost."""
        try:
            self._channel.shutdown_write()
        except (SSHException, OSError, EOFError) as error:
            raise self._gone() from error

    def resize(self, columns: int, rows: int, width_pixels: int = 0, height_pixels: int = 0) -> None:
        """The terminal has another size; no answer is asked for."""
        with contextlib.suppress(SSHException, OSError, EOFError):
            self._channel.resize_pty(columns, rows, width_pixels, height_pixels)

    def outcome(self, seconds: float) -> ChannelOutcome:
        """How it ended, once `read` gave None; waits no longer than this for the far side to tell."""
        channel: Any = self._channel
        channel.status_event.wait(0.0 if self._connection.lost_reason else seconds)
        signal = channel.__dict__.get("exit_signal", "")
        if signal:
            return ChannelOutcome(signal=signal)
        if channel.exit_status >= 0:
            return ChannelOutcome(channel.exit_status)
        return ChannelOutcome(lost="" if self._is_closed else self._connection.lost_reason)

    def close(self) -> None:
        """Give it up, from any thread, without waiting; a `read` or `send` that waits ends."""
        self._is_closed = True
        self._news.set()
        # it sends, which blocks on a dead link
        threading.Thread(target=self._close, name="ssh-channel-closing", daemon=True).start()

    def _close(self) -> None:
        with contextlib.suppress(SSHException, OSError, EOFError):
            self._channel.close()

    @property
    def round_trip_seconds(self) -> float | None:
        """Of the last sign of life."""
        return self._connection.round_trip_seconds

    @property
    def silent_seconds(self) -> float:
        """Since when a sign of life is waited for."""
        return self._connection.silent_seconds

    def _gone(self) -> SshLost:
        return SshLost("Connection lost", self._connection.lost_reason or "the far side has ended")


def request_terminal(channel: Channel, terminal: Terminal, seconds: float) -> None:
    """Ask for a pseudo-terminal with this size and these settings; paramiko's get_pty sends no settings.

    Raises as `wait_for_answer` does.
    """
    message = _request(channel, "pty-req")
    message.add_string(terminal.name)
    for number in (terminal.columns, terminal.rows, terminal.width_pixels, terminal.height_pixels):
        message.add_int(number)
    message.add_string(terminal.modes or b"\0")
    _ask(channel, message, seconds, "no terminal")


def request_command(channel: Channel, command: str, seconds: float) -> None:
    """Have a command started; paramiko's exec_command waits for ever. Raises as `wait_for_answer` does."""
    message = _request(channel, "exec")
    message.add_string(command)
    _ask(channel, message, seconds, "no command")


def watch_exit_signals(transport: Any) -> None:
    """Let the channels of a connection know which signal ended their command; paramiko drops it.

    Without it a killed shell looks like a lost connection. The transport keeps a table of functions by
    kind of message; its entry for requests is replaced, for this transport alone.
    """
    table = dict(transport._channel_handler_table)
    usual = table[_CHANNEL_REQUEST]

    def handle(channel: Any, message: Message) -> None:
        place = message.packet.tell()
        if message.get_text() == "exit-signal":
            message.get_boolean()
            channel.exit_signal = message.get_text()
            channel.status_event.set()
            return
        message.packet.seek(place)
        usual(channel, message)

    table[_CHANNEL_REQUEST] = handle
    transport._channel_handler_table = table


def _request(channel: Channel, kind: str) -> Message:
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string(kind)
    message.add_boolean(True)
    return message


def _ask(channel: Any, message: Message, seconds: float, what: str) -> None:
    """Send a request and wait for its answer.

    Raises:
        ChannelRefused: the server says no.
        SshSilent: it says nothing.
        SshLost: the connection is gone.
    """
    try:
        channel._event_pending()
        channel.transport._send_user_message(message)
    except (SSHException, OSError, EOFError) as error:
        raise SshLost("Connection lost", str(error)) from error
    if not channel.event.wait(seconds):
        raise SshSilent("The server does not answer", f"{what} within {seconds:.0f} s", step="channel")
    if not channel.event_ready:
        if not channel.transport.is_active():
            raise SshLost("Connection lost", "the server hung up")
        raise ChannelRefused(
            "The server refuses", f"{what} for this account", "Look at its sshd_config and authorized_keys"
        )
