"""What the history of a conda environment says was asked for."""

from __future__ import annotations

import ast
import re

# `# update specs: ['numpy>=2']`; conda 4.4 and older wrote install and create; what mamba writes is JSON
_SPECS = re.compile(r"#\s*(?P<action>\w+)\s+specs:\s*(?P<specs>.*)")
_ASKED = ("update", "install", "create", "neutered")
_REMOVED = ("remove", "uninstall")
# `numpy`, `conda-forge::numpy`, `conda-forge/linux-64::numpy==1.26.4=py311_0`
_NAME = re.compile(r"(?:[^\s\[\]]*::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)")
# what follows a comma and is no name belongs to the one before: "numpy>=1,<2,scipy"
_NEXT_NAME = re.compile(r",(?=\s*[A-Za-z_])")
# The longest lines name all packages of an installation with their addresses.
_MOST_CHARACTERS = 1 << 18


def specs_asked_for(history: str) -> tuple[str, ...]:
    """The specs that are in force, of each package the newest, in the order in which they came.

    Source of the rules: conda's `History.get_requested_specs_map`; a "neutered" spec takes the place of one
    that a conflict has weakened.
    """
    found: dict[str, str] = {}
    for line in history.splitlines():
        told = _SPECS.match(line.strip()) if line.lstrip().startswith("#") else None
        if told is None:
            continue
        action = told["action"].lower()
        for spec in _listed(told["specs"].strip()):
            name = spec_name(spec)
            if name and action in _REMOVED:
                found.pop(name, None)
            elif name and action in _ASKED:
                # at its old place would be where somebody else stands in conda's own order
                found.pop(name, None)
                found[name] = spec
    return tuple(found.values())


def spec_name(spec: str) -> str:
    """The package that a spec is about, in lower case; "" for none."""
    found = _NAME.match(spec.strip())
    return found["name"].lower() if found else ""


def _listed(text: str) -> list[str]:
    if not text or len(text) > _MOST_CHARACTERS:
        return []
    if not text.startswith(("[", "(")):
        return [each.strip() for each in _NEXT_NAME.split(text) if each.strip()]
    try:
        told = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    if not isinstance(told, list | tuple):
        return []
    return [each.strip() for each in told if isinstance(each, str) and each.strip()]
