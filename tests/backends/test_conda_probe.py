"""The probe in every shell that containers have, and what is made of its answers, whole, cut and strange."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.backends.conda import answer, facts, names, origins, probe
from tui.backends.docker.changes import Change, ChangeKind
from tui.backends.docker.mounts import Mounts
from tui.model.environments import EnvironmentKind, Origin

SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "ash"]}


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An installation with an environment of a strange name, and a venv below a home."""
    root = tmp_path / "opt" / "conda"
    for prefix in (root, root / "envs" / "new\nline 'and\" more\t"):
        write(
            prefix / "conda-meta" / "history",
            "==> 2026-03-01 10:00:00 <==\n# cmd: /opt/conda/bin/conda create\n",
        )
        write(prefix / "conda-meta" / "python-3.12.4-h99_0_cpython.json", "{}")
        site = prefix / "lib" / "python3.12" / "site-packages"
        write(site / "numpy-2.0.0.dist-info" / "INSTALLER", "pip")
        write(site / "torch" / "version.py", "__version__ = \"2.4.0\"\r\ncuda = '12.4'\r\n")
        os.mkfifo(site / "pipe.dist-info")
    write(
        tmp_path / "home" / "work" / ".venv" / "pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\nuv = 0.9.1\n"
    )
    (root / "envs" / "loop").symlink_to("loop")
    return root


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_says_the_same(root: Path, shell: str) -> None:
    if shutil.which(SHELLS[shell][0]) is None:
        pytest.skip(f"no {shell} here")
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(root.parents[1] / "home"), "CONDA_DIR": str(root)}
    done = subprocess.run(
        [*SHELLS[shell], "-c", probe.script("probe.sh"), "probe"],
        env=environ,
        cwd="/",
        capture_output=True,
        check=True,
    )

    told = answer.read(done.stdout)

    assert (told.is_complete, told.is_garbage, done.stderr) == (True, False, b"")
    found = {each.prefix: each for each in facts.environments("c", told)}
    strange = found[str(root / "envs" / "new\nline 'and\" more\t")]
    assert (strange.kind, strange.name) == (EnvironmentKind.CONDA, "new\nline 'and\" more\t")
    assert (strange.python, strange.conda_packages, strange.pip_packages) == ("3.12.4", 1, 1)
    assert (strange.torch, strange.cuda_build, strange.made_by) == ("2.4.0", "12.4", "conda")
    assert strange.created_at == 1772359200.0
    venv = found[str(root.parents[1] / "home" / "work" / ".venv")]
    assert (venv.kind, venv.python, venv.root_prefix) == (EnvironmentKind.UV, "3.11.2", "/usr")
    assert found[str(root)].kind is EnvironmentKind.BASE


@given(st.binary(max_size=300))
def test_any_bytes_are_read(noise: bytes) -> None:
    told = answer.read(noise)
    assert not told.is_complete and told.found == []
    assert told.is_garbage or not noise.strip(b"\0") or b"\0" in noise


@given(st.integers(0, 400))
def test_an_answer_that_is_cut_is_not_whole(length: int) -> None:
    whole = b"V 4\x001\x000\x00/root\x0017\x00U 1\x00/home/x\x00M 1\x00/opt/conda/bin/conda\x00Z 1\x000\x00"
    told = answer.read(whole[:length])
    assert told.is_complete == (length >= len(whole))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("numpy-1.26.4-py311h64a7726_0.json", ("numpy", "1.26.4", "py311h64a7726_0")),
        ("cuda-version-12.1-h1d6eff3_3.json", ("cuda-version", "12.1", "h1d6eff3_3")),
        ("_libgcc_mutex-0.1-main.json", ("_libgcc_mutex", "0.1", "main")),
        ("odd.json", ("odd", "", "")),
    ],
)
def test_names_of_records(file: str, expected: tuple[str, str, str]) -> None:
    named = names.of_record(file)
    assert (named.name, named.version, named.build) == expected


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("nvidia_cudnn_cu12-9.1.0.70.dist-info", ("nvidia-cudnn-cu12", "9.1.0.70")),
        ("torch-2.3.1-py3.11.egg-info", ("torch", "2.3.1")),
        ("torch-2.8.0a0+5228986c39.nv25.6.dist-info", ("torch", "2.8.0a0+5228986c39.nv25.6")),
        ("legacy.egg-link", ("legacy", "")),
    ],
)
def test_names_of_dists(folder: str, expected: tuple[str, str]) -> None:
    named = names.of_dist(folder)
    assert (named.name, named.version) == expected


def change(path: str, kind: ChangeKind = ChangeKind.MODIFIED) -> Change:
    return Change(path, kind)


def test_a_folder_is_not_changed_by_what_is_in_it() -> None:
    told = [
        change("/opt"),
        change("/opt/conda"),
        change("/opt/conda/envs"),
        change("/opt/conda/envs/a"),
        change("/opt/conda/envs/a/new", ChangeKind.ADDED),
        change("/opt/conda/envs/ab"),
        change("/opt/conda/envs/ab/__pycache__", ChangeKind.ADDED),
        change("/opt/conda/envs/ab/__pycache__/x.pyc", ChangeKind.ADDED),
        change("/opt/conda/pkgs"),
        change("/opt/conda/pkgs/x", ChangeKind.ADDED),
        change("/root/.bashrc"),
    ]
    prefixes = ["/opt/conda", "/opt/conda/envs/a", "/opt/conda/envs/ab", "/data/envs/m", "/fast/m"]
    mounts = Mounts(("/data",), ("/fast",))

    assert origins.origins(prefixes, mounts, told) == {
        "/opt/conda": Origin.IMAGE,
        "/opt/conda/envs/a": Origin.LAYER,
        "/opt/conda/envs/ab": Origin.IMAGE,
        "/data/envs/m": Origin.MOUNT,
        "/fast/m": Origin.LAYER,
    }


@pytest.mark.parametrize("kind", [ChangeKind.ADDED, ChangeKind.DELETED, ChangeKind.MODIFIED])
def test_a_file_of_it_makes_it_changed(kind: ChangeKind) -> None:
    told = [change("/opt/conda"), change("/opt/conda/lib"), change("/opt/conda/lib/x.py", kind)]
    assert origins.origins(["/opt/conda"], Mounts(), told) == {"/opt/conda": Origin.LAYER}


_CONDA, _MICROMAMBA = "/opt/conda/bin/conda", "/usr/local/bin/micromamba"


@pytest.mark.parametrize(
    ("prefix", "managers", "expected"),
    [
        ("/opt/conda/envs/a", (_CONDA, _MICROMAMBA), _CONDA),
        # a root without a conda of its own is not another root's
        ("/opt/micromamba/envs/a", (_CONDA, _MICROMAMBA), _MICROMAMBA),
        ("/opt/micromamba/envs/a", (_CONDA,), _CONDA),
        ("/data/a", (_CONDA, _MICROMAMBA), _CONDA),
    ],
)
def test_the_program_that_manages_an_environment(
    prefix: str, managers: tuple[str, ...], expected: str
) -> None:
    found = answer.Found(
        prefix, False, True, True, False, True, False, "-", "", "", "", "", (), (), (), (), "", ()
    )
    told = answer.Answer(
        process_id=1,
        managers=list(managers),
        roots=["/opt/conda", "/opt/micromamba"],
        folders=["/opt/conda/envs", "/opt/micromamba/envs"],
        found=[found],
    )
    (environment,) = facts.environments("0" * 64, told)
    assert environment.manager == expected
