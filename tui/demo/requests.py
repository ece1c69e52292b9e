"""What a make-believe manager is asked for: specs and files taken apart, and what it says to wrong ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui.model.changes import ChangeVerb, EnvironmentChange, FileFormat
from tui.model.environments import EnvironmentKind
from tui.model.errors import ChangeFailed, ChangeRefused
from tui.model.versions import compare_versions

#: In no index.
NO_SUCH_PACKAGE = "nosuchpkg"
#: Is found, and can't be installed.
BROKEN_PACKAGE = "brokenpkg"
#: The manager's own name for a network that is not there, as conda writes it.
NO_NETWORK = "CondaHTTPError"

_SPEC = re.compile(r"(?:(?P<channel>[^\s:]+)::)?(?P<name>[A-Za-z0-9_.\-]+)(?:\[[^\]]*\])?(?P<rest>.*)", re.S)
_CONDA_KINDS = (EnvironmentKind.BASE, EnvironmentKind.CONDA)
_CHANNELS = ("conda-forge",)
# A file with so many packages, each with its version, names everything that is wanted.
_LEAST_OF_A_LIST = 6
_FIRST_CUDA_WITHOUT_TOOLKIT = "12"


@dataclass(frozen=True, slots=True)
class Request:
    """One package that is asked for; exactly this one with a build."""

    name: str
    constraint: str = ""
    channel: str = ""
    build: str = ""

    @property
    def is_pinned(self) -> bool:
        """Its version is given: it comes from a list of all that is wanted."""
        return self.constraint.startswith("=")


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that a change asks for.

    Attributes:
        packages: of conda, or for a venv of pip.
        pip: for pip in a conda environment.
        python: version, "" for any.
        words: the specs of conda's as they were written.
        is_complete: everything is named, so that nothing comes along.
    """

    packages: tuple[Request, ...] = ()
    pip: tuple[Request, ...] = ()
    python: str = ""
    words: tuple[str, ...] = ()
    is_complete: bool = False


def wanted_by(change: EnvironmentChange) -> Wanted:
    """What a change asks for.

    Raises:
        ChangeRefused: its file can't be read.
        ChangeFailed: something of it is in no index.
    """
    is_conda = change.kind in _CONDA_KINDS
    words, pip_words = list(change.packages), list(change.pip_packages)
    listed: tuple[Request, ...] = ()
    python = change.python if not change.python.startswith("/") else ""
    if change.file is not None:
        of_file, of_pip = _of_file(change.file.text, change.file.format)
        if change.file.format is FileFormat.EXPLICIT:
            listed = tuple(map(_of_address, of_file))
        else:
            words += of_file if is_conda else []
        pip_words += of_pip
    if not is_conda:
        words, pip_words = [*words, *pip_words], []
    packages, pip = (*map(_request, words), *listed), tuple(map(_request, pip_words))
    missing = [each.name for each in packages if _is_missing(each)]
    missing_pip = [each.name for each in pip if _is_missing(each)]
    if change.verb is not ChangeVerb.UNINSTALL and (missing or missing_pip):
        raise not_found(change, missing or missing_pip, by_pip=not missing)
    is_list = change.file is not None and len(packages) >= _LEAST_OF_A_LIST
    is_complete = bool(listed) or (is_list and all(each.is_pinned for each in packages))
    return Wanted(packages, pip, python, tuple(words), is_complete)


def not_found(
    change: EnvironmentChange, names: Sequence[str], is_in_environment: bool = False, by_pip: bool = False
) -> ChangeFailed:
    """What the manager of a change says of packages that it does not find."""
    if by_pip or change.kind not in _CONDA_KINDS:
        return _not_found_by_pip(change, names, is_in_environment)
    few = "\n".join(f"  - {name}" for name in names)
    if is_in_environment:
        text = f"The following packages are missing from the target environment:\n{few}"
        return ChangeFailed("The packages are not there", text, "", "PackagesNotFoundError", exit_code=1)
    if _is_libmamba(change):
        said = "\n".join(
            f"   └─ {name} does not exist (perhaps a typo or a missing channel)." for name in names
        )
        return ChangeFailed(
            "There is no such package", f"Could not solve for environment specs\n{said}",
            "Look at its name, or name the channel that has it", "UnsatisfiableError", exit_code=1,
        )  # fmt: skip
    channels = "\n".join(f"  - {each}" for each in (change.channels or _CHANNELS))
    text = (
        f"The following packages are not available from current channels:\n\n{few}\n\n"
        f"Current channels:\n\n{channels}"
    )
    return ChangeFailed(
        "There is no such package", text, "Look at its name, or name the channel that has it",
        "PackagesNotFoundInChannelsError", exit_code=1,
    )  # fmt: skip


def no_network(change: EnvironmentChange) -> ChangeFailed:
    """What the manager of a change says where nothing can be fetched."""
    if change.kind in _CONDA_KINDS:
        channel = (change.channels or _CHANNELS)[0]
        text = f"HTTP 000 CONNECTION FAILED for url <https://conda.anaconda.org/{channel}/linux-64/repodata.json>"
        kind = NO_NETWORK
    else:
        text, kind = (
            "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
            "",
        )
    return ChangeFailed("Nothing can be fetched", text, "The container has no network", kind, exit_code=1)


def broken(by_pip: bool) -> ChangeFailed:
    """What managers say of the package that can't be installed."""
    if by_pip:
        text = f"Building wheel for {BROKEN_PACKAGE} (pyproject.toml) did not run successfully"
        return ChangeFailed("pip could not install everything", text, "Its log says more", exit_code=1)
    text = f"post-link script failed for package conda-forge/noarch::{BROKEN_PACKAGE}"
    return ChangeFailed("A package could not be installed", text, "Its log says more", "LinkError", 1)


def _not_found_by_pip(
    change: EnvironmentChange, names: Sequence[str], is_in_environment: bool
) -> ChangeFailed:
    name = names[0]
    if is_in_environment:
        text = f"Skipping {name} as it is not installed"
        return ChangeFailed("The packages are not there", text, exit_code=1)
    if change.kind is EnvironmentKind.UV:
        text = (
            f"Because {name} was not found in the package registry and you require {name}, "
            "we can conclude that your requirements are unsatisfiable."
        )
    else:
        text = (
            f"Could not find a version that satisfies the requirement {name} (from versions: none)\n"
            f"No matching distribution found for {name}"
        )
    return ChangeFailed("There is no such package", text, "Look at its name", exit_code=1)


def _is_libmamba(change: EnvironmentChange) -> bool:
    return change.manager.rpartition("/")[2].startswith(("micromamba", "mamba"))


def _is_missing(request: Request) -> bool:
    if request.name == "cudatoolkit":
        # conda-forge's last one is of CUDA 11.8
        number = request.constraint.strip("=<>!~* ")
        return bool(number) and compare_versions(number, _FIRST_CUDA_WITHOUT_TOOLKIT) >= 0
    return request.name == NO_SUCH_PACKAGE


def _request(word: str) -> Request:
    found = _SPEC.fullmatch(word.strip())
    if found is None:
        return Request(word.strip() or "?")
    constraint = found["rest"].partition(";")[0].strip()
    # conda's form with spaces and a build: "numpy 1.26 py311_0"; "numpy=1.26=py311_0"
    if " " in constraint:
        constraint = constraint.split()[0]
    if constraint.count("=") >= 2 and not constraint.startswith(("==", ">=", "<=", "~=", "!=")):
        constraint = "=" + constraint.split("=")[1]
    return Request(found["name"].casefold(), constraint, found["channel"] or "")


def _of_file(text: str, form: FileFormat) -> tuple[list[str], list[str]]:
    """What a file asks of conda, and of pip. Raises ChangeRefused."""
    if form is FileFormat.REQUIREMENTS:
        return [], _lines(text)
    if form is FileFormat.EXPLICIT:
        return [line for line in _lines(text) if not line.startswith("@")], []
    import yaml

    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ChangeRefused("The file can't be read", str(error).partition("\n")[0]) from None
    listed = read.get("dependencies") if isinstance(read, dict) else None
    if not isinstance(listed, list):
        raise ChangeRefused("The file can't be read", "it has no list of dependencies")
    pip = [each["pip"] for each in listed if isinstance(each, dict) and isinstance(each.get("pip"), list)]
    return [str(each) for each in listed if isinstance(each, str)], [
        str(each) for group in pip for each in group if not str(each).startswith("-")
    ]


def _lines(text: str) -> list[str]:
    stripped: Iterable[str] = (line.partition(" #")[0].strip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith(("#", "-"))]


def _of_address(line: str) -> Request:
    """Exactly the package of an address."""
    folder, _, file = line.partition("#")[0].rpartition("/")
    name = file.removesuffix(".conda").removesuffix(".tar.bz2")
    package, version, build = [*name.rsplit("-", 2), "", ""][:3]
    channel = folder.rpartition("/")[0].rpartition("/")[2]
    return Request(package, f"=={version}", "defaults" if channel == "main" else channel, build)
