"""Every metric, declared once. Units are in the names; times are seconds.

A name is a contract with dashboards and alerts: never rename one, add another.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Steps within one process or one round trip."""

_FRESH: Final = (
    0.025,
    0.05,
    0.1,
    0.15,
    0.2,
    0.25,
    0.3,
    0.5,
    0.75,
    1.0,
    2.0,
    5.0,
    15.0,
    60.0,
    300.0,
)
"""Fine around the targets: 150 ms and 300 ms to the scores topic, 1 s to ClickHouse."""

# --- score worker --------------------------------------------------------------------------------

RECORDS = Counter("cxpulse_records", "Records of the responses topic by outcome.", ["outcome"])
DEAD_LETTERS = Counter(
    "cxpulse_dead_letters", "Records sent to the dead-letter topic, by reason.", ["reason"]
)
CHUNK_RECORDS = Histogram(
    "cxpulse_chunk_records",
    "Records handed to the fold at once.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
)
FOLD_SECONDS = Histogram(
    "cxpulse_fold_seconds", "Time to decode and fold one chunk.", buckets=_FAST
)
EMIT_SECONDS = Histogram(
    "cxpulse_emit_seconds",
    "From taking what changed to the acknowledgement of every message of it.",
    buckets=_FAST,
)
EMITTED_UPDATES = Counter("cxpulse_emitted_updates", "Score updates acknowledged by Kafka.")
SCORE_FRESHNESS = Histogram(
    "cxpulse_score_freshness_seconds",
    "Of the oldest record of each emission: append time to acknowledgement of its score.",
    buckets=_FRESH,
)
OLDEST_UNSCORED = Gauge(
    "cxpulse_oldest_unscored_seconds",
    "Age of the oldest record read but not yet told, or of the last one told when more wait.",
    ["partition"],
)
LAG_RECORDS = Gauge(
    "cxpulse_score_lag_records", "Records in the log that are not folded yet.", ["partition"]
)
OPEN_RECORDS = Gauge(
    "cxpulse_score_open_records",
    "Records that cannot be read yet: a transaction of a producer is open before them.",
    ["partition"],
)
PARTITIONS_OWNED = Gauge("cxpulse_partitions_owned", "Partitions this worker folds now.")
REBALANCES = Counter("cxpulse_rebalances", "Assignments this worker received.")
CHECKPOINT_AGE = Gauge(
    "cxpulse_checkpoint_age_seconds",
    "Since the oldest record folded but in no checkpoint yet; 0 when there is none.",
    ["partition"],
)
CHECKPOINT_BYTES = Histogram(
    "cxpulse_checkpoint_bytes",
    "Size of one checkpoint.",
    ["kind"],
    buckets=(1e3, 1e4, 1e5, 1e6, 1e7, 1e8),
)
CHECKPOINT_SECONDS = Histogram(
    "cxpulse_checkpoint_seconds", "From cut to acknowledged manifest.", buckets=_FAST
)
RESTORE_SECONDS = Histogram(
    "cxpulse_restore_seconds",
    "To claim, read and load the checkpoints of one assignment.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)

SCORE_PAUSED = Gauge(
    "cxpulse_score_paused",
    "1 while too many dead letters pause the partition, until `cxpulse resume`.",
    ["partition"],
)
CATALOGUE_BROKEN = Gauge(
    "cxpulse_catalogue_broken",
    "1 while the catalogue files do not hold together, and the one read before them is used.",
)
CATALOGUE_SWITCHES = Counter(
    "cxpulse_catalogue_switches", "Partitions that went on with another catalogue at a cut."
)

# --- sink ----------------------------------------------------------------------------------------

SINK_ROWS = Counter("cxpulse_sink_rows", "Rows acknowledged by ClickHouse.", ["table"])
SINK_RECORDS = Counter("cxpulse_sink_records", "Records stored and done with.", ["topic"])
SINK_INSERT_SECONDS = Histogram(
    "cxpulse_sink_insert_seconds",
    "From sending one block to its acknowledgement.",
    ["table"],
    buckets=_FAST,
)
SINK_BATCH_RECORDS = Histogram(
    "cxpulse_sink_batch_records",
    "Records stored at once.",
    ["topic"],
    buckets=(1, 10, 100, 1_000, 10_000, 100_000),
)
SINK_FRESHNESS = Histogram(
    "cxpulse_sink_freshness_seconds",
    "Of the oldest record of each batch: append time to stored.",
    ["topic"],
    buckets=_FRESH,
)
SINK_LAG_RECORDS = Gauge(
    "cxpulse_sink_lag_records", "Records in the topic that this sink has not read yet.", ["topic"]
)
SINK_WAITING = Gauge(
    "cxpulse_sink_waiting", "1 while the sink waits for ClickHouse or the broker.", ["topic"]
)
SINK_RETRIES = Counter(
    "cxpulse_sink_retries", "Attempts that failed in a way that waiting may mend.", ["topic"]
)
SINK_LAST_PROGRESS = Gauge(
    "cxpulse_sink_last_progress_timestamp_seconds",
    "When the last batch was stored, or the end of the topic found.",
    ["topic"],
)
SINK_REFUSED = Counter(
    "cxpulse_sink_refused", "Records set aside as dead letters of stage sink.", ["topic", "reason"]
)
SINK_REDACTIONS = Counter(
    "cxpulse_sink_redactions", "Pieces taken out of comments, by kind.", ["kind"]
)
SINK_EXPIRED = Counter(
    "cxpulse_sink_expired_records",
    "Records that expired in Kafka before this sink read them.",
    ["topic"],
)
SINK_HELD_HOURS = Gauge(
    "cxpulse_sink_held_hours", "Late hours that wait for their raw rows and outcomes."
)
SINK_RECOUNTED_HOURS = Counter("cxpulse_sink_recounted_hours", "Late hours recounted.")
SINK_RECOUNT_SECONDS = Histogram(
    "cxpulse_sink_recount_seconds", "Time of one recount of late hours.", buckets=_FAST
)
