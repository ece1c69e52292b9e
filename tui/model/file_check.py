"""Tells what is wrong in an environment file before anything is solved."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from tui.model.compatibility import DriverFacts
from tui.model.cuda_table import CudaTable, Version, format_version
from tui.model.environment_files import EnvironmentFile, Requirement
from tui.model.file_cuda import fitting_cuda, too_new_cuda
from tui.model.file_problems import FileProblem, Severity, corrected
from tui.model.file_rules import EndedPackage, FileRules
from tui.model.file_torch import torch_family
from tui.model.file_view import TORCH_IN_CONDA, FileView, channel_name, major, named, two_numbers
from tui.model.version_ranges import Ranges, allowed, common, series, up_to

__all__ = ["FileProblem", "Severity", "check", "corrected"]

# python: 3.11
_AS_MAPPING = re.compile(r"([\w.-]+):\s*(\d[\w.*]*)")


def check(
    file: EnvironmentFile,
    rules: FileRules,
    driver: DriverFacts | None,
    table: CudaTable,
    platform: str = "linux-64",
) -> tuple[FileProblem, ...]:
    """All that is wrong in a file, by line.

    Args:
        file: what was read.
        rules: what is known to go wrong.
        driver: of the host that it is for; None where it is not known, then nothing is said of CUDA.
        table: what is known of drivers and CUDA.
        platform: that it is for, as conda calls it.
    """
    view = FileView(file, rules)
    view.fitting_cuda = partial(fitting_cuda, view, driver, table)
    if not file.dependencies and not file.pip:
        return (_no_dependencies(view),)
    found = [problem for one in _CHECKS for problem in one(view)]
    found += _of_another_system(view, platform)
    seen = {each.line for each in found if each.severity is Severity.ERROR}
    found += too_new_cuda(view, driver, table, seen)
    return tuple(sorted(found, key=lambda each: each.line))


def _no_dependencies(view: FileView) -> FileProblem:
    line = view.file.dependencies_line
    message = "this is no environment's file: nothing stands under “dependencies”"
    if not line:
        message = "this is no environment's file: it has no “dependencies”"
    return view.problem(
        max(line, 1), "dependencies" if line else "", Severity.ERROR, "no-dependencies", message
    )


# -- packages


def _no_packages(view: FileView) -> Iterator[FileProblem]:
    for each in view.file.dependencies:
        if each.name:
            continue
        found = _AS_MAPPING.fullmatch(each.text)
        new_text = None if each.text else ""
        if found:
            # another line says already which one
            new_text = "" if view.has_package(found[1].lower()) else f"{found[1]}={found[2]}"
        said = f"“{each.text}” is no package" if each.text else "there is no package in this line"
        message = f"{said} for conda"
        yield view.problem(each.line, each.text, Severity.ERROR, "no-package", message, new_text)


def _ended_packages(view: FileView) -> Iterator[FileProblem]:
    for owner, section in (("conda", view.file.dependencies), ("pip", view.file.pip or ())):
        for each in section:
            ended = view.rules.ended_package(owner, each.name)
            if ended is None or _is_there(ended, allowed(each.version, owner == "pip")):
                continue
            if ended.last is None:
                message = f"{each.name} can't be installed by {owner}: it is {ended.replacement}"
            else:
                last = format_version(ended.last)
                message = f"there is no {named(each)}: {each.name} ends with {last}"
                message += f", then comes {ended.replacement}"
            new_text = _replacement(view, each, ended)
            view.replaced_packages.add(ended.replacement)
            yield view.problem(
                each.line, each.text, Severity.ERROR, "ended-package", message, new_text, ended.sources
            )


def _is_there(ended: EndedPackage, ranges: Ranges) -> bool:
    """Whether one of the versions exists; pip takes the newest, and that must."""
    if ended.last is None:
        return False
    end = _end_of(ended.last)
    if ended.owner == "pip":
        return all(each.high is not None and each.high <= end for each in ranges)
    return any(each.low is None or each.low < end for each in ranges)


def _end_of(last: Version) -> Version:
    """The first version that is no longer one of this release."""
    high = series(last)[0].high
    assert high is not None
    return high


def _replacement(view: FileView, old: Requirement, ended: EndedPackage) -> str:
    if ended.owner == "pip":
        # sklearn's only version is 0.0
        version = "" if old.version.startswith("==0.0") else old.version
        return ended.replacement + version
    return _cuda_version(view, ended.replacement, ended.channel, two_numbers(old.version))


def _cuda_version(view: FileView, name: str, channel: str, version: str) -> str:
    """What says the same of CUDA on another channel; "" where the file says it already."""
    if view.has_package(name):
        return ""
    # with torch, the builds there are for one CUDA of each major version (source cftorch)
    wanted = view.fitting_cuda(major(version) if view.conda_torch else version)
    return view.at(channel, f"{name}={wanted}" if wanted else name)


def _bound_packages(view: FileView) -> Iterator[FileProblem]:
    for each in view.file.dependencies:
        bound = next((rule for rule in view.rules.bound_packages if rule.name == each.name), None)
        if bound is None:
            continue
        channels = {*view.channel_names, *((channel_name(each.channel),) if each.channel else ())}
        ended = view.rules.ended_channel(bound.channel)
        newer = view.newer_than(ended) if ended else None
        message = ""
        if newer is not None and ended is not None:
            last = format_version(ended.last)
            message = f"{each.name} is for torch up to {last}, not for {named(newer)} (line {newer.line})"
        elif bound.channel not in channels:
            message = f"{each.name} is on the channel {bound.channel} alone, which is not listed"
        if message:
            channel = ended.replacement if ended else ""
            new_text = _cuda_version(view, bound.replacement, channel, two_numbers(each.version))
            view.replaced_packages.add(bound.replacement)
            yield view.problem(
                each.line, each.text, Severity.ERROR, "bound-package", message, new_text, bound.sources
            )
        elif bound.also not in channels:
            message = f"{each.name} takes its libraries from the channel {bound.also}, which is not listed"
            yield view.problem(
                each.line, each.text, Severity.WARNING, "bound-package", message, None, bound.sources
            )


def _contradictions(view: FileView) -> Iterator[FileProblem]:
    for by_pip, section in ((False, view.file.dependencies), (True, view.file.pip or ())):
        first: dict[str, list[Requirement]] = {}
        for each in section:
            # a marker may leave one of them
            if not each.name or ";" in each.text:
                continue
            earlier = first.setdefault(each.name, [])
            against = next((other for other in earlier if _contradict(each, other, by_pip)), None)
            if against is None:
                earlier.append(each)
                continue
            message = f"{named(each)} can't be there beside {named(against)} (line {against.line})"
            yield view.problem(each.line, each.text, Severity.ERROR, "contradiction", message, "")


def _contradict(one: Requirement, other: Requirement, by_pip: bool) -> bool:
    return not common(allowed(one.version, by_pip), allowed(other.version, by_pip))


def _both_managers(view: FileView) -> Iterator[FileProblem]:
    conda: dict[str, Requirement] = {}
    for each in view.file.dependencies:
        conda.setdefault("torch" if each.name in TORCH_IN_CONDA else each.name, each)
    for each in view.file.pip or ():
        other = conda.get(each.name) if each.name else None
        if other is None or each.version.startswith("@"):
            continue
        if not common(allowed(each.version, True), allowed(other.version)):
            message = f"pip puts {named(each)} over conda's {named(other)} (line {other.line})"
            yield view.problem(each.line, each.text, Severity.WARNING, "both-managers", message)


# -- channels


def _ended_channels(view: FileView) -> Iterator[FileProblem]:
    for (name, line), (written, _) in zip(view.channels, view.file.channels, strict=True):
        ended = view.rules.ended_channel(name)
        if ended is None:
            continue
        last = format_version(ended.last)
        newer = view.newer_than(ended)
        other = [each for each in view.channel_names if each != name and _may_have_torch(view, each)]
        moved = "" if ended.replacement in view.channel_names else ended.replacement
        message = f"the channel {name} is discontinued: its last {ended.packages[0]} is {last} ({ended.date})"
        if newer is not None:
            message += f", older than {named(newer)} (line {newer.line})"
            severity = Severity.WARNING if other else Severity.ERROR
            yield view.problem(line, written, severity, "ended-channel", message, moved, ended.sources)
        else:
            keeps = any(
                common(allowed(each.version), up_to(ended.last)) == allowed(each.version)
                for each in view.conda_torch
            ) or any(view.has_package(each.name) for each in view.rules.bound_packages)
            new_text = None if keeps else moved
            yield view.problem(
                line, written, Severity.WARNING, "ended-channel", message, new_text, ended.sources
            )
    for each in view.file.dependencies:
        ended = view.rules.ended_channel(channel_name(each.channel)) if each.channel else None
        if ended is not None and view.newer_than(ended) is each:
            new_text = f"{ended.replacement}::{each.text.rpartition('::')[2]}"
            message = (
                f"the channel {ended.name} has no {named(each)}: its last is {format_version(ended.last)}"
            )
            yield view.problem(
                each.line, each.text, Severity.ERROR, "ended-channel", message, new_text, ended.sources
            )


def _may_have_torch(view: FileView, channel: str) -> bool:
    mixed = view.rules.mixed_channels
    return any(channel == each.keep or channel in each.names for each in mixed)


def _mixed_channels(view: FileView) -> Iterator[FileProblem]:
    for rule in view.rules.mixed_channels:
        if rule.keep not in view.channel_names:
            continue
        for (name, line), (written, _) in zip(view.channels, view.file.channels, strict=True):
            if name in rule.names:
                message = f"the channels {name} and {rule.keep} don't go together: choose one of them"
                yield view.problem(
                    line, written, Severity.WARNING, "mixed-channels", message, "", rule.sources
                )


# -- the rest


def _pip_missing(view: FileView) -> Iterator[FileProblem]:
    file = view.file
    if file.pip is None or any(each.name == "pip" for each in file.dependencies):
        return
    line = file.lines[file.pip_line - 1] if 0 < file.pip_line <= len(file.lines) else ""
    found = re.match(r"(\s*-\s+)pip:", line)
    end = "\r\n" if line.endswith("\r\n") else "\n"
    new_text = f"pip{end}{found[1]}pip:" if found else None
    message = "there is a “pip:” section, but no pip among the dependencies"
    yield view.problem(file.pip_line, "pip:", Severity.WARNING, "pip-missing", message, new_text)


def _prefix(view: FileView) -> Iterator[FileProblem]:
    line, lines = view.file.prefix_line, view.file.lines
    if not 0 < line <= len(lines):
        return
    written = lines[line - 1].strip()
    # of a mapping in braces, and of a path over several lines, more than this would go
    is_all = written.startswith("prefix") and view.file.prefix in written
    message = "the prefix is one of another machine: whoever makes the environment says where it is to be"
    yield view.problem(line, written, Severity.WARNING, "prefix", message, "" if is_all else None)


def _of_another_system(view: FileView, platform: str) -> Iterator[FileProblem]:
    system = platform.partition("-")[0]
    for each in view.file.dependencies:
        for rule in view.rules.of_one_system:
            if rule.system == system:
                continue
            name = {"win": "Windows", "osx": "macOS"}[rule.system]
            if each.name in rule.names:
                message, new_text = f"{each.name} is a package of {name}, there is none for {platform}", ""
            elif each.build and _is_build_of(each.build, rule.words, rule.hashes):
                message = f"the build {each.build} is one of {name}, not of {platform}"
                new_text = _no_build(each)
            else:
                continue
            yield view.problem(
                each.line, each.text, Severity.ERROR, "other-platform", message, new_text, rule.sources
            )
            break


def _is_build_of(build: str, words: tuple[str, ...], hashes: tuple[str, ...]) -> bool:
    parts = build.split("_")
    return any(part in words for part in parts) or any(
        re.fullmatch(rf"(?:py\d*)?{each}", part) for part in parts for each in hashes
    )


def _no_build(requirement: Requirement) -> str:
    """The line without its build."""
    text = requirement.text
    if text.endswith(requirement.build):
        return text[: -len(requirement.build)].rstrip("= ")
    channel = f"{requirement.channel}::" if requirement.channel else ""
    return f"{channel}{requirement.name}{requirement.version}"


# In this order: of two findings in a line, the first one says what becomes of it.
_CHECKS: tuple[Callable[[FileView], Iterator[FileProblem]], ...] = (
    _no_packages,
    _ended_packages,
    _bound_packages,
    _contradictions,
    torch_family,
    _both_managers,
    _ended_channels,
    _mixed_channels,
    _pip_missing,
    _prefix,
)
