-- What the sink writes. Every key ends in (generation, partition, ...), so a row written twice is one row:
-- a crash or a replay of the sink repeats work and changes nothing. Views must be right before any merge.
-- Times are UTC. Partitions are years of a value that is a function of the key and cannot be hostile:
-- the broker's append time, or an hour or a window end that the scorer has judged. There is no TTL:
-- one would swallow an old quarter at insert, silently.
-- ${replicated} is empty, or `Replicated` on a cluster.

-- One row for every record that could be decoded, dead letters and repeats included.
-- The key is the place in the log and nothing that decoding yields: a new alias in the catalogue
-- must replace a row, not add a second one.
CREATE TABLE IF NOT EXISTS responses
(
    generation  UInt16 CODEC(ZSTD(1)),
    partition   UInt16 CODEC(ZSTD(1)),
    offset      UInt64 CODEC(DoubleDelta, ZSTD(1)),
    event_id    UUID,
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'append time of the broker',
    agency      LowCardinality(String),
    service     LowCardinality(String),
    channel     LowCardinality(String),
    survey      LowCardinality(String),
    answers     Map(LowCardinality(String), UInt8),
    location    Nullable(String),
    comment     Nullable(String) COMMENT 'redacted',
    retracted   Bool,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- An event is looked up by its id (trace); 0.1 % false positives cost 2 bytes a row.
    INDEX by_event event_id TYPE bloom_filter(0.001) GRANULARITY 1,
    -- Repairs recount hours of occurred_at; freshness reads the last minutes of received_at.
    INDEX by_occurred occurred_at TYPE minmax GRANULARITY 1,
    INDEX by_received received_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYear(received_at)
ORDER BY (generation, partition, offset);

-- The exceptions of the ledger: every record that was not simply accepted.
CREATE TABLE IF NOT EXISTS outcomes
(
    generation  UInt16 CODEC(ZSTD(1)),
    partition   UInt16 CODEC(ZSTD(1)),
    offset      UInt64 CODEC(DoubleDelta, ZSTD(1)),
    outcome     LowCardinality(String) COMMENT 'duplicate, late, retraction, dead_letter',
    reason      LowCardinality(String),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (generation, partition, offset);

-- Running totals of each partition, one row for each cut of the fold.
CREATE TABLE IF NOT EXISTS ledger
(
    generation   UInt16 CODEC(ZSTD(1)),
    partition    UInt16 CODEC(ZSTD(1)),
    from_offset  UInt64 CODEC(DoubleDelta, ZSTD(1)),
    next_offset  UInt64 CODEC(DoubleDelta, ZSTD(1)),
    start_offset UInt64 CODEC(ZSTD(1)),
    as_of        DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'append time of the last record folded',
    watermark    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    catalogue    LowCardinality(String) COMMENT 'digest of the catalogue the fold used',
    received     UInt64 CODEC(Delta, ZSTD(1)),
    accepted     UInt64 CODEC(Delta, ZSTD(1)),
    duplicate    UInt64 CODEC(Delta, ZSTD(1)),
    late         UInt64 CODEC(Delta, ZSTD(1)),
    retraction   UInt64 CODEC(Delta, ZSTD(1)),
    dead_letter  UInt64 CODEC(Delta, ZSTD(1)),
    missing      UInt64 CODEC(Delta, ZSTD(1)),
    marker       UInt64 CODEC(Delta, ZSTD(1)),
    inserted_at  DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (generation, partition, next_offset);

-- Absolute counts of one group, measure, hour of event time and source partition.
-- The hour leads the key: a quarter is one range of it, and what is inserted today does not overlap
-- closed quarters, so that FINAL has nothing to merge there.
CREATE TABLE IF NOT EXISTS score_panes
(
    agency           LowCardinality(String),
    service          LowCardinality(String),
    channel          LowCardinality(String),
    survey           LowCardinality(String),
    scale            LowCardinality(String),
    measure          LowCardinality(String),
    hour             DateTime('UTC') CODEC(Delta, ZSTD(1)),
    generation       UInt16 CODEC(ZSTD(1)),
    partition        UInt16 CODEC(ZSTD(1)),
    counts           Array(UInt32) COMMENT 'six; counts[1] counts the value 0',
    version          UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'generation << 48 | next_offset',
    last_response_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    as_of            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'append time of the last record folded',
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_as_of as_of TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(version)
PARTITION BY toYear(hour)
ORDER BY (hour, agency, service, channel, survey, measure, scale, generation, partition);

-- Rolling windows as emitted. The newest rows of a window are one range of the key, however old the table.
CREATE TABLE IF NOT EXISTS rolling_scores
(
    agency           LowCardinality(String),
    service          LowCardinality(String),
    channel          LowCardinality(String),
    survey           LowCardinality(String),
    scale            LowCardinality(String),
    measure          LowCardinality(String),
    window           LowCardinality(String) COMMENT '1h, 24h, 7d or 28d',
    window_start     DateTime('UTC') CODEC(Delta, ZSTD(1)),
    window_end       DateTime('UTC') CODEC(Delta, ZSTD(1)),
    generation       UInt16 CODEC(ZSTD(1)),
    partition        UInt16 CODEC(ZSTD(1)),
    counts           Array(UInt32) COMMENT 'six; counts[1] counts the value 0',
    version          UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'generation << 48 | next_offset',
    last_response_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    as_of            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'append time of the last record folded',
    emitted_at       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_as_of as_of TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(version)
PARTITION BY toYear(window_end)
ORDER BY (window, window_end, agency, service, channel, survey, measure, scale, generation, partition);

-- What could not be used, and why; topic, partition and offset are those of the original,
-- whose bytes stay in Kafka.
CREATE TABLE IF NOT EXISTS dead_letters
(
    topic       LowCardinality(String),
    generation  UInt16 DEFAULT 0 CODEC(ZSTD(1)),
    partition   UInt16 CODEC(ZSTD(1)),
    offset      UInt64 CODEC(DoubleDelta, ZSTD(1)),
    stage       LowCardinality(String),
    reason      LowCardinality(String),
    attempt     UInt32,
    schema      String COMMENT 'what the producer claimed: the first ten bytes in hex',
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'append time of the original',
    size        UInt32 COMMENT 'bytes of the original',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (topic, generation, partition, offset, stage);

-- How far each topic is stored: a repair note waits until the raw rows and outcomes below it are here.
CREATE TABLE IF NOT EXISTS sink_progress
(
    topic       LowCardinality(String),
    generation  UInt16,
    partition   UInt16,
    next_offset UInt64,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree(next_offset)
ORDER BY (topic, generation, partition);
