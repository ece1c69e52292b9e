"""What a make-believe container writes, computed for any span of time: nothing of it is stored.

A container's script says what is written in an opening and then in rounds of equal length. A page is one of
them in one run; it is made from the container, the run and its number alone, so that the log can be opened at
any moment, and read backwards, without what was written before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from random import Random

from tui.demo.runs import Run
from tui.model.logs import Stream

#: Time, stream and text with its newline. Times are unique in a container's log and increase.
Line = tuple[int, int, bytes]

#: A line comes out so long after it was written. What a container writes when it is ended falls into
#: this time, so that it comes after everything that was read before.
DELAY_NS = 5_000_000
_SECOND_NS = 10**9
_OPENING = -1
# the lines of a traceback follow each other this closely
_STEP_NS = 20_000
# Nothing comes at the full second; less than what scripts keep free at the end of a page.
_JITTER_NS = 80_000_000


@dataclass(frozen=True, slots=True)
class Script:
    """What a kind of container writes.

    Attributes:
        opening: writes its first page.
        opening_seconds: how long that is.
        round: writes each page after it.
        round_seconds: how long each of these is.
        ending: writes the last words of a run; asks its page for how the run ended.
    """

    opening: Callable[[Page], None] | None = None
    opening_seconds: float = 10.0
    round: Callable[[Page], None] | None = None
    round_seconds: float = 60.0
    ending: Callable[[Page], None] | None = None


class Page:
    """One page being written; `seconds` count from its beginning and must not go back.

    Attributes:
        run: whose page it is.
        number: of the round, -1 for the opening.
        dice: the same for the same page of the same run.
        lines: what was written.
    """

    __slots__ = ("_begin_ns", "_key", "_salt", "dice", "lines", "number", "run")

    def __init__(self, key: int, run: Run, number: int, begin_ns: int) -> None:
        """Args: key of the container; begin_ns is how long the run had gone on."""
        self.run = run
        self.number = number
        self.dice = Random(key << 96 ^ run.started_ns << 32 ^ number + 1)
        self.lines: list[Line] = []
        self._key = key
        self._salt = key + number
        self._begin_ns = begin_ns

    def out(self, seconds: float, text: str) -> None:
        """Write to stdout; each line of the text is one of the log."""
        self._write(seconds, Stream.STDOUT, text)

    def err(self, seconds: float, text: str) -> None:
        """Write to stderr."""
        self._write(seconds, Stream.STDERR, text)

    def time(self, seconds: float, form: str) -> str:
        """The date and time as the container itself writes it in its lines."""
        at = datetime.fromtimestamp(self._wall_ns(seconds) / _SECOND_NS, UTC)
        return at.strftime(form)

    def secret(self, digits: int) -> str:
        """Hexadecimal digits that stay the same in a run."""
        return hashlib.sha256(f"secret/{self._key}/{self.run.number}".encode()).hexdigest()[:digits]

    def flood(self, seconds: float, step_ns: int, texts: list[bytes]) -> None:
        """Write many lines to stdout, at equal distances."""
        first = self.run.wall_ns(self._begin_ns + int(seconds * _SECOND_NS)) + 1
        self.lines += [(first + index * step_ns, Stream.STDOUT, text) for index, text in enumerate(texts)]

    def _wall_ns(self, seconds: float) -> int:
        """The same each time for one page: what is written in a line fits the time in front of it."""
        offset_ns = int(seconds * _SECOND_NS)
        mixed = (self._salt + offset_ns) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        return self.run.wall_ns(self._begin_ns + offset_ns + 1 + (mixed >> 20) % _JITTER_NS)

    def _write(self, seconds: float, stream: Stream, text: str) -> None:
        at = self._wall_ns(seconds)
        lines = self.lines
        for line in text.split("\n"):
            if lines and at <= lines[-1][0]:
                at = lines[-1][0] + _STEP_NS
            lines.append((at, stream, line.encode() + b"\n"))


class LogText:
    """The log of a container with a script, for some of its runs as they were at one moment."""

    def __init__(self, script: Script, key: int, runs: tuple[Run, ...], now_ns: int) -> None:
        """Args: key tells containers apart; runs are in order."""
        self._script = script
        self._key = key
        self._runs = runs
        self._now_ns = now_ns
        self._opening_ns = int(script.opening_seconds * _SECOND_NS) if script.opening else 0
        self._round_ns = int(script.round_seconds * _SECOND_NS)

    def pages(self, from_ns: int, to_ns: int) -> Iterator[list[Line]]:
        """The lines of that span, both ends included; page by page, none is empty."""
        for run in self._runs:
            end_ns = self._end_ns(run)
            if end_ns < from_ns or run.started_ns > to_ns:
                continue
            for number in count(self._page_at(run, from_ns)):
                if not self._begins_before(run, number, min(to_ns, end_ns)):
                    break
                if lines := self._page(run, number, from_ns, to_ns):
                    yield lines
            if lines := _within(self._last_words(run), from_ns, to_ns):
                yield lines

    def start_of_tail(self, lines: int) -> int:
        """The time of the first of the last so many lines; that of the first of all where there are less."""
        missing, start_ns = lines, self._now_ns + 1
        if self._runs and self._runs[-1].ended_ns is None:
            # what has not come out yet is not counted, and must not be left out by who goes on from here
            start_ns = max(start_ns - DELAY_NS, self._runs[-1].started_ns)
        for page in self._backwards():
            if missing <= 0:
                break
            start_ns = page[-min(missing, len(page))][0]
            missing -= len(page)
        return start_ns

    def next_line_ns(self, after_ns: int) -> int | None:
        """When the last run writes its next line, or when to ask again; None while it writes nothing."""
        run = self._runs[-1]
        if run.spans[-1][1] is not None:
            return None
        number = self._page_at(run, after_ns)
        for line in self._whole_page(run, number):
            if line[0] > after_ns:
                return line[0]
        if self._script.round is None:
            return None
        return run.wall_ns(self._begin_ns(number + 1)) + 1

    def _backwards(self) -> Iterator[list[Line]]:
        """All pages, newest first."""
        for run in reversed(self._runs):
            if lines := self._last_words(run):
                yield lines
            for number in range(self._page_at(run, self._end_ns(run)), _OPENING - 1, -1):
                if lines := self._page(run, number, 0, self._now_ns):
                    yield lines

    def _end_ns(self, run: Run) -> int:
        """The last moment of which lines can be read."""
        return self._now_ns if run.ended_ns is None else run.ended_ns

    def _begin_ns(self, number: int) -> int:
        """How long a run has gone on where that page begins."""
        return 0 if number == _OPENING else self._opening_ns + number * self._round_ns

    def _page_at(self, run: Run, at_ns: int) -> int:
        if self._script.round is None:
            return _OPENING
        return max(_OPENING, (run.active_ns(at_ns) - self._opening_ns) // self._round_ns)

    def _begins_before(self, run: Run, number: int, at_ns: int) -> bool:
        if number == _OPENING:
            return True
        return self._script.round is not None and self._begin_ns(number) <= run.active_ns(at_ns)

    def _page(self, run: Run, number: int, from_ns: int, to_ns: int) -> list[Line]:
        """What has come out of a page, within the span."""
        end_ns = run.last_active_ns(self._end_ns(run) - DELAY_NS)
        return _within(self._whole_page(run, number), from_ns, min(to_ns, end_ns))

    def _whole_page(self, run: Run, number: int) -> list[Line]:
        write = self._script.opening if number == _OPENING else self._script.round
        if write is None:
            return []
        page = Page(self._key, run, number, self._begin_ns(number))
        write(page)
        return page.lines

    def _last_words(self, run: Run) -> list[Line]:
        if run.ended_ns is None or self._script.ending is None:
            return []
        number = self._page_at(run, run.ended_ns)
        page = Page(self._key, run, number, run.active_ns(run.ended_ns))
        self._script.ending(page)
        written = page.lines
        step_ns = DELAY_NS // (len(written) + 1)
        first_ns = run.ended_ns - DELAY_NS + 1
        return [(first_ns + index * step_ns, stream, text) for index, (_, stream, text) in enumerate(written)]


def _within(lines: list[Line], from_ns: int, to_ns: int) -> list[Line]:
    if not lines or (lines[0][0] >= from_ns and lines[-1][0] <= to_ns):
        return lines
    return [line for line in lines if from_ns <= line[0] <= to_ns]
