"""The panes, in the order of their number keys. Adding a pane is a file here and a line below."""

from tui.ui.panes.containers import ContainersPane

PANES = (ContainersPane,)
