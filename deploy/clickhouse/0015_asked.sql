-- Every question that any catalogue asked, also those that are asked no more: old raw rows are counted by it. `cxpulse
-- migrate` adds to it and takes nothing away.
CREATE TABLE IF NOT EXISTS asked
(
    survey      LowCardinality(String),
    measure     LowCardinality(String),
    scale       LowCardinality(String),
    agency      LowCardinality(String),
    service     LowCardinality(String),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (survey, measure);

INSERT INTO asked (survey, measure, scale, agency, service)
SELECT survey, question.measure, question.scale, agency, service
FROM surveys ARRAY JOIN questions AS question INNER JOIN services USING (service);

-- What was asked before is known by its panes: a survey that is still there has the owner that it has now.
INSERT INTO asked (survey, measure, scale, agency, service)
SELECT
    survey, measure, told.scale, if(now.agency = '', told.agency, now.agency), if(now.agency = '', told.service, now.service)
FROM
(
    SELECT survey, measure, argMax(scale, hour) AS scale, argMax(agency, hour) AS agency, argMax(service, hour) AS service
    FROM score_panes WHERE measure != 'response' GROUP BY survey, measure
) AS told
LEFT JOIN (SELECT survey, any(agency) AS agency, any(service) AS service FROM asked GROUP BY survey) AS now USING (survey)
WHERE (survey, measure) NOT IN (SELECT survey, measure FROM asked);
