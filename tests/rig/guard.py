"""The parent of a private engine: starts it on request and tears it down when its owner is gone.

Runs as a process of its own (`python -I guard.py FOLDER DOCKERD CONTAINERD`) in its own session. It reads
commands from its standard input, whose other end only the owner holds; so the kernel tells it when the owner
is gone, however it died. A parent-death signal would not do: it fires when the *thread* that forked ends.
It reaps what the engine orphans (shims), so that no zombie outlives a run.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
MNT_DETACH = 2
# From linux/prctl.h and sys/mount.h.

ENGINE_PROGRAMS = re.compile(r"dockerd|containerd|containerd-shim[\w-]*")
# Only these are ever ended because their command line names a folder: a pager on the log names it, too.

GRACE_SECONDS = 10.0
# dockerd ends within about a second once its containers are gone; ten seconds allow for a busy machine.

_libc = ctypes.CDLL(None, use_errno=True)


# -- looking


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if it is gone or only a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped every thread of a process; True, too, when it is gone."""
    for path in glob.glob(f"/proc/{pid}/task/*/stat"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if file.read().rpartition(b")")[2].split()[0] not in (b"T", b"t", b"Z", b"X"):
                return False
    return True


def command_line(pid: int) -> list[str]:
    """The arguments of a process; empty if it is gone, a zombie or a kernel thread."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "replace").split("\0")[:-1]
    except OSError:
        return []


def _processes() -> Iterator[int]:
    return (int(entry) for entry in os.listdir("/proc") if entry.isdigit())


def engine_processes(folder: str, program: str = ".*") -> list[int]:
    """The dockerd, containerd and shims whose command line names this folder."""
    found = []
    for pid in _processes():
        arguments = command_line(pid)
        name = os.path.basename(arguments[0]) if arguments else ""
        if ENGINE_PROGRAMS.fullmatch(name) and re.fullmatch(program, name) and _names(arguments, folder):
            found.append(pid)
    return found


def guard_of(folder: str) -> int | None:
    """The guard process of this folder, if one runs."""
    for pid in _processes():
        arguments = command_line(pid)
        if folder in arguments and any(os.path.basename(part) == "guard.py" for part in arguments[:4]):
            return pid
    return None


def _names(arguments: list[str], folder: str) -> bool:
    return any(folder + "/" in argument for argument in arguments[1:])


def container_cgroups(folder: str) -> list[str]:
    """The cgroup folders (v1 and v2, either driver) of the containers that this engine knows."""
    found: list[str] = []
    for path in glob.glob(f"{folder}/data/containers/*"):
        key = os.path.basename(path)
        for pattern in (f"docker/{key}", f"*/docker/{key}", f"system.slice/docker-{key}.scope"):
            found += glob.glob(f"/sys/fs/cgroup/{pattern}")
    return found


def mounts_below(folder: str) -> list[str]:
    """Mount points at or below the folder, innermost (youngest) first."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        points = [re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), line.split()[4]) for line in file]
    return [point for point in reversed(points) if point == folder or point.startswith(folder + "/")]


def bridges(folder: str) -> list[str]:
    """Interfaces of the networks that this engine made; the engine leaves them when it ends."""
    try:
        with open(f"{folder}/data/network/files/local-kv.db", "rb") as file:
            keys = set(re.findall(rb"docker/network/v1\.0/network/([0-9a-f]{12})[0-9a-f]{52}", file.read()))
    except OSError:
        return []
    names = ("br-" + key.decode() for key in keys)
    return [name for name in names if os.path.exists(f"/sys/class/net/{name}/bridge")]


# -- ending


def tear_down(folder: str, grace: float = GRACE_SECONDS) -> None:
    """Ends an engine by its folder and removes all that it left: processes, mounts, cgroups, bridges, files.

    Asks dockerd to end, kills what runs in its containers meanwhile (their stop time-outs don't matter now),
    and kills only what is still there after the grace. Harmless to call twice.
    """
    daemons = engine_processes(folder, "dockerd")
    cgroups = container_cgroups(folder)
    _send(daemons, signal.SIGCONT)
    _send(daemons, signal.SIGTERM)
    _wait_gone(daemons, grace, meanwhile=lambda: _kill_containers(cgroups))
    _send(daemons, signal.SIGKILL)
    containerd = engine_processes(folder, "containerd")
    _send(containerd, signal.SIGTERM)
    _wait_gone(containerd, 3.0, meanwhile=lambda: _kill_containers(cgroups))
    rest = engine_processes(folder)
    _send(rest, signal.SIGKILL)
    _wait_gone(daemons + rest, 5.0, meanwhile=lambda: _kill_containers(cgroups))
    for bridge in bridges(folder):
        with contextlib.suppress(FileNotFoundError):
            subprocess.run(["ip", "link", "delete", bridge], capture_output=True, check=False)
    for point in mounts_below(folder):
        _libc.umount2(os.fsencode(point), MNT_DETACH)
    for cgroup in cgroups:
        for path, _, _ in os.walk(cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)
    shutil.rmtree(folder, ignore_errors=True)


def _kill_containers(cgroups: list[str]) -> None:
    for cgroup in cgroups:
        for name, thawed in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            if os.path.exists(f"{cgroup}/{name}"):
                with contextlib.suppress(OSError), open(f"{cgroup}/{name}", "w", encoding="ascii") as file:
                    file.write(thawed)
        with contextlib.suppress(OSError), open(f"{cgroup}/cgroup.procs", encoding="ascii") as file:
            _send([int(line) for line in file], signal.SIGKILL)


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _wait_gone(pids: list[int], timeout: float, meanwhile: Callable[[], None]) -> None:
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while any(start_time(pid) is not None for pid in pids) and time.monotonic() < deadline:
        meanwhile()
        pause.wait(0.02)


# -- the process


def _prepare_child() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _spawn(folder: str, arguments: list[str]) -> int:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": f"{folder}/home",
        "TMPDIR": f"{folder}/tmp",
    }
    with open(f"{folder}/log", "ab") as log:
        child = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environment,
            preexec_fn=_prepare_child,
        )
    child.returncode = 0  # reaped by the kernel, see main(); keeps Popen from complaining
    return child.pid


def _start(folder: str, dockerd: str, containerd: str) -> int:
    """Starts dockerd, and before it the containerd if it isn't there any more.

    dockerd would start a containerd by itself, but only on a machine without one: it prefers
    /run/containerd/containerd.sock, and so would land in the one that a user's engine works with.
    """
    address = f"{folder}/exec/containerd/containerd.sock"
    if not engine_processes(folder, "containerd"):
        _spawn(folder, [containerd, "--config", f"{folder}/containerd.toml", "--log-level", "warn"])
    return _spawn(
        folder,
        [
            dockerd,
            *("--config-file", f"{folder}/daemon.json", "--containerd", address),
            *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            *("--host", f"unix://{folder}/docker.sock", "--pidfile", f"{folder}/docker.pid"),
            *("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
        ],
    )


def main(folder: str, dockerd: str, containerd: str) -> None:
    """Obeys `start` until standard input ends or a signal asks to end; then tears down."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps children and adopted orphans at once
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        for command in sys.stdin:
            if command.strip() == "start":
                print(_start(folder, dockerd, containerd), flush=True)
    finally:
        tear_down(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
