"""What the logs of a run must never hold, and how to find it there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pipeline.core.catalogue import Catalogue
from pipeline.emit.simulate import COMMENTS, Item, Traffic, items
from pipeline.wire.responses import ResponseDecoder, encode_response

MARK = "zq-private"
"""In every comment and location of marked traffic, the refused ones too."""

PASSWORDS = {
    "CXPULSE_CLICKHOUSE_PASSWORD": "zq-store-password",
    "CXPULSE_KAFKA_SASL_PASSWORD": "zq-kafka-password",
    "CXPULSE_KAFKA_SASL_TOKEN": "zq-kafka-token",
    "CXPULSE_KAFKA_SSL_KEY_PASSWORD": "zq-key-password",
}
"""Settings of a run; Kafka does not need its own, but they are there to be told."""


@dataclass
class Marked:
    """Simulated traffic with marks; `words` are those that no log may hold, gathered meanwhile."""

    words: set[str] = field(default_factory=lambda: {MARK, *COMMENTS, *PASSWORDS.values()})

    def items(self, catalogue: Catalogue, traffic: Traffic) -> Iterator[Item]:
        """As `items`: the outcomes are the same, since every copy of an event is marked alike."""
        decoder = ResponseDecoder()
        for item in items(catalogue, traffic):
            self.words.add(item.key.decode())
            record = decoder.decode(item.value)
            if not isinstance(record, dict):
                yield item  # its id and comment are those of a response that can be read
                continue
            self.words.add(str(record["event_id"]))
            self.words |= spelled(cast(Mapping[str, int], record["answers"]))
            marked = {name: f"{record[name] or ''} {MARK}" for name in ("comment", "location")}
            yield item._replace(value=encode_response(record | marked))


def spelled(answers: Mapping[str, int]) -> set[str]:
    """How answers look where they are written out: as a dict, as JSON, as fields of a log line.
    Single numbers tell nothing, and stand in every log."""
    return {
        form
        for measure, value in answers.items()
        for one in [{measure: value}]
        for form in (
            str(one)[1:-1],
            json.dumps(one)[1:-1],
            json.dumps(one, separators=(",", ":"))[1:-1],
            f"({measure!r}, {value})",
            f" {measure}={value}",
        )
    }


def logs(folder: Path) -> list[Path]:
    """The logs of a local stack: of our processes and of the broker, but not Kafka's data."""
    return [path for path in sorted(folder.rglob("*.log")) if "data" not in path.parts]


def leaks(paths: Iterable[Path], words: Iterable[str]) -> list[str]:
    """Which of the words stand in which file."""
    wanted = sorted(words)
    return [
        f"{path.name}: {word}"
        for path in paths
        for word in said(path.read_text(encoding="utf-8", errors="replace"), wanted)
    ]


def said(text: str, words: Iterable[str]) -> list[str]:
    """Which of the words stand in the text."""
    return [word for word in words if word in text]
