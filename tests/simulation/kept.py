"""What the topics say of how far a partition is folded, cut and told."""

from __future__ import annotations

from pipeline.score.chains import Chain, intact_chains, take_stock
from pipeline.score.log_reader import PartitionLog
from pipeline.wire.ledger import decode_entry
from pipeline.wire.topics import Topics
from tests.simulation.broker import Broker
from tests.support.runs import GENERATION

TOPICS = Topics("cx")


def newest_chain(broker: Broker, number: int) -> Chain | None:
    """The checkpoint that a restore would go on from."""
    log = PartitionLog()
    for record in broker.topics[TOPICS.checkpoints][number].records:
        log.add(record.key, record.value)
    return next(intact_chains(log.records, take_stock(log.records, GENERATION)), None)


def given_up(broker: Broker, number: int, cut: int, start: int) -> tuple[int, int]:
    """Up to where what follows `cut` is lost when the log begins at `start`: all that was told, by
    whoever told of it first; and up to where it was told before that."""
    told = 0
    for record in broker.topics[TOPICS.ledger][number].records:
        entry = decode_entry(record.value or b"")
        for gap in entry.gaps:
            if gap.from_offset == cut and gap.next_offset >= start:
                return gap.next_offset, told
        told = max(told, entry.next_offset)
    return max(start, told), told


def told_to(broker: Broker, number: int) -> int:
    """Below which offset the ledger tells what became of records; 0: of none."""
    entries = broker.topics[TOPICS.ledger][number].records
    return max((decode_entry(entry.value or b"").next_offset for entry in entries), default=0)
