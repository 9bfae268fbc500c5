"""What to try from outside while the demo runs."""

from __future__ import annotations

from typing import Final

from pipeline.settings import Settings
from pipeline.wire.topics import Topics

NOW: Final = (
    "SELECT service, channel, measure, n, round(mean, 2) AS mean FROM cx.rolling_now "
    "WHERE window = '1h' ORDER BY n DESC LIMIT 10 FORMAT PrettyCompact"
)
RANKS: Final = (
    "SELECT channel, trust_variant, rank, service, n, round(mean, 2) AS mean FROM cx.benchmark("
    "from = '2020-01-01 00:00:00', to = '2040-01-01 00:00:00', min_n = 30) WHERE enough "
    "AND measure = 'trust' AND scale = 'likert5' ORDER BY ALL FORMAT PrettyCompact"
)


def invitation(settings: Settings) -> list[str]:
    """Lines to copy into another terminal."""
    url, bootstrap = settings.clickhouse.url, settings.kafka.bootstrap
    topic = Topics(settings.kafka.topic_prefix).responses
    return [
        "While this runs, ask for yourself from another terminal:",
        f'  curl {url} -d "{NOW}"',
        f'  curl {url} -d "{RANKS}"',
        f"or send a response of your own, with any Kafka client: {bootstrap}, topic {topic}",
    ]
