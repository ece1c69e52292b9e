"""What is known to go wrong in environment files: a table of facts, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

from tui.model.cuda_table import Source, Version


@dataclass(frozen=True, slots=True)
class EndedPackage:
    """A package that there is none of from some version on.

    Attributes:
        owner: "conda" or "pip".
        last: newest version there is; None where there is none at all.
        replacement: what takes its place.
        channel: where that is, "" for pip.
    """

    owner: str
    name: str
    last: Version | None
    replacement: str
    channel: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EndedChannel:
    """A channel that gets no new releases.

    Attributes:
        packages: of which `last` is the newest that it has.
        date: of that one, in words.
        replacement: channel that has them now.
    """

    name: str
    packages: tuple[str, ...]
    last: Version
    date: str
    replacement: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BoundPackage:
    """A package that is in one channel alone.

    Attributes:
        also: channel that has what it needs.
        replacement: what says the same on other channels.
    """

    name: str
    channel: str
    also: str
    replacement: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TorchRelease:
    """Releases that belong together, each by its first two numbers."""

    torch: Version
    torchvision: Version
    torchaudio: Version
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MixedChannels:
    """Channels that should not stand beside another one.

    Attributes:
        keep: that other one.
    """

    names: tuple[str, ...]
    keep: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfOneSystem:
    """Packages or builds that there are for one system alone.

    Attributes:
        system: "win" or "osx".
        names: of packages.
        words: that stand between "_" in a build.
        hashes: that stand at the end of a part of a build ("py311haa95532_0").
    """

    system: str
    names: tuple[str, ...]
    words: tuple[str, ...]
    hashes: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileRules:
    """All of it.

    Attributes:
        sources: by the ids that the other entries name.
        rule_sources: ids by the rule of a finding.
        torch_family: newest first.
    """

    sources: dict[str, Source]
    rule_sources: dict[str, tuple[str, ...]]
    ended_packages: tuple[EndedPackage, ...]
    ended_channels: tuple[EndedChannel, ...]
    bound_packages: tuple[BoundPackage, ...]
    torch_family: tuple[TorchRelease, ...]
    mixed_channels: tuple[MixedChannels, ...]
    of_one_system: tuple[OfOneSystem, ...]

    def ended_package(self, owner: str, name: str) -> EndedPackage | None:
        """What is known of the end of a package."""
        return next((each for each in self.ended_packages if (each.owner, each.name) == (owner, name)), None)

    def ended_channel(self, name: str) -> EndedChannel | None:
        """What is known of the end of a channel."""
        return next((each for each in self.ended_channels if each.name == name), None)
