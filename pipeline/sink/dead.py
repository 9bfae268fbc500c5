"""Dead-letter topic → table `dead_letters`: what could not be used and why, never the bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.errors import SchemaError
from pipeline.sink.rows import Block, Converted, Record, Refused
from pipeline.wire.dead_letters import DeadLetter, read_dead_letter

TABLE: Final = "dead_letters"


class DeadLetterRows:
    """Converts batches of the dead-letter topic; only `responses` has generations."""

    def __init__(self, responses_topic: str) -> None:
        self._responses = responses_topic

    def convert(self, records: Sequence[Record]) -> Converted:
        """One row a letter, keyed by where the original stands."""
        letters: list[DeadLetter] = []
        refused = []
        for record in records:
            try:
                letters.append(read_dead_letter(record.value, record.headers))
            except SchemaError:
                refused.append(Refused(record))
        blocks = (self._block(letters),) if letters else ()
        return Converted(blocks, tuple(refused))

    def _block(self, letters: Sequence[DeadLetter]) -> Block:
        return Block(
            TABLE,
            {
                "topic": [letter.topic for letter in letters],
                "generation": [self._generation(letter) for letter in letters],
                "partition": [letter.partition for letter in letters],
                "offset": [letter.offset for letter in letters],
                "stage": [letter.stage for letter in letters],
                "reason": [letter.reason for letter in letters],
                "attempt": [letter.attempt for letter in letters],
                "schema": [letter.schema for letter in letters],
                "received_at": [letter.appended_at for letter in letters],
                "size": [len(letter.value or b"") for letter in letters],
            },
        )

    def _generation(self, letter: DeadLetter) -> int:
        return letter.generation if letter.topic == self._responses else 0
