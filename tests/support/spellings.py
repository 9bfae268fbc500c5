"""Personal data as hostile or careless writers spell it: one strategy for each kind."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

_GAPS: Final = ("-", " ", ".", "/", "_", ":", "*", ",", "\n", "\t", "–", "−", "·", "\u00a0", " - ")
_ZEROS: Final = ("0", "０", "٠", "०", "𝟎")
"""The zero of each script that digits are drawn in; the others follow it."""
_HIDDEN: Final = ("", "\u200b", "\u00ad", "\u2060", "\u0338")
"""Nothing that a reader sees as a sign of its own."""


@st.composite
def digits(draw: st.DrawFn, *sizes: int, gaps: tuple[str, ...] = _GAPS, first: str = "") -> str:
    """Groups of digits with gaps between, in some script, with something invisible in between."""
    groups = [draw(st.text("0123456789", min_size=size, max_size=size)) for size in sizes]
    groups[0] = first + groups[0][len(first) :]
    plain = "".join(f"{group}{draw(st.sampled_from(gaps))}" for group in groups[:-1]) + groups[-1]
    zero, hidden = ord(draw(st.sampled_from(_ZEROS))), draw(st.sampled_from(_HIDDEN))
    return "".join(chr(zero + int(c)) + hidden if c.isdigit() else c for c in plain)


def behind(words: tuple[str, ...], number: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A number after one of these words, in small letters or capitals."""
    word = st.sampled_from([*words, *(each.upper() for each in words)])
    return st.tuples(word, number).map("".join)


_ssn = digits(3, 2, 4) | behind(
    ("ssn ", "ssn: ", "social security number is ", "itin#"), digits(4, 5)
)
_phone = st.one_of(
    digits(3, 3, 4, gaps=("-", " ", ".", "/", "_", "·", "\n", ", ")),
    digits(3, 4, gaps=("-", " ", ".")).map(lambda text: f"call me: {text}"),
    digits(2, 4, 4, gaps=("", "-", " ", ".")).map(lambda text: f"+44 {text}"),
)
_word = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
_email = st.one_of(
    st.tuples(
        _word,
        st.sampled_from(["@", "＠", "﹫", " @ ", "@ "]),
        _word,
        st.sampled_from([".com", ".gov", "．org", "。net"]),
    ).map("".join),
    st.tuples(
        _word,
        st.sampled_from([" at ", " AT ", "[at]", " (at) "]),
        _word,
        st.sampled_from([" dot ", " DOT ", "[dot]", " (dot) "]),
        st.sampled_from(["com", "gov", "mil"]),
    ).map("".join),
)
_nine = digits(3, 3, 3, gaps=("", "-", " ", ".", "–", "_"))
_a_number = behind(
    ("a", "a-", "a# ", "alien number ", "alien registration no. ", "uscis # "), _nine
)
_claim = st.one_of(
    behind(("c", "c-", "c#", "xc", "css "), digits(2, 3, 3, gaps=("", "-", " "))),
    behind(
        ("file number ", "va file no: ", "claim number is ", "claim #", "case id: "),
        digits(3, 3, 3, gaps=("", "-", " ")),
    ),
)
_receipt = behind(
    ("ioe", "ioe-", "ioe ", "ioe#", "ioe: ", "eac", "wac ", "msc*", "receipt number "),
    digits(2, 3, 5, gaps=("", "-", " ")),
)
_years = st.integers(1900, 2010).map(str)
_birth = st.one_of(
    st.tuples(
        st.sampled_from(["born ", "dob: ", "date of birth is "]),
        digits(2, 2, 4, gaps=("-", "/", ".", " ", "_", "·", "\n", " - ")),
    ).map("".join),
    st.tuples(st.sampled_from(["March 4, ", "Dec. 31st ", "4 march ", "1st of May "]), _years).map(
        "".join
    ),
    st.tuples(_years, st.sampled_from(["-01-31", "/1/31"])).map("".join),
    st.tuples(st.sampled_from(["born in ", "born Jan 31, ", "DOB "]), _years).map("".join),
)
_address = st.tuples(
    digits(3),
    st.sampled_from([" ", "  ", "\n"]),
    st.sampled_from(["Oak", "5th", "N. Main", "martin luther king", "Peña"]),
    st.sampled_from([" Street", " st", " ave", " BLVD", "\nRoad", " ln"]),
    st.sampled_from(["", " NW", ", Apt. 4b", " Springfield, IL 62704"]),
).map("".join)

SPELLINGS: Final[dict[str, st.SearchStrategy[str]]] = {
    "ssn": _ssn,
    "phone": _phone,
    "email": _email,
    "a-number": _a_number,
    "claim": _claim,
    "receipt": _receipt,
    "date": _birth,
    "address": _address,
}
"""Kind → strategy; payment cards have a law of their own, since they must pass the Luhn check."""
