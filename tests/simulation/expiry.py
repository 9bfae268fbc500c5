"""The log expires while no score worker reads it: what none has read is missing for good. Sinks may
have stored that; of what was counted they may have stored less.
"""

from __future__ import annotations

import asyncio
from typing import Final

from tests.simulation.broker import LONGEST_DELAY
from tests.simulation.kept import entries, given_up, newest_chain, paused_at
from tests.simulation.world import DAY, NEVER_RECORDS, TOPICS, World

LET_GO: Final = 6.0
"""A worker that is told to stop has time for its last cut (5 s), or has crashed by itself."""
UNLIFTED: Final = 12.0
"""Seconds in which a breaker may trip."""
AHEAD: Final = 6.0
"""Seconds for which scorers may go on without a sink."""
UNDER_WAY: Final = LONGEST_DELAY + 0.1
"""By then what the dead have sent has arrived, or never will."""


def expire_unread(world: World) -> None:
    """Stop or kill all score workers; the log goes on, and loses its beginning meanwhile."""
    world.plots.append(asyncio.ensure_future(_outage(world)))


def expire_paused(world: World) -> None:
    """What waits behind a pause of the breaker is lost: its worker runs, and finds out later. Where
    the breaker never trips, as `expire_unread`."""
    trips = 0 < world.settings.score.breaker_records < NEVER_RECORDS
    world.plots.append(asyncio.ensure_future((_pause if trips else _outage)(world)))


async def _pause(world: World) -> None:
    """Wait for a pause that nobody lifts so soon, send more, and lose of that."""
    for one in world.hold("operator", UNLIFTED):
        world.kill(one)
    for _ in range(int(2 * UNLIFTED)):
        await asyncio.sleep(0.5)
        for number in range(world.partitions):
            cut = paused_at(world.broker, number)
            if cut:
                for _ in range(5):
                    world.produce()
                _expire(world, number, cut)
                return


async def _outage(world: World) -> None:
    rng = world.rng
    down = LET_GO + UNDER_WAY + rng.random() * 4.0
    if rng.random() < 0.5:
        ahead = rng.random() * AHEAD
        for one in world.hold("sink", ahead + down):
            if not one.process.paused:  # that one may wake, and store what it has read
                world.kill(one)
        await asyncio.sleep(ahead)
    workers = world.hold("worker", down)
    for one in workers:
        if rng.random() < 0.5:
            world.kill(one)
        elif one.process.alive and not one.process.paused:
            one.stop()
    await asyncio.sleep(LET_GO)
    for one in workers:
        world.kill(one)
    await asyncio.sleep(UNDER_WAY)
    if rng.random() < 0.5:
        world.sleep(35 * DAY)
    for number in range(world.partitions):
        _expire(world, number)


def _expire(world: World, number: int, above: int = 0) -> None:
    """Up to anywhere in the log `above` an offset."""
    chain = newest_chain(world.broker, number)
    if chain is None:
        return  # whoever comes next would have to be told to begin with what is left
    partition = world.broker.topics[TOPICS.responses][number]
    cut = chain.last.next_offset
    low = max(partition.start, above)
    if partition.end > low:
        start = low + 1 + int(world.rng.random() * (partition.end - low))
        world.broker.expire(TOPICS.responses, number, start)
        stored = world.raw_rows.committed.get(number, 0)
        if start > stored:
            world.sent[number].unread.append((stored, start))
        if start > cut:
            lost = world.sent[number].lost
            if lost and lost[-1][0] == cut:
                lost.pop()  # nobody went on in between, or not to a checkpoint
            told = entries(world.broker, number, chain.last.generation)
            lost.append((cut, *given_up(told, cut, start)))
            if any(entry.next_offset >= start for entry in told):  # it is told with what comes next
                world.broker.mark(TOPICS.responses, number)
