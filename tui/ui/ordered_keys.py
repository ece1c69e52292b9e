"""Screens whose keys take effect one after the other, however fast they come.

Textual hands a key to the widget that has the focus when the key arrives, and the key's effect comes
later, when it has bubbled up. Of `/stop` typed at once, `s` would then be an action of the list, because
the filter's input gets the focus only after it. So keys are given to the screen first, synchronously.
"""

from __future__ import annotations

from textual import events


class OrderedKeys:
    """A screen that is asked about a key before any widget sees it."""

    def take_key(self, event: events.Key) -> bool:
        """Carry the key out; False when it is for the focused widget."""
        raise NotImplementedError
