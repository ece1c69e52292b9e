from __future__ import annotations

import base64
import contextlib
import logging
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from tests.rig.login_server import LoginRules, LoginServer
from tests.rig.security_key import SecurityKeyAgent
from tests.rig.sshd import Sshd
from tests.rig.waiting import until
from tests.ssh.asking import Somebody
from tui.backends.ssh import agent as agents
from tui.backends.ssh.authentication import authenticate
from tui.backends.ssh.configuration import SshHost
from tui.model.errors import AuthenticationFailed, SshLost, SshSilent

SECRET = "correct horse battery"
CODE_ROUND = ("Two-step", "Look at your telephone", (("Code: ", True),))


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "", *more: str) -> Path:
    # to find large primes takes seconds on a busy machine
    bits = ["-b", "2048"] if kind == "rsa" else []
    argv = ["ssh-keygen", "-q", "-t", kind, *bits, "-N", passphrase, "-C", path.name, *more, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path


def blob_of(key: Path) -> bytes:
    return base64.b64decode(Path(f"{key}.pub").read_text().split()[1])


@contextlib.contextmanager
def connected(port: int) -> Iterator[paramiko.Transport]:
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", port), 30))
    try:
        transport.start_client(timeout=30)
        yield transport
    finally:
        transport.close()
        transport.join(30)
        assert not transport.is_alive()


def log_in(port: int, host: SshHost, somebody: Somebody) -> bool:
    with connected(port) as transport:
        authenticate(transport, host, somebody)
        return bool(transport.is_authenticated())


def refused(port: int, host: SshHost, somebody: Somebody) -> AuthenticationFailed:
    with connected(port) as transport:
        with pytest.raises(AuthenticationFailed) as caught:
            authenticate(transport, host, somebody)
        assert not transport.is_authenticated()
    return caught.value


@pytest.fixture
def nobody() -> Somebody:
    return Somebody()


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with Sshd(tmp_path_factory.mktemp("sshd")) as sshd:
        yield sshd


@pytest.fixture
def server(one_server: Sshd) -> Sshd:
    """One for all, which lets its own key in unless a test says otherwise."""
    one_server.authorize(one_server.client_key)
    return one_server


@pytest.fixture
def host(server: Sshd) -> SshHost:
    return SshHost("box", "127.0.0.1", server.port, server.user, identity_agent="none")


@pytest.fixture
def account() -> SshHost:
    """On a server with rules of its own."""
    return SshHost("box", "127.0.0.1", user="somebody", identity_agent="none")


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts an agent that holds some keys, and gives its socket."""
    path = tmp_path / "agent"
    processes = []

    def start(*keys: Path) -> str:
        process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
        processes.append(process)
        until(path.exists, message="the agent's socket")
        environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
        for key in keys:
            subprocess.run(["ssh-add", "-q", str(key)], env=environment, check=True, capture_output=True)
        return str(path)

    yield start
    for process in processes:
        process.terminate()
        process.wait(30)


# -- keys, against sshd


@pytest.mark.parametrize(
    ("kind", "more"), [("ed25519", ()), ("ecdsa", ("-b", "384")), ("rsa", ("-m", "PEM"))]
)
@pytest.mark.parametrize("passphrase", ["", SECRET])
def test_a_key_file_lets_in(
    server: Sshd, host: SshHost, tmp_path: Path, kind: str, more: tuple[str, ...], passphrase: str
) -> None:
    key = make_key(tmp_path / "mine", kind, passphrase, *more)
    server.authorize(key)
    somebody = Somebody(passphrases=[passphrase] if passphrase else [])
    assert log_in(server.port, replace(host, identity_files=(str(key),)), somebody)
    assert somebody.asked == ([("passphrase", 1)] if passphrase else [])


def test_a_wrong_key_first_does_no_harm(
    server: Sshd, host: SshHost, tmp_path: Path, nobody: Somebody
) -> None:
    wrong, right = make_key(tmp_path / "wrong"), make_key(tmp_path / "right")
    server.authorize(right)
    files = (str(tmp_path / "none"), str(wrong), str(right))
    assert log_in(server.port, replace(host, identity_files=files), nobody)


def test_a_passphrase_may_be_wrong_twice(server: Sshd, host: SshHost, tmp_path: Path) -> None:
    key = make_key(tmp_path / "mine", passphrase=SECRET)
    server.authorize(key)
    somebody = Somebody(passphrases=["wrong", "wrong too", SECRET])
    assert log_in(server.port, replace(host, identity_files=(str(key),)), somebody)
    assert somebody.asked == [("passphrase", 1), ("passphrase", 2), ("passphrase", 3)]


def test_a_passphrase_that_stays_wrong_is_told(server: Sshd, host: SshHost, tmp_path: Path) -> None:
    key = make_key(tmp_path / "mine", passphrase=SECRET)
    server.authorize(key)
    somebody = Somebody(passphrases=["wrong one"] * 9)
    error = refused(server.port, replace(host, identity_files=(str(key),)), somebody)
    assert len(somebody.asked) == 3
    assert error.tried == (f"key file {key}: was not opened by 3 passphrases",) and "ssh-add" in error.hint
    assert "wrong one" not in error.one_line()


def test_no_passphrase_is_asked_for_a_key_that_the_server_does_not_take(
    server: Sshd, host: SshHost, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "mine", passphrase=SECRET)
    somebody = Somebody(passphrases=[SECRET])
    error = refused(server.port, replace(host, identity_files=(str(key),)), somebody)
    assert somebody.asked == [] and error.tried == (f"key file {key}",)


def test_where_nobody_is_to_be_asked_nobody_is(server: Sshd, host: SshHost, tmp_path: Path) -> None:
    key = make_key(tmp_path / "mine", passphrase=SECRET)
    server.authorize(key)
    somebody = Somebody(passphrases=[SECRET])
    error = refused(server.port, replace(host, identity_files=(str(key),), asks_secrets=False), somebody)
    assert somebody.asked == [] and "ssh-add" in error.hint


def test_a_key_in_the_agent_lets_in(
    server: Sshd, host: SshHost, agent: Callable[..., str], monkeypatch: pytest.MonkeyPatch, nobody: Somebody
) -> None:
    path = agent(server.client_key)
    assert log_in(server.port, replace(host, identity_agent=path), nobody)
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    assert log_in(server.port, replace(host, identity_agent="SSH_AUTH_SOCK"), nobody)


def test_an_rsa_key_in_the_agent_signs_with_sha2(
    server: Sshd, host: SshHost, agent: Callable[..., str], tmp_path: Path, nobody: Somebody
) -> None:
    key = make_key(tmp_path / "mine", "rsa")
    server.authorize(key)
    assert log_in(server.port, replace(host, identity_agent=agent(key)), nobody)


def test_an_encrypted_file_whose_key_is_in_the_agent_needs_no_passphrase(
    server: Sshd, host: SshHost, agent: Callable[..., str], tmp_path: Path
) -> None:
    key = make_key(tmp_path / "mine")
    server.authorize(key)
    path = agent(key)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", SECRET, "-f", str(key)], check=True, capture_output=True)
    Path(f"{key}.pub").unlink()
    somebody = Somebody()
    assert log_in(server.port, replace(host, identity_files=(str(key),), identity_agent=path), somebody)
    assert somebody.asked == []


def seven(tmp_path: Path) -> list[Path]:
    return [make_key(tmp_path / f"key{number}") for number in range(7)]


def test_of_seven_keys_in_the_agent_the_configured_one_comes_first(
    server: Sshd, host: SshHost, agent: Callable[..., str], tmp_path: Path, nobody: Somebody
) -> None:
    path = agent(*seven(tmp_path), server.client_key)
    public = tmp_path / "only.pub"
    shutil.copy(f"{server.client_key}.pub", public)
    for file in (server.client_key, public):
        assert log_in(server.port, replace(host, identity_files=(str(file),), identity_agent=path), nobody)


def test_a_configured_file_comes_before_the_agents_other_keys(
    server: Sshd, host: SshHost, agent: Callable[..., str], tmp_path: Path, nobody: Somebody
) -> None:
    path = agent(*seven(tmp_path))
    assert log_in(
        server.port, replace(host, identity_files=(str(server.client_key),), identity_agent=path), nobody
    )


def test_seven_wrong_keys_in_the_agent_are_not_all_shown(
    server: Sshd, host: SshHost, agent: Callable[..., str], tmp_path: Path, nobody: Somebody
) -> None:
    error = refused(server.port, replace(host, identity_agent=agent(*seven(tmp_path))), nobody)
    assert error.tried[:5] == tuple(f"key key{number} of the agent" for number in range(5))
    assert "no more than 5" in error.tried[5] and "IdentitiesOnly yes" in error.hint


def test_identities_only_leaves_the_agents_other_keys_alone(
    server: Sshd, host: SshHost, agent: Callable[..., str], tmp_path: Path, nobody: Somebody
) -> None:
    path, wrong = agent(server.client_key), make_key(tmp_path / "wrong")
    host = replace(host, identity_agent=path, identity_files=(str(wrong),))
    assert log_in(server.port, host, nobody)
    error = refused(server.port, replace(host, identities_only=True), nobody)
    assert error.tried == (f"key file {wrong}",)


def test_a_server_that_hangs_up_after_too_many_tries_is_told_as_such(
    tmp_path: Path, agent: Callable[..., str], nobody: Somebody
) -> None:
    with Sshd(tmp_path, extra=["MaxAuthTries 2"]) as server:
        host = SshHost("box", "127.0.0.1", server.port, server.user, identity_agent=agent(*seven(tmp_path)))
        error = refused(server.port, host, nobody)
    assert "hung up" in error.title and "MaxAuthTries" in error.detail and "IdentitiesOnly" in error.hint
    assert error.tried == ("key key0 of the agent", "key key1 of the agent")


@pytest.mark.parametrize("where", ["beside", "configured"])
@pytest.mark.parametrize("held_by", ["file", "agent"])
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_certificate_lets_in(
    server: Sshd, host: SshHost, agent: Callable[..., str], tmp_path: Path, nobody: Somebody,
    where: str, held_by: str, kind: str,
) -> None:  # fmt: skip
    authority, key = make_key(tmp_path / "authority"), make_key(tmp_path / "mine", kind)
    server.authorize(authority, options="cert-authority")
    path = agent(key) if held_by == "agent" else "none"
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", server.user, f"{key}.pub"]
    subprocess.run(sign, check=True, capture_output=True)
    certificate = tmp_path / "mine-cert.pub"
    host = replace(host, identity_files=(str(key),), identity_agent=path)
    if where == "configured":
        moved = certificate.rename(tmp_path / "elsewhere.pub")
        host = replace(host, certificate_files=(str(server.client_key) + ".pub", str(moved)))
    assert log_in(server.port, host, nobody)


def test_a_security_key_is_used_through_the_agent_and_announced(
    server: Sshd, host: SshHost, tmp_path: Path, nobody: Somebody
) -> None:
    with SecurityKeyAgent(tmp_path / "device") as device:
        Path(f"{tmp_path}/sk.pub").write_text(device.public_line)
        server.authorize(tmp_path / "sk")
        assert log_in(server.port, replace(host, identity_agent=device.path), nobody)
        assert device.touches == 1 and [words for words in nobody.told if "Touch" in words]


def test_a_security_key_that_the_server_does_not_take_is_not_to_be_touched(
    server: Sshd, host: SshHost, tmp_path: Path, nobody: Somebody
) -> None:
    with SecurityKeyAgent(tmp_path / "device") as device:
        refused(server.port, replace(host, identity_agent=device.path), nobody)
        assert device.touches == 0 and nobody.told == []


def test_the_file_of_a_security_key_names_the_way(
    server: Sshd, host: SshHost, tmp_path: Path, nobody: Somebody
) -> None:
    with SecurityKeyAgent(tmp_path / "device") as device:
        file = device.write_stub(tmp_path / "id_ed25519_sk")
        error = refused(server.port, replace(host, identity_files=(str(file),)), nobody)
    assert "ssh-add" in error.tried[0] and str(file) in error.tried[0]


def test_an_agent_that_refuses_to_sign_is_no_end(
    server: Sshd, host: SshHost, tmp_path: Path, nobody: Somebody
) -> None:
    with SecurityKeyAgent(tmp_path / "device", signs=False) as device:
        Path(f"{tmp_path}/sk.pub").write_text(device.public_line)
        server.authorize(tmp_path / "sk", server.client_key)
        host = replace(host, identity_agent=device.path)
        error = refused(server.port, host, nobody)
        assert "did not sign" in error.tried[0]
        later = make_key(tmp_path / "later")
        server.authorize(tmp_path / "sk", later)
        assert log_in(server.port, replace(host, identity_files=(f"{tmp_path}/sk.pub", str(later))), nobody)


@pytest.mark.parametrize("step", ["listing", "signing"])
def test_an_agent_that_does_not_answer_is_left_alone(
    server: Sshd, host: SshHost, tmp_path: Path, nobody: Somebody, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(agents, "_LIST_SECONDS", 0.3)
    monkeypatch.setattr(agents, "_SIGN_SECONDS", 0.3)
    with SecurityKeyAgent(tmp_path / "device", silent_at=step) as device:
        Path(f"{tmp_path}/sk.pub").write_text(device.public_line)
        server.authorize(tmp_path / "sk")
        error = refused(server.port, replace(host, identity_agent=device.path), nobody)
        assert "did not answer" in error.tried[0]


def test_an_agent_that_is_not_there_is_told(
    server: Sshd, host: SshHost, tmp_path: Path, nobody: Somebody
) -> None:
    host = replace(host, identity_agent=str(tmp_path / "none"))
    assert "no agent answers" in refused(server.port, host, nobody).tried[0]
    assert log_in(server.port, replace(host, identity_files=(str(server.client_key),)), nobody)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("nothing"), "is no private key"),
        (lambda path: make_key(path).chmod(0o644), "chmod 600"),
        (lambda path: make_key(path, "ecdsa", "", "-m", "PKCS8"), "ssh-keygen -p"),
        (lambda path: shutil.copy(f"{make_key(path)}.pub", path), "is a public key"),
        (lambda path: path.mkdir(), "directory"),
        (lambda path: path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"), "is broken"),
        (lambda path: path.write_text("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"), "can't be read"),
    ],
)
def test_a_file_that_is_no_use_is_told_and_passed_over(
    server: Sshd, host: SshHost, tmp_path: Path, nobody: Somebody, make: Callable[[Path], object], words: str
) -> None:
    file = tmp_path / "file"
    make(file)
    if file.is_file() and "chmod" not in words:
        file.chmod(0o600)
    error = refused(server.port, replace(host, identity_files=(str(file),)), nobody)
    assert words in error.tried[0]
    files = (str(file), str(server.client_key))
    assert log_in(server.port, replace(host, identity_files=files), nobody)


# -- secrets, against a server with rules of its own


def test_a_password_may_be_wrong_twice(account: SshHost) -> None:
    rules = LoginRules((("password",),), password=SECRET)
    somebody = Somebody(passwords=["wrong", "wrong too", SECRET])
    with LoginServer(rules) as server:
        assert log_in(server.port, account, somebody)
    assert somebody.asked == [("password", 1), ("password", 2), ("password", 3)]


def test_after_three_wrong_passwords_it_is_over(account: SshHost) -> None:
    rules = LoginRules((("password",),), password=SECRET)
    somebody = Somebody(passwords=["wrong one"] * 9)
    with LoginServer(rules) as server:
        error = refused(server.port, account, somebody)
    assert rules.methods() == ["password"] * 3 and set(error.tried) == {"password"}
    assert "takes password" in error.detail and "wrong one" not in error.one_line()


def test_who_gives_no_password_is_asked_once(account: SshHost, nobody: Somebody) -> None:
    with LoginServer(LoginRules((("password",),), password=SECRET)) as server:
        error = refused(server.port, account, nobody)
    assert nobody.asked == [("password", 1)] and "not given" in error.detail


def test_a_server_that_wants_a_password_asks_nobody_where_nobody_is(
    account: SshHost, nobody: Somebody
) -> None:
    with LoginServer(LoginRules((("password", "keyboard-interactive"),), password=SECRET)) as server:
        error = refused(server.port, replace(account, asks_secrets=False), nobody)
    assert nobody.asked == [] and "nobody can be asked" in error.hint


def test_what_the_server_asks_is_asked_and_answered(account: SshHost) -> None:
    rounds = (
        ("First\x1b[31m", "Say\nboth", (("Password: ", False), ("Code: ", True))),
        ("", "Nearly there", ()),
        ("Second", "", (("Colour?", True),)),
    )
    rules = LoginRules((("keyboard-interactive",),), rounds=rounds, answers=(SECRET, "123", "blue"))
    somebody = Somebody(answers=[(SECRET, "123"), ("blue",)])
    with LoginServer(rules) as server:
        assert log_in(server.port, account, somebody)
    assert somebody.asked == [
        ("answers", ("First␛[31m", "Say\nboth", (("Password: ", False), ("Code: ", True)))),
        ("answers", ("Second", "", (("Colour?", True),))),
    ]
    assert somebody.told == ["Nearly there"]


def test_a_code_may_be_wrong_once_and_no_password_is_ever_sent_instead(account: SshHost) -> None:
    methods = ("keyboard-interactive", "password")
    rules = LoginRules((methods,), password=SECRET, rounds=(CODE_ROUND,), answers=("123456",))
    somebody = Somebody(passwords=[SECRET], answers=[("000000",), ("123456",)])
    with LoginServer(rules) as server:
        assert log_in(server.port, account, somebody)
    assert rules.seen == [("keyboard-interactive", ["000000"]), ("keyboard-interactive", ["123456"])]


def test_a_password_is_not_sent_to_the_question_for_a_code(account: SshHost) -> None:
    rules = LoginRules(
        (("password",), ("keyboard-interactive",)), password=SECRET, rounds=(CODE_ROUND,), answers=("123456",)
    )
    somebody = Somebody(passwords=[SECRET], answers=[("123456",)])
    with LoginServer(rules) as server:
        assert log_in(server.port, account, somebody)
    assert rules.seen == [("password", SECRET), ("keyboard-interactive", ["123456"])]


def test_a_server_with_nothing_to_ask_is_given_the_password(account: SshHost) -> None:
    rules = LoginRules((("keyboard-interactive", "password"),), password=SECRET)
    somebody = Somebody(passwords=[SECRET])
    with LoginServer(rules) as server:
        assert log_in(server.port, account, somebody)
    assert rules.methods() == ["keyboard-interactive", "password"]


def test_who_gives_no_code_gets_no_further(account: SshHost, nobody: Somebody) -> None:
    rules = LoginRules((("keyboard-interactive", "password"),), rounds=(CODE_ROUND,), answers=("123456",))
    with LoginServer(rules) as server:
        error = refused(server.port, account, nobody)
    assert len(nobody.asked) == 1 and "Code" in error.detail and "not given" in error.detail


def test_a_key_and_then_a_code(account: SshHost, tmp_path: Path) -> None:
    wrong, key = make_key(tmp_path / "wrong"), make_key(tmp_path / "mine", passphrase=SECRET)
    rules = LoginRules(
        (("publickey",), ("keyboard-interactive",)),
        keys=(blob_of(key),),
        rounds=(CODE_ROUND,),
        answers=("1",),
    )
    host = replace(account, identity_files=(str(wrong), str(key)))
    somebody = Somebody(passphrases=[SECRET], answers=[("1",)])
    with LoginServer(rules) as server:
        assert log_in(server.port, host, somebody)
    assert [kind for kind, _ in somebody.asked] == ["passphrase", "answers"]


def test_a_key_and_then_a_wrong_code(account: SshHost, tmp_path: Path) -> None:
    key = make_key(tmp_path / "mine")
    rules = LoginRules(
        (("publickey",), ("keyboard-interactive",)),
        keys=(blob_of(key),),
        rounds=(CODE_ROUND,),
        answers=("1",),
    )
    somebody = Somebody(answers=[("2",)] * 9)
    with LoginServer(rules) as server:
        error = refused(server.port, replace(account, identity_files=(str(key),)), somebody)
    assert error.tried[0] == f"key file {key}, accepted" and len(somebody.asked) == 3
    assert "takes keyboard-interactive" in error.detail


def test_a_password_and_then_a_key(account: SshHost, tmp_path: Path) -> None:
    key = make_key(tmp_path / "mine")
    rules = LoginRules((("password",), ("publickey",)), password=SECRET, keys=(blob_of(key),))
    somebody = Somebody(passwords=[SECRET])
    with LoginServer(rules) as server:
        assert log_in(server.port, replace(account, identity_files=(str(key),)), somebody)


def test_a_server_that_hangs_up_during_a_question_is_told_as_such(account: SshHost) -> None:
    rules = LoginRules((("keyboard-interactive",),), rounds=(CODE_ROUND,), answers=("1",))
    with LoginServer(rules) as server:
        somebody = Somebody(answers=[("1",)], meanwhile=server.hang_up)
        error = refused(server.port, account, somebody)
    assert "hung up" in error.title and "LoginGraceTime" in error.detail


def test_a_server_that_hangs_up_before_anything_was_tried(account: SshHost, nobody: Somebody) -> None:
    with LoginServer(LoginRules()) as server, connected(server.port) as transport:
        server.hang_up()
        with pytest.raises(SshLost, match="hung up"):
            authenticate(transport, account, nobody)


def test_a_server_that_stands_still_is_given_up(server: Sshd, host: SshHost, nobody: Somebody) -> None:
    with connected(server.port) as transport:
        server.freeze()
        try:
            with pytest.raises(SshSilent) as caught:
                authenticate(transport, replace(host, connect_seconds=0.5), nobody)
        finally:
            server.thaw()
    assert caught.value.step == "authentication"


def test_a_method_that_is_not_known_here_is_named(account: SshHost, nobody: Somebody) -> None:
    with LoginServer(LoginRules((("gssapi-with-mic",),))) as server:
        error = refused(server.port, account, nobody)
    assert "gssapi-with-mic" in error.detail and "ssh program" in error.hint


NO_SHA2 = {"pubkeys": ["rsa-sha2-256", "rsa-sha2-512"]}


def test_a_server_that_takes_rsa_keys_only_with_sha1_is_named(
    account: SshHost, tmp_path: Path, nobody: Somebody
) -> None:
    key = make_key(tmp_path / "mine", "rsa")
    rules = LoginRules((("publickey",),), keys=(blob_of(key),))
    with LoginServer(rules, disabled_algorithms=NO_SHA2) as server:
        error = refused(server.port, replace(account, identity_files=(str(key),)), nobody)
    assert rules.seen == [] and "SHA-1" in error.tried[0] and "ed25519" in error.hint


def test_a_server_too_old_for_sha2_is_named(account: SshHost, tmp_path: Path, nobody: Somebody) -> None:
    key = make_key(tmp_path / "mine", "rsa")
    rules = LoginRules((("publickey",),))
    with LoginServer(rules, version="SSH-2.0-OpenSSH_6.6.1p1") as server:
        error = refused(server.port, replace(account, identity_files=(str(key),)), nobody)
    assert "SHA-1" in error.hint and "7.2" in error.hint


# -- what must not happen


def test_no_secret_is_in_a_log_or_an_error(
    account: SshHost, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # connections keep paramiko's own log to themselves
    monkeypatch.setattr(logging.getLogger("paramiko"), "propagate", True)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "paramiko")
    key = make_key(tmp_path / "mine", passphrase=SECRET)
    rules = LoginRules(
        (("publickey",), ("password",), ("keyboard-interactive",)), password="hunter two",
        keys=(blob_of(key),), rounds=(CODE_ROUND,), answers=("other",), banner="your code is 314159",
    )  # fmt: skip
    secrets = ["bad phrase", SECRET, "hunter two", "314159"]
    somebody = Somebody(
        passphrases=["bad phrase", SECRET], passwords=["hunter two"], answers=[("314159",)] * 3
    )
    with LoginServer(rules) as server:
        error = refused(server.port, replace(account, identity_files=(str(key),)), somebody)
    assert ("keyboard-interactive", ["314159"]) in rules.seen
    texts = [caplog.text, repr(error), str(error), error.one_line(), *error.tried]
    assert caplog.text and not [each for each in secrets for text in texts if each in text]


def test_nothing_is_left_running(server: Sshd, host: SshHost, tmp_path: Path, nobody: Somebody) -> None:
    before = set(threading.enumerate())
    descriptors = len(os.listdir("/proc/self/fd"))
    with SecurityKeyAgent(tmp_path / "device") as device:
        for files in ((), (str(server.client_key),)) * 2:
            here = replace(host, identity_agent=device.path, identity_files=files)
            with contextlib.suppress(AuthenticationFailed):
                log_in(server.port, here, nobody)
    until(lambda: set(threading.enumerate()) <= before, message="the end of all threads")
    assert len(os.listdir("/proc/self/fd")) <= descriptors
