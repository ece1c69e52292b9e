"""Opens a session on a thread of its own, hands its questions on, and ends what it left when it is over."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from tui import diagnostics
from tui.backends.base import Session, Shells
from tui.model.errors import EnvtuiError, SessionError
from tui.model.sessions import (
    AnyQuestion,
    Consent,
    HostKeyQuestion,
    KeyConsent,
    Route,
    RouteChoice,
    SecretQuestion,
    SessionEnd,
    SessionRequest,
)
from tui.monitor.exec_gate import ExecGate
from tui.monitor.jobs import CommandRecord
from tui.monitor.poller import unexpected

A = TypeVar("A")

# What was left in a container is hung up within some seconds; nobody waits longer to quit.
_CLOSING_SECONDS = 8.0


class SessionListener(Protocol):
    """Who wants the session. Called from the thread that opens it."""

    def progressed(self, words: str) -> None:
        """What is being done now."""

    def asked(self, question: AnyQuestion) -> None:
        """Somebody has to answer, by `SessionOpening.answer`."""

    def opened(self, session: Session) -> None:
        """It is open; whoever is told closes it."""

    def failed(self, error: EnvtuiError) -> None:
        """It was not opened."""


class SessionOpening:
    """One session on its way: the SessionQuestions of its backend, answered from another thread."""

    def __init__(self, listener: SessionListener) -> None:
        """Args: who wants it."""
        self._listener = listener
        self._answered = threading.Condition()
        self._answers: list[object] = []
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Nobody wants it any more."""
        return self._is_cancelled

    def answer(self, answer: object) -> None:
        """The answer to what was asked last: bool, Consent, or texts; None gives it up."""
        with self._answered:
            self._answers.append(answer)
            self._answered.notify_all()

    def cancel(self) -> None:
        """Nobody wants it any more; whatever is asked from now on is answered with no."""
        with self._answered:
            self._is_cancelled = True
            self._answered.notify_all()

    # -- what the backend asks

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        """Whether to write the key down."""
        return self._ask(question) is True

    def passphrase(self, path: str, attempt: int) -> str | None:
        """Of a key file."""
        again = "" if attempt == 1 else "It does not fit. "
        return self._secret(SecretQuestion(f"Passphrase of {path}", again, (("Passphrase", False),)))

    def password(self, account: str, attempt: int) -> str | None:
        """Of an account."""
        again = "" if attempt == 1 else "The server did not take it. "
        return self._secret(SecretQuestion(f"Password of {account}", again, (("Password", False),)))

    def answers(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        """To what a server asks."""
        if not prompts:
            return ()
        told = self._ask(SecretQuestion(title or "The server asks", instructions, tuple(prompts)))
        return told if isinstance(told, tuple) else None

    def consent(self, question: KeyConsent) -> Consent:
        """Whether envtui's key may be put into a container."""
        told = self._ask(question)
        return told if isinstance(told, Consent) else Consent.CANCEL

    def progress(self, words: str) -> None:
        """What is being done now."""
        if not self._is_cancelled:
            self._listener.progressed(words)

    def _secret(self, question: SecretQuestion) -> str | None:
        told = self._ask(question)
        return told[0] if isinstance(told, tuple) and told else None

    def _ask(self, question: AnyQuestion) -> object:
        with self._answered:
            self._answers.clear()
            if self._is_cancelled:
                return None
        self._listener.asked(question)
        with self._answered:
            self._answered.wait_for(lambda: self._answers or self._is_cancelled)
            return None if self._is_cancelled else self._answers.pop()


class SessionKeeper:
    """Opens and closes the sessions of one host, and writes them into the command log."""

    def __init__(
        self, shells: Shells, gate: ExecGate, record: Callable[[CommandRecord], None], read_only: bool
    ) -> None:
        """Args: who opens; who keeps commands from paused containers; the command log; no session at all."""
        self._shells = shells
        self._gate = gate
        self._record = record
        self._read_only = read_only
        self._closing: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def open(self, request: SessionRequest, listener: SessionListener) -> SessionOpening:
        """Begin to open a session; the listener is told how that goes."""
        opening = SessionOpening(listener)
        threading.Thread(
            target=self._open, args=(request, opening, listener), name="session-opening", daemon=True
        ).start()
        return opening

    def close(self, request: SessionRequest, session: Session, end: SessionEnd) -> None:
        """Hang up what a session left, on a thread, and write down how it ended. Returns at once."""
        thread = threading.Thread(
            target=self._close, args=(request, session, end), name="session-closing", daemon=True
        )
        with self._lock:
            self._closing = {each for each in self._closing if each.is_alive()} | {thread}
        thread.start()

    def stop(self) -> None:
        """Wait, for some seconds, until what sessions left is hung up."""
        end = time.monotonic() + _CLOSING_SECONDS
        with self._lock:
            closing = tuple(self._closing)
        for thread in closing:
            thread.join(max(0.0, end - time.monotonic()))

    def _open(self, request: SessionRequest, opening: SessionOpening, listener: SessionListener) -> None:
        at, began = time.time(), time.monotonic()
        try:
            if self._read_only:
                raise SessionError("Read-only", "a session can change anything", "Start envtui without it")
            session = self._shells.open(request, opening, self._gate.command)
        except Exception as error:
            known = error if isinstance(error, EnvtuiError) else unexpected(error)
            if known is not error:
                diagnostics.record_exception("session", error)
            if not opening.is_cancelled:
                self._write(request, at, began, known.one_line(), failed=True)
                listener.failed(known)
            return
        if opening.is_cancelled:
            session.close()
            return
        self._write(request, at, began, f"opened by {session.words}", route=session.route)
        listener.opened(session)

    def _close(self, request: SessionRequest, session: Session, end: SessionEnd) -> None:
        at, began = time.time() - end.seconds, time.monotonic() - end.seconds
        try:
            session.close()
        except Exception as error:
            diagnostics.record_exception("session", error)
        self._write(request, at, began, end.words, route=session.route)

    def _write(
        self,
        request: SessionRequest,
        at: float,
        began: float,
        outcome: str,
        route: Route | None = None,
        failed: bool = False,
    ) -> None:
        command = session_command(request, route)
        self._record(CommandRecord(at, command, outcome, time.monotonic() - began, failed))


def session_command(request: SessionRequest, route: Route | None = None) -> str:
    """The command line that opens the same session."""
    words = ["envtui", "ssh", request.target]
    if request.user:
        words += ["--user", request.user]
    if route is Route.EXEC:
        words += ["--route", "exec"]
    elif route is not None or request.route is not RouteChoice.BEST:
        words += ["--route", "exec" if request.route is RouteChoice.EXEC else "ssh"]
    return shlex.join(words)
