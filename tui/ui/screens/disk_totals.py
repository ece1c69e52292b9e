"""The head of the disk screen: file systems with bars, kinds with totals, how each reading stands; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.model.disk import DiskPart, FileSystem
from tui.model.disk_items import DiskKind
from tui.model.units import format_age, format_bytes
from tui.monitor.known_disk import KnownDisk, PartState
from tui.ui.screens.disk_words import (
    INSIDE_KINDS,
    KIND_PARTS,
    KIND_TITLES,
    KINDS,
    PART_WORDS,
    bar,
    growth_words,
)
from tui.ui.text import fit, fit_middle, printable, width_of
from tui.ui.widgets.line_bar import Part

if TYPE_CHECKING:
    from tui.model.reclaim import KindTotal

Line = tuple[list[Part], list[Part]]

# From here on a file system is as good as full.
_FULL_PERCENT, _NEARLY_PERCENT = 90.0, 80.0
# A part that is older says so.
_OLD_SECONDS = 120.0
_PATH_CELLS = 24
_ALL = "everything"


@dataclass(frozen=True, slots=True)
class KindLine:
    """What is known of a kind.

    Attributes:
        kind: None for everything together.
        count, size_bytes, reclaimable_bytes: None while nobody knows.
        grown_bytes: since the first look.
        is_exact: False where the size of something is not known: it may be more.
        share: of all that is counted, 0 to 1; None for what is counted with another kind already.
        state: how its reading stands, "" where there is nothing to say.
        tone: of the state.
    """

    kind: DiskKind | None
    count: int | None = None
    size_bytes: int | None = None
    reclaimable_bytes: int | None = None
    grown_bytes: int = 0
    is_exact: bool = True
    share: float | None = None
    state: str = ""
    tone: str = "muted"

    @property
    def size_words(self) -> str:
        """Bytes; networks take none."""
        return "–" if self.kind is DiskKind.NETWORK else _at_least(self.size_bytes, self.is_exact)

    @property
    def can_go_words(self) -> str:
        """Bytes that can go."""
        return "–" if self.kind is DiskKind.NETWORK else _at_least(self.reclaimable_bytes, self.is_exact)

    @property
    def title(self) -> str:
        """As a person calls it."""
        return _ALL if self.kind is None else KIND_TITLES[self.kind]


def _at_least(count: int | None, is_exact: bool) -> str:
    if count is None or (count == 0 and not is_exact):
        return "–"
    return ("" if is_exact else "≥ ") + format_bytes(count)


def part_words(part: PartState, now: float) -> Part:
    """How the reading of a part stands, ("", "") where it is fresh. Args: now: monotonic seconds."""
    if part.reading_since is not None:
        return f"reading, {max(0, int(now - part.reading_since))} s", "busy"
    if part.error is not None:
        return "▲ failed", "bad"
    if part.was_cancelled:
        return "called off", "warn"
    if part.taken_at and now - part.taken_at >= _OLD_SECONDS:
        return f"{format_age(now - part.taken_at)} old", "stale"
    return "", ""


def kind_state(kind: DiskKind, known: KnownDisk, now: float) -> Part:
    """The worst of its parts, for a person who waits."""
    states = [known.parts.get(part, PartState()) for part in KIND_PARTS[kind]]
    told = [words for each in states if (words := part_words(each, now))[0]]
    return next((each for each in told if each[1] == "busy"), told[0] if told else ("", ""))


def reading_words(known: KnownDisk, now: float) -> str:
    """All that is being read, with seconds, longest first; "" for nothing."""
    since = {
        part: state.reading_since for part, state in known.parts.items() if state.reading_since is not None
    }
    order = sorted(since, key=since.__getitem__)
    return ", ".join(f"{PART_WORDS[part]} {max(0, int(now - since[part]))} s" for part in order)


def is_read(kind: DiskKind, known: KnownDisk) -> bool:
    """Whether anything is known of it."""
    state = known.parts.get(KIND_PARTS[kind][0])
    return state is not None and state.taken_at > 0


def all_line(lines: Sequence[KindLine]) -> KindLine:
    """Everything together: what lies inside containers is in their bytes already."""
    outside = [each for each in lines if each.kind not in INSIDE_KINDS]
    sizes = [each.size_bytes for each in outside if each.size_bytes is not None]
    frees = [each.reclaimable_bytes for each in lines if each.reclaimable_bytes is not None]
    counts = [each.count for each in lines if each.count is not None]
    grown = sum(each.grown_bytes for each in outside)
    return KindLine(
        None, sum(counts) if counts else None, sum(sizes) if sizes else None,
        sum(frees) if frees else None, grown, all(each.is_exact for each in lines),
    )  # fmt: skip


def file_system_lines(
    systems: Sequence[FileSystem], growth: Mapping[str, int], width: int, most: int
) -> list[Line]:
    """A line each, the engine's own first, then the fullest; those that have no room are counted."""
    order = sorted(
        systems, key=lambda each: (not any("data root" in use for use in each.uses), each.free_bytes)
    )
    shown = order if len(order) <= most else order[: max(1, most)]
    longest = max((width_of(printable(each.path)) for each in shown), default=0)
    path_cells = min(longest, _PATH_CELLS, width // 4)
    lines: list[Line] = []
    for number, each in enumerate(shown):
        left_out = len(order) - len(shown) if number == len(shown) - 1 else 0
        lines.append(_file_system(each, growth.get(each.path, 0), width, path_cells, left_out))
    return lines


def _file_system(each: FileSystem, grown: int, width: int, path_cells: int, left_out: int) -> Line:
    percent = 100.0 * each.used_bytes / max(1, each.used_bytes + each.free_bytes)
    tone = "bad" if percent >= _FULL_PERCENT else "warn" if percent >= _NEARLY_PERCENT else "good"
    cells = max(8, min(40, width // 6))
    left: list[Part] = [
        (f" {fit_middle(printable(each.path), path_cells)} ", "strong"),
        (bar(percent / 100.0, cells), tone),
        (f" {percent:3.0f}% ", tone),
        (f"{format_bytes(each.free_bytes)} free of {format_bytes(each.total_bytes)}", ""),
    ]
    if each.inodes and each.free_inodes is not None:
        used = 100.0 * (each.inodes - each.free_inodes) / each.inodes
        bad = "bad" if used >= _FULL_PERCENT else "warn" if used >= _NEARLY_PERCENT else "muted"
        left.append((f" inodes {used:.0f}%", bad))
    if grown:
        left.append((f" {growth_words(grown)}", "warn" if grown > 0 else "good"))
    if each.uses:
        left.append((f"  {printable(', '.join(each.uses))}", "muted"))
    return left, [(f" +{left_out} more ", "muted")] if left_out else []


def kind_strip(lines: Sequence[KindLine], chosen: DiskKind | None, width: int) -> list[Line]:
    """Kinds beside each other, in as many lines as they need: for low screens."""
    made: list[Line] = []
    left: list[Part] = []
    room = width
    for each in lines:
        size = "…" if each.size_bytes is None and each.tone == "busy" else each.size_words
        if each.kind is DiskKind.NETWORK and each.count is not None:
            size = str(each.count)
        text = f" {each.title} {size} "
        if width_of(text) > room and left:
            made.append((left, []))
            left, room = [], width
        left.append((text, "badge" if each.kind is chosen else each.tone if each.state else ""))
        room -= width_of(text)
    return [*made, (left, [])]


def kind_table(lines: Sequence[KindLine], chosen: DiskKind | None, width: int) -> list[Line]:
    """A line each, for screens with room."""
    cells = max(10, min(60, width - 74))
    heading = f"   {'KIND':<13}{'COUNT':>6}{'SIZE':>11}{'CAN GO':>11}  {fit('SHARE', cells + 6)}GREW"
    made: list[Line] = [([(fit(heading, width), "header")], [])]
    for each in lines:
        tone = "badge" if each.kind is chosen else ""
        count = "–" if each.count is None else str(each.count)
        words = f" {'▸' if each.kind is chosen else ' '} {each.title:<13}{count:>6}{each.size_words:>11}"
        left: list[Part] = [
            (words, tone),
            (f"{each.can_go_words:>11}", "good" if each.reclaimable_bytes else "muted"),
        ]
        if each.share is not None:
            left += [(f"  {bar(each.share, cells)}", ""), (f"{100 * each.share:4.0f}% ", "muted")]
        elif each.kind in INSIDE_KINDS:
            left.append((f"  {fit('counted with their containers', cells + 6)}", "muted"))
        else:
            left.append((" " * (cells + 8), ""))
        grown = growth_words(each.grown_bytes)
        left.append((f"{grown:<11}", "warn" if each.grown_bytes > 0 else "good"))
        made.append((left, [(f" {each.state} ", each.tone)] if each.state else []))
    return made


def kind_lines(
    known: KnownDisk, sums: Mapping[DiskKind, KindTotal], growth: Mapping[DiskKind, int], now: float,
) -> list[KindLine]:  # fmt: skip
    """Everything together first, then each kind.

    Args:
        known: what is known.
        sums: of each kind.
        growth: bytes since the first look, by kind.
        now: monotonic seconds.
    """
    whole = sum(each.size_bytes for kind, each in sums.items() if kind not in INSIDE_KINDS)
    lines = []
    for kind in KINDS:
        state, tone = kind_state(kind, known, now)
        if not is_read(kind, known):
            lines.append(KindLine(kind, state=state, tone=tone))
            continue
        told = sums.get(kind)
        if told is None:
            lines.append(KindLine(kind, 0, 0, 0, state=state, tone=tone))
            continue
        has_share = whole and kind not in INSIDE_KINDS and kind is not DiskKind.NETWORK
        share = told.size_bytes / whole if has_share else None
        lines.append(
            KindLine(
                kind, told.count, told.size_bytes, told.reclaimable_bytes, growth.get(kind, 0), told.is_exact,
                share, state, tone,
            )
        )  # fmt: skip
    return [all_line(lines), *lines]


def failed_part(known: KnownDisk, kind: DiskKind | None) -> DiskPart | None:
    """The first part that could not be read, of what a kind rests on or of all."""
    parts = KIND_PARTS[kind] if kind is not None else tuple(DiskPart)
    for part in parts:
        state = known.parts.get(part)
        if state is not None and state.error is not None and state.reading_since is None:
            return part
    return None
