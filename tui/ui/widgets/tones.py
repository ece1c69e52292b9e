"""How text looks by what it means; the colours are the style sheet's.

The looks are component classes of the screen, not of each widget: Textual computes the styles of every
component class of every widget at start and at each change of a class, which took a third of the start.
"""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget

TONES = (
    "good", "busy", "warn", "bad", "muted", "stale", "strong", "key", "badge",
    "header", "cursor", "cursor-blurred", "marked",
)  # fmt: skip

#: For a screen's COMPONENT_CLASSES.
TONE_CLASSES = frozenset(f"tone--{tone}" for tone in TONES)


class ToneStyles:
    """The rich styles of tones for one widget, looked up once."""

    def __init__(self, widget: Widget) -> None:
        """Args: widget on a screen that has TONE_CLASSES."""
        self._widget = widget
        self._styles: dict[str, Style] = {"": Style.null()}

    def __getitem__(self, tone: str) -> Style:
        style = self._styles.get(tone)
        if style is None:
            style = self._styles[tone] = self._widget.screen.get_component_rich_style(
                f"tone--{tone}", partial=True
            )
        return style

    def clear(self) -> None:
        """The theme changed."""
        self._styles = {"": Style.null()}
