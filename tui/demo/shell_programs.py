"""The programs of a make-believe shell: what each prints, and how it ends."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tui.demo.environment_catalogue import Made
from tui.demo.gpu_catalogue import NAME
from tui.demo.gpu_figures import gpu_uuid
from tui.demo.life import DemoContainer
from tui.demo.prefixes import DemoPrefix
from tui.model.environments import Environment, Package

#: What shells say for a program that is not there.
NOT_FOUND = 127
_WORKSPACE = "/workspace"
_IN_WORKSPACE = ("checkpoints", "configs", "data", "runs", "train.py")
_BASE_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# As many as tell what it looks like.
_SHOWN_PACKAGES = 15
_IMPORTS = re.compile(r"\s*import ([\w.]+(?:\s*,\s*[\w.]+)*)\s*[;\n]\s*(.+?)\s*", re.DOTALL)
_PRINT, _LEAVE = re.compile(r"print\((.+)\)"), re.compile(r"(?:sys\.)?exit\((\d*)\)")
_HELP = """\
A make-believe shell. It knows: help, python --version, python -c "import torch; print(torch.__version__)",
which python, conda env list, pip list, nvidia-smi -L, ls, pwd, cd, whoami, id, hostname, echo, printf, env,
cat, stty size, tty, sh -c LINE, true, false, exit [N]
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program printed, and how it ended.

    Attributes:
        ends_shell: it was the shell's own `exit`.
        takes_input: it prints what it is sent, until the end of that.
    """

    out: str = ""
    err: str = ""
    status: int = 0
    ends_shell: bool = False
    takes_input: bool = False


@dataclass(slots=True)
class Programs:
    """The programs of one container, as one user with one environment finds them.

    Attributes:
        prefixes: the container's environments, as they are now.
        has_terminal: they are started on one.
        folder: where the shell is.
        columns, rows: of the terminal.
    """

    made: DemoContainer
    environment: Environment | None
    user: str
    seed: int
    prefixes: Callable[[], Mapping[str, DemoPrefix]]
    has_terminal: bool = False
    folder: str = _WORKSPACE
    columns: int = 80
    rows: int = 24
    _known: Mapping[str, Callable[[Sequence[str]], Answer]] = field(init=False)

    def __post_init__(self) -> None:
        """Hang each program on its name."""
        self._known = {
            "help": lambda _: Answer(_HELP),
            "true": lambda _: Answer(),
            "false": lambda _: Answer(status=1),
            "pwd": lambda _: Answer(f"{self.folder}\n"),
            "whoami": lambda _: Answer(f"{self.user}\n"),
            "hostname": lambda _: Answer(f"{self.made.id[:12]}\n"),
            "echo": lambda words: Answer(" ".join(words) + "\n"),
            "env": lambda _: Answer("".join(f"{name}={value}\n" for name, value in self.variables.items())),
            "cat": lambda _: Answer(takes_input=True),
            "id": self._id,
            "tty": self._tty,
            "stty": self._stty,
            "printf": _printf,
            "ls": self._ls,
            "cd": self._cd,
            "exit": _exit,
            "which": self._which,
            "python": self._python,
            "python3": self._python,
            "pip": self._pip,
            "conda": self._conda,
            "mamba": self._conda,
            "nvidia-smi": self._nvidia_smi,
        }

    @property
    def python(self) -> str:
        """Path of the Python that is found first; "" for none."""
        prefix = self.environment.prefix if self.environment else self._first.prefix if self._first else ""
        return f"{prefix}/bin/python" if prefix else ""

    @property
    def home(self) -> str:
        """The user's own folder."""
        return "/root" if self.user == "root" else f"/home/{self.user}"

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables."""
        told = dict(line.partition("=")[::2] for line in self.made.blueprint.environment)
        path = list(_BASE_PATH)
        if self._first is not None and self._first.prefix != "/usr":
            path.insert(0, f"{self._first.prefix}/bin")
        if self.environment is not None and f"{self.environment.prefix}/bin" not in path:
            path.insert(0, f"{self.environment.prefix}/bin")
        told |= {"HOME": self.home, "USER": self.user, "PATH": ":".join(path), "PWD": self.folder}
        if self.environment is not None:
            if self.environment.root_prefix:
                told["CONDA_DEFAULT_ENV"] = self.environment.label
                told["CONDA_PREFIX"] = self.environment.prefix
            elif self.environment.prefix != "/usr":
                told["VIRTUAL_ENV"] = self.environment.prefix
        return told

    def run(self, words: Sequence[str]) -> Answer:
        """Run a program with its arguments."""
        if not words:
            return Answer()
        name = posixpath.basename(words[0])
        if name in ("sh", "bash") and len(words) > 2 and words[1] in ("-c", "-lc"):
            return self.run_line(words[2])
        known = self._known.get(name)
        if known is None or (name.startswith("python") and not self.python):
            return Answer(err=f"bash: {words[0]}: command not found\n", status=NOT_FOUND)
        return known(list(words[1:]))

    def run_line(self, line: str, last_status: int = 0) -> Answer:
        """Run what somebody typed: one program, with quotes and variables as shells have them."""
        words = split(line, {**self.variables, "?": str(last_status)})
        if words is None:
            return Answer(err="bash: unexpected EOF while looking for matching quote\n", status=2)
        if not words:
            return Answer(status=last_status)
        if words == ["exit"]:
            return Answer(status=last_status, ends_shell=True)
        return self.run(words)

    @property
    def _all(self) -> Sequence[Made]:
        return [each.made for each in self.prefixes().values()]

    @property
    def _first(self) -> Made | None:
        return next(iter(self._all), None)

    @property
    def _active(self) -> Made | None:
        wanted = self.environment.prefix if self.environment else None
        return next((each for each in self._all if each.prefix == wanted), self._first)

    @property
    def _packages(self) -> Sequence[Package]:
        return self.prefixes()[self._active.prefix].packages if self._active else ()

    def _id(self, words: Sequence[str]) -> Answer:
        number = "0" if self.user == "root" else self.user if self.user.isdigit() else "1000"
        return Answer(f"{number}\n" if words == ["-u"] else f"uid={number}({self.user})\n")

    def _tty(self, words: Sequence[str]) -> Answer:
        return Answer("/dev/pts/1\n") if self.has_terminal else Answer("not a tty\n", status=1)

    def _stty(self, words: Sequence[str]) -> Answer:
        if not self.has_terminal:
            return Answer(err="stty: 'standard input': Inappropriate ioctl for device\n", status=1)
        return Answer(f"{self.rows} {self.columns}\n")

    def _ls(self, words: Sequence[str]) -> Answer:
        names = _IN_WORKSPACE if self.folder == _WORKSPACE else ()
        return Answer(("  " if self.has_terminal else "\n").join(names) + "\n" if names else "")

    def _cd(self, words: Sequence[str]) -> Answer:
        wanted = words[0] if words else self.home
        target = posixpath.normpath(posixpath.join(self.folder, wanted))
        if target not in {"/", _WORKSPACE, self.home, *(each.prefix for each in self._all)}:
            return Answer(err=f"bash: cd: {wanted}: No such file or directory\n", status=1)
        self.folder = target
        return Answer()

    def _which(self, words: Sequence[str]) -> Answer:
        places = [self._place(name) for name in words]
        return Answer("".join(f"{place}\n" for place in places if place), status=0 if all(places) else 1)

    def _place(self, name: str) -> str:
        if name in ("python", "python3", "pip") and self.python:
            return posixpath.join(posixpath.dirname(self.python), name)
        if name in ("conda", "mamba"):
            return (self._first.manager or "") if self._first else ""
        return f"/usr/bin/{name}" if name in self._known else ""

    def _python(self, words: Sequence[str]) -> Answer:
        version = (self._active.python if self._active else "").rstrip("t")
        if words[:1] in (["--version"], ["-V"]):
            return Answer(f"Python {version}\n")
        if len(words) == 2 and words[0] == "-c" and (parts := _IMPORTS.fullmatch(words[1])):
            return self._evaluate(re.split(r"\s*,\s*", parts[1]), parts[2], version)
        return Answer(err="python: this make-believe one only imports and prints\n", status=1)

    def _evaluate(self, modules: Sequence[str], code: str, version: str) -> Answer:
        versions = {each.name.replace("-", "_"): each.version for each in self._packages}
        torch = self._active.torch if self._active else None
        values = {f"{name}.__version__": found for name, found in versions.items()}
        values |= {"sys.prefix": posixpath.dirname(posixpath.dirname(self.python)), "sys.version": version}
        values |= {"sys.executable": self.python, "torch.__version__": torch or ""}
        if torch and self._active:
            build, gpus = self._active.cuda_build or "cpu", len(self.made.blueprint.gpus)
            values["torch.version.cuda"] = "None" if build == "cpu" else build
            values["torch.cuda.is_available()"] = str(build != "cpu" and gpus > 0)
            values["torch.cuda.device_count()"] = str(gpus if build != "cpu" else 0)
        for module in modules:
            if module != "sys" and module not in versions and not (module == "torch" and torch):
                missing = f"ModuleNotFoundError: No module named '{module}'\n"
                return Answer(err=f"Traceback (most recent call last):\n{missing}", status=1)
        if leave := _LEAVE.fullmatch(code):
            return Answer(status=int(leave[1] or 0) & 0xFF)
        shown = _PRINT.fullmatch(code)
        if shown is None or shown[1] not in values:
            return Answer(err="python: this make-believe one does not know that\n", status=1)
        return Answer(f"{values[shown[1]]}\n")

    def _pip(self, words: Sequence[str]) -> Answer:
        if list(words[:1]) != ["list"]:
            return Answer(err="pip: this make-believe one only lists\n", status=1)
        found = [each for each in self._packages if each.owner == "pip"][:_SHOWN_PACKAGES]
        return Answer(_table([("Package", "Version"), *((each.name, each.version) for each in found)]))

    def _conda(self, words: Sequence[str]) -> Answer:
        if not self._place("conda"):
            return Answer(err="bash: conda: command not found\n", status=NOT_FOUND)
        if list(words[:2]) not in (["env", "list"], ["info", "--envs"]):
            return Answer(err="conda: this make-believe one only lists environments\n", status=1)
        active = self._active.prefix if self._active else ""
        rows = [
            (each.name, "*" if each.prefix == active else " ", each.prefix)
            for each in self._all
            if each.root_prefix
        ]
        return Answer("# conda environments:\n#\n" + _table(rows))

    def _nvidia_smi(self, words: Sequence[str]) -> Answer:
        gpus = self.made.blueprint.gpus
        if not gpus:
            return Answer(err="bash: nvidia-smi: command not found\n", status=NOT_FOUND)
        lines = [f"GPU {at}: {NAME} (UUID: {gpu_uuid(self.seed, index)})" for at, index in enumerate(gpus)]
        return Answer("".join(f"{line}\n" for line in lines))


def split(line: str, variables: Mapping[str, str]) -> list[str] | None:
    """The words of a line after a shell's rules for quotes and `$NAME`; None for a quote that stays open."""
    words: list[str] = []
    word: str | None = None
    pattern = re.compile(
        r"(?P<blank>\s+)|'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\"|\\(?P<escaped>.)|(?P<plain>[^\s'\"\\]+)"
    )
    at = 0
    while at < len(line):
        found = pattern.match(line, at)
        if found is None:
            return None
        at = found.end()
        if found["blank"]:
            if word is not None:
                words.append(word)
            word = None
            continue
        kind = found.lastgroup or ""
        text = found[kind]
        if kind == "double":
            text = re.sub(r"\\([\"\\$`])", r"\1", _expanded(text, variables))
        elif kind == "plain":
            text = _expanded(text, variables)
        word = (word or "") + text
    if word is not None:
        words.append(word)
    return words


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(
        r"(?<!\\)\$(?:\{(\w+)\}|(\w+|\?))", lambda name: variables.get(name[1] or name[2], ""), text
    )


def _printf(words: Sequence[str]) -> Answer:
    """With `%s` and the usual escapes, as often as there are arguments."""
    if not words:
        return Answer(err="printf: usage: printf format [arguments]\n", status=2)
    form, rest = words[0].replace("\\n", "\n").replace("\\t", "\t"), list(words[1:])
    slots = form.count("%s")
    printed = ""
    while True:
        for piece in re.split("(%s)", form):
            printed += (rest.pop(0) if rest else "") if piece == "%s" else piece
        if not rest or not slots:
            return Answer(printed)


def _exit(words: Sequence[str]) -> Answer:
    if words and not words[0].isdecimal():
        return Answer(err=f"bash: exit: {words[0]}: numeric argument required\n", status=2, ends_shell=True)
    return Answer(status=int(words[0]) & 0xFF if words else 0, ends_shell=True)


def _table(rows: Iterable[Sequence[str]]) -> str:
    rows = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in rows
    )
