"""What tests rely on: engines that leave nothing behind, a truthful proxy, a terminal that is one."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.rig import guard
from tests.rig.engine import PrivateEngine, sweep
from tests.rig.proxy import EngineProxy, Request
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import NotReached, until, until_async

ROOT = Path(__file__).resolve().parents[2]

OWNER = """
import signal, sys
from tests.rig.engine import PrivateEngine
engine = PrivateEngine()
engine.start()
engine.build_image()
engine.create_many(2, "left", command=("sleep", "1000000"))
engine.docker("network", "create", "left")
print(engine.folder, flush=True)
signal.pause()
"""

APP = """
from textual.app import App
from textual.widgets import Static

class Tiny(App):
    BINDINGS = [("f1", "greet", "Greet"), ("down", "low", "Low")]

    def compose(self):
        yield Static("[bold white on #102030]wörld 日本[/]", id="mark")
        yield Static("start", id="says")

    def on_resize(self, event):
        self.query_one("#says").update(f"{event.size.width} by {event.size.height}")

    def action_greet(self):
        self.query_one("#says").update("greeted")

    def action_low(self):
        self.query_one("#says").update("lower")

Tiny().run()
"""


def present(bridges: list[str]) -> list[str]:
    return [name for name in bridges if os.path.exists(f"/sys/class/net/{name}")]


def assert_nothing_left(folder: Path) -> None:
    assert guard.engine_processes(str(folder)) == []
    assert guard.guard_of(str(folder)) is None
    assert guard.mounts_below(str(folder)) == []
    assert not folder.exists()


def get(socket_path: str, *paths: str) -> list[object]:
    """Asks for all paths on one connection that is kept alive."""
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(30)
    connection.sock.connect(socket_path)
    try:
        answers = []
        for path in paths:
            connection.request("GET", path)
            answers.append(json.loads(connection.getresponse().read()))
        return answers
    finally:
        connection.close()


# -- the engine


def test_engines_beside_each_other_see_only_their_own_and_leave_nothing(engine: PrivateEngine) -> None:
    with PrivateEngine() as other:
        other.build_image()
        other.create_many(2, "theirs")
        other.run_container("stubborn", ("sleep", "1000000"))
        other.docker("pause", "theirs-001")
        other.docker("network", "create", "theirs")
        engine.run_container("ours")
        names = other.docker("ps", "--format", "{{.Names}}").split()
        assert sorted(names) == ["stubborn", "theirs-000", "theirs-001"]
        assert "theirs" not in engine.docker("ps", "--all")
        engine.docker("rm", "--force", "ours")
        bridges = guard.bridges(str(other.folder))
        assert len(present(bridges)) == 1
        shims = guard.engine_processes(str(other.folder), "containerd-shim.*")
        assert len(shims) == 3
        cgroups = guard.container_cgroups(str(other.folder))
        assert cgroups
    assert_nothing_left(other.folder)
    assert not any(map(os.path.exists, cgroups))
    assert not any(map(guard.start_time, shims))
    assert present(bridges) == []


@pytest.mark.usefixtures("engine")
def test_guard_ends_the_engine_of_a_killed_owner() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        folder = Path(owner.stdout.readline().strip())
        assert guard.engine_processes(str(folder), "dockerd")
        bridges = guard.bridges(str(folder))
        assert present(bridges)
        owner.kill()
    until(lambda: not folder.exists() and guard.guard_of(str(folder)) is None)
    assert_nothing_left(folder)
    assert present(bridges) == []


@pytest.mark.usefixtures("engine")
def test_next_start_sweeps_what_a_killed_owner_and_guard_left() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        folder = Path(owner.stdout.readline().strip())
        guardian = guard.guard_of(str(folder))
        assert guardian
        os.kill(guardian, signal.SIGKILL)
        owner.kill()
    assert guard.engine_processes(str(folder), "containerd-shim.*")
    assert str(folder) in sweep()
    assert_nothing_left(folder)


def test_sweep_spares_engines_whose_owner_lives(engine: PrivateEngine) -> None:
    assert str(engine.folder) not in sweep()
    assert engine.request("GET", "/_ping") == (200, "OK")


def test_frozen_engine_accepts_and_does_not_answer_until_thawed(engine: PrivateEngine) -> None:
    engine.freeze()
    try:
        with pytest.raises(TimeoutError):
            engine.request("GET", "/_ping", timeout=0.3)
    finally:
        engine.thaw()
    assert engine.request("GET", "/_ping")[0] == 200


def test_killed_engine_refuses_and_starts_again_with_its_containers(clean_engine: PrivateEngine) -> None:
    key = clean_engine.run_container("survivor")
    clean_engine.kill()
    with pytest.raises(OSError):
        clean_engine.request("GET", "/_ping")
    clean_engine.start()
    assert clean_engine.request("GET", f"/containers/{key}/json")[0] == 200


def test_many_containers_stop_at_once_and_go_at_once(clean_engine: PrivateEngine) -> None:
    keys = clean_engine.create_many(4, "many", extra={"Labels": {"a": "b"}})
    listed = clean_engine.docker("ps", "--quiet", "--no-trunc", "--filter", "label=a=b").split()
    assert set(listed) == set(keys)
    started = time.monotonic()
    clean_engine.docker("stop", keys[0])
    assert time.monotonic() - started < 5
    _, details = clean_engine.request("GET", f"/containers/{keys[0]}/json")
    assert (details["Name"], details["State"]["ExitCode"]) == ("/many-000", 0)
    clean_engine.docker("pause", keys[1])
    clean_engine.remove_all()
    assert clean_engine.request("GET", "/containers/json?all=1") == (200, [])


# -- the proxy


def test_proxy_counts_every_request_of_a_connection(proxy: EngineProxy) -> None:
    assert get(proxy.socket_path, "/version", "/v1.41/containers/json?all=1", "/info")[1] == []
    seen = proxy.requests()
    assert [request.resource for request in seen] == ["/version", "/containers/json", "/info"]
    assert proxy.count(lambda request: request.path.endswith("?all=1")) == 1
    assert proxy.requests(since=seen[-1].at) == [seen[-1]]
    until(lambda: proxy.connections == 0)
    proxy.clear()
    assert proxy.count() == 0


def test_proxy_rewrites_a_list(proxy: EngineProxy, clean_engine: PrivateEngine) -> None:
    clean_engine.create_many(12, "plain", start=False)  # enough for the engine to answer in chunks

    def rewrite(method: str, path: str, body: bytes) -> bytes:
        return body.replace(b"/plain-", b"/hostile-name-") if "/containers/json" in path else body

    proxy.rewrite = rewrite
    (rows,) = get(proxy.socket_path, "/containers/json?all=1")
    assert isinstance(rows, list)
    assert {row["Names"][0] for row in rows} == {f"/hostile-name-{number:03d}" for number in range(12)}


def test_proxy_streams_events_at_once_and_rewrites_them(
    proxy: EngineProxy, clean_engine: PrivateEngine
) -> None:
    proxy.rewrite_event = lambda line: line.replace(b'"create"', b'"made"') if b'"create"' in line else None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(proxy.socket_path)
    with connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""

        def receive(mark: bytes) -> bool:
            nonlocal received
            if select.select([connection], [], [], 0)[0]:
                received += connection.recv(65536)
            return mark in received

        until(lambda: receive(b"\r\n\r\n"))
        clean_engine.run_container("eventful")
        until(lambda: receive(b'"made"'), 5)
        assert b'"start"' not in received
    until(lambda: proxy.connections == 0)


def test_docker_attaches_and_executes_through_the_proxy(
    proxy: EngineProxy, clean_engine: PrivateEngine
) -> None:
    clean_engine.run_container("inside")
    command = ["docker", "-H", proxy.host, "exec", "-i", "inside", "sh", "-c", "cat; echo done"]
    done = subprocess.run(command, input=b"typed\n", capture_output=True, timeout=30, check=True)
    assert done.stdout == b"typed\ndone\n"
    until(lambda: proxy.connections == 0)


def test_proxy_fails_on_request(proxy: EngineProxy) -> None:
    proxy.override("GET", "^/info", 404, {"message": "nothing here"})
    assert get(proxy.socket_path, "/v1.41/info") == [{"message": "nothing here"}]
    proxy.refuse, proxy.faults_match = 503, "^GET /version"
    assert get(proxy.socket_path, "/version", "/containers/json") == [{"message": "refused by the test"}, []]
    proxy.refuse, proxy.cut_requests = None, True
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        get(proxy.socket_path, "/version")
    proxy.cut_requests, proxy.faults_match, proxy.hang = False, "", True
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    held.connect(proxy.socket_path)
    with held:
        before = proxy.count()
        held.sendall(b"GET /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: proxy.count() > before)
        assert not select.select([held], [], [], 0.1)[0]
        proxy.hang = False
        assert held.recv(100).startswith(b"HTTP/1.1 200")
        proxy.cut()
        until(lambda: proxy.connections == 0)


def test_closed_proxy_leaves_no_thread(engine: PrivateEngine) -> None:
    proxy = EngineProxy(engine.socket_path)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(proxy.socket_path)
    with connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        proxy.close()
        until(lambda: connection.recv(65536) == b"")
    assert proxy.connections == 0
    assert not Path(proxy.socket_path).parent.exists()


def test_request_resource_is_without_version_and_query() -> None:
    assert Request(0.0, "GET", "/v1.41/containers/json?all=1").resource == "/containers/json"


# -- the terminal


def test_textual_app_sees_keys_and_sizes_and_gives_the_terminal_back() -> None:
    with TerminalSession([sys.executable, "-c", APP], 80, 24) as session:
        session.wait_for("80 by 24")
        modes = session.private_modes()
        assert (modes[1049], modes[25], modes[2004], session.echo, session.canonical) == (
            True,
            False,
            True,
            False,
            False,
        )
        mark = session.cell(0, 0)
        assert (mark.char, mark.bold, mark.bg) == ("w", True, "102030")
        assert session.lines()[0] == "wörld 日本"
        session.press("f1")
        session.wait_for("^greeted")
        session.press("down")
        session.wait_for(lambda text: "lower" in text)
        session.resize(100, 30)
        session.wait_for("100 by 30")
        session.press("ctrl+q")
        assert session.wait_exit() == 0
        modes = session.private_modes()
        assert not any(modes[mode] for mode in (1049, 1000, 1003, 1006, 2004, 1004))
        assert modes[25]
        assert session.echo
        assert session.canonical
        assert b"\x1b[?1049l" in session.raw


def test_session_keeps_all_output_and_the_status() -> None:
    with TerminalSession(
        ["sh", "-c", "stty -echo; seq 50000; printf '\\033[31;1mred\\033[0m'; exit 3"], 20, 5
    ) as session:
        assert session.wait_exit() == 3
        assert session.raw.count(b"\n") == 50000
        assert session.lines() == ["49997", "49998", "49999", "50000", "red"]
        assert (session.cell(4, 0).fg, session.cell(4, 0).bold, session.cursor()) == ("red", True, (4, 3))
        assert not session.echo


def test_session_answers_what_programs_ask() -> None:
    questions = r"\033[6n\033[c\033[?2026$p\033[?2048$p"
    script = f"stty raw -echo; printf '{questions}'; head -c 37 | od -An -c; stty sane"
    with TerminalSession(["sh", "-c", script], 80, 10) as session:
        session.wait_exit()
        text = "".join(session.text().split())
        assert "[1;1R" in text
        assert "[?2026;2$y" in text
        assert "[?2048;0$y" in text


def test_a_screen_that_never_shows_it_is_in_the_failure() -> None:
    with TerminalSession(["cat"], 40, 4) as session:
        session.send("typed\n")
        session.wait_for("typed\ntyped")
        with pytest.raises(NotReached, match="typed"):
            session.wait_for("never", timeout=0.1)
        session.signal(signal.SIGSTOP)
        until(lambda: session.state == "T")
    assert session.state == ""


async def test_waiting_lets_the_event_loop_run() -> None:
    looks = iter((None, "", "third"))
    assert await until_async(lambda: next(looks)) == "third"
    with pytest.raises(NotReached, match="the moon"):
        await until_async(lambda: None, 0.05, "the moon")
