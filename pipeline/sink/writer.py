"""One batch of records → rows in the store. Bad rows are found by halving, and set aside."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from pipeline import metrics
from pipeline.errors import BadRowError
from pipeline.sink.rows import Block, Convert, Converted, Note, Record, Refused


class Target(Protocol):
    """Where rows go: waits for the acknowledgement, raises StoreError."""

    async def insert(self, block: Block) -> None: ...


class Outbox(Protocol):
    """Where refused records go."""

    async def send(self, refused: Sequence[Refused]) -> None: ...


class Writer:
    """Writes the records of one topic."""

    def __init__(self, convert: Convert, target: Target, outbox: Outbox) -> None:
        self._convert = convert
        self._target = target
        self._outbox = outbox

    async def write(self, records: Sequence[Record]) -> tuple[Note, ...]:
        """Store every row; the notes of the batch come back.

        When the store, or the conversion, refuses rows, the halves are tried by themselves, down to
        the record at fault: it goes to the outbox. What was inserted before is inserted again,
        which changes nothing. Raises TransientStoreError or StoreError as the target does.
        """
        try:
            converted = await asyncio.to_thread(self._converted, records)
            for block in converted.blocks:
                await self._target.insert(block)
        except BadRowError as error:
            if len(records) == 1:
                reason = f"store_refused_{error.code}" if error.code else "unconvertible"
                await self._outbox.send([Refused(records[0], reason)])
                return ()
            middle = len(records) // 2
            return await self.write(records[:middle]) + await self.write(records[middle:])
        if converted.refused:
            await self._outbox.send(converted.refused)
        for kind, pieces in converted.redactions.items():
            metrics.SINK_REDACTIONS.labels(kind).inc(pieces)
        return converted.notes

    def _converted(self, records: Sequence[Record]) -> Converted:
        """A fault in the code of one record must not stop the rest: it becomes a refused record."""
        try:
            return self._convert(records)
        except Exception as error:
            raise BadRowError(f"conversion failed: {type(error).__name__}") from error
