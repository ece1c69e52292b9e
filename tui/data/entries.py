"""One mapping of a table's file, whose every wrong value is told by its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tui.model.cuda_table import Source, Version, cuda_of_tag, parse_version
from tui.model.errors import EnvtuiError


class Entry:
    """A mapping of the file with its place in it; every wrong value is told by that place."""

    def __init__(self, place: str, value: Any, known_sources: Mapping[str, Source] | None = None) -> None:
        """Args: value as it was read; known_sources are those that it may name."""
        if not isinstance(value, dict):
            raise broken(place, "expected a mapping")
        self.place = place
        self.known_sources: Mapping[str, Source] = known_sources or {}
        self._values: dict[Any, Any] = value

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def named(self, key: str) -> Iterator[tuple[str, Entry]]:
        """The mappings of a mapping, by their keys."""
        for name, value in self._get(key, dict).items():
            yield str(name), Entry(f"{self.place}: {key}.{name}", value)

    def entries(self, key: str) -> Iterator[Entry]:
        """The mappings of a list."""
        for index, value in enumerate(self._get(key, list)):
            yield Entry(f"{self.place}: {key}[{index}]", value, self.known_sources)

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        if default is not None and key not in self._values:
            return default
        found: str = self._get(key, str)
        return found

    def word(self, key: str, *expected: str) -> str:
        """One of the expected texts."""
        found = self.text(key)
        if found not in expected:
            raise broken(f"{self.place}: {key}", f"expected {' or '.join(expected)}")
        return found

    def number(self, key: str) -> int:
        """A whole number."""
        found: int = self._get(key, int)
        return found

    def switch(self, key: str) -> bool:
        """True or false; false where it is missing."""
        return key in self._values and bool(self._get(key, bool))

    def texts(self, key: str) -> tuple[str, ...]:
        """One text, or a list of them."""
        value = self._values.get(key)
        found = [value] if isinstance(value, str) else self._get(key, list)
        if not all(isinstance(each, str) for each in found):
            raise broken(f"{self.place}: {key}", "expected texts, in quotes where they look like numbers")
        return tuple(found)

    def version(self, key: str) -> Version:
        """A version in quotes."""
        return self._versions(key, (self.text(key),))[0]

    def versions(self, key: str) -> tuple[Version, ...]:
        """One version, or a list of them."""
        return self._versions(key, self.texts(key))

    def cuda_of_tags(self, key: str) -> tuple[Version, ...]:
        """The versions of CUDA that tags of wheels stand for."""
        found = tuple(cuda_of_tag(tag) for tag in self.texts(key))
        if any(each is None for each in found):
            raise broken(f"{self.place}: {key}", "expected tags such as cu128")
        return tuple(each for each in found if each is not None)

    def sources(self) -> tuple[str, ...]:
        """The ids of its sources, at least one, all of them known."""
        found = self.texts("source")
        unknown = [each for each in found if each not in self.known_sources]
        if unknown or not found:
            raise broken(f"{self.place}: source", f"no such source: {', '.join(unknown) or 'none named'}")
        return found

    def _versions(self, key: str, written: tuple[str, ...]) -> tuple[Version, ...]:
        found = tuple(parse_version(each) for each in written)
        if any(each is None for each in found):
            raise broken(f"{self.place}: {key}", "expected versions such as “12.8”")
        return tuple(each for each in found if each is not None)

    def _get(self, key: str, kind: type) -> Any:
        value = self._values.get(key)
        # in Python True is an int
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            words = {dict: "a mapping", list: "a list", str: "a text", int: "a number", bool: "true or false"}
            problem = "it is missing" if key not in self._values else f"expected {words[kind]}"
            raise broken(f"{self.place}: {key}", problem)
        return value


def read_sources(top: Entry) -> dict[str, Source]:
    """The sources of a table, which its entries name from now on. Raises an EnvtuiError."""
    sources = {
        name: Source(
            entry.text("url"),
            entry.word("kind", "primary", "secondary") == "primary",
            entry.text("edition", ""),
        )
        for name, entry in top.named("sources")
    }
    top.known_sources = sources
    return sources


def broken(place: str, problem: str) -> EnvtuiError:
    """What is said of a table that is not as it was when it was packed."""
    return EnvtuiError(place, problem, "Install envtui again")
