"""The GPUs pane of a running app over the double of NVML: what a person sees of it and does to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from textual.widgets import Static

from tests.engine.app import PATIENCE_SECONDS, Desk, T, running_app
from tests.rig.nvml_double import Double, KernelFiles
from tests.rig.nvml_scenario import GpuLines, Scenario, full_gpu
from tui.backends.gpu.absence import KernelRoots
from tui.backends.gpu.driver import NvidiaDriver
from tui.backends.gpu.nvml import NvmlGpus
from tui.backends.gpu.nvml_reader import Periods
from tui.settings import GpuSettings
from tui.ui.panes.gpus import GpusPane
from tui.ui.panes.table import TablePane
from tui.ui.widgets.line_bar import LineBar
from tui.workstation import Workstation

# What changes seldom is read as often as what changes all the time, so that nobody waits for it.
_PERIODS = Periods(medium=1.0, slow=1.0, lost=1.0, absent=1.0)
#: Wide and high enough for every column and some dozens of rows.
SIZE = (170, 70)


class Machine:
    """A driver's library and the kernel's files, read by our own reader as time goes by."""

    def __init__(
        self,
        folder: Path,
        scenario: Scenario | None = None,
        level: int = 550,
        load: Callable[[], ModuleType] | None = None,
    ) -> None:
        """Args: an empty folder; what the driver answers; its level; another library than the double."""
        self.kernel = KernelFiles(folder / "kernel")
        (folder / "library").mkdir()
        self.double = Double(folder / "library", scenario or Scenario({0: full_gpu()}), level)
        roots = KernelRoots(self.kernel.proc, self.kernel.sys)
        self.gpus = NvmlGpus(load or self.double.nvml, roots, _PERIODS)

    @property
    def scenario(self) -> Scenario:
        """What the driver answers; `write` makes it hold."""
        return self.double.scenario

    def gpu(self, number: int = 0) -> GpuLines:
        """The lines of one GPU."""
        return self.scenario.gpus[number]

    def write(self) -> None:
        """Let the driver answer as the scenario says now."""
        self.double.write()

    def workstation(self, engines: Workstation) -> Workstation:
        """A host of an engine, with these GPUs."""
        return replace(engines, gpus=self.gpus, driver=NvidiaDriver(GpuSettings(), self.kernel.proc))


class GpuDesk:
    """The GPUs pane in front."""

    def __init__(self, desk: Desk, machine: Machine) -> None:
        """Args: a running app; whose GPUs it shows."""
        self.desk, self.machine = desk, machine

    @property
    def pane(self) -> GpusPane:
        return self.desk.main.query_one(GpusPane)

    # -- what is seen

    def rows(self) -> list[dict[str, str]]:
        """The cells of each row by column, from the top."""
        return table_rows(self.pane)

    def row(self, name: str) -> dict[str, str]:
        """The row of a GPU ("GPU 0"), a group or a process (its number); {} where there is none."""
        return next((row for row in self.rows() if first(row) == name), {})

    def names(self) -> list[str]:
        """What stands in the first cell of each row, without marks."""
        return [first(row) for row in self.rows()]

    def below(self, name: str) -> list[dict[str, str]]:
        """The rows below a GPU, an instance or a group."""
        rows = self.rows()
        start = self.names().index(name) + 1
        found = []
        for row in rows[start:]:
            if not row["gpu"].startswith(" "):
                break
            found.append(row)
        return found

    def shows(self, name: str, **cells: str) -> bool:
        """Whether a row is there and has these cells."""
        row = self.row(name)
        return bool(row) and all(row[key] == text for key, text in cells.items())

    def bar(self, selector: str) -> str:
        """Text of a bar of the pane."""
        return self.pane.query_one(selector, LineBar).text

    @property
    def status(self) -> str:
        """The status bar."""
        return self.desk.main.query_one("#status-bar", LineBar).text

    @property
    def notice(self) -> str:
        """What stands in the place of rows, "" while there are some."""
        shown = self.pane.query_one(".pane-notice", Static)
        return str(shown.render()) if self.pane.has_class("-empty") else ""

    def assert_aligned(self) -> None:
        """Every drawn row ends where the scroll bar begins, and its figures end where their titles do."""
        table = self.pane.table
        strips = [table.render_line(y) for y in range(table.size.height)]
        room = table.size.width - (table.scrollbar_size_vertical if table.show_vertical_scrollbar else 0)
        assert {strip.cell_length for strip in strips} == {room}
        header = strips[0].text
        ends = {
            key: header.index(title) + len(title) for key, title in (("use", "USE"), ("memory", "MEMORY▼"))
        }
        top = table.scroll_offset.y
        for row, strip in zip(self.rows()[top:], strips[1:], strict=False):
            for key, end in ends.items():
                if row["gpu"].isascii():
                    assert strip.text[:end].endswith(row[key]) and strip.text[end] == " ", strip.text

    # -- what is done

    async def wait(
        self, predicate: Callable[[], T | None], what: str = "", seconds: float = PATIENCE_SECONDS
    ) -> T:
        """Wait until something is so; a failure shows the rows."""
        try:
            return await self.desk.wait(predicate, what, seconds)
        except AssertionError as error:
            error.add_note("\n".join(map(str, self.rows())))
            error.add_note(f"{self.bar('.pane-title')} {self.bar('.pane-banner')} {self.notice}")
            raise

    async def sees(self, name: str, seconds: float = PATIENCE_SECONDS, **cells: str) -> None:
        """Wait until a row is there and has these cells."""
        await self.wait(lambda: self.shows(name, **cells), f"{name} with {cells}", seconds)

    async def point_at(self, name: str) -> None:
        """Move the cursor to a row, with the keys."""
        await self.sees(name)
        await self.desk.press("g", *("j" for _ in range(self.names().index(name))))
        current = self.pane.current
        assert current is not None and self.rows()[self.pane.table.cursor_index or 0] == self.row(name)


def first(row: dict[str, str]) -> str:
    """What a row of the pane is about."""
    return row["gpu"].strip(" ▸✗")


def table_rows(pane: TablePane[Any]) -> list[dict[str, str]]:
    """The cells of each row of a pane's table by the column's key."""
    keys = [column.column.key for column in pane.columns]
    return [dict(zip(keys, row.cells, strict=True)) for row in pane.table.rows]


@asynccontextmanager
async def gpus_on_screen(
    machine: Machine,
    host: str,
    *,
    size: tuple[int, int] = SIZE,
    read_only: bool = False,
    change: Callable[[Workstation], Workstation] = lambda workstation: workstation,
) -> AsyncIterator[GpuDesk]:
    """The app on the engine at `host`, which may be absent, with its GPUs pane in front."""

    def changed(engines: Workstation) -> Workstation:
        return change(machine.workstation(engines))

    async with running_app(host, size=size, read_only=read_only, change=changed) as desk:
        await desk.press("3")
        yield GpuDesk(desk, machine)
