"""Batches of a sink: how far they go, and how they are put together before they are stored."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError
from aiokafka.structs import ConsumerRecord

from pipeline.errors import KafkaError
from pipeline.sink.intake import Batch, Intake
from tests.support.sinks import Member


def record(offset: int) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord("cx.responses", 3, offset, 1, 0, b"", b"", None, 0, 0, ())


def test_a_batch_that_does_not_know_its_positions_yet_keeps_those_before_it() -> None:
    waiting = Batch((record(6),), {3: 7, 4: 2}, epoch=1)
    whole = waiting.then(Batch((), {4: 5}, epoch=1))
    assert (len(whole.records), whole.positions) == (1, {3: 7, 4: 5})


def test_what_a_rebalance_took_away_is_not_stored() -> None:
    later = Batch((), {}, epoch=2)
    assert Batch((record(6),), {3: 7}, epoch=1).then(later) is later


class Refused(Member):
    async def position(self, partition: TopicPartition) -> int:
        raise GroupAuthorizationFailedError("cxpulse-sink-raw")


async def test_a_sink_that_is_refused_where_it_stands_says_so() -> None:
    intake = Intake(Refused("cx.responses", [], 0), "cx.responses", lambda lost: None)
    with pytest.raises(KafkaError, match=r"^topic cx\.responses: cannot be read: GroupAuth"):
        await intake.take()
