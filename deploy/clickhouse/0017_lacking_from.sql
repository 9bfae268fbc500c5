-- lacking_from: raw rows before it are all stored. A late answer before it is counted from nothing that is lacking.
CREATE OR REPLACE VIEW whole_from AS
SELECT
    generation, partition, max(stored_from) AS next_offset, max(hour) AS complete_from, min(begin) AS lacking_from
FROM
(
    SELECT generation, partition, 0 AS begin, next_offset AS stored_from, complete_from AS hour FROM horizons
    UNION ALL
    SELECT generation, partition, from_offset AS begin, next_offset AS stored_from, complete_from AS hour FROM unstored
    WHERE NOT arrayExists(
        gap -> gap.1 = generation AND gap.2 = partition AND gap.3 <= from_offset AND gap.4 >= next_offset,
        (SELECT groupArray((generation, partition, from_offset, next_offset)) FROM given_up))
)
GROUP BY generation, partition;
