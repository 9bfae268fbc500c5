"""`cxpulse trace --kafka` finds copies in the log itself, whatever ClickHouse has."""

from __future__ import annotations

from uuid import UUID

import pytest

from pipeline.core.updates import LedgerEntry, Totals, Verdict
from pipeline.operate.topics import TopicReport
from pipeline.operate.trace_log import find_in_log
from pipeline.operate.trace_text import as_lines
from pipeline.operate.traces import NOT_JUDGED, Copy
from pipeline.settings import Settings
from pipeline.wire.kafka import producer, started
from pipeline.wire.ledger import encode_entry
from pipeline.wire.responses import encode_response
from pipeline.wire.topics import Topics
from tests.fixtures.sink import GROUP, HOUR, Pipe, event, response

pytestmark = pytest.mark.broker

EVENT = UUID(int=7)


async def test_the_log_itself_tells_of_copies_that_cannot_be_decoded(
    settings: Settings, topics: TopicReport
) -> None:
    names = Topics(settings.kafka.topic_prefix)
    good = encode_response(response(event(7)) | {"comment": "call 202-555-0143"})
    other = encode_response(response(event(9)) | {"comment": f"see {event(7)}"})
    capital = encode_response(response(event(11).replace("b", "B")))
    verdicts = (Verdict(1, "dead_letter", "truncated"), Verdict(3, "duplicate"))
    entry = LedgerEntry(1, 0, 0, 4, 0, HOUR, HOUR, "c", Totals(4, 2, 1), verdicts)
    async with started(producer(settings.kafka), settings.kafka) as sender:
        pipe = Pipe(settings, sender, None)
        for value in (good, good[:-9], other, good, good, capital):
            await pipe.send(names.responses, value)
        await pipe.send(names.ledger, encode_entry(entry), 1)
        await pipe.send(names.ledger, b"no entry", 1)
    told: list[tuple[int, int]] = []
    copies = await find_in_log(settings, EVENT, lambda done, total: told.append((done, total)))
    assert [(c.offset, c.outcome, c.reason) for c in copies] == [
        (0, "accepted", ""),
        (1, "dead_letter", "truncated"),
        (3, "duplicate", ""),
        (4, NOT_JUDGED, ""),
    ]
    assert copies[0].group == GROUP
    assert copies[1].group is None
    assert [c.pane is not None for c in copies] == [True, False, False, False]
    assert "0143" not in str(copies[0].comment)
    assert told[-1] == (6, 6)
    shown = list(as_lines(EVENT, copies, show_answers=False))
    assert shown[0].endswith("4 copies, counted once")
    assert any("cannot be decoded" in line for line in shown)
    capitals: list[Copy] = await find_in_log(settings, UUID(int=11), lambda done, total: None)
    assert [c.offset for c in capitals] == [5]
