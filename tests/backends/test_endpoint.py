"""Which engine is talked to: in the docker command line's own order, then rootless, then Podman."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tui.backends.docker import endpoint as module
from tui.backends.docker.endpoint import ACCEPTED, Endpoint, TlsFiles, find
from tui.model.errors import EngineNotFound, EngineUnreachable, EnvtuiError


class Home:
    """A home folder with a docker configuration, a runtime folder, and a default socket; all empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = folder / "run"
        self.default_socket = folder / "docker.sock"
        self.docker = folder / ".docker"
        self.docker.mkdir()
        self.environ = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(self.runtime)}

    def write_context(self, name: str, endpoint: object, tls: tuple[str, ...] = ()) -> Path:
        digest = hashlib.sha256(name.encode()).hexdigest()
        meta = self.docker / "contexts" / "meta" / digest
        meta.mkdir(parents=True)
        (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
        tls_folder = self.docker / "contexts" / "tls" / digest / "docker"
        for file in tls:
            tls_folder.mkdir(parents=True, exist_ok=True)
            (tls_folder / file).write_text("")
        return tls_folder

    def choose(self, context: str) -> None:
        (self.docker / "config.json").write_text(json.dumps({"auths": {}, "currentContext": context}))

    def find(self, host: str | None = None, **variables: str) -> Endpoint:
        return find(host, self.environ | variables)


def make_socket(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    return str(path)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path_factory.mktemp("h"))
    monkeypatch.setattr(module, "DEFAULT_SOCKET", str(made.default_socket))
    return made


class TestOrder:
    def everything(self, home: Home) -> None:
        """Each way of naming an engine names another one."""
        home.write_context("from-variable", {"Host": "tcp://from-variable:1"})
        home.write_context("current", {"Host": "tcp://current:1"})
        home.choose("current")
        make_socket(home.default_socket)

    def test_host_is_first(self, home: Home) -> None:
        self.everything(home)
        found = home.find("tcp://named:1", DOCKER_HOST="tcp://variable:1", DOCKER_CONTEXT="from-variable")
        assert (found.tcp_host, found.origin) == ("named", "--host")

    def test_host_can_name_a_context(self, home: Home) -> None:
        self.everything(home)
        assert home.find("current", DOCKER_HOST="tcp://variable:1").tcp_host == "current"

    def test_host_can_name_the_default_context(self, home: Home) -> None:
        self.everything(home)
        assert home.find("default", DOCKER_HOST="tcp://variable:1").socket_path == str(home.default_socket)

    def test_then_docker_host(self, home: Home) -> None:
        self.everything(home)
        found = home.find(DOCKER_HOST="tcp://variable:1", DOCKER_CONTEXT="from-variable")
        assert (found.tcp_host, found.origin) == ("variable", "DOCKER_HOST")

    def test_then_docker_context(self, home: Home) -> None:
        self.everything(home)
        found = home.find(DOCKER_CONTEXT="from-variable", DOCKER_HOST="")
        assert (found.tcp_host, found.origin) == ("from-variable", "context from-variable")

    def test_docker_context_default_means_the_default_socket(self, home: Home) -> None:
        self.everything(home)
        assert home.find(DOCKER_CONTEXT="default").origin == "default"

    def test_then_the_current_context(self, home: Home) -> None:
        self.everything(home)
        assert home.find().tcp_host == "current"

    def test_docker_config_moves_the_contexts(self, home: Home) -> None:
        self.everything(home)
        home.docker.rename(home.folder / "elsewhere")
        assert home.find().origin == "default"
        assert home.find(DOCKER_CONFIG=str(home.folder / "elsewhere")).tcp_host == "current"

    def test_then_the_default_socket(self, home: Home) -> None:
        path = make_socket(home.default_socket)
        make_socket(home.runtime / "docker.sock")
        assert home.find() == Endpoint(f"unix://{path}", "default", socket_path=path)

    def test_then_a_rootless_engine(self, home: Home) -> None:
        path = make_socket(home.runtime / "docker.sock")
        make_socket(home.runtime / "podman" / "podman.sock")
        assert home.find() == Endpoint(f"unix://{path}", "rootless", socket_path=path)

    def test_then_podman(self, home: Home) -> None:
        path = make_socket(home.runtime / "podman" / "podman.sock")
        assert home.find() == Endpoint(f"unix://{path}", "podman", socket_path=path)

    @pytest.mark.skipif(Path("/run/podman/podman.sock").exists(), reason="this machine has that engine")
    def test_nothing_anywhere_is_the_default_that_does_not_exist(self, home: Home) -> None:
        home.default_socket.write_text("not a socket")
        assert home.find().socket_path == str(home.default_socket)

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"currentContext": 7}', '{"currentContext": ""}'])
    def test_a_broken_client_configuration_is_passed_over(self, home: Home, content: str) -> None:
        make_socket(home.default_socket)
        (home.docker / "config.json").write_text(content)
        assert home.find().origin == "default"


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "host", "port"),
        [
            ("tcp://box", "box", 2375),
            ("tcp://box:1234", "box", 1234),
            ("tcp://box:1234/", "box", 1234),
            ("http://box", "box", 2375),
            ("tcp://[::1]:1234", "::1", 1234),
        ],
    )
    def test_tcp(self, home: Home, url: str, host: str, port: int) -> None:
        assert home.find(url) == Endpoint(url, "--host", tcp_host=host, tcp_port=port)

    def test_unix(self, home: Home) -> None:
        assert home.find("unix:///x").socket_path == "/x"

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("unix://relative", "must start with /"),
            ("unix://", "must start with /"),
            ("tcp://", "tcp://host:port"),
            ("tcp://:2375", "tcp://host:port"),
            ("tcp://box/path", "tcp://host:port"),
            ("tcp://box:port", "port"),
            ("tcp://box:99999", "ort"),
            ("tcp://[::1", "IPv6"),
            ("npipe:////./pipe/engine", "“npipe” is not a known kind of address"),
            ("://x", "“” is not a known kind of address"),
            ("tcp://a b", "blank"),
            ("unix:///a\x1b[2J", "control character"),
            ("ssh://user@box", "SSH"),
        ],
    )
    @pytest.mark.parametrize("origin", ["--host", "DOCKER_HOST"])
    def test_a_malformed_one_is_named_with_the_reason_and_what_is_accepted(
        self, home: Home, url: str, why: str, origin: str
    ) -> None:
        with pytest.raises(EngineUnreachable) as caught:
            home.find(url) if origin == "--host" else home.find(DOCKER_HOST=url)
        error = caught.value
        assert (url in error.title or repr(url) in error.title) and origin in error.title
        assert why in error.detail
        assert error.hint == ACCEPTED


class TestContexts:
    def test_a_socket(self, home: Home) -> None:
        home.write_context("box", {"Host": "unix:///run/other.sock"})
        assert home.find("box") == Endpoint(
            "unix:///run/other.sock", "context box", socket_path="/run/other.sock"
        )

    def test_a_name_of_any_letters(self, home: Home) -> None:
        home.write_context("größe", {"Host": "tcp://x:1"})
        assert home.find("größe").tcp_host == "x"

    def test_its_tls_files(self, home: Home) -> None:
        folder = home.write_context("box", {"Host": "tcp://x:1"}, ("ca.pem", "cert.pem", "key.pem"))
        assert home.find("box").tls == TlsFiles(
            f"{folder}/ca.pem", f"{folder}/cert.pem", f"{folder}/key.pem", verify=True
        )

    def test_it_can_trust_anybody(self, home: Home) -> None:
        home.write_context("box", {"Host": "tcp://x:1", "SkipTLSVerify": True}, ("ca.pem",))
        tls = home.find("box").tls
        assert tls is not None
        assert (tls.verify, tls.key) == (False, None)

    @pytest.mark.parametrize(
        "call",
        [
            lambda home: home.find("nosuch"),
            lambda home: home.find(DOCKER_CONTEXT="nosuch"),
            lambda home: (home.choose("nosuch"), home.find()),
        ],
        ids=["--host", "DOCKER_CONTEXT", "config.json"],
    )
    def test_one_that_does_not_exist(self, home: Home, call: Callable[[Home], object]) -> None:
        with pytest.raises(EngineNotFound) as caught:
            call(home)
        assert "'nosuch'" in caught.value.title
        assert "no docker context of that name" in caught.value.detail
        assert caught.value.hint == ACCEPTED

    @pytest.mark.parametrize(
        "endpoint", [None, {}, [], "tcp://x", {"Host": None}, {"Host": "x"}, {"Host": 7}]
    )
    def test_a_broken_one_names_itself(self, home: Home, endpoint: object) -> None:
        home.write_context("box", endpoint)
        with pytest.raises(EnvtuiError) as caught:
            home.find("box")
        assert "box" in caught.value.one_line()
        assert caught.value.hint == ACCEPTED

    def test_one_whose_file_is_no_json(self, home: Home) -> None:
        home.write_context("box", {})
        next(home.docker.rglob("meta.json")).write_text("{")
        with pytest.raises(EngineNotFound, match="box") as caught:
            home.find("box")
        assert "can't be read" in caught.value.detail


class TestTls:
    @pytest.mark.parametrize(
        ("url", "variables", "verify"),
        [
            ("tcp://box", {"DOCKER_TLS_VERIFY": "1"}, True),
            ("tcp://box", {"DOCKER_TLS": "1"}, False),
            ("tcp://box", {"DOCKER_TLS": "1", "DOCKER_TLS_VERIFY": "1"}, True),
            ("https://box", {}, True),
            ("https://box", {"DOCKER_TLS": "1"}, False),
        ],
    )
    def test_who_is_trusted(self, home: Home, url: str, variables: dict[str, str], verify: bool) -> None:
        found = home.find(url, **variables)
        assert found.tls is not None
        assert (found.tls.verify, found.tcp_port) == (verify, 2376)

    @pytest.mark.parametrize("variables", [{}, {"DOCKER_TLS_VERIFY": ""}])
    def test_none_unless_asked_for(self, home: Home, variables: dict[str, str]) -> None:
        assert home.find("tcp://box", **variables).tls is None

    def test_files_are_in_the_docker_folder(self, home: Home) -> None:
        (home.docker / "ca.pem").write_text("")
        tls = home.find("tcp://box", DOCKER_TLS_VERIFY="1").tls
        assert tls == TlsFiles(str(home.docker / "ca.pem"), None, None, verify=True)

    def test_or_where_docker_cert_path_says(self, home: Home, tmp_path: Path) -> None:
        for name in ("cert.pem", "key.pem"):
            (tmp_path / name).write_text("")
        tls = home.find("tcp://box", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(tmp_path)).tls
        assert tls == TlsFiles(None, str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"), verify=True)
