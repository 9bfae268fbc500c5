"""By which catalogue each record was judged, as the ledger tells: by one only, whoever tells it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.core.catalogue import Catalogue
from tests.simulation.broker import Broker
from tests.simulation.catalogues import BY_DIGEST
from tests.simulation.kept import entries


@dataclass
class Judged:
    """Of one partition: each catalogue and the offset it begins at, in the order of the log.

    `twice` are offsets that were told by two of them.
    """

    spells: list[tuple[int, Catalogue]] = field(default_factory=list)
    twice: set[int] = field(default_factory=set)


def judged(broker: Broker, number: int, generation: int) -> Judged:
    """What the ledger says of one life of a partition."""
    found = Judged()
    by: dict[int, str] = {}
    for entry in entries(broker, number, generation):
        for offset in range(entry.from_offset, entry.next_offset):
            if by.setdefault(offset, entry.catalogue) != entry.catalogue:
                found.twice.add(offset)
    last = ""
    for offset in sorted(by):
        if by[offset] != last:
            last = by[offset]
            found.spells.append((offset, BY_DIGEST[last]))
    return found
