"""envtui's key in a container, put there through the engine: the real ssh logs in with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.containers_with_sshd import Inside
from tests.rig import shell_image as shells
from tests.rig.engine import IMAGE, PrivateEngine
from tui.model.errors import EngineRefused, NoRoute

KEYS = "/home/dev/.ssh/authorized_keys"
Maker = Callable[..., Inside]

pytestmark = pytest.mark.usefixtures("shell_image")


@pytest.fixture
def make(clean_engine: PrivateEngine, tmp_path: Path) -> Maker:
    """Makes a container in which sshd does not run."""

    def made(*args: str) -> Inside:
        return Inside(clean_engine, shells.run_without_running_sshd(clean_engine, args=args), tmp_path)

    return made


@pytest.fixture
def inside(make: Maker) -> Inside:
    """One without anything special."""
    return make()


def modes(inside: Inside, *paths: str) -> list[str]:
    return inside.run("stat", "-c", "%a %u:%g", *paths).splitlines()


# -- logging in


def test_ssh_logs_in_through_an_sshd_that_the_engine_starts_whatever_the_shell(inside: Inside) -> None:
    for user in ("root", "dev", "zed", "fin", "ash"):
        inside.put_key(user)
        done = inside.ssh(inside.through_sshd(), user, "id -un; exit 7")
        assert (done.stdout, done.returncode) == (f"{user}\n", 7), done.stderr


def test_ssh_logs_in_through_the_published_port(clean_engine: PrivateEngine, tmp_path: Path) -> None:
    running = shells.run_with_sshd(clean_engine)
    inside = Inside(clean_engine, running.id, tmp_path)
    inside.put_key()
    (host, port), *_ = inside.sshd().published
    done = inside.ssh(["-p", str(port), "-o", f"HostName={host}"], "dev", "id -un")
    assert done.stdout == "dev\n", done.stderr


def test_ssh_does_not_get_in_without_the_key_nor_after_it_was_removed(inside: Inside) -> None:
    before = inside.ssh(inside.through_sshd(), "dev", "id")
    inside.put_key()
    during = inside.ssh(inside.through_sshd(), "dev", "id")
    inside.remove_key()
    after = inside.ssh(inside.through_sshd(), "dev", "id")
    assert [each.returncode for each in (before, during, after)] == [255, 0, 255]
    assert "Permission denied" in before.stderr and "Permission denied" in after.stderr


# -- what is written


def test_a_new_file_and_its_folder_are_the_accounts_alone(inside: Inside) -> None:
    inside.put_key()
    assert modes(inside, "/home/dev/.ssh", KEYS) == ["700 1000:1000", "600 1000:1000"]
    assert inside.run("cat", KEYS) == f"{inside.key.public_line}\n"


def test_lines_that_are_there_stay_byte_for_byte(inside: Inside) -> None:
    old = b'# mine \xff\n\nfrom="10.*" ssh-rsa AAAA somebody@else\r\n  ssh-ed25519 BBBB no end'
    inside.run("mkdir", "-m", "750", "/home/dev/.ssh")
    inside.engine.docker("exec", "-i", inside.id, "sh", "-c", f"cat >{KEYS}", input=old)
    inside.run("chmod", "640", KEYS)
    inside.run("chown", "1000:1001", KEYS)
    inside.put_key()
    assert inside.files.read(KEYS) == old + b"\n" + inside.key.public_line.encode() + b"\n"
    assert modes(inside, "/home/dev/.ssh", KEYS) == ["750 0:0", "640 1000:1001"]


def test_the_key_is_put_once_whatever_options_it_has(inside: Inside) -> None:
    kind, key, _ = inside.key.public_line.split()
    inside.run("mkdir", "/home/dev/.ssh")
    old = f"restrict,pty {kind} {key} another comment\n"
    inside.run("sh", "-c", f"cat >{KEYS}", text=old)
    inside.put_key()
    assert inside.run("cat", KEYS) == old


def test_a_key_that_is_commented_out_is_put(inside: Inside) -> None:
    inside.run("mkdir", "/home/dev/.ssh")
    inside.run("sh", "-c", f"cat >{KEYS}", text=f"# {inside.key.public_line}\n")
    assert not inside.has_key()
    inside.put_key()
    assert inside.has_key()


def test_removing_takes_the_key_alone(inside: Inside) -> None:
    inside.run("mkdir", "/home/dev/.ssh")
    inside.run("sh", "-c", f"cat >{KEYS}", text="one\r\n")
    inside.put_key()
    inside.run("sh", "-c", f"printf 'two\\n\\nthree' >>{KEYS}")
    inside.remove_key()
    assert inside.files.read(KEYS) == b"one\r\ntwo\n\nthree"
    assert not inside.has_key()


def test_removing_without_a_file_makes_none(inside: Inside) -> None:
    inside.remove_key()
    assert not inside.files.exists("/home/dev/.ssh")


def test_a_container_without_a_shell_gets_the_key(clean_engine: PrivateEngine, tmp_path: Path) -> None:
    key = clean_engine.run_container("bare", ("sleep", "9999"), ("--network", "none"), IMAGE)
    clean_engine.docker("exec", "bare", "sh", "-c", "cp bin/busybox /sleep; mkdir /root")
    clean_engine.docker("exec", "bare", "/bin/busybox", "sh", "-c", "echo 'root:x:0:0::/root:' >/etc/passwd")
    clean_engine.docker("exec", "bare", "/bin/busybox", "rm", "-r", "/bin")
    inside = Inside(clean_engine, key, tmp_path)
    inside.put_key("root")
    assert inside.files.read("/root/.ssh/authorized_keys") == f"{inside.key.public_line}\n".encode()


def test_a_container_that_does_not_run_gets_the_key(clean_engine: PrivateEngine, tmp_path: Path) -> None:
    key = clean_engine.run_container(
        "still", ("true",), ("--network", "none"), shells.SHELL_IMAGE, start=False
    )
    inside = Inside(clean_engine, key, tmp_path)
    inside.put_key()
    assert inside.has_key()


# -- what is refused


@pytest.mark.parametrize("place", ["/home", "/home/dev", "/home/dev/.ssh"])
def test_a_mount_is_refused_and_stays_as_it_is(make: Maker, tmp_path: Path, place: str) -> None:
    host = tmp_path / "of the host"
    (host / "dev").mkdir(parents=True)
    inside = make("--volume", f"{host}:{place}")
    with pytest.raises(NoRoute) as refused:
        inside.put_key()
    assert f"lies on a mount ({place})" in refused.value.detail
    assert [path.name for path in host.rglob("*")] == ["dev"]


def test_a_mounted_file_of_keys_is_refused(make: Maker, tmp_path: Path) -> None:
    keys = tmp_path / "authorized_keys"
    keys.write_bytes(b"the host's\n")
    inside = make("--volume", f"{keys}:{KEYS}")
    with pytest.raises(NoRoute, match="not put"):
        inside.put_key()
    assert keys.read_bytes() == b"the host's\n"


def test_a_volume_and_a_file_system_in_memory_are_mounts(make: Maker) -> None:
    inside = make("--mount", "type=volume,dst=/data", "--tmpfs", "/home/dev", "--mount", "type=tmpfs,dst=/x")
    assert set(inside.mounts()) == {"/data", "/home/dev", "/x"}
    with pytest.raises(NoRoute):
        inside.put_key()


def test_a_mount_beside_the_file_does_not_matter(make: Maker, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    inside = make("--volume", f"{tmp_path / 'project'}:/home/dev/project")
    inside.put_key()
    assert inside.has_key()


def test_a_read_only_container_is_refused_in_words(make: Maker) -> None:
    inside = make("--read-only")
    with pytest.raises(EngineRefused) as refused:
        inside.put_key()
    assert refused.value.title == "/home/dev can't be written to" and "read-only" in refused.value.one_line()


@pytest.mark.parametrize(
    ("line", "link"),
    [
        ("mkdir /srv/x; ln -s /srv/x /home/dev/.ssh", "/home/dev/.ssh"),
        ("mkdir /home/dev/.ssh; ln -s /srv/y /home/dev/.ssh/authorized_keys", KEYS),
        ("mv /home /home2; ln -s /home2 /home", "/home"),
    ],
)
def test_a_symbolic_link_is_refused(inside: Inside, line: str, link: str) -> None:
    inside.run("sh", "-c", f"mkdir -p /srv; {line}")
    with pytest.raises(NoRoute) as refused:
        inside.put_key()
    assert refused.value.detail.startswith(f"{link} is a symbolic link")
    assert inside.run("find", "/srv", "-type", "f") == ""


def test_a_missing_home_is_refused(inside: Inside) -> None:
    inside.run("rm", "-r", "/home/dev")
    with pytest.raises(NoRoute) as refused:
        inside.put_key()
    assert "the home of dev, /home/dev, is missing" in refused.value.detail


def test_a_folder_in_place_of_the_file_is_refused(inside: Inside) -> None:
    inside.run("mkdir", "-p", KEYS)
    with pytest.raises(NoRoute, match="not put"):
        inside.put_key()


def test_a_file_too_large_to_be_one_of_keys_is_refused(inside: Inside) -> None:
    inside.run("mkdir", "/home/dev/.ssh")
    inside.run("sh", "-c", f"head -c 3000000 /dev/zero >{KEYS}")
    with pytest.raises(NoRoute) as refused:
        inside.put_key()
    assert "larger" in refused.value.detail
    assert inside.run("stat", "-c", "%s", KEYS).strip() == "3000000"


def test_a_folder_outside_of_the_home_is_not_made(inside: Inside) -> None:
    with pytest.raises(NoRoute) as refused:
        inside.put_key(path="/etc/ssh/keys/dev")
    assert "/etc/ssh/keys is missing" in refused.value.detail
