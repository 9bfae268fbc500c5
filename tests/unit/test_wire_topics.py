"""Names, settings and keys of the topics are a contract with other programs."""

from __future__ import annotations

import pytest

from pipeline.core.updates import Group
from pipeline.settings import KafkaSettings
from pipeline.wire.kafka import FETCH_BYTES, MAX_REQUEST_BYTES, PARTITION_FETCH_BYTES
from pipeline.wire.topics import (
    Topics,
    dead_letter_key,
    ledger_key,
    response_key,
    score_key,
    topic_specs,
)

GROUP = Group("va", "va-vha", "email", "va-vha-post-visit")
DAY_MS = 86_400_000


def test_the_default_prefix_gives_the_names_of_the_contract() -> None:
    assert Topics("cx").all == (
        "cx.responses",
        "cx.scores",
        "cx.ledger",
        "cx.dead-letters",
        "cx.checkpoints",
    )


def test_specs_keep_what_a_rebuild_needs() -> None:
    config = {spec.name: dict(spec.config) for spec in topic_specs(KafkaSettings())}
    for name, days in (("responses", 35), ("ledger", 35), ("dead-letters", 35), ("scores", 7)):
        assert config[f"cx.{name}"]["retention.ms"] == str(days * DAY_MS)
        assert config[f"cx.{name}"]["retention.bytes"] == "-1"
        assert config[f"cx.{name}"]["cleanup.policy"] == "delete"
    assert config["cx.checkpoints"]["cleanup.policy"] == "compact"
    assert config["cx.responses"]["message.timestamp.type"] == "LogAppendTime"


def test_partitions_copies_and_acknowledgements_come_from_the_settings() -> None:
    specs = topic_specs(KafkaSettings(partitions=12, replication=3, min_isr=2))
    assert {(spec.partitions, spec.replication) for spec in specs} == {(12, 3)}
    assert {dict(spec.config)["min.insync.replicas"] for spec in specs} == {"2"}


def test_ledger_and_checkpoints_are_created_before_responses() -> None:
    order = [spec.name.removeprefix("cx.") for spec in topic_specs(KafkaSettings())]
    assert order.index("checkpoints") < order.index("responses")
    assert order.index("ledger") < order.index("responses")


def test_clients_can_send_and_fetch_the_largest_record_of_any_topic() -> None:
    sizes = {s.name: int(dict(s.config)["max.message.bytes"]) for s in topic_specs(KafkaSettings())}
    assert max(sizes.values()) <= MAX_REQUEST_BYTES <= PARTITION_FETCH_BYTES <= FETCH_BYTES
    assert sizes["cx.responses"] >= 2 * 1024**2
    assert sizes["cx.dead-letters"] >= 2 * 1024**2 + sizes["cx.responses"] - 64 * 1024


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (response_key(GROUP), b"va/va-vha/email"),
        (score_key(GROUP, 7), b"va/va-vha/email/va-vha-post-visit/7"),
        (ledger_key(7), b"7"),
        (dead_letter_key("cx.responses", 7, 42, "score"), b"cx.responses/7/42/score"),
    ],
)
def test_keys_read_as_the_contract_says(key: bytes, text: bytes) -> None:
    assert key == text
