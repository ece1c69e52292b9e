"""How text looks by what it means; the colours are the style sheet's.

The looks are component classes of the screen, not of each widget: Textual computes the styles of every
component class of every widget at start and at each change of a class, which took a third of the start.
"""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget

#: Colours that tell the containers of a merged log apart.
ORIGIN_TONES = tuple(f"origin-{index}" for index in range(6))
TONES = (
    "good", "busy", "warn", "bad", "muted", "stale", "strong", "key", "badge",
    "header", "cursor", "cursor-blurred", "marked", "line", "found", "stderr", *ORIGIN_TONES,
)  # fmt: skip

#: For a screen's COMPONENT_CLASSES.
TONE_CLASSES = frozenset(f"tone--{tone}" for tone in TONES)


class ToneStyles:
    """The rich styles of tones for one widget, looked up once."""

    def __init__(self, widget: Widget) -> None:
        """Args: widget on a screen that has TONE_CLASSES."""
        self._widget = widget
        self._styles: dict[str, Style] = {"": Style.null()}
        self._plain: Style | None = None

    @property
    def plain(self) -> Style:
        """The widget's own style; looked up each time it costs as much as all the rest of a line."""
        if self._plain is None:
            self._plain = self._widget.rich_style
        return self._plain

    def __getitem__(self, tone: str) -> Style:
        style = self._styles.get(tone)
        if style is None:
            style = self._styles[tone] = self._look_up(tone)
        return style

    def _look_up(self, tone: str) -> Style:
        """The tone's style on this widget's background: muted colours are see-through."""
        rules = self._widget.screen.get_component_styles(f"tone--{tone}")
        background = self._widget.background_colors[1]
        own_background = rules.has_rule("background") and rules.background.a > 0
        if own_background:
            background += rules.background
        color = None
        if rules.has_rule("color") or rules.has_rule("auto_color"):
            shown = rules.color
            if rules.has_rule("auto_color") and rules.auto_color:
                shown = background.get_contrast_text(rules.color.a)
            color = (background + shown).rich_color
        return (
            Style(color=color, bgcolor=background.rich_color if own_background else None) + rules.text_style
        )

    def clear(self) -> None:
        """The theme changed."""
        self._styles, self._plain = {"": Style.null()}, None
