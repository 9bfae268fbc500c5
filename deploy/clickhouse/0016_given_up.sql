-- Where a fold began again, above the first record: `cxpulse score --rebuild-from-log-start`.
CREATE TABLE IF NOT EXISTS beginnings
(
    generation   UInt16,
    partition    UInt16,
    start_offset UInt64,
    inserted_at  DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (generation, partition, start_offset);

INSERT INTO beginnings (generation, partition, start_offset)
SELECT DISTINCT generation, partition, start_offset FROM ledger WHERE start_offset > 0;

-- The offsets that nobody judged: every gap, up to where a fold began again. A gap may have the end of what a dead worker had
-- told, though the log still has it: such a fold judges that after all. Whoever tells a gap began at or below its first
-- offset, and that one had expired: so a beginning above it is of a later fold, in whatever order the two are stored.
CREATE OR REPLACE VIEW given_up AS
SELECT
    gaps.generation AS generation, gaps.partition AS partition, gaps.from_offset AS from_offset,
    arrayMin(arrayPushBack(
        arrayMap(begun -> begun.3, arrayFilter(
            begun -> begun.1 = gaps.generation AND begun.2 = gaps.partition AND begun.3 > gaps.from_offset,
            (SELECT groupArray((generation, partition, start_offset)) FROM beginnings))),
        gaps.next_offset)) AS next_offset
FROM gaps;

-- The responses that count, one row each, as raw rows: below what the ledger says is judged, and in no gap; neither
-- dead letter nor duplicate; not taken back; each event_id once, the first.
-- A retraction takes back the response with its id, time and group: in its own partition when it counted, in
-- any other when it is the emitter's own (there it may also be a duplicate, of a repair). So this view is
-- right before `cxpulse reconcile --repair` has run, and stays as it is when it has.
-- Channel and survey tell the group. Agency and service are those of the survey, which it keeps for ever: a raw row
-- has them as the sink's catalogue knew them, maybe under a name that only became an alias later.
CREATE OR REPLACE VIEW responses_current AS
WITH
    -- Three lists of one length: a constant, which costs nothing a row.
    (
        SELECT (groupArray(toString(survey)), groupArray(toString(agency)), groupArray(toString(service)))
        FROM surveys INNER JOIN services USING (service)
    ) AS owners,
    was_read AS
    (
        SELECT * FROM responses
        WHERE NOT arrayExists(
            gap -> gap.1 = generation AND gap.2 = partition AND offset >= gap.3 AND offset < gap.4,
            (SELECT groupArray((generation, partition, from_offset, next_offset)) FROM given_up))
    ),
    judged AS (SELECT generation, partition, max(next_offset) AS judged_below FROM ledger GROUP BY generation, partition),
    taken_back_here AS
    (
        SELECT generation, partition, event_id, occurred_at, channel, survey FROM was_read
        WHERE retracted AND (generation, partition, offset) IN
            (SELECT generation, partition, offset FROM outcomes WHERE outcome IN ('retraction', 'late'))
    ),
    taken_back_anywhere AS
    (
        SELECT event_id, occurred_at, channel, survey FROM was_read
        WHERE retracted AND NOT repair AND (generation, partition, offset) IN
            (SELECT generation, partition, offset FROM outcomes WHERE outcome IN ('retraction', 'late', 'duplicate'))
    )
SELECT
    generation, partition, offset, event_id, occurred_at, received_at,
    -- A survey that left the catalogue is not among them.
    coalesce(nullIf(transform(survey, owners.1, owners.2, ''), ''), was_read.agency) AS agency,
    coalesce(nullIf(transform(survey, owners.1, owners.3, ''), ''), was_read.service) AS service,
    channel, survey, answers, location, comment, retracted, inserted_at
FROM was_read
INNER JOIN judged USING (generation, partition)
WHERE offset < judged_below
  AND NOT retracted
  AND (generation, partition, offset) NOT IN
      (SELECT generation, partition, offset FROM outcomes WHERE outcome != 'late')
  AND (generation, partition, event_id, occurred_at, channel, survey) NOT IN taken_back_here
  AND (event_id, occurred_at, channel, survey) NOT IN taken_back_anywhere
ORDER BY received_at, generation, partition, offset, inserted_at DESC
LIMIT 1 BY event_id;

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
        (SELECT groupArray((generation, partition, from_offset, next_offset)) FROM given_up))
)
GROUP BY generation, partition;
