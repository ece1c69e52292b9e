"""One run of a make-believe container: when it had processes that went on, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, replace


def nanoseconds(at: float) -> int:
    """Seconds since the epoch in whole nanoseconds."""
    return round(at * 1e9)


@dataclass(frozen=True, slots=True)
class Run:
    """A run, in nanoseconds since the epoch.

    Attributes:
        number: counts the runs of the container.
        spans: from when to when its processes went on; a pause ends a span, the last may be open.
        ended_ns: when it was over, None while it has processes.
        exit_code: its status, once it is over.
        out_of_memory: the kernel ended it for its memory.
    """

    number: int
    spans: tuple[tuple[int, int | None], ...]
    ended_ns: int | None = None
    exit_code: int | None = None
    out_of_memory: bool = False

    @classmethod
    def begun(cls, number: int, at: float) -> Run:
        """One that goes on from `at`."""
        return cls(number, ((nanoseconds(at), None),))

    @property
    def started_ns(self) -> int:
        """When it began."""
        return self.spans[0][0]

    def paused(self, at: float) -> Run:
        """The run with its processes frozen."""
        begin, _ = self.spans[-1]
        return replace(self, spans=(*self.spans[:-1], (begin, max(begin, nanoseconds(at)))))

    def unpaused(self, at: float) -> Run:
        """The run with its processes going on again."""
        begin = max(nanoseconds(at), self.spans[-1][1] or 0)
        return replace(self, spans=(*self.spans, (begin, None)))

    def ended(self, at: float, exit_code: int, out_of_memory: bool = False) -> Run:
        """The run as it was when it was over."""
        begin, paused_at = self.spans[-1]
        ended_ns = max(begin, nanoseconds(at))
        spans = (*self.spans[:-1], (begin, ended_ns if paused_at is None else paused_at))
        return replace(self, spans=spans, ended_ns=ended_ns, exit_code=exit_code, out_of_memory=out_of_memory)

    def last_active_ns(self, at_ns: int) -> int:
        """The last moment up to `at_ns` at which its processes went on."""
        end = self.spans[-1][1]
        return at_ns if end is None else min(at_ns, end)

    def active_ns(self, at_ns: int) -> int:
        """How long its processes had gone on at that moment."""
        return sum(max(0, (at_ns if end is None else min(at_ns, end)) - begin) for begin, end in self.spans)

    def wall_ns(self, active_ns: int) -> int:
        """The moment at which its processes had gone on for that long, or will have."""
        rest = active_ns
        for begin, end in self.spans[:-1]:
            length = (end or begin) - begin
            if rest <= length:
                return begin + rest
            rest -= length
        return self.spans[-1][0] + rest
