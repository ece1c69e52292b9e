"""What a filter lets through: a regular expression, `!` in front inverts it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regex import Pattern

# An expression such as `(a|aa)+$` can take hours on one text. A person does not notice this much.
_PATIENCE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Filter:
    """What is let through.

    Attributes:
        text: as typed; "" lets everything through.
    """

    text: str = ""

    def matcher(self) -> Matcher:
        """A test for one text. Raises re.error when the expression is malformed."""
        return _matcher(self.text)


class Matcher:
    """Tests texts. An expression that takes too long on one of them lets everything through from then on."""

    def __init__(self, pattern: Pattern[str] | None, inverted: bool) -> None:
        """Args: None lets everything through; inverted: what does not match is let through."""
        self._pattern = pattern
        self._inverted = inverted
        self.is_too_slow = False

    @property
    def lets_all_through(self) -> bool:
        """Whether there is nothing to test."""
        return self._pattern is None or self.is_too_slow

    def __call__(self, text: str) -> bool:
        """Whether the text is let through."""
        if self._pattern is None or self.is_too_slow:
            return True
        try:
            found = self._pattern.search(text, timeout=_PATIENCE_SECONDS) is not None
        except TimeoutError:
            self.is_too_slow = True
            return True
        return found is not self._inverted

    def spans(self, text: str, most: int) -> list[tuple[int, int]]:
        """Where it matches in a text, at most so many times; nothing for an inverted one."""
        if self._pattern is None or self._inverted or self.is_too_slow:
            return []
        spans: list[tuple[int, int]] = []
        try:
            for match in self._pattern.finditer(text, timeout=_PATIENCE_SECONDS):
                if match.end() > match.start():
                    spans.append(match.span())
                if len(spans) >= most:
                    break
        except TimeoutError:
            self.is_too_slow = True
        return spans


# Kept, so that one that was too slow is not tried again with every row.
@lru_cache(maxsize=64)
def _matcher(text: str) -> Matcher:
    if not text or text == "!":
        return Matcher(None, False)
    # 50 ms of import: only when somebody filters
    import regex

    inverted = text.startswith("!")
    try:
        return Matcher(regex.compile(text[1:] if inverted else text, regex.IGNORECASE), inverted)
    except (regex.error, OverflowError, RecursionError, ValueError) as error:
        # `a{99999999999}`, and a thousand open parentheses
        raise re.error(str(error)) from error
