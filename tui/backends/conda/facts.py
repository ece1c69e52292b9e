"""Makes environments out of what a probe saw of them."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterable, Mapping, Sequence
from time import strptime

from tui.backends.conda import names
from tui.backends.conda.answer import Answer, Found, Times
from tui.model.environments import Environment, EnvironmentKind

# Every image with a Python has them; an interpreter that holds nothing else is no environment of somebody.
_SEEDS = frozenset({"pip", "setuptools", "wheel", "distribute", "pkg-resources"})
_PIXI_FOLDER = "/.pixi/envs/"
_BORN = re.compile(r"==> (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) <==")
_COMMAND = re.compile(r"# cmd: (\S+)")
_CONFIG_LINE = re.compile(r"^\s*(\w[\w-]*)\s*=\s*(.*?)\s*$", re.MULTILINE)
_FOLDER_VERSION = re.compile(r"(?:python|pypy)(\d+\.\d+t?)")
_TORCH_LINE = re.compile(r"^(__version__|cuda|hip)\b[^=]*=\s*(?:'([^']*)'|\"([^\"]*)\"|(None))", re.MULTILINE)
_TORCH_BUILD = re.compile(r"cuda_?(\d)(\d)?(\d)?(?:\.(\d+))?(?:_|$)")
_MOST_NAMED = 3
_MANAGERS = ("conda", "mamba", "micromamba")

#: The problem of a folder with records and no history, which conda and micromamba do not take for theirs.
NO_HISTORY = "half made: it has no history, so no manager takes it for an environment"


def environments(container_id: str, answer: Answer) -> list[Environment]:
    """The environments of an answer, without origin; those that nobody made are left out.

    Args:
        container_id: whose they are.
        answer: of the probe; of an incomplete one what came.
    """
    made = [
        _environment(container_id, answer, position, found)
        for position, found in enumerate(answer.found)
        if not _is_bare(found)
    ]
    return sorted(made, key=_order)


def _order(environment: Environment) -> tuple[str, bool, bool, str, str]:
    root = environment.root_prefix or environment.prefix
    is_base = environment.kind is EnvironmentKind.BASE
    return (root, not is_base, not environment.name, environment.name.casefold(), environment.prefix)


def _is_bare(found: Found) -> bool:
    """A Python as an image has it, with nothing of its own."""
    if found.has_records or (found.config and not found.is_system):
        return False
    if not found.is_system and found.python == "-":
        # a folder that is in the way of an environment of its name
        return False
    return all(names.of_dist(each).plain in _SEEDS for each in (*found.dists, *found.eggs))


def _environment(container_id: str, answer: Answer, position: int, found: Found) -> Environment:
    times = {what: told for (number, what), told in answer.times.items() if number == position}
    config = {key.lower(): value for key, value in _CONFIG_LINE.findall(found.config)}
    records = [names.of_record(each) for each in found.records]
    kind = _kind(found, config, answer.roots)
    pip = _dists_of_pip(found, records)
    torch, cuda_build = _torch(found, records, pip)
    root = _root(found, kind, config, answer)
    born, command = _BORN.match(found.first_line), _COMMAND.match(found.second_line)
    changed = times.get("history") or times.get("meta") or times.get("site") or times.get("cfg")
    modified = [
        told.modified_at for what, told in times.items() if what in ("history", "meta", "site", "cfg")
    ]
    return Environment(
        container_id,
        found.prefix,
        _name(found, kind, answer.folders),
        kind,
        root_prefix=root,
        manager=_manager(kind, root, command[1] if command else "", answer),
        python=_python(found, records, config),
        conda_packages=len(records) if kind not in (EnvironmentKind.VENV, EnvironmentKind.UV) else 0,
        pip_packages=len({each.plain for each in pip}) if found.packages_folder or found.records else None,
        torch=torch,
        cuda_build=cuda_build,
        libraries=names.libraries(records, pip),
        highlights=names.highlights([*records, *pip]),
        writable=found.is_writable,
        frozen=found.is_frozen,
        pids=_processes(found, answer),
        modified_at=max(modified) if changed and modified else None,
        created_at=_epoch(born[1]) if born else None,
        made_by="pixi" if found.is_pixi else command[1].rpartition("/")[2] if command else None,
        user=told.user if (told := times.get("prefix") or changed) else None,
        fingerprint=_fingerprint(found, times),
        problems=tuple(_problems(found, kind, records, pip)),
    )


def _kind(found: Found, config: Mapping[str, str], roots: Sequence[str]) -> EnvironmentKind:
    if found.is_system:
        return EnvironmentKind.SYSTEM
    if found.prefix in roots:
        return EnvironmentKind.BASE
    if found.is_pixi or _PIXI_FOLDER in found.prefix:
        return EnvironmentKind.PIXI
    if found.has_records or (not found.config and found.python == "-"):
        return EnvironmentKind.CONDA
    if "uv" in config:
        return EnvironmentKind.UV
    # an interpreter that somebody put there, as pyenv does
    return EnvironmentKind.VENV if found.config else EnvironmentKind.SYSTEM


def _name(found: Found, kind: EnvironmentKind, folders: Sequence[str]) -> str:
    if kind is EnvironmentKind.BASE:
        return "base"
    folder, _, last = found.prefix.rpartition("/")
    return last if folder in folders else ""


def _root(found: Found, kind: EnvironmentKind, config: Mapping[str, str], answer: Answer) -> str | None:
    """The installation that an environment belongs to."""
    if kind in (EnvironmentKind.BASE, EnvironmentKind.SYSTEM):
        return found.prefix
    if kind in (EnvironmentKind.VENV, EnvironmentKind.UV):
        home = config.get("home", "")
        return home.removesuffix("/bin") or None if home.startswith("/") else None
    if kind is EnvironmentKind.PIXI:
        return None
    holder = found.prefix.rpartition("/envs/")[0]
    if holder in answer.roots:
        return holder
    command = _COMMAND.match(found.second_line)
    if command:
        by_command = re.sub(r"/(?:bin|condabin)/[^/]*$", "", command[1])
        if by_command in answer.roots:
            return by_command
    return answer.roots[0] if len(answer.roots) == 1 else None


def _manager(kind: EnvironmentKind, root: str | None, command: str, answer: Answer) -> str | None:
    """The program to change it with: the root's own, before one that stands alone, before another root's."""
    wanted: tuple[str, ...] = _MANAGERS
    if kind in (EnvironmentKind.PIXI, EnvironmentKind.UV):
        wanted = (kind.value,)
    elif kind in (EnvironmentKind.VENV, EnvironmentKind.SYSTEM):
        return None
    elif command.rpartition("/")[2] == "micromamba":
        wanted = ("micromamba", "conda", "mamba")
    candidates = [each for each in answer.managers if each.rpartition("/")[2] in wanted]
    own = [each for each in candidates if root and each.startswith(f"{root}/")]
    others = [f"{each}/" for each in answer.roots if root and each != root]
    of_other = [each for each in candidates if "/envs/" in each or each.startswith(tuple(others))]

    def preference(program: str) -> tuple[bool, bool, int]:
        return program not in own, program in of_other, wanted.index(program.rpartition("/")[2])

    return min(candidates, key=preference, default=None)


def _python(found: Found, records: Sequence[names.Named], config: Mapping[str, str]) -> str | None:
    folder = _FOLDER_VERSION.search(found.packages_folder)
    is_free_threaded = folder is not None and folder[1].endswith("t")
    for record in records:
        if record.name in ("python", "pypy"):
            free = is_free_threaded or record.build.endswith("_cp313t") or "cp314t" in record.build
            return record.version + "t" * free
    told = (config.get("version_info") or config.get("version") or "").removesuffix(".final.0")
    if told:
        return told + "t" * (is_free_threaded and not told.endswith("t"))
    return folder[1] if folder else None


def _dists_of_pip(found: Found, records: Sequence[names.Named]) -> list[names.Named]:
    """Those that conda did not put there; an egg does not say it, so a record of its name speaks for it."""
    known = {each.plain for each in records}
    # what PyTorch's own channel called its package
    known |= {"torch"} if "pytorch" in known else set()
    dists = [names.of_dist(each) for each in found.dists if not names.is_leftover(each)]
    eggs = [names.of_dist(each) for each in found.eggs]
    if found.is_system and found.conda_dists:
        # apt's dists, which are packages of it all the same
        known |= {names.of_dist(each).plain for each in found.conda_dists}
    return dists + [each for each in eggs if each.plain not in known]


def _torch(
    found: Found, records: Sequence[names.Named], pip: Sequence[names.Named]
) -> tuple[str | None, str | None]:
    """Version, and what it was built for: by its own version.py, else by what its packages are called."""
    told = {
        key: first or second or none for key, first, second, none in _TORCH_LINE.findall(found.torch_lines)
    }
    version = told.get("__version__")
    build: str | None = None
    if "cuda" in told:
        build = "cpu" if told["cuda"] == "None" else told["cuda"]
    if told.get("hip", "None") != "None":
        build = f"rocm{told['hip']}"
    named = [each for each in pip if each.plain == "torch"]
    record = next((each for each in records if each.name in ("pytorch", "torch")), None)
    if version is None:
        version = named[-1].version if named else record.version if record else None
    if build is None and version and "+" in version:
        local = version.partition("+")[2]
        digits = re.fullmatch(r"cu(\d{2,3})", local)
        build = f"{digits[1][:-1]}.{digits[1][-1]}" if digits else "cpu" if local == "cpu" else None
        build = local if local.startswith("rocm") else build
    if build is None and record:
        build = _build_of_record(record.build)
    return version or None, build


def _build_of_record(text: str) -> str | None:
    """What conda's builds say: `py3.11_cuda12.1_cudnn8.9.2_0`, `cuda126_py311h…`, `cpu_generic_…`."""
    if "cpu" in text:
        return "cpu"
    found = re.search(r"cuda(\d+)\.(\d+)", text)
    if found:
        return f"{found[1]}.{found[2]}"
    found = re.search(r"cuda_?(\d\d)(\d)", text)
    return f"{found[1]}.{found[2]}" if found else None


def _processes(found: Found, answer: Answer) -> tuple[int, ...]:
    """Those that run out of it; what an environment below it runs is not its own."""
    others = [each.prefix for each in answer.found if each.prefix.startswith(f"{found.prefix}/")]

    def is_ours(program: str) -> bool:
        return program.startswith(f"{found.prefix}/bin/") and not any(
            program.startswith(f"{each}/") for each in others
        )

    by_command = {number for number, command in answer.commands.items() if is_ours(command)}
    # a venv's process has the program of the Python behind it: its command line knows better
    of_other = {
        number
        for number, command in answer.commands.items()
        if any(command.startswith(f"{each.prefix}/bin/") for each in answer.found)
    }
    by_program = {number for number, program in answer.programs.items() if is_ours(program)}
    if found.is_system:
        by_program = {number for number in by_program if "/python" in answer.programs[number]}
    return tuple(sorted(by_command | (by_program - of_other)))


def _fingerprint(found: Found, times: Mapping[str, Times]) -> str:
    """Whatever comes or goes changes the time of its folder; the counts help where no time is told."""
    stamps = [f"{what} {told.stamp}" for what, told in sorted(times.items())]
    counts = (len(found.records), len(found.conda_dists), len(found.dists), len(found.eggs))
    return "; ".join([*stamps, " ".join(map(str, counts)), found.torch_lines.replace("\n", " ")])


def _problems(
    found: Found, kind: EnvironmentKind, records: Sequence[names.Named], pip: Sequence[names.Named]
) -> Iterable[str]:
    if found.unreadable:
        yield "parts of it can't be read by the user of the container"
    if kind in (EnvironmentKind.CONDA, EnvironmentKind.BASE) and not found.unreadable:
        if not found.has_history:
            yield NO_HISTORY
        elif not records:
            yield "half made: no package of conda is recorded in it"
    if found.python == "n":
        yield "its Python is gone: bin/python leads to nothing"
    elif found.python == "-" and any(each.name == "python" for each in records):
        yield "missing files: Python is recorded, bin/python is not there"
    doubled = [*names.doubles(records), *names.doubles(pip)]
    both = {each.plain for each in records} & {each.plain for each in pip}
    if doubled:
        yield f"two records of one package: {_some(doubled)}"
    if both:
        yield f"installed by conda and by pip: {_some(sorted(both))}"
    leftovers = [each for each in found.dists if names.is_leftover(each)]
    if leftovers:
        yield f"leftovers of a broken installation: {_some(leftovers)}"


def _some(words: Sequence[str]) -> str:
    more = len(words) - _MOST_NAMED
    return ", ".join(words[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _epoch(text: str) -> float | None:
    """Conda writes its history in UTC (conda/history.py since 4.0)."""
    try:
        return float(timegm(strptime(text, "%Y-%m-%d %H:%M:%S")))
    except ValueError:
        return None
