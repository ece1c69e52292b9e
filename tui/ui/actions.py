"""What a key, the palette, a menu or the mouse can make happen: one registry entry an action."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, TypeVar

Owner = TypeVar("Owner")


class Danger(IntEnum):
    """What an action can do to somebody's work. `--read-only` strips everything above SAFE."""

    SAFE = 0
    #: changes the machine, but nothing that runs is hurt: no dialog
    CHANGE = 1
    #: disrupts or removes: a dialog with Cancel focused says what will happen
    CONFIRM = 2
    #: removes what cannot be made again: its name has to be typed
    TYPED = 3


@dataclass(frozen=True, slots=True)
class Action(Generic[Owner]):
    """One thing that can be done.

    Attributes:
        id: `scope.name`, used by the keys setting.
        label: for the palette, the menu and the help, in a few words.
        keys: default keys, the first one is shown; empty where it is only in palette and menu.
        run: does it; its owner is the pane that declares it, or the main screen.
        danger: what it can do to somebody's work.
        why_not: a reason that greys it for the present item, None when it can be done.
        hint: one word for the key bar, "" to leave it out there.
        replaces: id of an action that holds everywhere, whose keys this one may take in its pane.
    """

    id: str
    label: str
    keys: tuple[str, ...]
    run: Callable[[Owner], None]
    danger: Danger = Danger.SAFE
    why_not: Callable[[Owner], str | None] = lambda _: None
    hint: str = ""
    replaces: str = ""


def allowed(actions: tuple[Action[Any], ...], read_only: bool) -> tuple[Action[Any], ...]:
    """The actions that exist: all, or only the SAFE ones."""
    return tuple(action for action in actions if not read_only or action.danger is Danger.SAFE)
