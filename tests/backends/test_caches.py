"""What `caches.sh` says, in every shell, and what it comes to."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.making import full_id, make_container
from tests.monitor.environments import make_environment
from tui.backends.conda import cache_answer, probe
from tui.backends.conda.cache_answer import CacheAnswer, FoundCache, FoundPip
from tui.backends.conda.cache_cleaning import cleaning_of
from tui.backends.conda.manager_commands import commands_of, plan_commands_of
from tui.model.changes import ChangeVerb, EnvironmentChange, change_words
from tui.model.environments import EnvironmentKind

SHELLS = [
    pytest.param(argv, id=argv[-1])
    for argv in (("dash",), ("bash",), ("busybox", "ash"))
    if shutil.which(argv[0])
]
HOSTILE = "a 'b' \"c\" $(touch pwned) `touch pwned` \n\x1b[31m * ~ 漢 \udcff"


def told(shell: Sequence[str], *prefixes: Path, **environ: str) -> CacheAnswer:
    """What the script says in a world of its own."""
    argv = [*shell, "-c", probe.script("caches.sh"), "caches", *map(str, prefixes)]
    path = "/usr/bin:/bin" if shell[0] != "busybox" else "/nowhere"
    done = subprocess.run(
        [shutil.which(argv[0]) or argv[0], *argv[1:]], env={"PATH": path, **environ},
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    answer = cache_answer.read(done.stdout)
    assert answer.is_complete and done.stderr == b""
    return answer


def filled(folder: Path, size: int = 100_000) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/file").write_bytes(b"x" * size)
    return folder


def of_pip(folder: Path, size: int = 100_000) -> Path:
    filled(folder / "http", size)
    return folder


def of_uv(folder: Path, size: int = 100_000) -> Path:
    filled(folder / "archive-v0", size)
    (folder / "CACHEDIR.TAG").touch()
    return folder


def at(answer: CacheAnswer, path: Path) -> FoundCache:
    return next(each for each in answer.caches if each.path == str(path))


@pytest.mark.parametrize("shell", SHELLS)
class TestScript:
    def test_names_may_hold_any_byte(self, shell: Sequence[str], tmp_path: Path) -> None:
        cache = of_pip(tmp_path / HOSTILE)
        (cache / "http" / HOSTILE).write_bytes(b"x" * 5000)
        found = at(told(shell, PIP_CACHE_DIR=os.fsencode(cache).decode("utf-8", "surrogateescape")), cache)
        assert found.owner == "pip" and found.user == str(os.getuid()) and found.is_writable
        assert found.own_bytes(None) is not None and (found.own_bytes(None) or 0) >= 105_000
        assert not (tmp_path / "pwned").exists() and not Path("pwned").exists()

    def test_an_inode_counts_once_and_one_with_a_name_elsewhere_gives_nothing(
        self, shell: Sequence[str], tmp_path: Path
    ) -> None:
        cache = of_uv(tmp_path / "cache", 200_000)
        bucket = cache / "archive-v0"
        os.link(bucket / "sub/file", bucket / "again")
        (bucket / "linked").write_bytes(b"y" * 300_000)
        os.link(bucket / "linked", tmp_path / "elsewhere")
        found = at(told(shell, UV_CACHE_DIR=str(cache)), cache)
        size, own = found.size_bytes, found.own_bytes(None)
        assert size is not None and own is not None
        assert 500_000 <= size < 560_000 and 200_000 <= own < 215_000

    def test_caches_of_conda_are_told_from_folders_of_that_name(
        self, shell: Sequence[str], tmp_path: Path
    ) -> None:
        root, none = tmp_path / "root", tmp_path / "none"
        filled(root / "pkgs")
        (root / "pkgs/urls.txt").touch()
        filled(none / "pkgs")
        home = tmp_path / "home"
        filled(home / "kept/packages")
        (home / "kept/packages/urls.txt").touch()
        filled(home / "flow")
        (home / "flow/urls.txt").touch()
        (home / ".condarc").write_text(
            'channels: [x]\npkgs_dirs:\n  - "~/kept/packages"  \nenvs_dirs:\n  - /x\n'
        )
        (home / ".mambarc").write_text(f"pkgs_dirs: [$HOME/flow, {none}]\n")
        answer = told(shell, root, none, HOME=str(home))
        mine = {each.path for each in answer.caches if each.path.startswith(str(tmp_path))}
        assert mine == {str(root / "pkgs"), str(home / "kept/packages"), str(home / "flow")}

    def test_caches_in_homes_and_of_variables_once_each(self, shell: Sequence[str], tmp_path: Path) -> None:
        home = tmp_path / "home"
        of_pip(home / ".cache/pip")
        of_uv(home / ".cache/uv")
        (tmp_path / "link").symlink_to(home / ".cache")
        answer = told(shell, HOME=str(home), XDG_CACHE_HOME=str(tmp_path / "link"))
        mine = [each for each in answer.caches if each.path.startswith(str(tmp_path))]
        assert sorted(each.owner for each in mine) == ["pip", "uv"]

    def test_a_folder_with_anything_else_in_it_is_no_cache(
        self, shell: Sequence[str], tmp_path: Path
    ) -> None:
        models, work, home = tmp_path / "models", tmp_path / "work", tmp_path / "home"
        of_uv(models)
        filled(models / "huggingface")
        of_pip(work)
        filled(work / "runs")
        (home / "builds/pkgs").mkdir(parents=True)
        (home / "builds/pkgs/dataset.tar.bz2").touch()
        filled(home / "notes/pkgs")
        (home / "notes/pkgs/cache").touch()
        filled(home / ".cache/uv")
        filled(home / ".cache/pip")
        answer = told(shell, HOME=str(home), UV_CACHE_DIR=str(models), PIP_CACHE_DIR=str(work))
        assert [each.path for each in answer.caches if each.path.startswith(str(tmp_path))] == []

    def test_programs_that_clean_are_told(self, shell: Sequence[str], tmp_path: Path) -> None:
        (tmp_path / "bin").mkdir()
        for name in ("python", "uv"):
            (tmp_path / "bin" / name).write_text("")
            (tmp_path / "bin" / name).chmod(0o755)
        (tmp_path / "lib/python3.12/site-packages/pip-24.0.dist-info").mkdir(parents=True)
        answer = told(shell, tmp_path)
        assert FoundPip(str(tmp_path), f"{tmp_path}/bin/python", "24.0") in answer.pips
        assert f"{tmp_path}/bin/uv" in answer.uvs


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"sh: not found",
        b"V 2\x001\x00",
        b"V 2\x001\x00x\x00",
        b"C 5\x001\x00pip\x00/x\x000\x00y\x00",
        b"V 2\x001\x007\x00C 5\x001\x00pip\x00/x\x000\x00y\x00W 2\x009\x00\x00Z 1\x001\x00",
        b"V 2\x001\x007\x00C 5\x001\x00pip\x00/x\x000\x00y\x00W 2\x001\x00rubbish\n1:1 1 x\n\x00Z 1\x001\x00",
        b"V 2\x001\x007\x00Q 1\x00\xff\xfe\x00",
    ],
)
def test_whatever_is_printed_is_read(output: bytes) -> None:
    for end in range(len(output) + 1):
        cache_answer.read(output[:end])


def test_what_was_cut_off_is_not_measured() -> None:
    begin = b"V 2\x001\x007\x00C 5\x001\x00pip\x00/x\x000\x00y\x00"
    whole = begin + b"W 2\x001\x0010:1 1 8 f 5.5 6.5\n\x00Z 1\x001\x00"
    assert cache_answer.read(whole).caches[0].size_bytes == 4096
    cut = cache_answer.read(whole[: whole.index(b"6.5")])
    assert cut.caches[0].size_bytes is None and not cut.is_complete


def test_what_came_into_being_before_the_container_is_the_images() -> None:
    lines = b"1:1 1 8 f 100.5 1.0\n1:2 1 16 f 300.5 2.0\n1:3 1 32 81a4 200 3\n1:4 1 8 d 400.0 1.0\n"
    output = b"V 2\x001\x007\x00C 5\x001\x00pip\x00/x\x000\x00y\x00W 2\x001\x00" + lines + b"\x00Z 1\x001\x00"
    cache = cache_answer.read(output).caches[0]
    assert cache.own_bytes(None) == (8 + 16 + 32) * 512
    # whole seconds are as good as the end of them
    assert cache.own_bytes(200.7) == (16 + 32) * 512
    assert cache.own_bytes(201.0) == 16 * 512
    assert cache.modified_at == 3.0


class TestWhoseProgram:
    def test_nobody_runs_what_lies_in_anothers_home(self) -> None:
        pip = FoundPip("/home/bob/venv", "/home/bob/venv/bin/python", "24.0")
        answer = CacheAnswer(7, pips=[pip], uvs=["/home/bob/.local/bin/uv"])
        bobs = make_environment(
            "box", "/home/bob/conda", root_prefix="/home/bob/conda", manager="/home/bob/conda/bin/conda"
        )
        for owner in ("conda", "pip", "uv"):
            for path, is_his in (("/root/.cache/x", False), ("/home/ann/x", False), ("/home/bob/x", True)):
                cache = FoundCache(owner, path, "0", True)
                told, why_not = cleaning_of(make_container("box"), cache, [bobs], answer)
                assert (told is not None) == is_his, (owner, path)
                assert is_his or why_not


class TestCleaning:
    def found(self, owner: str, path: str, user: str = "0") -> FoundCache:
        return FoundCache(owner, path, user, True)

    def change(self, cache: FoundCache, answer: CacheAnswer | None = None) -> EnvironmentChange:
        environments = [
            make_environment("box", "/opt/conda", root_prefix="/opt/conda", manager="/opt/conda/bin/conda"),
            make_environment(
                "box", "/opt/mamba/envs/a", kind=EnvironmentKind.CONDA, root_prefix="/opt/mamba",
                manager="/opt/mamba/bin/micromamba",
            ),
        ]  # fmt: skip
        told, why_not = cleaning_of(make_container("box"), cache, environments, answer or CacheAnswer())
        assert told is not None, why_not
        assert (told.verb, told.cache, told.container_id) == (ChangeVerb.CLEAN, cache.path, full_id("box"))
        return told

    def test_conda_cleans_exactly_this_cache(self) -> None:
        change = self.change(self.found("conda", "/opt/conda/pkgs"))
        (command,) = commands_of(change)
        assert command.argv == (
            "/opt/conda/bin/conda", "clean", "--packages", "--tarballs", "--index-cache", "-y",
        )  # fmt: skip
        assert dict(command.environ)["CONDA_PKGS_DIRS"] == "/opt/conda/pkgs"
        (dry,) = plan_commands_of(change)
        assert "--dry-run" in dry.argv and dict(dry.environ)["CONDA_PKGS_DIRS"] == "/opt/conda/pkgs"
        assert change_words(change) == "Clean /opt/conda/pkgs in box"

    def test_its_own_installations_manager_is_taken(self) -> None:
        assert self.change(self.found("conda", "/opt/mamba/pkgs")).manager.endswith("micromamba")
        assert self.change(self.found("conda", "/opt/conda/pkgs")).manager.endswith("conda")
        assert self.change(self.found("conda", "/home/ann/.conda/pkgs", "1000")).user == "1000"

    def test_pip_by_an_interpreter_that_its_owner_can_run(self) -> None:
        pips = [
            FoundPip("/root/venv", "/root/venv/bin/python", "24.0"),
            FoundPip("/usr", "/usr/bin/python3", "23.0.1"),
            FoundPip("/home/ann/venv", "/home/ann/venv/bin/python", "24.0"),
        ]
        answer = CacheAnswer(7, pips=pips)
        change = self.change(self.found("pip", "/home/ann/.cache/pip", "1000"), answer)
        assert change.python == "/home/ann/venv/bin/python"
        other = self.change(self.found("pip", "/srv/pip"), answer)
        assert commands_of(other)[0].argv == (
            "/usr/bin/python3", "-m", "pip", "cache", "purge", "--cache-dir", "/srv/pip",
        )  # fmt: skip

    def test_an_old_pip_can_not(self) -> None:
        answer = CacheAnswer(7, pips=[FoundPip("/usr", "/usr/bin/python3", "20.0.2")])
        change, why_not = cleaning_of(make_container("box"), self.found("pip", "/srv/pip"), (), answer)
        assert change is None and "20.0.2" in why_not

    def test_uv_cleans_the_folder_that_is_named(self) -> None:
        change = self.change(self.found("uv", "/root/.cache/uv"), CacheAnswer(7, uvs=["/usr/bin/uv"]))
        (command,) = commands_of(change)
        assert command.argv == ("/usr/bin/uv", "cache", "clean", "--cache-dir", "/root/.cache/uv")

    @pytest.mark.parametrize("owner", ["conda", "pip", "uv"])
    def test_where_nothing_cleans_it_the_reason_is_told(self, owner: str) -> None:
        change, why_not = cleaning_of(make_container("box"), self.found(owner, "/x/y"), (), CacheAnswer())
        assert change is None and owner in why_not
