"""What is never removed, whatever is marked: by its name, a label, or whose it is; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Protection:
    """What the settings say. Patterns are those of a shell (`*`, `?`, `[…]`), upper and lower case differ.

    Attributes:
        labels: `key` or `key=value`.
        names: of containers, volumes, networks, environments (`container/name`), and images: of
            `repository:tag` or of the repository alone.
        owner_labels: keys of labels that say whose a thing is.
        owner: who we are; "" where nobody knows, then everything that has an owner is another's.
    """

    labels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    owner_labels: tuple[str, ...] = ("envtui.owner", "owner")
    owner: str = ""

    def why_not(self, names: Iterable[str], labels: Mapping[str, str]) -> str | None:
        """Why a thing with these names and labels stays; None where nothing protects it."""
        for pattern in self.names:
            for name in names:
                if fnmatchcase(name, pattern):
                    return f"protected: the settings keep {pattern}"
        for pattern in self.labels:
            key, has_value, value = pattern.partition("=")
            for label, its in labels.items():
                if fnmatchcase(label, key) and (not has_value or fnmatchcase(its, value)):
                    return f"protected: the settings keep what has the label {pattern}"
        return self.foreign(labels)

    def foreign(self, labels: Mapping[str, str]) -> str | None:
        """That it belongs to somebody else, in words; None where it does not, or nobody says so."""
        for key in self.owner_labels:
            owner = labels.get(key, "").strip()
            if owner and owner != self.owner:
                return f"it is {owner}'s (label {key})"
        return None


def image_names(tags: Iterable[str]) -> tuple[str, ...]:
    """All names by which a pattern may mean an image: each tag, and its repository alone."""
    names: dict[str, None] = {}
    for tag in tags:
        names[tag] = None
        names[repository_of(tag)] = None
    return tuple(names)


def repository_of(reference: str) -> str:
    """`repository:tag` or `repository@digest` without what comes behind the repository."""
    name = reference.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    # a colon with a slash behind it is that of a registry's port
    return head if colon and "/" not in tail else name
