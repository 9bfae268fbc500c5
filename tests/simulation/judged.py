"""By which catalogue each record was judged, as the ledger tells: by one only, whoever tells it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.core.catalogue import Catalogue
from tests.simulation.broker import Broker
from tests.simulation.catalogues import BY_DIGEST
from tests.simulation.kept import TOPICS, entries


@dataclass
class Judged:
    """Of one partition: each catalogue and the offset it begins at, in the order of the log.

    `twice` are offsets that were told by two of them. `excused` says that one who told of them had
    slept while others took over: that is not prevented (`docs/decisions/0009`).
    """

    spells: list[tuple[int, Catalogue]] = field(default_factory=list)
    twice: set[int] = field(default_factory=set)
    excused: bool = True


def judged(broker: Broker, number: int, generation: int) -> Judged:
    """What the ledger says of one life of a partition."""
    found = Judged()
    by: dict[int, tuple[str, bool]] = {}
    for at, entry in entries(broker, number, generation):
        late = (TOPICS.ledger, number, at) in broker.overslept
        for offset in range(entry.from_offset, entry.next_offset):
            digest, slept = by.get(offset, (entry.catalogue, False))
            if digest != entry.catalogue:
                found.twice.add(offset)
                found.excused = found.excused and (late or slept)
            by[offset] = entry.catalogue, late
    last = ""
    for offset in sorted(by):
        if by[offset][0] != last:
            last = by[offset][0]
            found.spells.append((offset, BY_DIGEST[last]))
    return found
