"""Which dead letters are one and the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pipeline.operate.replay.choice import Choice, Chooser, Filters, Services
from pipeline.wire.dead_letters import (
    ATTEMPT,
    REPLAY_OF,
    DeadLetter,
    Headers,
    Stage,
    dead_letter,
    read_dead_letter,
    replay_of,
)
from pipeline.wire.topics import DEAD_LETTER_BYTES, Topics
from tests.support.world import CATALOGUE

TOPICS = Topics("cx")
LONG = b"x" * (DEAD_LETTER_BYTES + 1)


@dataclass(frozen=True)
class Sent:
    """A record of the responses, as its dead letter sees it."""

    offset: int
    value: bytes | None = LONG
    headers: Sequence[tuple[str, bytes]] = ()
    topic: str = TOPICS.responses
    partition: int = 3
    timestamp: int = 1


def again(letter: DeadLetter) -> Headers:
    """The headers of a replay."""
    return [(ATTEMPT, b"%d" % (letter.attempt + 1)), (REPLAY_OF, letter.first.encode())]


def chosen(*letters: DeadLetter, stage: Stage = "score") -> Choice:
    chooser = Chooser(Filters(stage=stage), TOPICS, Services(CATALOGUE, {}))
    for number, letter in enumerate(letters):
        chooser.see((0, number), letter.value, letter.headers())
    return chooser.chosen()


def test_two_records_that_begin_alike_and_were_cut_are_two() -> None:
    letters = [dead_letter(Sent(offset), "score", "comment_too_long", 1) for offset in (5, 6)]
    assert all(letter.cut for letter in letters)
    assert letters[0].value == letters[1].value
    assert list(chosen(*letters).places) == [(0, 0), (0, 1)]


def test_a_cut_record_that_fails_again_and_again_does_not_multiply() -> None:
    first = dead_letter(Sent(5), "score", "comment_too_long", 2)
    second = dead_letter(Sent(8, headers=again(first)), "score", "comment_too_long", 2)
    third = dead_letter(Sent(9, headers=again(second)), "score", "comment_too_long", 2)
    assert [one.first for one in (first, second, third)] == ["cx.responses/3/2/5"] * 3
    assert read_dead_letter(third.value, third.headers()) == third
    choice = chosen(third, first, second)
    assert (list(choice.places), choice.superseded) == ([(0, 0)], 2)


@pytest.mark.parametrize(
    "headers",
    [
        [(ATTEMPT, b"2")],
        [(REPLAY_OF, b"cx.responses/3/1/5")],
        [(ATTEMPT, b"1"), (REPLAY_OF, b"cx.responses/3/1/5")],
        [(ATTEMPT, b"2"), (REPLAY_OF, b"true")],
        [(ATTEMPT, b"2"), (REPLAY_OF, b"cx.responses/4/1/5")],
        [(ATTEMPT, b"2"), (REPLAY_OF, b"cx.responses/3/1/" + b"5" * 30)],
        [(ATTEMPT, b"2"), (REPLAY_OF, b"\xff")],
        [(ATTEMPT, b"2"), (REPLAY_OF, None)],
    ],
)
def test_no_header_by_itself_makes_a_record_a_replay(headers: Headers) -> None:
    assert replay_of(Sent(9, b"x", headers)) == ""
    assert dead_letter(Sent(9, b"x", headers), "score", "not_avro", 1).first == "cx.responses/3/1/9"


def test_a_record_that_names_what_it_replays_is_one() -> None:
    headers = [(ATTEMPT, b"2"), (REPLAY_OF, b"cx.responses/3/1/5")]
    assert replay_of(Sent(9, b"x", headers)) == "cx.responses/3/1/5"


def test_each_row_that_the_store_refused_is_inserted_however_alike_the_records_are() -> None:
    twice = [
        dead_letter(Sent(offset, value=b"same"), "sink", "row_refused", 1) for offset in (5, 6, 6)
    ]
    found = chosen(*twice, stage="sink")
    assert list(found.places) == [(0, 0), (0, 2)]
    assert found.superseded == 1
