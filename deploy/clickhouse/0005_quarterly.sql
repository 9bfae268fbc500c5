-- As benchmark, over a fiscal quarter cut in each survey's own zone (table survey_quarters).
-- SELECT * FROM quarterly(fiscal_year = 2026, quarter = 1, min_n = 30)
CREATE OR REPLACE VIEW quarterly AS
WITH bounds AS
(
    SELECT survey, start_utc, end_utc FROM survey_quarters
    WHERE fiscal_year = {fiscal_year:UInt16} AND quarter = {quarter:UInt8}
)
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
        INNER JOIN bounds USING (survey)
        WHERE hour >= (SELECT min(start_utc) FROM bounds) AND hour < (SELECT max(end_utc) FROM bounds)
          AND hour >= start_utc AND hour < end_utc
        GROUP BY agency, service, channel, survey, scale, measure
    ) AS totals
    LEFT JOIN (SELECT survey, trust_variant FROM surveys) AS variants USING (survey)
)
WHERE measure != 'response';
