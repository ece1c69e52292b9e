"""Opens a session on a thread of its own, hands its questions on, and ends what it left when it is over."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from tui import diagnostics
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
from tui.monitor.jobs import CommandRecord
from tui.monitor.poller import unexpected

if TYPE_CHECKING:
    from tui.backends.base import Session, Shells
    from tui.monitor.exec_gate import ExecGate

# What was left in a container is hung up within some seconds; nobody waits longer to quit.
_CLOSING_SECONDS = 8.0
# One that is just being opened may hang in a connection; what it begins nevertheless the next session ends.
_CANCELLING_SECONDS = 2.0
_CLOSING = "session-closing"


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
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._openings: set[SessionOpening] = set()
        # those that nobody has closed yet, whoever has them
        self._open_sessions: dict[int, Session] = {}

    def open(self, request: SessionRequest, listener: SessionListener) -> SessionOpening:
        """Begin to open a session; the listener is told how that goes."""
        opening = SessionOpening(listener)
        with self._lock:
            self._openings.add(opening)
        self._start("session-opening", lambda: self._open(request, opening, listener))
        return opening

    def close(self, request: SessionRequest, session: Session, end: SessionEnd) -> None:
        """Hang up what a session left, on a thread, and write down how it ended. Returns at once."""
        self._start(_CLOSING, lambda: self._close(request, session, end))

    def discard(self, session: Session) -> None:
        """Close one that nobody wants any more, on a thread. Returns at once."""
        self._start(_CLOSING, lambda: self._end(session))

    def stop(self) -> None:
        """End whatever is open or being opened; waits for some seconds until what it left is hung up."""
        began = time.monotonic()
        with self._lock:
            openings, sessions = tuple(self._openings), tuple(self._open_sessions.values())
        for opening in openings:
            opening.cancel()
        for session in sessions:
            self.discard(session)
        with self._lock:
            threads = tuple(self._threads)
        for thread in threads:
            longest = _CLOSING_SECONDS if thread.name == _CLOSING else _CANCELLING_SECONDS
            thread.join(max(0.0, began + longest - time.monotonic()))

    def _start(self, name: str, act: Callable[[], None]) -> None:
        thread = threading.Thread(target=act, name=name, daemon=True)
        with self._lock:
            self._threads = {each for each in self._threads if each.is_alive()} | {thread}
            # under the lock: who stops joins only what was started
            thread.start()

    def _open(self, request: SessionRequest, opening: SessionOpening, listener: SessionListener) -> None:
        at, began = time.time(), time.monotonic()
        try:
            if self._read_only:
                raise SessionError("Read-only", "a session can change anything", "Start envtui without it")
            session = self._shells.open(request, opening, self._gate.command)
        except Exception as error:
            with self._lock:
                self._openings.discard(opening)
            known = error if isinstance(error, EnvtuiError) else unexpected(error)
            if known is not error:
                diagnostics.record_exception("session", error)
            if not opening.is_cancelled:
                self._write(request, at, began, known.one_line(), failed=True)
                listener.failed(known)
            return
        with self._lock:
            # in one of the two at any moment
            self._open_sessions[id(session)] = session
            self._openings.discard(opening)
        if opening.is_cancelled:
            self._end(session)
            return
        self._write(request, at, began, f"opened by {session.words}", route=session.route)
        listener.opened(session)

    def _close(self, request: SessionRequest, session: Session, end: SessionEnd) -> None:
        at, began = time.time() - end.seconds, time.monotonic() - end.seconds
        self._end(session)
        self._write(request, at, began, end.words, route=session.route)

    def _end(self, session: Session) -> None:
        with self._lock:
            self._open_sessions.pop(id(session), None)
        try:
            session.close()
        except Exception as error:
            diagnostics.record_exception("session", error)

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
