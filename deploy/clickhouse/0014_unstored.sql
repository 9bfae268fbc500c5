-- Offsets whose raw rows are lacking for good: they had expired in Kafka before a sink stored them, though a score
-- worker may have judged them. Their answers were given before complete_from.
CREATE TABLE IF NOT EXISTS unstored
(
    generation    UInt16,
    partition     UInt16,
    from_offset   UInt64,
    next_offset   UInt64,
    complete_from DateTime('UTC'),
    inserted_at   DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (generation, partition, from_offset, next_offset);

-- From where on all is stored: raw rows from next_offset, answers from the hour complete_from. What nobody judged
-- either (a gap) is not lacking.
CREATE OR REPLACE VIEW whole_from AS
SELECT generation, partition, max(stored_from) AS next_offset, max(hour) AS complete_from
FROM
(
    SELECT generation, partition, next_offset AS stored_from, complete_from AS hour FROM horizons
    UNION ALL
    SELECT generation, partition, next_offset AS stored_from, complete_from AS hour FROM unstored
    WHERE NOT arrayExists(
        gap -> gap.1 = generation AND gap.2 = partition AND gap.3 <= from_offset AND gap.4 >= next_offset,
        (SELECT groupArray((generation, partition, from_offset, next_offset)) FROM gaps))
)
GROUP BY generation, partition;
