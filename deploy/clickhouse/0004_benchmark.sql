-- Every group's scores over any whole hours of UTC, [from, to), each ranked among the same measure, scale,
-- channel and wording of the trust question. Only cells of at least min_n answers are ranked: thin ones
-- would fill both ends. Likert ranks by mean, the other scales by their positive share.
-- SELECT * FROM benchmark(from = '2026-01-01 00:00:00', to = '2026-02-01 00:00:00', min_n = 30)
CREATE OR REPLACE VIEW benchmark AS
WITH
    -- A subquery, so that it is evaluated even when no row is read.
    (
        SELECT throwIf(
            toUnixTimestamp({from:DateTime('UTC')}) % 3600 != 0 OR toUnixTimestamp({to:DateTime('UTC')}) % 3600 != 0,
            'benchmark: from and to must be whole hours of UTC') = 0
    ) AS whole_hours
SELECT
    agency, service, channel, survey, scale, measure, responses, n, counts, mean, share_positive, lo, hi,
    if(ranked, rank() OVER (PARTITION BY measure, scale, channel, trust_variant, ranked ORDER BY score DESC), NULL) AS rank,
    enough, trust_variant
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
        maxIf(n, measure = 'response') OVER (PARTITION BY agency, service, channel, survey) AS responses,
        n >= {min_n:UInt32} AS enough,
        enough AND n > 0 AS ranked,
        if(scale = 'likert5', mean, share_positive) AS score
    FROM
    (
        SELECT agency, service, channel, survey, scale, measure, sumForEach(counts) AS counts
        FROM score_panes FINAL
        WHERE hour >= {from:DateTime('UTC')} AND hour < {to:DateTime('UTC')}
          AND whole_hours
        GROUP BY agency, service, channel, survey, scale, measure
    ) AS totals
    LEFT JOIN (SELECT survey, trust_variant FROM surveys) AS variants USING (survey)
)
WHERE measure != 'response';
