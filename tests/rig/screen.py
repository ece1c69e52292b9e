"""A pyte screen behind a tokenizer that understands what today's terminal programs emit and ask."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

import pyte
import pyte.modes

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f]+)"
    r"|(?P<csi>\x1b\[(?P<private>[<=>?]?)(?P<parameters>[0-9:;]*)(?P<between>[ -/]*)(?P<final>[@-~]))"
    r"|(?P<osc>\x1b\](?P<command>[^\x07\x1b]*)(?:\x07|\x1b\\))"
    r"|(?P<string>\x1b[PX^_](?P<content>[^\x1b]*)\x1b\\)"
    r"|(?P<charset>\x1b[ -/]+[0-~])"
    r"|(?P<escape>\x1b[0-OQ-WYZ\\`-~])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
)
_PARTIAL = re.compile(r"\x1b(?:\[[<=>?]?[0-9:;]*[ -/]*|\][^\x07\x1b]*\x1b?|[PX^_][^\x1b]*\x1b?|[ -/]*)")
# A beginning that the next bytes may complete; anything else that is no token loses its first character.

_ALTERNATE = (47, 1047, 1049)
_KNOWN_MODES = frozenset({1, 6, 7, 25, 1000, 1002, 1003, 1004, 1006, 1049, 2004, 2026})
# What a DECRQM question is answered with "known" for. Not 2048 (sizes in the byte stream): a program then
# takes SIGWINCH, which `resize` sends.


class TerminalScreen(pyte.Screen):
    """The screen model of a terminal session: cells, private modes, and answers to questions.

    Attributes:
        private_modes: DEC private modes that were ever set or reset, and whether they are on.
        title: The window's title.
    """

    def __init__(self, columns: int, rows: int, reply: Callable[[bytes], None]) -> None:
        self._reply = reply
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._last = " "
        self._main: dict[int, dict[int, pyte.screens.Char]] | None = None
        self.private_modes: dict[int, bool] = {}
        super().__init__(columns, rows)

    def feed(self, data: bytes) -> None:
        """Takes the program's next bytes, cut anywhere."""
        text = self._rest + self._decoder.decode(data)
        position = 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            if token is not None:
                position = token.end()
                self._take(token)
            elif _PARTIAL.fullmatch(text, position):
                break
            else:
                position += 1
        self._rest = text[position:]

    def row_text(self, row: int) -> str:
        """One row's characters without trailing blanks."""
        line = self.buffer[row]
        return "".join([line[column].data for column in range(self.columns)]).rstrip()

    def _take(self, token: re.Match[str]) -> None:
        kind = token.lastgroup if token.lastgroup in ("text", "charset", "escape", "control") else None
        if kind == "text":
            self._last = token[0][-1]
            self.draw(token[0])
        elif kind == "control":
            self._control(token[0])
        elif kind == "escape":
            self._escape(token[0][1])
        elif token["csi"]:
            self._sequence(token["private"], token["parameters"], token["between"], token["final"])
        elif token["osc"]:
            self._command(token["command"])
        elif token["string"] and re.match(r"[+$]q", token["content"]):
            self._reply(b"\x1bP0%sr\x1b\\" % token["content"][0].encode())

    def _control(self, character: str) -> None:
        actions = {
            "\n": self.linefeed,
            "\x0b": self.linefeed,
            "\x0c": self.linefeed,
            "\r": self.carriage_return,
        }
        actions |= {"\b": self.backspace, "\t": self.tab, "\x0e": self.shift_out, "\x0f": self.shift_in}
        if character in actions:
            actions[character]()

    def _escape(self, character: str) -> None:
        if character == "E":
            self.carriage_return()
        actions = {"7": self.save_cursor, "8": self.restore_cursor, "D": self.index, "E": self.linefeed}
        actions |= {"M": self.reverse_index, "H": self.set_tab_stop, "c": self.reset}
        if character in actions:
            actions[character]()

    def _command(self, command: str) -> None:
        number, _, value = command.partition(";")
        if number in ("0", "2"):
            self.set_title(value)
        elif value == "?" and number in ("10", "11", "12"):
            colour = "1010/1010/1010" if number == "11" else "d0d0/d0d0/d0d0"
            self._reply(f"\x1b]{number};rgb:{colour}\x1b\\".encode())

    def _sequence(self, private: str, parameters: str, between: str, final: str) -> None:
        numbers = (
            [int(part) if part.isdigit() else 0 for part in re.split("[:;]", parameters)]
            if parameters
            else []
        )
        first = numbers[0] if numbers else 0
        if final == "m":
            if not private and not between:
                self._style(parameters)
        elif final == "p" and private == "?" and between == "$":
            state = 0 if first not in _KNOWN_MODES else 1 if self.private_modes.get(first) else 2
            self._reply(b"\x1b[?%d;%d$y" % (first, state))
        elif between:
            return
        elif final in "hl" and private == "?":
            for mode in numbers:
                self._private_mode(mode, final == "h")
        elif final in "hl" and not private:
            (self.set_mode if final == "h" else self.reset_mode)(*numbers)
        elif final == "u" and private == "?":
            self._reply(b"\x1b[?0u")
        elif final == "c":
            self._reply(b"\x1b[>1;10;0c" if private == ">" else b"\x1b[?62;22c")
        elif final == "q" and private == ">":
            self._reply(b"\x1bP>|rig(1)\x1b\\")
        elif not private or final in "JK":
            self._action(final, first, numbers)

    def _action(self, final: str, first: int, numbers: list[int]) -> None:
        if final in "Hf":
            self.cursor_position(*numbers[:2])
        elif final == "K":
            self.erase_in_line(first)
        elif final == "J":
            self.erase_in_display(min(first, 2))
        elif final == "b":
            self.draw(self._last * max(1, first))
        elif final in "ST":
            self._scroll(max(1, first), upward=final == "S")
        elif final == "r":
            self.set_margins(*numbers[:2])
            # pyte does so only for some margins
            self.cursor_position()
        elif final == "s":
            self.save_cursor()
        elif final == "u":
            self.restore_cursor()
        elif final == "g":
            self.clear_tab_stop(first)
        elif final == "n":
            at = b"%d;%dR" % (self.cursor.y + 1, min(self.cursor.x, self.columns - 1) + 1)
            self._reply(b"\x1b[0n" if first == 5 else b"\x1b[" + at)
        elif final == "t":
            size = {
                14: (4, self.lines * 16, self.columns * 8),
                16: (6, 16, 8),
                18: (8, self.lines, self.columns),
            }
            if first in size:
                self._reply(b"\x1b[%d;%d;%dt" % size[first])
        else:
            actions: dict[str, Callable[[int], None]] = {"A": self.cursor_up, "B": self.cursor_down}
            actions |= {"C": self.cursor_forward, "D": self.cursor_back}
            actions |= {"E": self.cursor_down1, "F": self.cursor_up1, "G": self.cursor_to_column}
            actions |= {"d": self.cursor_to_line, "a": self.cursor_forward, "e": self.cursor_down}
            actions |= {"`": self.cursor_to_column, "L": self.insert_lines, "M": self.delete_lines}
            actions |= {"P": self.delete_characters, "@": self.insert_characters, "X": self.erase_characters}
            if final in actions:
                actions[final](first or 1)

    def _private_mode(self, mode: int, on: bool) -> None:
        self.private_modes[mode] = on
        if mode in _ALTERNATE:
            self._alternate(on)
        elif mode in (6, 7, 25):
            (self.set_mode if on else self.reset_mode)(mode, private=True)

    def _alternate(self, on: bool) -> None:
        if on and self._main is None:
            self._main = {row: dict(line) for row, line in self.buffer.items()}
            self.save_cursor()
            self.erase_in_display(2)
        elif not on and self._main is not None:
            self.buffer.clear()
            for row, line in self._main.items():
                self.buffer[row].update(line)
            self._main = None
            self.restore_cursor()

    def _scroll(self, count: int, upward: bool) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        before = self.cursor.y
        self.cursor.y = bottom if upward else top
        for _ in range(min(count, self.lines)):
            (self.index if upward else self.reverse_index)()
        self.cursor.y = before

    def _style(self, parameters: str) -> None:
        flat = re.sub(r"([34]8):2:\d*:(\d+):(\d+):(\d+)", r"\1;2;\2;\3;\4", parameters)
        flat = re.sub(r"\b4:(\d)", lambda match: "24" if match[1] == "0" else "4", flat).replace(":", ";")
        self.select_graphic_rendition(*[int(part or 0) for part in flat.split(";")])
