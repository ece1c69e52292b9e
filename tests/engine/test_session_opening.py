"""Sessions that can't be opened as they should: each reason in words, the next way taken, and no hang."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.session_rig import NAMES, PROMPT, Rooms, furnished
from tests.rig import shell_image as shells
from tests.rig.engine import PrivateEngine
from tui.model.sessions import Consent, Route

# A server with a key of its own, on the port that the configured one would have.
ANOTHER_SERVER = (
    "ssh-keygen -q -t ed25519 -N '' -f /root/other && cp /etc/ssh/sshd_config /root/config && "
    "sed -i 's,^HostKey.*,HostKey /root/other,' /root/config && exec /usr/sbin/sshd -D -e -f /root/config"
)


@pytest.fixture(scope="module")
def rooms(
    engine: PrivateEngine, shell_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rooms]:
    """A container without a port that may get the key, and one that nobody was asked about."""
    made = furnished(engine, tmp_path_factory.mktemp("state"), [Route.SSHD])
    made.furnish("unasked", Route.SSHD, consent=None)
    yield made
    engine.recover()
    engine.remove_all()


def command(rooms: Rooms, *words: str) -> subprocess.CompletedProcess[bytes]:
    """One command without a terminal to ask on; it prints what tells how it got in."""
    return rooms.run("ssh", *words, "--", "sh", "-c", 'echo "${SSH_CONNECTION:-engine}"')


def configure(rooms: Rooms, *lines: str) -> None:
    """Other lines before those of the sshd."""
    text = "".join(f"{line}\\n" for line in lines)
    kept = "[ -f /root/usual ] || cp /etc/ssh/sshd_config /root/usual"
    script = f"{kept}; printf '{text}' | cat - /root/usual >/etc/ssh/sshd_config"
    rooms.engine.docker("exec", NAMES[Route.SSHD], "sh", "-c", script)


@pytest.fixture
def configured(rooms: Rooms) -> Iterator[Rooms]:
    """Its sshd's configuration is put back."""
    yield rooms
    configure(rooms)


def test_nobody_to_ask(rooms: Rooms) -> None:
    done = command(rooms, "unasked")
    assert (done.returncode, done.stdout) == (0, b"engine\n")
    assert done.stderr == b"envtui: ssh: nobody could be asked whether envtui's key may be put into it\n"


def test_nobody_to_ask_and_only_ssh(rooms: Rooms) -> None:
    done = command(rooms, "--route", "ssh", "unasked")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"nobody could be asked whether envtui's key may be put into it" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_key_is_put_in_unasked(rooms: Rooms) -> None:
    command(rooms, "unasked")
    assert ".ssh" not in rooms.engine.docker("exec", "unasked", "ls", "-a", "/root").split()


def test_another_server_on_the_port_is_refused_and_the_next_way_taken(rooms: Rooms) -> None:
    engine = rooms.engine
    if engine.request("GET", f"/networks/{shells.NETWORK}")[0] != 200:
        engine.docker("network", "create", shells.NETWORK)
    options = ("--network", shells.NETWORK, "--publish", "127.0.0.1::22")
    rooms.ids["replaced"] = engine.run_container(
        "replaced", ("sh", "-c", ANOTHER_SERVER), options, shells.SHELL_IMAGE
    )
    rooms.consents.remember(rooms.ids["replaced"], Consent.YES)
    right, wrong = (_fingerprint(rooms, path) for path in ("/etc/ssh/ssh_host_ed25519_key", "/root/other"))
    with rooms.window("ssh", "--route", "ssh", "replaced") as window:
        window.wait_for(PROMPT)
        text = window.text().replace("\n", "")
        assert "envtui: ssh through the engine as root." in text
        assert re.search(r"envtui: ssh port \d+: ", text)
        assert right in text and wrong in text
        window.send("exit\r")
        assert window.wait_exit() == 0


def _fingerprint(rooms: Rooms, path: str) -> str:
    """Of a host key in that container, once it is there."""
    from tests.rig.waiting import until

    def told() -> str:
        return rooms.engine.docker("exec", "replaced", "ssh-keygen", "-l", "-f", f"{path}.pub", check=False)

    found = re.search(r"SHA256:\S+", until(told, message=f"{path} is there"))
    assert found
    return found[0]


def test_a_mounted_home_gets_no_key(rooms: Rooms, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    name = rooms.furnish("mounted", Route.SSHD, "--volume", f"{tmp_path}/.ssh:/root/.ssh")
    with rooms.window("ssh", name) as window:
        window.wait_for(PROMPT)
        text = window.text().replace("\n", "")
        assert "lies on a mount (/root/.ssh)" in text
        assert "envtui: engine exec." in text
    assert list((tmp_path / ".ssh").iterdir()) == []


def test_no_shell(rooms: Rooms) -> None:
    rooms.engine.docker("rm", "--force", "bare", check=False)
    rooms.engine.run_container("bare")
    rooms.engine.docker("exec", "bare", "rm", "/bin/sh")
    with rooms.window("ssh", "bare") as window:
        assert window.wait_exit() == 1
        text = window.text().replace("\n", "")
        assert "there is no shell (/bin/sh) in it" in text
        window.assert_restored()
    assert rooms.records == {}


def test_a_paused_container(rooms: Rooms) -> None:
    rooms.engine.docker("pause", "unasked")
    try:
        with rooms.window("ssh", "unasked") as window:
            assert window.wait_exit() == 1
            window.wait_for("paused")
            window.assert_restored()
    finally:
        rooms.engine.docker("unpause", "unasked")
    assert rooms.records == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("AllowUsers dev", b"AllowUsers"),
        pytest.param("DenyUsers root", b"DenyUsers", marks=pytest.mark.slow),
        pytest.param("PermitRootLogin no", b"PermitRootLogin", marks=pytest.mark.slow),
        pytest.param("PubkeyAuthentication no", b"PubkeyAuthentication", marks=pytest.mark.slow),
        ("MaxSessions 0", b""),
    ],
)
def test_what_its_sshd_refuses(configured: Rooms, line: str, reason: bytes) -> None:
    configure(configured, line)
    done = command(configured, "--route", "ssh", NAMES[Route.SSHD])
    assert (done.returncode, done.stdout) == (1, b"")
    assert reason in done.stderr and b"Traceback" not in done.stderr
    # and whoever takes any way gets in
    done = command(configured, NAMES[Route.SSHD])
    assert (done.returncode, done.stdout) == (0, b"engine\n")


def test_an_account_that_may_not_log_in_is_entered_by_the_engine(rooms: Rooms) -> None:
    name = NAMES[Route.SSHD]
    done = command(rooms, "--user", "locked", "--route", "ssh", name)
    assert done.returncode == 1 and b"nologin" in done.stderr
    with rooms.window("ssh", "--user", "locked", name) as window:
        window.wait_for(r"^envtui: engine exec as locked\.")
        window.wait_for(r"^locked@.*\$$")
        window.send("exit\r")
        assert window.wait_exit() == 0


# -- an engine that stands still: as long as its time-outs


@pytest.mark.slow
def test_an_engine_that_stands_still_in_the_middle_is_a_lost_link(rooms: Rooms) -> None:
    name = rooms.furnish("stalled", Route.SSHD, consent=Consent.NO)
    with rooms.window("ssh", name) as window:
        window.wait_for(PROMPT)
        rooms.engine.freeze()
        try:
            with rooms.window("ssh", name) as opening:
                assert opening.wait_exit(60.0) == 1
                assert "envtui: " in opening.text()
                opening.assert_restored()
            assert window.wait_exit(60.0) == 255
            window.wait_for(r"envtui: stalled: connection lost: ")
            window.assert_restored()
        finally:
            rooms.engine.thaw()
        rooms.run("ssh", name, "--", "true")
        rooms.wait_empty(name)
        assert rooms.records == {}
