"""Many lines of toned text, drawn line by line, scrolled with the keys of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.ui.text import width_of
from tui.ui.widgets.line_bar import Part
from tui.ui.widgets.tones import ToneStyles


class LineView(ScrollView, can_focus=True):
    """Lines of printable text. Wider lines are scrolled to sideways."""

    def __init__(self) -> None:
        """Empty at first."""
        super().__init__()
        self._lines: tuple[tuple[Part, ...], ...] = ()
        self._styles = ToneStyles(self)

    def show(self, lines: Sequence[Sequence[Part]]) -> None:
        """Show these lines; where it is scrolled to stays."""
        self._lines = tuple(tuple(line) for line in lines)
        widest = max((sum(width_of(text) for text, _ in line) for line in self._lines), default=0)
        self.virtual_size = Size(widest, len(self._lines))
        self.refresh()

    @property
    def text(self) -> str:
        """All lines, plain."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    @property
    def is_at_end(self) -> bool:
        """Whether its last line can be seen."""
        return self.scroll_offset.y >= self.max_scroll_y

    def render_line(self, y: int) -> Strip:
        """One line, cut to where it is scrolled to."""
        left, top = self.scroll_offset
        base = self.rich_style
        width = self.size.width
        if top + y >= len(self._lines):
            return Strip.blank(width, base)
        segments = [Segment(text, base + self._styles[tone]) for text, tone in self._lines[top + y]]
        return Strip(segments).crop_extend(left, left + width, base)

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._styles.clear()

    def move(self, key: str) -> bool:
        """Scroll as a list does for a key (Textual's name); False for a key that means nothing here."""
        moves: dict[str, Callable[..., None]] = {
            "j": self.scroll_down, "down": self.scroll_down, "k": self.scroll_up, "up": self.scroll_up,
            "g": self.scroll_home, "home": self.scroll_home, "G": self.scroll_end, "end": self.scroll_end,
            "pageup": self.scroll_page_up, "pagedown": self.scroll_page_down, "space": self.scroll_page_down,
            "left": self.scroll_left, "right": self.scroll_right,
        }  # fmt: skip
        move = moves.get(key)
        if move is None:
            return False
        move(animate=False)
        return True
