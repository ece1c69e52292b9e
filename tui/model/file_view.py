"""An environment file as the checks look at it: channels by their names, torch wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tui.model.cuda_table import Version
from tui.model.environment_files import EnvironmentFile, Requirement, is_conditional
from tui.model.file_problems import FileProblem, Severity, replaced
from tui.model.file_rules import EndedChannel, FileRules
from tui.model.version_ranges import ANY, Ranges, allowed, common, up_to

# conda-forge's names for torch with or without CUDA have torch's own version
TORCH_IN_CONDA = ("pytorch", "pytorch-gpu", "pytorch-cpu")
_TORCH_IN_PIP = "torch"
_SUBFOLDER = re.compile(r"/(?:noarch|(?:linux|osx|win)-\w+)$")
_ADDRESS = re.compile(r"^https?://(?:conda\.anaconda\.org|repo\.anaconda\.com|repo\.prefix\.dev)/")


def channel_name(written: str) -> str:
    """What a channel is called, whether it is given by its address, with a platform, or with a label."""
    return _SUBFOLDER.sub("", _ADDRESS.sub("", written.strip().rstrip("/"))).partition("/label/")[0]


@dataclass(slots=True)
class FileView:
    """A file while it is checked.

    Attributes:
        file, rules: what is checked by what.
        fitting_cuda: of a CUDA as it is written ("12.1"), one that the host runs, if there is one.
        replaced_packages: names that an earlier finding puts into the corrected file.
    """

    file: EnvironmentFile
    rules: FileRules
    fitting_cuda: Callable[[str], str] = str
    replaced_packages: set[str] = field(default_factory=set)

    @property
    def channels(self) -> list[tuple[str, int]]:
        """Names and lines, in their order."""
        return [(channel_name(written), line) for written, line in self.file.channels]

    @property
    def channel_names(self) -> set[str]:
        """As they are in the file."""
        return {name for name, _ in self.channels}

    @property
    def conda_torch(self) -> list[Requirement]:
        """What asks conda for torch."""
        return [each for each in self.file.dependencies if each.name in TORCH_IN_CONDA]

    @property
    def pip_torch(self) -> list[Requirement]:
        """What asks pip for torch."""
        return [
            each for each in self.file.pip or () if each.name == _TORCH_IN_PIP and not is_conditional(each)
        ]

    def torch_ranges(self, by_pip: bool) -> tuple[Ranges, Requirement | None]:
        """Which torch it will be for somebody who comes by conda or by pip, and the line that says so."""
        sections = [(self.conda_torch, False), (self.pip_torch, True)]
        for found, is_pip in reversed(sections) if by_pip else sections:
            ranges: Ranges = ANY
            for each in found:
                ranges = common(ranges, allowed(each.version, is_pip)) or ranges
            if found:
                told = next((each for each in found if each.version), found[0])
                return ranges, told
        return ANY, None

    def newer_than(self, channel: EndedChannel) -> Requirement | None:
        """A dependency that the channel's newest release is too old for, if it is to come from there."""
        for each in self.file.dependencies:
            is_here = not each.channel or channel_name(each.channel) == channel.name
            is_one = each.name in channel.packages or (
                each.name in TORCH_IN_CONDA and TORCH_IN_CONDA[0] in channel.packages
            )
            if is_here and is_one and not common(allowed(each.version), up_to(channel.last)):
                return each
        return None

    def moved_channel(self, name: str) -> str:
        """Where a channel's packages come from in the corrected file."""
        ended = self.rules.ended_channel(name)
        return ended.replacement if ended and self.newer_than(ended) else name

    def at(self, channel: str, spec: str) -> str:
        """A dependency for the corrected file, with its channel in front where the file has not that one."""
        names = {self.moved_channel(name) for name in self.channel_names}
        return spec if not channel or channel in names else f"{channel}::{spec}"

    def has_package(self, name: str) -> bool:
        """Whether it is, or will be, among conda's dependencies."""
        return name in self.replaced_packages or any(each.name == name for each in self.file.dependencies)

    def problem(
        self,
        line: int,
        text: str,
        severity: Severity,
        rule: str,
        message: str,
        new_text: str | None = None,
        sources: tuple[str, ...] = (),
    ) -> FileProblem:
        """A finding, with the line as it should be."""
        found = FileProblem(
            line, text, severity, rule, message, sources=sources or self.rules.rule_sources.get(rule, ())
        )
        if new_text is None or not 0 < line <= len(self.file.lines):
            return found
        whole = replaced(self.file.lines[line - 1], text, new_text)
        if whole is None:
            return found
        return replace(found, new_text=new_text, corrected=whole.rstrip("\r\n"))


def two_numbers(spec: str) -> str:
    """The first two numbers of a version as it is written: "12.1" of "==12.1.1"; "" where there is none."""
    found = re.search(r"\d+(?:\.\d+)?", spec)
    return found[0] if found else ""


def major(version: Version | str) -> str:
    """The first number."""
    return version.partition(".")[0] if isinstance(version, str) else str(version[0])


def named(requirement: Requirement) -> str:
    """A dependency in a sentence: its name and version with nothing else."""
    version = requirement.version
    return f"{requirement.name} {version}".strip()
