"""What has to hold in a container right before a change begins, and the words for what does not."""

from __future__ import annotations

from tui.backends.conda.command import shown
from tui.model.changes import ChangeVerb, EnvironmentChange
from tui.model.environments import EnvironmentKind

_WORDS = {
    "absent": "{} is there already",
    "folder": "{} is no folder of its own (any more)",
    "conda": "{} is no environment of conda (any more)",
    "venv": "{} is no environment of venv or uv (any more)",
    "writable": "the account that would do it may not write in {}",
    "parent": "the account that would do it may not write beside {}",
    "unfrozen": "{} is frozen: whoever made it wants it left as it is",
    "no-mount": "{} is a mount or holds one: what is on it is not the container's own",
    "program": "{} is no program (any more)",
    "no-root": "{} is the installation itself",
    "unlocked": "its installation is being changed, or its caches are being cleaned",
    "idle": "another job is at work in the container, and may need what would be cleaned away",
    "outside": "{} would lie in another environment",
    "place": "the account that would do it may not write where {} would be",
    "file": "{} could not be written, or did not come whole: the disk may be full",
    "proc": "{} tells nothing of processes, so that none could be ended",
}
_VENVS = (EnvironmentKind.VENV, EnvironmentKind.UV)


def guards_of(change: EnvironmentChange) -> tuple[tuple[str, str], ...]:
    """What job.sh looks at before it begins, each with the path."""
    found: list[tuple[str, str]] = []
    if change.manager:
        found.append(("program", change.manager))
    verb = change.verb
    if change.makes:
        found += [("absent", change.makes), ("outside", change.makes), ("place", change.makes)]
    if verb is ChangeVerb.CLONE:
        found.append(("folder", change.source_prefix))
    if verb in (ChangeVerb.CREATE, ChangeVerb.CLONE, ChangeVerb.CLEAN):
        return tuple(found)
    found.append((_looks_like(change), change.prefix))
    if change.kind is not EnvironmentKind.BASE:
        found.append(("no-root", change.prefix))
    found.append(("unfrozen", change.prefix))
    if verb in (ChangeVerb.REMOVE, ChangeVerb.RENAME):
        found += [("no-mount", _as_mount(change.prefix)), ("parent", change.prefix)]
    found.append(("writable", change.prefix))
    return tuple(found)


def refused_words(guard: str, path: str) -> str:
    """Why a change was not begun."""
    return _WORDS.get(guard, "{} is not as it was").format(shown(path, 200))


def _looks_like(change: EnvironmentChange) -> str:
    if change.verb is ChangeVerb.REMOVE and not change.manager and change.kind not in _VENVS:
        # half made: nothing but a folder that was listed
        return "folder"
    return "venv" if change.kind in _VENVS else "conda"


def _as_mount(path: str) -> str:
    """A path as `/proc/self/mountinfo` writes it (proc(5): octal for blank, tab, newline, backslash)."""
    for character in "\\ \t\n":
        path = path.replace(character, f"\\{ord(character):03o}")
    return path
