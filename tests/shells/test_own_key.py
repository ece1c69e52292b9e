"""envtui's own pair of keys."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tui.backends.shells import own_key as module
from tui.backends.shells.kept_files import write_new
from tui.backends.shells.own_key import own_key
from tui.model.errors import SessionError


def test_the_pair_is_made_for_this_user_alone(tmp_path: Path) -> None:
    key = own_key(tmp_path / "ssh")
    assert key.path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ssh").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (tmp_path / "ssh").iterdir() if path.suffix != ".lock") == [
        "id_ed25519",
        "id_ed25519.pub",
    ]


def test_ssh_keygen_finds_the_same_public_half(tmp_path: Path) -> None:
    key = own_key(tmp_path)
    told = subprocess.run(["ssh-keygen", "-y", "-f", key.path], capture_output=True, text=True, check=True)
    assert told.stdout.split()[:2] == key.public_line.split()[:2]


def test_the_line_ends_with_the_comment(tmp_path: Path) -> None:
    key = own_key(tmp_path)
    assert key.public_line.startswith("ssh-ed25519 ")
    assert key.public_line.endswith(f" {key.comment}") and key.comment.startswith("envtui@")


def test_the_pair_stays_the_same(tmp_path: Path) -> None:
    assert own_key(tmp_path) == own_key(tmp_path)


def test_a_lost_public_half_is_written_again(tmp_path: Path) -> None:
    key = own_key(tmp_path)
    public = tmp_path / "id_ed25519.pub"
    public.unlink()
    assert own_key(tmp_path) == key
    assert public.read_text("utf-8") == f"{key.public_line}\n"


def test_envtuis_that_start_at_once_get_one_pair(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from tui.backends.shells.own_key import own_key;"
        "sys.stdin.read(); print(own_key(pathlib.Path(sys.argv[1])).public_line)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "ssh")]
    several = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for each in several:
        assert each.stdin is not None
        each.stdin.close()
        each.stdin = None
    lines = {each.communicate(timeout=60)[0] for each in several}
    assert len(lines) == 1 and lines.pop().startswith("ssh-ed25519 ")


def test_a_pair_that_another_envtui_makes_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = []

    def overtaken(path: Path, content: bytes) -> None:
        monkeypatch.setattr(module, "write_new", write_new)
        others.append(own_key(tmp_path))
        write_new(path, content)

    monkeypatch.setattr(module, "write_new", overtaken)
    assert [own_key(tmp_path)] == others
    assert sorted(path.name for path in tmp_path.iterdir()) == ["id_ed25519", "id_ed25519.pub"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    own_key(tmp_path).path.chmod(0o640)
    with pytest.raises(SessionError, match="can't be used") as refused:
        own_key(tmp_path)
    assert "read by others" in refused.value.detail


def test_a_damaged_key_is_refused_and_nothing_of_it_is_told(tmp_path: Path) -> None:
    key = own_key(tmp_path)
    content = key.path.read_text("ascii")
    key.path.write_text(content[: len(content) // 2], "ascii")
    with pytest.raises(SessionError) as refused:
        own_key(tmp_path)
    assert "damaged" in refused.value.detail
    assert content.splitlines()[1][:20] not in refused.value.one_line()


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SessionError) as refused:
        own_key(tmp_path / "file" / "ssh")
    assert str(tmp_path) in refused.value.detail
