"""One dependency as conda or pip writes it, taken apart; nothing is refused here."""

from __future__ import annotations

import re

from tui.model.environment_files import Requirement

# conda's names: letters, digits, "_", "-" and "."; a few old ones begin with "_" (CEP 26)
_CONDA_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_BRACKETS = re.compile(r"\[(?P<inside>[^\[\]]*)\]\s*$")
# version='>=1', build="*cuda*", channel=conda-forge
_FIELD = re.compile(r"""(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^,\s]*))""")
# a version and a build behind a space: "numpy >=1.26,<3 py311_0"; no space follows an operator or a comma
_SPACE = re.compile(r"(?<![<>=!~,|\s])\s+(?![,|\s])")

# PEP 508: a name, extras, then versions, an address or nothing
_PIP_NAME = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(?P<rest>.*)"
)
# `git+https://…`, `./wheels/a.whl`, `C:\a.whl`, `a.tar.gz`
_PIP_PLACE = re.compile(r"[a-z+]+://|[^@]*[/\\]|\S+\.(?:whl|zip|tar\.gz)$", re.IGNORECASE)
_PIP_REST = re.compile(r"[\s(]*(?:[<>=!~]|@|$)")


def parse_conda(text: str, line: int = 0) -> Requirement:
    """A dependency of conda. What is no package has no name.

    Source of the forms: conda's MatchSpec, "Package match specifications" in its documentation.
    """
    rest = text.partition("#")[0].strip()
    channel, fields = "", {}
    brackets = _BRACKETS.search(rest)
    if brackets:
        fields = {
            found[1]: next(filter(None, found.groups()[1:]), "")
            for found in _FIELD.finditer(brackets["inside"])
        }
        rest = rest[: brackets.start()].strip()
    if "::" in rest:
        channel, _, rest = rest.rpartition("::")
        # conda-forge/linux-64::numpy, conda-forge:namespace:numpy
        channel = channel.strip()
    found = _CONDA_NAME.match(rest)
    if found is None:
        return Requirement(text, "", line=line)
    version, build = _version_and_build(rest[found.end() :])
    return Requirement(
        text,
        found[0].lower(),
        version=fields.get("version", version),
        build=fields.get("build", build),
        channel=fields.get("channel", channel),
        line=line,
    )


def _version_and_build(rest: str) -> tuple[str, str]:
    """Of " =1.26=py311_0", "=1.26", " >=1.26, <3 py311_0", " 1.26 py311_0"."""
    rest = rest.strip()
    parts = _SPACE.split(rest, maxsplit=1)
    version = re.sub(r"\s+", "", parts[0])
    if len(parts) > 1:
        return version, parts[1].strip()
    operator = re.match(r"[<>=!~]*", version)
    start = operator.end() if operator else 0
    # "=1.26=py311_0", but not ">=1.26,<=3"
    before, equals, build = version[start:].partition("=")
    if equals and before and before[-1] not in "<>!~,|" and not build.startswith("="):
        return version[:start] + before, build
    return version, ""


def parse_pip(text: str, line: int = 0) -> Requirement:
    """A line of pip's. Options, addresses and files have no name.

    Source of the forms: PEP 508, and "Requirements File Format" in pip's documentation.
    """
    # a comment begins at a space: an address may have "#" in it
    rest = re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
    if rest.startswith("-"):
        return Requirement(text, "", line=line)
    found = _PIP_NAME.match(rest)
    if found is None or not _PIP_REST.match(found["rest"].partition(";")[0]) or _is_place(rest):
        return Requirement(text, "", line=line)
    told = found["rest"]
    if told.startswith("@"):
        version = "@ " + re.split(r"\s;", told[1:], maxsplit=1)[0].strip()
    else:
        # markers, and options of one requirement ("--hash=…")
        version = re.sub(r"[\s()]+", "", re.split(r";|\s--", told, maxsplit=1)[0])
    return Requirement(text, normalised(found["name"]), version=version, line=line)


def _is_place(text: str) -> bool:
    """Whether it is an address or a file instead of a name."""
    name = text.partition("@")[0] if re.match(r"[\w.\[\], -]+@\s", text) else text
    return bool(_PIP_PLACE.match(name.partition(";")[0].strip()))


def normalised(name: str) -> str:
    """The name of a Python package as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
