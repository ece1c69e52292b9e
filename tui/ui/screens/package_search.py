"""Where is a package? Every environment of every container, narrowed down while a name is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.model.errors import EnvtuiError
from tui.monitor.package_index import ContainerPackages, Found, index_packages
from tui.monitor.topics import CONTAINERS, ENVIRONMENTS
from tui.ui.bridge import Bridge
from tui.ui.filters import Filter
from tui.ui.screens.aligned import aligned_lines
from tui.ui.screens.inspect import error_lines
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import printable
from tui.ui.widgets.filter_bar import FilterBar
from tui.ui.widgets.line_view import LineView

if TYPE_CHECKING:
    from tui.backends.base import Environments

_TITLES = ("PACKAGE", "VERSION", "BY", "CONTAINER", "ENVIRONMENT")
# More than anybody reads; who wants others types one more letter.
_MOST_SHOWN = 500


class PackageSearchScreen(TextScreen):
    """Opens with a line to type into; containers are asked meanwhile, and shown as they answer."""

    def __init__(self, bridge: Bridge, backend: Environments) -> None:
        """Args: where containers and what is known of them are; whom to ask for packages."""
        super().__init__("Where is a package?")
        self._bridge = bridge
        self._backend = backend
        self._answers: list[ContainerPackages] = []
        self._is_asking = True
        self._failure: EnvtuiError | None = None
        self._is_searching = False
        self._is_outdated = False

    def fill(self) -> None:
        """Ask all containers."""
        store = self._bridge.monitor.store
        containers = store.value(CONTAINERS) or ()
        known = store.value(ENVIRONMENTS) or {}
        bridge, backend = self._bridge, self._backend

        def tell(answer: ContainerPackages) -> None:
            bridge.deliver(lambda: self._take(answer))

        bridge.ask(lambda: index_packages(backend, containers, known, tell), lambda _: self._end(), self._end)
        self._search()
        # its input is not there before the first refresh
        self.call_after_refresh(lambda: self.query_one(FilterBar).open(Filter()))

    # -- answers

    def _take(self, answer: ContainerPackages) -> None:
        self._answers.append(answer)
        self._search()

    def _end(self, failure: EnvtuiError | None = None) -> None:
        self._is_asking, self._failure = False, failure
        self._search()

    # -- searching

    def show_lines(self, lines: Sequence[Line]) -> None:
        """The lines are those that were found: what is typed is searched for anew."""
        self._search()

    def _search(self) -> None:
        """On a thread: hundreds of thousands of names take a while. The newest wish wins."""
        if not self.is_attached:
            return
        if self._is_searching:
            self._is_outdated = True
            return
        self._is_searching = True
        chosen, answers = self._filter, tuple(self._answers)
        self._bridge.ask(lambda: matching(answers, chosen), self._show, self._fail)

    def _show(self, result: tuple[list[Line], int]) -> None:
        self._is_searching = False
        if not self.is_attached:
            return
        lines, count = result
        if self._failure is not None:
            lines = error_lines(self._failure)
        elif not self._filter.text:
            lines = [[(" Type a name; ^torch$ is torch alone, torch 2\\.[0-3] some versions.",
                       "muted")]]  # fmt: skip
        elif not count:
            lines = [[(" No environment that is known has it.", "muted")]]
        elif count > _MOST_SHOWN:
            lines = [*lines, [(f" … and {count - _MOST_SHOWN} more: type on", "warn")]]
        self.query_one(LineView).show([*lines, *self._failures()])
        self._show_title(self._words())
        if self._is_outdated:
            self._is_outdated = False
            self._search()

    def _fail(self, error: EnvtuiError) -> None:
        self._failure = error
        self._show(([], 0))

    def _words(self) -> str:
        environments = sum(each.environments for each in self._answers if each.error is None)
        words = f"{environments} environments of {len(self._answers)} containers"
        return f"{words}, asking …" if self._is_asking else words

    def _failures(self) -> list[Line]:
        return [
            [(f" ▲ {printable(each.container.name)}: {printable(each.error.one_line())}", "warn")]
            for each in self._answers
            if each.error is not None
        ]


def matching(answers: Sequence[ContainerPackages], chosen: Filter) -> tuple[list[Line], int]:
    """The first lines that match, under titles, and how many matched in all: best names first."""
    if not chosen.text:
        return [], 0
    matches = chosen.matcher()
    found = [
        each
        for answer in answers
        for each in answer.found
        if matches(f"{each.package.name} {each.package.version}") or matches(each.package.name)
    ]
    wanted = chosen.text.casefold()
    found.sort(key=lambda each: _rank(each, wanted))
    rows = [
        (
            each.package.name,
            each.package.version,
            each.package.owner,
            each.container.name,
            each.environment.label,
        )
        for each in found[:_MOST_SHOWN]
    ]
    return aligned_lines(_TITLES, rows), len(found)


def _rank(each: Found, wanted: str) -> tuple[bool, bool, str, str, str]:
    name = each.package.name.casefold()
    return (
        name != wanted,
        not name.startswith(wanted),
        name,
        each.container.name.casefold(),
        each.environment.prefix,
    )
