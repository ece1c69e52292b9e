"""The rig's small image, made in memory from the machine's static busybox."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

IMAGE = "envtui-rig:1"
IDLE = ("idle",)
# A program of the image that ends at once, with status 0, on SIGTERM; one shell that waits, no child, no CPU.

_IDLE_SCRIPT = b"#!/bin/sh\ntrap 'exit 0' TERM INT\nread -r _ <>/etc/never\n"
# Nobody ever writes to the fifo; a shell that waits for `sleep` would need a second process.


def find_program(name: str) -> str | None:
    """Where a program is, also outside of a PATH without the system folders."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin")


def image_archive() -> bytes:
    """The image's only layer: every applet, /bin/idle, /tmp and a root user."""
    busybox = find_program("busybox") or "busybox"
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:

        def add(path: str, content: bytes = b"", mode: int = 0o644, **fields: Any) -> None:
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            for key, value in fields.items():
                setattr(entry, key, value)
            archive.addfile(entry, io.BytesIO(content))

        add("bin/busybox", Path(busybox).read_bytes(), 0o755)
        add("bin/idle", _IDLE_SCRIPT, 0o755)
        for applet in applets:
            if applet != "busybox":
                add(f"bin/{applet}", type=tarfile.SYMTYPE, linkname="busybox")
        add("tmp", mode=0o1777, type=tarfile.DIRTYPE)
        add("etc/passwd", b"root:x:0:0:root:/tmp:/bin/sh\n")
        add("etc/group", b"root:x:0:\n")
        add("etc/never", mode=0o666, type=tarfile.FIFOTYPE)
    return memory.getvalue()
