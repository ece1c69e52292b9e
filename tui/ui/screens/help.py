"""The keys, made from the same registry that carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.ui.actions import Action
from tui.ui.keymap import Keymap
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import fit

# the widest list of keys of one action, with a gap
_KEY_CELLS = 18


class HelpScreen(TextScreen):
    """Every action with its keys, by where it holds."""

    def __init__(self, scopes: Mapping[str, tuple[Action[Any], ...]], keymap: Keymap) -> None:
        """Args: actions by the title of where they hold; their keys."""
        super().__init__("Keys")
        self._scopes = scopes
        self._keymap = keymap

    def fill(self) -> None:
        """Nothing to ask for."""
        self.show_lines(help_lines(self._scopes, self._keymap))


def help_lines(scopes: Mapping[str, tuple[Action[Any], ...]], keymap: Keymap) -> list[Line]:
    """A heading a scope, a line an action; those without a key are named with where to find them."""
    lines: list[Line] = []
    for title, actions in scopes.items():
        lines += [[("", "")]] if lines else []
        lines.append([(title, "strong")])
        for action in actions:
            keys = " ".join(keymap.keys(action.id)) or "x or palette"
            lines.append([(f"  {fit(keys, _KEY_CELLS)}", "key"), (action.label, "")])
    return lines
