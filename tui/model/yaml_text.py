"""Text as YAML, safely: whatever it holds, it stays one value on one line."""

from __future__ import annotations

import re

# Begins with a letter, so that it is neither a number nor anything that YAML has a sign for.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9._+=<>!~,-]*")
# What YAML 1.1 takes for something else than text.
_WORDS = frozenset({"y", "n", "yes", "no", "true", "false", "on", "off", "null", "none"})
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def scalar(text: str) -> str:
    """A value, in double quotes unless nobody could read it as anything else than this text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return f'"{_escaped(text)}"'


def comment(text: str) -> str:
    """Text for a comment: on one line, with what a terminal would obey written out."""
    return "".join(each if each.isprintable() else _code(each) for each in text)


def _escaped(text: str) -> str:
    return "".join(
        _ESCAPED.get(each, each if each.isprintable() and each != "\ufeff" else _code(each)) for each in text
    )


def _code(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
