"""Topics on several brokers, of which one hears of them later than the others; or goes away."""

from __future__ import annotations

from itertools import cycle
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NodeNotReadyError

from pipeline.errors import KafkaError
from pipeline.operate import topics
from pipeline.operate.topics import UNKNOWN, _await_leaders, check_topics, ensure_topics
from pipeline.settings import KafkaSettings, load
from pipeline.wire.topics import topic_specs

SPECS = list(topic_specs(KafkaSettings(partitions=1)))


class Brokers:
    """Answers as an admin client does that asks one broker after the other; the second of them
    hears of the topics after `late` questions."""

    def __init__(self, late: int) -> None:
        self._late = late
        self._asked = 0
        self._behind = cycle((False, True))

    def _knows(self) -> bool:
        self._asked += 1
        return self._asked > self._late or not next(self._behind)

    async def describe_topics(self, names: list[str] | None = None) -> list[dict[str, Any]]:
        known, listed = self._knows(), [spec.name for spec in SPECS]
        parts = [{"error_code": 0, "leader": 1, "replicas": [1]}]
        if not known:
            return [_unknown(name) for name in names or ()]
        return [{"topic": name, "error_code": 0, "partitions": parts} for name in names or listed]

    async def describe_configs(self, resources: list[Any]) -> list[Any]:
        code = 0 if self._knows() else UNKNOWN
        answers: list[tuple[Any, ...]] = [
            (code, None, 2, resource.name, []) for resource in resources
        ]
        return [SimpleNamespace(resources=answers)]


def _unknown(name: str) -> dict[str, Any]:
    return {"topic": name, "error_code": UNKNOWN, "partitions": []}


async def test_topics_are_there_only_when_every_question_about_them_is_answered() -> None:
    for late in range(12):
        client = cast(AIOKafkaAdminClient, Brokers(late))
        assert (await _await_leaders(client, SPECS)).keys() == {spec.name for spec in SPECS}


class Leaving:
    """A broker that is there, and is gone when it is asked something."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def describe_topics(self) -> list[dict[str, Any]]:
        raise NodeNotReadyError


@pytest.mark.parametrize("look", [check_topics, ensure_topics])
async def test_a_broker_that_goes_away_meanwhile_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, look: Any
) -> None:
    monkeypatch.setattr(topics, "admin", lambda kafka: Leaving())
    with pytest.raises(KafkaError, match="refuses: NodeNotReadyError"):
        await look(load())
