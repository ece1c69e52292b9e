"""The sshd of a container, found through the engine."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from tests.engine.containers_with_sshd import Inside
from tests.rig import shell_image as shells
from tests.rig.engine import PrivateEngine
from tui.backends.ssh.fingerprints import kind_of
from tui.model.errors import Conflict

pytestmark = pytest.mark.usefixtures("shell_image")


@pytest.fixture
def inside(clean_engine: PrivateEngine, tmp_path: Path) -> Inside:
    """A container in which sshd does not run."""
    return Inside(clean_engine, shells.run_without_running_sshd(clean_engine), tmp_path)


def changed(inside: Inside, lines: str) -> None:
    """Its configuration, with lines in front."""
    config = inside.run("cat", "/etc/ssh/sshd_config")
    inside.run("sh", "-c", "cat >/etc/ssh/sshd_config", text=lines + "\n" + config)


def test_an_sshd_that_does_not_run_is_found_with_its_settings(inside: Inside) -> None:
    found = inside.sshd()
    assert (found.program, found.ports, found.published) == ("/usr/sbin/sshd", (22,), ())
    assert found.authorized_keys == "/home/dev/.ssh/authorized_keys"
    assert [kind_of(key) for key in found.host_keys] == ["ssh-ed25519", "ecdsa-sha2-nistp256"]
    assert found.problem == ""


def test_looking_changes_nothing_in_the_container(inside: Inside) -> None:
    before = inside.engine.docker("diff", inside.id)
    inside.sshd()
    assert inside.engine.docker("diff", inside.id) == before


def test_the_published_port_leads_to_the_sshd_with_the_host_keys(
    clean_engine: PrivateEngine, tmp_path: Path
) -> None:
    running = shells.run_with_sshd(clean_engine)
    found = Inside(clean_engine, running.id, tmp_path).sshd()
    assert found.published == (("127.0.0.1", running.port),)
    command = ["ssh-keyscan", "-T", "30", "-t", "ed25519", "-p", str(running.port), "127.0.0.1"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert base64.b64decode(told.split()[2]) == found.host_keys[0]


def test_a_port_on_every_address_means_the_engines_host(clean_engine: PrivateEngine, tmp_path: Path) -> None:
    running = shells.run_with_sshd(clean_engine, args=("--publish", "0.0.0.0::22"))
    found = Inside(clean_engine, running.id, tmp_path).sshd(engine_host="gpu-box")
    assert [host for host, _ in found.published] == ["gpu-box"]


def test_root_is_kept_out(inside: Inside) -> None:
    changed(inside, "PermitRootLogin no")
    assert "PermitRootLogin" in inside.sshd("root").problem
    assert inside.sshd("dev").problem == ""


def test_keys_are_not_taken(inside: Inside) -> None:
    changed(inside, "PubkeyAuthentication no")
    assert "PubkeyAuthentication no" in inside.sshd().problem


def test_an_account_without_a_login_shell(inside: Inside) -> None:
    assert "nologin" in inside.sshd("locked").problem


def test_a_locked_password_keeps_out_where_pam_is_not_used(inside: Inside) -> None:
    inside.run("sed", "-i", "s/^dev:[*]/dev:!/", "/etc/shadow")
    assert "locked" in inside.sshd("dev").problem
    assert inside.sshd("zed").problem == ""


def test_a_home_that_others_may_write_to(inside: Inside) -> None:
    inside.run("chmod", "775", "/home/dev")
    assert "others may write to /home/dev" in inside.sshd("dev").problem


def test_a_home_that_others_may_write_to_is_fine_without_strict_modes(inside: Inside) -> None:
    inside.run("chmod", "775", "/home/dev")
    changed(inside, "StrictModes no")
    assert inside.sshd("dev").problem == ""


def test_no_host_keys(inside: Inside) -> None:
    inside.run("sh", "-c", "rm /etc/ssh/ssh_host_*")
    assert "ssh-keygen -A" in inside.sshd().problem


def test_a_missing_run_folder_is_named_and_the_files_are_read_instead(inside: Inside) -> None:
    inside.run("rmdir", "/run/sshd")
    inside.run("mkdir", "/etc/ssh/sshd_config.d")
    inside.run(
        "sh", "-c", "cat >/etc/ssh/sshd_config.d/50.conf", text="Port 2200\nAuthorizedKeysFile .ssh/k\n"
    )
    changed(inside, "Include /etc/ssh/sshd_config.d/*.conf")
    found = inside.sshd()
    assert (found.ports, found.authorized_keys) == ((2200,), "/home/dev/.ssh/k")
    assert found.missing_folder == "/run/sshd" and "/run/sshd" in found.problem
    assert found.host_keys


def test_a_broken_configuration_is_told(inside: Inside) -> None:
    changed(inside, "NoSuchOption yes")
    problem = inside.sshd().problem
    assert "refuses its configuration" in problem and "NoSuchOption" in problem


def test_no_sshd_at_all(clean_engine: PrivateEngine, tmp_path: Path) -> None:
    inside = Inside(clean_engine, shells.run_without_any_sshd(clean_engine), tmp_path)
    found = inside.sshd("root")
    assert (found.program, found.problem) == ("", "there is no sshd in it")


def test_dropbear_alone(clean_engine: PrivateEngine, tmp_path: Path) -> None:
    inside = Inside(clean_engine, shells.run_without_any_sshd(clean_engine), tmp_path)
    inside.run("sh", "-c", "mkdir -p /usr/sbin && cp /bin/busybox /usr/sbin/dropbear")
    assert "dropbear" in inside.sshd("root").problem


def test_a_paused_container_is_told_as_a_conflict(inside: Inside) -> None:
    inside.engine.docker("pause", inside.id)
    with pytest.raises(Conflict):
        inside.sshd()
