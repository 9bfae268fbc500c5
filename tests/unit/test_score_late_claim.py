"""A worker that claimed its epoch, and was overtaken before it had read what to go on from."""

from __future__ import annotations

import uuid
from unittest.mock import patch

from pipeline.score import checkpoints
from pipeline.score.log_reader import PartitionLog
from pipeline.wire.manifests import parse_key
from tests.support.owners import Kafka, Owner, stored
from tests.support.world import START, response

RECORDS = stored((n, START, response(event_id=str(uuid.UUID(int=n + 1)))) for n in range(40))
STEPS_TO_A_CLAIM = 4
"""Read, claim, claimed, about to read on."""


def told_of(kafka: Kafka, epoch: int) -> set[bytes]:
    """The keys of an epoch's checkpoints that are still there."""
    log: PartitionLog = kafka.log()
    named = {key: parse_key(key) for key in log.records}
    return {k for k, key in named.items() if key and key.owner.epoch == epoch and not key.is_claim}


def test_it_writes_no_checkpoint_and_removes_none_of_the_one_that_overtook_it() -> None:
    kafka = Kafka()
    late, newer = Owner(kafka, RECORDS), Owner(kafka, RECORDS)
    for _ in range(STEPS_TO_A_CLAIM):
        late.step()
    newer.finish()
    newer.fold(20, 0)
    newer.order("checkpoint")
    newer.finish()
    written = told_of(kafka, 2)
    late.finish()  # epoch 1, and it goes on from what epoch 2 has written
    with patch.object(checkpoints, "MAX_LINKS", 1):
        for _ in range(4):
            late.fold(2, 0)
            late.order("checkpoint")
            late.finish()
    assert late.tenure is not None
    assert kafka.epochs.keys() == {1, 2}
    assert not told_of(kafka, 1)
    assert written
    assert told_of(kafka, 2) == written
    late.crash()
    newer.crash()
