"""What answers on a port: pages as real servers send them, and everything that is none."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.backends.serving import Answer, Server, hold, reply, trickle
from tui.backends.docker.probe import probe
from tui.model.services import Address, Announcement, Finding, ServiceKind

# What jupyter_server 2.21 and notebook 6.5 send in each answer.
POLICY = "Content-Security-Policy: frame-ancestors 'self'; report-uri {}api/security/csp-report"
STATUS = '{"connections": 0, "kernels": 0, "last_activity": "2026-11-24T00:21:57.6Z", "started": "2026"}'
# Far more than the deadline, far less than a trickle that is never ended.
SOON_SECONDS = 10.0

Listen = Callable[[Answer], Address]


@pytest.fixture
def listen(stop: threading.Event) -> Iterator[Listen]:
    """Starts a server on a loopback port with this answer; gives its address."""
    with contextlib.ExitStack() as servers:
        servers.callback(stop.set)

        def start(answer: Answer) -> Address:
            listener = socket.create_server(("127.0.0.1", 0))
            servers.enter_context(Server(listener, answer))
            return Address("127.0.0.1", listener.getsockname()[1])

        yield start


def pages(by_path: Mapping[str, Answer], otherwise: Answer | None = None) -> Answer:
    """Answers each path as it says."""

    def answer(connection: socket.socket, request: str) -> None:
        chosen = by_path.get(request.split()[1], otherwise or reply("nothing here", 404))
        chosen(connection, request)

    return answer


def jupyter(status: Answer, base: str = "/") -> Answer:
    policy = POLICY.format(base)
    login = reply("<html><title>Jupyter Server</title>", headers=(policy,))
    return pages(
        {
            "/": reply(status=302, headers=("Location: /lab?",)),
            "/lab": reply(status=302, headers=("Location: /login?next=%2Flab", policy)),
            "/login?next=%2Flab": login,
            f"{base}api/status": status,
        },
        reply("<title>Jupyter Server</title>", 404, (policy,)),
    )


class TestJupyter:
    def test_one_that_asks_for_a_token(self, listen: Listen) -> None:
        found = probe(listen(jupyter(reply('{"message": "Forbidden"}', 403))))
        assert found == Finding(ServiceKind.JUPYTER, "Jupyter Server", "/", is_open=False)

    def test_one_that_lets_everybody_in(self, listen: Listen) -> None:
        found = probe(listen(jupyter(reply(STATUS))))
        assert found is not None and found.is_open is True

    def test_one_behind_a_hub(self, listen: Listen) -> None:
        found = probe(listen(jupyter(reply(status=302, headers=("Location: /hub/api/oauth2/authorize",)))))
        assert found is not None and found.is_open is False

    def test_its_base_is_told_even_where_the_front_page_is_not_found(self, listen: Listen) -> None:
        answer = pages(
            {"/user/ana/api/status": reply("", 403)},
            reply("<title>Jupyter Server</title>", 404, (POLICY.format("/user/ana/"),)),
        )
        assert probe(listen(answer)) == Finding(
            ServiceKind.JUPYTER, "Jupyter Server", "/user/ana/", is_open=False
        )

    def test_one_that_was_told_is_known_without_its_policy(self, listen: Listen) -> None:
        answer = pages({"/user/ana/api/status": reply("", 403)}, reply("<title>Sign in</title>"))
        told = Announcement(ServiceKind.JUPYTER, 8888, "/user/ana/lab")
        assert probe(listen(answer), told) == Finding(
            ServiceKind.JUPYTER, "JupyterLab", "/user/ana/", is_open=False
        )

    def test_an_answer_to_everything_is_no_open_door(self, listen: Listen) -> None:
        found = probe(listen(reply("<title>JupyterLab</title>")))
        assert found == Finding(ServiceKind.JUPYTER, "JupyterLab", "/", is_open=None)


class TestOthers:
    def test_tensorboard(self, listen: Listen) -> None:
        environment = '{"version": "2.21.0", "data_location": "/runs", "window_title": ""}'
        front = reply('<!doctype html><meta name="tb-relative-root" content="./">' + "x" * 300_000)
        found = probe(listen(pages({"/": front, "/data/environment": reply(environment)})))
        assert found == Finding(ServiceKind.TENSORBOARD, "TensorBoard", "/", note="/runs")

    def test_tensorboard_below_a_prefix_that_its_log_told(self, listen: Listen) -> None:
        answer = pages(
            {
                "/tb/": reply("<title>TensorBoard</title>"),
                "/tb/data/environment": reply('{"window_title": "r101"}'),
            }
        )
        told = Announcement(ServiceKind.TENSORBOARD, 6006, "/tb/")
        assert probe(listen(answer), told) == Finding(ServiceKind.TENSORBOARD, "r101", "/tb/")

    def test_a_page_by_its_title(self, listen: Listen) -> None:
        found = probe(listen(reply("<head><TITLE lang=en>\n Ray &amp;\n Dash </TITLE>")))
        assert found == Finding(ServiceKind.HTTP, "Ray & Dash")

    def test_a_page_without_a_title_by_its_server(self, listen: Listen) -> None:
        found = probe(listen(reply("{}", headers=("Server: uvicorn",))))
        assert found == Finding(ServiceKind.HTTP, "uvicorn")

    def test_models(self, listen: Listen) -> None:
        models = '{"object": "list", "data": [{"id": "Qwen/Qwen2.5-7B", "owned_by": "vllm"}]}'
        found = probe(listen(pages({"/v1/models": reply(models)})))
        assert found == Finding(ServiceKind.HTTP, "vllm Qwen/Qwen2.5-7B", "/v1/models")

    def test_models_behind_a_key(self, listen: Listen) -> None:
        answer = pages({"/v1/models": reply('{"error":"Unauthorized"}', 401)})
        found = probe(listen(answer))
        assert found == Finding(ServiceKind.HTTP, "HTTP", "/v1/models", is_open=False, note="asks for a key")

    def test_an_error_is_told(self, listen: Listen) -> None:
        assert probe(listen(reply("", 503))) == Finding(
            ServiceKind.HTTP, "HTTP", note="answers 503 Service Unavailable"
        )

    def test_a_title_with_control_characters_stays_as_it_is(self, listen: Listen) -> None:
        found = probe(listen(reply(b"<title>\x1b[2J\xff[red]</title>")))
        assert found is not None and found.title == "\x1b[2J\ufffd[red]"


class TestRedirects:
    @pytest.mark.parametrize(
        "location",
        ["http://127.0.0.2:1/", "//evil.example/x", "http://[broken", "http://h:x/", "/a b", "/\xe9"],
    )
    def test_to_another_place_or_nowhere_they_are_not_followed(self, listen: Listen, location: str) -> None:
        def answer(connection: socket.socket, request: str) -> None:
            head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(head.encode("latin-1"))

        assert probe(listen(answer)) == Finding(ServiceKind.HTTP, "HTTP")

    def test_around_in_a_circle_they_end(self, listen: Listen) -> None:
        asked: list[str] = []

        def answer(connection: socket.socket, request: str) -> None:
            asked.append(request.split()[1])
            reply(status=302, headers=("Location: /again",))(connection, request)

        assert probe(listen(answer)) is not None
        assert asked == ["/", "/again", "/again", "/again"]

    def test_no_token_and_no_credentials_are_sent(self, listen: Listen) -> None:
        heads: list[str] = []

        def answer(connection: socket.socket, request: str) -> None:
            heads.append(request.lower())
            jupyter(reply("", 403))(connection, request)

        probe(listen(answer))
        assert len(heads) == 4
        assert not [head for head in heads if "authorization" in head or "token" in head or "cookie" in head]


class TestNoHttp:
    @pytest.mark.parametrize(
        "greeting", [b"SSH-2.0-OpenSSH_9.2p1\r\n", b"", b"\x00" * 70_000, b"-ERR unknown command\r\n"]
    )
    def test_another_language(self, listen: Listen, greeting: bytes) -> None:
        assert probe(listen(lambda connection, _: connection.sendall(greeting)), seconds=0.2) is None

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        assert probe(Address("127.0.0.1", port)) is None

    def test_silence(self, listen: Listen, stop: threading.Event) -> None:
        begin = time.monotonic()
        assert probe(listen(hold(stop)), seconds=0.1) is None
        assert time.monotonic() - begin < SOON_SECONDS

    @pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
    def test_a_trickle(self, listen: Listen, stop: threading.Event, head: bytes) -> None:
        begin = time.monotonic()
        found = probe(listen(trickle(head, b"x", stop)), seconds=0.2)
        assert time.monotonic() - begin < SOON_SECONDS
        # one with its head complete is HTTP, though its page never ends
        assert (found is not None) == head.endswith(b"\r\n\r\n")

    def test_a_page_without_end_is_not_read_to_its_end(self, listen: Listen, stop: threading.Event) -> None:
        def answer(connection: socket.socket, request: str) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n<title>endless</title>")
            with contextlib.suppress(OSError):
                while not stop.is_set():
                    connection.sendall(b"x" * 65536)

        begin = time.monotonic()
        assert probe(listen(answer), seconds=30.0) == Finding(ServiceKind.HTTP, "endless")
        assert time.monotonic() - begin < SOON_SECONDS


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> ssl.SSLContext:
        pair = tmp_path / "pair.pem"
        done = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "-", "-subj", "/CN=x"],
            capture_output=True,
            check=True,
        )
        pair.write_bytes(done.stdout)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair)
        return context

    def serving(self, context: ssl.SSLContext, answer: Answer) -> tuple[Server, Address]:
        listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        return Server(listener, answer), Address("127.0.0.1", listener.getsockname()[1])

    @pytest.mark.parametrize("is_told", [True, False])
    def test_a_server_that_speaks_it(self, certificate: ssl.SSLContext, is_told: bool) -> None:
        server, address = self.serving(certificate, reply("<title>secret</title>"))
        with server:
            found = probe(address, Announcement(ServiceKind.HTTP, 1, is_secure=is_told), seconds=10.0)
        assert found == Finding(ServiceKind.HTTP, "secret", is_secure=True)

    @pytest.mark.parametrize(
        "words",
        [
            "Client sent an HTTP request to an HTTPS server.",
            "<title>400 The plain HTTP request was sent to HTTPS port</title>",
        ],
    )
    def test_who_says_that_it_wants_it_is_asked_so(self, listen: Listen, words: str) -> None:
        # and as this one does not speak it in truth, it is none
        assert probe(listen(reply(words, 400)), seconds=0.2) is None
