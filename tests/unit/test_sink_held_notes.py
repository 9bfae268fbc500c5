from __future__ import annotations

from dataclasses import replace

from pipeline.core.updates import Group, make_version
from pipeline.sink.held import HeldNotes
from pipeline.sink.rows import Note

HOUR = 3_600_000
NOTE = Note(
    group=Group("va", "va-vha", "email", "va-vha-post-visit"),
    partition=3,
    version=make_version(1, 10),
    measures=(("trust", "likert5"),),
    hours=(0, HOUR),
    as_of=0,
    last_response_at=0,
    source=(0, 5),
)
LATER = replace(NOTE, version=make_version(1, 20), hours=(HOUR,), source=(0, 6))


def held(*notes: Note) -> HeldNotes:
    made = HeldNotes()
    made.add(notes)
    return made


def test_a_note_is_ready_once_its_partition_is_stored_up_to_its_version() -> None:
    notes = held(NOTE)
    assert notes.ready({(1, 3): 9}) == notes.ready({(1, 4): 99}) == notes.ready({(2, 3): 99}) == []
    assert notes.ready({(1, 3): 10}) == [NOTE]


def test_of_an_hour_only_the_newest_note_that_is_ready_is_worked_off() -> None:
    notes = held(NOTE, LATER)
    assert notes.ready({(1, 3): 15}) == [NOTE]
    ready = notes.ready({(1, 3): 20})
    assert sorted(ready, key=lambda note: note.version) == [replace(NOTE, hours=(0,)), LATER]
    notes.done(ready)
    assert len(notes) == 0


def test_a_question_that_left_the_catalogue_between_two_notes_is_counted_with_the_newer() -> None:
    asked = (("trust", "likert5"), ("ease", "likert5"))
    ready = held(replace(NOTE, measures=asked), LATER).ready({(1, 3): 20})
    assert {(note.hours, note.measures) for note in ready} == {((0,), asked), ((HOUR,), asked)}


def test_a_newer_note_that_is_not_ready_stays_when_an_older_one_is_done() -> None:
    notes = held(NOTE, LATER)
    notes.done(notes.ready({(1, 3): 10}))
    assert notes.ready({(1, 3): 20}) == [LATER]
    assert notes.floors() == {0: 6}


def test_the_commit_stops_at_the_oldest_note_held_of_each_partition() -> None:
    notes = held(LATER, NOTE, replace(NOTE, partition=4, source=(1, 8)))
    assert notes.floors() == {0: 5, 1: 8}
    assert notes.partitions() == {(1, 3), (1, 4)}


def test_a_note_read_twice_is_held_once() -> None:
    notes = held(NOTE, NOTE)
    assert len(notes) == 2
    notes.done([NOTE])
    assert notes.floors() == {}


def test_notes_of_a_partition_that_moved_to_another_sink_are_dropped() -> None:
    notes = held(NOTE, replace(LATER, source=(1, 2)))
    notes.drop([0])
    assert notes.floors() == {1: 2}
    assert len(notes) == 1
