"""The README's table of keys is made from the registry, so that it can't lie."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tui.settings import Settings
from tui.ui.app import build_keymap
from tui.ui.disk_actions import DISK_ACTIONS
from tui.ui.everywhere import EVERYWHERE_ACTIONS
from tui.ui.panes import PANES

README = Path(__file__).parents[2] / "README.md"
PLACE = re.compile(r"(<!-- keys: [^>]*-->\n).*?(<!-- /keys -->)", re.DOTALL)


def table() -> str:
    """Markdown of every action: keys, what it does, its id."""
    keymap = build_keymap(Settings(), read_only=False)
    lines = []
    for title, actions in [
        *((pane.TITLE, pane.ACTIONS) for pane in PANES),
        ("Disk", DISK_ACTIONS),
        ("Everywhere", EVERYWHERE_ACTIONS),
    ]:
        lines += [f"\n**{title}**\n", "| key | does | action |", "|---|---|---|"]
        for action in actions:
            keys = " ".join(f"`{key}`" for key in keymap.keys(action.id)) or "x or palette"
            lines.append(f"| {keys} | {action.label} | {action.id} |")
    return "\n".join(lines) + "\n\n"


def test_readme_lists_every_action_with_its_keys(request: pytest.FixtureRequest) -> None:
    text = README.read_text(encoding="utf-8")
    expected = PLACE.sub(lambda found: found[1] + table() + found[2], text)
    if request.config.getoption("--update"):
        README.write_text(expected, encoding="utf-8")
        text = expected
    assert text == expected
