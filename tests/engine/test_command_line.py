"""`envtui ps` tells scripts and people what the engine says; mistakes end in one line and an exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.engine.program import ENVTUI, PATIENCE_SECONDS, listed, on_terminal, run
from tests.rig.engine import PrivateEngine
from tests.rig.waiting import until
from tui.backends.docker.cgroups import CgroupReader
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.endpoint import ACCEPTED, find
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.stats import DockerStatistics
from tui.model.stats import StatsSample

BUSY = ("sh", "-c", "while :; do :; done")
FIGURES = (
    "cpu_percent",
    "memory_bytes",
    "memory_limit_bytes",
    "pids",
    "network_rx_bytes_per_second",
    "network_tx_bytes_per_second",
)
# In memory for good, and much more than the shell itself takes.
HELD_BYTES = 30_000_000
HOLDER = ("sh", "-c", f"head -c {HELD_BYTES} /dev/zero >/dev/shm/held; touch /tmp/ready; exec idle")
MEBIBYTE = 1 << 20
GONE = "unix:///nonexistent/docker.sock"


# -- for scripts


def test_json_tells_a_running_container(clean_engine: PrivateEngine) -> None:
    clean_engine.docker("network", "create", "lab")
    published = ("--network", "lab", "--publish", "127.0.0.1::8888", "--expose", "6006/udp")
    marked = ("--label", "com.docker.compose.project=vision", "--label", "empty=")
    identity = clean_engine.run_container("trainer", args=(*published, *marked))
    host_port = int(clean_engine.docker("port", "trainer", "8888").strip().rpartition(":")[2])

    told = listed(clean_engine.host)["trainer"]

    times = {key: told.pop(key) for key in ("created_at", "started_at")}
    assert told.pop("ports") == [
        {"host_ip": "127.0.0.1", "host_port": host_port, "container_port": 8888, "protocol": "tcp"},
        {"host_ip": None, "host_port": None, "container_port": 6006, "protocol": "udp"},
    ]
    assert told == {
        "id": identity,
        "name": "trainer",
        "image": "envtui-rig:1",
        "image_id": clean_engine.docker("inspect", "--format", "{{.Image}}", "trainer").strip(),
        "state": "running",
        "health": None,
        "finished_at": None,
        "exit_code": None,
        "project": "vision",
        "labels": {"com.docker.compose.project": "vision", "empty": ""},
    }
    state = json.loads(clean_engine.docker("inspect", "trainer"))[0]
    for key, said in (("created_at", state["Created"]), ("started_at", state["State"]["StartedAt"])):
        moment, engines = moment_of(times[key]), datetime.fromisoformat(said[:19] + "+00:00")
        # the list tells the creation in whole seconds
        assert abs(moment - engines) <= timedelta(seconds=1)


def test_json_tells_health(clean_engine: PrivateEngine) -> None:
    checked = ("--network", "none", "--health-interval", "1s", "--health-retries", "1", "--health-cmd")
    clean_engine.run_container("well", args=(*checked, "true"))
    clean_engine.run_container("ill", args=(*checked, "false"))

    def health() -> dict[str, str]:
        return {name: told["health"] for name, told in listed(clean_engine.host).items()}

    until(lambda: health() == {"well": "healthy", "ill": "unhealthy"}, PATIENCE_SECONDS)


def test_json_tells_exit_codes_and_ends(clean_engine: PrivateEngine) -> None:
    for code in (0, 3):
        clean_engine.run_container(f"left-{code}", ("sh", "-c", f"exit {code}"))
    clean_engine.run_container("killed")
    clean_engine.docker("kill", "killed")
    clean_engine.run_container("made", start=False)
    clean_engine.docker("wait", "left-0", "left-3", "killed")

    told = listed(clean_engine.host, "--all")

    assert {name: (each["state"], each["exit_code"]) for name, each in told.items()} == {
        "left-0": ("exited", 0),
        "left-3": ("exited", 3),
        "killed": ("exited", 137),
        "made": ("created", None),
    }
    # of what ends at once the engine may note the end before the start
    assert moment_of(told["killed"]["finished_at"]) >= moment_of(told["killed"]["started_at"])
    assert (told["made"]["started_at"], told["made"]["finished_at"]) == (None, None)


def test_stopped_ones_are_told_with_all_only(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("runs")
    clean_engine.run_container("stands")
    clean_engine.docker("pause", "stands")
    clean_engine.run_container("made", start=False)
    assert {name: each["state"] for name, each in listed(clean_engine.host).items()} == {
        "runs": "running",
        "stands": "paused",
    }
    assert list(listed(clean_engine.host, "--all")) == ["runs", "stands", "made"]


def test_no_container_is_an_empty_array(clean_engine: PrivateEngine) -> None:
    assert listed(clean_engine.host, "--all") == {}


# -- figures


def test_memory_is_what_docker_stats_says(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("holder", HOLDER, ("--network", "none", "--memory", "128m"))
    until(lambda: "ready" in clean_engine.docker("exec", "holder", "ls", "/tmp"), PATIENCE_SECONDS)

    told = listed(clean_engine.host, "--stats")["holder"]

    shown = clean_engine.docker("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", "holder")
    match = re.fullmatch(r"([\d.]+)MiB / 128MiB (\d+)", shown.strip())
    assert match, shown
    assert told["memory_bytes"] > HELD_BYTES
    assert told["memory_bytes"] == pytest.approx(float(match[1]) * MEBIBYTE, abs=2 * MEBIBYTE)
    assert told["memory_limit_bytes"] == 128 * MEBIBYTE
    assert told["pids"] == int(match[2]) == 1


def test_a_busy_loop_takes_what_it_gets_of_a_core(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("busy", BUSY)
    clean_engine.run_container("lazy")
    pid = clean_engine.docker("inspect", "--format", "{{.State.Pid}}", "busy").strip()

    def is_told() -> bool:
        began, before = time.monotonic(), _used_seconds(pid)
        told = listed(clean_engine.host, "--stats")
        # others may want the cores, too
        share = 100 * (_used_seconds(pid) - before) / (time.monotonic() - began)
        assert told["busy"]["cpu_percent"] < 140
        assert told["lazy"]["cpu_percent"] < 20
        return bool(0.6 * share < told["busy"]["cpu_percent"] < 1.6 * share)

    until(is_told, PATIENCE_SECONDS, "busy gets what its process does")


def _used_seconds(pid: str) -> float:
    """The processor time of a process."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_network_rates_are_null_where_they_are_the_hosts(clean_engine: PrivateEngine) -> None:
    clean_engine.docker("network", "create", "lab")
    clean_engine.run_container("own", args=("--network", "lab"))
    clean_engine.run_container("hosts", args=("--network", "host"))
    told = listed(clean_engine.host, "--stats")
    for way in ("network_rx_bytes_per_second", "network_tx_bytes_per_second"):
        assert told["own"][way] >= 0
        assert told["hosts"][way] is None
    assert told["hosts"]["memory_bytes"] > 0


def test_what_does_not_run_has_no_figures(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("made", start=False)
    told = listed(clean_engine.host, "--all", "--stats")["made"]
    assert {figure: told[figure] for figure in FIGURES} == dict.fromkeys(FIGURES)
    assert not set(FIGURES) & listed(clean_engine.host, "--all")["made"].keys()


def test_figures_asked_from_the_engine_agree_with_the_kernels(clean_engine: PrivateEngine) -> None:
    clean_engine.docker("network", "create", "lab")
    write = "dd if=/dev/zero of=/tmp/data bs=1M count=4 conv=fsync; touch /tmp/ready; exec idle"
    clean_engine.run_container("box", ("sh", "-c", write), ("--network", "lab", "--memory", "64m"))
    until(lambda: "ready" in clean_engine.docker("exec", "box", "ls", "/tmp"), PATIENCE_SECONDS)
    clean_engine.docker("exec", "box", "ping", "-c", "1", "127.0.0.1")
    engine = DockerEngine(find(clean_engine.host, {}))
    containers, _ = DockerContainers(engine).containers()

    def sample(cgroups: CgroupReader | None) -> StatsSample:
        return DockerStatistics(engine, cgroups).samples(containers)[containers[0].id]

    # the kernel is asked before and after: what only grows must lie between
    before, told, after = sample(CgroupReader()), sample(None), sample(CgroupReader())

    for counter in (
        "cpu_nanoseconds",
        "network_rx_bytes",
        "network_tx_bytes",
        "block_read_bytes",
        "block_write_bytes",
    ):
        low, value, high = (getattr(each, counter) for each in (before, told, after))
        assert low <= value <= high, counter
    assert told.memory_bytes == pytest.approx(before.memory_bytes, abs=MEBIBYTE)
    assert told.memory_limit_bytes == before.memory_limit_bytes == 64 * MEBIBYTE
    assert told.pids == before.pids == 1


# -- for people


def test_a_piped_table_is_plain_and_whole(clean_engine: PrivateEngine) -> None:
    name = "a-name-that-alone-is-wider-than-the-terminal-of-whoever-began-this-" + "x" * 60
    clean_engine.run_container(name)
    clean_engine.run_container("made", start=False)
    done = run("--host", clean_engine.host, "ps", "--all", "--stats")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(character.isprintable() or character == "\n" for character in done.stdout)
    title, first, second = done.stdout.splitlines()
    assert title.split() == ["NAME", "STATE", "CPU", "MEMORY", "AGE", "IMAGE", "PORTS"]
    assert first.split()[:2] == [name, "running"] and first.endswith("envtui-rig:1")
    assert second.split()[:2] == ["made", "created"]
    assert first.index("envtui-rig:1") == second.index("envtui-rig:1") == title.index("IMAGE")


@pytest.mark.by_default("40", "200")
@pytest.mark.parametrize("columns", [40, 60, 200])
def test_a_table_fits_its_terminal(clean_engine: PrivateEngine, columns: int) -> None:
    clean_engine.run_container("with-a-name-of-some-length-as-people-make-them")
    clean_engine.run_container("short")
    with on_terminal("--host", clean_engine.host, "ps", columns=columns, rows=12) as terminal:
        assert terminal.wait_exit() == 0
        title, short, long, *rest = terminal.lines()
        assert title.startswith("NAME") and short.startswith("short  ") and long.startswith("with-a-name")
        assert not any(rest), "no line was too long for the terminal"
        assert long.endswith("…" if columns < 100 else "envtui-rig:1")
        assert b"\x1b" not in terminal.raw


def test_a_person_is_told_that_nothing_runs(clean_engine: PrivateEngine) -> None:
    with on_terminal("--host", clean_engine.host, "ps") as terminal:
        assert terminal.wait_exit() == 0
        assert "no container runs; --all shows stopped ones" in terminal.text()
    assert run("--host", clean_engine.host, "ps").stderr == ""


@pytest.mark.parametrize("arguments", [("--json",), ()], ids=["json", "table"])
def test_a_reader_that_has_enough_is_not_complained_to(
    clean_engine: PrivateEngine, arguments: tuple[str, ...]
) -> None:
    # JSON of so many is larger than what a pipe holds
    clean_engine.create_many(200, "stopped", start=False, extra={"Labels": {"long": "x" * 200}})
    command = [*ENVTUI, "--host", clean_engine.host, "ps", "--all", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout and program.stderr
        if arguments:
            assert program.stdout.readline() == b"[\n"
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait(PATIENCE_SECONDS) == 0


def test_a_full_disk_ends_in_one_line(clean_engine: PrivateEngine) -> None:
    command = [*ENVTUI, "--host", clean_engine.host, "ps"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    one_line_about(done.stderr, "No space left on device")


def test_closed_streams_are_no_reason_to_fail(clean_engine: PrivateEngine) -> None:
    command = f"{' '.join(ENVTUI)} --host {clean_engine.host} ps <&- >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


# -- mistakes


@pytest.mark.parametrize(
    "arguments",
    [("--nonsense",), ("ps", "--nonsense"), ("launch",), ("ps", "extra"), ("--host",)],
    ids=" ".join,
)
def test_what_is_no_command_line_gets_the_usage(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: envtui") and "error:" in done.stderr


MALFORMED = {
    "nonsense://box": "is not a known kind of address",
    "unix://relative/docker.sock": "must start with /",
    "tcp://": "it must be tcp://host:port",
    "tcp://box:port": "Port could not be cast",
    "tcp://box:2375/path": "it must be tcp://host:port",
    "unix:///run/\x1b]0;owned\x07": "control character",
    "ssh://me@box": "not supported",
    "no-such-context": "there is no docker context of that name",
}


@pytest.mark.by_default("nonsense://box", "tcp://box:port", "unix:///run/\\x1b]0;owned\\x07", "ssh://me@box")
@pytest.mark.parametrize("host", MALFORMED)
def test_a_malformed_host_ends_in_one_line(host: str) -> None:
    done = run("--host", host, "ps")
    assert (done.returncode, done.stdout) == (1, "")
    one_line_about(done.stderr, host if host.isprintable() else "unix:///run/", MALFORMED[host], ACCEPTED)


@pytest.mark.by_default("unix://relative/docker.sock", "no-such-context")
@pytest.mark.parametrize("host", MALFORMED)
def test_the_screen_does_not_open_for_a_malformed_host(host: str) -> None:
    with on_terminal("--host", host, columns=300) as terminal:
        assert terminal.wait_exit() == 1
        shown = terminal.text().strip("\n")
        one_line_about(
            shown + "\n", host if host.isprintable() else "unix:///run/", MALFORMED[host], ACCEPTED
        )
        assert b"\x1b" not in terminal.raw


def test_a_host_where_nothing_listens_ends_in_one_line(tmp_path: Path) -> None:
    plain = tmp_path / "file"
    plain.touch()
    for host, why in (
        (GONE, "/nonexistent/docker.sock does not exist"),
        (f"unix://{plain}", "nothing listens on"),
        ("tcp://127.0.0.1:1", "Connection refused"),
    ):
        done = run("--host", host, "ps")
        assert (done.returncode, done.stdout) == (1, "")
        one_line_about(done.stderr, host, why, "--host" if host.startswith("unix") else "Check the address")


def test_the_screen_needs_a_terminal() -> None:
    done = run("--host", GONE)
    assert (done.returncode, done.stdout) == (2, "")
    one_line_about(done.stderr, "No terminal", "standard input and output", "envtui ps --json")


def one_line_about(text: str, *words: str) -> None:
    """One line of ours, with nothing in it that a terminal obeys, and these words."""
    line, end, rest = text.partition("\n")
    assert (end, rest) == ("\n", "") and line.startswith("envtui: ") and line.isprintable()
    assert [word for word in words if word not in line] == []


def moment_of(told: Any) -> datetime:
    """The moment of an ISO 8601 time, which must say its offset."""
    moment = datetime.fromisoformat(told)
    assert moment.utcoffset() is not None
    return moment
