"""What personal data looks like in American comments: one finder for each kind.

Every pattern runs in linear time: repeats are bounded or possessive, and a pattern cannot begin in
the middle of what it has just scanned. Gaps between a word and its number never cross a bracket, so
that a replacement such as `[ssn]` is neither word nor number to any of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import accumulate

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]


def _finder(pattern: str, group: int = 0, also: int | None = None) -> Finder:
    """Spans of `group`; `also` names a group that must have matched for the match to count."""
    compiled = re.compile(pattern, re.IGNORECASE | re.VERBOSE)

    def find(text: str) -> Iterator[Span]:
        for match in compiled.finditer(text):
            if also is None or match[also]:
                yield match.span(group)

    return find


# An address is consumed with or without a query, so that no part of it is scanned twice.
_URL = _finder(
    r"""(?: https?:// | www\. | (?<![\w.@/-]) (?:[\w-]++\.)+ [a-z]{2,10} (?=[/?]) )
        [^\s?]*+ ( \? \S* [\w=/&%-] )?""",
    also=1,
)
_EMAIL = _finder(r"(?<![\w.%+-]) [\w.%+-]++ @ (?:[\w-]++\.)+ [^\W\d_]{2,}")

_RECEIPT = _finder(
    r"""(?<![a-z]) (?: (?:eac|wac|lin|src|nbc|msc|ioe|ysc|vsc|tsc|csc|nsc|zar|zch|zla|znk) [-*\ ]?
        | [a-z]{3} ) \d{2} [-\ ]? \d{3} [-\ ]? \d{5} (?!\d)"""
)
_SAYS = r"(?: \s? (?: is | was | of | [:#=,-] ) ){0,3} \s?"  # between "claim number" and the number
_NUMBER = r"\s? (?: numbers? | no\.? | num\.? | nbr\.? | id | \# )"
_A_NUMBER = _finder(
    r"(?<![a-z0-9]) (?: a | alien (?: \s registration )? (?:"
    + _NUMBER
    + r")? ) (?: \s? (?: [-#:] | no\.? | number | is ) ){0,3} (?: (?<=[^a]) \s )?"
    r"\d (?: [-\ ]? \d ){6,8} (?!\d)"
)
_CLAIM = _finder(
    r"""(?<![a-z0-9]) (?: x?c (?:ss)? [-\ ]? (?: \d{2,3} [-\ ]? \d{3} [-\ ]? \d{3} | \d{7} )
        | (?: claims? | file | case ) (?: """
    + _NUMBER
    + _SAYS
    + r"""[a-z]{0,3} [-\ ]? (?: \d{2,3} [-\ ] \d{3} [-\ ] \d{3} | \d{5,12} ) | :? \s? \d{8,9} )
        ) (?!\d)"""
)
_ACCOUNT = _finder(
    r"\b (?: account | acct\.? | routing | member ) " + _NUMBER + _SAYS + r"\d (?:[-\ ]?\d){4,16}"
    r"(?!\d)"
)
_PASSPORT = _finder(
    r"""(?: \b passport [^\d\[\]]{0,25}? \b [a-z]{0,2} \d{6,9} | (?<![a-z0-9]) [a-z] \d{8} )
        (?!\d)"""
)

_GAP = r"(?: \ ? [-.\ /] \ ? )"
# Written 3-2-4 it is one, taxpayer numbers (9xx) included; in one piece only if ever issued so.
_SSN = _finder(
    rf"""(?<!\d) (?: \d{{3}} {_GAP} \d{{2}} {_GAP} \d{{4}}
        | (?! 000 | 666 | 9 ) \d{{3}} (?!00) \d{{2}} (?!0000) \d{{4}} ) (?!\d)"""
)
# Written 3-3-4 it is a number; in one piece only if area and exchange can be dialled (2 to 9).
_PHONE = _finder(
    r"""(?: \+ \d (?: [-.\ ()]{0,3} \d ){7,14}
        | (?<!\d) (?: 1 [-.\ ]{0,2} )? (?: \( \d{3} \) [-.\ ]{0,3} \d{3} [-.\ ]{0,3} \d{4}
            | \d{3} [-.\ /]{1,3} \d{3} [-.\ ]{1,3} \d{4}
            | [2-9] \d{2} [-.\ ]? [2-9] \d{2} [-.\ ]? \d{4} )
        ) (?!\d)"""
)
_LOCAL_PHONE = _finder(
    r"""\b (?: call(?:ed)? | phone | tel | cell | mobile | fax | reach | text | number ) \b
        [^\d\[\]]{0,20} ( \d{3} [-.] \d{4} ) (?!\d)""",
    group=1,
)

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) [a-z]{0,6}"
_DATE = rf"""(?: {_MONTH} \.? \s{{0,2}} \d{{1,2}} (?:st|nd|rd|th)? [,\s]{{0,3}} '? \d{{2,4}}
    | \d{{1,2}} (?:st|nd|rd|th)? [-\s] (?:of\s)? {_MONTH} \.? ,? [-\s] \d{{2,4}}
    | \d{{1,4}} {_GAP} \d{{1,2}} {_GAP} \d{{1,4}} | \d{{8}} | \d{{6}} ) (?!\d)"""
_BORN = r"(?<![a-z]) (?: born | birth [a-z]{0,5} | dob | d\.o\.b | b-?day ) (?![a-z])"
_BIRTH_DATE = _finder(rf"{_BORN} [^\d\[\]]{{0,30}}? (?<!\d) ( {_DATE} )", group=1)
_DATE_OF_BIRTH = _finder(rf"(?<!\d) ( {_DATE} ) (?= [^\d\[\]]{{0,20}} {_BORN} )", group=1)
_PLAIN_DATE = _finder(
    r"(?<!\d) [0-3]?\d \ ? [/.-] \ ? [0-3]?\d \ ? [/.-] \ ? (?:18|19|20) \d{2} (?!\d)"
)

# Words that end an address and nothing else may follow names in small letters; the others, such as
# "way" and "drive", only names in capitals. Small words between tell "2 miles down the road" apart.
_ROAD = r"(?: street | avenue | ave | boulevard | blvd | road | rd | lane | ln | parkway | pkwy \
    | highway | hwy | terrace )"
_PLACE = r"(?-i: (?: St | Dr | Ct | Pl | Ter | Cir | Sq | Drive | Court | Place | Circle | Square \
    | Way | Trail | Loop | Run | Alley | DRIVE | COURT | PLACE | CIRCLE | WAY | ST | DR | CT ) )"
_SMALL = r"(?! (?: the | a | an | of | on | in | to | at | for | from | by | my | and | or | down \
    | with | minutes? | hours? | days? | weeks? | months? | years? | miles? | blocks? | times? ) \b )"
_UNIT = r"(?: \.? ,? \s (?: apt | apartment | suite | ste | unit | \# ) [.\s\#]{0,2} \w{1,6} )?"
_ADDRESS = _finder(
    rf"""(?: (?<![\w.]) \d{{1,6}} (?: -\d{{1,4}} )? [a-z]? \s (?: (?:{_SMALL} [\w'.-]{{1,30}} \s){{1,4}}?
        {_ROAD} | (?-i: (?:[A-Z0-9] [\w'.-]{{0,30}} \s ){{1,4}}? ) {_PLACE} ) \b {_UNIT}
        | (?<![a-z]) p\.? \s? o\.? \s? box \s? \#? \d{{1,8}} )"""
)

_CARD_RUN = re.compile(r"\d(?:(?:[ -]{0,3}|(?<=\d{3})\.(?=\d{3}))\d){12,}+")
_CARD_LENGTHS = range(19, 12, -1)  # ISO/IEC 7812 allows up to 19 digits; the shortest in use has 13
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the digit sum of twice the digit


def _card(text: str) -> Iterator[Span]:
    """Groups of digits that together have a card's length and pass the Luhn check."""
    for run in _CARD_RUN.finditer(text):
        places = [place for place in range(*run.span()) if text[place].isdigit()]
        yield from _cards_in(text, places)


def _cards_in(text: str, places: list[int]) -> Iterator[Span]:
    digits = [int(text[place]) for place in places]
    # sums[p][k]: the first k digits, those at places of the other parity than p counted doubled.
    sums = [
        list(
            accumulate((d if i % 2 == p else _DOUBLED[d] for i, d in enumerate(digits)), initial=0)
        )
        for p in (0, 1)
    ]
    first = 0
    while first + _CARD_LENGTHS[-1] <= len(places):
        begins = places[first] == 0 or not text[places[first] - 1].isdigit()
        length = _card_length(text, places, first, sums) if begins else 0
        if length:
            yield places[first], places[first + length - 1] + 1
        first += length or 1


def _card_length(text: str, places: list[int], first: int, sums: list[list[int]]) -> int:
    for length in _CARD_LENGTHS:
        last = first + length - 1
        if last >= len(places) or text[places[last] + 1 : places[last] + 2].isdigit():
            continue
        if (sums[last % 2][last + 1] - sums[last % 2][first]) % 10 == 0:
            return length
    return 0


RULES: tuple[tuple[str, Finder], ...] = (
    ("url", _URL),
    ("email", _EMAIL),
    ("receipt", _RECEIPT),
    ("a-number", _A_NUMBER),
    ("claim", _CLAIM),
    ("account", _ACCOUNT),
    ("passport", _PASSPORT),
    ("ssn", _SSN),
    ("phone", _PHONE),
    ("phone", _LOCAL_PHONE),
    ("card", _card),
    ("date", _BIRTH_DATE),
    ("date", _DATE_OF_BIRTH),
    ("date", _PLAIN_DATE),
    ("address", _ADDRESS),
)
"""Kinds with their finders. Where two overlap the earlier takes it: the more telling kind first."""
