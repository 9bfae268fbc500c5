-- The rolling scores of this moment, whatever clock a score worker has. A window ends with the pane of its
-- worker's clock; by ClickHouse's own that is this pane or the next. What ends later is of a clock that is
-- ahead, and would hide every partition that tells the time right, until that time comes: it is left out.
-- Otherwise as in 0010: of each window the newest end gives the range to read, a partition that lags more
-- than one pane behind it is left out, of each log the row with the highest (window_end, version) counts,
-- and a log that is gone counts by its panes.
CREATE OR REPLACE VIEW rolling_now AS
WITH
    gone AS
    (
        SELECT generation, partition FROM sink_progress
        WHERE (partition, generation) NOT IN (SELECT partition, max(generation) FROM sink_progress GROUP BY partition)
    ),
    -- A constant: without such logs no pane is read.
    (SELECT count() > 0 FROM gone) AS some_are_gone,
    (SELECT window_end FROM rolling_scores WHERE window = '1h' AND window_end < now('UTC') + INTERVAL 2 MINUTE AND (generation, partition) NOT IN gone ORDER BY window_end DESC LIMIT 1) AS newest_1h,
    (SELECT window_end FROM rolling_scores WHERE window = '24h' AND window_end < now('UTC') + INTERVAL 2 HOUR AND (generation, partition) NOT IN gone ORDER BY window_end DESC LIMIT 1) AS newest_24h,
    (SELECT window_end FROM rolling_scores WHERE window = '7d' AND window_end < now('UTC') + INTERVAL 2 HOUR AND (generation, partition) NOT IN gone ORDER BY window_end DESC LIMIT 1) AS newest_7d,
    (SELECT window_end FROM rolling_scores WHERE window = '28d' AND window_end < now('UTC') + INTERVAL 2 HOUR AND (generation, partition) NOT IN gone ORDER BY window_end DESC LIMIT 1) AS newest_28d,
    toStartOfHour(now('UTC')) + INTERVAL 1 HOUR AS this_hour
SELECT
    agency, service, channel, survey, scale, measure, window, window_start, window_end, responses, n, counts,
    mean, share_positive, lo, hi, partitions, last_response_at, updated_at
FROM
(
    SELECT
        *,
        -- As in pipeline/core/rating.py: only the values of the scale count; Wilson's 95 % interval.
        if(scale = 'likert5', arraySum(arraySlice(counts, 2)), counts[1] + counts[2]) AS n,
        if(n = 0, NULL, if(scale = 'likert5', arraySum((c, value) -> c * value, counts, range(6)), counts[2]) / n) AS mean,
        if(n = 0, NULL, if(scale = 'likert5', counts[5] + counts[6], counts[2]) / n) AS share_positive,
        pow(1.959963984540054, 2) AS z2,
        (share_positive + z2 / (2 * n)) / (1 + z2 / n) AS centre,
        sqrt(z2 * (share_positive * (1 - share_positive) + z2 / (4 * n)) / n) / (1 + z2 / n) AS half_width,
        if(n = 0, NULL, greatest(0., least(centre - half_width, share_positive))) AS lo,
        if(n = 0, NULL, least(1., greatest(centre + half_width, share_positive))) AS hi,
        maxIf(n, measure = 'response') OVER (PARTITION BY agency, service, channel, survey, window) AS responses
    FROM
    (
        SELECT
            agency, service, channel, survey, scale, measure, window,
            max(latest.window_start) AS window_start,
            max(latest.window_end) AS window_end,
            sumForEach(latest.counts) AS counts,
            count() AS partitions,
            nullIf(max(latest.last_response_at), toDateTime64(0, 3, 'UTC')) AS last_response_at,
            max(latest.emitted_at) AS updated_at
        FROM
        (
            SELECT
                agency, service, channel, survey, scale, measure, window, generation, partition,
                window_start, window_end, counts, last_response_at, emitted_at
            FROM
            (
                SELECT
                    agency, service, channel, survey, scale, measure, window, generation, partition,
                    window_start, window_end, counts, last_response_at, emitted_at
                FROM rolling_scores
                WHERE ((window = '1h' AND window_end BETWEEN newest_1h - INTERVAL 1 MINUTE AND newest_1h)
                    OR (window = '24h' AND window_end BETWEEN newest_24h - INTERVAL 1 HOUR AND newest_24h)
                    OR (window = '7d' AND window_end BETWEEN newest_7d - INTERVAL 1 HOUR AND newest_7d)
                    OR (window = '28d' AND window_end BETWEEN newest_28d - INTERVAL 1 HOUR AND newest_28d))
                  AND (generation, partition) NOT IN gone
                ORDER BY window_end DESC, version DESC
                LIMIT 1 BY agency, service, channel, survey, scale, measure, window, generation, partition
            )
            UNION ALL
            SELECT
                agency, service, channel, survey, scale, measure, slid.1 AS window, generation, partition,
                slid.2 AS window_start, slid.3 AS window_end, sumForEach(panes.counts) AS counts,
                max(panes.last_response_at) AS last_response_at, max(panes.as_of) AS emitted_at
            FROM score_panes AS panes FINAL
            ARRAY JOIN
            [
                ('24h', ifNull(newest_24h, this_hour) - INTERVAL 24 HOUR, ifNull(newest_24h, this_hour)),
                ('7d', ifNull(newest_7d, this_hour) - INTERVAL 7 DAY, ifNull(newest_7d, this_hour)),
                ('28d', ifNull(newest_28d, this_hour) - INTERVAL 28 DAY, ifNull(newest_28d, this_hour))
            ] AS slid
            WHERE some_are_gone
              AND (generation, partition) IN gone
              AND hour >= slid.2 AND hour < slid.3
              AND hour >= least(ifNull(newest_24h, this_hour), ifNull(newest_28d, this_hour)) - INTERVAL 28 DAY
            GROUP BY agency, service, channel, survey, scale, measure, slid, generation, partition
        ) AS latest
        GROUP BY agency, service, channel, survey, scale, measure, window
    )
)
-- The reserved measure counts responses; it is no score.
WHERE measure != 'response';
