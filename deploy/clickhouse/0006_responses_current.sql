-- The responses that count, one row each, as raw rows: below what the ledger says is judged; neither dead
-- letter nor duplicate; not taken back by a retraction that counted; each event_id once, the first.
CREATE OR REPLACE VIEW responses_current AS
WITH
    judged AS (SELECT generation, partition, max(next_offset) AS judged_below FROM ledger GROUP BY generation, partition),
    taken_back AS
    (
        SELECT event_id FROM responses
        WHERE retracted AND (generation, partition, offset) IN
            (SELECT generation, partition, offset FROM outcomes WHERE outcome IN ('retraction', 'late'))
    )
SELECT
    generation, partition, offset, event_id, occurred_at, received_at, agency, service, channel, survey,
    answers, location, comment, retracted, inserted_at
FROM responses
INNER JOIN judged USING (generation, partition)
WHERE offset < judged_below
  AND NOT retracted
  AND (generation, partition, offset) NOT IN
      (SELECT generation, partition, offset FROM outcomes WHERE outcome != 'late')
  AND event_id NOT IN taken_back
ORDER BY received_at, generation, partition, offset, inserted_at DESC
LIMIT 1 BY event_id;
