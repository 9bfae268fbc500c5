"""A text as a reader sees it: digits, dashes and spaces in one spelling, invisible characters gone.
A line break is a space and an underscore a dash: a number goes on behind either.

Patterns are searched here, so that ١٢٣, fullwidth or zero-width tricks do not hide a number, and
what is found is then cut out of the text as it was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import category, normalize

_STRANGE = re.compile(r"[^\t\n\r\x20-\x7e]")

# Minus, modifier minus, hyphen bullet, middle dot and bullets look like dashes and are none to
# Unicode.
_DASHES = frozenset("\u2212\u02d7\u2043\u00b7\u2022\u2219\u22c5\u30fb")
_ALIKE = {
    **dict(zip("АаСсΑ", "AaCcA", strict=True)),  # Cyrillic and Greek, where a number begins with it
    **dict.fromkeys("\u2044\u2215", "/"),
    **dict.fromkeys("\u3002\uff61", "."),
}
_ASCII = str.maketrans("\t\n\r_", "   -")
_INVISIBLE = frozenset({"Cf", "Cc", "Mn", "Me"})  # format, control, and marks on other characters


@dataclass(frozen=True, slots=True)
class Plain:
    """The plain spelling of a text; `places[i]` is where its character i stands in the original."""

    text: str
    places: list[int] | None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original that holds `[start, end)` of the plain text, not empty."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def plain(text: str) -> Plain:
    """The plain spelling of `text`. ASCII is its own; other characters give one each, or none."""
    if _STRANGE.search(text) is None:
        return Plain(text.translate(_ASCII), None)
    folded: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        seen = char if "`" <= char <= "~" or " " <= char < "_" else _fold(char)
        if seen:
            folded.append(seen)
            places.append(place)
    return Plain("".join(folded), places)


@lru_cache(maxsize=4096)  # the characters of a few scripts
def _fold(char: str) -> str:
    kind = category(char)
    if char <= "~":
        return char.translate(_ASCII) if char in "\t\n\r_" else ""
    if kind in _INVISIBLE:
        return ""
    if char in _ALIKE:
        return _ALIKE[char]
    if kind == "Pd" or char in _DASHES:
        return "-"
    if kind in ("Zs", "Zl", "Zp"):
        return " "
    return _compatible(char)


def _compatible(char: str) -> str:
    """The plain form of a fullwidth, styled or foreign digit or letter, if it is one character."""
    if char.isdecimal():
        return str(int(char))
    plainer = normalize("NFKC", char)
    return plainer if len(plainer) == 1 else char
