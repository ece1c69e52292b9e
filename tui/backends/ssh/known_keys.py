"""Lines of known_hosts: read as OpenSSH reads them, one more written at the end, none ever rewritten."""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import fcntl
import hashlib
import hmac
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tui.backends.deadline import Deadline
from tui.backends.ssh.fingerprints import kind_of
from tui.model.errors import HostKeyError
from tui.model.printable import printable

REVOKED, AUTHORITY = "@revoked", "@cert-authority"
SSH_PORT = 22

_HASH_MARK, _SALT_BYTES = "|1|", 20
# Another program writes its line in milliseconds.
_LOCK_SECONDS, _LOOK_AGAIN_SECONDS = 5.0, 0.02
_BLANKS = re.compile(r"[ \t]+")
# flock is held by a descriptor: threads of one process have to wait for each other, too
_writing = threading.Lock()


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One line.

    Attributes:
        marker: "", REVOKED or AUTHORITY.
        names: patterns with commas between, or one hashed name.
        blob: the key in wire form.
    """

    file: str
    number: int
    marker: str
    names: str
    kind: str
    blob: bytes

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.number}"

    def is_for(self, name: str) -> bool:
        """Whether it speaks of a host; a pattern with `!` in front that fits rules the line out."""
        if self.names.startswith(_HASH_MARK):
            return _is_hash_of(self.names, name)
        fits = False
        for pattern in self.names.split(","):
            if _fits(pattern.removeprefix("!"), name):
                if pattern.startswith("!"):
                    return False
                fits = True
        return fits


def known_name(hostname: str, port: int = SSH_PORT) -> str:
    """How known_hosts names a host."""
    name = hostname.lower()
    return name if port == SSH_PORT else f"[{name}]:{port}"


def read(files: Sequence[str]) -> tuple[KnownKey, ...]:
    """All lines that can be understood; a file that is not there has none.

    Raises:
        HostKeyError: a file can't be read: without it a changed key would pass for a new one.
    """
    return tuple(key for file in files for key in _keys_in(file))


def append(file: str, name: str, blob: bytes, hashed: bool = False) -> None:
    """Write one more line at the end of a file, which is made where it is not there (0600, its folder 0700).

    Raises:
        HostKeyError: it can't be written.
    """
    line = f"{_hashed(name) if hashed else name} {kind_of(blob)} {base64.b64encode(blob).decode('ascii')}\n"
    try:
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _writing, _open_locked(file) as descriptor:
            size = os.fstat(descriptor).st_size
            begin = "\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else ""
            # one write: a reader sees all of the line or nothing
            data = (begin + line).encode()
            if os.write(descriptor, data) != len(data):
                # what is there stays a broken line, which readers skip
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise HostKeyError(
            "The host's key could not be written down",
            f"{printable(file)}: {error.strerror or error}",
            "Until it is, it will be asked for again",
        ) from error


@contextlib.contextmanager
def _open_locked(file: str) -> Iterator[int]:
    """Raises OSError."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        deadline, pause = Deadline(_LOCK_SECONDS), threading.Event()
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if deadline.passed:
                    raise
            pause.wait(_LOOK_AGAIN_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def _keys_in(file: str) -> Iterator[KnownKey]:
    try:
        data = Path(file).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise HostKeyError(
            "It can't be told whether the host's key is the right one",
            f"{printable(file)}: {error.strerror}",
            "Make it readable for this user",
        ) from error
    # splitlines() would also end a line at characters that a comment may hold
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        key = _key(file, number, line)
        if key:
            yield key


def _key(file: str, number: int, line: str) -> KnownKey | None:
    """None for blank lines, comments, and what nobody understands."""
    fields = _BLANKS.split(line.strip(" \t\r"))
    if not fields[0] or fields[0].startswith("#"):
        return None
    marker = fields.pop(0) if fields[0].startswith("@") else ""
    if marker not in ("", REVOKED, AUTHORITY) or len(fields) < 3:
        return None
    try:
        blob = base64.b64decode(fields[2], validate=True)
    except (ValueError, binascii.Error):
        return None
    # a line whose key is of another kind than it says is a broken one for OpenSSH, too
    return KnownKey(file, number, marker, fields[0], fields[1], blob) if kind_of(blob) == fields[1] else None


def _fits(pattern: str, name: str) -> bool:
    """OpenSSH's patterns have `*` and `?`, and brackets mean themselves."""
    parts = {"*": ".*", "?": "."}
    expression = "".join(parts.get(each) or re.escape(each) for each in pattern.lower())
    return re.fullmatch(expression, name, re.DOTALL) is not None


def _is_hash_of(text: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in text[len(_HASH_MARK) :].split("|"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(_digest(salt, name), digest)


def _hashed(name: str) -> str:
    salt = os.urandom(_SALT_BYTES)
    parts = (base64.b64encode(each).decode("ascii") for each in (salt, _digest(salt, name)))
    return _HASH_MARK + "|".join(parts)


def _digest(salt: bytes, name: str) -> bytes:
    return hmac.new(salt, name.encode(), hashlib.sha1).digest()
