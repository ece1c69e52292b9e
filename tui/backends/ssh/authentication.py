"""How one logs in: which keys are shown in which order, and when somebody is asked for a secret."""

from __future__ import annotations

import contextlib
import getpass
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tui.backends.base import SessionQuestions
from tui.backends.ssh.configuration import SshHost
from tui.backends.ssh.fingerprints import kind_of
from tui.backends.ssh.keys import KeyUnusable, algorithm_for
from tui.backends.ssh.login import Login, Reply, ReplyKind
from tui.backends.ssh.offers import Offer, offers
from tui.model.errors import AuthenticationFailed, SshError, SshLost, SshSilent
from tui.model.printable import printable

if TYPE_CHECKING:
    from paramiko import Transport

#: sshd hangs up at the sixth refused try (MaxAuthTries), and a password may still follow.
MOST_KEYS = 5
#: As ssh's NumberOfPasswordPrompts.
MOST_SECRETS = 3

# A server that waits for a telephone to be answered; sshd itself hangs up after this time.
_PERSON_SECONDS = 120.0
_KEYS, _ANSWERS, _PASSWORD = "publickey", "keyboard-interactive", "password"
_OURS = (_KEYS, _ANSWERS, _PASSWORD)
# The first OpenSSH that takes RSA keys with SHA-2.
_FIRST_WITH_SHA2 = (7, 2)
_SHA1_HINT = (
    "The server takes RSA keys only with SHA-1, as OpenSSH before 7.2 does, which is not safe any more: "
    "use an ed25519 key, or update the server"
)
_TOO_MANY_KEYS_HINT = "Name the right key in ~/.ssh/config: `IdentityFile …`, with `IdentitiesOnly yes`"


def authenticate(transport: Transport, host: SshHost, questions: SessionQuestions) -> None:
    """Log in; on return the transport is authenticated. It is the caller's to close, whatever happens.

    Args:
        transport: connected, its host key checked.
        host: what to log in with.
        questions: who is asked for passphrases, passwords and codes, from this thread.

    Raises:
        AuthenticationFailed: the server does not let this user in.
        SshSilent: it does not answer in time.
        SshLost: it hung up before anything was tried.
    """
    _Authentication(transport, host, questions).run()


class _Authentication:
    """One login. Its methods that return a truth value say whether the server let us in."""

    def __init__(self, transport: Transport, host: SshHost, questions: SessionQuestions) -> None:
        self._transport = transport
        self._host = host
        self._questions = questions
        user = host.user or getpass.getuser()
        self._account = f"{printable(user)}@{printable(host.hostname)}"
        self._login = Login(transport, user)
        self._allowed: tuple[str, ...] = ()
        self._tried: list[str] = []
        self._hint = ""
        self._refused_keys = self._refused_tries = 0
        self._given_up = False

    def run(self) -> None:
        """Raises as `authenticate` does."""
        seconds = self._host.connect_seconds
        self._taken(self._login.begin(seconds))
        if self._is_in(self._taken(self._login.ask_nothing(seconds))):
            return
        with contextlib.ExitStack() as stack:
            waiting = self._offers(stack)
            while True:
                allowed = self._allowed
                if self._by_keys(waiting) or self._by_secrets():
                    return
                # a key may be wanted after a password
                if self._allowed == allowed or _KEYS not in self._allowed or self._given_up:
                    raise self._failed()

    def _offers(self, stack: contextlib.ExitStack) -> Iterator[Offer]:
        """Made when the first is wanted: a server that takes no keys does not need the agent."""
        ask = self._questions.passphrase if self._host.asks_secrets else None
        yield from offers(self._host, ask, stack, self._note)

    def _note(self, words: str, hint: str = "") -> None:
        self._tried.append(words)
        self._hint = self._hint or hint

    # -- keys

    def _by_keys(self, waiting: Iterator[Offer]) -> bool:
        while _KEYS in self._allowed:
            offer = next(waiting, None)
            if offer is None:
                return False
            if self._refused_keys >= MOST_KEYS:
                self._note(f"no more than {MOST_KEYS} keys, though there are others")
                self._hint = _TOO_MANY_KEYS_HINT
                return False
            if self._show(offer):
                return True
        return False

    def _show(self, offer: Offer) -> bool:
        seconds = self._host.connect_seconds
        try:
            if offer.is_costly and offer.blob:
                algorithm = self._algorithm(kind_of(offer.blob))
                reply = self._taken(self._login.query_key(algorithm, offer.blob, seconds), offer.words)
                if reply.kind is not ReplyKind.USABLE:
                    return self._is_in_with_key(reply, offer)
            key = offer.open()
            algorithm = self._algorithm(key.kind)
            if key.is_security_key:
                self._questions.progress(f"Touch the security key now ({key.words})")
            signature = key.sign(self._login.what_to_sign(algorithm, key.blob), algorithm)
        except KeyUnusable as why:
            self._note(f"{offer.words}: {why}", offer.hint)
            return False
        shown = self._login.show_key(algorithm, key.blob, signature, seconds)
        return self._is_in_with_key(self._taken(shown, offer.words), offer)

    def _is_in_with_key(self, reply: Reply, offer: Offer) -> bool:
        self._note(offer.words + (", accepted" if reply.kind is ReplyKind.PARTLY else ""))
        if reply.kind is ReplyKind.REFUSED:
            self._refused_keys += 1
            if offer.blob and kind_of(offer.blob).startswith("ssh-rsa") and self._is_before_sha2():
                self._hint = _SHA1_HINT
        return self._is_in(reply)

    def _algorithm(self, kind: str) -> str:
        """Raises KeyUnusable."""
        told = bytes(self._transport.server_extensions.get("server-sig-algs", b"")).decode("ascii", "replace")
        algorithm = algorithm_for(kind, tuple(told.split(",")) if told else ())
        if algorithm is None:
            self._hint = _SHA1_HINT
            raise KeyUnusable("the server takes it only with SHA-1")
        return algorithm

    def _is_before_sha2(self) -> bool:
        found = re.search(r"OpenSSH_(\d+)\.(\d+)", str(self._transport.remote_version))
        return found is not None and (int(found[1]), int(found[2])) < _FIRST_WITH_SHA2

    # -- secrets

    def _by_secrets(self) -> bool:
        attempt, answers_help = 1, True
        while attempt <= MOST_SECRETS and self._host.asks_secrets and not self._given_up:
            if _ANSWERS in self._allowed and answers_help:
                reply, was_asked = self._by_answers()
                # many servers name it and then have nothing to ask
                answers_help = was_asked
            elif _PASSWORD in self._allowed:
                reply, was_asked = self._by_password(attempt), True
            else:
                return False
            if reply is None:
                self._given_up = True
                return False
            if self._is_in(reply):
                return True
            attempt += was_asked
            if reply.kind is ReplyKind.PARTLY:
                attempt, answers_help = 1, True
                if _KEYS in self._allowed:
                    return False
        return False

    def _by_password(self, attempt: int) -> Reply | None:
        password = self._questions.password(self._account, attempt)
        if password is None:
            self._note("password, which was not given")
            return None
        reply = self._login.show_password(password, _PERSON_SECONDS)
        self._note("password")
        return self._taken(reply, has_waited=True)

    def _by_answers(self) -> tuple[Reply | None, bool]:
        """The reply, None where somebody gave it up, and whether anything was asked."""
        reply, was_asked = self._taken(self._login.ask_for_questions(_PERSON_SECONDS)), False
        while reply.kind is ReplyKind.QUESTIONS:
            title, instructions = printable(reply.title), printable(reply.instructions, "\n")
            prompts = tuple((printable(text, "\n"), is_seen) for text, is_seen in reply.prompts)
            given: Sequence[str] | None = ()
            if prompts:
                was_asked = True
                given = self._questions.answers(title, instructions, prompts)
                self._note(f"answer to “{'”, “'.join(text.strip(' :') for text, _ in prompts)}”")
            elif instructions:
                self._questions.progress(instructions.replace("\n", " "))
            if given is None:
                self._note("which was not given")
                return None, True
            reply = self._taken(self._login.answer(given, _PERSON_SECONDS), has_waited=True)
        return reply, was_asked

    # -- replies

    def _is_in(self, reply: Reply) -> bool:
        if reply.kind is ReplyKind.ACCEPTED:
            return True
        self._allowed = reply.allowed
        self._refused_tries += reply.kind is ReplyKind.REFUSED
        return False

    def _taken(self, reply: Reply, words: str = "", has_waited: bool = False) -> Reply:
        """The reply, where it is one. Raises as `authenticate` does."""
        if reply.kind is ReplyKind.SILENT:
            raise SshSilent(
                f"{self._account}: the server does not answer",
                f"Nothing came during the login ({words})" if words else "Nothing came during the login",
                "It may be overloaded, or look up names that nobody answers for (UseDNS)",
                step="authentication",
            )
        if reply.kind is ReplyKind.ENDED:
            if words:
                self._note(words)
            raise self._hung_up(has_waited)
        return reply

    def _hung_up(self, has_waited: bool) -> SshError:
        title = f"{self._account}: the server hung up during the login"
        if not self._tried:
            return SshLost(title, "It did so before anything was tried", "Its log says why")
        tries = self._refused_keys + 1
        if has_waited:
            detail = "It refused too often, or did not wait any longer for an answer (LoginGraceTime)"
        else:
            detail = f"It did so at try {tries}, as servers do after too many (MaxAuthTries)"
        hint = _TOO_MANY_KEYS_HINT if self._refused_keys else "The server's log says why"
        return AuthenticationFailed(title, f"{detail}. Tried: {self._told()}", hint, tuple(self._tried))

    def _told(self) -> str:
        return "; ".join(dict.fromkeys(self._tried)) or "nothing"

    def _failed(self) -> AuthenticationFailed:
        takes = ", ".join(printable(each) for each in self._allowed if each) or "nothing more"
        return AuthenticationFailed(
            f"{self._account}: the server does not let you in",
            f"It takes {takes}. Tried: {self._told()}",
            self._hint or self._usual_hint(),
            tuple(self._tried),
        )

    def _usual_hint(self) -> str:
        takes_secrets = bool({_ANSWERS, _PASSWORD} & set(self._allowed))
        if not set(_OURS) & set(self._allowed):
            return "None of these is known here; the ssh program may know it"
        if takes_secrets and not self._host.asks_secrets:
            return "It would take a password or a code, but nobody can be asked: use a key"
        if _KEYS in self._allowed and not self._refused_keys:
            return f"No key was shown: `ssh-add -l` lists the agent's, `ssh-copy-id {self._account}` adds one"
        return "The server's log says why, and `ssh -v` shows what ssh would try"
