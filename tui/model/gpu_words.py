"""What a GPU's driver says in numbers, in words: Xid codes, throttle bits, compute and performance states."""

from __future__ import annotations

from collections.abc import Iterable

# Of `nvmlClocksEventReasons` in NVIDIA's nvml.h, lowest bit first.
_THROTTLE_WORDS = {
    0x001: "idle",
    0x002: "application clocks",
    0x004: "power limit",
    0x008: "hardware slowdown",
    0x010: "sync boost",
    0x020: "heat (driver)",
    0x040: "heat (hardware)",
    0x080: "power brake",
    0x100: "display clocks",
}
#: Reasons that somebody chose, or that cost nothing: the clocks are low, but nothing is wrong.
HARMLESS_THROTTLE_REASONS = frozenset({"idle", "application clocks", "sync boost", "display clocks"})

# Of NVIDIA's document "Xid Errors"; those that a machine for training meets.
_XID_WORDS = {
    8: "the GPU stopped processing",
    13: "graphics engine exception: a program did something illegal",
    31: "memory page fault: a program used an illegal address",
    32: "corrupted command stream from a program",
    38: "driver firmware error",
    43: "the GPU stopped processing for one program",
    44: "fault while switching between programs",
    45: "a program's work was cleaned up after earlier errors",
    46: "the GPU stopped processing",
    48: "double-bit ECC error: memory was lost",
    61: "internal micro-controller warning",
    62: "internal micro-controller halted",
    63: "a memory row was marked for remapping",
    64: "a memory row could not be remapped",
    68: "video decoder exception",
    69: "graphics engine class error",
    74: "NVLink error",
    79: "fell off the bus",
    92: "many single-bit ECC errors",
    94: "contained ECC error: one program lost its memory",
    95: "uncontained ECC error: all programs must be restarted",
    109: "timeout while switching between programs",
    110: "security fault",
    119: "the GPU's firmware did not answer in time",
    120: "the GPU's firmware reported an error",
    121: "corrected error on the link to the processor",
    140: "unrecovered ECC error",
    143: "the GPU could not be initialized",
    149: "NVLink error on the way",
    154: "the driver asks for a recovery action",
}

# Of `nvmlComputeMode_t`.
_COMPUTE_MODES = ("default", "exclusive thread", "prohibited", "exclusive process")


def throttle_words(bits: int) -> tuple[str, ...]:
    """What holds the clocks down; () for nothing, a bit that is not known as its number."""
    known = [words for bit, words in _THROTTLE_WORDS.items() if bits & bit]
    rest = bits & ~sum(_THROTTLE_WORDS)
    return (*known, f"unknown reason {rest:#x}") if rest else tuple(known)


def slowing(reasons: Iterable[str]) -> tuple[str, ...]:
    """Those of the throttle reasons that cost somebody time."""
    return tuple(reason for reason in reasons if reason not in HARMLESS_THROTTLE_REASONS)


def xid_words(code: int) -> str:
    """What an Xid code means."""
    return _XID_WORDS.get(code, "an error that is not in envtui's table")


def compute_mode_words(mode: int) -> str:
    """Who may compute on the GPU at the same time."""
    return _COMPUTE_MODES[mode] if 0 <= mode < len(_COMPUTE_MODES) else f"unknown mode {mode}"
