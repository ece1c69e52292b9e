"""The whole records of the make-believe environments, as an export and a comparison need them."""

from __future__ import annotations

import hashlib
from collections import Counter

from tui.demo.prefixes import DemoPrefix
from tui.demo.world import DemoWorld
from tui.model.containers import Container
from tui.model.environment_records import CondaRecord, EnvironmentRecord, PipRecord
from tui.model.environments import Environment, Package

_HOSTS = {
    "conda-forge": "https://conda.anaconda.org/conda-forge",
    "defaults": "https://repo.anaconda.com/pkgs/main",
}
_WHERE = "https://conda.anaconda.org"
_EDITABLE = "editable"
#: Variables that activating an environment sets.
_VARIABLES = {"/opt/conda/envs/vision": (("CUDA_MODULE_LOADING", "LAZY"),)}
_PINS = {"/opt/conda/envs/legacy-seg": ("pytorch ==1.13.1",)}


class DemoRecords:
    """Records of a DemoWorld's environments. Every method raises what its faults say."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def records(
        self, container: Container, environment: Environment, ask_inside: bool = True
    ) -> EnvironmentRecord:
        """All that an export needs. Raises NoSuchContainer."""
        self._world.faults.pass_question()
        made = self._world.find(container.id)
        found = self._world.prefixes(made).get(environment.prefix)
        if found is None:
            return EnvironmentRecord(environment.name, environment.prefix, problems=("it is not there",))
        return _record(found)


def _record(prefix: DemoPrefix) -> EnvironmentRecord:
    made = prefix.made
    conda = tuple(_of_conda(each) for each in prefix.packages if each.owner == "conda")
    pip = tuple(_of_pip(each, made.prefix) for each in prefix.packages if each.owner == "pip")
    counted = Counter(each.channel for each in prefix.packages if each.owner == "conda")
    asked = tuple(each.requested_spec for each in conda if each.requested_spec)
    return EnvironmentRecord(
        made.name,
        made.prefix,
        conda,
        pip,
        prefix.history_specs or asked,
        tuple(sorted(counted, key=lambda channel: (-counted[channel], channel))),
        made.python or None,
        _VARIABLES.get(made.prefix, ()),
        _PINS.get(made.prefix, ()),
        made.problems,
        made.kind,
    )


def _of_conda(package: Package) -> CondaRecord:
    channel = _HOSTS.get(package.channel, f"{_WHERE}/{package.channel}")
    is_noarch = package.build.startswith("pyh") or package.name == "tzdata"
    subdir = "noarch" if is_noarch else "linux-64"
    file = f"{package.name}-{package.version}-{package.build}.conda"
    figures = hashlib.sha256(f"{channel}/{subdir}/{file}".encode())
    spec = ""
    if package.is_requested:
        is_python = package.name == "python"
        spec = f"python={'.'.join(package.version.split('.')[:2])}" if is_python else package.name
    return CondaRecord(
        package.name,
        package.version,
        package.build,
        channel,
        subdir,
        f"{channel}/{subdir}/{file}",
        hashlib.md5(figures.digest(), usedforsecurity=False).hexdigest(),
        figures.hexdigest(),
        package.size_bytes,
        spec,
    )


def _of_pip(package: Package, prefix: str) -> PipRecord:
    is_editable = package.build == _EDITABLE
    folder = f"{prefix.rpartition('/')[0] or '/workspace'}/{package.name}" if is_editable else ""
    url = package.build if package.build and not is_editable else ""
    return PipRecord(package.name, package.version, package.is_requested, folder, url)
