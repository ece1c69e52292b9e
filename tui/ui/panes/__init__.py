"""The panes, in the order of their number keys. Adding a pane is a file here and a line below."""

from tui.ui.panes.base import Pane
from tui.ui.panes.containers import ContainersPane
from tui.ui.panes.environments import EnvironmentsPane
from tui.ui.panes.gpus import GpusPane
from tui.ui.panes.logs import LogsPane

PANES: tuple[type[Pane], ...] = (ContainersPane, EnvironmentsPane, GpusPane, LogsPane)
