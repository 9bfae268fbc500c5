"""Every drill there is."""

from __future__ import annotations

from typing import Final

from pipeline.operate.drill.cluster import losing_brokers, losing_two
from pipeline.operate.drill.crossing import adding_partitions, crc32, crossing, nothing
from pipeline.operate.drill.crowd import coming_and_going
from pipeline.operate.drill.drill import Drill
from pipeline.operate.drill.expiry import expiring
from pipeline.operate.drill.flood import BREAKER, flooding
from pipeline.operate.drill.kills import (
    in_turn,
    killing,
    letting_go,
    restarting_broker,
    restarting_worker,
)
from pipeline.operate.drill.large import killing_large
from pipeline.operate.drill.recreate import recreating
from pipeline.operate.drill.soak import soaking
from pipeline.operate.drill.store import disk_full, emptied, going_away, slow
from pipeline.operate.drill.traffic import only_traffic, three_times
from pipeline.operate.drill.zombie import waking

BACKED_OFF: Final = 40.0
"""A sink that waited long tries again every 30 s at the latest."""

DRILLS: Final = (
    Drill(
        "scorer-killed",
        "kill -9 of one of two score workers at random moments; the other takes over.",
        killing("score-1", "score-2"),
        workers=2,
    ),
    Drill(
        "scorer-restarted",
        "kill -9 of the only score worker at random moments; a supervisor starts it again.",
        killing("score-1"),
    ),
    Drill(
        "scorer-stopped",
        "SIGTERM to one of two score workers: a last checkpoint, and the other goes on.",
        letting_go,
        limit=5.0,
        workers=2,
    ),
    Drill(
        "scorer-upgraded",
        "SIGTERM to the only score worker, started again at once, as an upgrade does.",
        restarting_worker,
    ),
    Drill(
        "sink-killed",
        "kill -9 of the sink at random moments.",
        killing("sink"),
        limit=15.0,
        seen="store",
    ),
    Drill(
        "clickhouse-killed",
        "kill -9 of ClickHouse at random moments.",
        killing("clickhouse"),
        seen="store",
    ),
    Drill(
        "broker-killed",
        "kill -9 of the only Kafka broker at random moments.",
        killing("kafka"),
        limit=15.0,
    ),
    Drill(
        "broker-stopped",
        "the only Kafka broker stopped in good order and started again.",
        restarting_broker,
        limit=15.0,
    ),
    Drill(
        "one-of-three-brokers",
        "kill -9 of one of three brokers, the busiest leader first: two go on without it.",
        losing_brokers,
        workers=2,
        brokers=3,
    ),
    Drill(
        "two-of-three-brokers",
        "kill -9 of two of three brokers: nothing can be written until one is back.",
        losing_two,
        limit=20.0,
        workers=2,
        brokers=3,
    ),
    Drill(
        "scorer-zombie",
        "SIGSTOP of a score worker past its session, while another takes over; then it wakes.",
        waking,
        workers=2,
    ),
    Drill(
        "workers-come-and-go",
        "one score worker becomes three and one again, under load.",
        coming_and_going,
    ),
    Drill(
        "clickhouse-away",
        "ClickHouse is away for a minute.",
        going_away,
        limit=BACKED_OFF,
        seen="store",
        seconds=120.0,
    ),
    Drill(
        "clickhouse-full",
        "the disk of ClickHouse is full for a while: every insert is refused.",
        disk_full,
        limit=BACKED_OFF,
        seen="store",
    ),
    Drill(
        "clickhouse-emptied",
        "every table of ClickHouse is emptied under load; `cxpulse sink --rebuild` fills them.",
        emptied,
        limit=BACKED_OFF,
        seen="store",
    ),
    Drill(
        "clickhouse-slow",
        "ClickHouse answers slowly for a while.",
        slow,
        limit=BACKED_OFF,
        seen="store",
        proxied=True,
    ),
    Drill(
        "duplicate-storm",
        "every record is sent three times.",
        only_traffic,
        make=three_times,
    ),
    Drill(
        "clock-skew",
        "half of the producers have wrong clocks: a day slow, minutes fast, an hour fast.",
        only_traffic,
        shares={"skew": 0.5},
    ),
    Drill(
        "garbage",
        "nearly half of what is sent cannot be used, below what stops a partition.",
        only_traffic,
        shares={"invalid": 0.7},
    ),
    Drill(
        "garbage-flood",
        "three quarters of what is sent cannot be used: partitions pause until somebody resumes.",
        flooding,
        limit=40.0,
        flowing=False,
        env=BREAKER,
    ),
    Drill(
        "partitions-added",
        "partitions are added under load; repeats and retractions land in others than before.",
        crossing(adding_partitions),
        flowing=False,
    ),
    Drill(
        "another-partitioner",
        "emitters are replaced by some that spread keys over partitions as librdkafka does.",
        crossing(nothing, crc32),
        flowing=False,
    ),
    Drill(
        "topic-recreated",
        "the responses topic is deleted and created again: a new generation beside the old one.",
        recreating,
        limit=40.0,
        flowing=False,
    ),
    Drill(
        "records-expired",
        "what was sent expires while scorer and sink, the scorer (kill -9), or the sink are down.",
        expiring,
        shares={"late": 0.0},  # an answer that is late needs raw rows
        seconds=60.0,
        flowing=False,
    ),
    Drill(
        "scorer-killed-large",
        "kill -9 of a score worker that remembers 1,000,000 ids and 100,000 panes.",
        killing_large,
        limit=15.0,
        workers=0,
        flowing=False,
        reconciled=False,  # nobody sent what that state remembers
    ),
    Drill(
        "short",
        "one fault after another on one stack: what `make test` runs.",
        in_turn(
            killing("score-1", "score-2"),
            killing("sink"),
            killing("clickhouse"),
            killing("kafka"),
            waking,
            disk_full,
        ),
        limit=20.0,
        seen="store",
        seconds=5.0,
        workers=2,
        apart=True,
    ),
    Drill(
        "soak",
        "kill -9 of a random part every 20 seconds for 15 minutes, at 1,000 responses a second.",
        soaking,
        limit=30.0,
        seen="store",
        seconds=900.0,
        rate=1_000.0,
        workers=2,
        apart=True,
    ),
)
"""In the order of `make drills`."""

BY_NAME: Final = {drill.name: drill for drill in DRILLS}
