"""Each kind of personal data, in the ways people write it, and what looks alike and is none."""

from __future__ import annotations

import pytest

from pipeline.core.redaction import Redacted, redact

TAKEN = [
    ("ssn", "123-45-6789"),
    ("ssn", "123 45 6789"),
    ("ssn", "123456789"),
    ("ssn", "123-456789"),
    ("ssn", "987-65-4321"),  # a taxpayer number
    ("ssn", "１２３－４５－６７８９"),
    ("ssn", "١٢٣-٤٥-٦٧٨٩"),
    ("ssn", "12\u200b3\u201145\u22126789"),
    ("ssn", "1\u03382\u03383-45-6789"),  # struck through
    ("ssn", "123_45_6789"),
    ("ssn", "123\n45\n6789"),
    ("ssn", "123 · 45 · 6789"),
    ("ssn", "1 2 3 4 5 6 7 8 9"),
    ("phone", "(202) 555-0143"),
    ("phone", "202, 555, 0143"),
    ("phone", "2 0 2 5 5 5 0 1 4 3"),
    ("phone", "011 44 20 7946 0958"),
    ("phone", "020-7946-0958"),
    ("phone", "202-555-0143"),
    ("phone", "202.555.0143"),
    ("phone", "2025550143"),
    ("phone", "+1 202 555 0143"),
    ("phone", "1-800-827-1000"),
    ("phone", "+44 20 7946 0958"),
    ("email", "jo.public+va@mail.example.gov"),
    ("email", "josé@correo.example.mx"),
    ("email", "jo＠example．com"),
    ("email", "jo @ example.com"),
    ("email", "jo at example dot com"),
    ("email", "jo[at]example[dot]com"),
    ("email", "jo (at) example.com"),
    ("email", "jo＠example。com"),
    ("card", "4111/1111/1111/1111"),
    ("card", "4111_1111_1111_1111"),
    ("card", "4111 1111 1111 1111"),
    ("card", "4111-1111-1111-1111"),
    ("card", "4111.1111.1111.1111"),
    ("card", "378282246310005"),
    ("card", "4222222222222"),
    ("card", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
    ("address", "1600 Pennsylvania Avenue NW, Washington, DC 20500"),
    ("address", "123 main street apt 4b"),
    ("address", "12 Oak Dr"),
    ("address", "350 5th Ave"),
    ("address", "P.O. Box 123"),
    ("address", "post office box 123"),
    ("address", "PSC 123 Box 4567"),
    ("address", "1234 Highway 50"),
    ("address", "12  Oak\nStreet"),
    ("address", "12 oak st"),
    ("date", "1950-01-31"),
    ("date", "1/31/50"),
    ("date", "January 31st, 1950"),
    ("date", "31 January 1950"),
    ("date", "1⁄31⁄1950"),
    ("date", "07/04/1950"),
    ("date", "7-4-1950"),
    ("claim", "C12345678"),
    ("claim", "CSS 123 456 789"),
    ("claim", "file number 12 345 678"),
    ("claim", "claim #123456"),
    ("claim", "claim 123 456 789"),
    ("claim", "c#12345678"),
    ("claim", "С12345678"),  # a Cyrillic letter
    ("a-number", "A 123 456 789"),
    ("a-number", "A.123.456.789"),
    ("a-number", "USCIS number 123-456-789"),
    ("receipt", "IOE: 0912345678"),
    ("receipt", "IOE 091 234 5678"),
    ("receipt", "I O E 0912345678"),
    ("receipt", "receipt number 0912345678"),
    ("a-number", "A-123456789"),
    ("a-number", "A123 456 789"),
    ("a-number", "A# 012345678"),
    ("a-number", "alien registration number 987654321"),
    ("receipt", "IOE0912345678"),
    ("receipt", "EAC 21 123 45678"),
    ("passport", "passport number 912345678"),
    ("passport", "passport no. C01234567"),
    ("passport", "X12345678"),
    ("account", "account number: 12345678"),
    ("url", "https://www.va.gov/claim?token=abc"),
    ("url", "va.gov/claim?id=5"),
]

BORN = [
    "born on March 4, 1950",
    "DOB: 1950-03-04",
    "dob 03 04 50",
    "date of birth 4 March 1950",
    "03041950 is my date of birth",
    "born in 1950",
    "my birthday is Jan 31",
]

KEPT = [
    "I waited 45 minutes in room 1234 on 2 days in 2020, 24/7, 4.5/5.",
    "Form I-765, N-400, 10-10EZ, 21-526EZ, SF-86 and DS-11; call 1-800-MEDICARE.",
    "The ZIP is 20500-1234 and order 987654321 was late.",
    "2 miles down the road, 10 minute drive, 3 hours on the way, saw 3 Doctors with Dr",
    "See https://www.va.gov/help. Did you mean va.gov? Meet me @ 5.30pm",
    "Pi is 3.14159265, the clock said 1700000000, and a 2000000 dollar bill",
    "Born in the US, a passport took 6 weeks; card ending 1111; 4111 1111 1111 1112",
    "Ünïcödé – “quotes”, zero\u200bwidth, ٣ stars ★★★\r\n\ttabs and \x00 too",
    "[ssn] and [phone] were here",
    "We looked at va.gov and at the dot on May 3, 2024; on 4 March 2021 it was 12:30, then 13:45",
    "Scores 1 2 3 4 5, 10 20 30; answers: 5, 4, 5; I was born in the US; waited at 5 or 6",
    "The unit was at box 3, highway 50 was closed, my social worker called 2 times about route 66",
    "",
]


@pytest.mark.parametrize(("kind", "item"), TAKEN)
def test_personal_data_is_replaced_by_its_kind_and_counted(kind: str, item: str) -> None:
    for before, after in (("It is ", ", thanks."), ("(", ")"), ("", ""), ("é: ", "\nok")):
        redacted = redact(before + item + after)
        assert redacted.text == f"{before}[{kind}]{after}"
        assert redacted.counts == {kind: 1}


@pytest.mark.parametrize("text", BORN)
def test_a_date_next_to_a_word_of_birth_is_taken_in_any_form(text: str) -> None:
    redacted = redact(text)
    assert redacted.counts == {"date": 1}
    assert not any(char.isdigit() for char in redacted.text)


@pytest.mark.parametrize("text", KEPT)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert redact(text).text == text
    assert redact(text).counts == {}


def test_several_pieces_in_one_comment_are_each_taken() -> None:
    redacted = redact("SSN123-45-6789, call 202-555-0143 or 202-555-0199, jo@example.com")
    assert redacted.text == "SSN[ssn], call [phone] or [phone], [email]"
    assert redacted.counts == {"ssn": 1, "phone": 2, "email": 1}


@pytest.mark.parametrize("number", ["666123456", "900 12 3456", "12345-6789", "123-4567-89"])
def test_a_number_behind_its_name_is_taken_in_any_grouping(number: str) -> None:
    assert redact(f"My SSN is {number}.") == Redacted("My SSN is [ssn].", {"ssn": 1})
