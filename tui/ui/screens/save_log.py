"""The dialog that asks where to save something: a log, and how much of it, or a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.model.errors import EnvtuiError
from tui.model.units import format_bytes
from tui.monitor.new_file import SaveTarget, examine
from tui.ui.text import printable

# With the time behind it well below the 255 bytes of a file name.
_LONGEST_NAME = 100

#: Has a blocking question asked on a thread; the answer, or the failure, comes back in the event loop.
Ask = Callable[[Callable[[], SaveTarget], Callable[[SaveTarget], None], Callable[[EnvtuiError], None]], None]


@dataclass(frozen=True, slots=True)
class SaveChoice:
    """What was decided.

    Attributes:
        path: the file, absolute.
        whole: the whole log from the engine; otherwise the lines that match the filter.
        replace: a file that is there is to be replaced.
    """

    path: Path
    whole: bool
    replace: bool


class SaveLogScreen(ModalScreen[SaveChoice | None]):
    """Gives back what was decided, None when nothing is to be saved.

    The input keeps the focus: arrows choose how much is saved, enter saves. File systems are looked at on
    a thread, because one that hangs would hold the screen up with every letter of its path.
    """

    BINDINGS = [  # noqa: RUF012 - Textual's type
        ("escape", "cancel"),
        ("up,down,tab,shift+tab", "choose_other"),
    ]
    DEFAULT_CSS = """
    SaveLogScreen .save-amount { height: auto; }
    SaveLogScreen .save-amount.-chosen { text-style: bold; }
    SaveLogScreen .save-room { height: auto; color: $text-muted; margin-top: 1; }
    """

    def __init__(
        self,
        container_name: str,
        ask: Ask,
        matching_lines: int | None = None,
        *,
        title: str = "",
        file_name: str = "",
        folder: Path | None = None,
        at: datetime | None = None,
        look: Callable[[Path], SaveTarget] = examine,
    ) -> None:
        """Ask for a path.

        Args:
            container_name: whose log it is; foreign text.
            ask: the bridge's.
            matching_lines: how many lines the filter leaves; None where there is no filter.
            title: what is asked, printable; "" for the log.
            file_name: what is proposed; "" for the log's.
            folder: where a path begins that does not say; None for the working directory.
            at: the time in the file's name; None for now.
            look: what a path is worth.
        """
        super().__init__(classes="dialog-screen")
        self._container_name = container_name
        self._ask = ask
        self._matching_lines = matching_lines
        self._folder = _working_folder() if folder is None else folder
        self._at = at
        self._title = title or f"Save the log of {printable(container_name)}"
        self._file_name = file_name
        self._look = look
        self._is_whole = True
        self._is_asking = False
        self._wants_save = False
        self._is_warned = False

    def compose(self) -> ComposeResult:
        """A title, the path, how much, and what is wrong with it."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Input(self._proposal(), id="path", select_on_focus=False)
            if self._matching_lines is not None:
                yield Static(id="whole", classes="save-amount", markup=False)
                yield Static(id="matching", classes="save-amount", markup=False)
            yield Static(classes="save-room", markup=False)
            yield Static(self._keys(), classes="dialog-consequence", markup=False)

    def on_mount(self) -> None:
        """The keys are for the path, and the proposal is looked at."""
        self._choose(whole=True)
        self._examine()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look at what is typed."""
        event.stop()
        self._wants_save = self._is_warned = False
        self._examine()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: save, once it is known what is there."""
        event.stop()
        self._wants_save = True
        self._examine()

    @on(events.Click, "#whole")
    def _click_whole(self) -> None:
        self._choose(whole=True)

    @on(events.Click, "#matching")
    def _click_matching(self) -> None:
        self._choose(whole=False)

    def action_cancel(self) -> None:
        """Nothing is saved."""
        self._wants_save = False
        self.dismiss(None)

    def action_choose_other(self) -> None:
        """The whole log, or the matching lines."""
        if self._matching_lines is not None:
            self._choose(whole=not self._is_whole)

    def _choose(self, whole: bool) -> None:
        self._is_whole = whole
        # a click took the keys from it
        self.query_one(Input).focus()
        count = self._matching_lines
        if count is None:
            return
        lines = "line that matches" if count == 1 else "lines that match"
        matching = f"Only the {count:,} {lines} the filter"
        for name, words, is_chosen in (
            ("#whole", "The whole log, from the engine", whole),
            ("#matching", matching, not whole),
        ):
            amount = self.query_one(name, Static)
            amount.update(f"{'●' if is_chosen else '○'} {words}")
            amount.set_class(is_chosen, "-chosen")

    def _proposal(self) -> str:
        at = datetime.now() if self._at is None else self._at
        name = self._file_name or f"{safe_name(self._container_name)}-{at:%Y%m%d-%H%M%S}.log"
        path = str(self._folder / name)
        # a folder whose name would drive the terminal is meant, and not shown
        return path if printable(path) == path else name

    def _keys(self) -> str:
        arrows = "" if self._matching_lines is None else "↑↓ how much · "
        return f"{arrows}enter saves · esc cancels"

    def _examine(self) -> None:
        """Have the path looked at, one look at a time; the newest text waits for the one before."""
        text = self.query_one(Input).value
        if self._is_asking:
            return
        path = resolved(text, self._folder)
        if isinstance(path, str):
            self._learn(text, SaveTarget(complaint=path))
            return
        self._is_asking = True
        self._ask(
            lambda: self._look(path),
            lambda target: self._learn(text, target),
            lambda error: self._learn(text, SaveTarget(complaint=error.title)),
        )

    def _learn(self, text: str, target: SaveTarget) -> None:
        self._is_asking = False
        if not self.is_attached:
            return
        if text != self.query_one(Input).value:
            self._examine()
            return
        if self._wants_save:
            self._wants_save = False
            self._save(text, target)
        self._tell(target)

    def _save(self, text: str, target: SaveTarget) -> None:
        path = resolved(text, self._folder)
        if isinstance(path, str) or target.complaint is not None:
            return
        if target.exists and not self._is_warned:
            self._is_warned = True
            return
        self.dismiss(SaveChoice(path, self._is_whole, target.exists))

    def _tell(self, target: SaveTarget) -> None:
        if target.complaint is not None:
            words = f"▲ {target.complaint}"
        elif target.exists and self._is_warned:
            words = "▲ exists: enter again replaces it · esc cancels"
        elif target.exists:
            words = f"▲ exists already · {self._keys()}"
        else:
            words = self._keys()
        self.query_one(".dialog-consequence", Static).update(printable(words))
        room = "" if target.free_bytes is None else f"{format_bytes(target.free_bytes)} free there"
        self.query_one(".save-room", Static).update(room)


def safe_name(name: str) -> str:
    """Foreign text as the beginning of a file name that no shell and no file system minds."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".-")[:_LONGEST_NAME] or "container"


def resolved(text: str, folder: Path) -> Path | str:
    """The absolute path that a person means, or what is wrong with it."""
    if not text.strip() or text.endswith("/"):
        return "the name of the file is missing"
    try:
        return folder / Path(text).expanduser()
    except (RuntimeError, ValueError):
        return f"there is no user {text.partition('/')[0][1:]}"


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:
        # it was removed under us
        return Path("~").expanduser()
