"""Deliberately broken variants: each must fail some schedule, or the simulation proves nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from pipeline.core import partition
from pipeline.core.cut import Cut
from pipeline.core.partition import PartitionState, Record
from pipeline.core.updates import GENERATION_SHIFT, LedgerEntry, Loss, Verdict
from pipeline.operate import growth
from pipeline.score import restore, told
from pipeline.score.checkpoints import CheckpointWriter
from pipeline.score.folding import Folding
from pipeline.score.ledger import Ledger
from pipeline.score.log_reader import LogReader, PartitionLog
from pipeline.score.outbox import Letter, Outbox
from pipeline.score.tenure import Tenure
from pipeline.score.worker import ScoreWorker
from pipeline.settings import KafkaSettings
from pipeline.sink import expired, outcomes, repairs, service
from pipeline.sink.expired import Expired
from pipeline.sink.held import HeldNotes
from pipeline.sink.intake import Batch
from pipeline.sink.lane import Lane
from pipeline.sink.rows import Note
from pipeline.wire.cuts import encode_cut
from pipeline.wire.generations import Generations
from pipeline.wire.ledger import decode_entry
from pipeline.wire.manifests import Piece, checksum, segment_key
from pipeline.wire.reading import ResponseReader
from tests.simulation.kept import TOPICS


async def _manifest_first(self: Any, cut: Cut) -> int:
    """As `CheckpointWriter.write`, but the manifest goes out before what it names."""
    number = self._next_number
    self._next_number += 1
    segments = encode_cut(cut)
    keys = [segment_key(self.owner, number, n) for n in range(len(segments))]
    letters = [self._letter(key, value) for key, value in zip(keys, segments, strict=True)]
    if self._catalogue_piece is None:
        letters.append(self._catalogue_letter(cut.catalogue))
    pieces = tuple(Piece(k.decode(), checksum(v)) for k, v in zip(keys, segments, strict=True))
    manifest = self._manifest_letter(cut, number, pieces)
    await self._outbox.post([manifest])
    await self._record(cut.full, number, 0, [*keys, manifest.key])
    await self._outbox.post(letters)
    return 0


async def _unheard(self: Any, letters: Iterable[Letter]) -> list[int]:
    """As `Outbox.post`, without a look at the acknowledgements: all is taken to be as expected."""
    producer = self._producer()
    offsets = []
    for letter in letters:
        await producer.send(
            letter.topic, letter.value, letter.key, letter.partition, letter.headers
        )
        entry = decode_entry(letter.value or b"") if letter.topic == TOPICS.ledger else None
        offsets.append(entry.own_offset if entry else 0)
    return offsets


_checkpoint = Tenure.checkpoint


async def _cut_untold(self: Any) -> None:
    """As `Tenure.checkpoint`, but what is told is told after the cut is safe."""
    tell = self._tell
    later: list[tuple[Any, ...]] = []

    async def put_off(*told: Any) -> None:
        later.append(told)

    with patch.object(self, "_tell", put_off):
        await _checkpoint(self)
    for one in later:
        await tell(*one)


_turn = Lane._turn


async def _commit_first(self: Any, batch: Batch) -> None:
    """As `Lane._turn`, but the batch is committed before it is stored."""
    await self._intake.commit(batch, {})
    await _turn(self, batch)


_apply = PartitionState.apply


def _unguarded(self: Any, batch: Iterable[Record], *replayed: Any) -> list[Verdict]:
    """As `apply`, but records below the next offset are folded again."""
    records = list(batch)
    if records and records[0][0] < self.next_offset:
        self.next_offset = records[0][0]
    return _apply(self, records, *replayed)


def _by_the_clock(generation: int, next_offset: int) -> int:
    return generation << GENERATION_SHIFT | int(time.time() * 1000)


async def _drop_and_go_on(self: Any) -> None:
    """As `ScoreWorker._go_on`, but what came during the pause is not read again."""


def _no_floors(self: HeldNotes) -> dict[int, int]:
    return {}


_ready = HeldNotes.ready


def _impatient(self: HeldNotes, reach: Mapping[tuple[int, int], int]) -> Any:
    """As `ready`, whether or not the raw rows and outcomes are stored."""
    return _ready(self, dict.fromkeys(self.partitions(), 1 << 47))


def _as_marks(self: PartitionState, loss: Loss) -> None:
    """As `PartitionState.lose`, but what expired is taken for marks of transactions."""
    self.skip(loss.to)


_lose = PartitionState.lose


def _not_taken_back(self: PartitionState, loss: Loss) -> None:
    """As `lose`, but what others had told of it stands."""
    _lose(self, Loss(loss.to))


def _as_told(entries: Any, offset: int, log_start: int) -> tuple[int, int]:
    """As `lost_to`, but what is left of what was told is judged once more."""
    return log_start, 0


async def _noted_nothing(*_: object) -> None:
    """As `Folding._note_lost`, but what a running worker finds gone are marks to it."""


async def _heedless(*_: object) -> bool:
    """As `Ledger.told_between`, but who was overtaken does not see it."""
    return False


def _whoever_wrote_it(record: Any) -> LedgerEntry:
    """As `standing`, but what is void holds too."""
    return decode_entry(record.value)


async def _noticed_nothing(*_: object) -> None:
    """As `Expired.notice`, but what the sink alone has missed is not written down."""


_holes = expired._holes


def _before_batches(batch: Batch, read_to: Mapping[int, int]) -> Any:
    """As `_holes`, but not of what lies among the records of a batch."""
    firsts = {partition: record.offset for partition, record in batch.firsts().items()}
    found, reached = _holes(batch, read_to)
    return [one for one in found if one.end <= firsts.get(one.partition, one.end)], reached


def _all_whole(notes: Iterable[Note], _: object) -> tuple[list[Note], list[Note]]:
    """As `divided`, but hours that lack raw rows are counted like others."""
    return list(notes), []


_parts = outcomes._parts


def _no_gaps(table: str, entries: Any, *rest: Any) -> Any:
    """As the sink's `_parts`, but nothing is stored of what expired."""
    return _parts(table, () if table == outcomes.GAPS else entries, *rest)


async def _told_nothing(*_: object, **__: object) -> int:
    """As `told_to`, but nobody looks what the one before has told."""
    return 0


def _adopt_at_once(self: Any, reader: ResponseReader) -> None:
    """As `Tenure.adopt`, but what follows goes by the new catalogue before a cut names it."""
    self._next_reader = self._reader = reader


def _is_cut(log: PartitionLog) -> bool:
    return any(key.endswith(b"/manifest") for key in log.records)


_bounds = LogReader.bounds


async def _from_the_end(self: LogReader, topic: str) -> dict[int, tuple[int, int]]:
    """As `LogReader.bounds`, but what has no checkpoint yet is taken to begin with what comes."""
    return {
        number: (start if _is_cut(self.logs[number]) else end, end)
        for number, (start, end) in (await _bounds(self, topic)).items()
    }


def _one_group(kafka: KafkaSettings, generations: Generations) -> str:
    """As `raw_rows_group`, but the same for all lives."""
    return f"{kafka.group_prefix}-sink-responses"


async def _the_same(*_: object) -> dict[int, str]:
    """As `other_logs`, but each is the one that was read."""
    return {}


async def _copied_nothing(kafka: KafkaSettings) -> None:
    """As `copy_generations`, but new partitions do not learn of generations before them."""


BROKEN: Final[dict[str, tuple[Any, str, Any]]] = {
    "manifest before its segments": (CheckpointWriter, "write", _manifest_first),
    "acknowledgements not waited for": (Outbox, "post", _unheard),
    "checkpoint before telling": (Tenure, "checkpoint", _cut_untold),
    "commit before insert": (Lane, "_turn", _commit_first),
    "offsets not guarded": (PartitionState, "apply", _unguarded),
    "versions by the clock": (partition, "make_version", _by_the_clock),
    "resume without reading again": (ScoreWorker, "_go_on", _drop_and_go_on),
    "commit beyond held notes": (HeldNotes, "floors", _no_floors),
    "recount before raw rows are stored": (HeldNotes, "ready", _impatient),
    "expired records taken for marks": (PartitionState, "lose", _as_marks),
    "told of what expired and not taken back": (PartitionState, "lose", _not_taken_back),
    "told of what expired and judged again": (told, "lost_to", _as_told),
    "expired behind a pause and not noted": (Folding, "_note_lost", _noted_nothing),
    "expired before the sink read it and not noted": (Expired, "notice", _noticed_nothing),
    "expired among the records of a batch": (expired, "_holes", _before_batches),
    "recount that lowers what lacks raw rows": (repairs, "divided", _all_whole),
    "gaps not stored": (outcomes, "_parts", _no_gaps),
    "another catalogue before all that was told": (restore, "told_to", _told_nothing),
    "each life read on from the one before": (service, "raw_rows_group", _one_group),
    "another log taken for the one that was read": (restore, "other_logs", _the_same),
    "new partitions without generations": (growth, "copy_generations", _copied_nothing),
    "new partitions read from their end": (LogReader, "bounds", _from_the_end),
    "another catalogue without a cut": (Tenure, "adopt", _adopt_at_once),
}

OVERTAKEN: Final[dict[str, tuple[Any, str, Any]]] = {
    "told by one who was overtaken": (Ledger, "told_between", _heedless),
    "void entries stored": (outcomes, "standing", _whoever_wrote_it),
}
"""Found where one is overtaken on purpose: few random schedules do that while catalogues change."""


@contextmanager
def broken(name: str) -> Iterator[None]:
    """The real code with one thing done wrong."""
    target, attribute, wrong = (BROKEN | OVERTAKEN)[name]
    with patch.object(target, attribute, wrong):
        yield
