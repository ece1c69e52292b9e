"""What a filter lets through: a regular expression, `!` in front inverts it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


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
