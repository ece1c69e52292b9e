"""Which key means which action where: the defaults of the registry with the user's own on top."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from textual.keys import Keys

from tui.model.errors import SettingsError
from tui.ui.actions import Action

#: The scope of actions that hold everywhere.
EVERYWHERE = "app"

# Textual's names of keys against what people write and read.
_SHOWN = {
    "escape": "esc", "pageup": "pgup", "pagedown": "pgdn", "exclamation_mark": "!", "quotation_mark": '"',
    "number_sign": "#", "dollar_sign": "$", "percent_sign": "%", "ampersand": "&", "apostrophe": "'",
    "left_parenthesis": "(", "right_parenthesis": ")", "asterisk": "*", "plus": "+", "comma": ",",
    "minus": "-", "full_stop": ".", "slash": "/", "colon": ":", "semicolon": ";", "less_than_sign": "<",
    "equals_sign": "=", "greater_than_sign": ">", "question_mark": "?", "at": "@",
    "left_square_bracket": "[", "backslash": "\\", "right_square_bracket": "]", "circumflex_accent": "^",
    "underscore": "_", "grave_accent": "`", "left_curly_bracket": "{", "vertical_line": "|",
    "right_curly_bracket": "}", "tilde": "~",
}  # fmt: skip
_WRITTEN = {shown: name for name, shown in _SHOWN.items()}
_NAMES = {key.value for key in Keys} | _SHOWN.keys()
_MODIFIERS = {"ctrl", "shift", "alt", "super", "hyper", "meta"}


def key_name(written: str) -> str:
    """Textual's name of a key as a person writes it: `/` is `slash`, `shift+s` is `S`."""
    if written in _WRITTEN:
        return _WRITTEN[written]
    if written.startswith("shift+") and len(written) == len("shift+s"):
        return written[-1].upper()
    if len(written) == 1 and not written.isalnum():
        return unicodedata.name(written, written).lower().replace("-", "_").replace(" ", "_")
    return written


def is_key(name: str) -> bool:
    """Whether Textual can report a key of this name."""
    *modifiers, base = name.split("+")
    if not set(modifiers) <= _MODIFIERS:
        return False
    return base in _NAMES or (len(base) == 1 and base.isalnum()) or _is_character(base)


def _is_character(name: str) -> bool:
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return False
    return True


def shown_key(name: str) -> str:
    """A key as a person reads it."""
    return _SHOWN.get(name, name)


class Keymap:
    """Resolves keys by scope: a pane's own keys first, then those that hold everywhere."""

    def __init__(
        self,
        scopes: Mapping[str, tuple[Action[Any], ...]],
        overrides: Mapping[str, tuple[str, ...]] | None = None,
        where: Callable[[str], str] = str,
    ) -> None:
        """Build it.

        Args:
            scopes: actions by scope; EVERYWHERE and one per pane.
            overrides: keys by action id, from the settings.
            where: names the place of an override in the settings, for messages.

        Raises:
            SettingsError: an override names no action or no key, or makes a key mean two things in one pane.
        """
        overrides = overrides or {}
        known = {action.id for actions in scopes.values() for action in actions}
        for unknown in overrides.keys() - known:
            raise SettingsError(
                f"{where(unknown)}: no action is called {unknown!r}",
                "",
                f"One of: {', '.join(sorted(known))}",
            )
        for action_id, keys in overrides.items():
            for key in keys:
                if not is_key(key_name(key)):
                    raise SettingsError(
                        f"{where(action_id)}: no key is called {key!r}",
                        "",
                        "Write it like one of: s, S, /, space, enter, pgdn, f5, ctrl+s, alt+s",
                    )
        self._keys = {
            action.id: tuple(key_name(key) for key in overrides.get(action.id, action.keys))
            for actions in scopes.values()
            for action in actions
        }
        self._scopes: dict[str, dict[str, Action[Any]]] = {}
        for scope, actions in scopes.items():
            self._scopes[scope] = self._table(actions, where)
        everywhere = self._scopes.get(EVERYWHERE, {})
        for scope, table in self._scopes.items():
            for key in table.keys() & everywhere.keys() if scope != EVERYWHERE else ():
                if table[key].replaces != everywhere[key].id:
                    raise self._clash(key, table[key], everywhere[key], where)

    def action(self, scope: str, key: str) -> Action[Any] | None:
        """The action of a key (Textual's name) in a scope."""
        return self._scopes.get(scope, {}).get(key) or self._scopes[EVERYWHERE].get(key)

    def keys(self, action_id: str) -> tuple[str, ...]:
        """The keys of an action as a person reads them."""
        return tuple(shown_key(key) for key in self._keys.get(action_id, ()))

    def _table(self, actions: Iterable[Action[Any]], where: Callable[[str], str]) -> dict[str, Action[Any]]:
        table: dict[str, Action[Any]] = {}
        for action in actions:
            for key in self._keys[action.id]:
                if key in table:
                    raise self._clash(key, action, table[key], where)
                table[key] = action
        return table

    @staticmethod
    def _clash(key: str, one: Action[Any], other: Action[Any], where: Callable[[str], str]) -> SettingsError:
        return SettingsError(
            f"{where(one.id)}: the key {shown_key(key)!r} would mean both {one.id} and {other.id}",
            "",
            "Give one of them another key",
        )
