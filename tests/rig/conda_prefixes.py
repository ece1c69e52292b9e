"""Environments as managers leave them: conda prefixes by py-rattler, dists of pip, trees for images."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from tests.rig.conda_channel import PLACEHOLDER, CondaChannel

CHANNEL_NAME = "conda-forge"
PYTHON = "3.11.9"
SITE = "lib/python3.11/site-packages"

_PYTHON_SCRIPT = f"#!/bin/sh\n# {PLACEHOLDER}\ntrap 'exit 0' TERM\nread -r _ <>/etc/never\n".encode()
# Waits, so that it can be seen to run; what it is told to do does not matter.


def make_channel(folder: Path) -> CondaChannel:
    """The packages that the tests' environments are made of."""
    channel = CondaChannel(folder)
    python = {"bin/python3.11": _PYTHON_SCRIPT, "bin/python3": _PYTHON_SCRIPT, "bin/python": _PYTHON_SCRIPT}
    channel.add("python", PYTHON, "h1a2b3c4_0_cpython", files={**python, f"{SITE}/README.txt": b"rig\n"})
    needs_python = ["python >=3.11,<3.12.0a0"]
    for name, version in (("numpy", "1.26.4"), ("numpy", "2.1.0"), ("pyyaml", "6.0.2")):
        files = {f"{SITE}/{name}/__init__.py": f"__version__ = {version!r}\n".encode()}
        channel.add(name, version, "py311h64a7726_0", needs_python, files | dist(name, version, "conda"))
    channel.add("conda", "24.11.3", "py311h06a4308_0", needs_python, {"bin/conda": b"#!/bin/sh\nexit 0\n"})
    for name, version, build in (
        ("cuda-version", "12.1", "h1d6eff3_3"),
        ("cuda-cudart", "12.1.105", "0"),
        ("cudnn", "8.9.2.26", "cuda12_0"),
        ("libshared", "1.0", "0"),
    ):
        channel.add(name, version, build, files={f"lib/{name}.so.1": os.urandom(200_000)})
    torch = {f"{SITE}/torch/__init__.py": b"", f"{SITE}/torch/version.py": version_py("2.3.1", "12.1")}
    egg = {f"{SITE}/torch-2.3.1-py3.11.egg-info/PKG-INFO": b"Name: torch\nVersion: 2.3.1\n"}
    needs = ["python >=3.11,<3.12.0a0", "numpy", "cuda-version 12.1.*", "cuda-cudart", "cudnn"]
    channel.add("pytorch", "2.3.1", "py3.11_cuda12.1_cudnn8.9.2_0", needs, torch | egg)
    channel.write()
    return channel


def dist(name: str, version: str, installer: str) -> dict[str, bytes]:
    """The dist-info of a package, by path below the prefix."""
    folder = f"{SITE}/{name.replace('-', '_')}-{version}.dist-info"
    record = f"{name}/__init__.py,sha256=0,{1000}\n{folder.rpartition('/')[2]}/RECORD,,\n"
    return {
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{folder}/INSTALLER": f"{installer}\n".encode(),
        f"{folder}/RECORD": record.encode(),
        **({f"{folder}/REQUESTED": b""} if installer == "pip" else {}),
    }


def version_py(version: str, cuda: str | None) -> bytes:
    """`torch/version.py`, as builds since 1.7 write it."""
    return (
        "from typing import Optional\n\n__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']\n"
        f"__version__ = {version!r}\ndebug = False\n"
        f"cuda: Optional[str] = {cuda!r}\nhip: Optional[str] = None\n"
    ).encode()


class Tree:
    """A file system for an image, below a folder of this machine."""

    def __init__(self, folder: Path, channel: CondaChannel) -> None:
        """Args: an empty folder, and where packages come from."""
        self.folder = folder
        self._channel = channel

    def real(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.folder / path.lstrip("/")

    def write(self, path: str, content: bytes | str = b"", mode: int = 0o644) -> None:
        """A file, with its folders."""
        target = self.real(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self.real(path).parent.mkdir(parents=True, exist_ok=True)
        self.real(path).symlink_to(target)

    def copy(self, source: Path, path: str) -> None:
        """A file of this machine, unless there is one already."""
        target = self.real(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(source, target)

    def conda(
        self,
        prefix: str,
        specs: Sequence[str],
        pip: Mapping[str, str] | None = None,
        cache: str = "/opt/conda/pkgs",
        command: str = "/opt/conda/bin/conda create",
        channel: str = f"https://conda.example/{CHANNEL_NAME}",
    ) -> None:
        """A conda prefix, solved and installed by py-rattler, with the history that conda writes.

        Args:
            prefix: in the image.
            specs: of packages.
            pip: versions of what pip installed, by name.
            cache: of packages in the image, whose files the prefix links to.
            command: that made it, for the history.
            channel: address that the records tell.
        """
        # a thread of its own, as a test may run in an event loop
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: asyncio.run(self._install(prefix, specs, cache))).result()
        meta = f"{prefix}/conda-meta"
        self.write(
            f"{meta}/history",
            f"==> 2026-03-01 10:00:00 <==\n# cmd: {command} -p x\n# conda version: 24.11.3\n",
        )
        here = f"file://{self._channel.folder}"
        for record in self.real(meta).glob("*.json"):
            told = record.read_text().replace(here, channel)
            record.write_text(told.replace(str(self.folder), ""))
        for name, version in (pip or {}).items():
            self.pip(prefix, name, version)

    def pip(self, prefix: str, name: str, version: str) -> None:
        """What pip leaves of a package."""
        for path, content in dist(name, version, "pip").items():
            self.write(f"{prefix}/{path}", content)

    def torch(self, prefix: str, version: str, cuda: str | None) -> None:
        """torch, as pip installs it."""
        self.pip(prefix, "torch", version.partition("+")[0])
        self.write(f"{prefix}/{SITE}/torch/version.py", version_py(version, cuda))

    def plain(self, prefix: str, records: int, dists: int) -> None:
        """A prefix of many packages, fast, which is enough for counting."""
        self.write(
            f"{prefix}/conda-meta/history",
            "==> 2026-03-01 10:00:00 <==\n# cmd: /opt/conda/bin/conda create\n",
        )
        self.write(f"{prefix}/conda-meta/python-{PYTHON}-h0_0.json", json.dumps({"name": "python"}))
        for number in range(records - 1):
            self.write(
                f"{prefix}/conda-meta/rig{number}-1.{number}-py311_0.json",
                json.dumps({"name": f"rig{number}"}),
            )
        for number in range(dists):
            self.pip(prefix, f"pipped{number}", "1.0")

    async def _install(self, prefix: str, specs: Sequence[str], cache: str) -> None:
        from rattler import MatchSpec, VirtualPackage, install, solve

        records = await solve(
            sources=[str(self._channel.folder)],
            specs=[MatchSpec(each) for each in specs],
            virtual_packages=VirtualPackage.detect(),
        )
        target = self.real(prefix)
        target.mkdir(parents=True, exist_ok=True)
        await install(
            records,
            target_prefix=str(target),
            cache_dir=self.real(cache),
            show_progress=False,
            alternative_target_prefix=prefix,
            # py-rattler 0.28 hands these on unwrapped, whatever its types say
            requested_specs=cast("Any", [MatchSpec(each)._match_spec for each in specs]),
        )
