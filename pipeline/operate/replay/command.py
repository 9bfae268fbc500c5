"""`cxpulse replay`: dead letters back into the stream, once what made them dead is mended."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections import Counter

    from pipeline.operate.replay.choice import Choice, Filters
    from pipeline.operate.replay.resend import Done
    from pipeline.settings import Settings


class ReplayStage(StrEnum):
    """Who refused the record."""

    SCORE = "score"
    SINK = "sink"


Reasons = Annotated[
    list[str] | None,
    typer.Option(help="Only letters with this reason; may be given several times."),
]
Services = Annotated[
    list[str] | None,
    typer.Option(help="Only responses of this service; what cannot be decoded has none."),
]
Since = Annotated[
    str | None,
    typer.Option(help="Only records appended from then on: 2026-11-22T08:00 (UTC), or 2h ago."),
]
Until = Annotated[
    str | None, typer.Option(help="Only records appended before then, written as --since.")
]
Stage = Annotated[
    ReplayStage,
    typer.Option(help="Whose letters: score sends to Kafka, sink inserts into ClickHouse."),
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many letters.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be replayed; send nothing.")
]


def replay(
    reason: Reasons = None,
    service: Services = None,
    since: Since = None,
    until: Until = None,
    stage: Stage = ReplayStage.SCORE,
    limit: Limit = None,
    dry_run: DryRun = False,
) -> None:
    """Replay dead letters: the original bytes, to the partition they came from.

    Mend the cause first: a record that would still fail becomes a new dead letter, with its attempt
    one higher. Letters that were replayed before are sent again, as is part of a replay that was
    cut short: a response is counted once however often it comes. Of several letters of the same
    bytes only the highest attempt is sent. Exits with 1 when some could not be replayed.
    """
    from pipeline.operate.replay.filters import make_filters
    from pipeline.settings import load

    settings = load()
    filters = make_filters(stage.value, reason or (), service or (), since, until, limit, settings)
    choice = _choose(settings, filters)
    _say_choice(choice, dry_run=dry_run)
    if dry_run or not choice.places:
        return
    done = _replay(settings, filters, choice)
    _say_done(done, filters)
    if done.cannot or done.stopped:
        raise typer.Exit(1)


def _choose(settings: Settings, filters: Filters) -> Choice:
    import asyncio

    from pipeline.emit.progress import ProgressShow
    from pipeline.operate.replay.run import choose

    with ProgressShow("reading dead letters") as show:

        def tell(done: int, total: int) -> None:
            show.tell(f"{done:,} of {total:,}", done, total)

        return asyncio.run(choose(settings, filters, tell))


def _replay(settings: Settings, filters: Filters, choice: Choice) -> Done:
    import asyncio

    from pipeline.emit.progress import ProgressShow
    from pipeline.operate.replay.reinsert import reinsert
    from pipeline.operate.replay.resend import resend
    from pipeline.signals import stop_on_signals

    async def work() -> Done:
        with ProgressShow("replay") as show, stop_on_signals() as stop:

            def tell(done: int, total: int) -> None:
                show.tell(f"{done:,} of {total:,} letters", done, total)

            again = resend if filters.stage == "score" else reinsert
            return await again(settings, choice, tell, stop)

    return asyncio.run(work())


def _say_choice(choice: Choice, *, dry_run: bool) -> None:
    verb = "would replay" if dry_run else "replaying"
    text = f"{verb} {len(choice.places):,} dead letters; {choice.other:,} others do not fit"
    if choice.superseded:
        text += f"; {choice.superseded:,} have the bytes of another"
    if choice.unreadable:
        text += f"; {choice.unreadable:,} records of the topic are no dead letters"
    typer.echo(text)
    _say_counts(choice.reasons)


def _say_counts(counts: Counter[str], *, err: bool = False) -> None:
    for name, times in counts.most_common():
        typer.echo(f"  {times:>9,}  {name}", err=err)


def _say_done(done: Done, filters: Filters) -> None:
    verb = "sent" if filters.stage == "score" else "inserted"
    typer.echo(f"{verb} {done.sent.total():,}, could not replay {done.cannot.total():,}")
    _say_counts(done.cannot, err=True)
    if done.stopped:
        typer.echo("stopped before the end; running it again counts nothing twice", err=True)
