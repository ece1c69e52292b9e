"""Services of containers on a real engine: logs, published ports, and what is asked inside."""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Sequence

import pytest

from tests.rig.engine import PrivateEngine
from tests.rig.waiting import until
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.exec import CANNOT_RUN, NOT_FOUND, run
from tui.model.containers import Container
from tui.model.errors import Conflict, NoSuchContainer
from tui.model.services import Service, ServiceKind
from tui.workstation import Workstation, open_local

TOKEN = "97fea1529745015289d17d4f930c829e27d957f9fe3a471a"
SERVER_LIST = (
    '{"base_url": "/", "hostname": "0.0.0.0", "password": false, "pid": 1, "port": 8888, "root_dir": "/", '
    f'"secure": false, "sock": "", "token": "{TOKEN}", "url": "http://box:8888/", "version": "2.21.1"}}'
)
ANNOUNCED = (
    "[I 2026-11-24 00:21:57.684 ServerApp] Jupyter Server 2.21.1 is running at:",
    f"[I 2026-11-24 00:21:57.684 ServerApp] http://box:8888/lab?token={TOKEN}",
    f"[I 2026-11-24 00:21:57.684 ServerApp]     http://127.0.0.1:8888/lab?token={TOKEN}",
)
# What a person waits for an answer, with an engine and a machine that have other things to do.
ABOUT_FIVE_SECONDS = 10.0

WRITE_PAGE = "mkdir -p /www; echo '<title>{}</title>' > /www/index.html"
OPEN_STATUS = "mkdir -p /www/api; echo '{\"kernels\": 0}' > /www/api/status"
# the folder of the API asks for a password, as Jupyter's asks for a token
CLOSED_STATUS = f"{OPEN_STATUS}; echo '/api:nobody:secret' > /etc/httpd.conf"
SERVE = "httpd -f -p {} -h /www"
WITH_JUPYTER = "echo '#!/bin/sh' > /bin/jupyter; echo {} >> /bin/jupyter; chmod +x /bin/jupyter"


def say(lines: Sequence[str]) -> str:
    return "; ".join(f"echo {shlex.quote(line)} >&2" for line in lines)


def jupyter_script(listed: str = SERVER_LIST) -> str:
    """Makes the container's `jupyter` print this for `server list --json`."""
    script = f'[ "$*" = "server list --json" ] && echo {shlex.quote(listed)}'
    return WITH_JUPYTER.format(shlex.quote(script))


class Box:
    """Containers on an engine with a network of its own, and what is found in them."""

    def __init__(self, engine: PrivateEngine) -> None:
        self.engine = engine
        self.host: Workstation = open_local(engine.host, {})
        engine.docker("network", "create", "lab")

    def start(
        self, *commands: str, args: Sequence[str] = ("--network", "lab", "-p", "127.0.0.1::8888")
    ) -> str:
        """A container that does this; its id, once it has begun to serve or sleep."""
        key = self.engine.run_container("box", ("sh", "-c", "; ".join(commands)), args)
        until(lambda: self.engine.docker("top", key), 30.0, "it runs")
        return key

    def container(self) -> Container:
        (found,) = self.host.containers.containers()[0]
        return found

    def host_port(self, inside: int) -> int:
        ports = self.container().ports
        return next(each.host_port for each in ports if each.container_port == inside and each.host_port)

    def commands_run(self) -> str:
        """The engine's events of commands that were run in the container."""
        wanted = ("--filter", f"container={self.container().id}", "--filter", "event=exec_create")
        # whole seconds: the present one must be over
        until_seconds = str(int(time.time()) + 1)
        return self.engine.docker("events", "--since", "1h", "--until", until_seconds, *wanted)

    def look(self, ask_inside: bool = True) -> Sequence[Service]:
        assert self.host.services is not None
        begin = time.monotonic()
        found = self.host.services.services(self.container(), ask_inside)
        assert time.monotonic() - begin < ABOUT_FIVE_SECONDS
        return found

    def sees(self, count: int = 1, answers: bool = True, ask_inside: bool = True) -> Sequence[Service]:
        """What is found once it serves."""

        def found() -> Sequence[Service] | None:
            services = self.look(ask_inside)
            silent = [each for each in services if "nothing answers" in each.note]
            return services if len(services) == count and not (answers and silent) else None

        return until(
            found, 60.0, lambda: f"{count} services: {self.look()}\n{self.engine.docker('logs', 'box')}"
        )


@pytest.fixture
def box(clean_engine: PrivateEngine) -> Box:
    return Box(clean_engine)


class TestJupyter:
    def test_its_token_is_in_the_log_and_its_port_is_another_here(self, box: Box) -> None:
        box.start(WRITE_PAGE.format("Jupyter Server"), CLOSED_STATUS, say(ANNOUNCED), SERVE.format(8888))
        (service,) = box.sees()
        port = box.host_port(8888)
        assert port != 8888
        assert service == Service(
            ServiceKind.JUPYTER,
            "JupyterLab",
            f"http://127.0.0.1:{port}/lab?token={TOKEN}",
            8888,
            port,
            TOKEN,
            is_open=False,
        )

    def test_one_without_authentication_is_told_as_such(self, box: Box) -> None:
        box.start(WRITE_PAGE.format("JupyterLab"), OPEN_STATUS, SERVE.format(8888))
        (service,) = box.sees()
        assert (service.kind, service.title) == (ServiceKind.JUPYTER, "JupyterLab")
        assert (service.is_open, service.token) == (True, None)

    def test_a_token_that_left_the_log_is_asked_for_inside(self, box: Box) -> None:
        flood = "seq 200000 | sed s/$/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/"
        args = ("--network", "lab", "-p", "127.0.0.1::8888", "--log-opt", "max-size=100k")
        box.start(
            jupyter_script(), WRITE_PAGE.format("Jupyter Server"), CLOSED_STATUS, say(ANNOUNCED), flood,
            SERVE.format(8888), args=args,
        )  # fmt: skip
        (service,) = box.sees()
        assert TOKEN not in box.engine.docker("logs", "box")
        assert (service.token, service.is_open, service.note) == (TOKEN, False, "")
        assert "jupyter server list --json" in box.commands_run()
        assert service.url == f"http://127.0.0.1:{box.host_port(8888)}/?token={TOKEN}"

    def test_nothing_is_run_inside_where_that_is_not_allowed(self, box: Box) -> None:
        box.start(jupyter_script(), WRITE_PAGE.format("Jupyter Server"), CLOSED_STATUS, SERVE.format(8888))
        (service,) = box.sees(ask_inside=False)
        assert service.token is None
        assert "read-only" in service.note
        assert box.commands_run() == ""

    def test_nobody_is_asked_inside_a_container_that_looks_like_none(self, box: Box) -> None:
        args = ("--network", "lab", "-p", "127.0.0.1::8000")
        box.start(WRITE_PAGE.format("Page"), SERVE.format(8000), args=args)
        assert [each.title for each in box.sees()] == ["Page"]
        assert box.commands_run() == ""

    def test_without_a_jupyter_command_it_says_so(self, box: Box) -> None:
        box.start(WRITE_PAGE.format("Jupyter Server"), CLOSED_STATUS, SERVE.format(8888))
        (service,) = box.sees()
        assert (service.token, service.is_open) == (None, False)
        assert "no jupyter command" in service.note

    def test_a_token_from_the_containers_environment(self, box: Box) -> None:
        args = ("--network", "lab", "-p", "127.0.0.1::8888", "--env", "JUPYTER_TOKEN=open sesame")
        chosen = [line.replace(TOKEN, "...") for line in ANNOUNCED]
        box.start(
            WRITE_PAGE.format("Jupyter Server"), CLOSED_STATUS, say(chosen), SERVE.format(8888), args=args
        )
        (service,) = box.sees(ask_inside=False)
        assert service.url == f"http://127.0.0.1:{box.host_port(8888)}/lab?token=open%20sesame"

    def test_a_restart_counts(self, box: Box) -> None:
        count = "echo x >> /starts"
        say_token = f'echo "http://box:8888/lab?token={TOKEN[:-1]}$(wc -l < /starts)"'
        box.start(count, say_token, WRITE_PAGE.format("Jupyter Server"), CLOSED_STATUS, SERVE.format(8888))
        box.sees()
        box.engine.docker("restart", "--time", "0", "box")
        until(lambda: box.sees()[0].token == f"{TOKEN[:-1]}2", 30.0, "the token of the second start")

    def test_one_that_is_not_published(self, box: Box) -> None:
        box.start(say(ANNOUNCED), "exec idle", args=("--network", "none"))
        (service,) = box.sees()
        assert (service.url, service.token) == (None, TOKEN)
        assert service.note == "port 8888 is not published: recreate the container with -p 8888:8888"

    def test_one_that_listens_for_itself_alone(self, box: Box) -> None:
        box.start(say(ANNOUNCED), WRITE_PAGE.format("x"), SERVE.format("127.0.0.1:8888"))
        (service,) = box.sees(answers=False)
        assert service.url is not None
        assert "does it listen on 0.0.0.0" in service.note

    def test_on_the_hosts_network_its_port_is_the_same(self, box: Box) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            free = listener.getsockname()[1]
        announced = [line.replace(":8888", f":{free}") for line in ANNOUNCED]
        box.start(
            WRITE_PAGE.format("Jupyter Server"), CLOSED_STATUS, say(announced),
            SERVE.format(f"127.0.0.1:{free}"), args=("--network", "host"),
        )  # fmt: skip
        (service,) = box.sees()
        assert service.url == f"http://127.0.0.1:{free}/lab?token={TOKEN}"

    def test_one_that_was_started_by_hand_in_a_shell_of_its_own(self, box: Box) -> None:
        # no word of it in image, command, ports or log: only the process tells
        run_it = "sh -c 'exec -a /bin/jupyter-lab sleep 7777' & exec idle"
        box.start(jupyter_script(), run_it, args=("--network", "none"))
        (service,) = box.sees()
        assert (service.token, service.url) == (TOKEN, None)


class TestOthers:
    def test_tensorboard_and_a_page_on_ports_of_their_own(self, box: Box) -> None:
        args = ("--network", "lab", "-p", "127.0.0.1::6006", "-p", "127.0.0.1::8000", "-p", "127.0.0.1::22")
        box.start(
            WRITE_PAGE.format("My Dashboard"), "httpd -p 8000 -h /www",
            "mkdir -p /tb/data; echo '<title>TensorBoard</title>' > /tb/index.html",
            "echo '{\"data_location\": \"/runs\"}' > /tb/data/environment",
            "echo 'TensorBoard 2.21.0 at http://box:6006/ (Press CTRL+C to quit)'",
            "(nc -lk -p 22 -e echo SSH-2.0-OpenSSH_9.2 &)",
            "httpd -f -p 6006 -h /tb", args=args,
        )  # fmt: skip
        tensorboard, page = box.sees(2)
        assert (tensorboard.kind, tensorboard.title) == (ServiceKind.TENSORBOARD, "TensorBoard")
        assert (tensorboard.note, tensorboard.is_open) == ("/runs", None)
        assert tensorboard.url == f"http://127.0.0.1:{box.host_port(6006)}/"
        assert (page.kind, page.title) == (ServiceKind.HTTP, "My Dashboard")
        assert page.url == f"http://127.0.0.1:{box.host_port(8000)}/"

    def test_a_title_that_would_drive_a_terminal_stays_raw_until_it_is_shown(self, box: Box) -> None:
        write = "mkdir -p /www; printf '<title>\\033[2J[red]x</title>' > /www/index.html"
        box.start(write, SERVE.format(8888))
        (service,) = box.sees()
        assert service.title == "\x1b[2J[red]x"

    def test_a_log_driver_that_keeps_nothing_hides_no_port(self, box: Box) -> None:
        args = ("--network", "lab", "-p", "127.0.0.1::8888", "--log-driver", "none")
        box.start(WRITE_PAGE.format("Page"), SERVE.format(8888), args=args)
        assert [each.title for each in box.sees()] == ["Page"]

    def test_a_flood_in_the_log_is_read_in_part(self, box: Box) -> None:
        box.start(say(ANNOUNCED), "yes 0123456789012345678901234567890123456789", args=("--network", "none"))
        assert [each.token for each in box.sees()] == [TOKEN]

    def test_a_terminal_log(self, box: Box) -> None:
        box.start(say(ANNOUNCED), "exec idle", args=("--network", "none", "--tty"))
        assert [each.token for each in box.sees()] == [TOKEN]

    def test_a_paused_container_answers_nothing_and_takes_no_longer(self, box: Box) -> None:
        box.start(say(ANNOUNCED), WRITE_PAGE.format("x"), SERVE.format(8888))
        box.sees()
        box.engine.docker("pause", "box")
        try:
            (service,) = box.look()
            assert "nothing answers" in service.note
        finally:
            box.engine.docker("unpause", "box")

    def test_a_stopped_container_has_none(self, box: Box) -> None:
        box.engine.run_container("box", start=False)
        assert box.look() == ()

    def test_one_that_went_meanwhile(self, box: Box) -> None:
        box.start("exec idle", args=("--network", "none"))
        container = box.container()
        box.engine.docker("rm", "--force", "box")
        assert box.host.services is not None
        with pytest.raises(NoSuchContainer):
            box.host.services.services(container, True)


class TestExec:
    @pytest.fixture
    def engine_of(self, clean_engine: PrivateEngine) -> DockerEngine:
        engine = DockerEngine(find(clean_engine.host, {}))
        engine.identify()
        return engine

    def test_both_outputs_and_the_exit_code(
        self, clean_engine: PrivateEngine, engine_of: DockerEngine
    ) -> None:
        key = clean_engine.run_container("box")
        for code in (0, 3):
            result = run(engine_of.http, key, ("sh", "-c", f"echo out; echo err >&2; exit {code}"), 30.0)
            assert (result.stdout, result.stderr, result.exit_code) == (b"out\n", b"err\n", code)

    def test_as_another_user(self, clean_engine: PrivateEngine, engine_of: DockerEngine) -> None:
        key = clean_engine.run_container("box")
        assert run(engine_of.http, key, ("id", "-u"), 30.0, user="1234").stdout == b"1234\n"

    def test_what_is_not_there_or_can_not_be_run(
        self, clean_engine: PrivateEngine, engine_of: DockerEngine
    ) -> None:
        key = clean_engine.run_container("box")
        assert run(engine_of.http, key, ("nosuch",), 30.0).exit_code in (CANNOT_RUN, NOT_FOUND)
        assert run(engine_of.http, key, ("/etc/passwd",), 30.0).exit_code == CANNOT_RUN

    def test_more_than_wanted_and_longer_than_wanted(
        self, clean_engine: PrivateEngine, engine_of: DockerEngine
    ) -> None:
        key = clean_engine.run_container("box")
        result = run(engine_of.http, key, ("yes",), 30.0, most_bytes=5000)
        assert (len(result.stdout), result.exit_code) == (5000, None)
        result = run(engine_of.http, key, ("sh", "-c", "echo begun; exec sleep 7777"), 1.0)
        assert (result.stdout, result.exit_code) == (b"begun\n", None)

    def test_a_container_that_does_not_run(
        self, clean_engine: PrivateEngine, engine_of: DockerEngine
    ) -> None:
        key = clean_engine.run_container("box", start=False)
        with pytest.raises(Conflict):
            run(engine_of.http, key, ("ls",), 30.0)
        with pytest.raises(NoSuchContainer):
            run(engine_of.http, "0" * 64, ("ls",), 30.0)
