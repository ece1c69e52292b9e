"""How often something that changes all the time is drawn: as often as the terminal takes it."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.timer import Timer
from textual.widget import Widget

# Fifteen frames a second are more than a person reads, and what comes after a rest is drawn at once; a
# terminal that can't keep up gets fewer.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1 / 15, 1.0


class Pacer:
    """Calls `draw` soon after news: at once after a rest, at most fifteen times a second otherwise."""

    def __init__(self, widget: Widget, draw: Callable[[], None], waiting_frames: Callable[[], int]) -> None:
        """Args: whose timers to use; what to call; how many frames the terminal has not taken yet."""
        self._widget = widget
        self._draw = draw
        self._waiting_frames = waiting_frames
        self._interval = _SHORTEST_SECONDS
        self._drawn_at = 0.0
        self._timer: Timer | None = None

    @property
    def seconds(self) -> float:
        """The present time between two frames."""
        return self._interval

    def news(self) -> None:
        """There is something new to draw."""
        if self._timer is not None:
            return
        rest = self._drawn_at + self._interval - time.monotonic()
        if rest <= 0 and not self._waiting_frames():
            self._draw_now()
        else:
            self._timer = self._widget.set_timer(max(rest, 0.001), self._due)

    def _due(self) -> None:
        self._timer = None
        if self._waiting_frames():
            # the line to the terminal is full: more frames would only make what it shows older
            self._interval = min(2 * self._interval, _LONGEST_SECONDS)
            self._timer = self._widget.set_timer(self._interval, self._due)
            return
        self._interval = max(self._interval / 2, _SHORTEST_SECONDS)
        self._draw_now()

    def _draw_now(self) -> None:
        self._drawn_at = time.monotonic()
        self._draw()
