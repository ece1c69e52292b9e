"""Names of those that use something, as part of a sentence; pure."""

from __future__ import annotations

from collections.abc import Sequence

# Three names say who; more are a page.
_MOST_NAMED = 3


def who(what: str, names: Sequence[str], words: str) -> str:
    """Who does something.

    Args:
        what: they are: "container".
        names: one or more.
        words: that they do, of one: "uses it".
    """
    if len(names) == 1:
        return f"{what} {names[0]} {words}"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    plural = {"uses it": "use it", "needs it": "need it", "has it mounted": "have it mounted",
              "is in it": "are in it", "is to be in it": "are to be in it"}  # fmt: skip
    return f"{what}s {', '.join(names[:_MOST_NAMED])}{more} {plural[words]}"
