"""How far a manager is, by its log."""

from __future__ import annotations

import itertools

import pytest

from tests.backends.manager_rig import CONDA, MICROMAMBA, RECORDED, UV, change
from tui.backends.conda.manager_commands import read_progress
from tui.model.changes import ChangeVerb, EnvironmentChange, Progress
from tui.model.environments import EnvironmentKind

CREATE = change(ChangeVerb.CREATE, packages=("x",))
MAMBA = change(ChangeVerb.CREATE, MICROMAMBA, packages=("x",))
VENV = change(ChangeVerb.INSTALL, "", EnvironmentKind.VENV, packages=("x",))
WITH_UV = change(ChangeVerb.INSTALL, UV, EnvironmentKind.UV, packages=("x",))

CONDA_LOG = """Channels:
 - channel
Platform: linux-64
Collecting package metadata (repodata.json): ...working... done
Solving environment: ...working... done

## Package Plan ##

  environment location: /opt/conda/envs/x

Downloading and Extracting Packages: ...working... done
Preparing transaction: ...working... done
Verifying transaction: ...working... done
Executing transaction: ...working... done
Installing pip dependencies: ...working... Ran pip subprocess with arguments:
"""


def stages(asked: EnvironmentChange, log: str) -> list[str]:
    """The stages in their order, as the log grows byte by byte."""
    data = log.encode()
    told = (read_progress(asked, data[:end]).stage for end in range(0, len(data) + 1, 7))
    return [stage for stage, _ in itertools.groupby([*told, read_progress(asked, data).stage])]


def test_the_phases_of_conda() -> None:
    assert stages(CREATE, CONDA_LOG) == [
        "starting", "reading the channels", "solving", "downloading", "preparing", "verifying", "linking",
        "installing by pip",
    ]  # fmt: skip


def test_micromamba_s_packages_are_counted_against_its_table() -> None:
    log = (RECORDED / "micromamba-2.0.5.create.txt").read_text()
    begin, _, rest = log.partition("Transaction starting\n")
    assert read_progress(MAMBA, begin.encode()) == Progress("starting")
    begin += "Transaction starting\n"
    assert read_progress(MAMBA, begin.encode()) == Progress("downloading")
    lines = rest.splitlines(keepends=True)
    for count in (1, 5, 9):
        told = (begin + "".join(lines[:count])).encode()
        assert read_progress(MAMBA, told) == Progress("linking", count, 9)
    assert read_progress(MAMBA, log.encode()).stage == "finishing"


def test_the_end_of_a_log_is_not_counted_wrong() -> None:
    log = (RECORDED / "micromamba-2.0.5.create.txt").read_bytes()
    tail = log[log.index(b"Linking libgcc") : log.index(b"\nTransaction finished")]
    assert read_progress(MAMBA, tail) == Progress("linking")


def test_pip() -> None:
    log = (RECORDED / "pip-23.0.1.install.txt").read_text()
    assert stages(VENV, log) == ["starting", "solving", "installing", "finishing"]
    part = log[: log.index("  Attempting")]
    assert read_progress(VENV, part.encode()) == Progress("installing", 0, 4)


def test_uv() -> None:
    log = (RECORDED / "uv-0.13.9.install.txt").read_text()
    assert stages(WITH_UV, log) == ["starting", "solving", "downloading", "installing", "finishing"]
    loading = "Resolved 47 packages in 566ms\nDownloading torch (514MiB)\nDownloading numpy (17MiB)\n"
    assert read_progress(WITH_UV, loading.encode()) == Progress("downloading", 0, 2)
    loading += " Downloaded numpy\n"
    assert read_progress(WITH_UV, loading.encode()) == Progress("downloading", 1, 2)


def test_what_is_removed_is_not_linked() -> None:
    log = b"Preparing transaction: ...working... done\nExecuting transaction: ...working... "
    assert read_progress(change(ChangeVerb.REMOVE, CONDA), log).stage == "removing"
    assert read_progress(change(ChangeVerb.REMOVE, CONDA), b"").stage == "removing"
    assert read_progress(change(ChangeVerb.CLEAN, CONDA), b"").stage == "cleaning"


@pytest.mark.parametrize(
    "log", [b"", b"\x00\xff\x1b[31m", b"Linking " * 10, b"Installing collected packages:", b"Resolved x"]
)
def test_any_log_has_a_stage(log: bytes) -> None:
    for asked in (CREATE, MAMBA, VENV, WITH_UV):
        progress = read_progress(asked, log)
        assert progress.stage and 0 <= progress.done <= max(progress.total, progress.done)
