"""Personal data out of free text, before the text leaves the place where it was given.

It replaces what looks like personal data by its kind: `call [phone]`. It cannot know names, and does
not pretend to: what it lets through still needs care.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pipeline.core.plaintext import plain
from pipeline.core.redaction_rules import RULES

_PASSES = 8
"""A replacement can lay bare another match next to it, twice in practice; a text that still goes on
after this many passes was made to, and time must stay linear."""

_WITHHELD = "withheld"

_TELLTALE = re.compile(r"[\d@?]")
"""Every kind holds a digit, an @ or a query: most comments are done after one look."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """The text that may be kept, and how many pieces of each kind were taken out."""

    text: str
    counts: dict[str, int] = field(default_factory=dict)


def redact(text: str) -> Redacted:
    """Replaces every piece of personal data by `[kind]`; the rest stays as it is, byte for byte.

    Kinds: url (with a query), email, receipt and a-number (USCIS), claim (VA file numbers too),
    account, passport, ssn, phone, card, date (of birth, or written 01/31/1950), address. Nothing that
    it would take out is left in the result, so a second time changes nothing. Linear in the length.
    """
    counts: Counter[str] = Counter()
    for _ in range(_PASSES):
        once = _pass(text, counts)
        if once == text:
            return Redacted(text, dict(counts))
        text = once
    return Redacted(f"[{_WITHHELD}]", {_WITHHELD: 1})


def _pass(text: str, counts: Counter[str]) -> str:
    seen = plain(text)
    if _TELLTALE.search(seen.text) is None:
        return text
    taken = bytearray(len(seen.text))
    found: list[tuple[int, int, str]] = []
    for kind, finder in RULES:
        for start, end in finder(seen.text):
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\x01" * (end - start)
                found.append((*seen.original(start, end), kind))
                counts[kind] += 1
    pieces: list[str] = []
    done = 0
    for start, end, kind in sorted(found):
        pieces += (text[done:start], f"[{kind}]")
        done = end
    return "".join((*pieces, text[done:]))
