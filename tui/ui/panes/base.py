"""What every pane is: a part of the main screen with a number key, a title, actions, and moves of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, cast

from textual import events
from textual.containers import Vertical
from textual.widgets import Static

from tui.model.errors import EnvtuiError
from tui.monitor.topics import Topic
from tui.ui.actions import Action
from tui.ui.bridge import Bridge
from tui.ui.panes.pane_columns import ContributedColumn


class Shell(Protocol):
    """What a pane may ask of the screen that it is on."""

    def show_pane(self, name: str, enlarged: bool) -> None:
        """Bring another pane to the front; esc comes back."""


class Pane(Vertical):
    """A part of the main screen. The main screen and what holds everywhere know panes by these alone."""

    NAME: ClassVar[str]
    NUMBER: ClassVar[int]
    TITLE: ClassVar[str]
    TOPICS: ClassVar[tuple[Topic[Any], ...]]
    ACTIONS: ClassVar[tuple[Action[Any], ...]]
    #: whether it has columns to sort by
    SORTS: ClassVar[bool] = False

    _notice = ""

    def __init__(self, bridge: Bridge) -> None:
        """Args: where its facts come from."""
        super().__init__(id=self.NAME, classes="pane")
        self.bridge = bridge

    @property
    def shell(self) -> Shell:
        """The screen that it is on."""
        return cast(Shell, self.screen)

    # -- other panes

    def contributed(self) -> Sequence[ContributedColumn]:
        """Columns for the tables of other panes, as far as the host has what fills them."""
        return ()

    def contribute(self, column: ContributedColumn) -> None:
        """Have a column of another pane; only what has a table can."""

    # -- keys

    def take_focus(self) -> None:
        """Have the keys."""
        raise NotImplementedError

    def take_text(self, event: events.Key) -> bool | None:
        """A key while something is typed here: whether it was taken; None while nothing is typed."""
        raise NotImplementedError

    def move_by(self, step: int) -> None:
        """Go some lines down, or up."""
        raise NotImplementedError

    def move_pages(self, step: int) -> None:
        """Go some pages down, or up."""
        raise NotImplementedError

    def move_first(self) -> None:
        """Go to the first line."""
        raise NotImplementedError

    def move_last(self) -> None:
        """Go to the last line."""
        raise NotImplementedError

    def open_filter(self) -> None:
        """Let a filter be typed."""
        raise NotImplementedError

    def toggle_mark(self) -> None:
        """Mark or unmark what the cursor is on, and go on."""
        raise NotImplementedError

    def toggle_range(self) -> None:
        """Begin or end a range of marks."""
        raise NotImplementedError

    def sort_next(self, step: int) -> None:
        """Sort by another column."""

    def reverse_sort(self) -> None:
        """Sort in the other direction."""

    def targets(self) -> Sequence[Any]:
        """What an action acts on."""
        raise NotImplementedError

    def copy(self) -> tuple[str, str]:
        """What the copy key puts on the clipboard, and what a person is told about it; "" for nothing."""
        raise NotImplementedError

    def close_top(self) -> bool:
        """Undo the topmost thing of the pane; False when there is none."""
        raise NotImplementedError

    # -- state

    def show_notice(self, text: str) -> None:
        """Say something in the place of what it shows otherwise."""
        if text != self._notice:
            # it fills what room there is, whatever it says: laying out the whole screen anew takes 20 ms
            self._notice = text
            self.query_one(".pane-notice", Static).update(text, layout=False)

    @property
    def stale_error(self) -> EnvtuiError | None:
        """Why what it shows is old, None while it is not."""
        return None

    def age_seconds(self) -> float:
        """How old it is then."""
        return 0.0

    def tick(self) -> None:
        """A second has passed; not called while the screen is frozen, except for what is stale."""

    def on_screen_change(self, is_shown: bool) -> None:
        """It can be seen from now on, or no longer."""
