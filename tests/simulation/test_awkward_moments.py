"""Moments at which something once went wrong; random ones are in `test_simulation`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from pipeline.core.partition import PartitionState
from pipeline.core.updates import Loss
from pipeline.operate.generations import begin_generation
from pipeline.wire.generations import read_generations
from pipeline.wire.lives import UNREAD, Mark, mark_of, other_logs
from tests.simulation.broken import OVERTAKEN, broken
from tests.simulation.broker import Weather
from tests.simulation.catalogues import OTHERS
from tests.simulation.check import check
from tests.simulation.expiry import expire_judged
from tests.simulation.faults import drain
from tests.simulation.groups import SESSION
from tests.simulation.lives import BETWEEN
from tests.simulation.run import MOST_STEPS
from tests.simulation.seams import inside
from tests.simulation.world import TOPICS, World
from tests.support.world import CATALOGUE

SEEDS = 20
"""Enough for the moment to be hit; each takes some 0.1 s."""


def test_a_catalogue_that_comes_while_partitions_are_taken_over_holds_for_all_of_them() -> None:
    for seed in range(SEEDS):
        assert not _faults(seed, _changed_during_a_restore, restless=True)


def test_who_slept_while_another_changed_the_catalogue_tells_nothing_of_what_it_had_judged() -> (
    None
):
    for seed in range(SEEDS):
        assert not _faults(seed, _changed_while_one_slept, restless=True)


@pytest.mark.parametrize("name", OVERTAKEN)
def test_who_is_overtaken_is_found_when_that_is_done_wrong(name: str) -> None:
    with broken(name):
        assert any(_faults(seed, _changed_while_one_slept, restless=True) for seed in range(SEEDS))


def test_marks_that_a_stopping_worker_reads_after_records_it_leaves_do_not_skip_them() -> None:
    for seed in range(SEEDS):
        assert not _faults(seed, _stopped_among_records)


def test_generations_are_known_while_partitions_are_added_that_have_none_yet() -> None:
    async def story(world: World) -> None:
        kafka = world.settings.kafka
        await begin_generation(kafka, force=True)
        world.widen(TOPICS.checkpoints, world.partitions + 1)
        found = await read_generations(kafka)
        assert [found.of(number) for number in range(world.partitions)] == [2] * world.partitions

    _played(story)


@pytest.mark.parametrize("again", [False, True])
def test_a_log_is_known_as_another_one_though_a_mark_is_where_the_last_record_was(
    again: bool,
) -> None:
    async def story(world: World) -> None:
        kafka, broker = world.settings.kafka, world.broker
        _sent_in_transactions(world)
        read = broker.topics[TOPICS.responses][0]
        marks = {0: Mark(read.end, read.records[-1].timestamp)}
        await asyncio.sleep(1.0)
        if again:
            broker.create(TOPICS.responses, world.partitions)
        _sent_in_transactions(world)
        found = await other_logs(kafka, TOPICS.responses, marks)
        assert bool(found) is again

    _played(story)


@pytest.mark.parametrize("again", [False, True])
def test_a_log_of_which_nothing_was_read_is_known_as_another_one_by_where_it_begins(
    again: bool,
) -> None:
    async def story(world: World) -> None:
        kafka, broker = world.settings.kafka, world.broker
        state = PartitionState(0, 1, 0, CATALOGUE)
        for _ in range(2):
            broker.append(TOPICS.responses, 0, b"", b"", ())
        broker.expire(TOPICS.responses, 0, 2)
        state.lose(Loss(2))
        if again:
            broker.create(TOPICS.responses, world.partitions)
            for _ in range(2):
                broker.mark(TOPICS.responses, 0)
        assert mark_of(state) == Mark(2, UNREAD)
        found = await other_logs(kafka, TOPICS.responses, {0: mark_of(state)})
        assert bool(found) is again

    _played(story)


def test_who_runs_on_knows_a_log_as_another_one_though_it_begins_with_marks() -> None:
    for seed in range(SEEDS):
        assert not _faults(seed, _created_again_with_marks_first)


def test_a_sink_that_sleeps_until_the_new_log_has_lost_what_could_tell_stores_nothing_of_it() -> (
    None
):
    for seed in range(SEEDS):
        assert not _faults(seed, _created_again_and_expired_while_a_sink_slept)


def _sent_in_transactions(world: World) -> None:
    for _ in range(3):
        world.broker.append(TOPICS.responses, 0, b"", b"", ())
        world.broker.mark(TOPICS.responses, 0)


def _played(story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """A story in which nobody runs."""
    world = World(0)
    with inside(world):
        world.loop.run(story(world), MOST_STEPS)


def _faults(
    seed: int, story: Callable[[World], Awaitable[None]], *, restless: bool = False
) -> list[str]:
    """What is wrong after a story, when all is calm again."""
    world = World(seed)
    world.restless = restless

    async def whole() -> None:
        world.launch(workers=1, sinks=1)
        await story(world)
        world.broker.weather = Weather()
        await drain(world, world.loop.time())
        world.over = True

    with inside(world):
        try:
            world.loop.run(whole(), MOST_STEPS)
        except AssertionError as error:
            return [str(error)]
        return check(world)


async def _changed_during_a_restore(world: World) -> None:
    world.broker.weather = Weather(slow=1.0)
    await asyncio.sleep(world.rng.random() * 10.0)
    world.publish(OTHERS[0])
    await asyncio.sleep(10.0)
    for _ in range(5):
        world.produce()


async def _changed_while_one_slept(world: World) -> None:
    """It has judged records, and told them or not, that are judged otherwise by who comes after."""
    world.launch(workers=1, sinks=0)
    await asyncio.sleep(3.0)
    for _ in range(15):
        world.produce()
        await asyncio.sleep(world.rng.random() * 0.05)
    world.pause(world.running[0], 3 * SESSION)
    world.publish(OTHERS[3])
    for _ in range(20):
        world.produce()
        await asyncio.sleep(1.0)


async def _stopped_among_records(world: World) -> None:
    await asyncio.sleep(3.0)
    for _ in range(5):
        world.produce()
    await asyncio.sleep(0.5)
    world.broker.weather = Weather(slow=1.0)  # the last cut takes its time
    world.running[0].stop()
    for _ in range(10):
        await asyncio.sleep(0.05)
        world.produce()
        for number in range(world.partitions):
            world.broker.mark(TOPICS.responses, number)


async def _created_again_with_marks_first(world: World) -> None:
    for _ in range(10):  # of each partition something that can be compared
        world.produce()
    await drain(world, world.loop.time())
    marks = [partition.end for partition in world.broker.topics[TOPICS.responses]]
    world.recreate()
    await asyncio.sleep(BETWEEN)
    for number, end in enumerate(marks):
        for _ in range(end):
            world.broker.mark(TOPICS.responses, number)
    await asyncio.sleep(BETWEEN)
    for _ in range(5):
        world.produce()
    await asyncio.sleep(5.0)  # whoever reads that for its own log has stored it by now
    await begin_generation(world.settings.kafka)
    for one in world.running:
        world.kill(one)


async def _created_again_and_expired_while_a_sink_slept(world: World) -> None:
    for _ in range(10):
        world.produce()
    await drain(world, world.loop.time())
    ends = [partition.end for partition in world.broker.topics[TOPICS.responses]]
    worker, sink = world.running[:2]
    world.pause(sink, 5 * SESSION)
    world.recreate()
    await asyncio.sleep(BETWEEN)
    await begin_generation(world.settings.kafka)
    world.kill(worker)
    for number, end in enumerate(ends):
        for _ in range(end):
            world.broker.mark(TOPICS.responses, number)
    for _ in range(20):  # and the new log is judged, so that it may expire
        world.produce()
        await asyncio.sleep(1.0)
    for number, end in enumerate(ends):
        expire_judged(world, number, end - 1)
    await asyncio.sleep(2 * SESSION)
    for one in world.running:
        world.kill(one)
