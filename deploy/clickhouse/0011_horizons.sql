-- Where `cxpulse sink --rebuild` had to begin: what is older was neither in Kafka any more nor in the tables. Raw rows
-- and outcomes are complete from next_offset on, panes from the hour complete_from on.
CREATE TABLE IF NOT EXISTS horizons
(
    generation    UInt16,
    partition     UInt16,
    next_offset   UInt64,
    complete_from DateTime('UTC'),
    inserted_at   DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree(next_offset)
ORDER BY (generation, partition);
