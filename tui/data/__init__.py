"""Tables of facts that come with the program: read once, checked, and passed on as values."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tui.data.entries import Entry, broken, read_sources
from tui.model.cuda_table import (
    BranchCuda,
    CompiledFor,
    CudaTable,
    DroppedCapabilities,
    FirstToolkit,
    ForwardCompatibility,
    Minimum,
    Release,
    Toolkit,
    tag_of,
)

if TYPE_CHECKING:
    from tui.model.file_rules import FileRules

_CUDA_TABLE = Path(__file__).with_name("cuda_compat.yml")
_RULES = Path(__file__).with_name("environment_rules.yml")
# of the formats, not of the facts
_FORMAT = 1


@cache
def cuda_table() -> CudaTable:
    """The table of drivers, CUDA and PyTorch.

    Raises:
        EnvtuiError: the file is not as it was when it was packed; names the entry.
    """
    return parse_cuda_table(_text(_CUDA_TABLE))


@cache
def environment_rules() -> FileRules:
    """What is known to go wrong in environment files.

    Raises:
        EnvtuiError: the file is not as it was when it was packed; names the entry.
    """
    # only a check of such a file needs it
    from tui.data.rule_table import parse_environment_rules

    return parse_environment_rules(_top(_RULES.name, _text(_RULES)))


def parse_cuda_table(text: str) -> CudaTable:
    """The table that is written in `text`. Raises an EnvtuiError that names the entry."""
    top = _top(_CUDA_TABLE.name, text)
    sources = read_sources(top)
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


def _toolkit(entry: Entry) -> Toolkit:
    driver = (entry.number("branch"),) if entry.has("branch") else entry.version("driver")
    return Toolkit(entry.version("cuda"), driver, entry.sources())


def _release(entry: Entry) -> Release:
    stable, experimental = (
        tuple(tag_of(cuda) for cuda in entry.versions(key)) for key in ("stable", "experimental")
    )
    return Release(entry.version("release"), stable, experimental, entry.sources())


def _compiled(entry: Entry) -> CompiledFor:
    return CompiledFor(
        releases=entry.versions("releases"),
        tags=tuple(tag_of(cuda) for cuda in entry.cuda_of_tags("build")),
        machine=entry.word("platform", "x86_64", "aarch64"),
        capabilities=tuple(sorted(entry.versions("sm"))),
        has_ptx=entry.switch("ptx"),
        sources=entry.sources(),
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise broken(file.name, f"it can't be read: {error}") from error


def _top(name: str, text: str) -> Entry:
    # costs 20 ms, and most commands need no table
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise broken(name, f"not valid YAML: {' '.join(str(error).split())}") from error
    top = Entry(name, document)
    if top.number("version") != _FORMAT:
        raise broken(f"{top.place}: version", f"expected {_FORMAT}")
    return top
