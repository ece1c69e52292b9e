"""Small images, containers and volumes of known sizes on a private engine, and their removal."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.rig.engine import PrivateEngine, RigError
from tests.rig.image import IDLE, IMAGE


class DiskWorld:
    """Makes things that take room on a private engine, of random bytes: nothing is shared by chance.

    Attributes:
        engine: the private engine.
    """

    def __init__(self, engine: PrivateEngine, seed: int = 8) -> None:
        self.engine = engine
        self._random = random.Random(seed)

    # -- images

    def image(self, tag: str, *sizes: int, base: str = IMAGE, kit: bool = False, more: str = "") -> str:
        """Builds an image with one layer of each size on top of another; gives back its id.

        Args:
            tag: of the image.
            sizes: of its own layers, in bytes.
            base: what it stands on; "scratch" for nothing.
            kit: with BuildKit, which leaves a build cache, instead of the classic builder, which leaves
                nameless steps.
            more: lines of the Dockerfile after the layers.
        """
        with tempfile.TemporaryDirectory(prefix="envtui-world-") as folder:
            lines = [f"FROM {base}"]
            for number, size in enumerate(sizes):
                Path(folder, f"file{number}").write_bytes(self._random.randbytes(size))
                lines.append(f"COPY file{number} /{tag.replace(':', '-')}-{number}")
            Path(folder, "Dockerfile").write_text("\n".join([*lines, more, ""]), "utf-8")
            self.build(folder, tag, kit=kit)
        return self.image_id(tag)

    def build(self, folder: str, tag: str, kit: bool = False) -> None:
        """Builds a folder with its Dockerfile."""
        home = str(self.engine.folder / "home")
        done = subprocess.run(
            ["/usr/bin/docker", "-H", self.engine.host, "build", "--network", "none", "-t", tag, folder],
            env={
                "PATH": os.environ.get("PATH", os.defpath), "HOME": home,
                "DOCKER_BUILDKIT": str(int(kit)),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise RigError(f"build of {tag}: {done.stderr.decode('utf-8', 'replace')[-2000:]}")

    def image_id(self, reference: str) -> str:
        """The id that a tag leads to."""
        return str(self.ask("GET", f"/images/{reference}/json")["Id"])

    def commit(self, container: str, tag: str) -> str:
        """An image of a container as it is; gives back its id."""
        return self.engine.docker("commit", container, tag).strip()

    # -- containers, volumes

    def container(
        self,
        name: str,
        image: str = IMAGE,
        *,
        writes: Mapping[str, int] | None = None,
        args: Sequence[str] = ("--network", "none"),
        runs: bool = False,
    ) -> str:
        """A container that has written files of these sizes, stopped unless it runs; gives back its id."""
        identity = self.engine.run_container(name, IDLE, args, image)
        for path, size in (writes or {}).items():
            self.write(identity, path, size)
        if not runs:
            self.ask("POST", f"/containers/{identity}/kill")
            self.ask("POST", f"/containers/{identity}/wait")
        return identity

    def write(self, container: str, path: str, size: int) -> None:
        """A file in a running container, of random bytes; folders on its way are made."""
        script = 'mkdir -p "${1%/*}" && cat > "$1"'
        content = self._random.randbytes(size)
        self.engine.docker("exec", "-i", container, "sh", "-c", script, "sh", path, input=content)

    def volume(self, name: str | None = None, size: int = 0, labels: Mapping[str, str] | None = None) -> str:
        """A volume with a file of this size, named by the engine without a name; gives back its name."""
        made = self.ask("POST", "/volumes/create", {"Name": name or "", "Labels": dict(labels or {})})
        if size:
            Path(made["Mountpoint"], "content").write_bytes(self._random.randbytes(size))
        return str(made["Name"])

    # -- the whole of it

    def ids(self) -> dict[str, set[str]]:
        """Everything that is there: ids, and names of volumes."""
        usage = self.ask("GET", "/system/df")
        return {
            "images": {each["Id"] for each in self.ask("GET", "/images/json?all=1")},
            "containers": {each["Id"] for each in self.ask("GET", "/containers/json?all=1")},
            "networks": {each["Id"] for each in self.ask("GET", "/networks")},
            "volumes": {each["Name"] for each in self.ask("GET", "/volumes")["Volumes"] or ()},
            "build-cache": {each["ID"] for each in usage["BuildCache"] or ()},
        }

    def room_bytes(self) -> int:
        """What the data root takes on the file system; mounted layers are not counted again."""
        root = self.engine.folder / "data"
        return sum(
            sum(entry.stat().st_blocks * 512 for entry in _files(root / part))
            for part in ("overlay2", "volumes", "containers")
            if (root / part).exists()
        )

    def clean(self) -> None:
        """Removes everything but the rig's own image."""
        self.engine.remove_all()
        kept = self.image_id(IMAGE)
        while others := [each for each in self.ask("GET", "/images/json") if each["Id"] != kept]:
            for each in others:
                self.engine.request("DELETE", f"/images/{urllib.parse.quote(each['Id'])}?force=1")
        self.ask("POST", "/build/prune?all=1")

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One request to the engine that has to succeed; gives back its answer."""
        status, answer = self.engine.request(method, path, body)
        if status >= 300:
            raise RigError(f"{method} {path}: {status} {answer}")
        return answer


def _files(folder: Path) -> list[Path]:
    """All files below a folder that are on its own file system."""
    device = folder.stat().st_dev
    found: list[Path] = []
    for path, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if os.lstat(f"{path}/{each}").st_dev == device]
        found += [Path(path, name) for name in names if os.lstat(f"{path}/{name}").st_dev == device]
    return [each for each in found if not each.is_symlink() and each.is_file()]
