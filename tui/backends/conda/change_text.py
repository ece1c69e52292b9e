"""A change as text, which is kept with its job, and back; what comes back may be anybody's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from tui.model.changes import ChangeVerb, EnvironmentChange, FileFormat, SourceFile
from tui.model.environments import EnvironmentKind

_LISTS = ("packages", "pip_packages", "channels", "seen_pids")


def change_text(change: EnvironmentChange) -> str:
    """The change without the text of its file; JSON in ASCII."""
    told: dict[str, Any] = {
        each.name: getattr(change, each.name) for each in fields(change) if each.name != "file"
    }
    if change.file is not None:
        told["file"] = {"format": change.file.format, "name": change.file.name}
    return json.dumps(told)


def change_from(text: str) -> EnvironmentChange | None:
    """What such a text says; None for one that nobody of us can have written."""
    try:
        told = json.loads(text)
        if not isinstance(told, Mapping):
            return None
        values = {each.name: _value(each.name, told[each.name]) for each in fields(EnvironmentChange)
                  if each.name in told}  # fmt: skip
        change = EnvironmentChange(**values)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return change if change.prefix.startswith("/") else None


def _value(name: str, told: Any) -> Any:
    """A field's value. Raises ValueError, TypeError or KeyError for what is none."""
    if name == "verb":
        return ChangeVerb(told)
    if name == "kind":
        return EnvironmentKind(told)
    if name == "only_channels":
        return told is True
    if name == "file":
        return SourceFile(FileFormat(told["format"]), "", _text(told["name"]))
    if name in _LISTS:
        if not isinstance(told, list):
            raise TypeError(name)
        return tuple(map(_text, told))
    return _text(told)


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise TypeError(told)
    return told
