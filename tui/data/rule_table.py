"""Reads the table of what goes wrong in environment files."""

from __future__ import annotations

from tui.data.entries import Entry, broken, read_sources
from tui.model.file_rules import (
    BoundPackage,
    EndedChannel,
    EndedPackage,
    FileRules,
    MixedChannels,
    OfOneSystem,
    TorchRelease,
)


def parse_environment_rules(top: Entry) -> FileRules:
    """The rules of a file. Raises an EnvtuiError that names the entry."""
    sources = read_sources(top)
    family = [
        TorchRelease(
            each.version("torch"), each.version("torchvision"), each.version("torchaudio"), each.sources()
        )
        for each in top.entries("torch_family")
    ]
    return FileRules(
        sources=sources,
        rule_sources={each.text("rule"): each.sources() for each in top.entries("rules")},
        ended_packages=tuple(_ended_package(each) for each in top.entries("ended_packages")),
        ended_channels=tuple(
            EndedChannel(
                each.text("name"),
                each.texts("packages"),
                each.version("last"),
                each.text("date"),
                each.text("replacement"),
                each.sources(),
            )
            for each in top.entries("ended_channels")
        ),
        bound_packages=tuple(
            BoundPackage(
                each.text("name"),
                each.text("channel"),
                each.text("also"),
                each.text("replacement"),
                each.sources(),
            )
            for each in top.entries("bound_packages")
        ),
        torch_family=tuple(sorted(family, key=lambda each: each.torch, reverse=True)),
        mixed_channels=tuple(
            MixedChannels(each.texts("names"), each.text("keep"), each.sources())
            for each in top.entries("mixed_channels")
        ),
        of_one_system=tuple(
            _of_one_system(each)
            for key in ("platform_packages", "platform_builds")
            for each in top.entries(key)
        ),
    )


def _ended_package(entry: Entry) -> EndedPackage:
    owner = entry.word("owner", "conda", "pip")
    return EndedPackage(
        owner,
        entry.text("name"),
        entry.version("last") if entry.has("last") else None,
        entry.text("replacement"),
        entry.text("channel") if owner == "conda" else "",
        entry.sources(),
    )


def _of_one_system(entry: Entry) -> OfOneSystem:
    names, words, hashes = (
        entry.texts(key) if entry.has(key) else () for key in ("names", "words", "hashes")
    )
    found = OfOneSystem(entry.word("system", "win", "osx"), names, words, hashes, entry.sources())
    if not (found.names or found.words or found.hashes):
        raise broken(entry.place, "expected names, words or hashes")
    return found
