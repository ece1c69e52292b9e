"""Prints how quickly sessions open and how much goes through them, beside the ssh program, in one run.

    python -m tests.bench.sessions [--rounds 5]

Nothing is asserted: machines differ, and a shared one is slow at times.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.rig import shell_image
from tests.rig.engine import PrivateEngine, why_unavailable
from tests.rig.sshd import Sshd, why_no_sshd
from tests.ssh.asking import Somebody
from tui.backends.ssh.configuration import SshHost
from tui.backends.ssh.connection import Connection
from tui.backends.terminal.pipes import pump
from tui.model.sessions import Consent, KeyConsent, RouteChoice, SessionRequest
from tui.workstation import open_local

_BYTES = 100 << 20
_FLOOD = f"head -c {_BYTES} /dev/zero"


class _Agreeing(Somebody):
    def consent(self, question: KeyConsent) -> Consent:
        return Consent.YES


def timed(act: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each round."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return found


def told(seconds: list[float]) -> str:
    """Least and median, in ms."""
    return f"{min(seconds) * 1000:6.0f} / {statistics.median(seconds) * 1000:6.0f} ms"


def throughput(seconds: list[float]) -> str:
    """MB/s of the median."""
    return f"{_BYTES / statistics.median(seconds) / 1e6:6.0f} MB/s"


def of_ssh(server: Sshd, rounds: int) -> None:
    """100 MB through our channel and through the ssh program, one after the other, several times."""
    known = server.known_hosts()
    argv = [
        "ssh", "-F", "none", "-p", str(server.port), "-i", str(server.client_key),
        "-o", f"UserKnownHostsFile={known}", "-o", "IdentitiesOnly=yes", f"{server.user}@127.0.0.1",
    ]  # fmt: skip
    host = SshHost(
        "box", "127.0.0.1", server.port, server.user, identity_files=(str(server.client_key),),
        identities_only=True, identity_agent="none", user_known_hosts=(str(known),),
    )  # fmt: skip
    sink = os.open(os.devnull, os.O_WRONLY)
    nothing = os.open(os.devnull, os.O_RDONLY)

    def by_program(*more: str) -> None:
        subprocess.run([*argv, *more, _FLOOD], check=True, stdout=sink, stdin=nothing)

    def by_us() -> None:
        connection = Connection.open(host, Somebody())
        pump(connection.channel(_FLOOD, None, 10), nothing, sink, sink)
        connection.close()

    theirs, gcm, ours = [], [], []
    for _ in range(rounds):
        theirs += timed(by_program, 1)
        gcm += timed(lambda: by_program("-c", "aes128-gcm@openssh.com"), 1)
        ours += timed(by_us, 1)
    print(f"100 MB through a pipe, with the login: ssh {throughput(theirs)}, ssh with aes128-gcm"
          f" {throughput(gcm)}, envtui {throughput(ours)}")  # fmt: skip
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"envtui's throughput is {ratio:.2f} of the ssh program's")


def of_routes(engine: PrivateEngine, rounds: int) -> None:
    """How long it takes until a session is open, and until it is closed, by each route."""
    shell_image.build_shell_image(engine)
    shell_image.run_with_sshd(engine, "port")
    shell_image.run_without_running_sshd(engine, "noport")
    workstation = open_local(engine.host)
    assert workstation.shells is not None
    shells = workstation.shells
    listed = {each.name: each for each in workstation.containers.containers()[0]}
    for words, name, choice in (
        ("ssh port", "port", RouteChoice.SSH),
        ("ssh through the engine", "noport", RouteChoice.SSH),
        ("engine exec", "port", RouteChoice.EXEC),
    ):
        request = SessionRequest(listed[name], route=choice, command=("true",))
        opened, closed, first = [], [], 0.0
        for number in range(rounds + 1):
            began = time.perf_counter()
            session = shells.open(replace(request), _Agreeing())
            seconds = time.perf_counter() - began
            while session.channel.read() is not None:
                pass
            closed += timed(session.close, 1)
            if number:
                opened.append(seconds)
            else:
                first = seconds
        print(f"{words:24} open {told(opened)}, the first time {first * 1000:.0f} ms, closed {told(closed)}")
    docker = ["docker", "--host", engine.host, "exec", "port", "true"]
    print(f"{'docker exec':24} done {told(timed(lambda: subprocess.run(docker, check=True), rounds))}")
    argv = [
        sys.executable,
        "-m",
        "tui",
        "--host",
        engine.host,
        "ssh",
        "port",
        "--route",
        "exec",
        "--",
        "true",
    ]
    print(f"{'envtui ssh … -- true':24} done {told(timed(lambda: subprocess.run(argv, check=True), rounds))}")


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    reason = why_no_sshd() or why_unavailable() or shell_image.why_unavailable()
    if reason is not None:
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        with Sshd(Path(folder)) as server:
            of_ssh(server, rounds)
        with PrivateEngine() as engine:
            of_routes(engine, rounds)


if __name__ == "__main__":
    main()
