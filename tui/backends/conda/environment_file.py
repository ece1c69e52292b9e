"""Reads an `environment.yml` without making anything of it: every value stays text, and keeps its line."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from tui.backends.conda.requirements import parse_conda, parse_pip
from tui.model.environment_files import EnvironmentFile, Requirement
from tui.model.errors import FileFault

# An environment of 500 packages with builds is a file of 20 kB; the YAML reader takes a second for 100 kB.
_MOST_CHARACTERS = 1 << 19
# the format has 4
_MOST_DEPTH = 24
# with aliases, a short file can be a long one
_MOST_ENTRIES = 20_000


def read_environment_file(text: str, name: str = "") -> EnvironmentFile:
    """What the file says.

    What is merely wrong in it is for the check to tell; here it is only taken apart.

    Args:
        text: all of it.
        name: of the file, for errors.

    Raises:
        FileFault: it is no YAML, or has another form than an environment's file; names line, what is found
            there and what is expected.
    """
    return _Reader(name).read(text)


class _Reader:
    """Reads one file; knows its name for errors."""

    def __init__(self, name: str) -> None:
        self._name = name or "environment.yml"
        self._entries = 0

    def read(self, text: str) -> EnvironmentFile:
        if len(text) > _MOST_CHARACTERS:
            raise self._fault(0, f"it has {len(text)} characters", f"at most {_MOST_CHARACTERS}")
        try:
            root = _composed(text)
        except yaml.reader.ReaderError as error:
            raise self._unreadable(text, error) from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            words = error.problem or error.context or "something else"
            if error.problem and error.context:
                words = f"{error.problem} {error.context}"
            raise self._fault(mark.line + 1 if mark else 0, words, "YAML") from error
        except (ValueError, OverflowError) as error:
            # PyYAML's own words for an escape or a version that is a number beyond all bounds
            raise self._fault(0, f"{error}", "YAML") from error
        return self._file(root, text)

    def _file(self, root: yaml.Node | None, text: str) -> EnvironmentFile:
        lines = tuple(text.splitlines(keepends=True))
        if root is None or _is_null(root):
            return EnvironmentFile(lines=lines)
        keys = self._mapping(root)
        dependencies, pip, pip_line = self._dependencies(keys.get("dependencies"))
        prefix = keys.get("prefix")
        section = keys.get("dependencies")
        return EnvironmentFile(
            name=self._text(keys.get("name")),
            prefix=self._text(prefix),
            channels=self._channels(keys.get("channels")),
            dependencies=dependencies,
            pip=pip,
            pip_line=pip_line,
            variables=self._variables(keys.get("variables")),
            lines=lines,
            prefix_line=_line(prefix[0]) if prefix else 0,
            dependencies_line=_line(section[0]) if section else 0,
        )

    def _channels(self, entry: tuple[yaml.Node, yaml.Node] | None) -> tuple[tuple[str, int], ...]:
        if entry is None or _is_null(entry[1]):
            return ()
        if _is_text(entry[1]):
            return ((self._text(entry), _line(entry[1])),)
        return tuple((self._scalar(each), _line(each)) for each in self._items(entry[1]))

    def _dependencies(
        self, entry: tuple[yaml.Node, yaml.Node] | None
    ) -> tuple[tuple[Requirement, ...], tuple[Requirement, ...] | None, int]:
        if entry is None or _is_null(entry[1]):
            return (), None, 0
        conda: list[Requirement] = []
        pip: list[Requirement] | None = None
        pip_line = 0
        for each in self._items(entry[1]):
            if _is_text(each):
                conda.append(_conda(each))
                continue
            for key, (key_node, value) in self._mapping(each).items():
                if key != "pip":
                    written = f"{key}: {value.value}" if _is_text(value) else f"{key}:"
                    conda.append(Requirement(written, "", line=_line(key_node)))
                    continue
                pip = [] if pip is None else pip
                pip_line = pip_line or _line(key_node)
                if not _is_null(value):
                    pip += [parse_pip(self._scalar(line), _line(line)) for line in self._items(value)]
        return tuple(conda), None if pip is None else tuple(pip), pip_line

    def _variables(self, entry: tuple[yaml.Node, yaml.Node] | None) -> tuple[tuple[str, str], ...]:
        if entry is None or _is_null(entry[1]):
            return ()
        return tuple((key, self._text(each)) for key, each in self._mapping(entry[1]).items())

    # -- nodes

    def _mapping(self, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Key and value by the key's text."""
        if not isinstance(node, yaml.MappingNode):
            raise self._fault(_line(node), f"found {_words(node)}", "a mapping (“key: value”)")
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            self._count(key)
            text = self._scalar(key)
            if text in found:
                first = _line(found[text][0])
                raise self._fault(
                    _line(key), f"“{text}” stands a second time", f"it once (line {first} has it already)"
                )
            found[text] = (key, value)
        return found

    def _items(self, node: yaml.Node) -> Iterator[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._fault(_line(node), f"found {_words(node)}", "a list (lines that begin with “- ”)")
        for each in node.value:
            self._count(each)
            yield each

    def _text(self, entry: tuple[yaml.Node, yaml.Node] | None) -> str:
        return "" if entry is None or _is_null(entry[1]) else self._scalar(entry[1])

    def _scalar(self, node: yaml.Node) -> str:
        if not _is_text(node):
            raise self._fault(_line(node), f"found {_words(node)}", "a text")
        value: str = node.value
        if any("\ud800" <= each <= "\udfff" for each in value):
            raise self._fault(_line(node), "found half a character", "text")
        return value

    def _count(self, node: yaml.Node) -> None:
        self._entries += 1
        if self._entries > _MOST_ENTRIES:
            raise self._fault(_line(node), "there are more entries", f"at most {_MOST_ENTRIES}")

    # -- errors

    def _unreadable(self, text: str, error: yaml.reader.ReaderError) -> FileFault:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        return self._fault(line, f"found the control character U+{code:04X}", "printable text")

    def _fault(self, line: int, found: str, expected: str) -> FileFault:
        place = f"{self._name}, line {line}" if line else self._name
        return FileFault(place, f"{found}, expected {expected}", line=line)


class _Loader(yaml.SafeLoader):
    """Composes nodes and goes down only so far; no object is ever made from one."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self._depth >= _MOST_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "it goes deeper than any environment's", mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _composed(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        root: yaml.Node | None = loader.get_single_node()
        return root
    finally:
        loader.dispose()


def _conda(node: yaml.Node) -> Requirement:
    """A dependency of conda; what YAML takes for a number, a date or nothing is none."""
    text: str = node.value
    if node.tag != "tag:yaml.org,2002:str":
        return Requirement(text, "", line=_line(node))
    return parse_conda(text, _line(node))


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1


def _is_text(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _words(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "a text"
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"
