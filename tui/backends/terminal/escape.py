"""The escapes of a session, as ssh has them: `~` and one more key, only at the beginning of a line."""

from __future__ import annotations

from enum import Enum


class EscapeCommand(Enum):
    """What an escape asks for."""

    LEAVE = b"."
    STOP = b"\x1a"
    HELP = b"?"
    STATE = b"#"


# A terminal puts these around what is pasted, where the far side wants that.
_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"


class EscapeReader:
    """Finds escapes in what is typed, wherever its bytes are cut.

    Unlike in ssh there is none within a bracketed paste: a line of a pasted text may begin with a tilde.
    """

    def __init__(self, character: str = "~") -> None:
        """Args: the escape character, one of ASCII; "" for none."""
        self._character = character.encode("ascii")
        self._is_pending = False
        self._is_in_paste = False
        # what was typed last, as far as it matters: the session begins with a line
        self._before = b"\n"

    def feed(self, data: bytes) -> list[bytes | EscapeCommand]:
        """What is to be sent, and what is asked for, in their order."""
        found: list[bytes | EscapeCommand] = []
        if not self._character:
            return [data] if data else found
        to_send = bytearray()
        position = 0
        while position < len(data):
            if self._is_pending:
                self._is_pending = False
                key = data[position : position + 1]
                position += 1
                if command := _command(key):
                    if to_send:
                        found.append(bytes(to_send))
                        to_send.clear()
                    found.append(command)
                    # the line is still at its beginning, as for the far side nothing was typed
                    continue
                self._take(key if key == self._character else self._character + key, to_send)
                continue
            at = data.find(self._character, position)
            # what is in front of the next escape character, if there is one, and that character
            self._take(data[position : len(data) if at < 0 else at], to_send)
            position = len(data) if at < 0 else at + 1
            if at >= 0:
                if self._before[-1:] in (b"\r", b"\n") and not self._is_in_paste:
                    self._is_pending = True
                else:
                    self._take(self._character, to_send)
        if to_send:
            found.append(bytes(to_send))
        return found

    def _take(self, data: bytes, to_send: bytearray) -> None:
        if not data:
            return
        to_send += data
        seen = self._before + data
        begins, ends = seen.rfind(_PASTE_BEGINS), seen.rfind(_PASTE_ENDS)
        if begins != ends:
            self._is_in_paste = begins > ends
        # one byte less than a mark: a whole one would be seen twice
        self._before = seen[1 - len(_PASTE_BEGINS) :]


def _command(key: bytes) -> EscapeCommand | None:
    try:
        return EscapeCommand(key)
    except ValueError:
        return None
