"""The packages of one environment: who put each there, from where, and how large it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from tui.model.environments import Package
from tui.model.errors import EnvtuiError
from tui.model.units import format_bytes
from tui.ui.bridge import Bridge
from tui.ui.screens.aligned import aligned_lines
from tui.ui.screens.inspect import error_lines
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import printable

_TITLES = ("PACKAGE", "VERSION", "BY", "SIZE", "CHANNEL", "BUILD OR SOURCE", "")
_SIZE_COLUMN = 3


class PackagesScreen(TextScreen):
    """Asks when opened, and on `R`."""

    KEYS = (("R", "refresh"),)

    def __init__(
        self, name: str, facts: Sequence[Line], bridge: Bridge, question: Callable[[], Sequence[Package]]
    ) -> None:
        """Args: what they are the packages of; what else there is to say of it; how to ask (blocking)."""
        super().__init__(f"Packages of {printable(name)}")
        self._facts = [*facts, [("", "")]]
        # the titles stay, too
        self.HEADING_LINES = len(self._facts) + 1
        self._plain_title = self._title
        self._bridge = bridge
        self._question = question

    def fill(self) -> None:
        """Ask."""
        self.show_lines([*self._facts, [(" Reading their records …", "muted")]])
        self._bridge.ask(self._question, self._answered, self._failed)

    def handlers(self) -> dict[str, Callable[[], None]]:
        """`R` asks again."""
        return super().handlers() | {"R": self.fill}

    def _answered(self, packages: Sequence[Package]) -> None:
        if self.is_attached:
            self._title = f"{self._plain_title}: {counted(packages)}"
            self.show_lines([*self._facts, *package_lines(packages)])

    def _failed(self, error: EnvtuiError) -> None:
        if self.is_attached:
            self.show_lines([*self._facts, *error_lines(error)])


def counted(packages: Sequence[Package]) -> str:
    """How many, by whom."""
    by_owner = Counter(each.owner for each in packages)
    return ", ".join(f"{count} by {owner}" for owner, count in by_owner.most_common()) or "none"


def package_lines(packages: Sequence[Package]) -> list[Line]:
    """One line each, under titles; what is broken, and what somebody asked for, is said at the end."""
    rows = [
        (
            each.name,
            each.version,
            each.owner,
            "–" if each.size_bytes is None else format_bytes(each.size_bytes),
            each.channel or "–",
            each.build or "–",
            f"▲ {each.problem}" if each.problem else "asked for" if each.is_requested else "",
        )
        for each in packages
    ]
    tones = ["warn" if each.problem else "" for each in packages]
    return aligned_lines(_TITLES, rows, tones, right=(_SIZE_COLUMN,))
