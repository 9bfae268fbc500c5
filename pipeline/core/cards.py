"""Payment card numbers in a text: digits in groups that pass the check of ISO/IEC 7812 (Luhn)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

_CARD_RUN = re.compile(r"\d(?:(?:[ -]{0,3}|(?<=\d\d)[./,:*](?=\d))\d){12,}+")
_GROUP = re.compile(r"\d+")
SHORTEST, _LONGEST = 13, 19  # ISO/IEC 7812 allows up to 19 digits; no card in use has under 13
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the digit sum of twice the digit


def cards(text: str) -> Iterator[tuple[int, int]]:
    """Whole groups of digits that together have a card's length and pass the Luhn check."""
    for run in _CARD_RUN.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, *run.span())]
        digits = [int(digit) for start, end in groups for digit in text[start:end]]
        yield from _cards_in(digits, groups)


def _cards_in(digits: list[int], groups: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Windows from group to group, longest first; running sums make each one subtraction."""
    before = list(accumulate((end - start for start, end in groups), initial=0))
    sums = [_running(digits, parity) for parity in (0, 1)]
    free = 0
    for group, first in enumerate(before):
        if group < free:
            continue
        after = bisect_right(before, first + _LONGEST) - 1
        while (end := before[after]) >= first + SHORTEST:
            running = sums[(end - 1) % 2]
            if (running[end] - running[first]) % 10 == 0:
                yield groups[group][0], groups[after - 1][1]
                free = after
                break
            after -= 1


def _running(digits: list[int], parity: int) -> list[int]:
    """Sums of the first k digits, those at places of the other parity counted doubled."""
    weighed = (d if place % 2 == parity else _DOUBLED[d] for place, d in enumerate(digits))
    return list(accumulate(weighed, initial=0))
