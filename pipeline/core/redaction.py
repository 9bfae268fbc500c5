"""Personal data out of free text, before the text leaves the place where it was given.

What looks like personal data is replaced by its kind: `call [phone]`. Names cannot be told from
other words, so what comes out still needs care.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pipeline.core.plaintext import plain
from pipeline.core.redaction_rules import RULES

_PASSES = 5
"""A replacement can lay bare another match next to it, but hardly ever twice. A text that still
goes on after this many passes was made to, and is withheld: time must stay linear."""

_WITHHELD = "withheld"

_TELLTALE = re.compile(r"[\d@?]|[\[(\s]dot[\])\s]|[\[(]\s?at\s?[\])]", re.IGNORECASE)
"""Every kind holds a digit, an @, a query, or one of an address's signs spelled out: most comments
are done after one look."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """The text that may be kept, and how many pieces of each kind were taken out."""

    text: str
    counts: dict[str, int] = field(default_factory=dict)


def redact(text: str) -> Redacted:
    """Replaces every piece of personal data by `[kind]`; the rest stays as it is, byte for byte.

    Kinds: url (with a query), email, receipt and a-number (USCIS), claim (VA file numbers too),
    account, passport, ssn, phone, card, date (of birth, or written 01/31/1950), address. Nothing it
    would take out is left in the result, so a second time changes nothing. Time is linear.
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
    pieces: list[str] = []
    done = 0
    for start, end, kind in _found(seen.text):
        start, end = seen.original(start, end)
        counts[kind] += 1
        pieces += (text[done:start], f"[{kind}]")
        done = end
    return "".join((*pieces, text[done:]))


def _found(text: str) -> list[tuple[int, int, str]]:
    """What to take out of a plain text, in order and apart from each other."""
    digits = sum(map(text.count, "0123456789"))
    taken = bytearray(len(text))
    found: list[tuple[int, int, str]] = []
    for rule in RULES:
        if digits < rule.digits or rule.sign not in text:
            continue
        for start, end in rule.find(text):
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\x01" * (end - start)
                found.append((start, end, rule.kind))
    return sorted(found)
