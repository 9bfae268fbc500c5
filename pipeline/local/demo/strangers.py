"""Records that somebody else sent while the demo ran: which groups and hours they touched.

What the demo sends is repeatable, so its ids need not be kept: they are made again when they are
wanted, which is only when there are more records than it sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import cast

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Reason
from pipeline.emit.published import Plan, responses
from pipeline.emit.simulate import Traffic, items
from pipeline.local.demo.numbers import Numbers
from pipeline.local.verdict import Found
from pipeline.wire.responses import ResponseDecoder


@dataclass(slots=True)
class Strangers:
    """Tells the demo's own records (`plan`, then `sent` items of `traffic`) from others."""

    catalogue: Catalogue
    plan: Plan
    traffic: Traffic
    sent: int
    _own: frozenset[str] = field(default_factory=frozenset)

    async def mark(self, numbers: Numbers, found: Found) -> Found:
        """`found` with the groups and hours of responses that the demo did not send."""
        if not self._own:
            self._own = await asyncio.to_thread(lambda: frozenset(self._ids()))
        seen = await numbers.sightings()
        foreign = frozenset(hour for event_id, hour in seen if event_id not in self._own)
        return replace(found, foreign=foreign)

    def _ids(self) -> Iterator[str]:
        for record in responses(self.plan):
            yield cast(str, record["event_id"])
        decoder = ResponseDecoder({})
        for item in islice(items(self.catalogue, self.traffic), self.sent):
            decoded = decoder.decode(item.value)
            if not isinstance(decoded, Reason):
                yield cast(str, decoded["event_id"])
