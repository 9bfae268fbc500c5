"""Folds the chunks that arrive, each into the tenure of its partition."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from pipeline.errors import KafkaError
from pipeline.score.pauses import make_pause
from pipeline.score.restore import CheckpointStore
from pipeline.score.tenure import Tenure
from pipeline.score.transport import Chunk

APPEND_TIME: Final = 1
"""Kafka's number for records that carry the broker's clock."""


@dataclass(slots=True)
class Folding:
    """What a worker does with chunks of the topic `source`.

    `log_start` finds the first offset that retention has left of a partition; `leaving` says that
    the last cut is being made; `aside` does something beside the fold, whose failure ends the
    worker. `changed` is set when there may be something to tell.
    """

    source: str
    store: CheckpointStore
    checkpoint_records: int
    log_start: Callable[[int], Awaitable[int]]
    leaving: Callable[[], bool]
    aside: Callable[[Awaitable[object]], asyncio.Task[None]]
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _cuts: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    async def fold(self, tenure: Tenure, chunk: Chunk) -> None:
        """Fold what the tenure takes, as far as it may; the rest is read again. Raises CxpulseError
        when it cannot go on."""
        if not tenure.takes(chunk.stamp):
            return
        if tenure.paused_at:
            tenure.reached(chunk.place)
            return  # read again when it goes on
        self._refuse(chunk)
        first = chunk.records[0].offset if chunk.records else chunk.place.read_to
        if first < tenure.position or chunk.away or tenure.unsure:
            # The broker has sent us back, or the topic may have been re-created unseen.
            await self.store.refuse_other_logs({tenure.partition: tenure.mark})
            tenure.unsure = False
        if first > tenure.position:
            await self._note_lost(tenure, first)
        for part in tenure.parts(chunk.records):
            if tenure.switches:
                await tenure.checkpoint()
            if self._leaves(tenure, chunk):
                return
            tenure.fold(part)
        if self._leaves(tenure, chunk):
            return  # marks, and the records before them may have been left
        tenure.reached(chunk.place)
        self.changed.set()
        await self._after(tenure)

    def drop(self) -> None:
        """Every partition goes to somebody else."""
        self._cuts.clear()

    def _leaves(self, tenure: Tenure, chunk: Chunk) -> bool:
        """Whether to drop the rest: given away, stopping, or a pause was lifted. It is read again;
        ask after each wait."""
        return self.leaving() or not tenure.takes(chunk.stamp)

    def _refuse(self, chunk: Chunk) -> None:
        """Raises KafkaError when these records must not be folded."""
        if any(record.timestamp_type != APPEND_TIME for record in chunk.records):
            raise KafkaError(
                f"topic {self.source}: message.timestamp.type is not LogAppendTime: `cxpulse "
                "topics` shows the drift; alter it with Kafka's own tool"
            )

    async def _after(self, tenure: Tenure) -> None:
        """What a fold asks for at once, and not at its time."""
        if tenure.paused_at:
            await make_pause(tenure)
        elif tenure.uncut_records >= self.checkpoint_records:
            await self._cut_aside(tenure)
        elif tenure.overfull:
            await tenure.emit()

    async def _note_lost(self, tenure: Tenure, offset: int) -> None:
        """A gap is marks, aborted or compacted records, unless retention has overtaken the fold."""
        start = await self.log_start(tenure.partition)
        if start > tenure.position:
            tenure.lose(await self.store.loss(tenure.state, min(start, offset)))

    async def _cut_aside(self, tenure: Tenure) -> None:
        """Checkpoint while folding goes on; a second one waits for the first, and so do we."""
        pending = self._cuts.pop(tenure.partition, None)
        if pending is not None:
            await pending
        self._cuts[tenure.partition] = self.aside(tenure.checkpoint())
