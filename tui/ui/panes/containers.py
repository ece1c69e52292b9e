"""The Containers pane: every container of the host, with what it uses and what can be done to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tui.model.containers import ALIVE_STATES, Container, ContainerState, Health, fold_ports
from tui.model.joins import ContainerRow, container_rows
from tui.model.reading import Reading
from tui.model.stats import ContainerStats
from tui.model.units import format_bytes, format_percent, format_rate
from tui.monitor.selection import Selection
from tui.monitor.topics import CONTAINERS, SELECTION, STATISTICS, Snapshot
from tui.ui.actions import Action, Danger
from tui.ui.panes import container_actions
from tui.ui.panes.pane_columns import PaneColumn
from tui.ui.panes.session_actions import session_actions
from tui.ui.panes.table import TablePane
from tui.ui.text import printable
from tui.ui.widgets.columns import Column
from tui.ui.widgets.line_bar import Part

_GLYPHS = {
    ContainerState.RUNNING: ("●", "good"),
    ContainerState.PAUSED: ("‖", "warn"),
    ContainerState.RESTARTING: ("↻", "warn"),
    ContainerState.CREATED: ("○", "muted"),
    ContainerState.REMOVING: ("✗", "warn"),
    ContainerState.EXITED: ("○", "muted"),
    ContainerState.DEAD: ("✗", "bad"),
}
_UNKNOWN = "–"
# Half of one core is where a person begins to ask what runs there; four fifths of a limit is nearly out.
_BUSY_PERCENT, _NEARLY_FULL_PERCENT = 50.0, 80.0


def _state(row: ContainerRow) -> tuple[str, str]:
    container = row.container
    if container.state is ContainerState.RUNNING and container.health is Health.UNHEALTHY:
        return "▲ unhealthy", "bad"
    if container.state is ContainerState.RUNNING and container.health is Health.STARTING:
        return "◌ starting", "warn"
    glyph, tone = _GLYPHS[container.state]
    if container.state is ContainerState.EXITED and container.exit_code:
        return f"{glyph} exited {container.exit_code}", "bad"
    return f"{glyph} {container.state}", tone


def _cpu(row: ContainerRow) -> tuple[str, str]:
    cpu = row.stats.cpu_percent.value if row.stats else None
    if cpu is None:
        return _UNKNOWN if row.container.is_alive else "", "muted"
    return format_percent(cpu), "busy" if cpu >= _BUSY_PERCENT else ""


def _memory(row: ContainerRow) -> tuple[str, str]:
    used = row.stats.memory_bytes.value if row.stats else None
    if used is None or row.stats is None:
        return _UNKNOWN if row.container.is_alive else "", "muted"
    limit = row.stats.memory_limit_bytes.value
    nearly_full = limit is not None and used * 100 >= limit * _NEARLY_FULL_PERCENT
    return format_bytes(used), "warn" if nearly_full else ""


def _figure(row: ContainerRow, read: Callable[[ContainerStats], Reading[Any]]) -> float:
    """For sorting: what has no figure comes last when the largest come first."""
    value = read(row.stats).value if row.stats else None
    return -1.0 if value is None else float(value)


class ContainersPane(TablePane[ContainerRow]):
    """Containers of the host; the chosen one drives the other panes."""

    NAME = "containers"
    NUMBER = 1
    TITLE = "Containers"
    TOPICS = (CONTAINERS, STATISTICS)
    COLUMNS = (
        PaneColumn(
            Column("state", "STATE", 11, widest=12),
            _state,
            lambda row: not row.container.is_alive,
        ),
        PaneColumn(
            Column("name", "NAME", 12, widest=40),
            lambda row: (row.container.name, ""),
            lambda row: row.container.name.casefold(),
        ),
        PaneColumn(
            Column("cpu", "CPU", 6, align_right=True),
            _cpu,
            lambda row: _figure(row, lambda stats: stats.cpu_percent),
            live=True,
            falls=True,
        ),
        PaneColumn(
            Column("memory", "MEMORY", 8, align_right=True),
            _memory,
            lambda row: _figure(row, lambda stats: stats.memory_bytes),
            live=True,
            falls=True,
        ),
        PaneColumn(
            Column("age", "AGE", 4, align_right=True),
            lambda row: (row.age, "") if row.age else (_UNKNOWN, "muted"),
            lambda row: row.container.started_at or row.container.created_at or 0.0,
            falls=True,
        ),
        PaneColumn(
            Column("ports", "PORTS", 11, widest=40, from_width=90),
            lambda row: (fold_ports(row.container.ports), ""),
        ),
        PaneColumn(
            Column("image", "IMAGE", 12, widest=60),
            lambda row: (row.container.image, "muted"),
            lambda row: row.container.image.casefold(),
        ),
        PaneColumn(
            Column("project", "PROJECT", 8, widest=20, from_width=110),
            lambda row: (row.container.project or "", "muted"),
            lambda row: (row.container.project or "").casefold(),
        ),
    )
    ACTIONS: ClassVar[tuple[Action[Any], ...]] = (
        Action(
            "containers.environments",
            "Environments",
            ("enter",),
            lambda pane: pane.shell.show_pane("environments", enlarged=False),
            why_not=container_actions.nothing_chosen,
            hint="environments",
        ),
        Action(
            "containers.logs",
            "Logs",
            ("l",),
            lambda pane: pane.shell.show_pane("logs", enlarged=True),
            why_not=container_actions.nothing_chosen,
            hint="logs",
        ),
        Action(
            "containers.stop",
            "Stop, or start what is stopped …",
            ("s",),
            container_actions.stop_or_start,
            Danger.CONFIRM,
            container_actions.nothing_chosen,
            hint="stop/start",
        ),
        *session_actions("containers", "shell", "Shell", ("e",), container_actions.under_cursor),
        Action(
            "containers.restart",
            "Restart …",
            ("r",),
            container_actions.restart,
            Danger.CONFIRM,
            container_actions.nothing_chosen,
            hint="restart",
        ),
        Action(
            "containers.pause",
            "Pause, or unpause what is paused …",
            ("p",),
            container_actions.pause_or_unpause,
            Danger.CONFIRM,
            container_actions.nothing_pausable,
            hint="pause",
        ),
        Action(
            "containers.remove",
            "Delete …",
            ("d",),
            container_actions.remove,
            Danger.TYPED,
            container_actions.nothing_chosen,
            hint="delete",
        ),
        Action(
            "containers.kill",
            "Kill …",
            (),
            container_actions.kill,
            Danger.CONFIRM,
            container_actions.nothing_alive,
        ),
        Action(
            "containers.rename",
            "Rename …",
            (),
            container_actions.rename,
            Danger.CONFIRM,
            container_actions.not_one,
        ),
        Action(
            "containers.inspect",
            "Inspect",
            ("i",),
            container_actions.inspect,
            why_not=container_actions.nothing_chosen,
            hint="inspect",
        ),
        Action(
            "containers.processes",
            "Processes",
            ("t",),
            container_actions.processes,
            why_not=container_actions.not_running,
            hint="processes",
        ),
        Action(
            "containers.services",
            "Open or copy its service URLs",
            ("o",),
            container_actions.services,
            why_not=container_actions.no_services,
            hint="services",
        ),
        Action(
            "containers.show_stopped",
            "Show or hide stopped containers",
            ("a",),
            lambda pane: pane.toggle_stopped(),
            hint="stopped",
        ),
        Action(
            "containers.copy_id",
            "Copy the full id",
            (),
            lambda pane: container_actions.copy(pane, lambda container: container.id, "id"),
            why_not=container_actions.nothing_chosen,
        ),
        Action(
            "containers.copy_image",
            "Copy the image's name",
            (),
            lambda pane: container_actions.copy(pane, lambda container: container.image, "image"),
            why_not=container_actions.nothing_chosen,
        ),
    )

    hides_stopped = False
    _wish = 0

    def on_mount(self) -> None:
        """Go to a container that somebody wished to see from elsewhere."""
        super().on_mount()
        self.bridge.read(SELECTION, self._on_selection)

    def _on_selection(self, snapshot: Snapshot[Selection]) -> None:
        selection = snapshot.value
        if selection is None or selection.wish == self._wish or selection.container_id is None:
            return
        self._wish = selection.wish
        self.go_to(selection.container_id)

    def toggle_stopped(self) -> None:
        """Hide what has no processes, or show it again."""
        self.hides_stopped = not self.hides_stopped
        self.update_rows()

    # -- what TablePane asks

    def join(self) -> Sequence[ContainerRow]:
        """Containers with their figures."""
        now = self.bridge.monitor.workstation.now()
        return container_rows(self.value(CONTAINERS) or (), self.value(STATISTICS) or {}, now)

    def key(self, item: ContainerRow) -> str:
        """The full id."""
        return item.container.id

    def name_of(self, item: ContainerRow) -> str:
        """The container's name."""
        return item.container.name

    def searchable(self, item: ContainerRow) -> str:
        """Name, image, state, ports and project."""
        container = item.container
        parts = (
            container.name,
            container.image,
            _state(item)[0],
            fold_ports(container.ports),
            container.project or "",
        )
        return "\n".join(parts)

    def hidden(self, item: ContainerRow) -> bool:
        """Stopped ones, on demand."""
        return self.hides_stopped and not item.container.is_alive

    def dimmed(self, item: ContainerRow) -> bool:
        """Stopped ones."""
        return item.container.state in (ContainerState.EXITED, ContainerState.CREATED)

    def tie_break(self, item: ContainerRow) -> Any:
        """By name."""
        return item.container.name.casefold()

    def summary(self) -> str:
        """How many run, of how many."""
        running = sum(item.container.state is ContainerState.RUNNING for item in self.items)
        words = f"{running} running of {len(self.items)}" if self.items else ""
        return f"{words}, stopped ones hidden" if self.hides_stopped else words

    def empty_notice(self) -> tuple[str, str]:
        """No container at all, or all of them hidden."""
        if self.hides_stopped and self.items:
            return "No container runs.", "a shows the stopped ones"
        return "There is no container on this host.", "docker run … makes one; it appears here by itself"

    def rows_on_screen(self, keys: Sequence[str]) -> None:
        """Read figures and details of these."""
        self.bridge.monitor.show_containers(keys)

    def cursor_on(self, item: ContainerRow | None) -> None:
        """The chosen container is the selection."""
        self._tell_selection()

    def set_marks(self, keys: frozenset[str]) -> None:
        """Mark exactly these; other panes hear of it."""
        super().set_marks(keys)
        self._tell_selection()

    def _tell_selection(self) -> None:
        current = self.current
        marked = [row.key for row in self.table.rows if row.key in self.marked]
        self.bridge.monitor.select_container(current.container.id if current else None, marked)

    def detail(self, item: ContainerRow) -> list[tuple[list[Part], list[Part]]]:
        """Who it is, and what it does in figures or why there are none."""
        return [_identity_line(item.container), _figures_line(item)]


def _identity_line(container: Container) -> tuple[list[Part], list[Part]]:
    left: list[Part] = [(f" {printable(container.name)}", "strong")]
    words = [container.short_id]
    if container.health:
        words.append(str(container.health))
    if container.state not in ALIVE_STATES and container.exit_code is not None:
        words.append(f"exit code {container.exit_code}{_exit_words(container)}")
    if container.restart_policy not in ("", "no"):
        words.append(f"restart {container.restart_policy}")
    words += [printable(container.image), printable(container.command)]
    left.append((f"  {' · '.join(word for word in words if word)}", "muted"))
    return left, []


def _exit_words(container: Container) -> str:
    if container.out_of_memory:
        return " (out of memory)"
    # 128 + signal: 9 is KILL, 15 is TERM
    return {137: " (killed)", 143: " (terminated)"}.get(container.exit_code or 0, "")


def _figures_line(item: ContainerRow) -> tuple[list[Part], list[Part]]:
    stats = item.stats
    if stats is None:
        ports = fold_ports(item.container.ports)
        return [(f" {printable(ports)}", "muted")] if ports else [], []
    limit = stats.memory_limit_bytes
    parts = [
        f"cpu {_shown(stats.cpu_percent, format_percent)}",
        f"memory {_shown(stats.memory_bytes, format_bytes)}"
        + (f" of {format_bytes(limit.value)}" if limit.value else ""),
        f"pids {_shown(stats.pids, str)}",
        _pair("net", "↓", stats.network_rx_bytes_per_second, "↑", stats.network_tx_bytes_per_second),
        _pair("disk", "r", stats.block_read_bytes_per_second, "w", stats.block_write_bytes_per_second),
        printable(fold_ports(item.container.ports)),
    ]
    return [(f" {' · '.join(part for part in parts if part)}", "muted")], []


def _shown(reading: Reading[Any], written: Callable[[Any], str]) -> str:
    return f"{_UNKNOWN} ({reading.reason})" if reading.value is None else written(reading.value)


def _pair(name: str, first: str, one: Reading[float], second: str, other: Reading[float]) -> str:
    if one.value is None or other.value is None:
        return f"{name} {_UNKNOWN} ({one.reason or other.reason})"
    return f"{name} {first} {format_rate(one.value)} {second} {format_rate(other.value)}"
