"""Reads an explicit list: an address for each package of conda, and the pip lines that our export adds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from tui.backends.conda.command import checked, shown
from tui.model.errors import FileFault

_PIP = re.compile(r"#\s*pip:\s*(\S.*?)\s*$")
_ENDINGS = (".conda", ".tar.bz2")
# the largest environments have some thousand
_MOST_LINES = 20_000


@dataclass(frozen=True, slots=True)
class ListedPackage:
    """A package of conda as its address tells it."""

    name: str
    version: str
    build: str
    channel: str


@dataclass(frozen=True, slots=True)
class ExplicitList:
    """What is in the list.

    Attributes:
        packages: of conda.
        pip: "name==version", to be installed afterwards without their dependencies.
    """

    packages: tuple[ListedPackage, ...]
    pip: tuple[str, ...]

    def has(self, name: str) -> bool:
        """Whether a package of conda is in it."""
        return any(each.name == name for each in self.packages)


def read_explicit_list(text: str) -> ExplicitList:
    """What an explicit list says.

    Raises:
        FileFault: it has no `@EXPLICIT` line, or a line is no address of a package.
        ChangeRefused: a pip line would be read as an option.
    """
    lines = text.splitlines()
    if len(lines) > _MOST_LINES:
        raise FileFault("The list has too many lines", f"{len(lines)}, at most {_MOST_LINES}")
    if not any(line.strip() == "@EXPLICIT" for line in lines):
        raise FileFault("This is no explicit list", "It has no line “@EXPLICIT”.")
    packages: list[ListedPackage] = []
    pip: list[str] = []
    for number, line in enumerate(lines, 1):
        found = _PIP.match(line.strip())
        if found:
            pip.append(found[1])
        elif line.strip() and not line.lstrip().startswith(("#", "@")):
            packages.append(_package(line.strip(), number))
    return ExplicitList(tuple(packages), checked(pip, "package of pip"))


def _package(address: str, number: int) -> ListedPackage:
    path = address.partition("#")[0].strip()
    folder, _, file = path.rpartition("/")
    for ending in _ENDINGS:
        parts = unquote(file).removesuffix(ending).rsplit("-", 2)
        if file.endswith(ending) and len(parts) == 3:
            return ListedPackage(parts[0], parts[1], parts[2], channel_of(folder))
    raise FileFault(f"Line {number} is no address of a package", shown(address, 200), line=number)


def channel_of(address: str) -> str:
    """A channel as people write it: a name for Anaconda's own, the address without a token otherwise."""
    plain = re.sub(r"/t/[^/]+/", "/", address.rstrip("/"))
    plain = re.sub(r"(://)[^/@]*@", r"\1", plain)
    plain = re.sub(r"/(?:noarch|(?:linux|osx|win|emscripten|wasi|zos|freebsd)-[a-z0-9_]+)$", "", plain)
    return re.sub(r"^https://(?:conda\.anaconda\.org|repo\.anaconda\.com/pkgs)/", "", plain)
