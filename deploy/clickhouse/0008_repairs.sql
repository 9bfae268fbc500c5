-- A repair is a retraction that `cxpulse reconcile --repair` sent, to take back what one partition counted
-- though the same event counts in another. It says nothing about the customer's own wish.
ALTER TABLE responses ADD COLUMN IF NOT EXISTS
    repair Bool DEFAULT false COMMENT 'a retraction sent by reconcile, not by the emitter' AFTER retracted;

-- The responses that count, one row each, as raw rows: below what the ledger says is judged; neither dead
-- letter nor duplicate; not taken back; each event_id once, the first.
-- A retraction takes back the response with its id, time and group: in its own partition when it counted, in
-- any other when it is the emitter's own (there it may also be a duplicate, of a repair). So this view is
-- right before `cxpulse reconcile --repair` has run, and stays as it is when it has.
CREATE OR REPLACE VIEW responses_current AS
WITH
    judged AS (SELECT generation, partition, max(next_offset) AS judged_below FROM ledger GROUP BY generation, partition),
    taken_back_here AS
    (
        SELECT generation, partition, event_id, occurred_at, agency, service, channel, survey FROM responses
        WHERE retracted AND (generation, partition, offset) IN
            (SELECT generation, partition, offset FROM outcomes WHERE outcome IN ('retraction', 'late'))
    ),
    taken_back_anywhere AS
    (
        SELECT event_id, occurred_at, agency, service, channel, survey FROM responses
        WHERE retracted AND NOT repair AND (generation, partition, offset) IN
            (SELECT generation, partition, offset FROM outcomes WHERE outcome IN ('retraction', 'late', 'duplicate'))
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
  AND (generation, partition, event_id, occurred_at, agency, service, channel, survey) NOT IN taken_back_here
  AND (event_id, occurred_at, agency, service, channel, survey) NOT IN taken_back_anywhere
ORDER BY received_at, generation, partition, offset, inserted_at DESC
LIMIT 1 BY event_id;
