"""How bad a log line says that things are, told from its words."""

from __future__ import annotations

import re
from enum import IntEnum


class Level(IntEnum):
    """What a line says of itself."""

    PLAIN = 0
    WARNING = 1
    ERROR = 2


# Words as loggers write them (Python, glog, Java, npm), and what training ends with: out of memory, a
# collective that hangs, a crash. Lower-case "error" alone is not one: `error=0.03` is a figure.
_ERROR = re.compile(
    r"\b(?:ERROR|CRITICAL|FATAL|PANIC|ALERT|EMERG)\b"
    r"|\bTraceback \(most recent call last\)"
    r"|\b\w*(?:Error|Exception)\b(?::|\(|$)"
    r"|^\s*(?:\[?error\]?|fatal|panic|error\[E\d+\]):"
    r"|\bCUDA (?:out of memory|error)|\bNCCL\b.*\b(?:timeout|timed out|abort|error)"
    r"|\bout of memory\b|\bOOM\b|\bSegmentation fault\b|\bcore dumped\b|\bKilled\b\s*$"
    r"|^E\d{4} \d\d:\d\d:\d\d",
    re.MULTILINE,
)
_WARNING = re.compile(
    r"\bWARN(?:ING)?\b|\b\w*Warning\b|^\s*\[?warn(?:ing)?\]?:"
    r"|\b(?:loss|grad\w*|norm)\b\W{0,3}(?:nan|inf)\b"
    r"|^W\d{4} \d\d:\d\d:\d\d",
    re.MULTILINE | re.IGNORECASE,
)
# Nobody writes the level behind so many characters, and long lines must not cost.
_LOOKED_AT = 400


def level_of(text: str) -> Level:
    """The level of a line's plain text."""
    start = text[:_LOOKED_AT]
    if _ERROR.search(start):
        return Level.ERROR
    return Level.WARNING if _WARNING.search(start) else Level.PLAIN
