"""Everything that the engine knows of one object, as an indented tree, secrets masked until asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tui.model.errors import EnvtuiError
from tui.ui.bridge import Bridge
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import printable

_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASS(WORD|WD|PHRASE)?\b|CREDENTIAL|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY", re.IGNORECASE
)
_MASK = "••••••"


class InspectScreen(TextScreen):
    """Asks once, shows the tree; `v` shows or masks the values of secrets."""

    KEYS = (("v", "show secrets"),)

    def __init__(self, name: str, bridge: Bridge, question: Callable[[], Mapping[str, Any]]) -> None:
        """Args: the object's name; how to ask for what is known (blocking)."""
        super().__init__(f"Inspect {printable(name)}")
        self._bridge = bridge
        self._question = question
        self._told: Mapping[str, Any] = {}
        self._reveals = False

    def fill(self) -> None:
        """Ask the engine."""
        self.show_lines([[("Asking the engine …", "muted")]])
        self._bridge.ask(self._question, self._answered, self._failed)

    def handlers(self) -> dict[str, Callable[[], None]]:
        """`v` reveals."""
        return super().handlers() | {"v": self._toggle_secrets}

    def _answered(self, told: Mapping[str, Any]) -> None:
        self._told = told
        if self.is_attached:
            self.show_lines(list(tree_lines(told, self._reveals)))

    def _failed(self, error: EnvtuiError) -> None:
        if self.is_attached:
            self.show_lines(error_lines(error))

    def _toggle_secrets(self) -> None:
        self._reveals = not self._reveals
        self._answered(self._told)


def error_lines(error: EnvtuiError) -> list[Line]:
    """An error's title, detail and hint, a line each."""
    parts = ((error.title, "bad"), (error.detail, ""), (error.hint, "muted"))
    return [[(printable(text), tone)] for text, tone in parts if text]


def tree_lines(told: Any, reveals: bool, depth: int = 0) -> Iterator[Line]:
    """Indented lines of nested mappings and lists; `NAME=value` entries of secret names are masked."""
    indent = "  " * depth
    if isinstance(told, Mapping):
        for key, value in told.items():
            name = (f"{indent}{printable(str(key))}:", "key")
            if isinstance(value, Mapping | list) and value:
                yield [name]
                yield from tree_lines(value, reveals, depth + 1)
            else:
                hides = (
                    isinstance(value, str)
                    and bool(value)
                    and bool(_SECRET_NAME.search(str(key)))
                    and not reveals
                )
                yield [name, (f" {_MASK if hides else _scalar(value)}", "")]
    elif isinstance(told, list):
        for value in told:
            if isinstance(value, Mapping | list) and value:
                yield [(f"{indent}-", "muted")]
                yield from tree_lines(value, reveals, depth + 1)
            else:
                yield [(f"{indent}- ", "muted"), (_masked(_scalar(value), reveals), "")]
    else:
        yield [(f"{indent}{_scalar(told)}", "")]


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping | list):
        return "{}" if isinstance(value, Mapping) else "[]"
    return printable(str(value)) or '""'


def _masked(entry: str, reveals: bool) -> str:
    """An environment entry without the value of a secret."""
    name, equals, value = entry.partition("=")
    if reveals or not equals or not value or not _SECRET_NAME.search(name):
        return entry
    return f"{name}={_MASK}"
