"""Puts things that take room on a private engine: images, volumes, networks, containers, build cache."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig.engine import PrivateEngine, RigError
from tests.rig.image import IMAGE

#: Of the distribution, whose client and engine speak of BuildKit alike.
_DOCKER = "/usr/bin/docker"
_DEEPEST = 9


class DiskWorld:
    """A private engine, of nobody else, whose disk is filled by a test."""

    def __init__(self, engine: PrivateEngine, folder: Path) -> None:
        """Make it. Args: folder for what images are built from."""
        self.engine, self._folder = engine, folder
        self._count = 0

    def image(
        self, tag: str, *, size: int = 4096, base: str = IMAGE, labels: Mapping[str, str] | None = None
    ) -> str:
        """An image with one layer of its own above another one; gives back its id; "" for no tag."""
        self._count += 1
        changes = "".join(f"LABEL {key}={value}\n" for key, value in (labels or {}).items())
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            dockerfile = f"FROM {base}\nCOPY content /content-{self._count}\n{changes}".encode()
            # unlike any other, so that no cache answers
            content = f"{self._count:<16}".encode() + os.urandom(max(0, size - 16))
            for name, data in (("Dockerfile", dockerfile), ("content", content)):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        query = f"/build?rm=1&nocache=1{f'&t={tag}' if tag else ''}"
        status, answer = self.engine.request("POST", query, archive.getvalue())
        text = str(answer)
        if status != 200 or "Successfully built" not in text:
            raise RigError(f"no image: {status} {text}")
        short = text.rpartition("Successfully built ")[2].split("\\n")[0].split('"')[0].strip()
        return str(self.engine.request("GET", f"/images/{short}/json")[1]["Id"])

    def volume(self, name: str = "", size: int = 0, labels: Mapping[str, str] | None = None) -> str:
        """A volume with a file in it; gives back its name, which the engine chooses where none is given."""
        body = {"Labels": dict(labels or {})} | ({"Name": name} if name else {})
        status, answer = self.engine.request("POST", "/volumes/create", body)
        if status >= 300:
            raise RigError(f"no volume: {answer}")
        if size:
            Path(str(answer["Mountpoint"]), "content").write_bytes(os.urandom(size))
        return str(answer["Name"])

    def network(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """A network; gives back its id."""
        options = [f"--label={key}={value}" for key, value in (labels or {}).items()]
        return self.engine.docker("network", "create", *options, name).strip()

    def stopped(self, name: str, script: str = "true", *arguments: str, image: str = IMAGE) -> str:
        """A container that did something and ended; gives back its id."""
        command = ("/bin/sh", "-c", script)
        key = self.engine.run_container(name, command, ("--network", "none", *arguments), image)
        self.engine.docker("wait", key)
        return key

    def build_cache(self, records: int = 3, base: str = IMAGE) -> None:
        """Records of BuildKit's cache: one for each file that is copied, and some around them."""
        self._count += 1
        folder = self._folder / f"context-{self._count}"
        folder.mkdir()
        lines = [f"FROM {base}"]
        for number in range(records):
            (folder / f"file-{number}").write_bytes(os.urandom(4096))
            lines.append(f"COPY file-{number} /built-{self._count}-{number}")
        (folder / "Dockerfile").write_text("\n".join(lines) + "\n", "utf-8")
        home = str(self.engine.folder / "home")
        done = subprocess.run(
            [_DOCKER, "-H", self.engine.host, "build", "--network", "none", str(folder)],
            capture_output=True,
            timeout=120,
            check=False,
            env={"PATH": os.defpath, "HOME": home, "DOCKER_BUILDKIT": "1"},
        )
        if done.returncode:
            raise RigError(done.stderr.decode("utf-8", "replace"))

    # -- what is there

    def images(self) -> set[str]:
        """Ids of all images, steps of builds too."""
        return {str(each["Id"]) for each in self.engine.request("GET", "/images/json?all=1")[1]}

    def containers(self) -> set[str]:
        """Ids of all containers."""
        return {str(each["Id"]) for each in self.engine.request("GET", "/containers/json?all=1")[1]}

    def volumes(self) -> set[str]:
        """Names of all volumes."""
        return {str(each["Name"]) for each in self.engine.request("GET", "/volumes")[1]["Volumes"] or ()}

    def networks(self) -> set[str]:
        """Ids of all networks."""
        return {str(each["Id"]) for each in self.engine.request("GET", "/networks")[1]}

    def records(self) -> set[str]:
        """Ids of all records of the build cache."""
        return {str(each["ID"]) for each in self.engine.request("GET", "/system/df")[1]["BuildCache"] or ()}

    def everything(self) -> Sequence[set[str]]:
        """All of these."""
        return self.images(), self.containers(), self.volumes(), self.networks(), self.records()

    def clear(self) -> None:
        """Remove all but the rig's own images."""
        self.engine.recover()
        self.engine.remove_all()
        # a step of a build goes after what stands on it
        for _ in range(_DEEPEST):
            rest = [
                each
                for each in self.engine.request("GET", "/images/json?all=1")[1]
                if IMAGE not in (each.get("RepoTags") or ())
            ]
            for each in rest:
                self.engine.request("DELETE", f"/images/{each['Id']}?force=1")
            if not rest:
                break
        self.engine.request("POST", "/build/prune?all=1")
