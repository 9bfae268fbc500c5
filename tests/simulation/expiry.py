"""The log expires while no score worker reads it: what none has read is missing for good. Sinks may
have stored that; of what was counted they may have stored less.
"""

from __future__ import annotations

import asyncio
from typing import Final

from tests.simulation.broker import LONGEST_DELAY
from tests.simulation.groups import SESSION
from tests.simulation.kept import entries, given_up, newest_chain, newest_epoch, paused_at
from tests.simulation.traffic import AGAIN, CLOSE, NOW
from tests.simulation.world import DAY, NEVER_RECORDS, TOPICS, World

LET_GO: Final = 6.0
"""A worker that is told to stop has time for its last cut (5 s), or has crashed by itself."""
UNLIFTED: Final = 12.0
"""Seconds in which a breaker may trip."""
JUDGING: Final = 9.0
"""Seconds for which successors judge before a sleeper wakes: most cut meanwhile."""
SHORT: Final = SESSION - 1.5
"""Seconds after which a stopped sink is still a member of its group."""
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


def expire_behind(world: World) -> None:
    """Who is stopped past its session finds gone what others have judged; of score workers that
    takes two."""
    some = len([one for one in world.running if one.name.startswith("worker")]) > 1
    world.plots.append(asyncio.ensure_future((_nap if some else _overtake)(world)))


def expire_unstored(world: World) -> None:
    """As `expire_behind`, of sinks."""
    world.plots.append(asyncio.ensure_future(_overtake(world)))


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
                expire(world, number, cut)
                return


async def _outage(world: World) -> None:
    rng = world.rng
    down = LET_GO + UNDER_WAY + rng.random() * 4.0
    if rng.random() < 0.5:
        await _kill_sinks(world, rng.random() * AHEAD, down)
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
        expire(world, number)


async def _kill_sinks(world: World, ahead: float, down: float) -> None:
    """So many seconds ahead of what keeps the score workers down."""
    for one in world.hold("sink", ahead + down):
        if not one.process.paused:  # that one may wake, and store what it has read
            world.kill(one)
    await asyncio.sleep(ahead)


async def _overtake(world: World) -> None:
    """Sinks stand still with records in hand; what others have judged meanwhile expires."""
    rng = world.rng
    world.produce()
    await asyncio.sleep(0.5)
    before = [partition.end for partition in world.broker.topics[TOPICS.responses]]
    for one in world.running:
        if one.name.startswith("sink"):
            world.pause(one, rng.choice((SHORT, SHORT, SESSION + SHORT)))
    for _ in range(int(SHORT)):
        for _ in range(2):
            world.produce(CLOSE)
        await asyncio.sleep(0.9)
    for number, read in enumerate(before):
        expire_judged(world, number, read)
    if rng.random() < 0.5:
        world.sleep(35 * DAY)
        for kinds in (NOW, AGAIN, AGAIN, AGAIN):
            world.produce(kinds)


async def _nap(world: World) -> None:
    """All score workers but one stand still; what that one judges meanwhile expires."""
    workers = [one for one in world.running if one.name.startswith("worker")]
    seconds = SESSION + JUDGING
    end = world.loop.time() + seconds
    for one in world.rng.sample(workers, len(workers) - 1):
        world.pause(one, seconds)
    epochs = [newest_epoch(world.broker, number) for number in range(world.partitions)]
    before = [partition.end for partition in world.broker.topics[TOPICS.responses]]
    await asyncio.sleep(SESSION)
    while world.loop.time() + 1.0 < end:
        world.produce()
        await asyncio.sleep(1.0)
    for number, epoch in enumerate(epochs):
        if newest_epoch(world.broker, number) > epoch:
            expire_judged(world, number, before[number])
    await asyncio.sleep(end - world.loop.time())
    for _ in range(5):  # what is lost is told with what comes next
        world.produce()
        await asyncio.sleep(0.2)


def expire_judged(world: World, number: int, above: int) -> None:
    """No further than whoever owns the partition is safely past."""
    chain = newest_chain(world.broker, number)
    if chain is not None and chain.last.owner.epoch == newest_epoch(world.broker, number):
        expire(world, number, above, chain.last.next_offset)


def expire(world: World, number: int, above: int = 0, most: int | None = None) -> None:
    """Up to anywhere in the log `above` an offset, and no further than `most`."""
    if world.renewing:
        return  # a log that has lost its mark cannot be told from another one (0012)
    chain = newest_chain(world.broker, number)
    if chain is None:
        return  # whoever comes next would have to be told to begin with what is left
    partition = world.broker.topics[TOPICS.responses][number]
    cut = chain.last.next_offset
    low = max(partition.start, above)
    most = partition.end if most is None else most
    if most > low:
        start = low + 1 + int(world.rng.random() * (most - low))
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
