"""Two environments, or one and a file, side by side: what is different, torch and CUDA first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tui.model.comparison import Comparison, DifferenceKind, PackageDifference
from tui.model.errors import EnvtuiError
from tui.ui.bridge import Bridge
from tui.ui.screens.aligned import aligned_lines
from tui.ui.screens.inspect import error_lines
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import printable

_KINDS = {
    DifferenceKind.ADDED: ("+ right only", "good"),
    DifferenceKind.REMOVED: ("- left only", "warn"),
    DifferenceKind.CHANGED: ("~ differs", ""),
    DifferenceKind.MOVED: ("⇄ moved", "busy"),
}


class ComparisonScreen(TextScreen):
    """Asks when opened, and on `R`."""

    KEYS = (("R", "refresh"),)

    def __init__(self, title: str, bridge: Bridge, question: Callable[[], Comparison]) -> None:
        """Args: title, foreign; how to ask (blocking)."""
        super().__init__(printable(title))
        self._bridge = bridge
        self._question = question

    def fill(self) -> None:
        """Ask."""
        self.HEADING_LINES = 1
        self.show_lines([[(" Reading their records …", "muted")]])
        self._bridge.ask(self._question, self._answered, self._failed)

    def handlers(self) -> dict[str, Callable[[], None]]:
        """`R` asks again."""
        return super().handlers() | {"R": self.fill}

    def _answered(self, told: Comparison) -> None:
        if self.is_attached:
            heading, rows = comparison_lines(told)
            self.HEADING_LINES = len(heading)
            self.show_lines([*heading, *rows])

    def _failed(self, error: EnvtuiError) -> None:
        if self.is_attached:
            self.show_lines(error_lines(error))


def comparison_lines(told: Comparison) -> tuple[list[Line], list[Line]]:
    """What stays above with any filter, and a line a difference."""
    counted = Counter(each.kind for each in told.differences)
    parts = [f"{count} {_KINDS[kind][0].partition(' ')[2]}" for kind, count in counted.items()]
    words = ", ".join(parts) if parts else "nothing differs"
    heading: list[Line] = [
        [(f" left   {printable(told.left)}", "")],
        [(f" right  {printable(told.right)}", "")],
        [(f" {words} · {told.same} the same", "strong" if parts else "good")],
    ]
    heading += [[(f" ▲ can't be judged: {printable(each)}", "warn")] for each in told.unclear]
    heading += [[(f" ▲ {printable(each)}", "warn")] for each in told.notes]
    heading.append([("", "")])
    if not told.differences:
        return heading, []
    titles = ("", "PACKAGE", "LEFT", "RIGHT", "BY")
    rows = [
        (
            _KINDS[each.kind][0],
            each.name,
            _side(each.left_version, each.left_build if _shows_builds(each) else ""),
            _side(each.right_version, each.right_build if _shows_builds(each) else ""),
            _owners(each),
        )
        for each in told.differences
    ]
    tones = [_KINDS[each.kind][1] for each in told.differences]
    titled, *lines = aligned_lines(titles, rows, tones)
    return [*heading, titled], lines


def _shows_builds(difference: PackageDifference) -> bool:
    """Only where the versions alone look the same."""
    return difference.left_version == difference.right_version


def _side(version: str | None, build: str) -> str:
    if version is None:
        return "–"
    return f"{version} {build}".rstrip()


def _owners(difference: PackageDifference) -> str:
    owners = [each for each in (difference.left_owner, difference.right_owner) if each]
    return " → ".join(dict.fromkeys(owners))
