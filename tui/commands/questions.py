"""What is asked while a session is opened: on the terminal where there is one, of nobody else."""

from __future__ import annotations

import contextlib
import os
import termios
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from tui.model.printable import printable
from tui.model.sessions import Consent, HostKeyQuestion, KeyConsent

# The terminal that belongs to the program, wherever its streams go.
_TERMINAL = "/dev/tty"
# A line of a terminal is no longer (N_TTY_BUF_SIZE of the kernel).
_LINE_BYTES = 4096
_INPUT_FLAGS, _LOCAL_FLAGS = 0, 3


class NoQuestions:
    """Where there is no terminal: nobody is asked, and nothing is agreed to.

    Attributes:
        wanted_consent: somebody would have been asked whether envtui's key may be put in.
    """

    def __init__(self) -> None:
        """Nothing was wanted yet."""
        self.wanted_consent = False

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        """No."""
        return False

    def passphrase(self, path: str, attempt: int) -> str | None:
        """None."""
        return None

    def password(self, account: str, attempt: int) -> str | None:
        """None."""
        return None

    def answers(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        """None, but to a server that asks nothing."""
        return None if prompts else ()

    def consent(self, question: KeyConsent) -> Consent:
        """Nobody is there."""
        self.wanted_consent = True
        return Consent.NOBODY

    def progress(self, words: str) -> None:
        """Nobody looks."""

    def close(self) -> None:
        """There is nothing to put in order."""


class TerminalQuestions:
    """Asks on the terminal, which is left as it was: also by ctrl+c, which raises in the main thread.

    Attributes:
        wanted_consent: False: it was asked for where it was wanted.
    """

    def __init__(self, shows_progress: bool = False, path: str = _TERMINAL) -> None:
        """Args: shows_progress on a line that is gone in the end. Raises an OSError without a terminal."""
        self.wanted_consent = False
        self._shows_progress = shows_progress
        self._number = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        self._before: list[Any] | None = None
        self._has_progress = False

    @property
    def is_in_background(self) -> bool:
        """Somebody else has the terminal now."""
        try:
            return os.tcgetpgrp(self._number) != os.getpgrp()
        except OSError:
            return True

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        """Asks until somebody types yes or no."""
        self._say(
            f"The host key of {question.host} is not known yet. Compare it with what its owner tells you:",
            f"{question.kind} {question.fingerprint}",
            *question.randomart.splitlines(),
        )
        if question.others:
            self._say(f"Keys of other kinds are known for it: {', '.join(question.others)}")
        prompt = "Is it the right one, to be written down as known? (yes/no) "
        while (answer := self._ask(prompt, is_seen=True)) is not None:
            if answer.strip().casefold() in ("yes", "no"):
                return answer.strip().casefold() == "yes"
            prompt = "Please type yes or no: "
        return False

    def passphrase(self, path: str, attempt: int) -> str | None:
        """Asks without an echo; nothing typed gives it up."""
        return self._ask(f"{_again(attempt)}Passphrase of the key {path}: ", is_seen=False) or None

    def password(self, account: str, attempt: int) -> str | None:
        """Asks without an echo; nothing typed gives it up."""
        return self._ask(f"{_again(attempt)}Password of {account}: ", is_seen=False) or None

    def answers(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        """Asks what the server asks, with an echo where it allows one."""
        self._say(*title.splitlines(), *instructions.splitlines())
        given: list[str] = []
        for prompt, is_seen in prompts:
            answer = self._ask(prompt, is_seen)
            if answer is None:
                return None
            given.append(answer)
        return given

    def consent(self, question: KeyConsent) -> Consent:
        """Says what would be written where; only a yes is one, the end of input calls it all off."""
        self._say(
            f"envtui gets into {question.container_name} over SSH once a key of its own is put in:",
            f"one more line in {question.path}, for the account {question.account}, "
            f"that ends with {question.key_comment}.",
            f"Otherwise: {question.otherwise[:1].lower()}{question.otherwise[1:]}. "
            "What you say is remembered for this container.",
        )
        answer = self._ask("Put it in? (y/N) ", is_seen=True)
        if answer is None:
            return Consent.CANCEL
        return Consent.YES if answer.strip().casefold() in ("y", "yes") else Consent.NO

    def ask(self, lines: Sequence[str], prompt: str) -> bool:
        """Any question that only a yes agrees to."""
        self._say(*lines)
        return (self._ask(f"{prompt} (y/N) ", is_seen=True) or "").strip().casefold() in ("y", "yes")

    def line(self, lines: Sequence[str], prompt: str) -> str | None:
        """What somebody types to any question; None where nobody does."""
        self._say(*lines)
        return self._ask(prompt, is_seen=True)

    def progress(self, words: str) -> None:
        """Shows it until there is something else to show."""
        if self._shows_progress:
            self._has_progress = True
            self._write(f"\r\x1b[K{printable(words)}…")

    def close(self) -> None:
        """Leaves the terminal as it was, whatever was being asked."""
        if self._number < 0:
            return
        self._clear_progress()
        self._restore()
        number, self._number = self._number, -1
        os.close(number)

    def _say(self, *lines: str) -> None:
        self._clear_progress()
        self._write("".join(f"{printable(line)}\r\n" for line in lines if line))

    def _ask(self, prompt: str, is_seen: bool) -> str | None:
        """One line; None at the end of input, and where the terminal is gone."""
        self._clear_progress()
        try:
            with self._prepared(is_seen):
                # servers ask in as many lines as they like
                *lines, last = prompt.splitlines() or [""]
                self._write("".join(f"{printable(line)}\r\n" for line in lines) + printable(last))
                typed = os.read(self._number, _LINE_BYTES)
        except (OSError, termios.error):
            # nobody is there any more, who could be told
            return None
        if not typed and is_seen:
            # the line that nobody ended
            self._write("\r\n")
        return typed.decode("utf-8", "surrogateescape").rstrip("\r\n") if typed else None

    @contextlib.contextmanager
    def _prepared(self, is_seen: bool) -> Iterator[None]:
        """A terminal that takes a line, without echo where that must not be seen."""
        before = termios.tcgetattr(self._number)
        wanted = [*before]
        wanted[_INPUT_FLAGS] |= termios.ICRNL
        wanted[_LOCAL_FLAGS] |= termios.ICANON | termios.ISIG | termios.ECHO
        if not is_seen:
            wanted[_LOCAL_FLAGS] &= ~(termios.ECHO | termios.ECHONL)
        self._before = before
        # what was typed before the question was seen is no answer to it
        termios.tcsetattr(self._number, termios.TCSAFLUSH, wanted)
        try:
            yield
        finally:
            self._restore()
            if not is_seen:
                self._write("\r\n")

    def _restore(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(self._number, termios.TCSADRAIN, before)

    def _clear_progress(self) -> None:
        if self._has_progress:
            self._has_progress = False
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        rest = text.encode("utf-8", "replace")
        with contextlib.suppress(OSError):
            while rest:
                rest = rest[os.write(self._number, rest) :]


Questions: TypeAlias = TerminalQuestions | NoQuestions


def questions_here(shows_progress: bool = False) -> Questions:
    """Asks on this program's terminal, or nobody where it has none or runs in its background."""
    try:
        questions = TerminalQuestions(shows_progress)
    except OSError:
        return NoQuestions()
    if questions.is_in_background:
        # to read there would stop the program until somebody fetches it
        questions.close()
        return NoQuestions()
    return questions


def _again(attempt: int) -> str:
    return "" if attempt == 1 else "That was not it. "
