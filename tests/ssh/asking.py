"""Somebody who is asked while a session is opened, and answers what a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.model.sessions import Consent, HostKeyQuestion, KeyConsent


class Somebody:
    """Answers in the given order, then gives up; keeps what was asked."""

    def __init__(
        self,
        accepts: bool = False,
        passphrases: Sequence[str] = (),
        passwords: Sequence[str] = (),
        answers: Sequence[Sequence[str]] = (),
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        self._accepts = accepts
        self._passphrases, self._passwords, self._answers = list(passphrases), list(passwords), list(answers)
        self._meanwhile = meanwhile
        self.host_keys: list[HostKeyQuestion] = []
        self.asked: list[tuple[str, object]] = []
        self.told: list[str] = []

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        self.host_keys.append(question)
        return self._accepts

    def passphrase(self, path: str, attempt: int) -> str | None:
        self.asked.append(("passphrase", attempt))
        return self._passphrases.pop(0) if self._passphrases else None

    def password(self, account: str, attempt: int) -> str | None:
        self.asked.append(("password", attempt))
        return self._passwords.pop(0) if self._passwords else None

    def answers(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        self.asked.append(("answers", (title, instructions, tuple(prompts))))
        self._meanwhile()
        return self._answers.pop(0) if self._answers else None

    def consent(self, question: KeyConsent) -> Consent:
        raise AssertionError("nobody asks for that here")

    def progress(self, words: str) -> None:
        self.told.append(words)
