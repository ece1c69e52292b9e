"""A `/proc` of our own making: processes as the kernel writes them, in files that a test can change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tui.backends.gpu.process_files import ProcessFiles

BOOTED_AT = 1_700_000_000
_HOST = {"pid": "pid:[4026531836]", "cgroup": "cgroup:[4026531835]"}


class FakeProc:
    """Files of processes below a folder.

    Attributes:
        folder: stands for `/proc`.
        hidden: numbers of processes that there are and that can't be seen.
    """

    def __init__(self, folder: Path) -> None:
        """Args: an empty folder."""
        self.folder = folder
        self.hidden: set[int] = set()
        (folder / "stat").write_text(f"cpu  1 2 3\nintr 5 6\nbtime {BOOTED_AT}\nprocesses 9\n")
        self.namespaces(**_HOST)

    def namespaces(self, **kinds: str) -> None:
        """Those of the one who looks."""
        folder = self.folder / "self" / "ns"
        folder.mkdir(parents=True, exist_ok=True)
        for kind, target in kinds.items():
            (folder / kind).unlink(missing_ok=True)
            (folder / kind).symlink_to(target)

    def files(self) -> ProcessFiles:
        """The reader of these files."""
        return ProcessFiles(self.folder, lambda pid: pid in self.hidden)

    def add(
        self,
        pid: int,
        *,
        ticks: int = 1000,
        state: str = "S",
        name: bytes = b"python",
        uid: int = 1000,
        gid: int = 100,
        cgroup: str = "0::/",
        numbers: Sequence[int] | None = None,
        command: Sequence[bytes] = (b"python", b"train.py"),
        environ: Sequence[bytes] = (),
        program: bytes | None = b"/usr/bin/python3.11",
        cwd: bytes = b"/work",
        root: Path | None = None,
        id_map: str = "0 0 4294967295",
    ) -> Path:
        """A process, in place of another of that number; its folder."""
        folder = self.folder / str(pid)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.stat(pid, ticks=ticks, state=state, name=name)
        told = " ".join(map(str, numbers or (pid,))).replace(" ", "\t")
        (folder / "status").write_bytes(
            b"Name:\t" + name.replace(b"\n", b"\\n") + f"\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n".encode()
            + f"Gid:\t{gid}\t{gid}\t{gid}\t{gid}\n".encode()
            + f"NSpid:\t{told}\n".encode()
        )  # fmt: skip
        (folder / "cgroup").write_text(f"{cgroup}\n")
        for kind in ("uid_map", "gid_map"):
            (folder / kind).write_text(f"         {id_map}\n")
        self.command(pid, *command)
        (folder / "environ").write_bytes(b"".join(each + b"\0" for each in environ))
        if program is not None:
            self.program(pid, program)
        os.symlink(cwd, os.fsencode(folder / "cwd"))
        if root is not None:
            (folder / "root").symlink_to(root)
        return folder

    def stat(self, pid: int, *, ticks: int = 1000, state: str = "S", name: bytes = b"python") -> None:
        """The line that holds its start."""
        fields = [state, "1", *["0"] * 17, str(ticks), *["0"] * 30]
        (self.folder / str(pid) / "stat").write_bytes(
            f"{pid} (".encode() + name + f") {' '.join(fields)}\n".encode()
        )

    def command(self, pid: int, *words: bytes) -> None:
        """Its command line."""
        (self.folder / str(pid) / "cmdline").write_bytes(b"".join(each + b"\0" for each in words))

    def program(self, pid: int, path: bytes) -> None:
        """Its executable."""
        link = self.folder / str(pid) / "exe"
        link.unlink(missing_ok=True)
        os.symlink(path, os.fsencode(link))

    def end(self, pid: int) -> None:
        """It is gone."""
        shutil.rmtree(self.folder / str(pid))
