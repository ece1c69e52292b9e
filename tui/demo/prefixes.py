"""What lies in the make-believe environments by now: as they were made, and as changes left them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tui.demo.environment_catalogue import ENVIRONMENTS, Made
from tui.demo.life import DemoContainer
from tui.demo.package_lists import packages_of
from tui.model.environments import EnvironmentKind, Package

_MIB = 1 << 20
# An unpacked package of conda takes about three times its archive; of pip's nothing is told.
_UNPACKED, _PIP_MIB = 3, 24
_CUDA_BUILD = re.compile(r"cuda_?(\d+)[._]?(\d+)?")
_LOCAL_CUDA = re.compile(r"cu(\d+)(\d)")


@dataclass(frozen=True, slots=True)
class DemoPrefix:
    """One environment with its packages.

    Attributes:
        made: how it was made; the figures in it follow its packages.
        packages: conda's first, by name.
        changed_at: epoch seconds of the last change in this world, None before the first.
        history_specs: what was asked for in this world, oldest first.
    """

    made: Made
    packages: tuple[Package, ...]
    changed_at: float | None = None
    history_specs: tuple[str, ...] = ()


class DemoPrefixes:
    """The environments of all containers of a world. Not thread-safe: its world holds a lock."""

    def __init__(self) -> None:
        """As the catalogue has them."""
        self._changed: dict[str, dict[str, DemoPrefix]] = {}

    def of(self, container: DemoContainer) -> Mapping[str, DemoPrefix]:
        """Those of a container by prefix: base first, then by prefix."""
        known = self._changed.get(container.id)
        return known if known is not None else _catalogue(container)

    def put(self, container: DemoContainer, prefix: DemoPrefix) -> None:
        """There is one more, or it has changed."""
        kept = {**self.of(container), prefix.made.prefix: prefix}
        ordered = sorted(
            kept.values(), key=lambda each: (each.made.kind is not EnvironmentKind.BASE, each.made.prefix)
        )
        self._changed[container.id] = {each.made.prefix: each for each in ordered}

    def take(self, container: DemoContainer, prefix: str) -> None:
        """One is gone."""
        self._changed[container.id] = {
            path: each for path, each in self.of(container).items() if path != prefix
        }


def with_packages(prefix: DemoPrefix, packages: tuple[Package, ...], at: float) -> DemoPrefix:
    """The environment with other packages: what is told of its Python, torch and size follows them."""
    made = prefix.made
    grown = _mib(packages) - _mib(prefix.packages)
    torch, cuda_build = _torch(packages)
    own = None if made.own_mib is None else max(1, made.own_mib + grown)
    changed = replace(
        made,
        python=_python(packages) or made.python,
        torch=torch,
        cuda_build=cuda_build,
        size_mib=max(own or 1, made.size_mib + grown),
        own_mib=own,
    )
    ordered = tuple(sorted(packages, key=lambda each: (each.owner, each.name, each.version)))
    return replace(prefix, made=changed, packages=ordered, changed_at=at)


def _catalogue(container: DemoContainer) -> dict[str, DemoPrefix]:
    made = ENVIRONMENTS.get(container.blueprint.name, ())
    return {each.prefix: DemoPrefix(each, packages_of(*each.groups)) for each in made}


def _mib(packages: tuple[Package, ...]) -> int:
    return sum(
        _PIP_MIB if each.size_bytes is None else _UNPACKED * each.size_bytes // _MIB for each in packages
    )


def _python(packages: tuple[Package, ...]) -> str:
    for each in packages:
        if each.name == "python" and each.owner == "conda":
            return each.version + ("t" if each.build.endswith("t") else "")
    return ""


def _torch(packages: tuple[Package, ...]) -> tuple[str | None, str | None]:
    """Its version, and the CUDA that it was built for."""
    for each in _named(packages, "torch", "pytorch"):
        local = each.version.partition("+")[2]
        if each.owner == "pip":
            found = _LOCAL_CUDA.fullmatch(local)
            return each.version, f"{found[1]}.{found[2]}" if found else local or None
        found = _CUDA_BUILD.search(each.build)
        if found is None:
            return each.version, "cpu"
        number, minor = found[1], found[2]
        # conda-forge writes 126 for 12.6, the pytorch channel 11.7
        return each.version, f"{number}.{minor}" if minor else f"{number[:-1]}.{number[-1]}"
    return None, None


def _named(packages: tuple[Package, ...], *names: str) -> Iterator[Package]:
    return (each for name in names for each in packages if each.name == name)
