"""What a filter lets through: a regular expression, `!` in front inverts it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Filter:
    """What is let through.

    Attributes:
        text: as typed; "" lets everything through.
    """

    text: str = ""

    def matcher(self) -> Callable[[str], bool]:
        """A test for one text. Raises re.error when the expression is malformed."""
        if not self.text or self.text == "!":
            return lambda _: True
        inverted = self.text.startswith("!")
        try:
            pattern = re.compile(self.text[1:] if inverted else self.text, re.IGNORECASE)
        except (OverflowError, RecursionError) as error:
            # `a{99999999999}`, and a thousand open parentheses
            raise re.error(str(error)) from error
        return lambda text: bool(pattern.search(text)) is not inverted


class TakesKeys(Protocol):
    """A line in which a filter is typed."""

    is_ready: bool

    def type_early(self, event: Any) -> None:
        """Keep a key that came before it was ready."""


def typed_into(bar: TakesKeys, event: Any, list_has_focus: bool) -> bool:
    """Whether a key that reached the screen belongs to an open filter line rather than to the list."""
    if not bar.is_ready:
        bar.type_early(event)
        return True
    return not list_has_focus
