"""What the user may choose: a YAML file and ENVTUI_* variables, checked, as one frozen object."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tui import paths
from tui.model.errors import SettingsError

if TYPE_CHECKING:
    from yaml import MappingNode, Node

DEFAULT_THEME = "textual-dark"
#: How often figures are read. Below half a second reading them costs more than it tells.
STATS_SECONDS, LEAST_STATS_SECONDS, MOST_STATS_SECONDS = 1.0, 0.5, 60.0

# PyYAML needs seconds for each MiB, and no settings file comes near it.
_MOST_BYTES = 1 << 20
# enough to recognise a value by, short enough for one line on stderr
_SHOWN_CHARACTERS = 60
# more names than this are a page, not a hint
_MOST_NAMED = 12

_DRIVER = re.compile(r"[0-9]{3,4}(\.[0-9]{1,4}){0,3}")
_CAPABILITY = re.compile(r"[0-9]{1,2}\.[0-9]")
_SWITCH_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_SWITCH_EXPECTED = "1, true, yes, 0, false or no"
_SECONDS_EXPECTED = f"a number of seconds from {LEAST_STATS_SECONDS:g} to {MOST_STATS_SECONDS:g}"
_KEYS_EXPECTED = 'a key, several in one text ("s,ctrl+x"), or a list of keys; the comma key is called comma'
_DRIVER_EXPECTED = "a driver's version, such as 550.54.15"
_PATTERNS_EXPECTED = 'a list of texts, such as ["*-prod", "registry/base:*"]'
_CAPABILITIES_EXPECTED = "a list of compute capabilities, one for each GPU, such as [8.0, 9.0]"
_OPTIONS = ("host", "read_only", "theme", "stats_seconds", "keys", "gpu", "environments", "disk")
_ENVIRONMENT_OPTIONS = ("allow_base",)
_DISK_OPTIONS = ("protect_labels", "protect_names", "owner_labels", "owner")
_GPU_OPTIONS = ("driver_version", "compute_capabilities")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class GpuSettings:
    """What the machine can't tell of its GPUs by itself.

    Attributes:
        driver_version: of NVIDIA's driver; it goes before what the machine says.
        compute_capabilities: one for each GPU, such as "9.0".
    """

    driver_version: str | None = None
    compute_capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """What may be done to environments.

    Attributes:
        allow_base: packages of `base` may be changed; it is never removed.
    """

    allow_base: bool = False


@dataclass(frozen=True, slots=True)
class DiskSettings:
    """What is never removed from the disk, whatever is marked.

    Attributes:
        protect_labels: `key` or `key=value`, each a shell pattern: containers, images, volumes and networks
            that have such a label.
        protect_names: shell patterns of names, for images of `repository:tag`.
        owner_labels: keys of labels that say whose a thing is.
        owner: whose things are ours; "" for this user's login name.
    """

    protect_labels: tuple[str, ...] = ()
    protect_names: tuple[str, ...] = ()
    owner_labels: tuple[str, ...] = ("envtui.owner", "owner")
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings.

    Attributes:
        host: engine URL or docker context, None for the one that the surroundings name.
        read_only: nothing may be changed.
        theme: a Textual theme's name; whether it exists is for the window to say, through `mistake`.
        stats_seconds: how often figures are read.
        keys: keys by action id, for actions whose default keys are replaced; none takes them away.
        gpu: what verdicts on environments rest on where the machine does not tell it.
        environments: what may be done to them.
        disk: what is never removed.
        places: where each option was set, "file:line" or the variable, by dotted option.
    """

    host: str | None = None
    read_only: bool = False
    theme: str = DEFAULT_THEME
    stats_seconds: float = STATS_SECONDS
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gpu: GpuSettings = GpuSettings()
    environments: EnvironmentSettings = EnvironmentSettings()
    disk: DiskSettings = DiskSettings()
    places: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def where(self, option: str) -> str:
        """Where an option was set: `where("keys.container.stop")` is "file:line"; "default" if nowhere."""
        return self.places.get(option, "default")

    def mistake(self, option: str, found: str, expected: str) -> SettingsError:
        """The error for an option that turns out wrong only where it is used."""
        return _mistake(self.where(option), option, f"found {_shown(found)}", expected)


def check_action_ids(settings: Settings, known: Collection[str]) -> None:
    """Make sure that every action id under `keys` is one of `known`.

    Raises:
        SettingsError: one is not; names the nearest.
    """
    for action_id in settings.keys:
        if action_id not in known:
            option = f"keys.{action_id}"
            raise _mistake(
                settings.where(option), option, "no action has this id", _nearest(action_id, known)
            )


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of the file, with variables over them; an empty variable counts as not set.

    Args:
        path: a file that was named and so must exist; None for the default one, which may be missing.
        environ: for ENVTUI_HOST, ENVTUI_READ_ONLY, ENVTUI_THEME, ENVTUI_STATS_SECONDS, and where the
            default file is.

    Raises:
        SettingsError: a mistake, with file and line or variable, key, what was found and expected.
    """
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    file = path or paths.settings_file(environ)
    text = _read(file, must_exist=path is not None)
    if text:
        _FileReader(file, values, places).read(text)
    _read_variables(environ, values, places)
    return Settings(**values, places=places)


def _read(file: Path, must_exist: bool) -> str:
    """The text of the file; "" where it may be missing and is."""
    shown = _plain(str(file))
    try:
        with open(file, "rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        if not must_exist and _is_missing(file):
            return ""
        expected = "a readable YAML file" if must_exist else "a readable YAML file, or none"
        raise SettingsError(f"Settings file {shown}", _reason(error), f"Expected {expected}") from error
    if len(content) > _MOST_BYTES:
        raise SettingsError(
            f"Settings file {shown}",
            f"it is larger than {_MOST_BYTES >> 20} MiB, which would take seconds to read at each start",
            "Expected a settings file of a few lines: is this the right one?",
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"found byte 0x{content[error.start]:02x}, which is not UTF-8"
        raise SettingsError(f"{shown}:{line}", found, "Expected text in UTF-8") from error


def _is_missing(file: Path) -> bool:
    """It is not there, or lies where this user can't look, so that it can't be this user's."""
    try:
        os.stat(file)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return True
    except OSError:
        return False
    return False


def _reason(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "found a folder"
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    return f"it can't be read: {error.strerror or error}"


class _FileReader:
    """Reads options from YAML nodes by hand: nothing is constructed, so that no tag or alias can do harm."""

    def __init__(self, file: Path, values: dict[str, Any], places: dict[str, str]) -> None:
        self._file = _plain(str(file))
        self._values = values
        self._places = places

    def read(self, text: str) -> None:
        root = self._compose(text)
        if root is None or _is_null(root):
            return
        readers: dict[str, Callable[[str, Node], Any]] = {
            "host": self._host,
            "read_only": self._switch,
            "theme": self._text,
            "stats_seconds": self._seconds,
            "keys": self._keys,
            "gpu": self._gpu,
            "environments": self._environments,
            "disk": self._disk,
        }
        for name, node in self._entries(root, "", f"a mapping of options ({', '.join(_OPTIONS)})").items():
            if name not in readers:
                self._fail(self._places[name], name, "there is no such option", _nearest(name, _OPTIONS))
            self._values[name] = readers[name](name, node)

    def _compose(self, text: str) -> Node | None:
        import yaml

        try:
            node: Node | None = yaml.compose(text, yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            problem = ", ".join(part for part in (error.problem, error.context) if part)
            raise self._syntax(line, problem) from error
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise self._syntax(line, f"a control character (U+{ord(text[error.position]):04X})") from error
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            problem = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise self._syntax(1, problem) from error
        return node

    def _syntax(self, line: int, problem: str) -> SettingsError:
        expected = "Expected YAML, such as “theme: nord”"
        return SettingsError(f"{self._file}:{line}", f"not valid YAML: {_plain(problem)}", expected)

    def _entries(self, node: Node, option: str, expected: str) -> dict[str, Node]:
        """The entries of a mapping, with their places noted."""
        import yaml

        if not isinstance(node, yaml.MappingNode) or node.tag != f"{_TAG}map":
            self._fail_at(node, option or "the file", expected)
        entries: dict[str, Node] = {}
        for key, value in self._pairs(node):
            if not isinstance(key, yaml.ScalarNode):
                self._fail_at(key, option or "the file", "a name before the colon")
            name = f"{option}.{key.value}" if option else key.value
            if key.value in entries:
                first = self._places[name]
                self._fail(self._place(key), name, f"it is set twice, first at {first}", "each option once")
            self._places[name] = self._place(key)
            entries[key.value] = value
        return entries

    @staticmethod
    def _pairs(node: MappingNode) -> list[tuple[Node, Node]]:
        pairs: list[tuple[Node, Node]] = node.value
        return pairs

    def _host(self, option: str, node: Node) -> str | None:
        return None if _is_null(node) else self._text(option, node)

    def _text(self, option: str, node: Node) -> str:
        import yaml

        if not isinstance(node, yaml.ScalarNode) or node.tag != f"{_TAG}str" or not _is_text(node.value):
            self._fail_at(node, option, "a text on one line")
        return str(node.value).strip()

    def _switch(self, option: str, node: Node) -> bool:
        import yaml

        if not isinstance(node, yaml.ScalarNode) or node.tag != f"{_TAG}bool":
            self._fail_at(node, option, "true or false")
        # the words that YAML 1.1 takes for true
        return node.value.lower() in ("true", "yes", "on")

    def _seconds(self, option: str, node: Node) -> float:
        import yaml

        is_number = isinstance(node, yaml.ScalarNode) and node.tag in (f"{_TAG}int", f"{_TAG}float")
        seconds = _seconds(str(node.value).replace("_", "")) if is_number else None
        if seconds is None:
            self._fail_at(node, option, _SECONDS_EXPECTED)
        return seconds

    def _keys(self, option: str, node: Node) -> dict[str, tuple[str, ...]]:
        entries = self._entries(node, option, "a mapping from action ids to keys")
        return {
            action_id: self._key_names(f"{option}.{action_id}", keys) for action_id, keys in entries.items()
        }

    def _known_entries(self, option: str, node: Node, known: Collection[str]) -> dict[str, Node]:
        entries = self._entries(node, option, f"a mapping of options ({', '.join(known)})")
        for name in entries:
            if name not in known:
                dotted = f"{option}.{name}"
                self._fail(self._places[dotted], dotted, "there is no such option", _nearest(name, known))
        return entries

    def _environments(self, option: str, node: Node) -> EnvironmentSettings:
        entries = self._known_entries(option, node, _ENVIRONMENT_OPTIONS)
        return EnvironmentSettings(
            **{name: self._switch(f"{option}.{name}", value) for name, value in entries.items()}
        )

    def _disk(self, option: str, node: Node) -> DiskSettings:
        entries = self._known_entries(option, node, _DISK_OPTIONS)
        values: dict[str, Any] = {
            name: self._patterns(f"{option}.{name}", value)
            for name, value in entries.items()
            if name != "owner"
        }
        if "owner" in entries:
            values["owner"] = self._text(f"{option}.owner", entries["owner"])
        return DiskSettings(**values)

    def _patterns(self, option: str, node: Node) -> tuple[str, ...]:
        """A list of texts; a number needs no quotes, although YAML does not take it for a text."""
        import yaml

        if not isinstance(node, yaml.SequenceNode) or node.tag != f"{_TAG}seq":
            self._fail_at(node, option, _PATTERNS_EXPECTED)
        for each in node.value:
            if not isinstance(each, yaml.ScalarNode) or _is_null(each) or not _is_text(each.value):
                self._fail(self._place(each), option, f"found {_kind(each)}", _PATTERNS_EXPECTED)
        return tuple(dict.fromkeys(str(each.value).strip() for each in node.value))

    def _gpu(self, option: str, node: Node) -> GpuSettings:
        entries = self._known_entries(option, node, _GPU_OPTIONS)
        driver = entries.get("driver_version")
        listed = entries.get("compute_capabilities")
        return GpuSettings(
            self._matching(f"{option}.driver_version", driver, _DRIVER, _DRIVER_EXPECTED) if driver else None,
            self._capabilities(f"{option}.compute_capabilities", listed) if listed else (),
        )

    def _capabilities(self, option: str, node: Node) -> tuple[str, ...]:
        import yaml

        if not isinstance(node, yaml.SequenceNode) or node.tag != f"{_TAG}seq":
            self._fail_at(node, option, _CAPABILITIES_EXPECTED)
        return tuple(self._matching(option, each, _CAPABILITY, _CAPABILITIES_EXPECTED) for each in node.value)

    def _matching(self, option: str, node: Node, pattern: re.Pattern[str], expected: str) -> str:
        """A version; it needs no quotes, although YAML takes 550.54 and 9.0 for numbers."""
        import yaml

        kinds = (f"{_TAG}str", f"{_TAG}float", f"{_TAG}int")
        is_scalar = isinstance(node, yaml.ScalarNode) and node.tag in kinds
        if not is_scalar or not pattern.fullmatch(str(node.value)):
            self._fail_at(node, option, expected)
        return str(node.value)

    def _key_names(self, option: str, node: Node) -> tuple[str, ...]:
        import yaml

        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            names = [self._key_text(option, item).strip() for item in node.value]
        else:
            names = [name.strip() for name in self._key_text(option, node).split(",")]
        for name in names:
            if not name or not name.isprintable() or " " in name:
                self._fail_at(node, option, _KEYS_EXPECTED)
        return tuple(dict.fromkeys(names))

    def _key_text(self, option: str, node: Node) -> str:
        """The text of a scalar; a digit needs no quotes, although YAML takes it for a number."""
        import yaml

        if not isinstance(node, yaml.ScalarNode) or node.tag not in (f"{_TAG}str", f"{_TAG}int"):
            self._fail_at(node, option, _KEYS_EXPECTED)
        return str(node.value)

    def _place(self, node: Node) -> str:
        return f"{self._file}:{node.start_mark.line + 1}"

    def _fail_at(self, node: Node, option: str, expected: str) -> NoReturn:
        """Fail for the value of a node."""
        self._fail(self._places.get(option) or self._place(node), option, f"found {_kind(node)}", expected)

    @staticmethod
    def _fail(place: str, option: str, problem: str, expected: str) -> NoReturn:
        raise _mistake(place, option, problem, expected)


def _read_variables(environ: Mapping[str, str], values: dict[str, Any], places: dict[str, str]) -> None:
    readers: dict[str, tuple[Callable[[str], Any], str]] = {
        "host": (_variable_text, "a text on one line"),
        "read_only": (lambda text: _SWITCH_WORDS.get(text.strip().lower()), _SWITCH_EXPECTED),
        "theme": (_variable_text, "a text on one line"),
        "stats_seconds": (_seconds, _SECONDS_EXPECTED),
    }
    variables = {f"ENVTUI_{option.upper()}": option for option in readers}
    for variable in sorted(environ):
        if not variable.startswith("ENVTUI_") or not environ[variable]:
            continue
        if variable not in variables:
            _refuse_misspelling(variable, variables)
            continue
        option = variables[variable]
        reader, expected = readers[option]
        value = reader(environ[variable])
        if value is None:
            found = f"found {_shown(environ[variable])}"
            raise SettingsError(f"Environment variable {variable}", found, f"Expected {expected}")
        values[option], places[option] = value, variable


def _refuse_misspelling(variable: str, known: Collection[str]) -> None:
    """ENVTUI_READONLY=1 must not pass for read-only; a name that is like none of ours is not our business."""
    import difflib

    # 0.85 takes a letter or an underscore too many or too few, not another word
    near = difflib.get_close_matches(variable, known, n=1, cutoff=0.85)
    if near:
        raise SettingsError(
            f"Environment variable {_plain(variable)}", "there is no such variable", f"Expected {near[0]}"
        )


def _variable_text(text: str) -> str | None:
    return text.strip() if _is_text(text) else None


def _is_text(text: str) -> bool:
    """Something on one line that a terminal would not obey."""
    return bool(text.strip()) and text.isprintable()


def _seconds(text: str) -> float | None:
    """A number of seconds within the limits; NaN and infinity are outside."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if LEAST_STATS_SECONDS <= seconds <= MOST_STATS_SECONDS else None


def _is_null(node: Node) -> bool:
    return bool(node.tag == f"{_TAG}null")


def _kind(node: Node) -> str:
    """What a node is, in words: `"abc" (a text)`."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    kind = node.tag.removeprefix(_TAG)
    words = {
        "str": "a text",
        "int": "a number",
        "float": "a number",
        "bool": "a boolean",
        "null": "nothing",
    }
    if kind == "null":
        return "nothing"
    return f"{_shown(node.value)} ({words.get(kind, f'tagged {_shown(kind)}')})"


def _mistake(place: str, option: str, problem: str, expected: str) -> SettingsError:
    shown = _plain(option if len(option) <= _SHOWN_CHARACTERS else f"{option[:_SHOWN_CHARACTERS]}…")
    return SettingsError(f"{place}: {shown}", problem, f"Expected {expected}" if expected else "")


def _nearest(word: str, known: Collection[str]) -> str:
    """The nearest of the known words, or all of them where none is near and they fit a line."""
    import difflib

    # what is longer than this is no misspelling, and comparing takes its length squared
    near = difflib.get_close_matches(word, known, n=1) if len(word) <= _SHOWN_CHARACTERS else []
    if near:
        return near[0]
    return f"one of {', '.join(sorted(known))}" if len(known) <= _MOST_NAMED else ""


def _shown(text: str) -> str:
    """A value in quotes, cut short."""
    return f"“{_plain(text[:_SHOWN_CHARACTERS])}{'…' if len(text) > _SHOWN_CHARACTERS else ''}”"


def _plain(text: str) -> str:
    """Text on one line, with what a terminal would obey written out."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
