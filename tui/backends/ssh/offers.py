"""The keys that a server is shown, in order: those the configuration names, then whatever the agent has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from tui.backends.ssh.agent import open_agent
from tui.backends.ssh.configuration import SshHost
from tui.backends.ssh.keys import HeldKey, KeyUnusable, is_certificate_of
from tui.backends.ssh.private_keys import KeyFile, certificate_in, look_at, open_key, public_key_of
from tui.model.printable import printable

Ask = Callable[[str, int], str | None]


@dataclass(frozen=True, slots=True)
class Offer:
    """A key, or a certificate for it, that a server may be shown.

    Attributes:
        words: what it is.
        blob: in wire form; None where it is known only once it is open.
        is_costly: to use it takes a person, so that the server is asked first whether it would do.
        open: makes it ready to sign; raises KeyUnusable.
        hint: what to do where it can't be used.
    """

    words: str
    blob: bytes | None
    is_costly: bool
    open: Callable[[], HeldKey]
    hint: str = ""


def offers(
    host: SshHost, ask: Ask | None, stack: contextlib.ExitStack, note: Callable[[str, str], None]
) -> Iterator[Offer]:
    """What to show to a host, best first.

    Keys of the agent that are configured, configured files, and without IdentitiesOnly the agent's others.

    Args:
        host: whose configuration is meant.
        ask: for the passphrase of a file; None asks nobody.
        stack: closes the agent.
        note: told in words what can't be used, and what to do about it.
    """
    held = _of_agent(host, stack, note)
    extra = [blob for blob in map(certificate_in, host.certificate_files) if blob]
    by_blob = {key.blob: key for key in held}
    configured = {path: public_key_of(path) for path in host.identity_files}
    mine = [key for key in held if key.blob in configured.values()]
    for key in mine:
        beside = [certificate_in(f"{path}-cert.pub") for path, blob in configured.items() if blob == key.blob]
        yield from _of_held(key, [*filter(None, beside), *extra])
    for path, blob in configured.items():
        if blob is None or blob not in by_blob:
            yield from _of_file(path, extra, ask, note)
    if not host.identities_only:
        for key in held:
            if key not in mine:
                yield from _of_held(key, extra)


def _of_agent(
    host: SshHost, stack: contextlib.ExitStack, note: Callable[[str, str], None]
) -> tuple[HeldKey, ...]:
    try:
        agent = open_agent(host.identity_agent)
        if agent is None:
            return ()
        stack.callback(agent.close)
        return agent.keys()
    except KeyUnusable as why:
        note(str(why), "")
        return ()


def _of_held(key: HeldKey, certificates: list[bytes]) -> Iterator[Offer]:
    for each in _introduced(key, certificates):
        yield Offer(each.words, each.blob, each.is_costly, lambda each=each: each)  # type: ignore[misc]


def _introduced(key: HeldKey, certificates: list[bytes]) -> Iterator[HeldKey]:
    """By each certificate that is for it, then as it is."""
    for certificate in dict.fromkeys(certificates):
        if is_certificate_of(certificate, key.blob):
            yield key.with_certificate(certificate)
    yield key


def _of_file(
    path: str, extra: list[bytes], ask: Ask | None, note: Callable[[str, str], None]
) -> Iterator[Offer]:
    try:
        file = look_at(path)
    except KeyUnusable as why:
        note(f"key file {printable(path)}: {why}", "")
        return
    if file is None:
        return
    # one passphrase opens it for its certificates, too
    opened = cache(lambda: open_key(file, ask))
    hint = f"`ssh-add {printable(path)}` opens it once, for all that follows" if file.is_encrypted else ""
    certificates = [*filter(None, [file.certificate]), *extra]
    if file.public:
        for certificate in dict.fromkeys(certificates):
            if is_certificate_of(certificate, file.public):
                yield _certified(file, certificate, opened, hint)
    yield Offer(file.words, file.public, file.is_encrypted, opened, hint)


def _certified(file: KeyFile, certificate: bytes, opened: Callable[[], HeldKey], hint: str) -> Offer:
    words = f"{file.words}, with its certificate"
    return Offer(words, certificate, file.is_encrypted, lambda: opened().with_certificate(certificate), hint)
