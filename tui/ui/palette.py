"""The command palette's entries: every action of the registry, found by its words."""

from __future__ import annotations

from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.ui.actions import Action
from tui.ui.screens.action_screen import ActionScreen


class ActionProvider(Provider):
    """Actions of the focused pane and of everywhere."""

    def _entries(self) -> list[tuple[str, Action[Any]]]:
        screen = self.screen
        if not isinstance(screen, ActionScreen):
            return []
        entries = []
        for title, actions in screen.scopes().items():
            where = "" if title == "Everywhere" else f"{title.partition(' ')[2]}: "
            entries += [(f"{where}{action.label}", action) for action in actions]
        return entries

    def _run(self, action: Action[Any]) -> None:
        if isinstance(self.screen, ActionScreen):
            self.screen.run_action_entry(action)

    def _keys(self, action: Action[Any]) -> str:
        screen = self.screen
        return " ".join(screen.keymap.keys(action.id)) if isinstance(screen, ActionScreen) else ""

    async def discover(self) -> Hits:
        """All actions, before anything is typed."""
        for text, action in self._entries():
            yield DiscoveryHit(text, partial(self._run, action), help=self._keys(action))

    async def search(self, query: str) -> Hits:
        """Actions whose words match."""
        matcher = self.matcher(query)
        for text, action in self._entries():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, matcher.highlight(text), partial(self._run, action), help=self._keys(action))
