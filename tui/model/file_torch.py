"""Whether torch, torchvision and torchaudio of an environment file belong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tui.model.cuda_table import Version, format_version
from tui.model.environment_files import Requirement, is_conditional
from tui.model.file_problems import FileProblem, Severity
from tui.model.file_rules import FileRules
from tui.model.file_view import FileView, named
from tui.model.version_ranges import ANY, Range, Ranges, allowed, common, series

_COMPANIONS = ("torchvision", "torchaudio")


@dataclass(frozen=True, slots=True)
class _Row:
    """Releases that belong together; those before and after all that are known are one row each.

    Attributes:
        label: of its torch, in words.
        ranges: by the package's name.
        names: their first two numbers; () where they are not known.
    """

    label: str
    ranges: dict[str, Ranges]
    names: dict[str, Version]


def torch_family(view: FileView) -> Iterator[FileProblem]:
    """Companions that no torch of the file fits."""
    rows = _rows(view.rules)
    for by_pip, section in ((False, view.file.dependencies), (True, view.file.pip or ())):
        torch, told = view.torch_ranges(by_pip)
        fitting = _fitting(rows, "torch", torch)
        others = [] if told is None else [told]
        for name in _COMPANIONS:
            for each in section:
                if each.name != name or not each.version or each.version.startswith("@"):
                    continue
                if by_pip and is_conditional(each):
                    continue
                ranges = allowed(each.version, by_pip)
                left = _fitting(fitting, name, ranges)
                if left:
                    fitting = left
                    others.append(each)
                    continue
                yield _mismatch(view, each, by_pip, _fitting(rows, name, ranges), fitting, others)


def _mismatch(
    view: FileView,
    wrong: Requirement,
    by_pip: bool,
    own: list[_Row],
    fitting: list[_Row],
    others: list[Requirement],
) -> FileProblem:
    newest = fitting[0]
    version = newest.names.get(wrong.name)
    if version is None:
        spec = wrong.name
    elif by_pip:
        spec = f"{wrong.name}=={format_version(version)}.*"
    else:
        spec = f"{wrong.name}={format_version(version)}"
    if wrong.channel:
        spec = f"{view.moved_channel(wrong.channel)}::{spec}"
    belongs = f"belongs to torch {own[0].label}" if own else "belongs to no torch"
    against = " and ".join(f"{named(each)} (line {each.line})" for each in others)
    known = [row for row in (*own, *fitting) if row.names]
    sources = tuple(dict.fromkeys(each for row in known for each in _sources(view.rules, row)))
    return view.problem(
        wrong.line,
        wrong.text,
        Severity.ERROR,
        "torch-family",
        f"{named(wrong)} {belongs}, not to {against}",
        spec,
        sources or _sources(view.rules, None),
    )


def _rows(rules: FileRules) -> list[_Row]:
    newest, oldest = rules.torch_family[0], rules.torch_family[-1]
    names = ("torch", *_COMPANIONS)
    known = [
        _Row(
            format_version(each.torch),
            {name: series(getattr(each, name)) for name in names},
            {name: getattr(each, name) for name in names},
        )
        for each in rules.torch_family
    ]
    later: dict[str, Ranges] = {name: (Range(series(getattr(newest, name))[0].high),) for name in names}
    earlier: dict[str, Ranges] = {name: (Range(None, getattr(oldest, name)),) for name in names}
    return [
        _Row(f"after {format_version(newest.torch)}", later, {}),
        *known,
        _Row(f"before {format_version(oldest.torch)}", earlier, {}),
    ]


def _fitting(rows: list[_Row], name: str, ranges: Ranges) -> list[_Row]:
    """The rows that a package's versions are in, the newest that is known first."""
    found = rows if ranges == ANY else [row for row in rows if common(row.ranges[name], ranges)]
    return sorted(found, key=lambda row: not row.names)


def _sources(rules: FileRules, row: _Row | None) -> tuple[str, ...]:
    torch = row.names["torch"] if row else rules.torch_family[0].torch
    return next(each.sources for each in rules.torch_family if each.torch == torch)
