"""`cxpulse topics`: a table of what is there, and the exit code that scripts look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.operate.topics import TopicReport
    from pipeline.settings import Settings


Check = Annotated[bool, typer.Option("--check", help="Create nothing; only compare and report.")]
Grow = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Give each topic N partitions while everything runs, the responses last.",
    ),
]
NewGeneration = Annotated[
    bool,
    typer.Option(
        "--new-generation",
        help="After the responses topic was re-created: score its new log beside the old one.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="With --new-generation: in every partition, though its log looks as it was read. "
        "What such a log still holds is counted again.",
    ),
]


def topics(
    check: Check = False,
    grow: Grow = None,
    new_generation: NewGeneration = False,
    force: Force = False,
) -> None:
    """Create the topics that are missing; exit with 1 when one is not as it must be."""
    import asyncio

    from pipeline.errors import SettingsError
    from pipeline.operate.topics import check_topics, ensure_topics
    from pipeline.settings import load

    if check + new_generation + (grow is not None) > 1 or force > new_generation:
        raise SettingsError(
            "--check, --grow and --new-generation exclude each other; --force needs the last"
        )
    # As many as a setting may ask for: Kafka takes no partition away again.
    settings = load(**({} if grow is None else {"kafka": {"partitions": grow}}))
    if grow is not None:
        _grow(settings, grow)
        return
    if new_generation:
        _begin(settings, force)
        return
    report = asyncio.run(check_topics(settings) if check else ensure_topics(settings))
    show(settings, report)
    if not report.good:
        raise typer.Exit(1)


def _grow(settings: Settings, partitions: int) -> None:
    import asyncio

    from pipeline.operate.growth import grow
    from pipeline.operate.terminal import stdout

    def tell(step: str) -> None:
        stdout().print(step, soft_wrap=True, highlight=False)

    asyncio.run(grow(settings.kafka, partitions, tell))
    tell(f"every topic has at least {partitions} partitions")


def _begin(settings: Settings, force: bool) -> None:
    import asyncio

    from pipeline.operate.generations import begin_generation
    from pipeline.operate.terminal import stdout
    from pipeline.wire.topics import Topics

    begun = asyncio.run(begin_generation(settings.kafka, force=force))
    topic = Topics(settings.kafka.topic_prefix).responses
    lines = [
        f"{topic} partition {partition} is in generation {begun.newest}: {why}"
        for partition, why in begun.partitions.items()
    ]
    last = "score workers and sinks that stopped can be started again"
    nothing = f"{topic} holds the logs that were read: nothing to begin"
    for line in [*lines, last if lines else nothing]:
        stdout().print(line, soft_wrap=True, highlight=False)


def show(settings: Settings, report: TopicReport) -> None:
    """One row a topic, then one line for each difference."""
    from rich.table import Table

    from pipeline.operate.terminal import stdout
    from pipeline.wire.topics import topic_specs

    states = dict.fromkeys(report.created, "created") | dict.fromkeys(report.missing, "MISSING")
    differs = {drift.topic for drift in report.drift}
    table = Table("topic", "state", "partitions", "copies", "keeps", "largest record")
    for spec in sorted(topic_specs(settings.kafka), key=lambda spec: spec.name):
        config = dict(spec.config)
        table.add_row(
            spec.name,
            "DIFFERS" if spec.name in differs else states.get(spec.name, "ok"),
            str(spec.partitions),
            str(spec.replication),
            kept(config),
            f"{int(config['max.message.bytes']) / 1024**2:.2f} MiB",
        )
    console = stdout()
    console.print(table)
    for drift in report.drift:
        line = f"{drift.topic}: {drift.setting} is {drift.found}, must be {drift.wanted}"
        console.print(line, soft_wrap=True, highlight=False)


def kept(config: dict[str, str]) -> str:
    """How long a topic keeps its records, for a person."""
    if config["cleanup.policy"] == "compact":
        return "the last of each key"
    return f"{int(config['retention.ms']) // 86_400_000} days"
