"""Versions as conda orders them, and whether one satisfies what was asked for.

The order is the one that conda documents for `VersionOrder`: an epoch ("1!"), then components between ".",
"-" and "_", each cut into runs of digits and of letters, then a local part ("+cu128"), compared in the same
way. A missing run counts as 0; text is older than a number, so that "1.0rc1" comes before "1.0"; "dev" is
older than any other text and "post" newer than any number. What it makes of pip's versions is PEP 440's order
in all that a package really writes.

Any text has a place in the order, so that a hostile version can't break a list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import total_ordering
from itertools import zip_longest

# a run's rank before its value: "dev" < "_" < other text < numbers < "post"
_DEV, _SEPARATOR, _TEXT, _NUMBER, _POST = range(5)
_Run = tuple[int, int, str]
_ZERO: _Run = (_NUMBER, 0, "")
_RUNS = re.compile(r"[0-9]+|[^0-9]+")
# what is longer is no version, and Python refuses to read numbers of thousands of digits
_MOST_CHARACTERS = 256
_OPERATORS = ("===", "==", "!=", "<=", ">=", "~=", "<", ">", "=")
_SOUND = re.compile(r"[0-9a-z*.+!_-]+")
# PEP 440's spelling of a version that comes before its release
_BEFORE_RELEASE = re.compile(r"[0-9][-_.]?(?:a|b|c|rc|alpha|beta|pre|preview|dev)[-_.]?[0-9]*(?:\D|$)")


@total_ordering
class OrderKey:
    """A version's place in the order; keys of versions that are the same (“1” and “1.0”) are equal."""

    __slots__ = ("epoch", "local", "parts")

    def __init__(self, version: str) -> None:
        """Args: any text."""
        text = version.strip().lower()[:_MOST_CHARACTERS]
        before, mark, rest = text.partition("!")
        has_epoch = bool(mark) and _is_number(before)
        self.epoch = int(before) if has_epoch else 0
        main, _, local = (rest if has_epoch else text).partition("+")
        self.parts = _parts(main)
        self.local = _parts(local)

    def __eq__(self, other: object) -> bool:
        """The same version, however it is written."""
        return isinstance(other, OrderKey) and self._compare(other) == 0

    def __lt__(self, other: OrderKey) -> bool:
        """Older."""
        return self._compare(other) < 0

    def __hash__(self) -> int:
        """Of what is equal."""
        shown = [_without_zeros(part) for part in self.parts]
        while shown and not shown[-1]:
            shown.pop()
        return hash((self.epoch, tuple(shown)))

    def _compare(self, other: OrderKey) -> int:
        if self.epoch != other.epoch:
            return -1 if self.epoch < other.epoch else 1
        return _compare(self.parts, other.parts) or _compare(self.local, other.local)


def order_key(version: str) -> OrderKey:
    """The key that sorts versions, oldest first. Any text has one."""
    return OrderKey(version)


def compare_versions(a: str, b: str) -> int:
    """-1 where `a` is older than `b`, 1 where it is newer, 0 where they are the same."""
    left, right = OrderKey(a), OrderKey(b)
    return -1 if left < right else 1 if right < left else 0


def satisfies(version: str, constraint: str, is_pip: bool = False) -> bool | None:
    """Whether a version is one that a constraint allows; None where the constraint can't be read.

    Args:
        version: of a package.
        constraint: what follows a package's name: "", "*", "=1.2" (begins so), "==1.2", "1.2" (the same),
            "1.2.*", ">=1.2,<3", "~=1.2", "!=1.3", "1.2|1.4".
        is_pip: by PEP 440: a local part counts only where the constraint has one, "<2" excludes "2rc1" and
            ">1" excludes "1.post1", and there is neither "=" nor "|".
    """
    text = constraint.strip()
    if not text or text == "*":
        return True
    if len(text) > 4 * _MOST_CHARACTERS or (is_pip and "|" in text):
        return None
    judge = _pip_allows if is_pip else _conda_allows
    answers = [
        [judge(version.strip().lower(), part) for part in _split(all_of, ",")]
        for all_of in _split(text.lower(), "|")
    ]
    if any(answer is None for all_of in answers for answer in all_of):
        return None
    return any(all(all_of) for all_of in answers)


def _split(text: str, mark: str) -> list[str]:
    return [part.strip() for part in text.split(mark)]


def _operator(text: str) -> tuple[str, str]:
    for operator in _OPERATORS:
        if text.startswith(operator):
            return operator, text[len(operator) :].strip()
    return "", text


def _conda_allows(version: str, text: str) -> bool | None:
    operator, wanted = _operator(text)
    if not operator and wanted == "*":
        return True
    if not _SOUND.fullmatch(wanted) or operator == "===":
        return None
    has_star = wanted.endswith("*")
    wanted = wanted.rstrip("*").rstrip(".") if has_star else wanted
    if not wanted or "*" in wanted:
        return None
    is_prefix = has_star or operator == "="
    match operator:
        case "" | "=" | "==":
            return _begins_so(version, wanted) if is_prefix else compare_versions(version, wanted) == 0
        case "!=":
            return not _begins_so(version, wanted) if is_prefix else compare_versions(version, wanted) != 0
        case "~=":
            return _is_compatible(version, wanted)
    return _is_ordered(compare_versions(version, wanted), operator)


def _pip_allows(version: str, text: str) -> bool | None:
    operator, wanted = _operator(text)
    if operator == "===":
        return version == wanted
    if not _SOUND.fullmatch(wanted) or operator in ("", "="):
        return None
    is_prefix = wanted.endswith(".*")
    wanted = wanted.removesuffix(".*")
    if "*" in wanted or not wanted or (is_prefix and operator not in ("==", "!=")):
        return None
    public = version if "+" in wanted else version.partition("+")[0]
    order = compare_versions(public, wanted)
    match operator:
        case "==":
            return _begins_so(public, wanted) if is_prefix else order == 0
        case "!=":
            return not _begins_so(public, wanted) if is_prefix else order != 0
        case "~=":
            return _is_compatible(public, wanted) if "." in wanted else None
        case "<" if _BEFORE_RELEASE.search(public) and not _BEFORE_RELEASE.search(wanted):
            return order < 0 and not _begins_with_release(public, wanted)
        case ">" if "post" in public and "post" not in wanted:
            return order > 0 and not _begins_with_release(public, wanted)
    return _is_ordered(order, operator)


def _is_ordered(order: int, operator: str) -> bool:
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def _is_compatible(version: str, wanted: str) -> bool:
    """`~=1.2.3`: at least that, and with all of it but the last component the same."""
    series = wanted.partition("+")[0].rpartition(".")[0]
    return compare_versions(version, wanted) >= 0 and (not series or _begins_so(version, series))


def _begins_with_release(version: str, wanted: str) -> bool:
    """Whether both are of the same release: "2.0rc1" is one of "2"."""
    release = re.match(r"(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*", version)
    return release is not None and compare_versions(release[0], wanted) == 0


def _begins_so(version: str, beginning: str) -> bool:
    """Whether a version begins with the runs of another: "1.2.3" and "1.2rc1" with "1.2", "1.20" does not."""
    key, wanted = OrderKey(version), OrderKey(beginning)
    if key.epoch != wanted.epoch:
        return False
    if wanted.local:
        return _compare(key.parts, wanted.parts) == 0 and _parts_begin_so(key.local, wanted.local)
    return _parts_begin_so(key.parts, wanted.parts)


def _parts_begin_so(parts: Sequence[Sequence[_Run]], wanted: Sequence[Sequence[_Run]]) -> bool:
    *first, last = wanted
    if _compare(parts[: len(first)], first) != 0:
        return False
    part = parts[len(first)] if len(parts) > len(first) else ()
    *runs, last_run = last
    if _compare([part[: len(runs)]], [runs]) != 0:
        return False
    run = part[len(runs)] if len(part) > len(runs) else _ZERO
    if last_run[0] == _TEXT:
        return run[0] == _TEXT and run[2].startswith(last_run[2])
    return run == last_run


def _parts(text: str) -> tuple[tuple[_Run, ...], ...]:
    if not text:
        return ()
    # a separator at the end is no separator: OpenSSL's "1.0.1_" comes before "1.0.1a"
    ends_so = text.endswith(("_", "-")) and len(text) > 1
    pieces = re.split(r"[._-]", text[:-1] if ends_so else text)
    if ends_so:
        pieces[-1] += "_"
    return tuple(_runs(piece) for piece in pieces)


def _runs(piece: str) -> tuple[_Run, ...]:
    found = tuple(_run(text) for text in _RUNS.findall(piece))
    # so that numbers are always compared with numbers: "a1" is "0a1"
    return found if piece[:1].isascii() and piece[:1].isdigit() else (_ZERO, *found)


def _run(text: str) -> _Run:
    if _is_number(text):
        return _NUMBER, int(text), ""
    if text == "dev":
        return _DEV, 0, ""
    if text == "post":
        return _POST, 0, ""
    return (_SEPARATOR, 0, "") if text == "_" else (_TEXT, 0, text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _without_zeros(part: Sequence[_Run]) -> tuple[_Run, ...]:
    runs = list(part)
    while runs and runs[-1] == _ZERO:
        runs.pop()
    return tuple(runs)


def _compare(left: Sequence[Sequence[_Run]], right: Sequence[Sequence[_Run]]) -> int:
    for one, other in zip_longest(left, right, fillvalue=()):
        for a, b in zip_longest(one, other, fillvalue=_ZERO):
            if a != b:
                return -1 if a < b else 1
    return 0
