"""Takes partitions over: claims an epoch for each, and finds the state to go on from."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pipeline.core.breaker import OFF, Limits
from pipeline.core.partition import PartitionState
from pipeline.core.updates import Loss
from pipeline.errors import CatalogueError, CheckpointError, KafkaError
from pipeline.logs import get
from pipeline.score.chains import Chain, Flaw, Stock, intact_chains, take_stock
from pipeline.score.checkpoints import CheckpointWriter
from pipeline.score.ledger import Ledger
from pipeline.score.log_reader import LogReader, PartitionLog, open_logs
from pipeline.score.outbox import Letter, Outbox
from pipeline.score.readers import Readers
from pipeline.score.told import find_loss, told_to
from pipeline.settings import KafkaSettings
from pipeline.wire.catalogue_codec import catalogue_from_bytes
from pipeline.wire.cuts import decode_cut
from pipeline.wire.generations import generations_in
from pipeline.wire.lives import UNREAD, Mark, mark_of, other_logs, recreated
from pipeline.wire.manifests import Owner, claim_key, parse_key
from pipeline.wire.reading import ResponseReader
from pipeline.wire.resumes import resumed_to
from pipeline.wire.topics import Topics

logger = get(__name__)


@dataclass(frozen=True, slots=True)
class Restored:
    """A partition ready to be folded. `cut_at` is the offset of its checkpoint; -1 asks for one
    before the first record: there is none yet. `reader` is by the catalogue of the checkpoint;
    records below `told_to` must be folded with it, for their verdicts may have been told. `loss` is
    what expired behind the checkpoint."""

    state: PartitionState
    reader: ResponseReader
    writer: CheckpointWriter
    log_end: int
    cut_at: int
    ledger: Ledger
    told_to: int = 0
    loss: Loss | None = None

    @property
    def mark(self) -> Mark:
        """What the log must have, if it is the one that was read."""
        if self.loss is not None:
            return Mark(self.loss.to, self.loss.as_of or UNREAD)
        return mark_of(self.state)


class CheckpointStore:
    """The checkpoints in `cx.checkpoints`. `rebuild` allows to begin at the start of the log where
    no checkpoint can be used, though earlier records are gone. `limits` are those of breakers."""

    def __init__(
        self,
        kafka: KafkaSettings,
        outbox: Outbox,
        readers: Readers,
        *,
        limits: Limits = OFF,
        rebuild: bool = False,
    ) -> None:
        self._kafka = kafka
        self._topics = Topics(kafka.topic_prefix)
        self._outbox = outbox
        self._readers = readers
        self._limits = limits
        self._rebuild = rebuild

    async def restore(self, partitions: Iterable[int]) -> dict[int, Restored]:
        """Claim these partitions and load the state of each.

        Raises:
            CheckpointError: a partition must not be folded from what there is; says what to do.
            KafkaError: the broker is away, or topics do not fit together.
        """
        wanted = sorted(partitions)
        if not wanted:
            return {}
        topic = self._topics.checkpoints
        if await self._outbox.partitions(topic) <= wanted[-1]:
            raise KafkaError(
                f"topic {topic} lacks partition {wanted[-1]} of {self._topics.responses}: "
                "`cxpulse topics --grow` adds partitions in the right order"
            )
        async with open_logs(self._kafka, topic, wanted) as reader:
            ledger = await reader.bounds(self._topics.ledger)
            owners = await self._claim(reader, wanted)
            bounds = await reader.bounds(self._topics.responses)
            # Once more: what another has saved while we were stopped may have expired by now.
            await reader.catch_up()
            # One at a time, each log let go at once: a restore holds one partition's records.
            restored = {
                p: await self._told(
                    self._load(p, reader.logs.pop(p), owners[p], bounds[p], ledger[p][1]),
                    bounds[p][0],
                )
                for p in wanted
            }
        await self.refuse_other_logs({p: one.mark for p, one in restored.items()})
        return restored

    async def loss(self, state: PartitionState, log_start: int) -> Loss:
        """What is lost when the log begins at `log_start`, above all that is folded. Raises
        KafkaError, SchemaError as `find_loss`."""
        return await find_loss(self._kafka, self._topics, state, log_start)

    async def refuse_other_logs(self, marks: Mapping[int, Mark]) -> None:
        """Raises CheckpointError when the topic has now another log than one of these."""
        topic = self._topics.responses
        for partition, how in (await other_logs(self._kafka, topic, marks)).items():
            raise recreated(topic, partition, how)

    async def _claim(self, reader: LogReader, partitions: list[int]) -> dict[int, Owner]:
        """Write claims until each partition has one of ours that came first for its epoch."""
        await reader.catch_up()
        won: dict[int, Owner] = {}
        while len(won) < len(partitions):
            claims = {
                p: Owner(_highest_epoch(reader.logs[p]) + 1, uuid.uuid4().hex[:12])
                for p in partitions
                if p not in won
            }
            await self._outbox.post(
                Letter(self._topics.checkpoints, p, claim_key(owner), owner.name.encode())
                for p, owner in claims.items()
            )
            await reader.catch_up()
            won |= {p: o for p, o in claims.items() if reader.logs[p].winner(o.epoch) == o}
        return won

    def _load(
        self,
        partition: int,
        log: PartitionLog,
        owner: Owner,
        bounds: tuple[int, int],
        ledger_end: int,
    ) -> Restored:
        where = f"{self._topics.responses} partition {partition}"
        log_start, log_end = bounds
        ledger = Ledger(self._kafka, self._outbox, self._topics.ledger, partition, ledger_end)
        generation = generations_in(log.records).of(partition)
        stock = take_stock(log.records, generation)
        found = self._newest(partition, log, stock)
        if found is None:
            self._refuse_empty_start(where, stock, log_start)
            fresh = self._readers.current
            state = PartitionState(
                *(partition, generation, log_start, fresh.validator.catalogue),
                partial=log_start > 0,
                limits=self._limits,
            )
            state.breaker.lift(resumed_to(log.records, generation))
            writer = self._writer(state, log, owner, None)
            return Restored(state, fresh, writer, log_end, cut_at=-1, ledger=ledger)
        chain, state, by = found
        state.breaker.lift(resumed_to(log.records, generation))
        writer = self._writer(state, log, owner, chain)
        return Restored(state, by, writer, log_end, state.next_offset, ledger)

    async def _told(self, restored: Restored, log_start: int) -> Restored:
        """Find out what is lost, and how far the one before has told. Without a new catalogue that
        matters little: one that comes later waits until all is folded that is in the log by now."""
        if restored.cut_at < 0:
            return restored
        if log_start > restored.cut_at:
            restored = replace(restored, loss=await self.loss(restored.state, log_start))
        if restored.reader is self._readers.current:
            return replace(restored, told_to=restored.log_end)
        state, ledger = restored.state, self._topics.ledger
        told = await told_to(
            self._kafka, ledger, state.partition, state.generation, since=state.as_of
        )
        return replace(restored, told_to=told)

    def _newest(
        self, partition: int, log: PartitionLog, stock: Stock
    ) -> tuple[Chain, PartitionState, ResponseReader] | None:
        def name(flaw: Flaw) -> None:
            logger.warning("checkpoint passed over", partition=partition, **_told_of(flaw))

        for flaw in stock.unreadable:
            name(flaw)
        for chain in intact_chains(log.records, stock, name):
            try:
                by = self._readers.of(catalogue_from_bytes(zlib.decompress(chain.catalogue)))
                cuts = [decode_cut(segments) for segments in chain.cuts]
                catalogue = by.validator.catalogue
                return chain, PartitionState.load(cuts, catalogue, self._limits), by
            except (ValueError, CatalogueError, zlib.error) as error:
                # Damaged in a way its checksums do not show, or written by another program.
                last = chain.last
                name(Flaw(last.owner, last.number, last.next_offset, str(error)))
        return None

    def _refuse_empty_start(self, where: str, stock: Stock, log_start: int) -> None:
        if self._rebuild:
            return
        if not stock.empty:
            raise CheckpointError(
                f"{where}: checkpoints exist but none can be read; `cxpulse score "
                "--rebuild-from-log-start` folds the log again as far as it reaches"
            )
        if log_start > 0:
            raise CheckpointError(
                f"{where}: no checkpoint, and the log begins at offset {log_start}, not 0; "
                "`cxpulse score --rebuild-from-log-start` folds what is left"
            )

    def _writer(
        self, state: PartitionState, log: PartitionLog, owner: Owner, chain: Chain | None
    ) -> CheckpointWriter:
        """Of others it may remove only what the owner it goes on from had overtaken: somebody
        between the two may be writing still."""
        kept: frozenset[bytes] = frozenset()
        stale: set[bytes] = set()
        if chain is not None:
            kept = chain.keys
            stale = {
                key
                for key in log.records
                if (parsed := parse_key(key)) is not None
                and parsed.owner.epoch <= chain.last.owner.epoch
                and key not in kept
            }
        return CheckpointWriter(
            self._outbox,
            self._topics.checkpoints,
            state.partition,
            owner,
            state.catalogue,
            stale=stale,
            previous=kept,
        )


def _told_of(flaw: Flaw) -> dict[str, object]:
    epoch, owner = flaw.owner
    offset = {} if flaw.next_offset < 0 else {"offset": flaw.next_offset}
    return {"epoch": epoch, "owner": owner, "number": flaw.number, **offset, "why": flaw.why}


def _highest_epoch(log: PartitionLog) -> int:
    written = (parsed.owner for key in log.records if (parsed := parse_key(key)) is not None)
    return max((owner.epoch for owner in (*log.claims, *written)), default=0)
