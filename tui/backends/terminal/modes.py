"""What is to be told of this terminal: its kind, size and settings, as RFC 4254 encodes them."""

from __future__ import annotations

import contextlib
import fcntl
import re
import struct
import termios
import tty
from collections.abc import Mapping, Sequence
from typing import Any

from tui.model.sessions import Terminal

# RFC 4254, section 8; 42 is RFC 8160's. What this system does not have is left out.
_CHARACTERS = {
    1: "VINTR", 2: "VQUIT", 3: "VERASE", 4: "VKILL", 5: "VEOF", 6: "VEOL", 7: "VEOL2", 8: "VSTART",
    9: "VSTOP", 10: "VSUSP", 11: "VDSUSP", 12: "VREPRINT", 13: "VWERASE", 14: "VLNEXT", 16: "VSWTC",
    17: "VSTATUS", 18: "VDISCARD",
}  # fmt: skip
_FLAGS = {
    tty.IFLAG: {
        30: "IGNPAR", 31: "PARMRK", 32: "INPCK", 33: "ISTRIP", 34: "INLCR", 35: "IGNCR", 36: "ICRNL",
        37: "IUCLC", 38: "IXON", 39: "IXANY", 40: "IXOFF", 41: "IMAXBEL", 42: "IUTF8",
    },
    tty.LFLAG: {
        50: "ISIG", 51: "ICANON", 52: "XCASE", 53: "ECHO", 54: "ECHOE", 55: "ECHOK", 56: "ECHONL",
        57: "NOFLSH", 58: "TOSTOP", 59: "IEXTEN", 60: "ECHOCTL", 61: "ECHOKE", 62: "PENDIN",
    },
    tty.OFLAG: {70: "OPOST", 71: "OLCUC", 72: "ONLCR", 73: "OCRNL", 74: "ONOCR", 75: "ONLRET"},
    tty.CFLAG: {90: "CS7", 91: "CS8", 92: "PARENB", 93: "PARODD"},
}  # fmt: skip
_INPUT_SPEED, _OUTPUT_SPEED, _END = 128, 129, 0
_NO_CHARACTER = 255
_USUAL_SPEED = 38400
# Python 3.11 has no name for it (asm-generic/termbits.h)
_IUTF8 = 0o40000
_SPEEDS = {getattr(termios, name): int(name[1:]) for name in dir(termios) if re.fullmatch(r"B\d+", name)}

# What `stty sane` sets of what a full-screen program takes away.
_SANE_INPUT = termios.ICRNL | termios.IXON
_SANE_OUTPUT = termios.OPOST | termios.ONLCR
_SANE_LOCAL = (
    termios.ISIG | termios.ICANON | termios.IEXTEN | termios.ECHO | termios.ECHOE | termios.ECHOK
    | termios.ECHOCTL | termios.ECHOKE
)  # fmt: skip

_USUAL = Terminal()
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,63}")


def encoded_modes(attributes: Sequence[Any]) -> bytes:
    """What `termios.tcgetattr` gave, as RFC 4254, section 8, wants it in a `pty-req`."""
    encoded = bytearray()
    for opcode, name in _CHARACTERS.items():
        index = getattr(termios, name, None)
        if index is not None:
            character = attributes[tty.CC][index]
            value = character[0] if isinstance(character, bytes) else int(character)
            encoded += struct.pack(">BI", opcode, value or _NO_CHARACTER)
    for field, flags in _FLAGS.items():
        for opcode, name in flags.items():
            bits = _IUTF8 if name == "IUTF8" else getattr(termios, name, None)
            if bits is not None:
                # CS7 and CS8 are values of one field of two bits
                mask = termios.CSIZE if name in ("CS7", "CS8") else bits
                encoded += struct.pack(">BI", opcode, attributes[field] & mask == bits)
    for opcode, field in ((_INPUT_SPEED, tty.ISPEED), (_OUTPUT_SPEED, tty.OSPEED)):
        encoded += struct.pack(">BI", opcode, _SPEEDS.get(attributes[field]) or _USUAL_SPEED)
    return bytes(encoded) + bytes([_END])


def ordinary(attributes: Sequence[Any]) -> list[Any]:
    """The settings that a shell would find; those of a full-screen program are put right.

    A session may be opened while a screen still holds the terminal: its settings (no echo, no lines) would
    be wrong for the far side.
    """
    settings = list(attributes)
    if not settings[tty.LFLAG] & termios.ICANON:
        settings[tty.IFLAG] |= _SANE_INPUT
        settings[tty.OFLAG] |= _SANE_OUTPUT
        settings[tty.LFLAG] |= _SANE_LOCAL
    return settings


def window_size(*descriptors: int) -> tuple[int, int, int, int]:
    """Columns, rows, width and height in pixels (0 where it does not tell) of the first that has a size."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            answer = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
            rows, columns, width, height = struct.unpack("HHHH", answer)
            if rows and columns:
                return columns, rows, width, height
    return _USUAL.columns, _USUAL.rows, 0, 0


def this_terminal(fd_in: int, fd_out: int, environ: Mapping[str, str]) -> Terminal:
    """The terminal behind these descriptors; what it does not tell is as usual. Never raises."""
    modes = b""
    with contextlib.suppress(termios.error):
        modes = encoded_modes(ordinary(termios.tcgetattr(fd_in)))
    columns, rows, width, height = window_size(fd_out, fd_in)
    name = environ.get("TERM", "")
    return Terminal(
        name if _NAME.fullmatch(name) else _USUAL.name,
        columns,
        rows,
        width,
        height,
        modes,
    )
