"""A stand-in for conda, mamba 2 and micromamba, by the name that it is called by, with real packages.

It keeps their contract as far as it was recorded: command lines, JSON forms, phases without a terminal, exit
codes, history, `~/.conda/environments.txt`. What it is told by variables:

    RIG_STEP      seconds that each phase and each package takes (0)
    RIG_FAIL      a package that is not found, or "@network", "@disk"
    RIG_VERSION   which conda or micromamba it is (25.11.1, 2.3.0); micromamba clones since 2.5.0
    RIG_CHANNEL   folder of the channel (/channel)

Differences that are meant: `-c` of any well-known name is the one channel; a micromamba that hears SIGTERM
ends at once and leaves what it has done, the worst of what a manager may do.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from tests.rig import standin_packages as packages
from tests.rig import standin_words as words
from tests.rig.standin_packages import Failure, Transaction
from tests.rig.standin_workings import Workings


class _Parser(argparse.ArgumentParser):
    """Ends as conda (2) or micromamba (109) does with a command line that it does not know."""

    code = 2

    def error(self, message: str) -> NoReturn:
        unknown = message.partition("unrecognized arguments: ")[2]
        if self.code == 109 and unknown:
            message = f"The following arguments were not expected: {unknown}"
        words.complain(f"{message}\nRun with --help for more information.")
        raise SystemExit(self.code)


class Manager(Workings):
    """One run of one manager."""

    # -- the command line

    def main(self, arguments: Sequence[str]) -> int:
        """Carries out one command line; its exit code."""
        _Parser.code = 2 if self.is_conda else 109
        self.told = self._parser().parse_args(arguments)
        try:
            self.told.run()
        except Failure as failure:
            self._tell(failure)
            return 1
        except KeyboardInterrupt:
            words.complain("\nCondaError: KeyboardInterrupt\n")
            return 1
        return 0

    def _parser(self) -> argparse.ArgumentParser:
        parser = _Parser(self.program.name)
        parser.add_argument("-V", "--version", action="version", version=f"conda {self.version}")
        verbs = parser.add_subparsers(required=True, parser_class=_Parser)

        def verb(
            parent: Any, name: str, run: Any, *options: str, file: str = "", names: bool = False
        ) -> None:
            made = parent.add_parser(name)
            made.set_defaults(run=run, name=name)
            made.add_argument("--json", action="store_true")
            if "prefix" in options:
                made.add_argument("-p", "--prefix", required=True)
            if not self.is_conda:
                made.add_argument("-r", "--root-prefix")
            for flag in options:
                if flag.startswith("-"):
                    made.add_argument(*flag.split(), action="store_true")
            if file:
                made.add_argument(*file.split())
            if names:
                made.add_argument("-c", "--channel", action="append", default=[])
                made.add_argument("--override-channels", action="store_true")
                made.add_argument("packages", nargs="*")

        change = ("prefix", "-y --yes", "-d --dry-run", "-q --quiet")
        files = "--file" if self.is_conda else "-f --file"
        verb(verbs, "create", self.create, *change, file=files, names=True)
        if self.is_conda or self.number >= (2, 5):
            verbs.choices["create"].add_argument("--clone")
        verb(verbs, "install", self.install, *change, "--update-specs", file=files, names=True)
        verb(verbs, "update", self.update, *change, "-a --all", file=files, names=True)
        verb(verbs, "remove", self.remove, *change, "-a --all", names=True)
        verb(verbs, "list", self.list_packages, "prefix", "--explicit", "--md5")
        verb(verbs, "export", self.export, "prefix", "--no-builds", "--from-history")
        verb(verbs, "clean", self.clean, "-y --yes", "-d --dry-run", "-a --all",
             "-p --packages", "-t --tarballs", "-i --index-cache")  # fmt: skip
        verb(verbs, "info", self.info, "-e --envs")
        environment = verbs.add_parser("env").add_subparsers(required=True, parser_class=_Parser)
        knows_yes = ("-y --yes",) if not self.is_conda or self.number >= (24, 1) else ()
        verb(environment, "create", self.create_from_file, "prefix", *knows_yes, file="-f --file")
        verb(environment, "update", self.update_from_file, "prefix", "--prune", *knows_yes, file="-f --file")
        verb(environment, "remove", self.remove_environment, "prefix", "-y --yes", "-d --dry-run")
        verb(environment, "list", self.info)
        verb(environment, "export", self.export, "prefix", "--no-builds", "--from-history", "--explicit")
        return parser

    # -- commands

    def create(self) -> None:
        file = self.told.file
        if not self.is_conda and file and file.endswith((".yml", ".yaml")):
            self.create_from_file()
            return
        if self.is_conda and self._is_environment(self.prefix) and not self.is_dry:
            # as the real one does where it was told yes
            self._remove_prefix(self.prefix)
        if getattr(self.told, "clone", None):
            self._clone(Path(self.told.clone))
            return
        self._collect()
        if file:
            records = packages.from_list(Path(file).read_text())
            self._apply(Transaction(self.prefix, records), [])
            return
        specs = self.told.packages
        records = packages.solved(specs, self._sources()) if specs else []
        self._apply(Transaction(self.prefix, records), specs)

    def create_from_file(self) -> None:
        if self.is_conda and self._is_environment(self.prefix):
            raise Failure("CondaValueError", f"prefix already exists: {self.prefix}")
        specs, channels, pip = _read_file(Path(self.told.file))
        self._collect()
        sources = packages.addresses(channels, "nodefaults" in channels)
        self._apply(Transaction(self.prefix, packages.solved(specs, sources)), specs)
        self._pip(pip)

    def install(self) -> None:
        self._change(self.told.packages, is_update=False)

    def update(self) -> None:
        if self.told.file:
            self.update_from_file()
            return
        present = {each.name.normalized for each in packages.installed(self.prefix)}
        for each in self.told.packages:
            if self.is_conda and packages.name_of(each) not in present:
                raise Failure(
                    "PackageNotInstalledError",
                    f"Package is not installed in prefix.\n  prefix: {self.prefix}\n  package name: {each}",
                )
        self._change(self.told.packages, is_update=True)

    def update_from_file(self) -> None:
        specs, _, pip = _read_file(Path(self.told.file))
        self.told.channel, self.told.override_channels, self.told.all = [], False, False
        self._change(specs, is_update=True)
        self._pip(pip)

    def remove(self) -> None:
        self._need(self.prefix)
        if self.told.all:
            self.remove_environment()
            return
        before = packages.installed(self.prefix)
        names = {packages.name_of(each) for each in self.told.packages}
        missing = sorted(names - {each.name.normalized for each in before})
        if missing:
            listed = "".join(f"  - {each}\n" for each in missing)
            raise Failure(
                "PackagesNotFoundError",
                f"The following packages are missing from the target environment:\n{listed}",
                packages=missing,
            )
        self._collect()
        left = packages.without(before, names)
        self._apply(Transaction(self.prefix, list(left), before, False), self.told.packages, "remove")

    def remove_environment(self) -> None:
        prefix = self.prefix
        if prefix == self.root:
            raise Failure(
                "CondaEnvironmentError", "cannot remove root environment, add -n NAME or -p PREFIX option"
            )
        self._need(prefix)
        gone = packages.installed(prefix)
        if self.told.json:
            told = words.actions(prefix, (), gone, (), self.is_conda)
            words.say_json({"success": True, "actions": told, "prefix": str(prefix)})
        else:
            words.say(f"\nRemove all packages in environment {prefix}:\n")
        if self.is_dry:
            return
        if self.is_conda:
            self._phase("Preparing transaction")
            self._phase("Executing transaction")
        else:
            time.sleep(2 * self.step)
        self._remove_prefix(prefix)
        if not self.is_conda:
            self._say(f"Environment removed at prefix: {prefix}")

    def list_packages(self) -> None:
        self._need(self.prefix)
        records = packages.installed(self.prefix)
        if self.told.explicit:
            words.say("# platform: linux-64\n@EXPLICIT")
            for each in records:
                words.say(each.url + (f"#{each.md5.hex()}" if self.told.md5 and each.md5 else ""))
        elif self.told.json:
            words.say_json([words.conda_record(each) for each in records])
        else:
            for each in records:
                words.say(f"{each.name.normalized:<24} {each.version!s:<14} {each.build}")

    def export(self) -> None:
        self._need(self.prefix)
        if getattr(self.told, "explicit", False):
            self.told.md5 = True
            self.list_packages()
            return
        lines = [
            f"{each.name.normalized}={each.version}" + ("" if self.told.no_builds else f"={each.build}")
            for each in packages.installed(self.prefix)
        ]
        if self.told.from_history:
            lines = list(packages.requested(self.prefix).values())
        listed = "".join(f"  - {each}\n" for each in lines)
        words.say(f"name: {self.prefix.name}\nchannels:\n  - file://{packages.CHANNEL}\ndependencies:")
        words.say(f"{listed}prefix: {self.prefix}")

    def clean(self) -> None:
        kept = {path.stem for prefix in self._known() for path in (prefix / "conda-meta").glob("*.json")}
        unused = [
            path
            for path in sorted(self.cache.glob("*"))
            if (path / "info/index.json").exists() and path.name not in kept
        ]
        sizes = {
            path.name: sum(each.lstat().st_size for each in path.rglob("*") if each.is_file())
            for path in unused
        }
        nothing: dict[str, Any] = {"warnings": [], "pkg_sizes": {}, "pkgs_dirs": {}, "total_size": 0}
        found = {
            "warnings": [],
            "pkg_sizes": {str(self.cache): sizes} if sizes else {},
            "pkgs_dirs": {str(self.cache): list(sizes)} if sizes else {},
            "total_size": sum(sizes.values()),
        }
        if not self.is_conda:
            words.say("Collect information..")
            words.say_table("Package folder", self.cache, list(sizes.items()))
        elif self.told.json:
            told = {"tarballs": nothing, "index_cache": {"files": []}, "packages": found}
            words.say_json({"success": True, **told, "tempfiles": [], "logfiles": []})
        else:
            words.say(
                f"Will remove {len(unused)} package(s)."
                if unused
                else "There are no unused package(s) to remove."
            )
        if not self.is_dry:
            for path in unused:
                time.sleep(self.step)
                shutil.rmtree(path)

    def info(self) -> None:
        environments = [str(each) for each in self._known()]
        if self.told.name == "list":
            words.say_json({"envs": environments})
        elif self.is_conda:
            words.say_json(
                {"conda_version": self.version, "root_prefix": str(self.root), "envs": environments}
            )
        else:
            words.say_json({"base environment": str(self.root), "micromamba version": self.version}, 4)


def _read_file(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Specs, channels and lines for pip of an `environment.yml`."""
    told = yaml.safe_load(path.read_text())
    lines = told.get("dependencies") or []
    specs = [each for each in lines if isinstance(each, str)]
    pip = [line for each in lines if isinstance(each, dict) for line in each["pip"]]
    if pip and "pip" not in [packages.name_of(each) for each in specs]:
        specs.append("pip")
    return specs, list(told.get("channels") or []), pip


def main() -> int:
    """The program."""
    return Manager(Path(sys.argv[0])).main(sys.argv[1:])
