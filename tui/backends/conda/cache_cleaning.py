"""Which program of a container cleans a cache, and nothing but that cache."""

from __future__ import annotations

from collections.abc import Sequence

from tui.backends.conda.cache_answer import CacheAnswer, FoundCache, FoundPip
from tui.model.changes import ChangeVerb, EnvironmentChange
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind

# the quickest first
_MANAGERS = ("micromamba", "mamba", "conda")
_ANOTHERS = "what could clean it is in another account's home"


def cleaning_of(
    container: Container, cache: FoundCache, environments: Sequence[Environment], told: CacheAnswer
) -> tuple[EnvironmentChange | None, str]:
    """The change that cleans a cache, by the account that owns it; None and why where nothing can."""
    match cache.owner:
        case "conda":
            return _by_conda(container, cache, environments)
        case "pip":
            return _by_pip(container, cache, told.pips)
        case _:
            return _by_uv(container, cache, told.uvs)


def _by_conda(
    container: Container, cache: FoundCache, environments: Sequence[Environment]
) -> tuple[EnvironmentChange | None, str]:
    managers: list[tuple[bool, int, str, str]] = []
    for each in environments:
        name, root = (each.manager or "").rpartition("/")[2], (each.root_prefix or "").rstrip("/")
        if each.manager and root and name in _MANAGERS and not _is_anothers(each.manager, cache):
            # its own installation's manager knows best what is linked
            is_other = cache.path != f"{root}/pkgs"
            managers.append((is_other, _MANAGERS.index(name), each.manager, root))
    if not managers:
        return None, "neither conda, mamba nor micromamba is in the container to clean it"
    _, _, manager, root = min(managers)
    return _change(container, cache, EnvironmentKind.CONDA, root, manager, root), ""


def _by_pip(
    container: Container, cache: FoundCache, pips: Sequence[FoundPip]
) -> tuple[EnvironmentChange | None, str]:
    if not pips:
        return None, "no pip is in the container to clean it"
    pips = [each for each in pips if not _is_anothers(each.python, cache)]
    if not pips:
        return None, _ANOTHERS
    able = [each for each in pips if each.knows_caches]
    if not able:
        return None, f"pip {pips[0].version} can't clean its cache: 20.1 and later can"
    home = cache.path.partition("/.cache/")[0]
    # an environment in another's home may be closed to the account that owns the cache
    pip = min(able, key=lambda each: (not each.prefix.startswith(f"{home}/"), _is_private(each.prefix)))
    change = _change(container, cache, EnvironmentKind.VENV, pip.prefix, python=pip.python)
    return change, ""


def _by_uv(
    container: Container, cache: FoundCache, programs: Sequence[str]
) -> tuple[EnvironmentChange | None, str]:
    if not programs:
        return None, "no uv is in the container to clean it"
    programs = [each for each in programs if not _is_anothers(each, cache)]
    if not programs:
        return None, _ANOTHERS
    home = cache.path.partition("/.cache/")[0]
    program = min(programs, key=lambda each: (not each.startswith(f"{home}/"), _is_private(each)))
    return _change(container, cache, EnvironmentKind.UV, cache.path, program), ""


def _is_anothers(program: str, cache: FoundCache) -> bool:
    """In somebody's home, and the cache is not: whoever owns the cache would run what they put there."""
    parts = program.split("/")
    return parts[:2] == ["", "home"] and not cache.path.startswith(f"{'/'.join(parts[:3])}/")


def _is_private(path: str) -> bool:
    return path.startswith(("/root/", "/home/"))


def _change(
    container: Container,
    cache: FoundCache,
    kind: EnvironmentKind,
    prefix: str,
    manager: str = "",
    root: str = "",
    python: str = "",
) -> EnvironmentChange:
    return EnvironmentChange(
        ChangeVerb.CLEAN,
        container.id,
        container.name,
        prefix,
        kind,
        manager,
        root,
        label=cache.path,
        python=python,
        cache=cache.path,
        user=cache.user,
    )
