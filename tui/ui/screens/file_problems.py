"""What is wrong in a file, line by line with what should stand there, before anything is made from it."""

from __future__ import annotations

import textwrap

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button

from tui.model.changes import SourceFile
from tui.model.file_problems import FileProblem, Severity
from tui.monitor.source_file import CheckedFile
from tui.ui.change_words import Line
from tui.ui.text import printable
from tui.ui.widgets.line_bar import LineBar
from tui.ui.widgets.line_view import LineView
from tui.ui.widgets.tones import TONE_CLASSES

_WIDEST = 110


class FileProblemsScreen(ModalScreen[SourceFile | None]):
    """Gives back the file that is to be used, as it is or corrected; None for none."""

    COMPONENT_CLASSES = set(TONE_CLASSES)  # noqa: RUF012 - Textual's type
    BINDINGS = [  # noqa: RUF012 - Textual's type
        ("escape", "cancel"),
        ("left", "app.focus_previous"),
        ("right", "app.focus_next"),
        ("up", "move('up')"),
        ("down", "move('down')"),
        ("pageup", "move('pageup')"),
        ("pagedown", "move('pagedown')"),
    ]

    def __init__(self, checked: CheckedFile) -> None:
        """Args: a file with problems."""
        super().__init__(classes="text-screen")
        self.checked = checked

    def compose(self) -> ComposeResult:
        """Title, what is wrong, and the ways to go on."""
        with Vertical(classes="text-frame"):
            yield LineBar(classes="pane-title")
            view = LineView()
            view.can_focus = False
            yield view
            with Horizontal(classes="dialog-buttons plan-buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Go on as it is", id="as-it-is", variant="warning", compact=True)
                if self.checked.corrected is not None:
                    yield Button("Go on corrected", id="corrected", variant="success", compact=True)

    def on_mount(self) -> None:
        """Cancel has the focus."""
        count = len(self.checked.problems)
        title = f" {printable(self.checked.file.name)}: {count} finding{'s' if count > 1 else ''} "
        self.query_one(LineBar).show([(title, "strong")], [(" your own file is not changed ", "muted")])
        self.query_one("#cancel").focus()

    def on_resize(self, event: events.Resize) -> None:
        """Prose is as wide as the screen."""
        width = min(event.size.width, _WIDEST)
        lines = [line for each in self.checked.problems for line in problem_lines(each, width)]
        self.query_one(LineView).show(lines)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Close with the file."""
        event.stop()
        chosen = {"as-it-is": self.checked.file, "corrected": self.checked.corrected}
        self.dismiss(chosen.get(event.button.id or ""))

    def action_cancel(self) -> None:
        """Nothing is made."""
        self.dismiss(None)

    def action_move(self, key: str) -> None:
        """Scroll."""
        self.query_one(LineView).move(key)


def problem_lines(problem: FileProblem, width: int) -> list[Line]:
    """A finding: where, what, what stands there and what should."""
    is_error = problem.severity is Severity.ERROR
    mark, tone = ("✗", "bad") if is_error else ("▲", "warn")
    head = f" {mark} line {problem.line}: "
    wrapped = textwrap.wrap(
        printable(problem.message), width - 1, initial_indent=head, subsequent_indent="     "
    )
    lines: list[Line] = [[(line, tone)] for line in wrapped]
    if problem.text:
        lines.append([(f"     is         {printable(problem.text)}", "")])
    if problem.corrected is not None:
        for number, line in enumerate(problem.corrected.splitlines() or ["(nothing: the line goes)"]):
            label = "should be" if not number else ""
            lines.append([(f"     {label:<9}  {printable(line.strip())}", "good")])
    return [*lines, [("", "")]]
