"""`cxpulse trace EVENT_ID`: where each copy of an event landed, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.flags import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pipeline.operate.traces import Copy
    from pipeline.settings import Settings


def trace(
    event_id: Annotated[str, typer.Argument(help="UUID of the event.", show_default=False)],
    kafka: Annotated[
        bool,
        typer.Option(
            "--kafka",
            help="Read the topic instead of ClickHouse: slow, but it finds records that ClickHouse "
            "lacks, and undecodable ones whose bytes hold the id.",
        ),
    ] = False,
    show_answers: Annotated[
        bool,
        typer.Option(
            "--show-answers",
            help="Print what the customer said, with comments redacted, and the counts of panes.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell where each copy of an event landed: offset, outcome, reason, and the pane it changed.

    Exits with 1 when there is none. A record that cannot be decoded has no id: it is found with
    --kafka only, or in the table dead_letters by its partition and offset.
    """
    from pipeline.operate.trace_text import as_lines, to_json
    from pipeline.settings import load

    event = parse(event_id)
    settings = load()
    copies = _in_log(settings, event) if kafka else _stored(settings, event)
    if as_json:
        typer.echo(to_json(event, copies, show_answers=show_answers))
    elif copies:
        typer.echo("\n".join(as_lines(event, copies, show_answers=show_answers)))
    if not copies:
        typer.echo(_nothing(settings, event, kafka=kafka), err=True)
        raise typer.Exit(1)


def parse(text: str) -> UUID:
    """The UUID in any of its usual forms. Raises InputError."""
    from uuid import UUID

    from pipeline.errors import InputError

    try:
        event = UUID(text.strip())
    except ValueError:
        raise InputError(
            f"{text!r} is no UUID; an event id looks like 123e4567-e89b-12d3-a456-426614174000"
        ) from None
    if not event.int:
        raise InputError("the nil UUID stands for every id that is none: nothing to trace")
    return event


def _stored(settings: Settings, event: UUID) -> Sequence[Copy]:
    from pipeline.operate.trace_store import find_stored

    return find_stored(settings, event)


def _in_log(settings: Settings, event: UUID) -> Sequence[Copy]:
    import asyncio

    from pipeline.emit.progress import ProgressShow
    from pipeline.operate.trace_log import find_in_log

    with ProgressShow("reading the log") as show:

        def tell(done: int, total: int) -> None:
            show.tell(f"{done:,} of {total:,} records", done, total)

        return asyncio.run(find_in_log(settings, event, tell))


def _nothing(settings: Settings, event: UUID, *, kafka: bool) -> str:
    """Why there may be nothing, and what to try."""
    if kafka:
        return (
            f"no copy of {event} in the log: it keeps 35 days unless told otherwise; "
            "older ones are in ClickHouse (without --kafka)"
        )
    from pipeline.operate.trace_store import judged_until
    from pipeline.operate.trace_text import moment

    until = judged_until(settings)
    reach = f"is judged until {moment(until)}" if until else "has no ledger yet"
    return (
        f"no copy of {event} in ClickHouse, which {reach}; newer records wait for the sink (see "
        "its /healthz), and what could not be decoded shows with --kafka only"
    )
