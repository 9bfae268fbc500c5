-- The rolling scores of this moment. For each window, the newest end overall gives the range to read:
-- rows at most one pane behind it (a minute for 1h, an hour for the others); a partition that lags
-- further is left out, since its counts belong to another interval. Of each partition the row with the
-- highest (window_end, version) counts, whatever has been merged, and partitions add up.
CREATE OR REPLACE VIEW rolling_now AS
WITH
    (SELECT window_end FROM rolling_scores WHERE window = '1h' ORDER BY window_end DESC LIMIT 1) AS newest_1h,
    (SELECT window_end FROM rolling_scores WHERE window = '24h' ORDER BY window_end DESC LIMIT 1) AS newest_24h,
    (SELECT window_end FROM rolling_scores WHERE window = '7d' ORDER BY window_end DESC LIMIT 1) AS newest_7d,
    (SELECT window_end FROM rolling_scores WHERE window = '28d' ORDER BY window_end DESC LIMIT 1) AS newest_28d
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
            FROM rolling_scores
            WHERE (window = '1h' AND window_end >= newest_1h - INTERVAL 1 MINUTE)
               OR (window = '24h' AND window_end >= newest_24h - INTERVAL 1 HOUR)
               OR (window = '7d' AND window_end >= newest_7d - INTERVAL 1 HOUR)
               OR (window = '28d' AND window_end >= newest_28d - INTERVAL 1 HOUR)
            ORDER BY window_end DESC, version DESC
            LIMIT 1 BY agency, service, channel, survey, scale, measure, window, generation, partition
        ) AS latest
        GROUP BY agency, service, channel, survey, scale, measure, window
    )
)
-- The reserved measure counts responses; it is no score.
WHERE measure != 'response';
