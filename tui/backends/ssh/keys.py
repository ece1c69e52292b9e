"""Keys that somebody can log in with, wherever their private half is kept."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, replace

from tui.backends.ssh.fingerprints import kind_of
from tui.backends.ssh.wire import WireError, split

CERTIFICATE_SUFFIX = "-cert-v01@openssh.com"
RSA_ALGORITHMS = ("rsa-sha2-512", "rsa-sha2-256")


class KeyUnusable(Exception):
    """A key, or what holds it, can't be used now: the text says why and stands behind its name."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key to log in with.

    Attributes:
        blob: what the server is told: the public key or a certificate for it, in wire form.
        words: what it is and where it is kept.
        sign: gives the signature of some data, in wire form; raises KeyUnusable. May block for long.
        is_costly: to sign takes a person, so that the server is asked first whether it would do.
    """

    blob: bytes
    words: str
    sign: Callable[[bytes, str], bytes]
    is_costly: bool = False

    @property
    def kind(self) -> str:
        """As the key itself says, such as `ssh-ed25519` or `ssh-ed25519-cert-v01@openssh.com`."""
        return kind_of(self.blob)

    @property
    def is_security_key(self) -> bool:
        """Whether a device has to be touched."""
        return self.kind.startswith("sk-")

    def with_certificate(self, certificate: bytes) -> HeldKey:
        """The same key, introduced by a certificate."""
        return replace(self, blob=certificate, words=f"{self.words}, with its certificate")


def algorithm_for(kind: str, server_takes: tuple[str, ...]) -> str | None:
    """What to sign with; None where the server takes of this kind only SHA-1, which is not used any more.

    Args:
        kind: of the key or certificate.
        server_takes: the server's `server-sig-algs`, () where it sent none.
    """
    plain = kind.removesuffix(CERTIFICATE_SUFFIX)
    if plain != "ssh-rsa":
        return kind
    usable = [each for each in RSA_ALGORITHMS if not server_takes or each in server_takes]
    return usable[0] + kind[len(plain) :] if usable else None


def is_certificate_of(certificate: bytes, key: bytes) -> bool:
    """Whether a certificate is for a public key, both in wire form (PROTOCOL.certkeys of OpenSSH)."""
    try:
        (kind, _nonce), rest = split(certificate, 2)
        (key_kind,), fields = split(key, 1)
    except WireError:
        return False
    # sk-ssh-ed25519@openssh.com has sk-ssh-ed25519-cert-v01@openssh.com
    expected = key_kind.removesuffix(b"@openssh.com") + CERTIFICATE_SUFFIX.encode()
    return kind == expected and rest.startswith(fields)


def public_line(text: str) -> bytes | None:
    """The key of a line `kind base64 comment` in wire form; None for anything else."""
    fields = text.split(None, 2)
    if len(fields) < 2:
        return None
    try:
        blob = base64.b64decode(fields[1], validate=True)
    except (ValueError, binascii.Error):
        return None
    return blob if kind_of(blob) == fields[0] else None
