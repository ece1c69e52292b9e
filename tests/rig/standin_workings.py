"""How the stand-in managers do what they are told: transactions, history, and the words in between."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rattler import RepoDataRecord

from tests.rig import standin_packages as packages
from tests.rig import standin_words as words
from tests.rig.standin_packages import Failure, Interrupted, Transaction

_NO_NETWORK = (
    "HTTP 000 CONNECTION FAILED for url <https://conda.anaconda.org/conda-forge/linux-64/repodata.json>\n"
    "Elapsed: -"
)


class Workings:
    """What the commands of a manager are made of."""

    def __init__(self, program: Path) -> None:
        """Args: program as it was called, whose name says which manager it is."""
        self.program = program
        self.is_conda = program.name == "conda"
        self.version = os.environ.get("RIG_VERSION", "25.11.1" if self.is_conda else "2.3.0")
        self.step = float(os.environ.get("RIG_STEP", "0"))
        self.fault = os.environ.get("RIG_FAIL", "")
        told = "" if self.is_conda else os.environ.get("MAMBA_ROOT_PREFIX", "")
        self.root = Path(told or program.resolve().parent.parent)
        self.cache = Path(os.environ.get("CONDA_PKGS_DIRS") or self.root / "pkgs")
        self.registry = Path(os.environ.get("HOME", "/root")) / ".conda/environments.txt"
        self.number = tuple(int(part) for part in self.version.split(".")[:2])
        self.told = argparse.Namespace()

    @property
    def prefix(self) -> Path:
        """Of the command line."""
        return Path(self.told.prefix)

    @property
    def is_dry(self) -> bool:
        """Whether nothing is to be done."""
        return bool(getattr(self.told, "dry_run", False))

    def _change(self, specs: Sequence[str], is_update: bool) -> None:
        self._need(self.prefix)
        self._need_warm()
        self._collect()
        before = packages.installed(self.prefix)
        asked = packages.requested(self.prefix)
        new = {packages.name_of(each): each for each in specs}
        if is_update:
            freed = set(new) if specs else {each.name.normalized for each in before}
            # an update may go beyond the version that was asked for once
            asked = {name: name if name in freed else spec for name, spec in asked.items()}
        locked = [each for each in before if not (is_update and each.name.normalized in freed)]
        wanted = {**asked, **new}
        wanted.update(
            {
                each.name.normalized: each.name.normalized
                for each in before
                if each.name.normalized not in wanted
            }
        )
        records = packages.solved(list(wanted.values()), self._sources(), locked)
        self._apply(Transaction(self.prefix, records, before, False), list(specs))

    def _apply(self, transaction: Transaction, specs: Sequence[str], verb: str = "update") -> None:
        """Say what will be done, and do it unless it is a dry run."""
        prefix, linked, unlinked = transaction.prefix, transaction.linked, transaction.unlinked
        fetched = [
            each for each in linked if not (self.cache / words.conda_record(each)["dist_name"]).is_dir()
        ]
        told = words.actions(prefix, linked, unlinked, fetched, self.is_conda)
        is_quiet = self.told.json
        if self.is_dry:
            if is_quiet:
                words.say_json({"success": True, "actions": told, "prefix": str(prefix), "dry_run": True})
            else:
                self._say_plan(transaction, specs)
                words.say(
                    "DryRunExit: Dry run. Exiting."
                    if self.is_conda
                    else "Dry run. Not executing the transaction."
                )
            return
        if not is_quiet:
            self._say_plan(transaction, specs)
        if not linked and not unlinked and not transaction.is_new:
            words.say(
                "# All requested packages already installed."
                if self.is_conda
                else "  All requested packages already installed"
            )
            return
        self._transact(transaction)
        self._write_history(transaction, specs, verb)
        self._register(prefix, True)
        if is_quiet:
            words.say_json({"success": True, "actions": told, "prefix": str(prefix)})
        elif self.is_conda:
            words.say(f"#\n# To activate this environment, use\n#\n#     $ conda activate {prefix}\n")
        else:
            words.say("\nTransaction finished\n")

    def _transact(self, transaction: Transaction) -> None:
        if self.is_conda:
            for phase in (
                "Downloading and Extracting Packages",
                "Preparing transaction",
                "Verifying transaction",
            ):
                self._phase(phase)
            self._say("Executing transaction: ...working... ", end="")
        else:
            self._say("Transaction starting")
            for gone in transaction.unlinked:
                name = gone.name.normalized
                self._say(f"Unlinking {name}-{gone.version}-{gone.build}")
        signals = packages.stop_signals() if self.is_conda else (signal.SIGINT,)
        installer = packages.Installer(self.cache, self.step)
        try:
            installer.run(transaction, self._linking, signals)
            if self.fault == "@disk":
                raise Interrupted(0)
        except Interrupted as interrupted:
            if self.is_conda:
                words.say("\nRolling back transaction: ...working... done\n")
                if transaction.is_new:
                    shutil.rmtree(transaction.prefix, ignore_errors=True)
            if not interrupted.number:
                raise Failure("NoSpaceLeftError", "[Errno 28] No space left on device") from interrupted
            name = signal.Signals(interrupted.number).name
            raise Failure("CondaSignalInterrupt", f"Signal interrupt {name}\n\n()") from interrupted
        if self.is_conda:
            self._say("done")

    def _linking(self, record: RepoDataRecord) -> None:
        if not self.is_conda:
            self._say(f"Linking {record.name.normalized}-{record.version}-{record.build}")

    def _clone(self, source: Path) -> None:
        if not self._is_environment(source):
            raise Failure("EnvironmentLocationNotFound", f"Not a conda environment: {source}")
        records = packages.installed(source)
        self._say(f"Source:      {source}\nDestination: {self.prefix}\nPackages: {len(records)}\nFiles: 0\n")
        transaction = Transaction(self.prefix, list(records))
        self._transact(transaction)
        packages.copy_untracked(source, self.prefix)
        specs = [f"{each.name.normalized}=={each.version}={each.build}" for each in records]
        self._write_history(transaction, specs, "update")
        self._register(self.prefix, True)

    def _pip(self, lines: Sequence[str]) -> None:
        if not lines:
            return
        self._say("Installing pip dependencies: ...working... Ran pip subprocess with arguments:")
        with tempfile.NamedTemporaryFile("w", suffix=".requirements.txt") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            argv = [str(self.prefix / "bin/python"), "-m", "pip", "install", "-U", "-r", file.name]
            self._say(repr(argv))
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self._say(f"Pip subprocess output:\n{done.stdout}")
        if done.returncode:
            words.complain(f"Pip subprocess error:\n{done.stderr}\nfailed")
            raise Failure("CondaEnvException", "Pip failed")
        self._say("done")

    def _write_history(self, transaction: Transaction, specs: Sequence[str], verb: str) -> None:
        meta = transaction.prefix / "conda-meta"
        meta.mkdir(parents=True, exist_ok=True)
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
        version = self.version if self.is_conda else "3.8.0"
        lines = [
            f"==> {now} <==",
            f"# cmd: {self.program} {' '.join(sys.argv[1:])}",
            f"# conda version: {version}",
        ]
        for sign, records in (("-", transaction.unlinked), ("+", transaction.linked)):
            lines += [
                f"{sign}{each.url.rsplit('/', 1)[0]}::{words.conda_record(each)['dist_name']}"
                for each in records
            ]
        if specs:
            lines.append(f"# {verb} specs: {json.dumps(list(specs))}")
        with (meta / "history").open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))
        packages.mark_requested(transaction.prefix)

    def _register(self, prefix: Path, is_there: bool) -> None:
        with contextlib.suppress(OSError):
            lines = self.registry.read_text().splitlines() if self.registry.exists() else []
            lines = [each for each in lines if each and each != str(prefix)] + (
                [str(prefix)] if is_there else []
            )
            self.registry.parent.mkdir(parents=True, exist_ok=True)
            self.registry.write_text("".join(f"{each}\n" for each in lines))

    def _remove_prefix(self, prefix: Path) -> None:
        shutil.rmtree(prefix)
        self._register(prefix, False)

    def _known(self) -> list[Path]:
        found = {self.root, *(self.root / "envs").glob("*")}
        with contextlib.suppress(OSError):
            found |= {Path(line) for line in self.registry.read_text().splitlines() if line}
        return sorted(each for each in found if self._is_environment(each))

    def _is_environment(self, prefix: Path) -> bool:
        return (prefix / "conda-meta/history").is_file()

    def _need(self, prefix: Path) -> None:
        if not self._is_environment(prefix):
            raise Failure(
                "EnvironmentLocationNotFound", f"Not a conda environment: {prefix}", location=str(prefix)
            )

    def _need_warm(self) -> None:
        if (self.prefix / "conda-meta/frozen").exists():
            raise Failure(
                "EnvironmentIsFrozenError",
                f"Cannot modify '{self.prefix}'. The environment is marked as frozen.",
            )

    def _sources(self) -> list[str]:
        return packages.addresses(self.told.channel, self.told.override_channels)

    def _collect(self) -> None:
        if self.fault == "@network":
            raise Failure(
                "CondaHTTPError",
                _NO_NETWORK,
            )
        if self.is_conda:
            self._say("Channels:\n - channel\nPlatform: linux-64")
            self._phase("Collecting package metadata (repodata.json)")
            self._phase("Solving environment")
        else:
            time.sleep(2 * self.step)

    def _phase(self, name: str) -> None:
        self._say(f"{name}: ...working... ", end="")
        time.sleep(self.step)
        self._say("done")

    def _say(self, line: str, end: str = "\n") -> None:
        if not self.told.json:
            print(line, end=end, flush=True)

    def _say_plan(self, transaction: Transaction, specs: Sequence[str]) -> None:
        tell = words.say_conda_plan if self.is_conda else words.say_mamba_plan
        tell(transaction.prefix, specs, transaction.linked, transaction.unlinked)

    def _tell(self, failure: Failure) -> None:
        told = dict(failure.told)
        problems = told.pop("problems", None)
        if self.is_conda and self.told.json:
            kind = failure.kind
            told |= {"caused_by": "None", "error": f"{kind}: {failure.message}", "exception_name": kind}
            words.say_json(
                {**told, "exception_type": f"<class 'conda.exceptions.{kind}'>", "message": failure.message}
            )
        elif self.is_conda:
            words.complain(f"\n{failure.kind}: {failure.message}\n")
        elif failure.kind.startswith("PackagesNotFound") or problems:
            self._tell_unsolved(told.get("packages", ()), problems or ())
        else:
            words.complain(f"critical libmamba {failure.message}")

    def _tell_unsolved(self, missing: Sequence[str], problems: Sequence[str]) -> None:
        if self.told.json:
            plain = [f"nothing provides requested {each}" for each in missing] or list(problems)
            words.say_json({"solver_problems": plain, "success": False}, 4)
            return
        title = "The following package could not be installed" if missing else "They are incompatible"
        reasons = [f"└─ {each} does not exist (perhaps a typo or a missing channel)." for each in missing]
        lines = [f"    {line}" for each in reasons or problems for line in each.split("\n")]
        words.complain(
            "\n".join(
                (
                    "error    libmamba Could not solve for environment specs",
                    f"    {title}",
                    *lines,
                    "critical libmamba Could not solve for environment specs",
                )
            )
        )
