"""What the topics say of how far a partition is folded, cut and told."""

from __future__ import annotations

from pipeline.core.updates import LedgerEntry
from pipeline.score.chains import Chain, intact_chains, take_stock
from pipeline.score.log_reader import PartitionLog
from pipeline.wire.generations import generations_in
from pipeline.wire.ledger import standing
from pipeline.wire.manifests import parse_key
from pipeline.wire.resumes import resumed_to
from pipeline.wire.topics import Topics
from tests.simulation.broker import Broker

TOPICS = Topics("cx")


def newest_chain(broker: Broker, number: int) -> Chain | None:
    """The checkpoint that a restore would go on from."""
    records = _checkpoints(broker, number)
    generation = generations_in(records).of(number)
    return next(intact_chains(records, take_stock(records, generation)), None)


def newest_epoch(broker: Broker, number: int) -> int:
    """That of who claimed the partition last; 0 when nobody has."""
    parsed = map(parse_key, _checkpoints(broker, number))
    return max((one.owner.epoch for one in parsed if one is not None), default=0)


def paused_at(broker: Broker, number: int) -> int:
    """Where the breaker has tripped and nobody has lifted that: whoever owns the partition stands
    there; else 0."""
    chain = newest_chain(broker, number)
    if chain is None or chain.last.tripped_at < chain.last.next_offset:
        return 0
    lifted_to = resumed_to(_checkpoints(broker, number), chain.last.generation)
    return chain.last.tripped_at if lifted_to < chain.last.tripped_at else 0


def _checkpoints(broker: Broker, number: int) -> dict[bytes, bytes]:
    log = PartitionLog()
    for record in broker.topics[TOPICS.checkpoints][number].records:
        log.add(record.key, record.value)
    return log.records


def entries(broker: Broker, number: int, generation: int) -> list[LedgerEntry]:
    """What the ledger tells of one life of a partition."""
    found = map(standing, broker.topics[TOPICS.ledger][number].records)
    return [entry for entry in found if entry is not None and entry.generation == generation]


def given_up(told: list[LedgerEntry], cut: int, start: int) -> tuple[int, int]:
    """Up to where what follows `cut` is lost when the log begins at `start`: all that was told, by
    whoever told of it first; and up to where it was told before that."""
    told_to = 0
    for entry in told:
        for gap in entry.gaps:
            if gap.from_offset == cut and gap.next_offset >= start:
                return gap.next_offset, told_to
        told_to = max(told_to, entry.next_offset)
    return max(start, told_to), told_to
