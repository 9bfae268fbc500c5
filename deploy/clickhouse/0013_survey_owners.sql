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
            (SELECT groupArray((generation, partition, from_offset, next_offset)) FROM gaps))
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
