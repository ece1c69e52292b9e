"""Foreign text made safe to show: names, paths, labels, exception texts.

Nothing that comes from outside reaches a terminal but through here. The result holds no control or
direction mark and nothing whose width terminals disagree about, so that columns stay aligned.
"""

from __future__ import annotations

import re
import unicodedata

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# C0 controls have pictures of their own, from U+2400 on; DEL has U+2421.
_CONTROL_PICTURES, _DELETE_PICTURE = 0x2400, "\N{SYMBOL FOR DELETE}"
# Terminals disagree about the width of what these join or modify; without them each part has its own.
_DROPPED = frozenset(
    {"\N{ZERO WIDTH JOINER}", "\N{VARIATION SELECTOR-15}", "\N{VARIATION SELECTOR-16}", "\N{SOFT HYPHEN}"}
)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
# Letters that are blank, vowels and finals that join the consonant before them (Hangul; those that belong to
# one are composed first), and symbols that grew from one cell to two with Unicode 16.
_OF_NO_CERTAIN_WIDTH = (
    range(0x115F, 0x1200), range(0x3164, 0x3165), range(0xD7B0, 0xD800), range(0xFFA0, 0xFFA1),
    range(0x2630, 0x2638), range(0x268A, 0x2690), range(0x4DC0, 0x4E00), range(0x1D300, 0x1D357),
    range(0x1D360, 0x1D377),
)  # fmt: skip
# Letters have no more marks (UAX #15, Stream-Safe Text Format). To put millions in order takes hours.
_MOST_MARKS = 30
_REGIONAL_A, _REGIONAL_Z = 0x1F1E6, 0x1F1FF


def printable(text: str, kept: str = "") -> str:
    """The text with everything replaced that could move the cursor, change direction or hide.

    Controls become their pictures (`␛`), format characters and lone surrogates `\N{REPLACEMENT CHARACTER}`,
    flag letters plain letters. Letters of every script stay, and the characters in `kept`.
    """
    if text.isascii() and text.isprintable():
        return text
    marks = "".join(each for each in set(text) if unicodedata.combining(each))
    if marks:
        text = re.sub(f"[{marks}]{{{_MOST_MARKS + 1},}}", lambda found: found[0][:_MOST_MARKS], text)
    # accents and syllables as one character where there is one: what is left of the parts is dropped
    text = unicodedata.normalize("NFC", text)
    # each character is judged once, as a line of a log may have millions
    return text.translate({ord(each): each if each in kept else _safe_character(each) for each in set(text)})


def _safe_character(character: str) -> str:
    code = ord(character)
    if code < 32:
        return chr(_CONTROL_PICTURES + code)
    if code == 127:
        return _DELETE_PICTURE
    if character in _DROPPED or code in _SKIN_TONES:
        return ""
    if _REGIONAL_A <= code <= _REGIONAL_Z:
        return chr(ord("A") + code - _REGIONAL_A)
    category = unicodedata.category(character)
    # Cc and Cf: C1 controls, direction marks, tags; Cs, Co, Cn: nothing that has a known width;
    # Zl and Zp end a line; Mn and Me take no cell and pile up on the one before, Mc takes one or none
    if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return _REPLACEMENT
    if category in ("Mn", "Me", "Mc"):
        return ""
    if any(code in each for each in _OF_NO_CERTAIN_WIDTH):
        return _REPLACEMENT
    return " " if category == "Zs" else character
