"""An environment as a file that somebody else can make it from, and what of it no file can carry.

Whatever is in a package's record is foreign text: what is no name, version, spec or address is left out and
named, so that nothing of it can become a line, an option or a variable of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from tui.model.changes import FileFormat
from tui.model.channels import channel_word, without_secrets
from tui.model.environment_records import CondaRecord, EnvironmentRecord, PipRecord
from tui.model.locks import COMPLETE, EXPLICIT, PIP_MARK
from tui.model.yaml_text import comment, scalar

_CONDA_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_CONDA_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
# of PEP 508 and PEP 440
_PIP_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PIP_VERSION = re.compile(r"v?[0-9][A-Za-z0-9._+!-]*")
# what may follow a name in a spec: operators, brackets, quotes, globs
_SPEC = re.compile(r"(?:[A-Za-z0-9_./:@~+-]+::)?[A-Za-z0-9_][A-Za-z0-9_.-]*(?:[ =<>!~\[][ !-\"$-~]*)?")
# without quotes and braces: "${NAME}" is a variable for pip
_ADDRESS = re.compile(r"(?:[a-z0-9.]+\+)?[a-z][a-z0-9.]*://[!#-&(-;=?-\[\]_a-z~]+", re.IGNORECASE)
_PACKAGE_FILE = re.compile(r"[^#]+\.(?:conda|tar\.bz2)")
_LOCAL = re.compile(r"(?:[a-z]+\+)?file:|/|\.", re.IGNORECASE)
_ENVIRONMENT_NAME = re.compile(r"[^/:#\s]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"token|secret|passw|credential|api_?key|access_?key|private|auth", re.IGNORECASE)
# Wheels of PyTorch with a local part are only on its own index, one for each (pytorch.org, "Start locally").
_PYTORCH = frozenset({"torch", "torchvision", "torchaudio", "torchtext", "torchao"})
_PYTORCH_TAG = re.compile(r"cpu|cu\d{2,3}|rocm\d+(?:\.\d+)*|xpu")
_PYTORCH_INDEX = "https://download.pytorch.org/whl/"
# what makes an environment from a file brings it itself
_TOOLS = frozenset({"pip"})


class ExportFormat(StrEnum):
    """How much is pinned."""

    #: every package with its version
    YML = "yml"
    #: what somebody asked for
    HISTORY = "history"
    #: an address for each package
    EXPLICIT = "explicit"


@dataclass(frozen=True, slots=True)
class Export:
    """A file.

    Attributes:
        text: all of it; ends with a newline.
        file_format: how it is read.
        cannot_be_carried: what is in the environment and not in the file, or can't be had elsewhere, and why;
            foreign text is in it.
        notes: what else is worth a word: why it has another format than was asked for.
    """

    text: str = field(repr=False)
    file_format: FileFormat
    cannot_be_carried: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def export(record: EnvironmentRecord, format: ExportFormat) -> Export:
    """The file that describes an environment.

    One that conda doesn't know becomes a requirements file, whatever the format. Passwords and tokens in
    addresses, and variables that look like one, are left out.
    """
    writer = _Writer(record)
    if not record.is_of_conda:
        return writer.requirements(format)
    if format is ExportFormat.EXPLICIT:
        return writer.explicit()
    return writer.yml(is_history=format is ExportFormat.HISTORY)


class _Writer:
    """Writes one file, and collects what can't be in it."""

    def __init__(self, record: EnvironmentRecord) -> None:
        self._record = record
        self._left_out: list[str] = []
        self._notes: list[str] = []

    def yml(self, is_history: bool) -> Export:
        """`environment.yml`."""
        specs = list(self._asked_for()) if is_history else []
        if is_history and not specs:
            self._notes.append("nothing in it tells what was asked for: every package is listed")
            is_history = False
        dependencies = specs if is_history else list(self._versions())
        pip = list(self._pip_lines(only_requested=is_history))
        if pip and not any(_names_pip(each) for each in dependencies):
            # without it conda warns, and puts one there by itself
            dependencies.append("pip")
        lines = []
        name = self._record.name
        if name and name != "base":
            if _ENVIRONMENT_NAME.fullmatch(name) and name.isprintable():
                lines.append(f"name: {scalar(name)}")
            else:
                self._left_out.append(f"its name {comment(name)}: conda takes no such name")
        channels = self._channels()
        if channels:
            lines += ["channels:", *(f"  - {scalar(each)}" for each in channels)]
        lines += ["dependencies:", *(f"  - {scalar(each)}" for each in dependencies)]
        if pip:
            lines += ["  - pip:", *(f"      - {scalar(each)}" for each in pip)]
        if not dependencies and not pip:
            lines[-1] = "dependencies: []"
        variables = list(self._variables())
        if variables:
            lines += ["variables:", *(f"  {scalar(key)}: {scalar(value)}" for key, value in variables)]
        self._leave_pins_out()
        return self._export(lines, FileFormat.YML)

    def explicit(self) -> Export:
        """A lock: an address for each package, with its hash."""
        lines = []
        platforms = sorted({each.subdir for each in self._record.conda if each.subdir not in ("", "noarch")})
        if len(platforms) == 1 and _CONDA_NAME.fullmatch(platforms[0]):
            lines.append(f"# platform: {platforms[0]}")
        pip = list(self._pip_lines(only_requested=False))
        if pip:
            lines.append(f"# conda passes over lines “{PIP_MARK}”: `envtui env create` has pip install them")
        lines.append(EXPLICIT)
        # python first: what runs while it is linked may need it
        for each in sorted(self._record.conda, key=lambda each: (each.name != "python", each.name)):
            url = self._package_address(each)
            if url:
                lines.append(url)
        lines += [f"{PIP_MARK} {each}" for each in pip]
        for key, _ in self._record.variables:
            self._left_out.append(f"the variable {key}: a lock holds none")
        self._leave_pins_out()
        return self._export(lines, FileFormat.EXPLICIT)

    def requirements(self, format: ExportFormat) -> Export:
        """Lines for pip."""
        is_history = format is ExportFormat.HISTORY
        if format is ExportFormat.YML:
            self._notes.append("conda doesn't know this environment: these are lines for pip")
        elif format is ExportFormat.EXPLICIT:
            self._notes.append("an explicit lock is conda's: these are lines for pip, with every version")
        else:
            self._notes.append("conda doesn't know this environment: these are lines for pip, as asked for")
        if is_history and self._record.pip and not any(each.is_requested for each in self._record.pip):
            self._notes.append("nothing in it tells what was asked for: every package is listed")
            is_history = False
        lines = [] if is_history else [COMPLETE]
        python = self._record.python
        if python and _CONDA_VERSION.fullmatch(python):
            lines.append(f"# python {python}")
        lines += self._pip_lines(only_requested=is_history)
        return self._export(lines, FileFormat.REQUIREMENTS)

    def _export(self, lines: Iterable[str], file_format: FileFormat) -> Export:
        left_out = tuple(dict.fromkeys((*self._left_out, *self._record.problems)))
        head = [f"# not carried: {comment(each)}" for each in left_out]
        return Export(
            "".join(f"{line}\n" for line in (*head, *lines)), file_format, left_out, tuple(self._notes)
        )

    def _channels(self) -> list[str]:
        """The channels in their order, and none that the packages are not from.

        conda adds those of its own settings, `defaults` where nothing is set, to those of a file. Where no
        package came from there, "nodefaults" keeps it so: packages of both don't fit together.
        """
        told = self._record.channels or tuple(
            dict.fromkeys(word for each in self._record.conda if (word := channel_word(each.channel)))
        )
        found = []
        for each in told:
            if not each.isprintable() or not each.isascii() or " " in each:
                self._left_out.append(f"the channel {comment(each)}: this can't be a channel's address")
                continue
            if _LOCAL.match(each):
                self._left_out.append(f"the channel {each}: it is a folder of that machine")
            found.append(each)
        for record in self._record.conda:
            if without_secrets(record.channel)[1]:
                self._left_out.append(
                    f"the password in the address of the channel {channel_word(record.channel)}"
                )
        if found and "defaults" not in found:
            found.append("nodefaults")
        return found

    def _versions(self) -> Iterator[str]:
        """Every package of conda, `name==version`: with a single "=", 1.3.1 would do for 1.3.

        Its channel stands before it where that is not the first: without, the same version would come from
        whichever channel is looked at first.
        """
        first = next(iter(self._record.channels), "")
        for each in self._record.conda:
            if not _is_sound(each):
                self._left_out.append(_conda_words(each, "its record holds what can't be a name or version"))
                continue
            word = channel_word(each.channel)
            of = f"{word}::" if word and word != first and _SPEC.fullmatch(f"{word}::{each.name}") else ""
            yield f"{of}{each.name}=={each.version}"

    def _asked_for(self) -> Iterator[str]:
        """The specs of the history, or what the records say brought them in."""
        specs = self._record.history_specs or tuple(
            each.requested_spec for each in self._record.conda if each.requested_spec
        )
        for spec in specs:
            if _SPEC.fullmatch(spec) and "${" not in spec:
                yield without_secrets(spec)[0]
            else:
                self._left_out.append(f"the spec {comment(spec)}: this can't be one")

    def _package_address(self, package: CondaRecord) -> str:
        """Address and hash; "" where it can't be carried.

        md5 goes first, as conda lists it itself: conda before 24 and mamba before 2 read no other.
        """
        if not package.url:
            self._left_out.append(_conda_words(package, "its record holds no address"))
            return ""
        url, had_secret = without_secrets(package.url)
        if not _ADDRESS.fullmatch(url) or not _PACKAGE_FILE.fullmatch(url) or "@EXPLICIT" in url:
            self._left_out.append(_conda_words(package, f"its address is none: {comment(url)}"))
            return ""
        if had_secret:
            self._left_out.append(_conda_words(package, f"the password in its address {url}"))
        if _LOCAL.match(url):
            self._left_out.append(_conda_words(package, f"its address is a file of that machine: {url}"))
        if re.fullmatch(r"[0-9a-f]{32}", package.md5):
            return f"{url}#{package.md5}"
        if re.fullmatch(r"[0-9a-f]{64}", package.sha256):
            return f"{url}#sha256:{package.sha256}"
        self._left_out.append(_conda_words(package, "its record holds no hash: it can't be checked"))
        return url

    def _pip_lines(self, only_requested: bool) -> Iterator[str]:
        lines, indices = [], []
        for each in self._record.pip:
            if _plain(each.name) in _TOOLS or (only_requested and not _was_asked_for(each)):
                continue
            line = self._pip_line(each)
            if not line:
                continue
            lines.append(line)
            tag = each.version.partition("+")[2]
            if not each.url and tag:
                if _plain(each.name) in _PYTORCH and _PYTORCH_TAG.fullmatch(tag):
                    indices.append(f"--extra-index-url {_PYTORCH_INDEX}{tag}")
                else:
                    self._left_out.append(
                        f"the place that {each.name} {each.version} came from: it is in no public index"
                    )
        yield from dict.fromkeys(indices)
        yield from lines

    def _pip_line(self, package: PipRecord) -> str:
        words = f"{comment(package.name)} {comment(package.version)}"
        if not _PIP_NAME.fullmatch(package.name) or not _PIP_VERSION.fullmatch(package.version):
            self._left_out.append(f"{words}: its metadata holds what can't be a name or version")
        elif package.editable:
            self._left_out.append(f"{words}: it is read from the folder {comment(package.editable)}")
        elif package.url and _LOCAL.match(package.url):
            self._left_out.append(f"{words}: it came from a file of that machine, {comment(package.url)}")
        elif package.url:
            url, had_secret = without_secrets(package.url)
            if not _ADDRESS.fullmatch(url):
                self._left_out.append(f"{words}: its address is none: {comment(package.url)}")
                return ""
            if had_secret:
                self._left_out.append(f"{words}: the password in its address {url}")
            return f"{package.name} @ {url}"
        else:
            return f"{package.name}=={package.version}"
        return ""

    def _variables(self) -> Iterator[tuple[str, str]]:
        for key, value in self._record.variables:
            if not _VARIABLE.fullmatch(key) or "\0" in value or "\n" in value:
                self._left_out.append(f"the variable {comment(key)}: no file can hold it")
            elif _SECRET.search(key) or without_secrets(value)[1]:
                self._left_out.append(f"the variable {key}: it looks like a secret")
            else:
                yield key, value

    def _leave_pins_out(self) -> None:
        for pin in self._record.pins:
            self._left_out.append(f"the pin {comment(pin)}: it stands in conda-meta/pinned")


def _was_asked_for(package: PipRecord) -> bool:
    """Where nothing says so, somebody may have."""
    return package.is_requested is not False and _plain(package.name) not in _TOOLS


def _is_sound(package: CondaRecord) -> bool:
    return bool(_CONDA_NAME.fullmatch(package.name) and _CONDA_VERSION.fullmatch(package.version))


def _conda_words(package: CondaRecord, why: str) -> str:
    return f"{comment(package.name)} {comment(package.version)}: {why}"


def _names_pip(spec: str) -> bool:
    return bool(re.match(r"(?:\S*::)?pip(?![A-Za-z0-9_.-])", spec))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
