"""Records what this release leaves behind. Run it at each release, and commit what it makes:

    python -m tests.releases.record

A short run on a real broker and a real engine, into the folder named like the version. The sink is
stopped before the score worker: so the next release finds records of this one that are not stored.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from pipeline import __version__
from pipeline.local.broker_properties import JVM_QUICK
from pipeline.local.kafka import LocalKafka
from pipeline.settings import KafkaSettings, Settings
from pipeline.store.client import connect
from pipeline.wire.kafka import admin, started
from pipeline.wire.topics import Topics
from tests.fixtures.clickhouse import serving
from tests.fixtures.scoring import now_ms, read, received, scoring, send
from tests.fixtures.sink import Pipe, piping
from tests.releases.artefacts import FOLDER, PARTITIONS, Artefacts, Committed, Kept, prefix, write
from tests.releases.traffic import Fields, traffic

WAVES: Final = 6
"""The sink sees the first half of them."""
NUMBER: Final = 25
"""Values of a wave and partition: 300 in all."""
CUT_SECONDS: Final = 0.3
"""Between checkpoints: there are full and incremental ones, and all is small."""
NAMES: Final = ("responses", "scores", "ledger", "dead_letters", "checkpoints")
OURS: Final = (
    "SELECT name FROM system.tables "
    "WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name"
)
STORED: Final = (
    "SELECT sum(most) FROM (SELECT max(received) AS most FROM ledger GROUP BY partition)"
)


async def run(pipe: Pipe) -> None:
    """Traffic through a worker and a sink that both end in good order."""
    base = pipe.settings
    often = base.score.model_copy(update={"checkpoint_seconds": CUT_SECONDS})
    draw, now = random.Random(1), now_ms()
    given: list[list[Fields]] = [[] for _ in range(PARTITIONS)]

    async def wave(number: int) -> None:
        for partition in range(PARTITIONS):
            await send(base, traffic(draw, NUMBER, now, given[partition]), partition)
        await received(base, number * NUMBER * PARTITIONS)
        await asyncio.sleep(2 * CUT_SECONDS)

    async with scoring(base.model_copy(update={"score": often})):
        async with pipe.sinking():
            for number in range(1, WAVES // 2 + 1):
                await wave(number)
            await pipe.wait_for(STORED, [(WAVES // 2 * NUMBER * PARTITIONS,)])
        for number in range(WAVES // 2 + 1, WAVES + 1):
            await wave(number)


async def committed(settings: Settings) -> list[Committed]:
    """Where all groups stand."""
    kafka = settings.kafka
    names = {getattr(Topics(kafka.topic_prefix), name): name for name in NAMES}
    async with started(admin(kafka), kafka) as client:
        groups = [group for group, *_ in await client.list_consumer_groups()]
        return [
            Committed(group.removeprefix(f"{kafka.group_prefix}-"), names[tp.topic], tp[1], at[0])
            for group in sorted(groups)
            for tp, at in sorted((await client.list_consumer_group_offsets(group)).items())
        ]


def rows(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables."""
    with closing(connect(settings.clickhouse)) as client:
        return {
            name: [
                json.loads(line)
                for line in client.raw_query(f"SELECT * FROM {name}", fmt="JSONEachRow").split(
                    b"\n"
                )
                if line
            ]
            for (name,) in client.query(OURS).result_rows
        }


async def record(folder: Path) -> Artefacts:
    """A run in this folder, and what it left."""
    name = prefix(__version__)
    with (
        LocalKafka(folder / "kafka", port=0, jvm=JVM_QUICK) as broker,
        serving(folder / "clickhouse") as store,
    ):
        kafka = KafkaSettings(
            bootstrap=broker.bootstrap,
            topic_prefix=name,
            group_prefix=name,
            partitions=PARTITIONS,
        )
        async with piping(kafka, store.url, "cx") as pipe:
            await run(pipe)
            topics = {
                topic: [
                    Kept(r.partition, r.offset, r.timestamp, r.key, r.value, list(r.headers))
                    for r in await read(pipe.settings, topic)
                ]
                for topic in NAMES
            }
            return Artefacts(topics, await committed(pipe.settings), rows(pipe.settings))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        write(FOLDER / __version__, asyncio.run(record(Path(made))))
