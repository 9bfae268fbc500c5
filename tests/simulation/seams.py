"""Where the real code gets a simulated world instead of I/O, clocks and randomness.

Nothing else is replaced: the names below are all that the simulation knows of their modules.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import structlog

from pipeline.core import updates
from pipeline.core.catalogue import Catalogue
from pipeline.operate import generations as operated
from pipeline.operate import growth, pauses
from pipeline.score import checkpoints, log_reader, restore, told, untold, worker
from pipeline.sink import expired, guard, held, intake, repairs, service
from pipeline.wire import catalogue_watch, generations, kafka, lives, segments
from pipeline.wire.catalogue_codec import catalogue_bytes, catalogue_from_bytes
from tests.simulation.broker import FakeProducer
from tests.simulation.catalogues import BY_DIGEST
from tests.simulation.clients import App, GroupConsumer, Reader
from tests.simulation.growth import widen
from tests.support.world import DAY

if TYPE_CHECKING:
    from tests.simulation.world import World

_BYTES = {digest: catalogue_bytes(catalogue) for digest, catalogue in BY_DIGEST.items()}
_read = lru_cache(catalogue_from_bytes)
SILENT = structlog.make_filtering_bound_logger(logging.CRITICAL)


class Watch:
    """In place of `CatalogueWatch`: the files are those of the world."""

    broken = False

    def __init__(self, world: World, known: Catalogue) -> None:
        self._world = world
        self._known = known

    def look(self) -> Catalogue | None:
        before, self._known = self._known, self._world.catalogue
        return None if before is self._known else self._known


async def _unchanging(*_: object) -> None:
    """The catalogue files stay as they are."""


@contextmanager
def inside(world: World) -> Iterator[None]:
    """Everything made in this context belongs to `world`."""
    with ExitStack() as stack:
        for target, name, new in _replaced(world):
            stack.enter_context(patch.object(target, name, new))
        state = random.getstate()
        stack.callback(random.setstate, state)
        random.seed(world.seed)
        kept = structlog.get_config()
        stack.callback(lambda: structlog.configure(**kept))
        structlog.configure(wrapper_class=SILENT, cache_logger_on_first_use=False)
        yield


def _replaced(world: World) -> Iterator[tuple[Any, str, Any]]:
    yield from _clocks(world)
    yield from _clients(world)
    yield from _remembered()
    yield from _sizes(world)


def _clocks(world: World) -> Iterator[tuple[Any, str, Any]]:
    loop = world.loop
    yield time, "monotonic", loop.time
    yield time, "time", lambda: world.clock() / 1000
    yield time, "time_ns", lambda: world.clock() * 1_000_000
    yield uuid, "uuid4", lambda: uuid.UUID(int=world.rng.getrandbits(128), version=4)


def _clients(world: World) -> Iterator[tuple[Any, str, Any]]:
    yield worker, "make_app", lambda *args: App(world, *args)
    for module in (log_reader, lives, generations, told):
        yield module, "consumer", lambda kafka, **_: Reader(world)
    for module in (generations, lives, kafka, growth, operated):
        yield module, "partition_counts", world.broker.partition_counts
    yield service, "consumer", lambda kafka, group_id, **_: GroupConsumer(world.group(group_id))
    yield service, "producer", lambda kafka, **_: FakeProducer(world.broker)
    for module in (pauses, operated):
        yield module, "producer", lambda kafka, **_: FakeProducer(world.broker)
    yield growth, "_widen", widen(world)
    yield service, "load_catalogue", lambda folder: world.catalogue
    if world.restless:
        yield catalogue_watch, "CatalogueWatch", lambda _, known: Watch(world, known)
    else:
        yield worker, "follow_catalogue", _unchanging
        yield service, "follow_catalogue", _unchanging
    yield service, "Tables", lambda client: client
    yield repairs, "reach", lambda tables, topic, places: tables.reach(topic, places)
    yield repairs, "lacks", lambda tables: tables.lacks()
    yield repairs, "recount", lambda tables, notes: tables.recount(notes)
    yield repairs, "recount_upwards", lambda tables, notes: tables.recount(notes, upwards=True)
    yield expired, "stored_to", lambda tables, topic, places: tables.stored_to(topic, places)
    yield guard, "last_rows", lambda tables, places: tables.last_rows(places)

    async def connect(settings: object) -> object:
        return world.store

    yield service, "connect_async", connect


def _remembered() -> Iterator[tuple[Any, str, Any]]:
    """The few catalogues there are, written and read once: they were a tenth of all time."""
    yield checkpoints, "catalogue_bytes", lambda catalogue: _BYTES[catalogue.digest]
    yield restore, "catalogue_from_bytes", _read


def _sizes(world: World) -> Iterator[tuple[Any, str, Any]]:
    """Limits so small that a few records reach them."""
    yield repairs, "SHORTEST_SECONDS", 1.0
    yield intake, "STEP_SECONDS", 0.3
    yield intake, "PAUSED_SECONDS", 2.0
    yield service, "CALM", 3
    yield told, "SENT_MS", 100 * DAY  # days go by here while a message is on its way
    yield checkpoints, "MAX_LINKS", 4
    yield held, "MOST_HELD", 6
    yield segments, "SEGMENT", 600
    yield untold, "MAX_EXCEPTIONS", 4
    yield untold, "MAX_HELD_BYTES", 300
    yield updates, "MOST_ROWS", 3
