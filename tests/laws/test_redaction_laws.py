"""Laws of redaction: nothing it knows gets through, nothing else changes, and time is linear."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import redaction
from pipeline.core.redaction import Redacted, redact
from tests.support.spellings import SPELLINGS

SECRETS = [
    "123-45-6789",
    "123456789",
    "202-555-0143",
    "jo@example.com",
    "4111 1111 1111 1111",
    "4111111111111111",
    "A123-456-789",
    "C12345678",
    "IOE0912345678",
    "passport 912345678",
    "01/31/1950",
    "12 Oak Street",
    "https://va.gov/a?b=c",
]
GLUE = ["", " ", ". ", "-", "1", "a", "@", "?", "/", "\u200b", "[", "]", "born ", "claim number "]

messy = st.lists(st.sampled_from(SECRETS + GLUE) | st.text(max_size=3), max_size=12).map("".join)
# No digit of any script, no @, no question mark: none of the kinds can be written.
harmless = st.text(st.characters(exclude_categories=("Nd", "No", "Nl", "Cs")), max_size=60).filter(
    lambda text: not any(char in text for char in "@?＠？﹖﹫")
)


@settings(max_examples=200, deadline=None)
@given(messy)
def test_a_second_time_finds_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once.text).text == once.text
    assert redact(once.text).counts == {}


@given(st.sampled_from(SECRETS), harmless, harmless)
def test_no_secret_between_other_words_gets_through(item: str, before: str, after: str) -> None:
    redacted = redact(f"{before} {item} {after}")
    assert item not in redacted.text
    assert sum(redacted.counts.values()) >= 1


@pytest.mark.parametrize("kind", SPELLINGS)
def test_no_spelling_of_a_kind_gets_through(kind: str) -> None:
    @given(SPELLINGS[kind], harmless, harmless)
    def law(item: str, before: str, after: str) -> None:
        redacted = redact(f"{before} {item} {after}")
        assert item not in redacted.text
        assert not any(char.isdecimal() for char in redacted.text), redacted.text
        assert sum(redacted.counts.values()) >= 1

    law()


@given(harmless)
def test_a_text_with_nothing_to_take_stays_byte_for_byte(text: str) -> None:
    assert redact(text).text == text


@given(st.integers(10**12, 10**18 - 1), st.sampled_from(["", " ", "-", "_", "\n", "·", "/"]))
def test_every_number_that_passes_the_luhn_check_is_taken(stem: int, gap: str) -> None:
    digits = [int(digit) for digit in str(stem)]
    doubled = [d if i % 2 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    number = f"{stem}{-sum(doubled) % 10}"
    written = gap.join(number[i : i + 4] for i in range(0, len(number), 4))
    assert not any(char.isdigit() for char in redact(f"it is {written}.").text)


def test_a_text_that_does_not_settle_is_withheld_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_PASSES", 1)  # no text is known that needs all of them
    assert redact("mail x@example.com") == Redacted("[withheld]", {"withheld": 1})
    assert redact("mail me") == Redacted("mail me")


HOSTILE = [
    *("1", "1 ", "1-", "11 1 ", "1\t", "4111 ", "12/", "123-45-678", "\u200b1", "\u0661", "+1"),
    *("a", "a.", "a@", "@", "a@a.", "x@y.co1", "http://", "(http://", "a.bc/", "www.", "?"),
    *("passport ", "born 1 ", "1 A ", "1 a' ", "1 Abc Def ", "claim number ", "jan 1 ", "(202)"),
    *(
        "po box ",
        "1 street ",
        "0000 ",
        "A: ",
        " ",
        "\n",
        "\u200b",
        "123-45-6789 ",
        "[ssn]",
        "A12345678",
        "12 Oak Street",
        "x@y.co12 Oak St ",
        *(
            "a at b dot ",
            "[at]",
            " dot ",
            "a[at]b.",
            "social ",
            "ssn is ",
            "1*",
            "1,",
            "12:",
            "i o e ",
        ),
        *("receipt # ", "rr 1 box ", "1 highway ", "A 1", "_", "1_", "011 1", "1 st ", "uscis is "),
        *("\n", "1\n", "file is ", "jan 1, 19", "1 jan 19", "May ", "a @ ", "1. 2 .3"),
    ),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_ten_times_as_long_takes_some_ten_times_as_long(piece: str) -> None:
    long = (piece * 10_000)[:10_000]  # as long as a comment may be
    short, whole = (min(seconds(text) for _ in range(4)) for text in (long[:1_000], long))
    assert whole < 30 * short  # backtracking over all of it would take 100 times as long


def seconds(text: str) -> float:
    """Processor time of this thread: others on the machine do not count."""
    start = time.thread_time()
    redact(text)
    return time.thread_time() - start
