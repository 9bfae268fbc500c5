"""Two complete chains of checkpoints exist after the first two, whatever owners come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.core.partition import PartitionState
from pipeline.core.updates import Loss
from pipeline.score import checkpoints
from pipeline.score.chains import intact_chains, take_stock
from pipeline.score.log_reader import PartitionLog
from pipeline.score.outbox import Letter, Outbox
from pipeline.score.readers import Readers
from pipeline.score.restore import CheckpointStore
from pipeline.settings import KafkaSettings
from pipeline.wire.manifests import Owner
from pipeline.wire.responses import ResponseDecoder
from tests.support.world import CATALOGUE

PARTITION, GENERATION = 3, 1


class Shelf(Outbox):
    """Keeps what is sent as the checkpoint topic would, and looks at it after each record."""

    def __init__(self) -> None:
        self.log = PartitionLog()
        self.most = 0

    async def post(self, letters: Iterable[Letter]) -> Sequence[int]:
        for letter in letters:
            self.log.add(letter.key, letter.value)
            complete = self.complete()
            self.most = max(self.most, complete)
            assert complete >= min(self.most, 2), f"{complete} complete chains are left"
        return ()

    def complete(self) -> int:
        records = self.log.records
        chains = intact_chains(records, take_stock(records, GENERATION))
        return len({(chain.last.owner, chain.last.base) for chain in chains})


async def live(plan: Iterable[str]) -> Shelf:
    """Owners in turn; each checkpoints as often as the plan says, and some leave early."""
    shelf = Shelf()
    store = CheckpointStore(KafkaSettings(), shelf, Readers(ResponseDecoder(), CATALOGUE))
    state = PartitionState(PARTITION, GENERATION, 0, CATALOGUE)
    for epoch, cuts in enumerate(plan, start=1):
        records = shelf.log.records
        chain = next(intact_chains(records, take_stock(records, GENERATION)), None)
        writer = store._writer(state, shelf.log, Owner(epoch, f"o{epoch}"), chain)
        for _ in cuts:
            state.lose(Loss(state.next_offset + 1))
            state.emit(0, windows=False)
            await writer.write(state.cut(writer.wants_full))
    return shelf


@given(st.lists(st.text("c", max_size=9), max_size=6))
@example(["ccccccccc", "", "c", "ccccccc"])
def test_two_complete_chains_exist_at_every_moment_after_the_first_two(plan: list[str]) -> None:
    with patch.object(checkpoints, "MAX_LINKS", 3):
        shelf = asyncio.run(live(plan))
    assert shelf.complete() <= 2, "older ones are cleared up"
