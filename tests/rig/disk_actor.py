"""Somebody at an engine who makes what takes room on its disk, and meddles with it while others remove it."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.rig.engine import IDLE, IMAGE, PrivateEngine, RigError
from tests.rig.waiting import until

_serial = itertools.count()
_CLIENT = "/usr/bin/docker"
# The distribution's: a newer one refuses to build with an engine of the distribution.


class DiskActor:
    """Does single things to one engine, and names what it made."""

    def __init__(self, engine: PrivateEngine) -> None:
        self.engine = engine

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One request that has to succeed."""
        status, answer = self.engine.request(method, path, body)
        if status >= 300:
            raise RigError(f"{method} {path}: {status} {answer}")
        return answer

    # -- images

    def image(self, *tags: str, size: int = 1000, base: str = "") -> str:
        """An image with a layer of its own, and these tags; on a base it is that one's child."""
        content = f"{next(_serial)}".encode().ljust(size, b"x")
        if base:
            made = self.ask("POST", "/containers/create", {"Image": base, "Cmd": list(IDLE)})["Id"]
            self.ask("PUT", f"/containers/{made}/archive?path=/", archive({f"f{next(_serial)}": content}))
            image = self.ask("POST", f"/commit?container={made}")["Id"]
            self.ask("DELETE", f"/containers/{made}")
        else:
            first = f"made-{next(_serial)}"
            self.ask("POST", f"/images/create?fromSrc=-&repo={first}&tag=1", archive({"file": content}))
            image = self.id_of(f"{first}:1")
            if not tags:
                raise RigError("without a base there has to be a tag")
        for tag in tags:
            self.tag(image, tag)
        if not base:
            self.untag(f"{first}:1")
        return str(image)

    def id_of(self, reference: str) -> str:
        """The id of the image that a reference points at."""
        return str(self.ask("GET", f"/images/{quote(reference, safe='')}/json")["Id"])

    def references(self, image: str) -> set[str]:
        """Everything that points at an image."""
        told = self.ask("GET", f"/images/{image}/json")
        return {*(told["RepoTags"] or ()), *(told["RepoDigests"] or ())}

    def tag(self, image: str, tag: str) -> None:
        """Point a tag at an image, from wherever it pointed before."""
        repository, _, name = tag.rpartition(":")
        query = urlencode({"repo": repository, "tag": name})
        self.ask("POST", f"/images/{quote(image, safe='')}/tag?{query}")

    def untag(self, reference: str) -> None:
        """Take a reference, and with the last one the image."""
        self.ask("DELETE", f"/images/{quote(reference, safe='')}?noprune=1")

    # -- containers, volumes, networks

    def container(
        self,
        image: str = IMAGE,
        name: str = "",
        command: Sequence[str] = IDLE,
        volumes: Mapping[str, object] | None = None,
        **host: Any,
    ) -> str:
        """A container that was never started; `host` goes to its HostConfig. Its id."""
        query = f"?name={name}" if name else ""
        body = {
            "Image": image, "Cmd": list(command), "Volumes": volumes or {},
            "HostConfig": {"NetworkMode": "none", **host},
        }  # fmt: skip
        return str(self.ask("POST", f"/containers/create{query}", body)["Id"])

    def start(self, container: str) -> None:
        """Start it."""
        self.ask("POST", f"/containers/{container}/start")

    def ended(
        self,
        image: str = IMAGE,
        name: str = "",
        script: str = "echo x > /made",
        volumes: Mapping[str, object] | None = None,
        **host: Any,
    ) -> str:
        """A container that ran a script and ended. Its id."""
        made = self.container(image, name, ("sh", "-c", script), volumes, **host)
        self.start(made)
        self.wait_ended(made)
        return made

    def wait_ended(self, container: str) -> None:
        """Until it has no process any more."""
        until(lambda: self.state(container) == "exited", 60.0, "the container ends")

    def state(self, container: str) -> str:
        """The engine's word."""
        return str(self.ask("GET", f"/containers/{container}/json")["State"]["Status"])

    def write(self, container: str, path: str, content: bytes = b"changed") -> None:
        """Put a file into a container."""
        self.ask("PUT", f"/containers/{container}/archive?path=/", archive({path: content}))

    def volume(self, name: str = "") -> str:
        """A volume; without a name the engine gives it one."""
        return str(self.ask("POST", "/volumes/create", {"Name": name} if name else {})["Name"])

    def network(self, name: str) -> str:
        """A network. Its id."""
        return str(self.ask("POST", "/networks/create", {"Name": name, "CheckDuplicate": True})["Id"])

    # -- build cache

    def build(self, tag: str = "", steps: int = 2) -> None:
        """Build an image with BuildKit, each step with a record of its own."""
        lines = [f"FROM {IMAGE}", "COPY file /file"]
        lines += [f"RUN echo {next(_serial)} > /step" for _ in range(steps)]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "Dockerfile").write_text("\n".join(lines) + "\n", "utf-8")
            (Path(folder) / "file").write_text(f"{next(_serial)}" * 1000, "utf-8")
            done = subprocess.run(
                [_CLIENT, "-H", self.engine.host, "build", "-q", "--network", "none",
                 *(("-t", tag) if tag else ()), folder],
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.engine.folder / "home"),
                     "DOCKER_BUILDKIT": "1"},
                capture_output=True, timeout=120, check=False,
            )  # fmt: skip
        if done.returncode:
            raise RigError(done.stderr.decode("utf-8", "replace"))

    # -- all that is there

    def everything(self) -> set[tuple[str, str]]:
        """Kind and id of all that can be removed."""
        found = {("image", each["Id"]) for each in self.ask("GET", "/images/json?all=1")}
        found |= {("container", each["Id"]) for each in self.ask("GET", "/containers/json?all=1")}
        found |= {("volume", each["Name"]) for each in self.ask("GET", "/volumes")["Volumes"] or ()}
        found |= {("network", each["Id"]) for each in self.ask("GET", "/networks")}
        usage = self.ask("GET", "/system/df")
        return found | {("build-cache", each["ID"]) for each in usage["BuildCache"] or ()}

    def is_there(self, kind: str, identity: str) -> bool:
        """Whether something is there."""
        path = {
            "image": f"/images/{identity}/json", "container": f"/containers/{identity}/json",
            "volume": f"/volumes/{identity}", "network": f"/networks/{identity}",
        }[kind]  # fmt: skip
        return self.engine.request("GET", path)[0] == 200

    def clear(self) -> None:
        """Remove all that tests made, images and build cache too, but the rig's own image."""
        self.engine.remove_all()
        self.clear_images()
        self.ask("POST", "/build/prune?all=1")

    def clear_images(self) -> None:
        """Remove all images but the rig's own; nothing may use them."""
        own = self.engine.build_image()
        keep = self.id_of(own)

        def emptied() -> bool:
            ids = [each["Id"] for each in self.ask("GET", "/images/json?all=1") if each["Id"] != keep]
            for each in ids:
                # one that others stand on goes at a later round
                self.engine.request("DELETE", f"/images/{each}?force=1&noprune=1")
            return not ids

        until(emptied, 60.0, "all images are removed")
        for reference in self.references(keep) - {own}:
            self.untag(reference)


def archive(files: dict[str, bytes]) -> bytes:
    """A tar archive of some files."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return memory.getvalue()
