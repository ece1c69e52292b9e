from __future__ import annotations

import os
import pwd
import time
from pathlib import Path

import pytest

from tests.rig.waiting import until
from tui.backends.ssh import configuration
from tui.backends.ssh.configuration import NO_AGENT, SshHost, parse_jump, resolve
from tui.model.errors import SshSilent, SshUnreachable

OWN_HOME = pwd.getpwuid(os.getuid()).pw_dir


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config"


def resolved(file: Path, text: str, name: str = "box") -> SshHost:
    file.write_text(text)
    return resolve(name, str(file))


def test_a_host_without_any_words_has_what_ssh_has(file: Path) -> None:
    host = resolved(file, "")
    assert (host.alias, host.hostname, host.port, host.user) == (
        "box",
        "box",
        22,
        pwd.getpwuid(os.getuid()).pw_name,
    )
    assert f"{OWN_HOME}/.ssh/id_ed25519" in host.identity_files
    assert f"{OWN_HOME}/.ssh/known_hosts" in host.user_known_hosts
    assert host.strict_host_key == "ask" and host.proxy_command is None and host.asks_secrets
    assert (host.connect_seconds, host.alive_seconds, host.alive_grace_seconds) == (15.0, 5.0, 15.0)


def test_include_and_match_count(file: Path) -> None:
    included = file.with_name("included")
    included.write_text("Host box\n HostName 192.0.2.7\n Port 2222\n")
    host = resolved(file, f'Include {included}\nMatch host 192.0.2.7 exec "true"\n User "my user"\n')
    assert (host.hostname, host.port, host.user) == ("192.0.2.7", 2222, "my user")


def test_user_and_port_of_the_caller_count_more(file: Path) -> None:
    file.write_text("Host box\n User theirs\n Port 1\n")
    host = resolve("box", str(file), user="mine", port=2)
    assert (host.user, host.port) == ("mine", 2)


def test_tokens_and_variables_are_filled_in_where_ssh_leaves_them(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYS", "/keys")
    lines = [
        "HostName %h.example", "User me", "IdentityFile ~/.ssh/id_%n_%h_%r_%p",
        "IdentityFile ${KEYS}/a%%b # why", 'IdentityFile "/with blank/key"', "CertificateFile %d/cert",
        "UserKnownHostsFile ~/a%n '/with blank/%h'", "ProxyCommand nc %h %p %% ${KEYS} # last",
        "IdentityAgent ${KEYS}/agent",
    ]  # fmt: skip
    host = resolved(file, "Host box\n" + "".join(f" {line}\n" for line in lines))
    assert host.identity_files == (
        f"{OWN_HOME}/.ssh/id_box_box.example_me_22", "/keys/a%b", "/with blank/key",
    )  # fmt: skip
    assert host.certificate_files == (f"{OWN_HOME}/cert",)
    assert host.user_known_hosts == (f"{OWN_HOME}/abox", "/with blank/box.example")
    assert host.proxy_command == "nc box.example 22 % ${KEYS} # last"
    assert host.identity_agent == "/keys/agent"


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("StrictHostKeyChecking no", "strict_host_key", "no"),
        ("StrictHostKeyChecking off", "strict_host_key", "no"),
        ("StrictHostKeyChecking yes", "strict_host_key", "yes"),
        ("StrictHostKeyChecking accept-new", "strict_host_key", "accept-new"),
        ("HashKnownHosts yes", "hash_known_hosts", True),
        ("HostKeyAlias pinned", "host_key_alias", "pinned"),
        ("UserKnownHostsFile none", "user_known_hosts", ()),
        ("IdentityFile none", "identity_files", ()),
        ("IdentitiesOnly yes", "identities_only", True),
        ("IdentityAgent none", "identity_agent", NO_AGENT),
        ("IdentityAgent $MY_AGENT", "identity_agent", "/run/agent"),
        ("IdentityAgent $NOT_SET", "identity_agent", NO_AGENT),
        ("PubkeyAuthentication no", "identity_agent", NO_AGENT),
        ("BatchMode yes", "asks_secrets", False),
        ("ConnectTimeout 7", "connect_seconds", 7.0),
        ("ServerAliveInterval 2", "alive_grace_seconds", 6.0),
        ("ProxyJump a@one:7,two", "proxy_jump", ("a@one:7", "two")),
        ("ProxyJump none", "proxy_jump", ()),
        ("ProxyCommand none", "proxy_command", None),
    ],
)
def test_words_of_the_configuration(
    file: Path, line: str, field: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_AGENT", "/run/agent")
    assert getattr(resolved(file, f"Host box\n {line}\n"), field) == value


@pytest.mark.parametrize("name", ["", "-oProxyCommand=touch x", "-G", "a b", "$(id)"])
def test_what_is_no_name_is_refused(file: Path, name: str) -> None:
    with pytest.raises(SshUnreachable) as caught:
        resolved(file, "Host *\n ProxyCommand nc %h %p\n", name)
    assert caught.value.step == "resolve"


def test_no_name_runs_a_command_of_its_own(file: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(SshUnreachable):
        resolved(file, "", f"-oProxyCommand=touch {mark}")
    with pytest.raises(SshUnreachable, match="not known how to reach"):
        resolved(file, "Host *\n ProxyCommand nc %n %p\n HostName safe\n", f"`touch\t{mark}`")
    assert not mark.exists()


def test_a_mistake_in_the_configuration_is_told_with_its_line(file: Path) -> None:
    with pytest.raises(SshUnreachable, match="not known how") as caught:
        resolved(file, "Host box\n Prot 22\n")
    assert "line 2" in caught.value.detail and "prot" in caught.value.detail.lower()


def test_without_an_ssh_program_one_is_told_what_to_install(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(file.parent))
    with pytest.raises(SshUnreachable) as caught:
        resolved(file, "")
    assert "no ssh program" in caught.value.detail and "openssh-client" in caught.value.hint


def test_a_command_of_the_configuration_that_does_not_end_is_ended(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configuration, "_RESOLVE_SECONDS", 1.0)
    pid = file.with_name("pid")
    begin = time.monotonic()
    with pytest.raises(SshSilent) as caught:
        resolved(file, f'Match exec "echo $$ > {pid}; exec sleep 300"\n Port 1\n')
    assert time.monotonic() - begin < 60 and caught.value.step == "resolve"
    number = int(pid.read_text())
    until(lambda: not _runs(number), message="the end of the command")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("host", ("", "host", None)),
        ("me@host:2222", ("me", "host", 2222)),
        ("me@here@host", ("me@here", "host", None)),
        ("ssh://me@host:2222/", ("me", "host", 2222)),
        ("[::1]:22", ("", "::1", 22)),
        ("me@[fe80::1]", ("me", "fe80::1", None)),
        ("fe80::1", ("", "fe80::1", None)),
    ],
)
def test_jump_hosts(text: str, parts: tuple[str, str, int | None]) -> None:
    assert parse_jump(text) == parts


@pytest.mark.parametrize(
    "text", ["", "@", "me@", "host:", "host:0", "host:70000", "-x", "me@-x", "a b", "a/b", "[::1"]
)
def test_what_is_no_jump_host(text: str) -> None:
    with pytest.raises(SshUnreachable):
        parse_jump(text)
