"""envtui's own pair of keys, made once, with which it enters containers over SSH."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from tui.backends.shells.kept_files import make_folder, read_kept, replace_kept, write_new
from tui.model.errors import SessionError
from tui.model.printable import printable

_NAME = "id_ed25519"
_OTHERS = 0o077
_TITLE = "envtui's own SSH key can't be used"
# What a host's name may hold; a comment ends at a line's end, so nothing else gets into it.
_FOREIGN = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The pair.

    Attributes:
        path: of the private half.
        public_line: the public half as a line of authorized_keys, without its end.
        comment: the end of that line.
    """

    path: Path
    public_line: str
    comment: str


def own_key(folder: Path) -> OwnKey:
    """Envtui's pair, made (ed25519, no passphrase) where there is none yet. Two envtui get the same.

    Args:
        folder: of the files; made for this user alone.

    Raises:
        SessionError: it can't be written or read, others may read it, or it is damaged.
    """
    path = folder / _NAME
    try:
        make_folder(folder)
        if not os.path.lexists(path):
            _make(path)
        if os.stat(path).st_mode & _OTHERS:
            raise SessionError(_TITLE, f"{printable(str(path))} can be read by others", "Remove it")
    except OSError as error:
        detail = f"{printable(str(error.filename or path))}: {error.strerror}"
        raise SessionError(_TITLE, detail, "Give envtui a folder that it can write to") from error
    public = _public_half(path)
    line = read_kept(path.with_name(f"{_NAME}.pub")).decode("utf-8", "replace").strip()
    if not line.startswith(f"{public} ") or printable(line) != line:
        # lost, damaged, or not written yet by the envtui that makes the pair at this moment
        line = f"{public} {_comment()}"
        replace_kept(path.with_name(f"{_NAME}.pub"), f"{line}\n".encode())
    return OwnKey(path, line, line.removeprefix(f"{public} "))


def _make(path: Path) -> None:
    """Raises OSError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_new(part, private)
        # unlike a rename, a link never takes the place of another envtui's
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


def _public_half(path: Path) -> str:
    """Kind and key, without a comment."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    try:
        private = load_ssh_private_key(read_kept(path), None)
    except (ValueError, TypeError) as error:
        # neither the file's content nor the parser's words about it
        raise SessionError(_TITLE, f"{printable(str(path))} is damaged", "Remove it") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SessionError(_TITLE, f"{printable(str(path))} is of another kind", "Remove it")
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def _comment() -> str:
    return f"envtui@{_FOREIGN.sub('-', socket.gethostname()) or 'localhost'}"
