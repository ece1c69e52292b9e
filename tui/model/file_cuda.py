"""Whether a host's driver runs the CUDA that an environment file asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tui.model.compatibility import DriverFacts, Status, Verdict, judge
from tui.model.cuda_table import CudaTable, Version, cuda_of_tag, format_version, parse_version
from tui.model.environment_files import Requirement, is_conditional
from tui.model.environments import Environment, EnvironmentKind, Library
from tui.model.file_problems import FileProblem, Severity
from tui.model.file_view import TORCH_IN_CONDA, FileView
from tui.model.version_ranges import allowed, common, lowest, series

# Packages of conda whose version is that of CUDA.
_OF_CUDA = ("cuda-version", "cuda-toolkit", "cuda-runtime", "cuda", "pytorch-cuda", "cudatoolkit")
# cuda126_mkl_py311h…, cuda130*, py3.11_cuda12.1_cudnn8.9.2_0
_IN_BUILD = re.compile(r"cuda(?:(\d{2})(\d)(?!\d)|(\d{2})\.(\d))")
_TAG = re.compile(r"(?<![a-z0-9])cu\d{2,3}(?!\d)")


@dataclass(frozen=True, slots=True)
class _Claim:
    """A line that names a CUDA.

    Attributes:
        tag: of a wheel, as it stands in the line; "" where the version does.
    """

    requirement: Requirement
    cuda: Version
    tag: str = ""


def too_new_cuda(
    view: FileView, driver: DriverFacts | None, table: CudaTable, seen: set[int]
) -> Iterator[FileProblem]:
    """Lines whose CUDA the driver does not run. Without a driver that is known there are none.

    Args:
        view: the file.
        driver: of the host.
        table: what is known of drivers and CUDA.
        seen: lines in which another check found that they can't stay as they are.
    """
    if driver is None or driver.driver_version is None:
        return
    for claim in _claims(view):
        if claim.requirement.line in seen:
            continue
        verdict = _verdict(claim.cuda, claim.tag, view, driver, table)
        if verdict.status is Status.CANNOT_RUN:
            yield view.problem(
                claim.requirement.line,
                claim.requirement.text,
                Severity.ERROR,
                "cuda-too-new",
                f"CUDA {format_version(claim.cuda)} does not run on this host: {verdict.reason}",
                _instead(claim, view, driver, table),
                verdict.sources,
            )


def fitting_cuda(view: FileView, driver: DriverFacts | None, table: CudaTable, written: str) -> str:
    """The CUDA of a new line, or the newest that the host runs where it does not run that one."""
    cuda = parse_version(written)
    if driver is None or driver.driver_version is None or cuda is None:
        return written
    if _verdict(cuda, "", view, driver, table).status is not Status.CANNOT_RUN:
        return written
    fitting = _fitting(False, view, driver, table)
    return str(max(fitting)[0][0]) if fitting else written


def _claims(view: FileView) -> Iterator[_Claim]:
    for each in view.file.dependencies:
        if each.name in _OF_CUDA:
            low = lowest(allowed(each.version))
            if low is not None:
                # a range knows no zeros at the end: 13.0 is told by the text
                is_first = len(low) == 1 and f"{low[0]}.0" in each.version
                yield _Claim(each, (low[0], 0) if is_first else low[:2])
        elif each.name in TORCH_IN_CONDA:
            found = _IN_BUILD.search(each.build)
            if found is not None:
                yield _Claim(each, (int(found[1] or found[3]), int(found[2] or found[4])))
    for each in view.file.pip or ():
        if is_conditional(each):
            continue
        # torch==2.9.0+cu128, --index-url https://download.pytorch.org/whl/cu128
        place = each.version.partition("+")[2] if each.name else each.text.partition("/whl/")[2]
        tag = _TAG.search(place)
        cuda = cuda_of_tag(tag[0]) if tag else None
        if tag is not None and cuda is not None:
            yield _Claim(each, cuda, tag[0])


def _verdict(cuda: Version, tag: str, view: FileView, driver: DriverFacts, table: CudaTable) -> Verdict:
    release = lowest(view.torch_ranges(bool(tag))[0])
    torch = f"{format_version(release[:3])}+{tag}" if tag and release and len(release) > 1 else None
    libraries = (Library("cuda-version", format_version(cuda), "conda"),)
    made = Environment("", "", "", EnvironmentKind.CONDA, torch=torch, libraries=() if torch else libraries)
    return judge(made, driver, table)


def _instead(claim: _Claim, view: FileView, driver: DriverFacts, table: CudaTable) -> str | None:
    """The line with the newest CUDA that runs; None where there is none."""
    requirement = claim.requirement
    fitting = _fitting(bool(claim.tag), view, driver, table)
    if not fitting:
        return None
    cuda, tag = max(fitting)
    if claim.tag:
        return requirement.text.replace(claim.tag, tag)
    if requirement.name not in _OF_CUDA:
        return None
    channel = f"{requirement.channel}::" if requirement.channel else ""
    # the builds of conda-forge are for one CUDA of each major version, those of pytorch-cuda for each
    version = format_version(cuda) if requirement.name == "pytorch-cuda" else str(cuda[0])
    return f"{channel}{requirement.name}={version}"


def _fitting(
    by_pip: bool, view: FileView, driver: DriverFacts, table: CudaTable
) -> list[tuple[Version, str]]:
    """The CUDA versions, with their tags, that there is torch for and that the host runs."""
    torch, told = view.torch_ranges(by_pip)
    releases = [each for each in table.releases if told is None or common(torch, series(each.release))]
    tags = {tag for each in releases for tag in (*each.stable, *each.experimental)}
    return [
        (cuda, tag)
        for tag in tags
        if (cuda := cuda_of_tag(tag)) is not None
        and _verdict(cuda, tag if by_pip else "", view, driver, table).status is not Status.CANNOT_RUN
    ]
