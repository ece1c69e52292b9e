"""A command runs in its environment; its arguments, streams and status are its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rig.managers import environment_of, make_prefix, make_program
from tests.shells.machine import Machine
from tui.backends.shells.entering import Entry, exec_argv, start_text
from tui.model.environments import Environment, EnvironmentKind

_SH = {
    name: argv
    for name, argv in {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}.items()
    if shutil.which(argv[0])
}
_ARGUMENTS = (
    "", "a b", "it's", '"', "$HOME `id` $(id)", "\\n\\", "new\nline\n", "\t", "*", "~", "-e",
    "--", "日本", "%s", "!!",
)  # fmt: skip
_ECHO = (
    "python",
    "-c",
    "import os, sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))",
)


def entry(environment: Environment | None, *command: str, **fields: object) -> Entry:
    return Entry("training", environment, "engine exec", "0" * 32, command, is_terminal=False, **fields)  # type: ignore[arg-type]


def run(
    sh: list[str],
    wanted: Entry,
    folder: Path | None = None,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """By argv as the engine does it, or by a file in a folder."""
    if folder is None:
        argv: list[str | Path] = [*sh, *exec_argv(wanted)[1:]]
    else:
        folder.mkdir()
        (folder / "start").write_bytes(start_text(wanted))
        argv = [*sh, folder / "start"]
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/", **(variables or {})}
    return subprocess.run(argv, input=stdin, capture_output=True, env=environ, timeout=60)


@pytest.fixture(params=_SH)
def sh(request: pytest.FixtureRequest) -> list[str]:
    return _SH[request.param]


@pytest.mark.parametrize("by_file", [False, True], ids=["exec", "file"])
@pytest.mark.parametrize("more", [(), ("\udcff\udcfe\udc80", "\\0101 \udce9")], ids=["text", "bytes"])
def test_arguments_arrive_unchanged(
    machine: Machine, tmp_path: Path, sh: list[str], by_file: bool, more: tuple[str, ...]
) -> None:
    arguments = (*_ARGUMENTS, *more)
    folder = tmp_path / "envtui.x1" if by_file else None
    done = run(sh, entry(machine.environments["conda"], *_ECHO, *arguments), folder)
    assert done.stdout.split(b"\0") == [each.encode("utf-8", "surrogateescape") for each in arguments]
    assert (done.stderr, done.returncode) == (b"", 0)
    assert folder is None or not folder.exists()


@pytest.mark.parametrize("kind", ["conda", "micromamba", "venv", "pixi", "unowned"])
def test_in_its_environment_and_in_silence(machine: Machine, sh: list[str], kind: str) -> None:
    environment = machine.environments[kind]
    line = (
        'import os, sys; print(sys.prefix, os.getpid()); print(os.environ["ENVTUI_SESSION"], file=sys.stderr)'
    )
    done = run(sh, entry(environment, "python", "-c", line))
    prefix, pid = done.stdout.decode().rstrip("\n").rsplit(" ", 1)
    assert prefix == environment.prefix
    # only exec: the program is the process that was begun
    assert done.stderr.decode() == f"{'0' * 32}:{pid}\n"


@pytest.mark.parametrize("status", [0, 7, 130])
def test_its_status(machine: Machine, sh: list[str], status: int) -> None:
    assert run(sh, entry(machine.environments["conda"], "sh", "-c", f"exit {status}")).returncode == status


def test_a_program_that_is_not_there(machine: Machine, sh: list[str]) -> None:
    done = run(sh, entry(machine.environments["conda"], "no-such-program"))
    assert (done.returncode, done.stdout) == (127, b"") and b"no-such-program" in done.stderr


def test_its_input(machine: Machine, sh: list[str]) -> None:
    content = os.urandom(300_000)
    assert run(sh, entry(machine.environments["micromamba"], "cat"), stdin=content).stdout == content


def test_what_its_activation_prints_and_reads_is_not_the_commands(tmp_path: Path, sh: list[str]) -> None:
    prefix = make_prefix(tmp_path / "loud")
    (prefix / "etc/conda/activate.d/set.sh").write_text(
        "echo loud; echo loud >&2; read line; export LINE=$line\n"
    )
    done = run(sh, entry(environment_of(prefix, EnvironmentKind.CONDA), "cat"), stdin=b"first\n")
    assert (done.stdout, done.stderr) == (b"first\n", b"")


def test_an_activation_that_fails_is_made_by_hand_without_a_word(tmp_path: Path, sh: list[str]) -> None:
    prefix = make_prefix(tmp_path / "vision")
    manager = make_program(tmp_path / "bin" / "conda", "#!/bin/sh\necho broken >&2; exit 1\n")
    broken = environment_of(prefix, EnvironmentKind.CONDA, tmp_path, manager)
    done = run(sh, entry(broken, "python", "-c", "import sys; print(sys.prefix)"))
    assert (done.stdout.decode(), done.stderr) == (f"{prefix}\n", b"")


@pytest.mark.parametrize("file", ["etc/conda/activate.d/a.sh", "bin/activate"])
def test_a_script_of_the_environment_with_a_syntax_error(tmp_path: Path, sh: list[str], file: str) -> None:
    prefix = make_prefix(tmp_path / "vision")
    (prefix / file).write_text("if then\n")
    kind = EnvironmentKind.VENV if file == "bin/activate" else EnvironmentKind.CONDA
    done = run(sh, entry(environment_of(prefix, kind), "python", "-c", "import sys; print(sys.prefix)"))
    assert (done.stdout.decode(), done.stderr) == (f"{prefix}\n", b"")


def test_an_environment_that_is_gone_runs_nothing(sh: list[str]) -> None:
    gone = environment_of(Path("/no/such\x1b env"), EnvironmentKind.CONDA)
    done = run(sh, entry(gone, "echo", "ran"))
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == "envtui: there is no environment at /no/such␛ env\n"


def test_without_an_environment(sh: list[str]) -> None:
    assert run(sh, entry(None, "echo", "ran")).stdout == b"ran\n"


def test_the_images_variables_from_a_file(tmp_path: Path, sh: list[str]) -> None:
    value = 'it\'s "$HOME"\n\\ \udcff'
    wanted = entry(None, "printenv", "A", variables={"A": value, "not a name": "x", "B;id": "y"})
    done = run(sh, wanted, tmp_path / "envtui.x1")
    assert (done.stdout, done.stderr) == (value.encode("utf-8", "surrogateescape") + b"\n", b"")


def test_what_the_image_has_exported_is_not_ours_to_change(machine: Machine, sh: list[str]) -> None:
    names = dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "the image's")
    done = run(sh, entry(machine.environments["conda"], "env"), variables=names)
    assert {f"{name}=the image's" for name in names} <= set(done.stdout.decode().splitlines())
