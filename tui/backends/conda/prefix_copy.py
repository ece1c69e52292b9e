"""Carries one prefix from a container into another, at the same path, through the engine's archives."""

from __future__ import annotations

import posixpath
import re
import threading
from collections.abc import Callable

from tui.backends.deadline import QUESTION_SECONDS, Deadline
from tui.backends.docker import exec as execs
from tui.backends.docker.archive import ContainerFiles, explained
from tui.backends.docker.carrying import Cancelled, carry
from tui.backends.docker.exec import CANNOT_RUN, NOT_FOUND, ExecResult
from tui.backends.docker.http import EngineHttp
from tui.model.containers import Container, ContainerState
from tui.model.errors import (
    ChangeCancelled,
    ChangeFailed,
    ChangeRefused,
    EngineError,
    EngineRefused,
    EnvtuiError,
    NoSuchContainer,
)

# Whoever owns the files: the engine puts them there as root, and they are removed as such.
_ROOT = "0"
# A slow disk removes some thousand files a second, and an environment has a hundred thousand at most.
_REMOVE_SECONDS = 300.0
# The engine may have been writing when it was removed: then it is removed once more.
_MOST_REMOVALS = 5
_AGAIN_SECONDS = 0.2
_HOME = re.compile(r"^home\s*=\s*(.+?)\s*$", re.MULTILINE)


class PrefixCopy:
    """One copy."""

    def __init__(self, http: EngineHttp, source: Container, prefix: str, target: Container) -> None:
        """Args: the engine's connection, and what is to be carried from where to where."""
        self._http = http
        self._source, self._target = source, target
        self._prefix = prefix
        self._parent = posixpath.dirname(prefix)
        self._made: list[str] = []

    def carry(self, is_cancelled: Callable[[], bool], progress: Callable[[int], None]) -> None:
        """Do it; when it raises, nothing is left, or the error says what is. Raises as its protocol says."""
        self._refuse_what_can_t_be()
        if is_cancelled():
            raise self._cancelled()
        try:
            self._make_folders()
            carry(
                self._http,
                self._files(self._source).archive_path(self._prefix),
                f"{self._files(self._target).archive_path(self._parent)}&noOverwriteDirNonDir=1",
                is_cancelled,
                progress,
            )
        except Cancelled as error:
            cancelled = self._cancelled()
            self._undo(cancelled)
            raise cancelled from error
        except EngineRefused as error:
            told = explained(error, self._parent)
            self._undo(told)
            raise told from error
        except EnvtuiError as error:
            self._undo(error)
            raise

    # -- before anything is done

    def _refuse_what_can_t_be(self) -> None:
        prefix, target = self._prefix, self._target
        if not prefix.startswith("/") or posixpath.normpath(prefix) != prefix or self._parent == prefix:
            raise ChangeRefused("It can't be copied", f"{prefix} is no path of an environment")
        try:
            prefix.encode()
        except UnicodeEncodeError as error:
            raise ChangeRefused("It can't be copied", "its path is not UTF-8") from error
        if self._source.id == target.id:
            raise ChangeRefused("It can't be copied", "it is there already: both are the same container")
        if target.state is not ContainerState.RUNNING:
            raise ChangeRefused(
                f"Nothing can be put into {target.name}",
                f"it is {target.state.value}",
                "Start it first",
            )
        source, there = self._files(self._source), self._files(target)
        found = source.stat(prefix)
        if found is None:
            raise ChangeRefused(
                f"There is no {prefix} in {self._source.name}",
                "or it is in memory (tmpfs), where the engine can't read it",
            )
        if found.path != prefix or not found.is_folder:
            raise ChangeRefused(f"{prefix} can't be copied", f"it leads to {found.path}")
        if there.is_taken(prefix):
            raise ChangeRefused(
                f"{prefix} is there already in {target.name}", "it is left as it is", "Remove it first"
            )
        self._refuse_without_parent(there)
        self._refuse_without_interpreter(source, there)

    def _refuse_without_parent(self, there: ContainerFiles) -> None:
        parent = there.stat(self._parent)
        if parent is None:
            root = posixpath.dirname(self._parent)
            if posixpath.basename(self._parent) == "envs" and there.exists(f"{root}/conda-meta"):
                return
            raise ChangeRefused(
                f"There is no folder {self._parent} in {self._target.name}",
                "the programs of an environment name its path, so it must be the same",
                "Make the folder, or make the environment anew from an export",
            )
        if not parent.is_folder:
            raise ChangeRefused(f"{self._parent} is no folder in {self._target.name}")

    def _refuse_without_interpreter(self, source: ContainerFiles, there: ContainerFiles) -> None:
        """A venv has no Python of its own: it needs the one that it was made with."""
        settings = source.read(f"{self._prefix}/pyvenv.cfg", 64 << 10)
        if settings is None:
            return
        home = _HOME.search(settings.decode("utf-8", "replace"))
        needed = [home[1]] if home else []
        program = source.stat(f"{self._prefix}/bin/python")
        if program is not None and not program.path.startswith(f"{self._prefix}/"):
            needed.append(program.path)
        for path in needed:
            if not there.exists(path):
                raise ChangeRefused(
                    f"There is no {path} in {self._target.name}",
                    f"{self._prefix} is run by the Python that is there",
                    "Install the same Python there, or make the environment anew from an export",
                )

    # -- the folders

    def _make_folders(self) -> None:
        """Make the prefix, which says that nobody else did, and the folder above it where it has to be."""
        if not self._files(self._target).exists(self._parent):
            self._make(self._parent)
            self._give_to_owner_of(posixpath.dirname(self._parent), self._parent)
        self._make(self._prefix)
        if not self._files(self._target).exists(self._prefix):
            raise ChangeRefused(
                f"Nothing can be put into {self._parent} of {self._target.name}",
                "it is in memory (tmpfs), where the engine can't write",
            )

    def _make(self, path: str) -> None:
        done = self._run("mkdir", "--", path)
        if done.exit_code == 0:
            self._made.append(path)
            return
        if done.exit_code in (CANNOT_RUN, NOT_FOUND):
            raise ChangeRefused(
                f"Nothing can be put into {self._target.name}",
                "it has no mkdir and no rm, so that nothing could be taken back",
            )
        if done.exit_code is None:
            # whether it is there, and whose it is then, nobody knows
            raise self._left(f"making {path} did not end in {QUESTION_SECONDS:.0f} s")
        raise ChangeRefused(f"{path} can't be made in {self._target.name}", _said(done))

    def _give_to_owner_of(self, folder: str, path: str) -> None:
        """Whoever owns the installation makes environments in it, too."""
        owner = self._run("stat", "-c", "%u:%g", folder).stdout.decode("ascii", "replace").strip()
        if re.fullmatch(r"\d+:\d+", owner, re.ASCII):
            self._run("chown", owner, path)

    def _undo(self, error: EnvtuiError) -> None:
        """Remove what was made. Raises ChangeFailed, from the error that led to it, where that fails."""
        if not self._made:
            return
        try:
            self._remove()
        except NoSuchContainer:
            # and everything in it with it
            return
        except EngineError as why:
            words = f"{error.title}; what was copied could not be removed: {why.one_line()}"
            raise self._left(words) from error

    def _remove(self) -> None:
        pause, said = threading.Event(), ""
        for _ in range(_MOST_REMOVALS):
            is_gone = True
            if self._prefix in self._made:
                done = self._run("rm", "-rf", "--", self._prefix, seconds=_REMOVE_SECONDS)
                said = _said(done)
                pause.wait(_AGAIN_SECONDS)
                is_gone = done.exit_code == 0 and not self._files(self._target).is_taken(self._prefix)
            if is_gone:
                if self._parent in self._made:
                    # only if there is nothing else in it by now
                    self._run("rmdir", "--", self._parent)
                return
        raise EngineRefused("It can't be removed", said or "somebody writes in it")

    def _left(self, words: str) -> ChangeFailed:
        hint = f"Remove {self._prefix} in {self._target.name}"
        return ChangeFailed("Something of the copy is left", words, hint)

    def _cancelled(self) -> ChangeCancelled:
        return ChangeCancelled("Cancelled", f"nothing of {self._prefix} is in {self._target.name}")

    # -- the engine

    def _files(self, container: Container) -> ContainerFiles:
        return ContainerFiles(self._http, container.id, Deadline(QUESTION_SECONDS))

    def _run(self, *argv: str, seconds: float = QUESTION_SECONDS) -> ExecResult:
        return execs.run(self._http, self._target.id, argv, seconds, user=_ROOT)


def _said(done: ExecResult) -> str:
    return " ".join((done.stderr or done.stdout).decode("utf-8", "replace").split())[:500]
