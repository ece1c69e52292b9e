"""What is wrong in an environment file, line by line, and the file with the lines put right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tui.model.environment_files import EnvironmentFile

# What a package's line may be made of beside spaces and quotes; a longer word has it in it by chance.
_WORD = r"[\w.=<>!~*+:/-]"


class Severity(StrEnum):
    """How bad it is."""

    #: nothing can be made from the file, or what is made can't do what it is for
    ERROR = "error"
    #: it may work here and today
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One thing that is wrong.

    Attributes:
        line: from 1.
        text: what stands there, without dash and quotes.
        severity: see there.
        rule: a name for its kind ("torch-family").
        message: what is wrong, in a sentence.
        new_text: what should stand there instead of `text`; "" for nothing, None where nobody can say.
        corrected: the whole line as it should be, without its line end; "" where it must go, and None where
            it can't be named. A line end in it makes two lines of one.
        sources: ids in the table of rules, or in that of CUDA.
    """

    line: int
    text: str
    severity: Severity
    rule: str
    message: str
    new_text: str | None = None
    corrected: str | None = None
    sources: tuple[str, ...] = ()


def corrected(file: EnvironmentFile, problems: Sequence[FileProblem]) -> str:
    """The whole text with the lines put right where that can be said; all others byte for byte."""
    lines: list[str] = list(file.lines)
    for problem in problems:
        index = problem.line - 1
        if problem.new_text is None or not 0 <= index < len(lines):
            continue
        # a second finding of a line may be gone with the first
        line = replaced(lines[index], problem.text, problem.new_text)
        if line is not None:
            lines[index] = line
    return "".join(lines)


def replaced(line: str, old: str, new: str) -> str | None:
    """A line with another text in it; "" where nothing is left of it, None where that can't be done safely.

    Args:
        line: with its line end, which stays.
        old: as the file's reader gave it.
        new: instead of it; "" takes the whole line away, if there is nothing else in it.
    """
    text = re.escape(old)
    if not old:
        return "" if not new and re.fullmatch(r"\s*-\s*(#.*)?\s*", line) else None
    alone = re.fullmatch(rf"""(\s*(?:-\s+)+)(["']?){text}\2(\s*|\s+#.*\s*)""", line)
    if alone is not None:
        return alone[1] + alone[2] + new + alone[2] + alone[3] if new else ""
    if not new and re.fullmatch(rf"{text}\s*", line):
        # `prefix: /home/me/envs/a`
        return ""
    # in a list within brackets, or a mapping
    quoted = rf"""(?P<quote>["']?)(?<!{_WORD}){text}(?!{_WORD})(?P=quote)"""
    found = list(re.finditer(quoted, line))
    if len(found) != 1 or "#" in line[: found[0].start()]:
        return None
    start, end = found[0].span()
    if new:
        quote = found[0]["quote"]
        return line[:start] + quote + new + quote + line[end:]
    before = re.search(r",\s*$", line[:start])
    after = re.match(r"\s*,\s*", line[end:])
    if before is not None and re.match(r"\s*[],]", line[end:]):
        return line[: before.start()] + line[end:]
    if after is not None and line[:start].rstrip().endswith("["):
        return line[:start] + line[end + after.end() :]
    return None
