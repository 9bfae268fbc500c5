-- The catalogue, loaded from deploy/catalog by `cxpulse migrate`, which replaces each table as a whole.

CREATE TABLE IF NOT EXISTS agencies
(
    agency  LowCardinality(String),
    name    String,
    aliases Array(String)
)
ENGINE = ${replicated}MergeTree
ORDER BY agency;

CREATE TABLE IF NOT EXISTS services
(
    agency      LowCardinality(String),
    service     LowCardinality(String),
    name        String,
    provider    LowCardinality(String) COMMENT 'the high impact service provider it belongs to',
    aliases     Array(String),
    designated  Bool,
    is_provider Bool COMMENT 'means the whole provider',
    channels    Array(LowCardinality(String))
)
ENGINE = ${replicated}MergeTree
ORDER BY (agency, service);

CREATE TABLE IF NOT EXISTS surveys
(
    survey           LowCardinality(String),
    title            String,
    service          LowCardinality(String) COMMENT 'the one it asks about',
    instrument       LowCardinality(String),
    trust_variant    LowCardinality(String) COMMENT 'empty when trust is not asked',
    interaction_type LowCardinality(String),
    timezone         LowCardinality(String),
    omb_number       String,
    omb_expires      Date32,
    questions        Array(Tuple(measure String, scale String, text String, version UInt16))
)
ENGINE = ${replicated}MergeTree
ORDER BY survey;

-- Fiscal quarters, cut at midnight of each survey's own zone: [start_utc, end_utc).
CREATE TABLE IF NOT EXISTS survey_quarters
(
    survey      LowCardinality(String),
    fiscal_year UInt16,
    quarter     UInt8,
    start_utc   DateTime('UTC'),
    end_utc     DateTime('UTC')
)
ENGINE = ${replicated}MergeTree
ORDER BY (fiscal_year, quarter, survey);
