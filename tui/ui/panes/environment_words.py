"""What the Environments pane says of an environment: its cells, and lines about the one under the cursor."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from tui.model.environments import Environment, EnvironmentKind, Origin
from tui.model.joins import EnvironmentRow
from tui.model.units import format_bytes
from tui.monitor.known_changes import KnownChange
from tui.ui.change_words import DOING, progress_words
from tui.ui.text import printable
from tui.ui.widgets.line_bar import Part

Line = Sequence[Part]

UNKNOWN = "–"
BROKEN = "▲"
AT_WORK = "◌"
# as narrow as the narrowest screen that is to be read at ease
_FACT_CELLS = 78

#: Glyph and tone by the word of a verdict (model/compatibility.py).
_VERDICTS = {
    "ok": ("●", "good"),
    "cannot run": ("✗", "bad"),
    "no GPU build": ("○", "muted"),
    "mixed CUDA libraries": ("▲", "warn"),
    "GPU too new for this build": ("✗", "bad"),
    "GPU too old for this build": ("✗", "bad"),
}
_ORIGINS = {
    Origin.IMAGE: "came with the image, unchanged",
    Origin.LAYER: "made or changed in the container: it dies with it",
    Origin.MOUNT: "on a volume or bind mount: it outlives the container",
}
_KINDS = {
    EnvironmentKind.BASE: 0,
    EnvironmentKind.CONDA: 1,
    EnvironmentKind.PIXI: 2,
    EnvironmentKind.VENV: 3,
    EnvironmentKind.UV: 3,
    EnvironmentKind.SYSTEM: 4,
}


def name_cell(row: EnvironmentRow) -> tuple[str, str]:
    """Its name, or its prefix; with a mark where a job is at work on it, or where it is broken."""
    label = row.environment.label
    if row.at_work:
        return f"{AT_WORK} {label}", "busy"
    return (f"{BROKEN} {label}", "warn") if row.problems else (label, "")


def work_words(known: KnownChange, prefix: str) -> str:
    """What a job does to an environment now; foreign text."""
    change = known.job.change
    is_read_only = prefix == change.source_prefix
    doing = f"is copied to {change.label}" if is_read_only else f"is {DOING[change.verb]}"
    progress = progress_words(known.job.progress)
    return f"{doing}: {progress}" if progress else doing


def name_order(row: EnvironmentRow) -> tuple[int, str]:
    """The installation first, the system's Python last."""
    return _KINDS[row.environment.kind], row.environment.label.casefold()


def text_cell(text: str | None) -> tuple[str, str]:
    """A word, or that it is not known or not there."""
    return (text, "") if text else (UNKNOWN, "muted")


def packages_cell(row: EnvironmentRow) -> tuple[str, str]:
    """How many of conda and of pip."""
    conda, pip = row.environment.conda_packages, row.environment.pip_packages
    if conda is None and pip is None:
        return UNKNOWN, "muted"
    shown = [UNKNOWN if count is None else str(count) for count in (conda, pip)]
    return "+".join(shown), ""


def packages_order(row: EnvironmentRow) -> int:
    """By all of them."""
    return (row.environment.conda_packages or 0) + (row.environment.pip_packages or 0)


def size_cell(row: EnvironmentRow) -> tuple[str, str]:
    """What it takes on the disk."""
    if row.is_measuring:
        return "…", "muted"
    return (format_bytes(row.size.size_bytes), "") if row.size else (UNKNOWN, "muted")


def origin_cell(row: EnvironmentRow) -> tuple[str, str]:
    """Where it comes from; what dies with its container is not like the others."""
    origin = row.environment.origin
    if origin is None:
        return UNKNOWN, "muted"
    return str(origin), "warn" if origin is Origin.LAYER else "muted"


def verdict_cell(row: EnvironmentRow) -> tuple[str, str]:
    """Whether it can use the GPUs."""
    status = row.verdict.status.value if row.verdict else ""
    glyph, tone = _VERDICTS.get(status, (UNKNOWN, "muted"))
    return (f"{glyph} {status}", tone) if glyph != UNKNOWN else (UNKNOWN, "muted")


def verdict_order(row: EnvironmentRow) -> int:
    """What needs somebody first."""
    status = row.verdict.status.value if row.verdict else ""
    return list(_VERDICTS).index(status) if status in _VERDICTS else len(_VERDICTS)


def detail_lines(row: EnvironmentRow, why_no_size: str) -> list[tuple[list[Part], list[Part]]]:
    """Who it is; whether it can use the GPUs, and why; what is broken, and what it takes."""
    return [(_identity(row), []), (_verdict(row), []), (_state(row, why_no_size), [])]


def _identity(row: EnvironmentRow) -> list[Part]:
    environment = row.environment
    words = [
        environment.prefix if environment.name else "",
        _origin_words(environment),
        f"in {row.container.name}",
        *_belonging(environment),
    ]
    shown = printable(_joined(words))
    return [(f" {printable(environment.label)}", "strong"), (f"  {shown}", "muted")]


def _origin_words(environment: Environment) -> str:
    return _ORIGINS[environment.origin] if environment.origin else "where it comes from is not known"


def _belonging(environment: Environment) -> list[str]:
    return [
        str(environment.kind),
        f"managed by {environment.manager}" if environment.manager else "",
        f"of {environment.user}" if environment.user else "",
    ]


def _verdict(row: EnvironmentRow) -> list[Part]:
    if row.verdict is None:
        return [(" – not judged", "muted")]
    glyph, tone = _VERDICTS.get(row.verdict.status.value, (UNKNOWN, "muted"))
    reason = printable(". ".join(filter(None, (row.verdict.reason, row.verdict.remedy))))
    return [(f" {glyph} {row.verdict.status}", tone), (f"  {reason}", "")]


def _state(row: EnvironmentRow, why_no_size: str) -> list[Part]:
    parts: list[Part] = [(" ", "")]
    if row.at_work:
        parts.append((f"{AT_WORK} {printable(row.at_work)}  ", "busy"))
    if row.problems:
        parts.append((f"{BROKEN} {printable('; '.join(row.problems))}  ", "warn"))
    words = [
        f"as of {row.taken_age} ago" if row.taken_age else "",
        size_words(row) or f"size {UNKNOWN} ({why_no_size})",
        *_state_words(row),
    ]
    parts.append((printable(_joined(words)), "muted"))
    return parts


def _state_words(row: EnvironmentRow) -> list[str]:
    environment = row.environment
    return [
        "frozen: not to be changed" if environment.frozen else "",
        "" if environment.writable is not False else "not writable by the container's user",
        f"changed {row.age} ago" if row.age else "",
        f"made by {environment.made_by}" if environment.made_by else "",
        f"in use by {len(environment.pids)} process{'es' * (len(environment.pids) > 1)}"
        if environment.pids
        else "",
        ", ".join(f"{name} {version}" for name, version in environment.highlights[:4]),
    ]


def size_words(row: EnvironmentRow) -> str:
    """What it takes, and what removing it would give back; "" where it was not measured."""
    size = row.size
    if size is None:
        return ""
    taken = format_bytes(size.size_bytes)
    if row.environment.origin is Origin.IMAGE:
        return f"{taken}, all of it the image's: removing it frees nothing"
    if size.own_bytes is None:
        return taken
    shared = size.size_bytes - size.own_bytes
    if shared <= 0:
        return taken
    return f"{taken}: {format_bytes(size.own_bytes)} of its own, {format_bytes(shared)} shared by hard links"


def fact_lines(row: EnvironmentRow, why_no_size: str) -> list[Line]:
    """All of it at leisure, cut nowhere: for the screen of its packages."""
    environment = row.environment
    facts: list[tuple[str, str]] = [
        (environment.prefix, "strong"),
        (_joined([*_belonging(environment), f"Python {environment.python or UNKNOWN}"]), ""),
        (_joined([_origin_words(environment), *_state_words(row)]), ""),
        (size_words(row) or f"size {UNKNOWN}: {why_no_size}", ""),
    ]
    if row.verdict is not None:
        glyph, tone = _VERDICTS.get(row.verdict.status.value, (UNKNOWN, "muted"))
        facts.append((f"{glyph} {row.verdict.status}: {row.verdict.reason}", tone))
        facts += [(f"  would do: {row.verdict.remedy}", "")] if row.verdict.remedy else []
    if environment.libraries:
        held = ", ".join(f"{each.name} {each.version} ({each.owner})" for each in environment.libraries)
        facts.append((f"CUDA libraries: {held}", ""))
    facts += [(f"{BROKEN} {problem}", "warn") for problem in row.problems]
    return [
        [(f" {line}", tone)]
        for text, tone in facts
        for line in textwrap.wrap(printable(text), _FACT_CELLS, subsequent_indent="  ")
    ]


def _joined(words: Sequence[str]) -> str:
    return " · ".join(word for word in words if word)
