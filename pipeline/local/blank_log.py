"""The folder of a new broker's log: Kafka's own tool makes the first one, the others are like it.

The tool takes Java 1.1 s of processor time, a third of what a broker needs to answer. What it
writes is which features a new cluster begins with (the same for every node of one version of Kafka)
and who the node is.
"""

from __future__ import annotations

import base64
import shutil
import uuid
from pathlib import Path
from typing import Final

from pipeline.local.cached import put_in_cache

FEATURES: Final = "bootstrap.checkpoint"
IDENTITY: Final = "meta.properties"
"""Kafka's names; a folder that has the second is a broker's."""


class BlankLogs:
    """Keeps the features of one version of Kafka beside its jars."""

    def __init__(self, jars: Path) -> None:
        self._kept = jars / FEATURES

    def make(self, data: Path, cluster: str, node: int) -> bool:
        """Make `data` the folder of a node that never ran; False, when nothing usable was kept,
        leaves that to Kafka's tool. Raises OSError."""
        try:
            features = self._kept.read_bytes()
        except OSError:
            features = b""
        if not features:
            return False
        data.mkdir(exist_ok=True)
        (data / FEATURES).write_bytes(features)
        lines = (
            *("version=1", f"cluster.id={cluster}", f"node.id={node}"),
            f"directory.id={kafka_uuid(uuid.uuid4())}",
        )
        part = data / f"{IDENTITY}.part"
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        part.rename(data / IDENTITY)  # last: with it the folder is whole
        return True

    def keep(self, data: Path) -> None:
        """Of a folder that the tool has made. A failure only leaves the next one slow."""
        put_in_cache(shutil.copyfile, data / FEATURES, self._kept)


def kafka_uuid(number: uuid.UUID) -> str:
    """As Kafka writes one: 22 characters of URL-safe Base64."""
    return base64.urlsafe_b64encode(number.bytes).decode().rstrip("=")
