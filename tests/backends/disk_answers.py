"""The recorded answers about disks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent.parent / "fixtures" / "disk"


def answer(name: str) -> Any:
    """One of them, by its file's name without the ending."""
    return json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))["answer"]
