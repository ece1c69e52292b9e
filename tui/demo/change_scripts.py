"""What a make-believe manager prints while it works, and when: as conda, micromamba, pip and uv do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tui.demo.solver import Solved
from tui.model.changes import ChangeVerb, EnvironmentChange, PackageChange, Progress
from tui.model.environments import EnvironmentKind
from tui.model.errors import ChangeFailed
from tui.model.units import format_bytes

_CONDA_KINDS = (EnvironmentKind.BASE, EnvironmentKind.CONDA)
_SOLVING, _DOWNLOADING, _LINKING, _REMOVING = "solving", "downloading", "linking", "removing"
# Seconds that things take here: long enough to be watched and to be cancelled, short enough to be waited for.
_COLLECT, _SOLVE, _FETCH, _PREPARE, _VERIFY, _EXECUTE, _PIP, _REMOVE = 0.8, 1.2, 2.4, 0.4, 0.4, 1.2, 1.6, 1.6
_DONE = "...working... done\n"
_WIDE = 40


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens while a job runs.

    Attributes:
        at: seconds after its begin.
        text: what is printed then.
        progress: how far it is from then on.
        can_roll_back: whoever cancels it from then on sees a transaction rolled back.
    """

    at: float
    text: str
    progress: Progress
    can_roll_back: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """All of a job.

    Attributes:
        seconds: that it takes.
        failure: how it ends, None for well.
        keeps_first_part: a failure leaves what was done before pip's turn.
    """

    acts: tuple[Act, ...]
    seconds: float
    failure: ChangeFailed | None = None
    keeps_first_part: bool = False


def script_of(change: EnvironmentChange, solved: Solved | None, failure: ChangeFailed | None) -> Script:
    """What a job does.

    Args:
        change: what it is about.
        solved: what becomes of the packages; None where it is not about some.
        failure: how it is to end; of a package that can't be installed, or for want of a network.
    """
    teller = _Teller()
    if change.verb is ChangeVerb.CLEAN:
        teller.tell("Removed the downloaded archives.\n", _REMOVE, Progress(_REMOVING))
    elif change.verb is ChangeVerb.REMOVE:
        _remove(teller, change)
    elif change.verb is ChangeVerb.RENAME:
        _rename(teller, change)
    elif change.kind in _CONDA_KINDS:
        return _by_conda(teller, change, solved, failure)
    elif change.kind is EnvironmentKind.UV:
        _by_uv(teller, change, solved, failure)
    else:
        _by_pip(teller, change, tuple(solved.changes) if solved else (), failure)
    return Script(tuple(teller.acts), teller.at, failure)


class _Teller:
    """Puts one act behind the other."""

    def __init__(self) -> None:
        self.at = 0.0
        self.acts: list[Act] = []

    def tell(self, text: str, seconds: float, progress: Progress, can_roll_back: bool = False) -> None:
        """Print, and go on with what takes so long."""
        self.acts.append(Act(self.at, text, progress, can_roll_back))
        self.at += seconds


def _by_conda(
    teller: _Teller, change: EnvironmentChange, solved: Solved | None, failure: ChangeFailed | None
) -> Script:
    changes = solved.changes if solved else ()
    of_conda = tuple(each for each in changes if each.owner == "conda")
    of_pip = tuple(each for each in changes if each.owner == "pip")
    is_broken_by_pip = failure is not None and not failure.kind
    is_libmamba = change.manager.rpartition("/")[2].startswith(("micromamba", "mamba"))
    tell = _by_micromamba if is_libmamba else _by_classic
    tell(teller, change, of_conda, None if is_broken_by_pip else failure)
    if change.verb is not ChangeVerb.CLONE and of_pip and (failure is None or is_broken_by_pip):
        teller.tell("Installing pip dependencies: ...working...\n", 0.2, Progress("pip"))
        _by_pip(teller, change, of_pip, failure)
    teller.tell("", 0.0, Progress(_LINKING, len(of_conda), len(of_conda)))
    return Script(tuple(teller.acts), teller.at, failure, is_broken_by_pip)


def _by_classic(
    teller: _Teller,
    change: EnvironmentChange,
    changes: tuple[PackageChange, ...],
    failure: ChangeFailed | None,
) -> None:
    """Conda without a terminal: some lines, each ended when its phase is (conda 26.7)."""
    is_removal = change.verb is ChangeVerb.UNINSTALL
    if change.verb is ChangeVerb.CLONE:
        teller.tell(f"Source:      {change.source_prefix}\nDestination: {change.prefix}\n", 0.6, Progress())
        teller.tell(f"Packages: {len(changes)}\n", 0.4, Progress(_LINKING, 0, len(changes)), True)
    else:
        channels = change.channels or ("conda-forge",)
        if not is_removal:
            named = "".join(f" - {each}\n" for each in channels)
            teller.tell(f"Channels:\n{named}Platform: linux-64\n", 0.1, Progress("collecting"))
            teller.tell("Collecting package metadata (repodata.json): ", _COLLECT, Progress("collecting"))
            if failure is not None and failure.kind == "CondaHTTPError":
                teller.tell(f"...working... failed\n\n{failure.kind}: {failure.detail}\n", 0.1, Progress())
                return
            teller.tell(_DONE, 0.0, Progress(_SOLVING))
        teller.tell("Solving environment: ", _SOLVE, Progress(_SOLVING))
        teller.tell(f"{_DONE}{''.join(_package_plan(change, changes))}", 0.1, Progress(_SOLVING))
    fetched = [each for each in changes if each.fetch_bytes]
    if fetched:
        teller.tell("\nDownloading and Extracting Packages: ", 0.0, Progress(_DOWNLOADING, 0, len(fetched)))
        for number in range(1, len(fetched) + 1):
            teller.tell("", _FETCH / len(fetched), Progress(_DOWNLOADING, number - 1, len(fetched)))
        teller.tell(_DONE, 0.0, Progress(_DOWNLOADING, len(fetched), len(fetched)))
    if changes:
        _transaction(teller, changes, failure)


def _transaction(
    teller: _Teller, changes: tuple[PackageChange, ...], failure: ChangeFailed | None = None
) -> None:
    total = len(changes)
    teller.tell("Preparing transaction: ", _PREPARE, Progress("preparing"), True)
    teller.tell(f"{_DONE}Verifying transaction: ", _VERIFY, Progress("verifying"), True)
    teller.tell(f"{_DONE}Executing transaction: ", _EXECUTE, Progress(_LINKING, 0, total), True)
    if failure is not None:
        rolled_back = f"...working... \nRolling back transaction: {_DONE}\n{failure.kind}: {failure.detail}\n"
        teller.tell(rolled_back, 0.1, Progress(_LINKING, 0, total), True)
    else:
        teller.tell(_DONE, 0.2, Progress(_LINKING, total, total), True)


def _by_micromamba(
    teller: _Teller,
    change: EnvironmentChange,
    changes: tuple[PackageChange, ...],
    failure: ChangeFailed | None,
) -> None:
    """Micromamba 2: a line for each package that it links or unlinks."""
    teller.tell("\nTransaction\n\n", 0.2, Progress(_SOLVING))
    if failure is not None and failure.kind == "CondaHTTPError":
        teller.tell(f"error    libmamba {failure.detail}\n", 0.1, Progress(_SOLVING))
        return
    teller.tell(f"  Prefix: {change.prefix}\n\n", _SOLVE, Progress(_SOLVING))
    teller.tell(f"  Summary:\n\n  Change: {len(changes)} packages\n\n", 0.2, Progress(_SOLVING))
    fetched = [each for each in changes if each.fetch_bytes]
    for number, each in enumerate(fetched, 1):
        line = f"Downloaded {each.name} {format_bytes(each.fetch_bytes or 0)}\n"
        teller.tell(line, _FETCH / len(fetched), Progress(_DOWNLOADING, number, len(fetched)))
    teller.tell("\nTransaction starting\n", _PREPARE, Progress(_LINKING, 0, len(changes)), True)
    for number, each in enumerate(changes, 1):
        is_going = each.new_version is None
        word = "Unlinking" if is_going else "Linking"
        version, build = (
            (each.old_version, each.old_build) if is_going else (each.new_version, each.new_build)
        )
        progress = Progress(_LINKING, number, len(changes))
        teller.tell(f"{word} {each.name}-{version}-{build}\n", _EXECUTE / len(changes), progress, True)
    if failure is not None:
        teller.tell(f"critical libmamba {failure.detail}\n", 0.1, Progress(_LINKING), True)
    else:
        teller.tell("\nTransaction finished\n", 0.1, Progress(_LINKING, len(changes), len(changes)), True)


def _by_uv(
    teller: _Teller, change: EnvironmentChange, solved: Solved | None, failure: ChangeFailed | None
) -> None:
    if change.verb in (ChangeVerb.CREATE, ChangeVerb.CLONE):
        text = (
            f"Using CPython {change.python or '3.12.9'}\nCreating virtual environment at: {change.prefix}\n"
        )
        teller.tell(text, 0.3, Progress("creating"))
    changes = solved.changes if solved else ()
    if not changes:
        return
    coming = [each for each in changes if each.new_version is not None]
    if coming:
        teller.tell("", _COLLECT, Progress(_SOLVING))
        teller.tell(f"Resolved {len(coming)} packages in 812ms\n", _FETCH, Progress(_DOWNLOADING))
        if failure is not None:
            teller.tell(f"  × {failure.detail}\n", 0.1, Progress(_DOWNLOADING))
            return
        teller.tell(f"Prepared {len(coming)} packages in 2.41s\n", 0.4, Progress(_LINKING))
    signs = "".join(
        (f" - {each.name}=={each.old_version}\n" if each.old_version else "")
        + (f" + {each.name}=={each.new_version}\n" if each.new_version else "")
        for each in changes
    )
    word = "Installed" if coming else "Uninstalled"
    progress = Progress(_LINKING, len(changes), len(changes))
    teller.tell(f"{word} {len(changes)} packages in 84ms\n{signs}", 0.1, progress)


def _by_pip(
    teller: _Teller,
    change: EnvironmentChange,
    changes: tuple[PackageChange, ...],
    failure: ChangeFailed | None,
) -> None:
    is_venv = change.kind not in _CONDA_KINDS
    if is_venv and change.verb in (ChangeVerb.CREATE, ChangeVerb.CLONE):
        teller.tell("", 0.8, Progress("creating"))
    coming = [each for each in changes if each.new_version is not None]
    for number, each in enumerate(coming, 1):
        text = f"Collecting {each.name}=={each.new_version}\n"
        teller.tell(text, _PIP / len(coming), Progress(_DOWNLOADING, number, len(coming)))
    if failure is not None:
        text = f"error: subprocess-exited-with-error\n\n  × {failure.detail}.\n  │ exit code: 1\n"
        teller.tell(text, 0.1, Progress("pip"))
    elif coming:
        names = ", ".join(each.name for each in coming)
        teller.tell(f"Installing collected packages: {names}\n", 0.6, Progress(_LINKING))
        named = " ".join(f"{each.name}-{each.new_version}" for each in coming)
        teller.tell(f"Successfully installed {named}\n", 0.1, Progress(_LINKING, len(coming), len(coming)))
    going = [each for each in changes if each.new_version is None]
    for each in going:
        text = f"Found existing installation: {each.name} {each.old_version}\nUninstalling {each.name}\n"
        teller.tell(text, 0.4, Progress(_REMOVING))


def _remove(teller: _Teller, change: EnvironmentChange) -> None:
    if change.kind in _CONDA_KINDS:
        text = f"\nRemove all packages in environment {change.prefix}:\n\n"
        teller.tell(text, _REMOVE, Progress(_REMOVING))
        teller.tell(f"Executing transaction: {_DONE}", 0.1, Progress(_REMOVING))
    else:
        teller.tell("", _REMOVE, Progress(_REMOVING))


def _rename(teller: _Teller, change: EnvironmentChange) -> None:
    text = f"Source:      {change.prefix}\nDestination: {change.new_prefix}\n"
    teller.tell(text, _PREPARE, Progress("copying"), True)
    teller.tell("Preparing transaction: ", _EXECUTE, Progress("copying"), True)
    teller.tell(f"{_DONE}Executing transaction: {_DONE}", _REMOVE, Progress(_REMOVING), True)


def _package_plan(change: EnvironmentChange, changes: tuple[PackageChange, ...]) -> Iterator[str]:
    if not changes:
        yield "\n# All requested packages already installed.\n\n"
        return
    yield f"\n## Package Plan ##\n\n  environment location: {change.prefix}\n\n"
    specs = "".join(f"    - {each}\n" for each in sorted(change.packages))
    if specs:
        yield f"  added / updated specs:\n{specs}\n"
    titles = (
        ("The following NEW packages will be INSTALLED:", lambda each: each.old_version is None),
        ("The following packages will be REMOVED:", lambda each: each.new_version is None),
        ("The following packages will be UPDATED:", lambda each: _is_kept(each) and not each.is_downgrade),
        ("The following packages will be DOWNGRADED:", lambda each: _is_kept(each) and each.is_downgrade),
    )
    for title, belongs in titles:
        lines = [_line(each) for each in changes if belongs(each)]
        if lines:
            yield f"\n{title}\n\n{''.join(lines)}\n"


def _is_kept(change: PackageChange) -> bool:
    return change.old_version is not None and change.new_version is not None


def _line(change: PackageChange) -> str:
    old = f"{change.old_version}-{change.old_build}"
    new = f"{change.channel}/linux-64::{change.name}-{change.new_version}-{change.new_build}"
    if change.old_version is None:
        return f"  {change.name:<{_WIDE}} {new}\n"
    if change.new_version is None:
        return f"  {change.name}-{old}\n"
    return f"  {change.name:<{_WIDE}} {old} --> {change.new_version}-{change.new_build}\n"
