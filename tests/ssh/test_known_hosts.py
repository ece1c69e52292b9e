from __future__ import annotations

import base64
import fcntl
import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rig.sshd import Sshd
from tests.ssh.asking import Somebody
from tui.backends.ssh import known_keys
from tui.backends.ssh.configuration import SshHost
from tui.backends.ssh.fingerprints import fingerprint, kind_of, randomart
from tui.backends.ssh.known_hosts import Verdict, check_host_key, judge, preferred_algorithms
from tui.backends.ssh.known_keys import append, read
from tui.backends.ssh.wire import string
from tui.model.errors import HostKeyChanged, HostKeyError, HostKeyRevoked, HostKeyUnknown


def _blob(kind: str, number: int) -> bytes:
    """Something that has the form of a public key."""
    fields = {"ssh-rsa": (b"\1\0\1", b"\0" + bytes([number]) * 256)}.get(kind, (bytes([number]) * 32,))
    return string(kind.encode()) + b"".join(string(each) for each in fields)


HOST_KEY, OTHER_KEY, THIRD_KEY = (_blob("ssh-ed25519", number) for number in (1, 2, 3))
RSA_KEY = _blob("ssh-rsa", 200)
NAME = "box.example"


def text_of(blob: bytes) -> str:
    return f"{kind_of(blob)} {base64.b64encode(blob).decode()}"


KEY, OTHER, RSA = text_of(HOST_KEY), text_of(OTHER_KEY), text_of(RSA_KEY)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ssh" / "known_hosts"


@pytest.fixture
def host(file: Path) -> SshHost:
    return SshHost(NAME, NAME, user_known_hosts=(str(file),))


def write(file: Path, *lines: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))


def check(host: SshHost, somebody: Somebody, blob: bytes = HOST_KEY) -> None:
    check_host_key(host, kind_of(blob), blob, somebody)


def keygen_finds(file: Path, name: str) -> list[int]:
    """Numbers of the lines that OpenSSH takes as being about a host."""
    shown = subprocess.run(["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, text=True)
    return [
        int(line.split()[-1 if line.split()[-1].isdigit() else -2])
        for line in shown.stdout.splitlines()
        if line.startswith("#")
    ]


# -- reading


NAME_FIELDS = [
    "box.example", "BOX.Example", "other,box.example", "*.example", "b?x.example", "*,!box.example", "*:2222",
    "!box.example", "*.example,!*.example", "[box.example]:22", "[box.example]:2222", "[box.*]:2222",
    "box.exampl", "box", "b[o]x.example", "box.example,", "*", "10.0.0.*",
]  # fmt: skip


@pytest.mark.parametrize("name", ["box.example", "[box.example]:2222", "10.0.0.7"])
def test_lines_are_for_the_hosts_that_openssh_takes_them_for(file: Path, name: str) -> None:
    write(file, *(f"{field} {KEY}" for field in NAME_FIELDS))
    found = [key.number for key in read([str(file)]) if key.is_for(name)]
    assert found == keygen_finds(file, name)
    assert found


def test_names_that_openssh_hashed_are_recognised(file: Path) -> None:
    write(file, f"other.example {OTHER}", f"{NAME} {KEY}", f"[{NAME}]:2222 {OTHER}")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert NAME not in file.read_text()
    keys = read([str(file)])
    assert [key.number for key in keys if key.is_for(NAME)] == [2]
    assert [key.number for key in keys if key.is_for(f"[{NAME}]:2222")] == [3]


BAD_LINES = [
    "", "# comment", "garbage", "host ssh-ed25519", f"{NAME} ssh-ed25519 AAAA", f"{NAME} ssh-ed25519 !!!!",
    f"{NAME} ssh-rsa {KEY.split()[1]}", f"@future {NAME} {KEY}", f"{NAME} 1024 35 1234567890", "\x00\xff",
]  # fmt: skip


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_bad_line_does_not_hide_the_others(file: Path, host: SshHost, line: str) -> None:
    write(file, line, f"{NAME} {KEY}")
    assert [key.number for key in read([str(file)])] == [2]
    check(host, Somebody())


@pytest.mark.parametrize(
    "line", ["{n}\t{k}", "  {n}   {k}  a comment", "{n} {k}\r", "@revoked\t* {o}\n{n} {k}"]
)
def test_blanks_and_tabs_separate(file: Path, host: SshHost, line: str) -> None:
    write(file, line.format(n=NAME, k=KEY.replace(" ", "  "), o=OTHER))
    check(host, Somebody())


def test_files_that_are_not_there_hold_nothing(tmp_path: Path) -> None:
    assert read([str(tmp_path / "none"), str(tmp_path / "none" / "deeper"), "/dev/null"]) == ()


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, host: SshHost) -> None:
    with pytest.raises(HostKeyError, match="can't be told"):
        check(replace(host, global_known_hosts=(str(tmp_path),)), Somebody(accepts=True))


# -- the verdict


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ([f"{NAME} {KEY}"], Verdict.KNOWN),
        ([f"{NAME} {OTHER}", f"{NAME} {KEY}"], Verdict.KNOWN),
        ([f"{NAME} {OTHER}"], Verdict.CHANGED),
        ([f"{NAME} {RSA}"], Verdict.OTHER_KIND),
        ([f"{NAME} {RSA}", f"{NAME} {OTHER}"], Verdict.CHANGED),
        ([f"elsewhere {KEY}"], Verdict.UNKNOWN),
        ([f"@cert-authority * {OTHER}"], Verdict.UNKNOWN),
        ([f"@cert-authority * {KEY}"], Verdict.UNKNOWN),
        ([f"@cert-authority * {OTHER}", f"{NAME} {KEY}"], Verdict.KNOWN),
        ([f"@revoked * {KEY}", f"{NAME} {KEY}"], Verdict.REVOKED),
        ([f"@revoked * {OTHER}", f"{NAME} {KEY}"], Verdict.KNOWN),
        ([f"@revoked elsewhere {KEY}", f"{NAME} {KEY}"], Verdict.KNOWN),
    ],
)
def test_verdicts(file: Path, lines: list[str], verdict: Verdict) -> None:
    write(file, *lines)
    assert judge(read([str(file)]), NAME, HOST_KEY).verdict is verdict


def test_keys_that_are_known_are_asked_for_first(file: Path, host: SshHost) -> None:
    write(file, f"@cert-authority * {OTHER}", f"{NAME} {RSA}", f"{NAME} {KEY}", f"{NAME} {OTHER}")
    assert preferred_algorithms(host) == ("rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519")
    assert preferred_algorithms(replace(host, hostname="elsewhere")) == ()
    assert preferred_algorithms(replace(host, pinned_keys=(HOST_KEY,))) == ("ssh-ed25519",)


# -- what follows from it


def test_a_known_key_asks_nobody(file: Path, host: SshHost) -> None:
    write(file, f"{NAME} {KEY}")
    somebody = Somebody(accepts=True)
    check(host, somebody)
    assert somebody.host_keys == [] and file.read_text() == f"{NAME} {KEY}\n"


def test_an_unknown_key_is_shown_and_refused_unless_somebody_accepts_it(file: Path, host: SshHost) -> None:
    somebody = Somebody()
    with pytest.raises(HostKeyUnknown) as caught:
        check(host, somebody)
    (question,) = somebody.host_keys
    assert (question.host, question.kind) == (NAME, "ssh-ed25519")
    assert (question.fingerprint, question.randomart) == (fingerprint(HOST_KEY), randomart(HOST_KEY))
    assert caught.value.offered == fingerprint(HOST_KEY) and "ssh-keygen -lf" in caught.value.hint
    assert not file.exists()


@pytest.mark.parametrize("port", [22, 2222])
@pytest.mark.parametrize("hashed", [False, True])
def test_an_accepted_key_is_one_more_line_that_openssh_finds(
    file: Path, host: SshHost, port: int, hashed: bool
) -> None:
    before = ["# mine", f"@revoked other {OTHER}", "broken line", f"@cert-authority *.example {OTHER}"]
    write(file, *before)
    file.write_text(file.read_text().removesuffix("\n"))
    host = replace(host, port=port, hash_known_hosts=hashed)
    check(host, Somebody(accepts=True))
    *others, line = file.read_text().splitlines()
    assert others == before
    assert line.startswith("|1|") is hashed and line.endswith(KEY)
    name = NAME if port == 22 else f"[{NAME}]:{port}"
    assert 5 in keygen_finds(file, name)
    check(host, Somebody())


def test_a_new_file_is_for_its_user_alone(file: Path, host: SshHost) -> None:
    old = os.umask(0)
    try:
        check(host, Somebody(accepts=True))
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_lines_of_many_at_once_do_not_mix(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append(str(file), f"host{number}", HOST_KEY, hashed=True), range(40)))
    keys = read([str(file)])
    assert all(any(key.is_for(f"host{number}") for key in keys) for number in range(40))
    assert len(file.read_text().splitlines()) == 40


def test_a_line_waits_for_another_program_that_writes(file: Path) -> None:
    write(file, "# theirs")
    with file.open("r+") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        thread = threading.Thread(target=append, args=(str(file), NAME, HOST_KEY), daemon=True)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive() and file.read_text() == "# theirs\n"
    thread.join(20)
    assert file.read_text() == f"# theirs\n{NAME} {KEY}\n"


def test_a_file_that_stays_locked_or_shut_does_not_keep_an_accepted_host_out(
    file: Path, host: SshHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "_LOCK_SECONDS", 0.1)
    write(file, "# theirs")
    with file.open("r+") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        somebody = Somebody(accepts=True)
        check(host, somebody)
    assert len(somebody.told) == 1 and "could not be written down" in somebody.told[0]
    assert file.read_text() == "# theirs\n"


@pytest.mark.parametrize("setting", ["yes", "ask", "accept-new", "no"])
def test_a_changed_key_is_refused_whatever_the_setting(file: Path, host: SshHost, setting: str) -> None:
    write(file, "# first", f"{NAME} {OTHER}")
    somebody = Somebody(accepts=True)
    with pytest.raises(HostKeyChanged) as caught:
        check(replace(host, strict_host_key=setting), somebody)
    error = caught.value
    assert error.offered == fingerprint(HOST_KEY) and error.known == (fingerprint(OTHER_KEY),)
    assert error.lines == (f"{file}:2",)
    assert all(each in error.detail for each in (error.offered, *error.known, *error.lines))
    assert somebody.host_keys == [] and KEY not in file.read_text()


@pytest.mark.parametrize("port", [22, 2222])
def test_the_remedy_for_a_changed_key_works_as_it_is_written(file: Path, host: SshHost, port: int) -> None:
    host = replace(host, port=port)
    spaced = file.with_name("known hosts")
    write(spaced, f"{NAME if port == 22 else f'[{NAME}]:{port}'} {OTHER}", f"keep {OTHER}")
    host = replace(host, user_known_hosts=(str(spaced),))
    with pytest.raises(HostKeyChanged) as caught:
        check(host, Somebody())
    command = caught.value.hint.split("`")[1]
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    assert spaced.read_text() == f"keep {OTHER}\n"
    check(host, Somebody(accepts=True))


@pytest.mark.parametrize("setting", ["yes", "ask", "accept-new", "no"])
def test_a_revoked_key_is_refused_whatever_the_setting(file: Path, host: SshHost, setting: str) -> None:
    write(file, f"{NAME} {KEY}", f"@revoked * {KEY}")
    with pytest.raises(HostKeyRevoked) as caught:
        check(replace(host, strict_host_key=setting), Somebody(accepts=True))
    assert caught.value.lines == (f"{file}:2",)


@pytest.mark.parametrize(("setting", "is_written"), [("accept-new", True), ("no", False)])
def test_who_wants_no_questions_gets_none(file: Path, host: SshHost, setting: str, is_written: bool) -> None:
    somebody = Somebody()
    check(replace(host, strict_host_key=setting), somebody)
    assert somebody.host_keys == [] and file.exists() is is_written


def test_strict_checking_asks_nobody(host: SshHost) -> None:
    somebody = Somebody(accepts=True)
    with pytest.raises(HostKeyUnknown, match="not known"):
        check(replace(host, strict_host_key="yes"), somebody)
    assert somebody.host_keys == []


@pytest.mark.parametrize("setting", ["yes", "ask", "accept-new", "no"])
def test_a_key_of_another_kind_than_the_known_ones_is_refused(
    file: Path, host: SshHost, setting: str
) -> None:
    write(file, f"{NAME} {RSA}")
    somebody = Somebody(accepts=True)
    with pytest.raises(HostKeyChanged, match="another kind") as caught:
        check(replace(host, strict_host_key=setting), somebody)
    assert somebody.host_keys == [] and caught.value.lines == (f"{file}:1",)


def test_a_line_without_the_port_speaks_for_the_host_but_not_against_it(file: Path, host: SshHost) -> None:
    host = replace(host, port=2222)
    write(file, f"{NAME} {KEY}")
    check(host, Somebody())
    with pytest.raises(HostKeyUnknown):
        check(host, Somebody(), OTHER_KEY)
    write(file, f"[{NAME}]:2222 {OTHER}", f"{NAME} {KEY}")
    with pytest.raises(HostKeyChanged):
        check(host, Somebody())


def test_an_alias_stands_for_name_and_port(file: Path, host: SshHost) -> None:
    host = replace(host, port=2222, host_key_alias="Pinned")
    check(host, Somebody(accepts=True))
    assert file.read_text() == f"pinned {KEY}\n"
    check(replace(host, hostname="elsewhere"), Somebody())


def test_pinned_keys_count_alone(file: Path, host: SshHost) -> None:
    write(file, f"{NAME} {OTHER}", f"@revoked * {KEY}")
    pinned = replace(host, pinned_keys=(THIRD_KEY, HOST_KEY))
    check(pinned, Somebody())
    somebody = Somebody(accepts=True)
    with pytest.raises(HostKeyChanged) as caught:
        check(pinned, somebody, OTHER_KEY)
    assert caught.value.known == (fingerprint(THIRD_KEY), fingerprint(HOST_KEY))
    assert somebody.host_keys == [] and "ssh-keygen" not in caught.value.hint


# -- as ssh does


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with Sshd(tmp_path_factory.mktemp("sshd")) as sshd:
        yield sshd


SITUATIONS = {
    "nothing": [], "known": ["{n} {k}"], "pattern": ["[127.0.0.*]:* {k}"], "ruled out": ["*,!{n} {k}"],
    "without port": ["127.0.0.1 {k}"], "other without port": ["127.0.0.1 {o}"],
    "changed": ["{n} {o}"], "two of a kind": ["{n} {o}", "{n} {k}"], "other kind": ["{n} {r}"],
    "other kind and without port": ["{n} {r}", "127.0.0.1 {k}"],
    "changed and without port": ["{n} {o}", "127.0.0.1 {k}"],
    "revoked": ["{n} {k}", "@revoked * {k}"], "another revoked": ["{n} {k}", "@revoked * {o}"],
    "authority": ["@cert-authority * {o}"], "its own authority": ["@cert-authority * {k}"],
    "authority and known": ["@cert-authority * {o}", "{n} {k}"], "bad lines": ["x", "{n} {n}", "{n}\t{k}"],
}  # fmt: skip


@pytest.mark.parametrize("setting", ["yes", "accept-new"])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_ssh_comes_to_the_same_verdict(server: Sshd, file: Path, situation: str, setting: str) -> None:
    words = {
        "n": f"[127.0.0.1]:{server.port}",
        "k": " ".join(server.host_pub().split()[:2]),
        "o": OTHER,
        "r": RSA,
    }
    lines = [line.format(**words) for line in SITUATIONS[situation]]
    host = SshHost("box", "127.0.0.1", server.port, strict_host_key=setting, user_known_hosts=(str(file),))
    blob = base64.b64decode(words["k"].split()[1])

    write(file, *lines)
    options = {
        "BatchMode": "yes", "IdentitiesOnly": "yes", "IdentityFile": server.client_key,
        "StrictHostKeyChecking": setting, "UserKnownHostsFile": file, "GlobalKnownHostsFile": "none",
    }  # fmt: skip
    argv = [
        "ssh",
        "-F",
        "none",
        *(f"-o{name}={value}" for name, value in options.items()),
        "-p",
        str(server.port),
    ]
    shown = subprocess.run([*argv, f"{server.user}@127.0.0.1", "true"], capture_output=True)
    theirs = (shown.returncode == 0, file.read_text())

    write(file, *lines)
    try:
        check(host, Somebody(), blob)
    except HostKeyError:
        ours = (False, file.read_text())
    else:
        ours = (True, file.read_text())
    assert ours == theirs
