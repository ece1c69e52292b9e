"""Services found in what programs print, as recorded from the real ones, and where they are from here."""

from __future__ import annotations

import time

import pytest

from tests.making import make_container
from tui.model.containers import ContainerState, Port
from tui.model.services import (
    Address,
    Announcement,
    Finding,
    Place,
    Service,
    ServiceKind,
    announced_in,
    announced_in_list,
    base_of,
    compose,
    masked,
    masked_url,
    names_jupyter,
    told_token,
    url_of,
    why_none,
)

TOKEN = "97fea1529745015289d17d4f930c829e27d957f9fe3a471a"
OTHER_TOKEN = "d571dce124e5baa2f381977e5ec4169d76f40e0cc770612c"

# jupyter lab, jupyter_server 2.21, on all addresses with a base URL
LAB = f"""\
[I 2026-11-24 00:21:57.595 ServerApp] Serving notebooks from local directory: /work
[I 2026-11-24 00:21:57.595 ServerApp] Jupyter Server 2.21.1 is running at:
[I 2026-11-24 00:21:57.595 ServerApp] http://0.0.0.0:8888/user/ana/lab?token={TOKEN}
[I 2026-11-24 00:21:57.595 ServerApp]     http://127.0.0.1:8888/user/ana/lab?token={TOKEN}
[I 2026-11-24 00:21:57.595 ServerApp] Use Control-C to stop this server and shut down all kernels.
[C 2026-11-24 00:21:57.597 ServerApp]

    To access the server, open this file in a browser:
        file:///root/.local/share/jupyter/runtime/jpserver-7650-open.html
    Or copy and paste one of these URLs:
        http://3f2a1b9c0d4e:8888/user/ana/lab?token={TOKEN}
        http://127.0.0.1:8888/user/ana/lab?token={TOKEN}
    The server is listening on all interfaces, so any hostname or IP of this machine will work.
"""
# jupyter server 1.24, with colours
SERVER_1 = f"""\
\x1b[32m[I 2023-02-01 10:00:00.100 ServerApp]\x1b(B\x1b[m Jupyter Server 1.24.0 is running at:
\x1b[32m[I 2023-02-01 10:00:00.100 ServerApp]\x1b(B\x1b[m http://box:8888/?token={TOKEN}
\x1b[32m[I 2023-02-01 10:00:00.100 ServerApp]\x1b(B\x1b[m  or http://127.0.0.1:8888/?token={TOKEN}\x1b[m
"""
# notebook 6.5
NOTEBOOK_6 = f"""\
[I 00:28:44.734 NotebookApp] Jupyter Notebook 6.5.7 is running at:
[I 00:28:44.735 NotebookApp] http://vm:8888/?token={TOKEN}
[I 00:28:44.735 NotebookApp]  or http://127.0.0.1:8888/?token={TOKEN}
[I 00:28:44.735 NotebookApp] Use Control-C to stop this server and shut down all kernels.
"""
# notebook 5.7 and 4.4
NOTEBOOK_5 = f"""\
[I 08:58:24.417 NotebookApp] The Jupyter Notebook is running at:
[I 08:58:24.417 NotebookApp] http://(3f2a1b9c0d4e or 127.0.0.1):8888/?token={TOKEN}
"""
NOTEBOOK_4 = (
    "[I 08:58:24.417 NotebookApp] The Jupyter Notebook is running at: "
    f"http://[all ip addresses on your system]:8888/?token={TOKEN}"
)
SINGLE_USER = f"""\
[I 2026-01-02 03:04:05.678 JupyterHubSingleUser] Starting jupyterhub single-user server extension 5.2.1
[I 2026-01-02 03:04:05.700 ServerApp] Jupyter Server 2.14.2 is running at:
[I 2026-01-02 03:04:05.700 ServerApp] http://127.0.0.1:8888/user/ana/lab?token={TOKEN}
"""
# a token that a person chose; notebook 6.5 and jupyter_server 2 alike
CHOSEN = """\
[I 00:28:44.752 NotebookApp] Jupyter Notebook 6.5.7 is running at:
[I 00:28:44.752 NotebookApp] http://127.0.0.1:8888/?token=...
[I 00:28:44.752 NotebookApp]  or http://127.0.0.1:8888/?token=...
"""
OPEN = """\
[W 2026-11-24 00:21:57.559 ServerApp] All authentication is disabled.  Anyone who can connect will run code.
[I 2026-11-24 00:21:57.640 ServerApp] Jupyter Server 2.21.1 is running at:
[I 2026-11-24 00:21:57.640 ServerApp] http://127.0.0.1:8888/
"""

# jupyter server list, jupyter_server 2.21
LIST_TEXT = f"""\
Currently running servers:
http://127.0.0.1:8889/ :: /work
http://vm:8888/user/ana/?token={TOKEN} :: /work
"""
LIST_JSON = (
    '{"base_url": "/", "hostname": "127.0.0.1", "password": false, "pid": 7651, "port": 8889, '
    '"root_dir": "/work", "secure": false, "sock": "", "token": "", '
    '"url": "http://127.0.0.1:8889/", "version": "2.21.1"}\n'
    '{"base_url": "/user/ana/", "hostname": "0.0.0.0", "password": false, "pid": 7650, "port": 8888, '
    f'"root_dir": "/work", "secure": false, "sock": "", "token": "{TOKEN}", '
    '"url": "http://vm:8888/user/ana/", "version": "2.21.1"}\n'
)
# jupyter notebook list, notebook 6.5
LIST_NOTEBOOK = (
    '{"base_url": "/", "hostname": "0.0.0.0", "notebook_dir": "/work", "password": false, "pid": 9209, '
    f'"port": 8888, "secure": false, "sock": "", "token": "{TOKEN}", "url": "http://0.0.0.0:8888/"}}\n'
)


def only(announcements: tuple[Announcement, ...]) -> Announcement:
    (found,) = announcements
    return found


class TestLogs:
    @pytest.mark.parametrize(
        ("log", "path", "title"),
        [
            (LAB, "/user/ana/lab", "JupyterLab"),
            (SERVER_1, "/", "Jupyter"),
            (NOTEBOOK_6, "/", "Jupyter"),
            (NOTEBOOK_5, "/", "Jupyter"),
            (NOTEBOOK_4, "/", "Jupyter"),
            (SINGLE_USER, "/user/ana/lab", "JupyterLab"),
        ],
    )
    def test_a_jupyter_of_each_generation(self, log: str, path: str, title: str) -> None:
        expected = Announcement(ServiceKind.JUPYTER, 8888, path, TOKEN, is_open=False, title=title)
        assert only(announced_in(log.splitlines())) == expected

    def test_the_last_start_counts(self) -> None:
        again = LAB.replace(TOKEN, OTHER_TOKEN)
        assert only(announced_in((LAB + again).splitlines())).token == OTHER_TOKEN
        assert only(announced_in((again + OPEN).splitlines())).token is None

    def test_servers_on_other_ports_stay(self) -> None:
        log = LAB + NOTEBOOK_6.replace(":8888", ":8890")
        assert [each.port for each in announced_in(log.splitlines())] == [8888, 8890]

    def test_a_token_that_a_person_chose_is_not_told(self) -> None:
        found = only(announced_in(CHOSEN.splitlines()))
        assert (found.token, found.is_open) == (None, False)

    def test_one_that_asks_for_nothing_or_for_a_password(self) -> None:
        found = only(announced_in(OPEN.splitlines()))
        assert (found.port, found.token, found.is_open) == (8888, None, None)

    def test_a_quoted_token_is_unquoted(self) -> None:
        assert only(announced_in(["http://h:8888/lab?token=a%2Fb%3D"])).token == "a/b="

    def test_tls(self) -> None:
        assert only(announced_in([f"https://h:8888/lab?token={TOKEN}"])).is_secure

    @pytest.mark.parametrize(
        "line",
        [
            f"        file:///root/.local/share/jupyter/runtime/x.html?token={TOKEN}",
            f"302 GET http://127.0.0.1:8888/lab?token={TOKEN}",
            f"[W] 404 referer=http://127.0.0.1:8888/lab?token={TOKEN}",
            f"Request http://api.example.com:443/?token={TOKEN}",
            f"see http://example.com/?token={TOKEN}",
            "INFO: Uvicorn running on http://0.0.0.0:8000",
            "JupyterHub is now running at http://:8000/",
            "Voilà is running at:",
            "http://localhost:8866/",
            f"http://h:99999/?token={TOKEN}",
            f"http://h:0/?token={TOKEN}",
            f"http://h:8888/$(reboot)?token={TOKEN}",
            f"http://h:8888/\\;x?token={TOKEN}",
        ],
    )
    def test_what_is_no_jupyters_address(self, line: str) -> None:
        assert announced_in([line]) == ()

    def test_the_gateway_of_a_jupyter_is_not_its_own(self) -> None:
        lines = [
            *OPEN.splitlines(),
            "Kernels will be managed by the Gateway server running at:",
            "http://g:9/",
        ]
        assert [each.port for each in announced_in(lines)] == [8888]

    @pytest.mark.parametrize(
        ("line", "path"),
        [
            ("TensorBoard 2.21.0 at http://localhost:6006/ (Press CTRL+C to quit)", "/"),
            ("TensorBoard 2.21.0 at http://3f2a1b9c0d4e:6006/tb/ (Press CTRL+C to quit)", "/tb/"),
            ("TensorBoard 1.15.0 at http://3f2a1b9c0d4e:6006 (Press CTRL+C to quit)", "/"),
            (
                "I0101 10:00:00.1 123 program.py:300] \x1b[1mTensorBoard 2.9.1\x1b[0m at http://[::]:6006/",
                "/",
            ),
        ],
    )
    def test_tensorboard(self, line: str, path: str) -> None:
        found = only(announced_in([line]))
        assert (found.kind, found.port, found.path) == (ServiceKind.TENSORBOARD, 6006, path)

    @pytest.mark.parametrize(
        "line",
        [
            "http://h:8888/?token=" + "a" * 3_000_000,
            "Jupyter " * 500_000 + "running at:",
            "http://[" * 400_000,
            " http://h:1/" * 300,
            "http://h:8888/?token=x\x1b]52;c;ZXZpbA==\x07 \x9b2J",
            "\x00http://\ud800:8888/?token=\u202e",
            "http://h:8888/?token=" + "&token=".join("abc"),
            "TensorBoard 2.0 at http://" + "(" * 4000,
        ],
    )
    def test_hostile_lines_neither_take_long_nor_raise(self, line: str) -> None:
        begin = time.process_time()
        for found in announced_in([line] * 3):
            assert found.token is None or found.token.isprintable()
        assert time.process_time() - begin < 2.0


class TestLists:
    def test_json_an_object_a_line(self) -> None:
        first, second = announced_in_list(LIST_JSON)
        assert (first.port, first.token, first.is_open) == (8889, None, None)
        assert (second.port, second.path, second.token) == (8888, "/user/ana/", TOKEN)

    def test_a_list_in_one_piece(self) -> None:
        assert announced_in_list(f"[{','.join(LIST_JSON.splitlines())}]") == announced_in_list(LIST_JSON)

    def test_lines_for_people(self) -> None:
        first, second = announced_in_list(LIST_TEXT)
        assert (first.port, first.token) == (8889, None)
        assert (second.port, second.path, second.token) == (8888, "/user/ana/", TOKEN)

    def test_notebook_6(self) -> None:
        assert only(announced_in_list(LIST_NOTEBOOK)).token == TOKEN

    def test_one_with_a_password_asks(self) -> None:
        assert only(announced_in_list('{"port": 8888, "token": "", "password": true}')).is_open is False

    def test_warnings_between_the_lines_do_no_harm(self) -> None:
        assert only(announced_in_list(f"DeprecationWarning: x\n{LIST_NOTEBOOK}\nbye")).port == 8888

    @pytest.mark.parametrize(
        "text",
        [
            "", "{", "[]", "null", "12", '"x"', "[[]]", '{"port": 0, "sock": "/run/j.sock", "token": "x"}',
            '{"port": "8888"}', '{"port": 70000}', "[" * 100_000, '{"a":' * 100_000,
        ],
    )  # fmt: skip
    def test_nothing_in_nonsense(self, text: str) -> None:
        assert announced_in_list(text) == ()

    def test_a_base_that_a_shell_would_act_upon_is_not_taken(self) -> None:
        assert only(announced_in_list('{"port": 1, "base_url": "/;reboot #", "token": "t"}')).path == "/"


class TestToldToken:
    @pytest.mark.parametrize(
        ("command", "environment", "token"),
        [
            (("jupyter", "lab", "--ServerApp.token=abc"), (), "abc"),
            (("jupyter", "lab", "--IdentityProvider.token=abc"), ("JUPYTER_TOKEN=env",), "abc"),
            (("sh", "-c", "jupyter lab --NotebookApp.token='' --ip=0.0.0.0"), (), ""),
            (("jupyter", "--NotebookApp.token", "", "--ip=0"), (), ""),
            (("start-notebook.py",), ("A=1", "JUPYTER_TOKEN=e=nv"), "e=nv"),
            (("jupyter", "lab"), ("OTHER_TOKEN=x", "BROKEN"), None),
        ],
    )
    def test_by_option_or_environment(
        self, command: tuple[str, ...], environment: tuple[str, ...], token: str | None
    ) -> None:
        assert told_token(command, environment) == token

    def test_names(self) -> None:
        assert names_jupyter(("quay.io/jupyter/base-notebook", ""))
        assert names_jupyter(("x", "start-notebook.sh"))
        assert not names_jupyter(("busybox", "sleep 1"))


def published(inside: int, host_ip: str | None, host_port: int, protocol: str = "tcp") -> Port:
    return Port(inside, protocol, host_ip, host_port)


class TestAddresses:
    @pytest.mark.parametrize(
        ("ports", "expected"),
        [
            ((published(8888, "0.0.0.0", 9000), published(8888, "::", 9000)), Address("127.0.0.1", 9000)),
            ((published(8888, None, 9000),), Address("127.0.0.1", 9000)),
            ((published(8888, "::", 9000),), Address("::1", 9000)),
            ((published(8888, "127.0.0.1", 9000),), Address("127.0.0.1", 9000)),
            ((published(8888, "10.0.0.7", 9000),), Address("10.0.0.7", 9000)),
            (
                (published(8888, "10.0.0.7", 9001), published(8888, "127.0.0.2", 9000)),
                Address("127.0.0.2", 9000),
            ),
            ((published(8888, "fd00::7", 9000),), Address("fd00::7", 9000)),
            (
                (published(8888, "0.0.0.0", 9001), published(8888, "0.0.0.0", 9000)),
                Address("127.0.0.1", 9000),
            ),
            ((published(8888, "0.0.0.0", 9000, "udp"),), None),
            ((published(8889, "0.0.0.0", 8888),), None),
            ((Port(8888, "tcp"),), None),
            ((), None),
        ],
    )
    def test_on_this_host(self, ports: tuple[Port, ...], expected: Address | None) -> None:
        assert Place(ports).address_of(8888) == expected

    def test_the_hosts_network_has_the_same_port(self) -> None:
        assert Place((), "host").address_of(8888) == Address("127.0.0.1", 8888)
        assert Place((), "host", "gpu01").address_of(8888) == Address("gpu01", 8888)

    def test_on_the_engines_host(self) -> None:
        ports = (published(8888, "0.0.0.0", 9000), published(6006, "127.0.0.1", 6006))
        place = Place(ports, engine_host="gpu01")
        assert place.address_of(8888) == Address("gpu01", 9000)
        assert place.address_of(6006) is None
        assert "gpu01's loopback" in place.why_unreachable(6006)

    def test_why_it_can_not_be_reached(self) -> None:
        assert "-p 8888:8888" in Place(()).why_unreachable(8888)
        assert "another container's network" in Place((), "container:abc").why_unreachable(8888)

    def test_urls(self) -> None:
        assert (
            url_of(Address("127.0.0.1", 9000), "/lab", "a/b c") == "http://127.0.0.1:9000/lab?token=a%2Fb%20c"
        )
        assert url_of(Address("::1", 9000), is_secure=True) == "https://[::1]:9000/"


class TestCompose:
    PLACE = Place((published(8888, "0.0.0.0", 9000), published(6006, "0.0.0.0", 6106)))
    LAB = Announcement(ServiceKind.JUPYTER, 8888, "/lab", TOKEN, is_open=False, title="JupyterLab")

    def test_a_jupyter_with_its_token_at_the_hosts_port(self) -> None:
        answers = Finding(ServiceKind.JUPYTER, "Jupyter Server", is_open=False)
        (service,) = compose([self.LAB], {8888: answers}, self.PLACE)
        url = f"http://127.0.0.1:9000/lab?token={TOKEN}"
        assert service == Service(
            ServiceKind.JUPYTER, "JupyterLab", url, 8888, 9000, TOKEN, is_open=False, note=""
        )

    def test_one_that_lets_everybody_in_needs_no_token(self) -> None:
        answers = Finding(ServiceKind.JUPYTER, "JupyterLab", is_open=True)
        (service,) = compose([self.LAB], {8888: answers}, self.PLACE)
        assert (service.url, service.token, service.is_open) == ("http://127.0.0.1:9000/lab", None, True)

    def test_why_there_is_no_token(self) -> None:
        answers = Finding(ServiceKind.JUPYTER, "Jupyter Server", "/user/ana/", is_open=False)
        (service,) = compose([], {8888: answers}, self.PLACE, "nobody told")
        assert (service.url, service.note) == ("http://127.0.0.1:9000/user/ana/", "nobody told")

    def test_what_does_not_answer_is_shown_with_the_likely_reason(self) -> None:
        (service,) = compose([self.LAB], {}, self.PLACE)
        assert service.url is not None
        assert "0.0.0.0" in service.note

    def test_what_is_not_published_has_no_address(self) -> None:
        (service,) = compose([self.LAB], {}, Place(()))
        assert (service.url, service.host_port, service.token) == (None, None, TOKEN)
        assert "not published" in service.note

    def test_their_order(self) -> None:
        findings = {
            6006: Finding(ServiceKind.TENSORBOARD, "TensorBoard"),
            8888: Finding(ServiceKind.HTTP, "x"),
        }
        unpublished = Announcement(ServiceKind.JUPYTER, 8889)
        kinds = [each.kind for each in compose([unpublished], findings, self.PLACE)]
        assert kinds == [ServiceKind.TENSORBOARD, ServiceKind.HTTP, ServiceKind.JUPYTER]


class TestMasking:
    def test_a_long_token_shows_its_beginning(self) -> None:
        assert masked(TOKEN) == "97fe••••••"

    def test_a_short_one_shows_nothing(self) -> None:
        assert masked("hunter2") == "••••••"

    @pytest.mark.parametrize("token", [TOKEN, "a/b c%&?#=", "lab", "1"])
    def test_an_address_without_its_token(self, token: str) -> None:
        url = url_of(Address("127.0.0.1", 1111), "/lab", token)
        shown = masked_url(Service(ServiceKind.JUPYTER, "x", url, 8888, 1111, token))
        assert shown == f"http://127.0.0.1:1111/lab?token={masked(token)}"

    def test_an_address_that_has_none_and_no_address(self) -> None:
        assert masked_url(Service(ServiceKind.HTTP, "x", "http://h:1/", 1)) == "http://h:1/"
        assert masked_url(Service(ServiceKind.HTTP, "x", None, 1, token="t")) == ""


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/", "/"),
        ("/lab", "/"),
        ("/tree/", "/"),
        ("/user/ana/lab", "/user/ana/"),
        ("/user/ana/", "/user/ana/"),
    ],
)
def test_the_base_of_a_jupyter(path: str, base: str) -> None:
    assert base_of(path) == base


@pytest.mark.parametrize(
    ("state", "ports", "network", "words"),
    [
        (ContainerState.EXITED, (), "", "does not run"),
        (ContainerState.RUNNING, (Port(8888, "tcp"),), "bridge", "publishes no port"),
        (ContainerState.RUNNING, (published(53, "0.0.0.0", 53, "udp"),), "bridge", "publishes no port"),
        (ContainerState.RUNNING, (published(22, "0.0.0.0", 22),), "bridge", "Nothing speaks HTTP"),
        (ContainerState.RUNNING, (), "host", "host's network"),
    ],
)
def test_why_there_is_none(state: ContainerState, ports: tuple[Port, ...], network: str, words: str) -> None:
    assert words in why_none(make_container(state=state, ports=ports, network_mode=network))
