"""How each part of the local stack is started: the commands that users run, and their settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline.local.broker_properties import HOST
from pipeline.local.errand import cxpulse
from pipeline.local.part import Part
from pipeline.local.probe import free_port
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings

BROKER: Final = "kafka"
STORE: Final = "clickhouse"
_READY: Final = {
    "kafka": r"Kafka is ready at (\S+)",
    "clickhouse": r"ClickHouse \S+ is ready at (http://\S+)",
}
"""What they print, and the address in it."""


class Recipes:
    """Parts with data and logs below `folder`; `more` has settings (`CXPULSE_...`) for all.

    Brokers are `kafka`, or with several `kafka-1`, `kafka-2` ...: a cluster whose topics have three
    copies, of which two must be written.
    """

    def __init__(self, folder: Path, more: Mapping[str, str], brokers: int = 1) -> None:
        self._folder = folder
        self._more = dict(more)
        self.brokers: tuple[str, ...] = (BROKER,)
        self._controllers = ""
        if brokers > 1:
            self.brokers = tuple(f"{BROKER}-{n}" for n in range(1, brokers + 1))
            self._controllers = ",".join(str(free_port(HOST)) for _ in self.brokers)
            copies = {"REPLICATION": str(min(brokers, 3)), "MIN_ISR": "2"}
            self._more = {f"CXPULSE_KAFKA_{k}": v for k, v in copies.items()} | self._more

    def part(self, name: str, env: Mapping[str, str]) -> Part:
        """A broker, `clickhouse`, `sink`, or a score worker such as `score-1`."""
        kind, _, number = name.partition("-")
        log = self._folder / f"{name}.log"
        if kind in _READY:
            data = self._folder if name == BROKER else self._folder / name
            more = ("--node", number, "--controllers", self._controllers) if number else ()

            def serve(address: str) -> tuple[str, ...]:
                port = address.rpartition(":")[2] or str(free_port(HOST))
                return cxpulse("local", kind, "--data", str(data), "--port", port, *more)

            return Part(name, serve, log, env, ready=_READY[kind])
        stage, port = kind, free_port(HOST)
        env = {**env, f"CXPULSE_{stage.upper()}_METRICS_PORT": str(port)}
        return Part(name, lambda _: cxpulse(stage), log, env, metrics_port=port)

    def env(self, bootstrap: str, url: str) -> dict[str, str]:
        """The surroundings, but without settings of ours, which may be those of production."""
        env = {name: v for name, v in os.environ.items() if not name.startswith("CXPULSE_")}
        if bootstrap:
            env["CXPULSE_KAFKA_BOOTSTRAP"] = bootstrap
        if url:
            env["CXPULSE_CLICKHOUSE_URL"] = url
        return env | {"PYTHONUNBUFFERED": "1"} | self._more

    def settings(self, bootstrap: str, url: str) -> Settings:
        """The same, for what runs in this process."""
        kafka = self._section("KAFKA") | {"bootstrap": bootstrap}
        store = self._section("CLICKHOUSE") | {"url": url}
        return Settings(
            kafka=KafkaSettings.model_validate(kafka),
            clickhouse=ClickHouseSettings.model_validate(store),
        )

    def _section(self, name: str) -> dict[str, str]:
        start = f"CXPULSE_{name}_"
        return {k[len(start) :].lower(): v for k, v in self._more.items() if k.startswith(start)}
