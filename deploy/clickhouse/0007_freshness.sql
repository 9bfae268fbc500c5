-- How long after the broker's append time rows became visible here, by minute of that append time.
-- raw: a response as a row. score: a change of a score, as a pane or as a row of the 1 h window. A window row
-- tells of a change only if its partition folded something in the window's last minute: windows also
-- slide when nobody answers, and such rows carry the append time of something older.
CREATE OR REPLACE VIEW freshness AS
SELECT
    minute,
    stage,
    count() AS n,
    quantileExact(0.5)(lag_ms) AS p50_ms,
    quantileExact(0.99)(lag_ms) AS p99_ms
FROM
(
    SELECT toStartOfMinute(received_at) AS minute, 'raw' AS stage, dateDiff('millisecond', received_at, inserted_at) AS lag_ms
    FROM responses FINAL
    UNION ALL
    SELECT
        toStartOfMinute(as_of) AS minute, 'score' AS stage,
        dateDiff('millisecond', any(as_of), min(seen_at)) AS lag_ms
    FROM
    (
        SELECT agency, service, channel, survey, generation, partition, version, as_of, inserted_at AS seen_at
        FROM score_panes
        WHERE measure = 'response'
        UNION ALL
        SELECT agency, service, channel, survey, generation, partition, version, as_of, inserted_at AS seen_at
        FROM rolling_scores
        WHERE measure = 'response' AND window = '1h' AND as_of >= window_end - INTERVAL 1 MINUTE
    )
    GROUP BY agency, service, channel, survey, generation, partition, version, minute
)
GROUP BY minute, stage;
