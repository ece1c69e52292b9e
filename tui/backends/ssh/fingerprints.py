"""A public key as people compare it: fingerprint and randomart, as `ssh-keygen -lv` prints them."""

from __future__ import annotations

import base64
import hashlib

from tui.backends.ssh.wire import WireError, strings

# OpenSSH's sshkey.c: a walk through a field from its middle, and a letter for how often it was where
_LETTERS = " .o+=*BOX@%&#/^"
_START, _END = "S", "E"
_WIDTH, _HEIGHT = 17, 9
# What ssh-keygen calls the kinds, with their bits where those follow from the kind.
_NAMES = {
    "ssh-ed25519": ("ED25519", 256),
    "sk-ssh-ed25519@openssh.com": ("ED25519-SK", 256),
    "ecdsa-sha2-nistp256": ("ECDSA", 256),
    "ecdsa-sha2-nistp384": ("ECDSA", 384),
    "ecdsa-sha2-nistp521": ("ECDSA", 521),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("ECDSA-SK", 256),
}


def kind_of(blob: bytes) -> str:
    """The kind that a key in wire form says it is; "" for what is no key."""
    try:
        name = strings(blob, 1)[0]
    except WireError:
        return ""
    return name.decode("ascii") if name.isascii() else ""


def fingerprint(blob: bytes) -> str:
    """`SHA256:…` of a key in wire form."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def randomart(blob: bytes) -> str:
    """Eleven lines, which eyes compare more easily."""
    visits = [[0] * _WIDTH for _ in range(_HEIGHT)]
    column, row = _WIDTH // 2, _HEIGHT // 2
    for byte in hashlib.sha256(blob).digest():
        for step in range(4):
            pair = byte >> 2 * step
            column = min(max(column + (1 if pair & 1 else -1), 0), _WIDTH - 1)
            row = min(max(row + (1 if pair & 2 else -1), 0), _HEIGHT - 1)
            visits[row][column] += 1
    drawn = [[_LETTERS[min(count, len(_LETTERS) - 1)] for count in line] for line in visits]
    drawn[_HEIGHT // 2][_WIDTH // 2] = _START
    drawn[row][column] = _END
    lines = [_edge(_title(blob)), *(f"|{''.join(line)}|" for line in drawn), _edge("[SHA256]")]
    return "\n".join(lines)


def _edge(title: str) -> str:
    before = (_WIDTH - len(title)) // 2
    return f"+{'-' * before}{title}{'-' * (_WIDTH - len(title) - before)}+"


def _title(blob: bytes) -> str:
    """Kind and bits where both fit in."""
    kind = kind_of(blob)
    if kind == "ssh-rsa":
        name, bits = "RSA", _rsa_bits(blob)
    else:
        name, bits = _NAMES.get(kind, (kind, 0))
    title = f"[{name} {bits}]"
    return title if bits and len(title) <= _WIDTH else f"[{name}]"[:_WIDTH]


def _rsa_bits(blob: bytes) -> int:
    try:
        _, _, modulus = strings(blob, 3)
    except WireError:
        return 0
    return int.from_bytes(modulus, "big").bit_length()
