"""`envtui ssh-config`: ssh reads what was meant, and nobody's own file is harmed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rig.terminal import TerminalSession
from tui.cli import main
from tui.commands.questions import NoQuestions
from tui.commands.ssh_config_text import config_text, include_line
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.errors import EnvtuiError
from tui.model.sessions import SshDoor
from tui.workstation import open_demo

PATIENCE_SECONDS = 30.0
ID = "ab12" * 16
DOOR = SshDoor("box", ID, "ana", f"envtui-{ID[:12]}", "/keys/id_ed25519", "/keys/known_hosts")
Run = Callable[..., tuple[int, str, str]]


def read_by_ssh(config: Path, host: str) -> dict[str, str]:
    """What the real program makes of a file, by keyword."""
    done = subprocess.run(
        ["ssh", "-G", "-T", "-F", str(config), host],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stderr == ""
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


class TestWhatSshReads:
    def test_every_line_of_an_entry(self, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text(config_text([DOOR], ["/bin/envtui", "ssh-proxy"]))
        told = read_by_ssh(config, "envtui-box")
        assert told["user"] == "ana" and told["hostkeyalias"] == DOOR.host_key_alias
        assert told["proxycommand"] == f"/bin/envtui ssh-proxy {ID}"
        assert told["identityfile"] == DOOR.identity_file and told["identitiesonly"] == "yes"
        assert told["userknownhostsfile"] == DOOR.known_hosts_file
        assert told["stricthostkeychecking"] == "true"
        assert "proxycommand" not in read_by_ssh(config, "envtui-box2")

    @pytest.mark.parametrize("folder", ["/a b/c", "/a#b", '/a"b', "/a\\b", "/a'b", "/分割", "/a=b", "/$x ~"])
    def test_paths_of_all_sorts(self, tmp_path: Path, folder: str) -> None:
        door = replace(DOOR, identity_file=f"{folder}/id", known_hosts_file=f"{folder}/known")
        (tmp_path / "config").write_text(config_text([door], ["envtui"]))
        told = read_by_ssh(tmp_path / "config", "envtui-box")
        assert told["identityfile"] == f"{folder}/id"
        # it is printed as it would be written again
        assert told["userknownhostsfile"].strip('"').replace('\\"', '"').replace("\\\\", "\\") in (
            f"{folder}/known", f"{folder}/known".replace("\\", ""),
        )  # fmt: skip

    @pytest.mark.parametrize("host", ["tcp://box:2376", "unix:///run/a b/x.sock", "%h", "a%%b", "it's;$(x)"])
    def test_the_proxy_gets_its_words_as_they_are(self, tmp_path: Path, host: str) -> None:
        """The real program starts it, and the words are counted there."""
        (tmp_path / "config").write_text(
            config_text(
                [DOOR], [sys.executable, "-c", "import sys; print(sys.argv[1:], file=sys.stderr)", host]
            )
        )
        done = subprocess.run(
            ["ssh", "-F", str(tmp_path / "config"), "envtui-box"],
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert str([host, ID]) in done.stderr

    def test_one_with_a_problem_is_a_comment(self, tmp_path: Path) -> None:
        bad = SshDoor("bad", ID, problem="nobody said yes\nHost *\x1b[2J")
        text = config_text([bad, DOOR, replace(DOOR, container_name="*")], ["envtui"])
        assert "# envtui-bad: nobody said yes␊Host *␛[2J\n" in text and "# envtui-*: no Host line" in text
        (tmp_path / "config").write_text(text)
        assert "proxycommand" not in read_by_ssh(tmp_path / "config", "envtui-bad")
        assert read_by_ssh(tmp_path / "config", "envtui-box")["user"] == "ana"

    @pytest.mark.parametrize("path", ["/a\nb", "/${HOME}/id"])
    def test_what_can_not_be_said_is_refused(self, path: str) -> None:
        with pytest.raises(EnvtuiError):
            config_text([replace(DOOR, identity_file=path)], ["envtui"])

    @pytest.mark.parametrize("name", ["plain", "a b", "a*[x]?", 'a"b', "a#b", "分割"])
    def test_a_file_is_included_whatever_it_is_called(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("Host box\n  User ana\n")
        (tmp_path / "config").write_text(include_line(str(tmp_path / name)) + "\n")
        assert read_by_ssh(tmp_path / "config", "box")["user"] == "ana"


@pytest.fixture
def world() -> DemoWorld:
    """One in which some were asked for their consent before."""
    world = DemoWorld(clock=FrozenClock())
    world.key_consents = {world.find("dl-dev").id: True, world.find("llm-finetune").id: False}
    return world


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a user whose home is somewhere else."""
    path = tmp_path / "home" / ".ssh" / "config"
    monkeypatch.setattr("tui.commands.ssh_include.users_ssh_config", lambda: path)
    return path


@pytest.fixture
def run(
    world: DemoWorld,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.setattr("tui.commands.questions.questions_here", lambda **given: NoQuestions())

    def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr on the make-believe workstation, where nobody can be asked."""
        monkeypatch.setattr("tui.commands.ssh_config.open_workstation", lambda *given: open_demo(world))
        code = main(
            [*arguments], {"XDG_CONFIG_HOME": str(tmp_path / "settings"), "HOME": str(tmp_path), **environ}
        )
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


class TestTheEntries:
    def test_one_for_each_that_has_an_sshd(self, run: Run, tmp_path: Path, world: DemoWorld) -> None:
        code, out, err = run("ssh-config")
        assert (code, err) == (0, "")
        assert [line for line in out.splitlines() if line.startswith(("Host ", "# envtui-"))] == [
            "Host envtui-dl-dev",
            "# envtui-llm-finetune: envtui's key may not be put into it",
            "# envtui-notebook-ana: nobody could be asked whether envtui's key may be put into it",
        ]
        (tmp_path / "printed").write_text(out)
        told = read_by_ssh(tmp_path / "printed", "envtui-dl-dev")
        assert told["user"] == "root" and told["proxycommand"].endswith(
            f" ssh-proxy {world.find('dl-dev').id}"
        )

    def test_the_one_that_is_named(self, run: Run) -> None:
        code, out, _ = run("ssh-config", "dl-dev")
        assert code == 0 and out.count("Host ") == 1 and "notebook" not in out

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("nosuch", "No such container"),
            ("optuna-db", "there is no sshd in optuna-db"),
            ("diffusion-train", "does not run"),
            ("llm-finetune", "may not be put into it"),
        ],
    )
    def test_a_named_one_without_is_a_failure(self, run: Run, name: str, said: str) -> None:
        code, _, err = run("ssh-config", name)
        assert code == 1 and said in err and err.count("\n") == 1

    @pytest.mark.parametrize(
        ("options", "environ", "expected"),
        [
            ((), {}, ""),
            (("--host", "box"), {"DOCKER_HOST": "tcp://other:1"}, " --host box"),
            ((), {"DOCKER_HOST": "tcp://box:1"}, " --host tcp://box:1"),
            ((), {"DOCKER_CONTEXT": "lab"}, " --host lab"),
            (("--demo",), {}, " --demo"),
        ],
    )
    def test_the_proxy_finds_the_same_engine(
        self, run: Run, options: Sequence[str], environ: dict[str, str], expected: str
    ) -> None:
        _, out, _ = run(*options, "ssh-config", "dl-dev", **environ)
        (line,) = [line for line in out.splitlines() if "ProxyCommand" in line]
        assert f"-m tui{expected} ssh-proxy " in line

    def test_read_only_and_lonely_options_are_refused(self, run: Run) -> None:
        assert run("--read-only", "ssh-config")[0] == 1
        assert run("ssh-config", "--yes")[0] == 2


class TestWriting:
    OWN = b"# mine \xff\r\nHost *\n  Compression yes"

    def test_into_a_file_of_its_own_and_one_line_on_top(self, run: Run, config: Path, tmp_path: Path) -> None:
        config.parent.mkdir(parents=True)
        config.write_bytes(self.OWN)
        config.chmod(0o640)
        written = tmp_path / "settings" / "envtui" / "ssh_config"
        for _ in range(2):
            code, out, err = run("ssh-config", "--write", "--yes")
            assert (code, err) == (0, "") and out.startswith(f"{written}: envtui-dl-dev\n")
            assert config.read_bytes() == f"Include {written}\n".encode() + self.OWN
        assert stat.S_IMODE(config.stat().st_mode) == 0o640
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        assert os.listdir(config.parent) == ["config"]
        assert read_by_ssh(config, "envtui-dl-dev")["user"] == "root"

    def test_makes_what_is_not_there(self, run: Run, config: Path) -> None:
        assert run("ssh-config", "--write", "--yes")[0] == 0
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700

    def test_follows_a_link(self, run: Run, config: Path, tmp_path: Path) -> None:
        config.parent.mkdir(parents=True)
        kept = tmp_path / "dotfiles"
        kept.write_bytes(self.OWN)
        config.symlink_to(kept)
        assert run("ssh-config", "--write", "--yes")[0] == 0
        assert config.is_symlink() and kept.read_bytes().endswith(b"\n" + self.OWN)

    @pytest.mark.parametrize(
        ("line", "is_there"),
        [
            ("include  ~/settings", True),
            ('INCLUDE = "../settings" # ours', True),
            ("Include other /nothing ../settings", True),
            ("#Include ~/settings", False),
            ("Host x\n  Include ~/settings", False),
            ("Include ../settings2", False),
        ],
    )
    def test_a_line_that_is_there_is_seen(self, tmp_path: Path, line: str, is_there: bool) -> None:
        from tui.commands.ssh_include import is_included

        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh" / "config").write_text(f"# first\n{line}\n")
        assert is_included(tmp_path / ".ssh" / "config", tmp_path / "settings") is is_there

    def test_without_a_yes_the_line_is_only_told(self, run: Run, config: Path, tmp_path: Path) -> None:
        code, _, err = run("ssh-config", "--write")
        assert code == 1 and "Include" in err and not config.exists()
        assert (tmp_path / "settings" / "envtui" / "ssh_config").exists()

    def test_a_file_that_can_not_be_written_is_told(self, run: Run, config: Path) -> None:
        config.parent.parent.mkdir()
        config.parent.write_text("no folder")
        code, _, err = run("ssh-config", "--write", "--yes")
        assert code == 1 and err.startswith("envtui: A file") and err.count("\n") == 1

    @pytest.mark.parametrize(("key", "is_added"), [("y\r", True), ("\r", False)])
    def test_on_a_terminal_it_is_asked(self, tmp_path: Path, key: str, is_added: bool) -> None:
        config = tmp_path / "config"
        program = (
            "import sys; from pathlib import Path; import tui.commands.ssh_include as module\n"
            f"module.users_ssh_config = lambda: Path({str(config)!r})\n"
            "from tui.cli import entry; entry()\n"
        )
        command = [sys.executable, "-c", program, "--demo", "ssh-config", "--write", "dl-dev"]
        with TerminalSession(command, env={"XDG_CONFIG_HOME": str(tmp_path / "settings")}) as shown:
            shown.wait_for(r"Put it in\?")
            shown.send("y\r")
            shown.wait_for(r"^Include ")
            shown.wait_for(r"Add it\? \(y/N\)")
            assert not config.exists()
            shown.send(key)
            assert shown.wait_exit() == 0
        assert config.exists() is is_added
