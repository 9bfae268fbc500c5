"""What a local broker is told: a KRaft node on loopback, sized for a laptop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HOST = "127.0.0.1"

JVM = (
    "-Xms128m",
    "-Xmx512m",  # measured enough for everything the demo and the load test do
    "-XX:+UseSerialGC",  # two cores are shared with the pipeline: no concurrent collector threads
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",  # no files in the system's temporary folder
    "-Djava.awt.headless=true",
)
"""Options of the JVM of a broker that is there for a load test."""

JVM_QUICK = (*JVM, "-XX:TieredStopAtLevel=1")
"""Of all others: compiles less well, and soon. A broker starts with 4 s of processor time, not 8;
a short drill took 26 s of it with these, 64 without, and at 1,000 responses a second it is idle."""

JVM_OF_SEVERAL = (*JVM_QUICK, "-Xmx256m")
"""For each broker of a cluster on one machine: drills kill and start them again and again."""

JVM_SHORT = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
"""Options of a tool that runs for a second: compiling well would take longer than running."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One more port on loopback, beside the plain one: `protocol` is SSL, SASL_SSL, ...;
    `properties` are Kafka's own for it, such as `ssl.keystore.location`. The name is in capitals.
    """

    name: str
    port: int
    protocol: str
    properties: Mapping[str, str] = field(default_factory=dict)


def with_listeners(base: dict[str, str], listeners: Sequence[Listener]) -> dict[str, str]:
    """The settings of a broker that also listens there."""
    found = dict(base)
    for each in listeners:
        for key in ("listeners", "advertised.listeners"):
            found[key] += f",{each.name}://{HOST}:{each.port}"
        found["listener.security.protocol.map"] += f",{each.name}:{each.protocol}"
        own = f"listener.name.{each.name.lower()}."
        found |= {own + key: value for key, value in each.properties.items()}
    return found


_ANY_NODE: Final = {
    "process.roles": "broker,controller",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    # A misspelt topic must be an error, never a new topic with settings nobody chose.
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    "log.message.timestamp.type": "CreateTime",  # topics that need LogAppendTime say so
    "message.max.bytes": str(4 * 1024 * 1024 + 64 * 1024),  # the largest of our topics
    "offsets.topic.num.partitions": "8",  # 50 by default: that many files for a few groups
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    # A first worker need not wait 3 s for others that will not come.
    "group.initial.rebalance.delay.ms": "0",
    # Failover within 10 s needs sessions of 6 s: allow them (that is also Kafka's default).
    "group.min.session.timeout.ms": "6000",
    # A killed broker is let back in when its session is over: 9 s by default, which a restart
    # would wait for. Its own controller is in the same process, so 3 s of silence is a stall.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    # 128 MiB by default; 16 MiB still maps 700,000 keys in one cleaning.
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
}
"""Settings of a broker wherever it is, and however many there are."""


def server_properties(
    data: Path, port: int, controllers: Sequence[int], node: int = 1
) -> dict[str, str]:
    """The broker's settings, as strings.

    Ports are TCP ports on loopback: `controllers` are those of nodes 1, 2, ..., of which this is
    `node`; `data` holds the log. The internal topics are replicated as often as there are brokers,
    up to three.
    """
    copies = str(min(len(controllers), 3))
    quorum = str(max(1, min(len(controllers), 3) - 1))
    voters = (f"{number}@{HOST}:{at}" for number, at in enumerate(controllers, start=1))
    return _ANY_NODE | {
        "node.id": str(node),
        "controller.quorum.voters": ",".join(voters),
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controllers[node - 1]}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "log.dirs": str(data),
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": quorum,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": quorum,
    }


def render(properties: dict[str, str]) -> str:
    """Java's properties format: keys sorted, backslashes doubled."""
    lines = (f"{key}={value}" for key, value in sorted(properties.items()))
    return "\n".join(line.replace("\\", "\\\\") for line in lines) + "\n"
