"""Tables of facts that come with the program: read once, checked, and passed on as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tui.model.cuda_table import (
    BranchCuda,
    CompiledFor,
    CudaTable,
    DroppedCapabilities,
    FirstToolkit,
    ForwardCompatibility,
    Minimum,
    Release,
    Source,
    Toolkit,
    Version,
    cuda_of_tag,
    parse_version,
    tag_of,
)
from tui.model.errors import EnvtuiError

_CUDA_TABLE = Path(__file__).with_name("cuda_compat.yml")
# of the format, not of the facts
_FORMAT = 1


@cache
def cuda_table() -> CudaTable:
    """The table of drivers, CUDA and PyTorch.

    Raises:
        EnvtuiError: the file is not as it was when it was packed; names the entry.
    """
    try:
        text = _CUDA_TABLE.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _broken(_CUDA_TABLE.name, f"it can't be read: {error}") from error
    return parse_cuda_table(text)


def parse_cuda_table(text: str) -> CudaTable:
    """The table that is written in `text`. Raises an EnvtuiError that names the entry."""
    # costs 20 ms, and most commands need no table
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _broken(_CUDA_TABLE.name, f"not valid YAML: {' '.join(str(error).split())}") from error
    top = _Entry(_CUDA_TABLE.name, document)
    if top.number("version") != _FORMAT:
        raise _broken(f"{top.place}: version", f"expected {_FORMAT}")
    sources = {
        name: Source(
            entry.text("url"),
            entry.word("kind", "primary", "secondary") == "primary",
            entry.text("edition", ""),
        )
        for name, entry in top.named("sources")
    }
    top.known_sources = sources
    branches = [
        BranchCuda(each.number("branch"), each.version("max_cuda"), each.sources())
        for each in top.entries("driver_branch_max_cuda")
    ]
    releases = [_release(each) for each in top.entries("pytorch")]
    return CudaTable(
        sources=sources,
        branches=tuple(sorted(branches, key=lambda each: -each.branch)),
        toolkits=tuple(_toolkit(each) for each in top.entries("cuda_toolkits")),
        major_minimums=tuple(
            Minimum(
                (each.number("cuda_major"),),
                each.version("exact_linux" if each.has("exact_linux") else "min_driver"),
                each.sources(),
            )
            for each in top.entries("minor_version_compatibility")
        ),
        wheel_minimums=tuple(
            Minimum(cuda, each.version("min_driver"), each.sources())
            for each in top.entries("wheel_min_driver")
            for cuda in each.cuda_of_tags("tags")
        ),
        forward=tuple(
            ForwardCompatibility(each.version("cuda"), each.version("min_driver"), each.sources())
            for each in top.entries("forward_compatibility")
        ),
        data_center_gpus=tuple(
            model
            for each in top.entries("data_center_gpus")
            if each.sources()
            for model in each.texts("models")
        ),
        first_toolkits=tuple(
            FirstToolkit(each.version("sm"), each.version("cuda"), each.sources())
            for each in top.entries("first_toolkits")
        ),
        dropped=tuple(
            DroppedCapabilities(each.version("cuda"), each.version("lowest_sm"), each.sources())
            for each in top.entries("toolkit_dropped_archs")
        ),
        releases=tuple(sorted(releases, key=lambda each: each.release, reverse=True)),
        compiled=tuple(_compiled(each) for each in top.entries("pytorch_archs")),
    )


def _toolkit(entry: _Entry) -> Toolkit:
    driver = (entry.number("branch"),) if entry.has("branch") else entry.version("driver")
    return Toolkit(entry.version("cuda"), driver, entry.sources())


def _release(entry: _Entry) -> Release:
    stable, experimental = (
        tuple(tag_of(cuda) for cuda in entry.versions(key)) for key in ("stable", "experimental")
    )
    return Release(entry.version("release"), stable, experimental, entry.sources())


def _compiled(entry: _Entry) -> CompiledFor:
    return CompiledFor(
        releases=entry.versions("releases"),
        tags=tuple(tag_of(cuda) for cuda in entry.cuda_of_tags("build")),
        machine=entry.word("platform", "x86_64", "aarch64"),
        capabilities=tuple(sorted(entry.versions("sm"))),
        has_ptx=entry.switch("ptx"),
        sources=entry.sources(),
    )


class _Entry:
    """A mapping of the file with its place in it; every wrong value is told by that place."""

    def __init__(self, place: str, value: Any, known_sources: Mapping[str, Source] | None = None) -> None:
        """Args: value as it was read; known_sources are those that it may name."""
        if not isinstance(value, dict):
            raise _broken(place, "expected a mapping")
        self.place = place
        self.known_sources: Mapping[str, Source] = known_sources or {}
        self._values: dict[Any, Any] = value

    def has(self, key: str) -> bool:
        return key in self._values

    def named(self, key: str) -> Iterator[tuple[str, _Entry]]:
        for name, value in self._get(key, dict).items():
            yield str(name), _Entry(f"{self.place}: {key}.{name}", value)

    def entries(self, key: str) -> Iterator[_Entry]:
        for index, value in enumerate(self._get(key, list)):
            yield _Entry(f"{self.place}: {key}[{index}]", value, self.known_sources)

    def text(self, key: str, default: str | None = None) -> str:
        if default is not None and key not in self._values:
            return default
        found: str = self._get(key, str)
        return found

    def word(self, key: str, *expected: str) -> str:
        found = self.text(key)
        if found not in expected:
            raise _broken(f"{self.place}: {key}", f"expected {' or '.join(expected)}")
        return found

    def number(self, key: str) -> int:
        found: int = self._get(key, int)
        return found

    def switch(self, key: str) -> bool:
        return key in self._values and bool(self._get(key, bool))

    def texts(self, key: str) -> tuple[str, ...]:
        """One text, or a list of them."""
        value = self._values.get(key)
        found = [value] if isinstance(value, str) else self._get(key, list)
        if not all(isinstance(each, str) for each in found):
            raise _broken(f"{self.place}: {key}", "expected texts, in quotes where they look like numbers")
        return tuple(found)

    def version(self, key: str) -> Version:
        return self._versions(key, (self.text(key),))[0]

    def versions(self, key: str) -> tuple[Version, ...]:
        return self._versions(key, self.texts(key))

    def cuda_of_tags(self, key: str) -> tuple[Version, ...]:
        found = tuple(cuda_of_tag(tag) for tag in self.texts(key))
        if any(each is None for each in found):
            raise _broken(f"{self.place}: {key}", "expected tags such as cu128")
        return tuple(each for each in found if each is not None)

    def sources(self) -> tuple[str, ...]:
        """The ids of its sources, at least one, all of them known."""
        found = self.texts("source")
        unknown = [each for each in found if each not in self.known_sources]
        if unknown or not found:
            raise _broken(f"{self.place}: source", f"no such source: {', '.join(unknown) or 'none named'}")
        return found

    def _versions(self, key: str, written: tuple[str, ...]) -> tuple[Version, ...]:
        found = tuple(parse_version(each) for each in written)
        if any(each is None for each in found):
            raise _broken(f"{self.place}: {key}", "expected versions such as “12.8”")
        return tuple(each for each in found if each is not None)

    def _get(self, key: str, kind: type) -> Any:
        value = self._values.get(key)
        # in Python True is an int
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            words = {dict: "a mapping", list: "a list", str: "a text", int: "a number", bool: "true or false"}
            problem = "it is missing" if key not in self._values else f"expected {words[kind]}"
            raise _broken(f"{self.place}: {key}", problem)
        return value


def _broken(place: str, problem: str) -> EnvtuiError:
    return EnvtuiError(place, problem, "Install envtui again")
