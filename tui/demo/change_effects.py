"""What comes of a change of a make-believe environment: its plan, how it ends, and what is there then."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tui.demo.environment_catalogue import Made
from tui.demo.life import DemoContainer
from tui.demo.prefixes import DemoPrefix, with_packages
from tui.demo.requests import BROKEN_PACKAGE, Wanted, broken, no_network, wanted_by
from tui.demo.solver import Solved, solve
from tui.demo.works import DemoWorks, cache_key
from tui.model.changes import ChangePlan, ChangeVerb, EnvironmentChange, why_not_changed
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind, Origin
from tui.model.errors import ChangeFailed, ChangeRefused, NoManager
from tui.model.units import format_bytes

_CONDA_KINDS = (EnvironmentKind.BASE, EnvironmentKind.CONDA)
_NEW_ONES = (ChangeVerb.CREATE, ChangeVerb.CLONE)
_ABOUT_PACKAGES = (*_NEW_ONES, ChangeVerb.INSTALL, ChangeVerb.UPDATE, ChangeVerb.UNINSTALL)
_MIB = 1 << 20
# Faster ones first.
_MANAGERS = ("micromamba", "mamba", "conda", "uv")
_HALF_MADE = "half made: packages that were to come by pip are missing"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a job brings.

    Attributes:
        solved: what becomes of the packages; None where it is not about some.
        failure: how it ends, None for well.
        finish: makes it so, at that moment.
    """

    solved: Solved | None
    failure: ChangeFailed | None
    finish: Callable[[float], None]


def where_new(
    there: Mapping[str, DemoPrefix],
    container: Container,
    name: str,
    environments: Sequence[Environment],
    user: str,
) -> EnvironmentChange:
    """A CREATE without packages. Raises ChangeRefused or NoManager."""
    is_path = name.startswith("/")
    if not name.strip("/ ") or name in (".", "..") or "\0" in name or ("/" in name and not is_path):
        raise ChangeRefused("No name for an environment", "it is empty, or has a / in it", "Choose another")
    best = _best(environments)
    if best is None:
        raise NoManager(
            "Nothing there makes environments", f"no conda, mamba, uv or Python was found in {container.name}"
        )
    if best.kind in _CONDA_KINDS and best.root_prefix:
        folder = _folder(best.root_prefix, environments)
        kind, manager, root, prefix = EnvironmentKind.CONDA, best.manager or "", best.root_prefix, ""
        prefix = name.rstrip("/") if is_path else posixpath.join(folder, name)
    else:
        is_uv = best.kind is EnvironmentKind.UV
        kind = EnvironmentKind.UV if is_uv else EnvironmentKind.VENV
        manager, root = (best.manager or "") if is_uv else "", ""
        prefix = name.rstrip("/") if is_path else f"/workspace/{name}/.venv"
    if prefix in there:
        raise ChangeRefused("It is there already", f"{prefix} is an environment of {container.name}")
    python = f"{best.prefix}/bin/python3" if kind is EnvironmentKind.VENV else ""
    label = name if kind is EnvironmentKind.CONDA and not is_path else prefix
    return EnvironmentChange(
        ChangeVerb.CREATE, container.id, container.name, prefix, kind, manager, root, label, python=python,
        user=user,
    )  # fmt: skip


def plan_of(
    works: DemoWorks, container: DemoContainer, change: EnvironmentChange, is_offline: bool
) -> ChangePlan:
    """What a change would do. Raises a ChangeError."""
    target = _checked(works, container, change)
    solved = _solved(change, target)
    if is_offline and _fetches(change, solved):
        raise no_network(change)
    notes = [*_notes(container, change, target, solved)]
    removes: tuple[str, ...] = ()
    frees = None
    if change.verb is ChangeVerb.REMOVE and target is not None:
        removes, frees = (change.prefix,), _freed(target)
    elif change.verb is ChangeVerb.RENAME:
        removes = (change.prefix,)
    elif change.verb is ChangeVerb.CLEAN:
        frees = works.cache_bytes(container, cache_key(change))
        archives = frees * 2 // 3
        notes.append(
            f"downloaded archives {format_bytes(archives)}, packages that no environment uses "
            f"{format_bytes(frees - archives)}"
        )
    return ChangePlan(
        change,
        solved.changes if solved else (),
        commands=_commands(change),
        removes=removes,
        fetch_bytes=solved.fetch_bytes if solved else None,
        frees_bytes=frees,
        notes=tuple(notes),
    )


def effect_of(
    works: DemoWorks, container: DemoContainer, change: EnvironmentChange, is_offline: bool
) -> Effect:
    """How a change will end, and what it brings. Raises a ChangeError where it can't be begun."""
    target = _checked(works, container, change)
    solved = _solved(change, target)
    failure = no_network(change) if is_offline and _fetches(change, solved) else None
    culprit = next((each for each in solved.changes if each.name == BROKEN_PACKAGE), None) if solved else None
    if failure is None and culprit is not None and culprit.new_version is not None:
        failure = broken(culprit.owner == "pip")
    # pip's part comes last; what conda did before it stays
    after = None
    if solved is not None:
        after = solved.packages if failure is None else solved.by_conda

    def finish(at: float) -> None:
        if change.verb is ChangeVerb.CLEAN:
            works.cleaned.add((container.id, cache_key(change)))
        elif change.verb is ChangeVerb.REMOVE:
            works.prefixes.take(container, change.prefix)
        elif target is not None and change.verb is ChangeVerb.RENAME:
            works.prefixes.take(container, change.prefix)
            works.prefixes.put(container, _renamed(target, change, at))
        elif after is not None:
            begun = _empty(change) if change.verb in _NEW_ONES else target
            if begun is not None:
                asked = (*begun.history_specs, *change.packages)
                result = with_packages(begun, after, at)
                if failure is not None and change.verb is ChangeVerb.CREATE:
                    result = replace(result, made=replace(result.made, problems=(_HALF_MADE,)))
                works.prefixes.put(container, replace(result, history_specs=asked))

    return Effect(solved, failure, finish)


def new_one(works: DemoWorks, source: DemoContainer, target: DemoContainer, prefix: str) -> DemoPrefix:
    """A copy of an environment for another container. Raises ChangeRefused."""
    found = works.prefixes.of(source).get(prefix)
    if found is None:
        raise ChangeRefused("There is no such environment", f"nothing is at {prefix} in {source.name}")
    if prefix in works.prefixes.of(target):
        raise ChangeRefused("Something is there", f"{prefix} is an environment of {target.name} already")
    return replace(found, made=replace(found.made, origin=Origin.LAYER, frozen=False))


def _checked(works: DemoWorks, container: DemoContainer, change: EnvironmentChange) -> DemoPrefix | None:
    """The environment that is changed; None for one that is to be made. Raises a ChangeError."""
    there = works.prefixes.of(container)
    if change.makes and change.makes in there:
        raise ChangeRefused("It is there already", f"{change.makes} is an environment of {container.name}")
    if change.verb in _NEW_ONES and change.kind not in (
        *_CONDA_KINDS,
        EnvironmentKind.VENV,
        EnvironmentKind.UV,
    ):
        raise ChangeRefused("It can't be made", f"nothing makes environments of the kind {change.kind}")
    is_venv = change.kind in (EnvironmentKind.VENV, EnvironmentKind.UV)
    if is_venv and change.verb is ChangeVerb.CLEAN and not change.cache:
        raise ChangeRefused("A venv keeps nothing for the next time")
    if is_venv and change.verb is ChangeVerb.UPDATE and not (change.packages or change.file):
        raise ChangeRefused("No package is named", "pip does not update everything by itself", "Name some")
    if change.verb in (ChangeVerb.CREATE, ChangeVerb.CLEAN):
        return None
    found = there.get(change.source_prefix if change.verb is ChangeVerb.CLONE else change.prefix)
    if found is None:
        raise ChangeRefused(
            "There is no such environment", f"nothing is at {change.prefix} in {container.name}"
        )
    made = found.made
    environment = Environment(
        container.id, made.prefix, made.name, made.kind, frozen=made.frozen, writable=made.writable,
        user=made.user,
    )  # fmt: skip
    why_not = why_not_changed(environment, change.verb, allow_base=True)
    if why_not:
        raise ChangeRefused("It must not be changed", why_not)
    if change.verb is ChangeVerb.RENAME and posixpath.basename(change.manager) != "conda":
        name = posixpath.basename(change.manager) or "its manager"
        raise NoManager(f"{name} can't rename", "", "Clone it, then remove this one")
    return found


def _solved(change: EnvironmentChange, target: DemoPrefix | None) -> Solved | None:
    if change.verb not in _ABOUT_PACKAGES:
        return None
    is_copy = change.verb is ChangeVerb.CLONE and change.kind in _CONDA_KINDS
    wanted = Wanted() if is_copy else wanted_by(change)
    before = () if target is None else target.packages
    if change.verb is ChangeVerb.CLONE and not is_copy and change.file is not None:
        # of a venv: made anew, from its list
        return solve(replace(change, verb=ChangeVerb.CREATE), wanted, (), "")
    return solve(change, wanted, before, "" if target is None else target.made.python)


def _fetches(change: EnvironmentChange, solved: Solved | None) -> bool:
    if solved is None or change.verb is ChangeVerb.UNINSTALL:
        return False
    return any(each.new_version is not None and each.fetch_bytes != 0 for each in solved.changes)


def _notes(
    container: DemoContainer, change: EnvironmentChange, target: DemoPrefix | None, solved: Solved | None
) -> Sequence[str]:
    notes = []
    if solved is not None and solved.clashes:
        few = ", ".join(solved.clashes[:3])
        notes.append(f"pip put {few} there already: conda's would lie over it")
    if target is not None and change.verb in (ChangeVerb.REMOVE, ChangeVerb.RENAME):
        pids = [pid for pid, _, command in container.living if command.startswith(f"{change.prefix}/bin/")]
        if pids:
            notes.append(f"processes run out of it: {', '.join(map(str, pids))} in the container")
        if target.made.origin is Origin.IMAGE:
            notes.append("it came with the image: removing it gives nothing back")
    if change.verb in _NEW_ONES:
        notes.append("it is lost with the container unless it lies on a volume")
    if any(word.partition("=")[0] == BROKEN_PACKAGE for word in (*change.packages, *change.pip_packages)):
        notes.append(f"{BROKEN_PACKAGE} is here to be seen failing")
    return notes


def _commands(change: EnvironmentChange) -> tuple[tuple[str, ...], ...]:
    """As a real manager would be told."""
    prefix = ("-p", change.prefix, "-y")
    channels = tuple(word for each in change.channels for word in ("-c", each))
    channels += ("--override-channels",) if change.only_channels else ()
    if change.kind not in _CONDA_KINDS:
        return _venv_commands(change)
    manager, verb = change.manager, change.verb
    is_classic = posixpath.basename(manager) == "conda"
    file = ("-f", change.file.name or "environment.yml") if change.file else ()
    python = (f"python={change.python}",) if change.python else ()
    match verb:
        case ChangeVerb.CREATE if change.file and is_classic:
            commands = [(manager, "env", "create", *prefix, *file)]
        case ChangeVerb.CREATE:
            commands = [(manager, "create", *prefix, *channels, *file, *python, *change.packages)]
        case ChangeVerb.CLONE:
            commands = [(manager, "create", *prefix, "--clone", change.source_prefix)]
        case ChangeVerb.RENAME:
            commands = [(manager, "rename", "-p", change.prefix, change.new_prefix, "-y")]
        case ChangeVerb.UPDATE if change.file:
            commands = [(manager, "env", "update", "-p", change.prefix, *file)]
        case ChangeVerb.UPDATE:
            commands = [(manager, "update", *prefix, *channels, *(change.packages or ("--all",)))]
        case ChangeVerb.INSTALL:
            commands = [(manager, "install", *prefix, *channels, *change.packages)]
            commands = commands if change.packages else []
        case ChangeVerb.UNINSTALL:
            commands = [(manager, "remove", *prefix, *change.packages)]
        case ChangeVerb.REMOVE:
            commands = [(manager, "env", "remove", *prefix)]
        case ChangeVerb.CLEAN:
            commands = [(manager, "clean", "--all", "-y")]
    if change.pip_packages:
        commands.append((f"{change.prefix}/bin/python", "-m", "pip", "install", *change.pip_packages))
    return tuple(commands)


def _venv_commands(change: EnvironmentChange) -> tuple[tuple[str, ...], ...]:
    python = f"{change.prefix}/bin/python"
    is_uv = change.kind is EnvironmentKind.UV and change.manager
    pip = (change.manager, "pip") if is_uv else (python, "-m", "pip")
    at = ("--python", python) if is_uv else ()
    file = ("-r", change.file.name or "requirements.txt") if change.file else ()
    packages = (*change.packages, *change.pip_packages)
    match change.verb:
        case ChangeVerb.CREATE | ChangeVerb.CLONE:
            makers = (change.manager, "venv") if is_uv else (change.python or "python3", "-m", "venv")
            commands = [(*makers, change.prefix)]
            commands += [(*pip, "install", *at, *file, *packages)] if file or packages else []
        case ChangeVerb.INSTALL:
            commands = [(*pip, "install", *at, *packages)]
        case ChangeVerb.UPDATE:
            commands = [(*pip, "install", "--upgrade", *at, *packages)]
        case ChangeVerb.UNINSTALL:
            commands = [(*pip, "uninstall", *at, *(() if is_uv else ("-y",)), *packages)]
        case ChangeVerb.CLEAN:
            commands = [(change.manager, "cache", "clean")] if is_uv else [(*pip, "cache", "purge")]
        case _:
            commands = [("rm", "-rf", "--", change.prefix)]
    return tuple(commands)


def _best(environments: Sequence[Environment]) -> Environment | None:
    """The one whose manager is taken: the fastest of conda's, then uv, then any Python."""

    def rank(each: Environment) -> int:
        name = posixpath.basename(each.manager or "")
        return _MANAGERS.index(name) if name in _MANAGERS else len(_MANAGERS)

    able = [each for each in environments if each.kind is not EnvironmentKind.PIXI]
    return min(able, key=rank, default=None)


def _folder(root: str, environments: Sequence[Environment]) -> str:
    """Where those of an installation are: beside the others that it has by name."""
    for each in environments:
        if each.root_prefix == root and each.name and each.prefix.endswith(f"/envs/{each.name}"):
            return posixpath.dirname(each.prefix)
    return f"{root}/envs"


def _empty(change: EnvironmentChange) -> DemoPrefix:
    """A new environment, before its packages."""
    manager = posixpath.basename(change.manager)
    is_conda = change.kind in _CONDA_KINDS
    name = posixpath.basename(change.prefix) if is_conda else ""
    version = "" if change.python.startswith("/") else change.python
    return DemoPrefix(
        Made(
            change.prefix, EnvironmentKind.CONDA if is_conda else change.kind, Origin.LAYER,
            version or "3.12.9", (), 2, 2, 0.0, name, change.root_prefix or None, change.manager or None,
            made_by=manager or "venv", user=change.user or "root",
        ),
        (),
    )  # fmt: skip


def _renamed(target: DemoPrefix, change: EnvironmentChange, at: float) -> DemoPrefix:
    name = posixpath.basename(change.new_prefix)
    return replace(target, made=replace(target.made, prefix=change.new_prefix, name=name), changed_at=at)


def _freed(target: DemoPrefix) -> int | None:
    if target.made.origin is Origin.IMAGE:
        return 0
    return None if target.made.own_mib is None else target.made.own_mib * _MIB
