"""The two directions of a make-believe shell or command: keys in, an echo and answers out."""

from __future__ import annotations

import codecs
import re
import threading
import unicodedata
from collections import deque
from collections.abc import Callable

from tui.demo.shell_programs import Answer, Programs
from tui.model.errors import SessionError
from tui.model.logs import Stream
from tui.model.sessions import ChannelOutcome

# A key that sends more than one character: no make-believe shell knows what to do with it.
_KEY_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)")
_BEGUN_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?")
_INTERRUPTED = 130


class DemoShellChannel:
    """A shell with a line to type in, or one command. Thread-safe; nothing in it runs by itself."""

    def __init__(
        self,
        programs: Programs,
        prompt: Callable[[], str] | None = None,
        first_line: str = "",
        round_trip_seconds: float | None = None,
    ) -> None:
        """Args: programs that it starts; prompt of a shell, None for a command; what it prints before."""
        self._programs = programs
        self._prompt = prompt
        self._round_trip_seconds = round_trip_seconds
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Stream, bytes]] = deque()
        self._outcome: ChannelOutcome | None = None
        self._is_closed = False
        # one sender at a time: the line that is being typed
        self._typing = threading.RLock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._sequence = ""
        self._status = 0
        self._takes_input = False
        if first_line:
            self._print(Stream.STDOUT, f"{first_line}\n")
        self._print_prompt()

    def begin(self, command: tuple[str, ...]) -> None:
        """Run the command of a channel that is no shell."""
        self._take(self._programs.run(command))

    def read(self) -> tuple[Stream, bytes] | None:
        """What is printed next; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over)
            return self._waiting.popleft() if self._waiting and not self._is_closed else None

    def send(self, data: bytes) -> None:
        """Type. Raises a SessionError where nobody is there any more."""
        with self._typing:
            self._check()
            if self._takes_input and not self._programs.has_terminal:
                self._put(Stream.STDOUT, data)
                return
            for character in self._decoder.decode(data):
                if self._is_over:
                    return
                self._type(character)

    def send_end(self) -> None:
        """No more is typed: what waits for input ends."""
        with self._typing:
            self._check()
            if self._takes_input:
                self._take(Answer())
            elif self._prompt is not None:
                self._end(self._status)

    def resize(self, columns: int, rows: int, width_pixels: int = 0, height_pixels: int = 0) -> None:
        """The terminal has another size."""
        self._programs.columns, self._programs.rows = columns, rows

    def outcome(self, seconds: float) -> ChannelOutcome:
        """How it ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._outcome is not None, seconds)
            return self._outcome or ChannelOutcome()

    def close(self) -> None:
        """Give it up."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def lose(self, why: str) -> None:
        """The way to it is gone; what has come is still read."""
        self._finish(ChannelOutcome(lost=why))

    def kill(self) -> None:
        """Its container ended."""
        self._finish(ChannelOutcome(signal="KILL"))

    @property
    def round_trip_seconds(self) -> float | None:
        """Of the last sign of life."""
        return self._round_trip_seconds

    @property
    def silent_seconds(self) -> float:
        """Never waited for."""
        return 0.0

    @property
    def _is_over(self) -> bool:
        return self._outcome is not None or self._is_closed

    def _check(self) -> None:
        outcome = self._outcome
        if outcome is not None and outcome.lost:
            raise SessionError("The session is lost", outcome.lost)
        if self._is_closed:
            raise SessionError("The session is closed")

    def _type(self, character: str) -> None:
        """One key, as the line discipline of a terminal takes it."""
        if self._is_of_sequence(character):
            return
        if character in "\r\n":
            self._enter()
        elif character in "\x7f\b":
            self._erase()
        elif character == "\x03":
            self._interrupt()
        elif character == "\x04":
            self._end_of_input()
        elif character == "\x15":
            while self._line:
                self._erase()
        elif character.isprintable():
            self._line += character
            self._print(Stream.STDOUT, character)

    def _is_of_sequence(self, character: str) -> bool:
        if not self._sequence and character != "\x1b":
            return False
        self._sequence += character
        if _KEY_SEQUENCE.fullmatch(self._sequence) and not _BEGUN_SEQUENCE.fullmatch(self._sequence):
            self._sequence = ""
        return True

    def _enter(self) -> None:
        line, self._line = self._line, ""
        self._print(Stream.STDOUT, "\n")
        if self._takes_input:
            self._print(Stream.STDOUT, f"{line}\n")
        elif self._prompt is not None:
            self._take(self._programs.run_line(line, self._status))

    def _erase(self) -> None:
        if self._line:
            last, self._line = self._line[-1], self._line[:-1]
            width = 2 if unicodedata.east_asian_width(last) in "WF" else 1
            self._print(Stream.STDOUT, "\b \b" * width)

    def _interrupt(self) -> None:
        self._line = ""
        self._print(Stream.STDOUT, "^C\n")
        self._takes_input = False
        if self._prompt is not None:
            self._status = _INTERRUPTED
            self._print_prompt()
        else:
            self._finish(ChannelOutcome(signal="INT"))

    def _end_of_input(self) -> None:
        if self._line:
            return
        if self._takes_input:
            self._take(Answer())
        elif self._prompt is not None:
            self._print(Stream.STDOUT, "exit\n")
            self._end(self._status)

    def _take(self, answer: Answer) -> None:
        """A program has said all that it says now."""
        self._print(Stream.STDOUT, answer.out)
        self._print(Stream.STDERR, answer.err)
        self._takes_input = answer.takes_input
        if answer.takes_input:
            return
        self._status = answer.status
        if answer.ends_shell or self._prompt is None:
            self._end(answer.status)
        else:
            self._print_prompt()

    def _print_prompt(self) -> None:
        if self._prompt is not None:
            self._print(Stream.STDOUT, self._prompt())

    def _end(self, status: int) -> None:
        self._finish(ChannelOutcome(status=status))

    def _finish(self, outcome: ChannelOutcome) -> None:
        with self._changed:
            self._outcome = self._outcome or outcome
            self._changed.notify_all()

    def _print(self, stream: Stream, text: str) -> None:
        if self._programs.has_terminal:
            stream, text = Stream.STDOUT, text.replace("\n", "\r\n")
        if text:
            # arguments may hold bytes that are no UTF-8
            self._put(stream, text.encode("utf-8", "surrogateescape"))

    def _put(self, stream: Stream, data: bytes) -> None:
        with self._changed:
            if not self._is_over:
                self._waiting.append((stream, data))
                self._changed.notify_all()
