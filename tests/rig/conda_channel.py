"""A small conda channel, made from nothing in a folder: packages in the .conda format with their index."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import zstandard

_STAMP = 1760000000
_SUBDIR = "linux-64"
#: Written by packages where their prefix belongs; what installs them replaces it.
PLACEHOLDER = "/opt/rig_placeholder_for_the_prefix"


class CondaChannel:
    """Packages are added, then the index is written."""

    def __init__(self, folder: Path) -> None:
        """Args: folder that is the channel, made if it is not there."""
        self.folder = folder
        (folder / _SUBDIR).mkdir(parents=True, exist_ok=True)
        (folder / "noarch").mkdir(exist_ok=True)
        self._index: dict[str, Any] = {}

    def add(
        self,
        name: str,
        version: str,
        build: str = "0",
        depends: Sequence[str] = (),
        files: Mapping[str, bytes] | None = None,
        links: Mapping[str, str] | None = None,
    ) -> None:
        """A package. Args: files by their path below the prefix, those in bin/ can be run; symbolic links."""
        contents = dict(files or {f"share/rig/{name}.txt": f"{name} {version}\n".encode()})
        links = links or {}
        paths = [_path(*each) for each in contents.items()] + [_link(each) for each in links]
        index = {
            "name": name,
            "version": version,
            "build": build,
            "build_number": 0,
            "depends": list(depends),
            "subdir": _SUBDIR,
            "timestamp": _STAMP * 1000,
            "platform": "linux",
            "arch": "x86_64",
        }
        information = {
            "info/index.json": _json(index),
            "info/paths.json": _json({"paths": paths, "paths_version": 1}),
            "info/files": "".join(f"{path}\n" for path in (*contents, *links)).encode(),
            "info/about.json": _json({"summary": name}),
        }
        stem = f"{name}-{version}-{build}"
        target = self.folder / _SUBDIR / f"{stem}.conda"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
            package.writestr("metadata.json", _json({"conda_pkg_format_version": 2}))
            package.writestr(f"pkg-{stem}.tar.zst", _tar(contents, links))
            package.writestr(f"info-{stem}.tar.zst", _tar(information))
        blob = target.read_bytes()
        self._index[target.name] = {
            **index,
            "size": len(blob),
            "md5": hashlib.md5(blob, usedforsecurity=False).hexdigest(),
            "sha256": hashlib.sha256(blob).hexdigest(),
        }

    def write(self) -> None:
        """Write the indices."""
        for subdir, packages in ((_SUBDIR, self._index), ("noarch", {})):
            told = {
                "info": {"subdir": subdir},
                "packages": {},
                "packages.conda": packages,
                "repodata_version": 1,
            }
            (self.folder / subdir / "repodata.json").write_bytes(_json(told))


def _path(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "_path": path,
        "path_type": "hardlink",
        "size_in_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    if PLACEHOLDER.encode() in content:
        entry |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "text"}
    return entry


def _link(path: str) -> dict[str, Any]:
    empty = hashlib.sha256(b"").hexdigest()
    return {"_path": path, "path_type": "softlink", "size_in_bytes": 0, "sha256": empty}


def _tar(contents: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        for path, content in sorted(contents.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime = len(content), _STAMP
            entry.mode = 0o755 if path.startswith("bin/") else 0o644
            archive.addfile(entry, io.BytesIO(content))
        for path, target in (links or {}).items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname, entry.mtime = tarfile.SYMTYPE, target, _STAMP
            archive.addfile(entry)
    return zstandard.ZstdCompressor(level=1).compress(memory.getvalue())


def _json(told: object) -> bytes:
    return json.dumps(told, indent=1).encode()
