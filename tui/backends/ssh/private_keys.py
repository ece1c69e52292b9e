"""Key files: what one can see of them without their passphrase, and how they are opened."""

from __future__ import annotations

import base64
import binascii
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tui.backends.ssh.fingerprints import kind_of
from tui.backends.ssh.keys import HeldKey, KeyUnusable, public_line
from tui.backends.ssh.wire import WireError, split, strings
from tui.model.printable import printable

if TYPE_CHECKING:
    from paramiko import PKey

#: Wrong passphrases that are put up with.
MOST_PASSPHRASES = 3

# A key file has some kilobytes; what is larger is none.
_MOST_BYTES = 1 << 20
# PROTOCOL.key of OpenSSH
_OPENSSH_BEGIN, _OPENSSH_MAGIC = "-----BEGIN OPENSSH PRIVATE KEY-----", b"openssh-key-v1\0"
_OLD_BEGINS = {"-----BEGIN RSA PRIVATE KEY-----": "ssh-rsa", "-----BEGIN EC PRIVATE KEY-----": "ecdsa"}
_OTHER_BEGINS = ("-----BEGIN PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----")
# Whose files others can read are not used, as ssh does not.
_FOR_OTHERS = 0o077
# What the readers raise on bytes that a wrong passphrase decrypted.
_UNREADABLE = (ValueError, TypeError, IndexError, struct.error)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key in a file.

    Attributes:
        kind: "ecdsa" where the file does not tell the curve.
        public: in wire form; None where it can't be known before the file is opened.
        certificate: the one that lies beside it, in wire form.
    """

    path: str
    kind: str
    public: bytes | None
    is_encrypted: bool
    certificate: bytes | None = None

    @property
    def words(self) -> str:
        """What it is."""
        return f"key file {printable(self.path)}"


def public_key_of(path: str) -> bytes | None:
    """The public half of a key file, from the file beside it or from the file itself; None where none is.

    Never raises: what is wrong with a file is told when it is to be used.
    """
    for file in (f"{path}.pub", path):
        try:
            text = _text(file)
        except (OSError, KeyUnusable):
            continue
        blob = public_line(text)
        if blob is None and text.startswith(_OPENSSH_BEGIN):
            try:
                _, blob = _openssh_header(text)
            except KeyUnusable:
                continue
        if blob:
            return blob
    return None


def certificate_in(path: str) -> bytes | None:
    """The certificate in a file, in wire form; None where there is none."""
    try:
        return public_line(_text(path))
    except (OSError, KeyUnusable):
        return None


def look_at(path: str) -> KeyFile | None:
    """What can be seen of a key file; None where there is none.

    Raises:
        KeyUnusable: it is no private key that could be used here.
    """
    try:
        text = _text(path)
        status = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise KeyUnusable(error.strerror or "can't be read") from error
    begin = text.lstrip().partition("\n")[0].strip()
    if public_line(text):
        raise KeyUnusable("is a public key, and the agent does not hold its private half")
    if status.st_uid == os.getuid() and status.st_mode & _FOR_OTHERS:
        raise KeyUnusable(f"can be read by others: `chmod 600 {printable(path)}`")
    certificate = certificate_in(f"{path}-cert.pub")
    if begin in _OLD_BEGINS:
        kind, is_encrypted = _OLD_BEGINS[begin], "ENCRYPTED" in text
        return KeyFile(path, kind, public_key_of(path), is_encrypted, certificate)
    if begin in _OTHER_BEGINS:
        raise KeyUnusable(
            f"is in a form that can't be read here: `ssh-keygen -p -f {printable(path)}` changes it"
        )
    if begin != _OPENSSH_BEGIN:
        raise KeyUnusable("is no private key")
    is_encrypted, public = _openssh_header(text)
    kind = kind_of(public)
    if kind.startswith("sk-"):
        raise KeyUnusable(f"needs its security key, which only an agent can use: `ssh-add {printable(path)}`")
    return KeyFile(path, kind, public, is_encrypted, certificate)


def open_key(file: KeyFile, ask_passphrase: Callable[[str, int], str | None] | None) -> HeldKey:
    """The key, ready to sign.

    Args:
        file: as `look_at` saw it.
        ask_passphrase: given the path and the attempt, 1 first; None gives it up. None asks nobody.

    Raises:
        KeyUnusable: it can't be opened.
    """
    if not file.is_encrypted:
        return _held(file, _loaded(file, None))
    if ask_passphrase is None:
        raise KeyUnusable("has a passphrase, and nobody can be asked for it: `ssh-add` opens it once")
    for attempt in range(1, MOST_PASSPHRASES + 1):
        passphrase = ask_passphrase(file.path, attempt)
        if passphrase is None:
            raise KeyUnusable("has a passphrase, which was not given")
        try:
            return _held(file, _loaded(file, passphrase))
        except KeyUnusable:
            # it can't be told from a broken file
            continue
    raise KeyUnusable(f"was not opened by {MOST_PASSPHRASES} passphrases")


def _loaded(file: KeyFile, passphrase: str | None) -> PKey:
    from paramiko import ECDSAKey, Ed25519Key, RSAKey, SSHException

    reader: type[PKey]
    if file.kind == "ssh-ed25519":
        reader = Ed25519Key
    elif file.kind == "ssh-rsa":
        reader = RSAKey
    elif file.kind.startswith("ecdsa"):
        reader = ECDSAKey
    else:
        raise KeyUnusable(f"is of a kind that can't be used here: {printable(file.kind)}")
    try:
        return reader.from_private_key_file(file.path, passphrase)
    except (*_UNREADABLE, SSHException, OSError):
        # without the cause: nothing of what was read may show up in a log
        raise KeyUnusable("can't be read") from None


def _held(file: KeyFile, key: PKey) -> HeldKey:
    return HeldKey(key.asbytes(), file.words, partial(_signature, key))


def _signature(key: PKey, data: bytes, algorithm: str) -> bytes:
    return bytes(key.sign_ssh_data(data, algorithm).asbytes())


def _text(path: str) -> str:
    """Raises OSError and KeyUnusable."""
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise KeyUnusable("is too large for a key")
    return data.decode("utf-8", "replace")


def _openssh_header(text: str) -> tuple[bool, bytes]:
    """Whether it is encrypted, and its public key. Raises KeyUnusable."""
    body = text.partition(_OPENSSH_BEGIN)[2].partition("-----END")[0]
    try:
        data = base64.b64decode(body)
        if not data.startswith(_OPENSSH_MAGIC):
            raise WireError
        (cipher, _, _), rest = split(data[len(_OPENSSH_MAGIC) :], 3)
        public = strings(rest[4:], 1)[0]
    except (ValueError, binascii.Error) as error:
        raise KeyUnusable("is broken") from error
    return cipher != b"none", public
