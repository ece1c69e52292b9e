"""What the stand-in managers print: the forms of conda 26.7 and micromamba 2.0.5, as recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rattler import PrefixRecord, RepoDataRecord


def say(words: str) -> None:
    """A line, at once."""
    print(words, flush=True)


def say_json(told: object, indent: int = 2) -> None:
    """An object."""
    say(json.dumps(told, indent=indent))


def conda_record(record: RepoDataRecord) -> dict[str, Any]:
    """A record of LINK and UNLINK, and of `conda list`."""
    channel = str(record.channel or "").rstrip("/")
    name = record.name.normalized
    return {
        "base_url": channel,
        "build_number": record.build_number,
        "build_string": str(record.build),
        "channel": channel.rpartition("/")[2],
        "dist_name": f"{name}-{record.version}-{record.build}",
        "name": name,
        "platform": record.subdir,
        "version": str(record.version),
    }


def fetch_record(record: RepoDataRecord) -> dict[str, Any]:
    """A record of conda's FETCH, and of all that micromamba lists."""
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "build": str(record.build),
        "build_number": record.build_number,
        "build_string": str(record.build),
        "channel": str(record.channel or "").rstrip("/"),
        "subdir": record.subdir,
        "fn": record.url.rpartition("/")[2],
        "md5": record.md5.hex() if record.md5 else None,
        "sha256": record.sha256.hex() if record.sha256 else None,
        "url": record.url,
        "size": record.size,
        "depends": list(record.depends),
    }


def actions(
    prefix: Path,
    linked: Sequence[RepoDataRecord],
    unlinked: Sequence[PrefixRecord],
    fetched: Sequence[RepoDataRecord],
    is_conda: bool,
) -> dict[str, Any]:
    """The actions of a plan."""
    form = conda_record if is_conda else fetch_record
    told: dict[str, Any] = {"FETCH": [fetch_record(each) for each in fetched], "PREFIX": str(prefix)}
    if unlinked:
        told["UNLINK"] = [form(each) for each in unlinked]
    if linked:
        told["LINK"] = [form(each) for each in linked]
    return told


def say_conda_plan(
    prefix: Path, specs: Sequence[str], linked: Sequence[RepoDataRecord], unlinked: Sequence[PrefixRecord]
) -> None:
    """conda's text before it begins."""
    wanted = "".join(f"    - {each}\n" for each in specs)
    say(f"\n## Package Plan ##\n\n  environment location: {prefix}\n")
    if specs:
        say(f"  added / updated specs:\n{wanted}")
    old = {each.name.normalized: each for each in unlinked}
    for title, chosen in (
        ("NEW packages will be INSTALLED", [each for each in linked if each.name.normalized not in old]),
        ("packages will be UPDATED", [each for each in linked if each.name.normalized in old]),
    ):
        if chosen:
            say(f"\nThe following {title}:\n")
            for each in chosen:
                name = each.name.normalized
                say(f"  {name:<18} channel/{each.subdir}::{name}-{each.version}-{each.build} ")
    gone = [each for each in unlinked if each.name.normalized not in {one.name.normalized for one in linked}]
    if gone:
        say("\nThe following packages will be REMOVED:\n")
        for each in gone:
            say(f"  {each.name.normalized}-{each.version}-{each.build}")
    say("\n\n")


def say_mamba_plan(
    prefix: Path, specs: Sequence[str], linked: Sequence[RepoDataRecord], unlinked: Sequence[PrefixRecord]
) -> None:
    """micromamba's Transaction table."""
    say(f"\n\nTransaction\n\n  Prefix: {prefix}\n")
    if specs:
        say("  Updating specs:\n\n" + "".join(f"   - {each}\n" for each in specs) + "\n")
    rows = [("+", each) for each in linked] + [("-", each) for each in unlinked]
    say("  Package  Version  Build  Channel  Size")
    say("─" * 60)
    for sign, each in rows:
        size = f"{max(1, round((each.size or 0) / 1000))}kB"
        channel = str(each.channel).rstrip("/")
        say(f"  {sign} {each.name.normalized}  {each.version}  {each.build}  {channel}  {size}")
    say("\n  Summary:\n")
    old, new = ({each.name.normalized for each in records} for records in (unlinked, linked))
    for word, count in (("Install", len(new - old)), ("Change", len(new & old)), ("Remove", len(old - new))):
        if count:
            say(f"  {word}: {count} packages")
    total = round(sum(each.size or 0 for each in linked) / 1000)
    say(f"\n  Total download: {total}kB\n\n{'─' * 60}\n\n\n")


def say_table(title: str, folder: Path, rows: Sequence[tuple[str, int]]) -> None:
    """micromamba's table of what `clean` removes."""
    if not rows:
        return
    say(f"\n  {title:<40}    Size\n" + "─" * 60 + f"\n  {folder}\n" + "─" * 60)
    for name, size in rows:
        say(f"  {name:<40}    {round(size / 1000)}kB")
    say("─" * 60 + f"\n  Total size:    {round(sum(size for _, size in rows) / 1000)}kB\n")


def complain(words: str) -> None:
    """On stderr, where both put what goes wrong."""
    print(words, file=sys.stderr, flush=True)
