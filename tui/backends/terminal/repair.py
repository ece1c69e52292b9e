"""What programs did to the terminal, and the bytes that put it right after one that did not do so itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Of the DEC private modes, those that programs switch and that are off, or on, in an ordinary terminal.
# Others are the user's own settings (blinking cursors and how keys are encoded in xterm, say): what they were
# before is not known. Alternate screens are looked at apart.
_USUALLY_OFF = frozenset(
    {
        1,  # cursor keys
        5,  # reverse video
        6,  # origin
        9, 1000, 1001, 1002, 1003, 1005, 1006, 1015, 1016,  # mouse
        12,  # blinking cursor, as part of "very visible"
        66,  # keypad
        69,  # left and right margins
        1004,  # focus
        2004,  # bracketed paste
        2026,  # synchronized output
        2027, 2031, 2048,  # grapheme clusters; reports of colours and of sizes
        9001,  # keys as in Windows
    }
)  # fmt: skip
_USUALLY_ON = frozenset({7, 25})
# wrap and cursor
_ORIGIN, _SYNCHRONIZED, _SIDE_MARGINS = 6, 2026, 69
_ALTERNATE_SCREENS = frozenset({47, 1047, 1049})
_INSERT, _NEWLINE = 4, 20
_ANSI_MODES = frozenset({_INSERT, _NEWLINE})

# After an end that came from outside these are written in any case, should a program have switched them in a
# way that is not looked for. Every terminal that knows modes at all takes them for what they are.
_ALWAYS_OFF = (1000, 1002, 1003, 1006, 1004, 2004, 1)

# Looked for in floods: whatever is not one of the sequences that only draw, of which there are thousands.
_CANDIDATE = re.compile(rb"\x1b(?!\[[0-9;:]*[@A-PSTXZ`a-gm])")
_CHANGE = re.compile(
    rb"\x1b(?:"
    rb"\[\?(?P<private>[0-9;]+)(?P<to>[hl])"
    rb"|\[(?P<ansi>[0-9;]+)(?P<ansi_to>[hl])"
    rb"|\[(?P<margins>[0-9;]*)r"
    rb"|\[(?P<kitty>[<>=])(?P<flags>[0-9;]*)u"
    rb"|\[>(?P<keys>[0-9;]*)(?P<keys_to>[mn])"
    rb"|\[(?P<shape>[0-9]*) q"
    rb"|\[(?P<soft>!)p"
    rb"|(?P<keypad>[=>])"
    rb"|\((?P<charset>[0-~])"
    rb"|%(?P<coding>[@G])"
    rb"|(?P<full>c))"
)
_STYLE = re.compile(rb"\x1b\[([0-9;:]*)m")
# what further bytes may complete
_BEGUN = re.compile(rb"\x1b(?:\[[<=>?!]?[0-9;:]*[ !]?|[(%])?")
_LONGEST_BYTES = 64
# Where so many sequences in a row are no styles, there are few, and they are found faster from the front.
_STEPS_BACK = 64

_SAVE_CURSOR, _RESTORE_CURSOR = b"\x1b7", b"\x1b8"
# Cancels a sequence that was cut, then ends a string that was. Nothing where neither is open.
_CUT_ENDS = b"\x18\x1b\\"


@dataclass(slots=True)
class _State:
    """What differs from an ordinary terminal.

    Attributes:
        switched: private modes that are not as usual.
        alternate: the mode that switched to the alternate screen, None while the main one is shown.
        kitty: flags that were pushed on the stack of the main (False) and the alternate screen (True).
        kitty_set: the screens whose flags were set without the stack.
        keys: resources of xterm that encode modified keys, and what they were set to.
    """

    switched: set[int] = field(default_factory=set)
    ansi: set[int] = field(default_factory=set)
    alternate: int | None = None
    kitty: dict[bool, list[int]] = field(default_factory=lambda: {False: [], True: []})
    kitty_set: dict[bool, int] = field(default_factory=dict)
    keys: dict[int, int] = field(default_factory=dict)
    shape: int = 0
    has_margins: bool = False
    has_keypad: bool = False
    has_charset: bool = False
    is_shifted: bool = False
    has_style: bool = False
    is_not_utf8: bool = False


class TerminalState:
    """Follows what is written to a terminal, as far as it outlives a program.

    Not for several threads at once.
    """

    def __init__(self) -> None:
        """An ordinary terminal, as a shell has it when it starts a program."""
        self._state = _State()
        self._begun = b""

    @property
    def is_ordinary(self) -> bool:
        """Whether all is as a shell has it."""
        return not self._begun and self._state == _State()

    @property
    def has_screen(self) -> bool:
        """Whether a program shows the alternate screen."""
        return self._state.alternate is not None

    def feed(self, data: bytes) -> None:
        """Take what was written, cut anywhere."""
        data = self._begun + data
        self._begun = b""
        last = data.rfind(b"\x1b", -_LONGEST_BYTES)
        if last >= 0 and _BEGUN.fullmatch(data, last):
            self._begun = data[last:]
            data = data[:last]
        # a style counts only when nothing was reset after it
        since = 0
        for candidate in _CANDIDATE.finditer(data):
            match = _CHANGE.match(data, candidate.start())
            if match is None:
                continue
            kind = match.lastgroup or ""
            if kind in ("soft", "full"):
                since = match.end()
            self._change(kind, match)
        shifted, unshifted = data.rfind(b"\x0e", since), data.rfind(b"\x0f", since)
        if shifted != unshifted:
            self._state.is_shifted = shifted > unshifted
        style = _last_style(data, since)
        if style is not None:
            self._state.has_style = style.strip(b"0").rpartition(b";")[2] != b""

    def repair(self, was_cut: bool = True) -> bytes:
        """The bytes that make it ordinary again; what is seen stays, and the cursor where it is.

        Args:
            was_cut: the program was ended from outside: its last bytes may be half a sequence, and what it
                switched may not have been seen.
        """
        state = self._state
        parts = [_CUT_ENDS] if was_cut or self._begun else []
        if _SYNCHRONIZED in state.switched:
            parts.append(_private(_SYNCHRONIZED, on=False))
        if state.alternate is not None:
            # its stack of keyboard flags is its own; 1049 brings the cursor back, and only when it is on:
            # on the main screen it would go to wherever it was saved last
            parts += [*self._keyboard(True), _private(state.alternate, on=False)]
        elif keyboard := self._keyboard(True):
            # left with flags on it, which the next program there would get
            parts += [_private(1049, on=True), *keyboard, _private(1049, on=False)]
        parts += self._keyboard(False)
        parts += [b"\x1b[>%dm" % resource for resource in state.keys]
        parts += self._margins()
        parts += [b"\x1b[%dl" % mode for mode in sorted(state.ansi)]
        off = (state.switched & _USUALLY_OFF) - {_ORIGIN, _SIDE_MARGINS, _SYNCHRONIZED}
        parts += [_private(mode, on=False) for mode in sorted({*off, *(_ALWAYS_OFF if was_cut else ())})]
        on = _USUALLY_ON if was_cut else state.switched & _USUALLY_ON
        parts += [_private(mode, on=True) for mode in sorted(on)]
        if state.is_not_utf8:
            parts.append(b"\x1b%G")
        if state.shape:
            parts.append(b"\x1b[0 q")
        # keypad, character set, style: the same for all terminals, and nothing where they are right
        return b"".join(parts) + b"\x1b>\x0f\x1b(B\x1b[0m"

    def again(self) -> bytes:
        """The bytes that bring it from ordinary to what it is now; what is seen has to be drawn anew."""
        state = self._state
        parts = [b"\x1b[>%du" % flags for flags in state.kitty[False]]
        if state.alternate is not None:
            parts.append(_private(state.alternate, on=True))
            parts += [b"\x1b[>%du" % flags for flags in state.kitty[True]]
        shown = state.alternate is not None
        if shown in state.kitty_set:
            parts.append(b"\x1b[=%du" % state.kitty_set[shown])
        parts += [b"\x1b[>%d;%dm" % key for key in state.keys.items()]
        parts += [_private(mode, on=True) for mode in sorted(state.switched & _USUALLY_OFF)]
        parts += [_private(mode, on=False) for mode in sorted(state.switched & _USUALLY_ON)]
        parts += [b"\x1b[%dh" % mode for mode in sorted(state.ansi)]
        if state.has_keypad:
            parts.append(b"\x1b=")
        if state.shape:
            parts.append(b"\x1b[%d q" % state.shape)
        return b"".join(parts)

    def _keyboard(self, alternate: bool) -> list[bytes]:
        depth = len(self._state.kitty[alternate])
        parts = [b"\x1b[<%du" % depth] if depth else []
        return [*parts, b"\x1b[=0u"] if alternate in self._state.kitty_set else parts

    def _margins(self) -> list[bytes]:
        """Margins and origin: each of these moves the cursor to a corner, so it is saved around them."""
        state = self._state
        if not (state.has_margins or state.switched & {_ORIGIN, _SIDE_MARGINS}):
            return []
        parts = [b"\x1b[r"] if state.has_margins else []
        if _SIDE_MARGINS in state.switched:
            parts.append(_private(_SIDE_MARGINS, on=False))
        if _ORIGIN in state.switched:
            # restoring the cursor would restore this mode as well: below everything nothing is overwritten
            return [_private(_ORIGIN, on=False), *parts, b"\x1b[999;1H"]
        return [_SAVE_CURSOR, *parts, _RESTORE_CURSOR]

    def _change(self, kind: str, match: re.Match[bytes]) -> None:
        state = self._state
        if kind == "to":
            self._switch(_numbers(match["private"]), match["to"] == b"h")
        elif kind == "ansi_to":
            modes = _ANSI_MODES.intersection(_numbers(match["ansi"]))
            state.ansi = state.ansi | modes if match["ansi_to"] == b"h" else state.ansi - modes
        elif kind == "margins":
            state.has_margins = match["margins"] not in (b"", b";", b"0", b"0;0")
        elif kind == "flags":
            self._change_kitty(match["kitty"], _numbers(match["flags"]))
        elif kind == "keys_to":
            self._change_keys(_numbers(match["keys"]), match["keys_to"])
        elif kind == "shape":
            state.shape = int(match["shape"] or b"0")
        elif kind == "keypad":
            state.has_keypad = match["keypad"] == b"="
        elif kind == "charset":
            state.has_charset = match["charset"] != b"B"
        elif kind == "coding":
            state.is_not_utf8 = match["coding"] == b"@"
        elif kind == "soft":
            state.switched -= {1, _ORIGIN, 25, 66, _SIDE_MARGINS}
            state.ansi.discard(_INSERT)
            state.has_margins = state.has_keypad = state.has_style = False
            state.has_charset = state.is_shifted = False
        elif kind == "full":
            self._state = _State()

    def _switch(self, modes: list[int], on: bool) -> None:
        state = self._state
        for mode in modes:
            if mode in _ALTERNATE_SCREENS:
                state.alternate = (state.alternate or mode) if on else None
            elif mode in (_USUALLY_OFF if on else _USUALLY_ON):
                state.switched.add(mode)
            else:
                state.switched.discard(mode)

    def _change_kitty(self, how: bytes, numbers: list[int]) -> None:
        shown = self._state.alternate is not None
        stack = self._state.kitty[shown]
        first = numbers[0] if numbers else 0
        if how == b">":
            stack.append(first)
        elif how == b"<":
            del stack[max(0, len(stack) - max(1, first)) :]
        elif stack:
            stack[-1] = first
        elif first:
            self._state.kitty_set[shown] = first
        else:
            self._state.kitty_set.pop(shown, None)

    def _change_keys(self, numbers: list[int], how: bytes) -> None:
        if not numbers:
            self._state.keys.clear()
        elif how == b"m" and len(numbers) > 1:
            self._state.keys[numbers[0]] = numbers[1]
        else:
            self._state.keys.pop(numbers[0], None)


def _private(mode: int, on: bool) -> bytes:
    # one at a time: not every terminal takes many in one sequence
    return b"\x1b[?%d%c" % (mode, b"h" if on else b"l")


def _numbers(parameters: bytes) -> list[int]:
    return [int(each) for each in parameters.split(b";") if each]


def _last_style(data: bytes, since: int) -> bytes | None:
    """The parameters of the last style."""
    at = len(data)
    # from the end, as a coloured flood has thousands
    for _ in range(_STEPS_BACK):
        at = data.rfind(b"\x1b[", since, at)
        if at < 0:
            return None
        if match := _STYLE.match(data, at):
            return match[1]
    styles = _STYLE.findall(data, since, at)
    return styles[-1] if styles else None
