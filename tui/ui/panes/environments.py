"""The Environments pane: the Python environments of the selected container, or of all containers at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from tui.model.containers import Container, ContainerState
from tui.model.environments import EnvironmentKind, KnownEnvironments, ListedBy
from tui.model.errors import EnvtuiError
from tui.model.joins import ContainerRow, EnvironmentRow, environment_rows
from tui.monitor.known_changes import KnownChange, at_work_on
from tui.monitor.selection import Selection
from tui.monitor.topics import CHANGES, CONTAINERS, ENVIRONMENTS, SELECTION, Topic
from tui.ui.actions import Action
from tui.ui.bridge import Bridge
from tui.ui.change_words import DOING
from tui.ui.panes import environment_actions
from tui.ui.panes import environment_words as words
from tui.ui.panes.pane_columns import ContributedColumn, PaneColumn
from tui.ui.panes.table import TablePane
from tui.ui.text import printable
from tui.ui.widgets.columns import Column
from tui.ui.widgets.line_bar import Part

_COLUMNS: tuple[PaneColumn[EnvironmentRow], ...] = (
    PaneColumn(Column("name", "NAME", 14, widest=40), words.name_cell, words.name_order),
    PaneColumn(
        Column("python", "PYTHON", 8, widest=10),
        lambda row: words.text_cell(row.environment.python),
        lambda row: row.environment.python or "",
    ),
    PaneColumn(
        Column("torch", "TORCH", 11, widest=22),
        lambda row: words.text_cell(row.environment.torch),
        lambda row: row.environment.torch or "",
    ),
    PaneColumn(
        Column("cuda", "CUDA", 5, widest=8),
        lambda row: words.text_cell(row.environment.cuda_build),
        lambda row: row.environment.cuda_build or "",
    ),
    PaneColumn(Column("verdict", "GPU VERDICT", 14, widest=28), words.verdict_cell, words.verdict_order),
    PaneColumn(Column("origin", "ORIGIN", 6), words.origin_cell, lambda row: row.environment.origin or ""),
    PaneColumn(
        Column("packages", "PACKAGES", 8, align_right=True),
        words.packages_cell,
        words.packages_order,
        falls=True,
    ),
    PaneColumn(
        Column("size", "SIZE", 8, align_right=True),
        words.size_cell,
        lambda row: row.size.size_bytes if row.size else -1,
        falls=True,
    ),
    PaneColumn(
        Column("kind", "KIND", 6, from_width=90),
        lambda row: (str(row.environment.kind), "muted"),
        lambda row: str(row.environment.kind),
    ),
    PaneColumn(
        Column("changed", "CHANGED", 7, align_right=True, from_width=100),
        lambda row: (row.age or words.UNKNOWN, "" if row.age else "muted"),
        lambda row: row.environment.modified_at or 0.0,
        falls=True,
    ),
)
_CONTAINER: PaneColumn[EnvironmentRow] = PaneColumn(
    Column("container", "CONTAINER", 12, widest=30),
    lambda row: (row.container.name, ""),
    lambda row: (row.container.name.casefold(), words.name_order(row)),
)


class EnvironmentsPane(TablePane[EnvironmentRow]):
    """Environments of the selected container; `E` shows those of all."""

    NAME = "environments"
    NUMBER = 2
    TITLE = "Environments"
    TOPICS = (ENVIRONMENTS, CONTAINERS, SELECTION, CHANGES)
    DETAIL_LINES = 3
    COLUMNS = _COLUMNS
    ACTIONS: ClassVar[tuple[Action[Any], ...]] = environment_actions.ACTIONS

    shows_all = False

    def __init__(self, bridge: Bridge) -> None:
        """Args: where its facts come from."""
        super().__init__(bridge)
        self._is_shown = False
        self._wish = 0

    def toggle_all(self) -> None:
        """Show the environments of all containers in one list, or those of the selected one."""
        self.shows_all = not self.shows_all
        self._order.forget()
        self.show_columns((_CONTAINER, *_COLUMNS) if self.shows_all else _COLUMNS)
        if self.shows_all:
            self.sort_by("container")
        self._tell_shown()

    # -- the container

    @property
    def container(self) -> Container | None:
        """The selected one."""
        selection = self.value(SELECTION)
        chosen = selection.container_id if selection else None
        return next((each for each in self.value(CONTAINERS) or () if each.id == chosen), None)

    @property
    def known(self) -> KnownEnvironments | None:
        """What is known of the selected container; None where nothing is, or where all are shown."""
        container = self.container
        if container is None or self.shows_all:
            return None
        everything: dict[str, KnownEnvironments] = self.value(ENVIRONMENTS) or {}
        return everything.get(container.id)

    def on_screen_change(self, is_shown: bool) -> None:
        """What nobody sees need not be kept true."""
        if is_shown != self._is_shown:
            self._is_shown = is_shown
            self._tell_shown()

    def _tell_shown(self) -> None:
        if not self._is_shown:
            shown: Sequence[str] = ()
        elif self.shows_all:
            shown = [each.id for each in self.value(CONTAINERS) or () if each.is_alive]
        else:
            shown = [self.container.id] if self.container else ()
        self.bridge.monitor.show_environments(shown)

    # -- what TablePane asks

    def join(self) -> Sequence[EnvironmentRow]:
        """Environments with verdicts and sizes."""
        containers = self.value(CONTAINERS) or ()
        if not self.shows_all:
            containers = (self.container,) if self.container else ()
        now = self.bridge.monitor.workstation.now()
        rows = environment_rows(containers, self.value(ENVIRONMENTS) or {}, now)
        return [replace(row, at_work=self._at_work(row)) for row in rows] if self._changes else rows

    @property
    def _changes(self) -> Mapping[tuple[str, str], KnownChange]:
        """Jobs at work on environments."""
        told: Mapping[tuple[str, str], KnownChange] = self.value(CHANGES) or {}
        return {key: each for key, each in told.items() if not each.job.is_over}

    def _at_work(self, row: EnvironmentRow) -> str:
        known = at_work_on(self._changes, *row.environment.key)
        return words.work_words(known, row.environment.prefix) if known is not None else ""

    def update_rows(self) -> None:
        """Another container may have been selected, and an environment in it."""
        super().update_rows()
        selection = self.value(SELECTION)
        if selection is not None and selection.wish != self._wish and self._has_gone_to(selection):
            # only now: its listing may have come later than the wish
            self._wish = selection.wish
        if self._is_shown:
            self._tell_shown()

    def _has_gone_to(self, wished: Selection) -> bool:
        if wished.container_id is None or wished.prefix is None:
            return True
        return self.go_to("\0".join((wished.container_id, wished.prefix)))

    def key(self, item: EnvironmentRow) -> str:
        """Container and prefix: names repeat."""
        return "\0".join(item.environment.key)

    def name_of(self, item: EnvironmentRow) -> str:
        """What can be given to a command: its prefix."""
        return item.environment.prefix

    def searchable(self, item: EnvironmentRow) -> str:
        """Everything that is said of it in words."""
        environment = item.environment
        told = (
            environment.name,
            environment.prefix,
            item.container.name if self.shows_all else "",
            f"python {environment.python}",
            f"torch {environment.torch}" if environment.torch else "",
            f"cu{environment.cuda_build}" if environment.cuda_build else "",
            str(environment.kind),
            str(environment.origin or ""),
            item.verdict.status.value if item.verdict else "",
            *item.problems,
            *(f"{name} {version}" for name, version in environment.highlights),
        )
        return "\n".join(told)

    def dimmed(self, item: EnvironmentRow) -> bool:
        """As it was last: its container does not run."""
        return item.is_old

    def tie_break(self, item: EnvironmentRow) -> Any:
        """By container, base first."""
        return item.container.name.casefold(), words.name_order(item)

    def summary(self) -> str:
        """Whose, how many, and how many of them can't run."""
        if self.shows_all:
            count = len({item.container.id for item in self.items})
            parts = [f"{len(self.items)} in {count} containers"]
        elif self.container is None:
            return ""
        else:
            parts = [printable(self.container.name)]
            known = self.known
            if known is not None and known.listing is not None:
                parts.append(f"{len(self.items)}" if self.items else "none")
                parts += [known.listing.note] if self.items and known.listing.note else []
                parts += (
                    [f"as of {self.items[0].taken_age} ago"] if self.items and self.items[0].is_old else []
                )
            if known is not None and known.is_listing:
                parts.append("looking …")
        parts += self._made_now()
        refused = sum(words.verdict_cell(item)[1] == "bad" for item in self.items)
        parts += [f"{refused} can't use this host's GPUs"] if refused else []
        return " · ".join(parts)

    def _made_now(self) -> list[str]:
        """What jobs make that no row shows yet."""
        shown = {item.environment.key for item in self.items}
        chosen = None if self.shows_all or self.container is None else self.container.id
        return [
            f"◌ {printable(change.makes.rpartition('/')[2])} is {DOING[change.verb]}"
            for change in (each.job.change for each in self._changes.values())
            if change.makes
            and (change.container_id, change.makes) not in shown
            and chosen in (None, change.container_id)
        ]

    # -- faces

    @property
    def stale_error(self) -> EnvtuiError | None:
        """Why the container could not be asked again."""
        known = self.known
        return known.error if known is not None else None

    @property
    def complaint(self) -> EnvtuiError | None:
        """That, or why the listing is not whole."""
        known = self.known
        problem = known.listing.problem if known is not None and known.listing is not None else None
        return self.stale_error or problem

    @property
    def has_value(self) -> bool:
        """Whether there was ever an answer."""
        known = self.known
        return self.shows_all or (known is not None and known.listing is not None)

    def age_seconds(self) -> float:
        """How old what is shown is."""
        known = self.known
        if known is None or known.listing is None:
            return 0.0
        return max(0.0, self.bridge.monitor.workstation.now() - known.listing.taken_at)

    def waiting_notice(self) -> str:
        """Before the first answer."""
        if self.bridge.monitor.environments is None:
            return "This host can't be asked for environments."
        container = self.container
        if container is None:
            return "No container is selected.\n\n1 leads to them"
        return f"Looking into {printable(container.name)} …"

    def empty_notice(self) -> tuple[str, str]:
        """No environment in it, and why that may be."""
        if self.shows_all:
            return "No environment is known in any container.", "R looks again"
        known = self.known
        note = known.listing.note if known is not None and known.listing is not None else ""
        return note or "There is no environment in it.", "R looks again"

    def detail(self, item: EnvironmentRow) -> list[tuple[list[Part], list[Part]]]:
        """Who it is, its verdict, its state."""
        return words.detail_lines(item, self._why_no_size(item))

    def facts(self, item: EnvironmentRow) -> Sequence[words.Line]:
        """All that is known of it."""
        return words.fact_lines(item, self._why_no_size(item))

    def _why_no_size(self, item: EnvironmentRow) -> str:
        listing = (self.value(ENVIRONMENTS) or {})[item.container.id].listing
        if item.is_measuring:
            return "being measured"
        if item.environment.kind is EnvironmentKind.SYSTEM:
            return "its files lie among the system's"
        if self.bridge.monitor.read_only:
            return "read-only: no command is run in containers"
        if item.container.state is not ContainerState.RUNNING:
            return "the container does not run"
        if listing is not None and listing.listed_by is ListedBy.ARCHIVE:
            return "the container has no shell"
        return "not measured yet" if not self.shows_all else "measured in the list of its container"

    # -- other panes

    def contributed(self) -> Sequence[ContributedColumn]:
        """How many environments a container has."""
        if self.bridge.monitor.environments is None:
            return ()
        return (ContributedColumn("containers", "environments", "memory", (ENVIRONMENTS,), _count_column),)


def _count_column(value: Callable[[Topic[Any]], Any]) -> PaneColumn[ContainerRow]:
    everything: dict[str, KnownEnvironments] = value(ENVIRONMENTS) or {}

    def count(row: ContainerRow) -> int | None:
        known = everything.get(row.container.id)
        return len(known.listing.environments) if known is not None and known.listing is not None else None

    def cell(row: ContainerRow) -> tuple[str, str]:
        found = count(row)
        return (words.UNKNOWN, "muted") if found is None else (str(found), "" if found else "muted")

    def why_unknown(row: ContainerRow) -> str:
        known = everything.get(row.container.id)
        if count(row) is not None:
            return ""
        if known is not None and known.error is not None:
            return known.error.title
        return "not asked yet" if row.container.is_alive else "it does not run"

    return PaneColumn(
        Column("environments", "ENVS", 5, align_right=True),
        cell,
        lambda row: -1 if count(row) is None else count(row),
        falls=True,
        why_unknown=why_unknown,
    )
