"""Which modes a terminal is in after all bytes that were written to it: a small parser of its own.

Nothing here comes from the program that is tested, so that both would have to be wrong in the same way.
"""

from __future__ import annotations

_ESC, _CAN, _SUB, _BEL, _SO, _SI = 0x1B, 0x18, 0x1A, 0x07, 0x0E, 0x0F
_ON_BY_DEFAULT = frozenset({7, 25})
_ALTERNATE = frozenset({47, 1047, 1049})
_SOFT_RESET = ("?1", "?6", "?66", "?69", "no ?25", "insert", "keypad", "charset", "margins", "style")


class DecModes:
    """Feeds on bytes; `active` is everything that differs from a terminal that was just opened.

    Attributes:
        active: as `?1000` (on), `no ?25` (off, and usually on), `alternate`, `keypad`, `charset`, `margins`,
            `insert`, `style`, `shape`, `kitty N`, `keys N`.
        faults: what no program should do, such as leaving the alternate screen from the main one, which
            moves the cursor to wherever it was saved last.
    """

    def __init__(self) -> None:
        self.active: set[str] = set()
        self.faults: list[str] = []
        self._kitty: dict[bool, list[str]] = {False: [], True: []}
        self._state = "ground"
        self._sequence = bytearray()

    def feed(self, data: bytes) -> DecModes:
        for byte in data:
            self._byte(byte)
        return self

    @property
    def is_within_sequence(self) -> bool:
        return self._state != "ground"

    def _byte(self, byte: int) -> None:
        if byte in (_CAN, _SUB):
            self._state = "ground"
        elif byte == _ESC:
            self._state = "string end" if self._state == "string" else "escape"
            self._sequence.clear()
        elif self._state == "string":
            if byte == _BEL:
                self._state = "ground"
        elif self._state == "string end":
            # anything but a backslash begins a new sequence
            self._state = "ground" if byte == 0x5C else "escape"
            if self._state == "escape":
                self._escape(byte)
        elif self._state == "escape":
            self._escape(byte)
        elif self._state == "csi":
            self._csi(byte)
        elif byte in (_SO, _SI):
            self._set("charset", byte == _SO)

    def _escape(self, byte: int) -> None:
        self._sequence.append(byte)
        if byte == 0x5B and len(self._sequence) == 1:
            self._state = "csi"
            self._sequence.clear()
        elif byte in b"]PX^_" and len(self._sequence) == 1:
            self._state = "string"
        elif 0x20 <= byte <= 0x2F:
            return
        else:
            self._state = "ground"
            self._finish_escape(bytes(self._sequence))

    def _finish_escape(self, sequence: bytes) -> None:
        if sequence == b"c":
            self.active.clear()
            self._kitty = {False: [], True: []}
        elif sequence in (b"=", b">"):
            self._set("keypad", sequence == b"=")
        elif sequence[:1] == b"(":
            self._set("charset", sequence != b"(B")

    def _csi(self, byte: int) -> None:
        if 0x40 <= byte <= 0x7E:
            self._state = "ground"
            self._finish_csi(self._sequence.decode("ascii", "replace"), chr(byte))
        elif 0x20 <= byte <= 0x3F:
            self._sequence.append(byte)

    def _finish_csi(self, body: str, final: str) -> None:
        private = body[:1] if body[:1] in "?<=>!" else ""
        numbers = [int(part) for part in body[len(private) :].strip(" ").split(";") if part.isdigit()]
        if private == "?" and final in "hl":
            for number in numbers:
                self._private(number, final == "h")
        elif private == "!" and final == "p":
            self.active -= set(_SOFT_RESET)
        elif private in ("<", "=", ">") and private and final == "u":
            self._keyboard(private, numbers)
        elif private == ">" and final in "mn":
            name = f"keys {numbers[0] if numbers else 4}"
            self._set(name, final == "m" and len(numbers) > 1 and numbers[1] != 0)
        elif private:
            return
        elif final in "hl" and 4 in numbers:
            self._set("insert", final == "h")
        elif final == "r":
            self._set("margins", bool(numbers))
        elif final == "q" and body.endswith(" "):
            self._set("shape", bool(numbers) and numbers[0] != 0)
        elif final == "m":
            for number in numbers or [0]:
                self._set("style", number != 0)

    def _private(self, number: int, on: bool) -> None:
        if number in _ALTERNATE:
            if not on and "alternate" not in self.active:
                self.faults.append(f"?{number}l on the main screen")
            self._set("alternate", on)
        elif number in _ON_BY_DEFAULT:
            self._set(f"no ?{number}", not on)
        else:
            self._set(f"?{number}", on)

    def _keyboard(self, how: str, numbers: list[int]) -> None:
        shown = "alternate" in self.active
        stack = self._kitty[shown]
        first = numbers[0] if numbers else 0
        if how == ">":
            stack.append(str(first))
        elif how == "<":
            count = max(1, first)
            if count > len(stack):
                self.faults.append(f"{count} popped of {len(stack)} keyboard flags")
            del stack[max(0, len(stack) - count) :]
        for screen, each in self._kitty.items():
            name = "kitty alternate" if screen else "kitty"
            self._set(name, bool(each))

    def _set(self, name: str, on: bool) -> None:
        if on:
            self.active.add(name)
        else:
            self.active.discard(name)


def modes_after(data: bytes) -> set[str]:
    """What is active after these bytes."""
    return DecModes().feed(data).active
