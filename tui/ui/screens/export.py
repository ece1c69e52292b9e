"""An environment as a file: in three forms, with what no file can carry; copied or saved."""

from __future__ import annotations

from collections.abc import Callable

from tui.model.changes import FileFormat
from tui.model.environment_records import EnvironmentRecord
from tui.model.errors import EnvtuiError
from tui.model.exports import Export, ExportFormat, export
from tui.monitor.new_file import write_whole
from tui.ui.bridge import Bridge
from tui.ui.changes import tell
from tui.ui.screens.inspect import error_lines
from tui.ui.screens.save_log import SaveChoice, SaveLogScreen, safe_name
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import printable

_FORMS = {
    ExportFormat.YML: "every package with its version",
    ExportFormat.HISTORY: "what was asked for",
    ExportFormat.EXPLICIT: "an address and a hash for each package",
}
_ENDINGS = {FileFormat.YML: ".yml", FileFormat.EXPLICIT: ".lock", FileFormat.REQUIREMENTS: ".txt"}


class ExportScreen(TextScreen):
    """Asks for the records when opened; `f` shows another form."""

    KEYS = (("f", "form"), ("s", "save"))

    def __init__(self, name: str, bridge: Bridge, question: Callable[[], EnvironmentRecord]) -> None:
        """Args: of what, foreign; how to ask for its records (blocking)."""
        super().__init__(f"Export of {printable(name)}")
        self._what = name
        self._plain_title = self._title
        self._bridge = bridge
        self._question = question
        self._record: EnvironmentRecord | None = None
        self._format = ExportFormat.YML
        self._export: Export | None = None

    def fill(self) -> None:
        """Ask."""
        self.show_lines([[(" Reading its records …", "muted")]])
        self._bridge.ask(self._question, self._answered, self._failed)

    def handlers(self) -> dict[str, Callable[[], None]]:
        """`f` another form, `s` saves, `y` copies the file alone."""
        return super().handlers() | {"f": self._next_form, "s": self._save, "y": self._copy_file}

    def _answered(self, record: EnvironmentRecord) -> None:
        self._record = record
        if self.is_attached:
            self._show_export()

    def _failed(self, error: EnvtuiError) -> None:
        if self.is_attached:
            self.show_lines(error_lines(error))

    def _next_form(self) -> None:
        forms = list(_FORMS)
        self._format = forms[(forms.index(self._format) + 1) % len(forms)]
        self._show_export()

    def _show_export(self) -> None:
        if self._record is None:
            return
        made = self._export = export(self._record, self._format)
        self._title = f"{self._plain_title}: {_FORMS[self._format]}"
        heading: list[Line] = [
            [(f" ▲ not carried: {printable(each)}", "warn")] for each in made.cannot_be_carried
        ]
        heading += [[(f" · {printable(each)}", "muted")] for each in made.notes]
        if heading:
            heading.append([("", "")])
        self.HEADING_LINES = len(heading)
        self.show_lines([*heading, *([(f" {printable(line)}", "")] for line in made.text.splitlines())])

    def _copy_file(self) -> None:
        if self._export is not None:
            self.app.copy_to_clipboard(self._export.text)
            count = len(self._export.text.splitlines())
            self.app.notify(f"{count} lines of the file", title="Copied", markup=False)

    def _save(self) -> None:
        made = self._export
        if made is None:
            return
        file_name = f"{safe_name(self._what)}{_ENDINGS[made.file_format]}"

        def chosen(choice: SaveChoice | None) -> None:
            if choice is not None:
                content = made.text.encode("utf-8")
                self._bridge.ask(
                    lambda: write_whole(choice.path, content, choice.replace),
                    lambda _: self._saved(choice),
                    lambda error: tell(self.app, error),
                )

        title = f"Save the export of {printable(self._what)}"
        self.app.push_screen(
            SaveLogScreen(self._what, self._bridge.ask, title=title, file_name=file_name), chosen
        )

    def _saved(self, choice: SaveChoice) -> None:
        self.app.notify(printable(str(choice.path)), title="Saved", markup=False)
