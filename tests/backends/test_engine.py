"""The engine itself: negotiation of the API version, TLS, its description, actions through its SDK."""

from __future__ import annotations

import datetime
import gc
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.backends.conftest import Serve
from tests.backends.serving import Server, reply
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.endpoint import Endpoint, TlsFiles
from tui.backends.docker.engine import DockerEngine, negotiate
from tui.model.errors import (
    Conflict,
    EngineLost,
    EngineNotFound,
    EngineRefused,
    EngineTooOld,
    EngineUnreachable,
    NoSuchContainer,
)
from tui.model.hosts import EngineInfo
from tui.model.operations import Operation, Step


class TestNegotiation:
    @pytest.mark.parametrize(
        ("theirs", "spoken"),
        [("1.41", "1.41"), ("1.47", "1.47"), ("1.55", "1.55"), ("1.60", "1.55"), ("2.0", "1.55")],
    )
    def test_the_highest_that_both_speak(self, theirs: str, spoken: str) -> None:
        assert negotiate(theirs) == spoken

    @pytest.mark.parametrize("theirs", ["1.24", "1.40", "0.9", "", "garbage", "1", "1.4.1", "1.x"])
    def test_too_old_or_no_version_names_both(self, theirs: str) -> None:
        with pytest.raises(EngineTooOld, match="too old") as caught:
            negotiate(theirs)
        assert (theirs or "no known version") in caught.value.detail
        assert "1.41" in caught.value.detail
        assert "Docker 20.10" in caught.value.hint


def ping(server: str, api_version: str = "1.47") -> tuple[str, ...]:
    return (f"Server: {server}", f"Api-Version: {api_version}")


class TestIdentity:
    @pytest.mark.parametrize(
        ("server", "product", "version"),
        [
            ("Docker/29.1.3 (linux)", "Docker", "29.1.3"),
            ("Libpod/4.3.1 (linux)", "Podman", "4.3.1"),
            ("nonsense", "Docker", ""),
        ],
    )
    def test_product_and_version(self, serve: Serve, server: str, product: str, version: str) -> None:
        _, endpoint = serve(reply("OK", headers=ping(server)))
        assert DockerEngine(endpoint).identify() == EngineInfo(product, version, "1.47")

    def test_the_version_is_negotiated_once(self, serve: Serve) -> None:
        server, endpoint = serve(reply("[]", headers=ping("Docker/27.2")))
        containers = DockerContainers(DockerEngine(endpoint))
        containers.containers()
        containers.containers()
        assert [request.split()[1] for request in server.requests] == [
            "/_ping",
            "/v1.47/containers/json?all=1",
            "/v1.47/containers/json?all=1",
        ]

    def test_an_old_engine_is_refused(self, serve: Serve) -> None:
        _, endpoint = serve(reply("OK", headers=ping("Docker/1.12", "1.24")))
        with pytest.raises(EngineTooOld):
            DockerEngine(endpoint).identify()

    def test_describe_adds_the_machine(self, serve: Serve) -> None:
        body = '{"DockerRootDir": "/var/lib/docker", "MemTotal": 1024, "NCPU": 4, "ServerVersion": "9"}'
        _, endpoint = serve(reply(body, headers=ping("Docker/27.2")))
        assert DockerEngine(endpoint).describe() == EngineInfo(
            "Docker", "27.2", "1.47", data_root="/var/lib/docker", memory_bytes=1024, cpus=4
        )

    def test_describe_of_an_engine_that_tells_little(self, serve: Serve) -> None:
        body = '{"DockerRootDir": "", "MemTotal": 0, "NCPU": null, "ServerVersion": "27.2"}'
        _, endpoint = serve(reply(body, headers=ping("")))
        assert DockerEngine(endpoint).describe() == EngineInfo("Docker", "27.2", "1.47")

    def test_ping_fails_where_nobody_is(self, socket_path: Path) -> None:
        endpoint = Endpoint(f"unix://{socket_path}", "default", socket_path=str(socket_path))
        with pytest.raises(EngineNotFound):
            DockerEngine(endpoint).ping()


class TestDataRoot:
    def engine(self) -> DockerEngine:
        return DockerEngine(Endpoint("unix:///x", "default", socket_path="/x"))

    def test_its_file_system(self, tmp_path: Path) -> None:
        space = self.engine().data_root_space(str(tmp_path))
        assert space is not None
        assert (space.path, space.total_bytes) == (
            str(tmp_path),
            os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize,
        )
        assert 0 <= space.free_bytes <= space.total_bytes - space.used_bytes

    def test_a_folder_that_is_not_here(self, tmp_path: Path) -> None:
        assert self.engine().data_root_space(str(tmp_path / "nosuch")) is None

    def test_of_an_engine_on_another_machine(self) -> None:
        assert DockerEngine(Endpoint("tcp://box:1", "--host", tcp_host="box")).data_root_space("/") is None


class TestActions:
    def test_a_step_is_a_call_with_the_versions_path(self, serve: Serve) -> None:
        server, endpoint = serve(reply("", 204, ping("Docker/27.2")))
        DockerContainers(DockerEngine(endpoint)).perform(Step(Operation.STOP, "abc", "box"))
        assert server.requests[-1].split()[:2] == ["POST", "/v1.47/containers/abc/stop?t=10"]

    @pytest.mark.parametrize(("status", "kind"), [(404, NoSuchContainer), (409, Conflict)])
    def test_a_refusal_is_told(self, serve: Serve, status: int, kind: type[EngineRefused]) -> None:
        server, endpoint = serve(reply("OK", headers=ping("Docker/27.2")))
        containers = DockerContainers(DockerEngine(endpoint))
        containers._engine.identify()
        server.answer = reply('{"message": "the container says no"}', status)
        with pytest.raises(kind) as caught:
            containers.perform(Step(Operation.START, "abc", "box"))
        assert caught.value.detail == "the container says no"

    # the SDK leaves the socket that it could not connect to the garbage collector
    @pytest.mark.filterwarnings("ignore::ResourceWarning")
    def test_an_engine_that_went_away_meanwhile(self, serve: Serve) -> None:
        server, endpoint = serve(reply("OK", headers=ping("Docker/27.2")))
        containers = DockerContainers(DockerEngine(endpoint))
        containers._engine.identify()
        server.answer = lambda connection, _: None
        with pytest.raises(EngineLost):
            containers.perform(Step(Operation.START, "abc", "box"))
        server.close()
        with pytest.raises(EngineNotFound):
            containers.perform(Step(Operation.START, "abc", "box"))
        gc.collect()

    def test_the_processes_are_texts(self, serve: Serve) -> None:
        body = '{"Titles": ["PID", "CMD"], "Processes": [["1", "sh"], [2, null]]}'
        _, endpoint = serve(reply(body, headers=(*ping("Docker/27.2"), "Content-Type: application/json")))
        table = DockerContainers(DockerEngine(endpoint)).processes("abc")
        assert (table.titles, table.rows) == (("PID", "CMD"), (("1", "sh"), ("2", "None")))


def write_certificate(folder: Path) -> None:
    """A certificate for 127.0.0.1 that signs itself, its key, and the same as what is trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "engine")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM)
    (folder / "cert.pem").write_bytes(certificate)
    (folder / "ca.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


class TestTls:
    @pytest.fixture
    def files(self, tmp_path: Path) -> Path:
        write_certificate(tmp_path)
        return tmp_path

    @pytest.fixture
    def port(self, files: Path) -> Iterator[int]:
        """An engine that wants a certificate of its client."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files / "ca.pem"))
        context.load_cert_chain(files / "cert.pem", files / "key.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
        plain = socket.create_server(("127.0.0.1", 0))
        number: int = plain.getsockname()[1]
        with Server(context.wrap_socket(plain, server_side=True), reply("OK", headers=ping("Docker/27.2"))):
            yield number

    def ask(self, port: int, tls: TlsFiles) -> EngineInfo:
        endpoint = Endpoint(f"tcp://127.0.0.1:{port}", "--host", tcp_host="127.0.0.1", tcp_port=port, tls=tls)
        return DockerEngine(endpoint).identify()

    def test_a_certificate_of_the_right_authority_is_trusted(self, port: int, files: Path) -> None:
        pair = (str(files / "cert.pem"), str(files / "key.pem"))
        assert self.ask(port, TlsFiles(str(files / "ca.pem"), *pair)).version == "27.2"

    def test_one_of_nobody_is_refused(self, port: int) -> None:
        with pytest.raises(EngineUnreachable, match="Cannot reach") as caught:
            self.ask(port, TlsFiles())
        assert "certificate" in caught.value.detail.lower()

    def test_one_of_nobody_is_taken_where_nobody_wants_to_know(self, port: int) -> None:
        assert self.ask(port, TlsFiles(verify=False)).version == "27.2"

    def test_a_broken_file_is_told(self, port: int, files: Path) -> None:
        (files / "ca.pem").write_text("nonsense")
        with pytest.raises(EngineUnreachable) as caught:
            self.ask(port, TlsFiles(str(files / "ca.pem")))
        assert "TLS" in caught.value.hint

    def test_clear_text_where_tls_is_spoken(self, port: int) -> None:
        endpoint = Endpoint(f"tcp://127.0.0.1:{port}", "--host", tcp_host="127.0.0.1", tcp_port=port)
        with pytest.raises((EngineLost, EngineUnreachable)):
            DockerEngine(endpoint).identify()


def test_many_threads_can_ask_at_once(serve: Serve) -> None:
    _, endpoint = serve(reply("[]", headers=ping("Docker/27.2")))
    containers = DockerContainers(DockerEngine(endpoint))
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(containers.containers()[0])) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[]] * 20
