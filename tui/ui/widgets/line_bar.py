"""Lines of toned text, cut to the width: the status bar, a pane's title, its details, the key hints."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.ui.text import fit, width_of

#: Text and its tone: "" for plain, or one of LineBar's component classes without the prefix.
Part = tuple[str, str]

BAR_TONES = ("good", "warn", "bad", "muted", "strong", "key", "badge")


class LineBar(Widget):
    """One or more lines, each with a left and a right end; the left end gives way when there is no room."""

    COMPONENT_CLASSES = {f"line-bar--{tone}" for tone in BAR_TONES}  # noqa: RUF012 - Textual's type

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        """An empty bar."""
        super().__init__(id=id, classes=classes)
        self._lines: tuple[tuple[tuple[Part, ...], tuple[Part, ...]], ...] = ()
        self._styles: dict[str, Style] = {}

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
            right_segments.append(Segment(cut, base + self._style(tone)))
        segments = []
        for text, tone in left:
            cut = text if width_of(text) <= room else fit(text, room)
            room -= width_of(cut)
            segments.append(Segment(cut, base + self._style(tone)))
            if room <= 0:
                break
        if room > 0:
            segments.append(Segment(" " * room, base))
        return Strip([*segments, *right_segments]).adjust_cell_length(width, base)

    def _style(self, tone: str) -> Style:
        if not tone:
            return Style.null()
        style = self._styles.get(tone)
        if style is None:
            style = self._styles[tone] = self.get_component_rich_style(f"line-bar--{tone}", partial=True)
        return style
