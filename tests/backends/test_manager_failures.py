"""Why managers fail, by the words in their logs."""

from __future__ import annotations

import pytest

from tests.backends.manager_rig import CONDA, MICROMAMBA, RECORDED, UV, change
from tui.backends.conda.manager_commands import read_failure
from tui.model.changes import ChangeVerb, EnvironmentChange
from tui.model.environments import EnvironmentKind
from tui.model.errors import ChangeFailed

CREATE = change(ChangeVerb.CREATE, packages=("x",))
VENV = change(ChangeVerb.INSTALL, "", EnvironmentKind.VENV, packages=("x",))
BEGIN = "Channels:\n - rig\nCollecting package metadata (repodata.json): ...working... done\n"

MISSING = """Solving environment: ...working... failed

PackagesNotFoundError: The following packages are not available from current channels:

  - nosuch
  - cudatoolkit=12.4*

Current channels:

  - https://conda.anaconda.org/pytorch
  - https://conda.anaconda.org/t/tk-secret/mine/linux-64

To search for alternate channels
"""
LIBMAMBA = """error    libmamba Could not solve for environment specs
    The following package could not be installed
    └─ medaka =1.2 * does not exist (perhaps a typo or a missing channel).
critical libmamba Could not solve for environment specs
"""
CONFLICT = """LibMambaUnsatisfiableError: Encountered problems while solving:
  - package pytorch-2.3 requires python >=3.8, but none of the providers can be installed

Could not solve for environment specs
The following packages are incompatible
├─ pin-1 is installable and it requires
│  └─ python 3.13.* , which can be installed;
└─ pytorch is not installable because there are no viable options
"""
HTTP = "CondaHTTPError: HTTP 000 CONNECTION FAILED for url <https://x/repodata.json>\nElapsed: -\n"
FULL = """Executing transaction: ...working... failed
ERROR conda.core.link:_execute(1042): An error occurred.
[Errno 28] No space left on device
Rolling back transaction: ...working... done
"""
WRITE = """EnvironmentNotWritableError: The current user can not write to the target environment.
  environment location: /opt/conda/envs/x
"""
FROZEN = "EnvironmentIsFrozenError: Cannot modify '/x'. The environment is marked as frozen.\n"
SIGNAL = """Rolling back transaction: ...working... done

CondaSignalInterrupt: Signal interrupt SIGTERM

()
"""
NO_ENVIRONMENT = "EnvironmentLocationNotFound: Not a conda environment: /opt/x\n"
HERE = """PackagesNotFoundError: The following packages are missing from the target environment:
  - timm
"""
PIP_PART = """Pip subprocess error:
ERROR: Could not find a version that satisfies the requirement nosuch==9 (from versions: none)
ERROR: No matching distribution found for nosuch==9

failed

CondaEnvException: Pip failed
"""
OLD_UV = """  × No solution found when resolving dependencies:
  ╰─▶ Because nosuch was not found in the package registry and you require
      nosuch, we can conclude that your requirements are unsatisfiable.
"""


@pytest.mark.parametrize(
    ("asked", "code", "log", "title", "kind"),
    [
        (CREATE, 1, MISSING, "No such package: nosuch, cudatoolkit=12.4*", "PackagesNotFoundError"),
        (CREATE, 1, LIBMAMBA, "No such package: medaka", "SolverError"),
        (CREATE, 1, CONFLICT, "These packages do not go together", "LibMambaUnsatisfiableError"),
        (CREATE, 1, HTTP, "The channel or index can't be reached", "CondaHTTPError"),
        (CREATE, 1, FULL, "No space is left on the disk", ""),
        (CREATE, 1, WRITE, "It must not be written", "EnvironmentNotWritableError"),
        (CREATE, 1, FROZEN, "The environment is frozen", "EnvironmentIsFrozenError"),
        (CREATE, 1, SIGNAL, "It was ended from outside", "CondaSignalInterrupt"),
        (CREATE, 1, NO_ENVIRONMENT, "This is no environment of the manager's", "EnvironmentLocationNotFound"),
        (CREATE, 1, HERE, "Not installed: timm", "PackagesNotFoundError"),
        (CREATE, 1, PIP_PART, "No such package: nosuch==9", "CondaEnvException"),
        (CREATE, 127, "sh: /opt/conda/bin/conda: not found\n", "The manager is not there", "NoProgram"),
        (CREATE, 137, "Killed\n", "It was killed", "Killed"),
        (CREATE, 143, "", "It was ended from outside", "Signal"),
        (CREATE, 1, "", "Something is there already", "PrefixExists"),
        (VENV, 1, "/v/bin/python: No module named pip\n", "There is no pip in the environment", "NoPip"),
        (VENV, 1, OLD_UV, "No such package: nosuch", "NoMatchingDistribution"),
        (
            VENV,
            1,
            "The virtual environment was not created successfully because ensurepip is not\navailable.\n",
            "This Python can't make a venv",
            "ensurepip",
        ),
        (
            change(ChangeVerb.CLONE, MICROMAMBA, source_prefix="/x"),
            109,
            "The following arguments were not expected: /x --clone\nRun with --help for more information.\n",
            "This micromamba can't clone",
            "NoClone",
        ),
        (VENV, 3, "something new\nand odd\n", "the interpreter failed with 3", ""),
        (CREATE, 3, "something new\nand odd\n", "conda failed with 3", ""),
    ],
)
def test_the_title_says_what(asked: EnvironmentChange, code: int, log: str, title: str, kind: str) -> None:
    failure = read_failure(asked, code, (BEGIN + log if log else log).encode())
    assert (failure.title, failure.kind, failure.exit_code) == (title, kind, code)
    assert failure.detail or failure.hint or not log


def test_the_detail_names_channels_without_their_secrets() -> None:
    failure = read_failure(CREATE, 1, MISSING.encode())
    assert failure.detail == "Looked in pytorch, mine."
    assert "name the channel" in failure.hint


def test_a_failed_pip_part_is_told_as_half_made() -> None:
    assert "half made" in read_failure(CREATE, 1, PIP_PART.encode()).hint


def test_a_conflict_shows_the_manager_s_tree() -> None:
    assert "pytorch is not installable" in read_failure(CREATE, 1, CONFLICT.encode()).detail


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("pip-23.0.1.missing.txt", "No such package: nosuch"),
        ("pip-23.0.1.conflict.txt", "These packages do not go together"),
        # pip finds nothing where it reaches nobody; that it says first
        ("pip-23.0.1.network.txt", "The channel or index can't be reached"),
        ("uv-0.13.9.missing.txt", "No such package: nosuch"),
        ("uv-0.13.9.conflict.txt", "These packages do not go together"),
        ("uv-0.13.9.network.txt", "The channel or index can't be reached"),
    ],
)
def test_recorded_words_of_pip_and_uv(name: str, title: str) -> None:
    failure = read_failure(VENV, 1, (RECORDED / name).read_bytes())
    assert failure.title == title
    if "conflict" in name:
        assert "old-net" in failure.detail and "numpy" in failure.detail


@pytest.mark.parametrize(
    "log",
    [
        b"\x1b]0;title\x07\x1b[31mError\x1b[0m \xff\xfe\x00\x9b31m \x1b[2J",
        b"\r" * 1000 + b"x",
        ("[/bold]$(reboot)`id`\n" * 5000).encode(),
        b"PackagesNotFoundError:",
        b"The following packages are not available from current channels:",
        "└─ ".encode() * 3000 + b"Could not solve for environment specs",
        b"- " * 100_000,
    ],
)
@pytest.mark.parametrize("manager", [CONDA, MICROMAMBA, UV])
def test_no_log_breaks_the_reading_or_reaches_out_of_it(manager: str, log: bytes) -> None:
    kind = EnvironmentKind.UV if manager == UV else EnvironmentKind.CONDA
    failure = read_failure(change(ChangeVerb.CREATE, manager, kind), 1, log)
    assert isinstance(failure, ChangeFailed)
    for words in (failure.title, failure.detail, failure.hint, failure.kind):
        assert not any(each in words for each in "\x1b\x07\x00\r\x9b")
        assert len(words) <= 1000
