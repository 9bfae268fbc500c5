"""What personal data looks like in American comments: one finder for each kind.

Every pattern runs in linear time: repeats are bounded or possessive, and a pattern cannot begin in
the middle of what it has just scanned. Gaps between a word and its number never cross a bracket, so
that a replacement such as `[ssn]` is neither word nor number to any of them. A letter may follow a
digit at once (`...6789account`): a word begins where no letter stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.core.cards import SHORTEST, cards

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]


def _finder(pattern: str, group: int = 0, also: int = 0, needs: str = "") -> Finder:
    """Spans of `group` of the matches in which the group `also` is not empty.

    A text without `needs`, a simpler pattern, is not searched.
    """
    compiled = re.compile(pattern, re.IGNORECASE | re.VERBOSE)
    needed = re.compile(needs, re.IGNORECASE | re.VERBOSE)

    def find(text: str) -> Iterator[Span]:
        if needed.search(text) is None:
            return
        for match in compiled.finditer(text):
            if match[also]:
                yield match.span(group)

    return find


# Both consume what begins like a match and is none, so that no part of it is scanned twice.
_URL = _finder(
    r"""(?: https?:// | www\. | (?<![\w.@/-]) (?:[\w-]++\.)+ [a-z]{2,10} (?=[/?]) )
        [^\s?]*+ ( \? \S* [\w=/&%-] )?""",
    also=1,
)
_EMAIL = _finder(r"[\w.%+-]++ ( \"? \ ? @ \ ? (?:[\w-]++\.)+ [^\W\d_]{2,} )?", also=1)
_DOT = r"(?: \ ? [\[(] \ ? (?: dot | \. ) \ ? [\])] \ ? | \ dot\  )"
_AT = r"(?: \ ? [\[(] \ ? at \ ? [\])] \ ? | \ at\  )"
_ENDING = r"(?: com | org | net | gov | edu | mil | us | info | io | co | me | biz ) (?! \w )"
_LABEL = r"[\w-]{1,63}"
_SPOKEN_EMAIL = _finder(
    rf"""[\w.%+-]++ ( {_AT} {_LABEL} (?: {_DOT} {_LABEL} ){{0,3}} {_DOT} {_ENDING}
        | \ ? [\[(] \ ? at \ ? [\])] \ ? {_LABEL} (?: \. {_LABEL} ){{1,4}} )?""",
    also=1,
    needs=r"\b at \b",
)

_RECEIPT = _finder(
    r"""(?<![a-z]) (?: (?: eac | wac | lin | src | nbc | msc | i\ ?o\ ?e | ysc | vsc
        | tsc | csc | nsc | zar | zch | zla | znk ) [-*\ .\#:/]{0,3} \d (?: [-\ .]? \d ){9}
        | [a-z]{3} \d{2} [-\ ]? \d{3} [-\ ]? \d{5}
        | receipt \s? (?: numbers? | no\.? | num\.? | \# ) [^\d\[\]]{0,6} \d (?: [-\ ]? \d ){9} )
        (?!\d)"""
)
_SAYS = r"(?: \s? (?: is | was | of | [:#=,-] ) ){0,3} \s?"  # between "claim number" and the number
_NUMBER = r"\s? (?: numbers? | no\.? | num\.? | nbr\.? | id | \# )"
_A_NUMBER = _finder(
    r"(?<![a-z]) (?: (?: a | uscis | alien (?: \s reg (?:istration)? )? (?:"
    + _NUMBER
    + r")? ) (?: \s? (?: [-\#:=.)/] | no\.? | number | is ) ){0,3} (?: (?<=[^a]) \s )?"
    r"\d (?: [-.\ /]? \d ){6,9}"
    r" | (?-i: A ) \ (?: \d{8,9} | \d{3} [-.\ ] \d{3} [-.\ ] \d{3} ) ) (?!\d)"
)
_CLAIM = _finder(
    r"""(?<![a-z]) (?: x?c (?:ss)? [-\ \#:.]{0,2} (?: \d{2,3} [-.\ ]? \d{3} [-.\ ]? \d{3} | \d{7} )
        | (?: claims? | file | case | birls ) (?: """
    + _NUMBER
    + _SAYS
    + r"""[a-z]{0,3} [-\ ]? (?: \d{2,3} [-.\ ]? \d{3} [-.\ ]? \d{3} | \d{5,12} ) | """
    + _SAYS
    + r"""(?: \d{2,3} [-.\ ]? \d{3} [-.\ ]? \d{3} ) ) ) (?!\d)"""
)
_ACCOUNT = _finder(
    r"(?<![a-z]) (?: account | acct\.? | routing | member ) "
    + _NUMBER
    + _SAYS
    + r"\d (?:[-\ ]?\d){4,16}"
    r"(?!\d)"
)
_PASSPORT = _finder(r"(?<![a-z]) passport [^\d\[\]]{0,25}? \b [a-z]{0,2} \d{6,9} (?!\d)")
_NEW_PASSPORT = _finder(r"(?<![a-z]) [a-z] \d{8} (?!\d)")

_GAP = r"(?: [-.\ /,:*]{1,3} )"


def _singly(digits: str) -> Finder:
    """So many digits written one at a time; a run of another length is passed in one go."""
    return _finder(
        rf"\d ( (?: [-.\ ] \d ){{{digits}}} (?! [-.\ ]? \d ) )? (?: [-.\ ]? \d )*+", also=1
    )


# Written 3-2-4 it is one, taxpayer numbers (9xx) included; in one piece only if ever issued so;
# behind its name in any grouping.
_SSN = _finder(
    rf"""(?<!\d) (?: \d{{3}} {_GAP} \d{{2}} {_GAP} \d{{4}}
        | (?! 000 | 666 | 9 ) \d{{3}} {_GAP}? (?!00) \d{{2}} (?!0000) \d{{4}} ) (?!\d)"""
)
_NAMED_SSN = _finder(
    r"""(?<![a-z]) (?: ssn | itin | social (?: \s security )? ) (?: """
    + _NUMBER
    + r""" )? """
    + _SAYS
    + r"""( \d (?: [-.\ /,:*]{0,3} \d ){8} ) (?!\d)""",
    group=1,
)
# Written 3-3-4 (abroad 3-4-4) it is a number; in one piece only if area and exchange can be dialled
# (2 to 9).
_PHONE = _finder(
    r"""(?: (?: \+ | (?<!\d) 011 [-.\ ] ) \d (?: [-.\ ()]{0,3} \d ){7,14}
        | (?<!\d) (?: 1 [-.\ ]{0,2} )? (?: \(? \d{3} \) [-.\ ]{0,3} \d{3} [-.\ ]{0,3} \d{4}
            | (?: \d{3} [-.\ /,:*]{1,3} \d{3} | 0\d{2} [-.\ ] \d{4} ) [-.\ /,:*]{1,3} \d{4}
            | [2-9] \d{2} [-.\ ]? [2-9] \d{2} [-.\ ]? \d{4} )
        ) (?!\d)"""
)
_LOCAL_PHONE = _finder(
    r"""(?<![a-z]) (?: call(?:ed)? | phone | tel | cell | mobile | fax
        | reach(?:ed)? | text | number ) \b [^\d\[\]]{0,20} ( \d{3} [-.\ ] \d{4} ) (?!\d)""",
    group=1,
)

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) [a-z]{0,6}"
_SLASH = r"\ ? [-./] \ ?"
_TH = r"(?:st|nd|rd|th)?"
_DATE = rf"""(?: {_MONTH} \.? \s{{0,2}} \d{{1,2}} {_TH} [,\s]{{0,3}} '? \d{{2,4}}
    | {_MONTH} \.? \s{{0,2}} \d{{1,2}} {_TH}
    | \d{{1,2}} {_TH} [-\s] (?:of\s)? {_MONTH} (?: \.? ,? [-\s] \d{{2,4}} )?
    | \d{{1,4}} (?: {_SLASH} | \ ) \d{{1,2}} (?: {_SLASH} | \ ) \d{{1,4}}
    | \d{{8}} | \d{{6}} | (?:18|19|20)\d{{2}} )
    (?!\d)"""
_BEFORE = r"(?: 1[89]\d{2} | 20 (?: 0\d | 1[0-7] ) )"
_BORN = r"(?<![a-z]) (?: born | birth [a-z]{0,5} | dob | d\.o\.b | b-?day ) (?![a-z])"
_BIRTH_DATE = _finder(rf"{_BORN} [^\d\[\]]{{0,30}}? (?<!\d) ( {_DATE} )", group=1, needs=_BORN)
_DATE_OF_BIRTH = _finder(
    rf"(?<!\d) ( {_DATE} ) (?= [^\d\[\]]{{0,20}} {_BORN} )", group=1, needs=_BORN
)
_PLAIN_DATE = _finder(
    rf"""(?<!\d) (?: [0-3]?\d {_SLASH} [0-3]?\d {_SLASH} (?: (?:18|19|20) \d{{2}} | [3-9]\d )
        | (?:18|19|20) \d{{2}} [/.-] [01]?\d [/.-] [0-3]?\d ) (?!\d)""",
    needs=rf"\d {_SLASH} \d",
)
# A day of a year before 2018, when these surveys began, is no visit.
_WRITTEN_DATE = _finder(
    rf"""(?: (?<!\d) \d{{1,2}} {_TH} [-\s] (?:of\s)? {_MONTH} \.? ,? [-\s] {_BEFORE}
        | (?<![a-z]) {_MONTH} \.? \s{{0,2}} \d{{1,2}} {_TH} [,\s]{{1,3}} {_BEFORE} ) (?!\d)""",
    needs=_BEFORE,
)

# Words that end an address and nothing else may follow names in small letters; the others, such as
# "way" and "drive", only names in capitals. Small words tell "2 miles down the road" apart.
_ROAD = r"""(?= [sabrlpht] ) (?: street | avenue | ave | boulevard | blvd | road | rd | lane | ln
    | parkway | pkwy | highway | hwy | terrace | st )"""
_PLACE = r"""(?: St | Dr | Ct | Pl | Ter | Cir | Sq | Drive | Court | Place | Circle | Square
    | Way | Trail | Loop | Run | Alley | DRIVE | COURT | PLACE | CIRCLE | WAY | ST | DR | CT )"""
_SMALL = r"""(?: the | a | an | of | on | in | to | at | for | from | by | my | and | or | down
    | with | minutes? | hours? | days? | weeks? | months? | years? | miles? | blocks?
    | times? ) \b"""
_NUMBERED = r"""(?: (?: state | county | us | u\.s\. ) \s )?
    (?: highway | hwy | route | rte | road ) \s \d{1,4}"""
_ORDINAL = r"\d{1,3} (?: st | nd | rd | th )"
_NAME = rf"(?: (?! {_SMALL} ) [^\W\d_] [\w'.-]{{0,30}} | {_ORDINAL} ) \s{{1,3}}"
_CAPITAL = rf"(?: [A-Z] [\w'.-]{{0,30}} | {_ORDINAL} ) \s{{1,3}}"
_SIDE = r"(?: \s (?: [ns][ew] | [nsew] ) \b )?"
_UNIT = r"(?: \.? ,? \s (?: apt | apartment | suite | ste | unit | \# ) [.\s\#]{0,2} \w{1,6} \b )?"
_CITY = r"""(?: \.? ,? \s (?-i: (?: [A-Z] [\w.'-]{0,30} ,? \s ){1,3} [A-Z]{2} ) \s \d{5}
    (?: -\d{4} )? (?!\d) )?"""
_ADDRESS = _finder(
    rf"""(?: (?<![\d.]) \d{{1,6}} (?: -\w{{1,4}} )? [a-z½]? \s{{1,3}}
            (?: (?: {_NAME} ){{1,4}}? {_ROAD} | (?-i: (?: {_CAPITAL} ){{1,4}}? {_PLACE} )
                | {_NUMBERED} | broadway )
            (?![a-z]) {_SIDE} {_UNIT} {_CITY}
        | (?<![a-z]) (?: p\.? \s? o\.? | post \s office ) \s? box \s? \#? \d{{1,8}}
        | (?<![a-z]) (?: rr | rural \s route | hc | psc | cmr | unit ) \s \#? \d{{1,5}} ,? \s
            box \s \#? \d{{1,6}} )"""
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of personal data, its finder, and a cheap look that spares most texts the finder.

    `digits` is the fewest a match holds; `sign` a character every match holds.
    """

    kind: str
    find: Finder
    digits: int = 0
    sign: str = ""


RULES: tuple[Rule, ...] = (
    Rule("url", _URL, sign="?"),
    Rule("email", _EMAIL, sign="@"),
    Rule("email", _SPOKEN_EMAIL),
    Rule("receipt", _RECEIPT, digits=10),
    Rule("passport", _PASSPORT, digits=6),
    Rule("a-number", _A_NUMBER, digits=7),
    Rule("claim", _CLAIM, digits=5),
    Rule("account", _ACCOUNT, digits=5),
    Rule("passport", _NEW_PASSPORT, digits=8),
    Rule("card", cards, digits=SHORTEST),
    Rule("ssn", _SSN, digits=9),
    Rule("ssn", _NAMED_SSN, digits=9),
    Rule("ssn", _singly("8"), digits=9),
    Rule("phone", _PHONE, digits=8),
    Rule("phone", _singly("9,10"), digits=10),
    Rule("phone", _LOCAL_PHONE, digits=7),
    Rule("date", _BIRTH_DATE, digits=1),
    Rule("date", _DATE_OF_BIRTH, digits=1),
    Rule("date", _PLAIN_DATE, digits=4),
    Rule("date", _WRITTEN_DATE, digits=5),
    Rule("address", _ADDRESS, digits=1),
)
"""Where two overlap the earlier takes it: the more telling kind first."""
