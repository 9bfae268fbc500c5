"""What counts as a difference between a topic and what it must be."""

from __future__ import annotations

import pytest

from pipeline.operate.check import _topics
from pipeline.operate.topics import Drift, TopicReport, _Found, compare
from pipeline.settings import KafkaSettings, load
from pipeline.wire.topics import topic_specs


@pytest.mark.parametrize(
    ("retention", "differs"),
    [
        pytest.param("-1", False, id="for ever is fine"),
        pytest.param("999999999999", False, id="longer is fine"),
        pytest.param("1000", True, id="shorter loses answers"),
        pytest.param("unset", True, id="unset is the broker's choice"),
    ],
)
def test_only_a_shorter_retention_differs(retention: str, differs: bool) -> None:
    spec = next(s for s in topic_specs(KafkaSettings()) if "retention.ms" in dict(s.config))
    config = dict(spec.config) | {"retention.ms": retention}
    drift = compare(spec, _Found(spec.partitions, spec.replication, config))
    assert bool(drift) is differs


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("partitions", "`cxpulse topics --grow`"),
        ("retention.ms", "alter it with Kafka's own tools"),
    ],
)
def test_check_says_what_brings_a_topic_into_line(setting: str, advice: str) -> None:
    drift = Drift("cx.ledger", setting, "at least 8", "2")
    (found,) = _topics(load(), TopicReport((), (), (), (drift,)))
    assert found.text.startswith(f"cx.ledger: {setting} is 2, must be at least 8; {advice}")
