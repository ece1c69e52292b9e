"""Lines of toned text, cut to the width: the status bar, a pane's title, its details, the key hints."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.ui.text import fit, width_of
from tui.ui.widgets.tones import ToneStyles

#: Text and its tone, "" for plain.
Part = tuple[str, str]


class LineBar(Widget):
    """One or more lines, each with a left and a right end; the left end gives way when there is no room."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        """An empty bar."""
        super().__init__(id=id, classes=classes)
        self._lines: tuple[tuple[tuple[Part, ...], tuple[Part, ...]], ...] = ()
        self._styles = ToneStyles(self)

    def show(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """Show one line of printable text."""
        self.show_lines([(left, right)])

    def show_lines(self, lines: Sequence[tuple[Sequence[Part], Sequence[Part]]]) -> None:
        """Show several lines of printable text, each a left and a right end."""
        shown = tuple((tuple(left), tuple(right)) for left, right in lines)
        if shown != self._lines:
            self._lines = shown
            self.refresh()

    @property
    def text(self) -> str:
        """What it shows, as plain lines."""
        return "\n".join("".join(text for text, _ in (*left, *right)) for left, right in self._lines)

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._styles.clear()

    def render_line(self, y: int) -> Strip:
        """One line, padded to the width."""
        width = self.size.width
        base = self.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, base)
        left, right = self._lines[y]
        room = width
        right_segments = []
        for text, tone in right:
            cut = text if width_of(text) <= room else fit(text, room)
            room -= width_of(cut)
            right_segments.append(Segment(cut, base + self._styles[tone]))
        segments = []
        for text, tone in left:
            cut = text if width_of(text) <= room else fit(text, room)
            room -= width_of(cut)
            segments.append(Segment(cut, base + self._styles[tone]))
            if room <= 0:
                break
        if room > 0:
            segments.append(Segment(" " * room, base))
        return Strip([*segments, *right_segments]).adjust_cell_length(width, base)
