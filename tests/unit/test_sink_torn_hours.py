"""Which hours of a note are counted as they are, and which only upwards."""

from __future__ import annotations

from dataclasses import replace

from pipeline.core.updates import GENERATION_SHIFT, Group
from pipeline.sink.expired import Lack
from pipeline.sink.repairs import divided
from pipeline.sink.rows import Note

GROUP = Group("va", "va-vha", "email", "va-vha-post-visit")
HOUR = 3_600_000
PLACE = (1, 0)
BELOW = 30
NOTE = Note(
    GROUP,
    0,
    (1 << GENERATION_SHIFT) + BELOW,
    (("trust", "likert5"),),
    (HOUR, 5 * HOUR),
    0,
    0,
    (0, 0),
)


def test_hours_before_what_is_lacking_are_torn_and_the_others_whole() -> None:
    whole, torn = divided([NOTE], {PLACE: Lack(BELOW - 1, 5 * HOUR)})
    assert whole == [replace(NOTE, hours=(5 * HOUR,))]
    assert torn == [replace(NOTE, hours=(HOUR,))]


def test_what_is_lacking_at_or_after_the_end_of_a_note_tears_nothing_of_it() -> None:
    assert divided([NOTE], {PLACE: Lack(BELOW, 9 * HOUR)}) == ([NOTE], [])


def test_what_another_partition_or_generation_lacks_tears_nothing() -> None:
    assert divided([NOTE], {(1, 1): Lack(0, 9 * HOUR), (2, 0): Lack(0, 9 * HOUR)}) == ([NOTE], [])
