"""A trace as lines for people and as JSON for machines. Without `show_answers` neither tells what
a customer said; counts of a pane with few answers would."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from pipeline.core.reasons import Outcome
from pipeline.core.updates import GENERATION_SHIFT
from pipeline.operate.traces import Copy, Pane, counted


def moment(time: datetime) -> str:
    """`2026-11-22 16:52:44.123 UTC`."""
    return f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03} UTC"


def below(version: int) -> int:
    """The first offset that rows of this version do not cover."""
    return version & ((1 << GENERATION_SHIFT) - 1)


def as_lines(event: UUID, copies: Sequence[Copy], *, show_answers: bool) -> Iterator[str]:
    """A headline, then a paragraph for each copy."""
    noun = "copy" if len(copies) == 1 else "copies"
    yield f"Event {event}: {len(copies)} {noun}, {_standing(copies)}"
    for copy in copies:
        yield ""
        reason = f" ({copy.reason})" if copy.reason else ""
        yield f"partition {copy.partition}, offset {copy.offset}: {copy.outcome}{reason}"
        yield from (f"  {name:<12}{_printable(text)}" for name, text in _facts(copy, show_answers))


def _printable(text: str) -> str:
    """Codes come from outside: what would move a terminal's cursor is left out."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _standing(copies: Sequence[Copy]) -> str:
    times = counted(copies)
    if times > 1:
        return f"counted in {times} partitions: its emitter sent it under different keys"
    if times:
        return "counted once"
    taken_back = any(
        c.retracted and c.outcome in (Outcome.RETRACTION, Outcome.LATE) for c in copies
    )
    return "not counted: taken back" if taken_back else "not counted"


def _facts(copy: Copy, show_answers: bool) -> Iterator[tuple[str, str]]:
    yield "appended", moment(copy.received_at)
    if copy.group is None or copy.occurred_at is None:
        yield "record", "cannot be decoded; the id stands in its bytes"
    else:
        yield "answered", moment(copy.occurred_at)
        yield "group", " / ".join(copy.group)
        yield "kind", "retraction" if copy.retracted else "response"
    if copy.generation != 1:
        yield "generation", str(copy.generation)
    if copy.pane:
        yield "pane", _pane(copy.pane)
    for letter in copy.letters:
        told = f"stage {letter.stage}: {letter.reason}"
        yield "dead letter", f"{told} (attempt {letter.attempt}, {letter.size} bytes)"
    if show_answers:
        yield from _said(copy)


def _pane(pane: Pane) -> str:
    text = f"{pane.hour:%Y-%m-%d %H:00} UTC: {', '.join(pane.measures)}"
    return text if pane.version is None else f"{text}; now from offsets below {below(pane.version)}"


def _said(copy: Copy) -> Iterator[tuple[str, str]]:
    if copy.answers is not None:
        yield "answers", ", ".join(f"{m}={v}" for m, v in copy.answers.items()) or "none"
    if copy.location is not None:
        yield "location", repr(copy.location)
    if copy.comment is not None:
        yield "comment", repr(copy.comment)
    for measure, counts in ((copy.pane and copy.pane.counts) or {}).items():
        yield "counts", f"{measure} {list(counts)}"


def to_json(event: UUID, copies: Sequence[Copy], *, show_answers: bool) -> str:
    """One object; times in ISO 8601, UTC."""
    told = [_record(copy, show_answers) for copy in copies]
    return json.dumps(
        {"event_id": str(event), "counted": counted(copies), "copies": told}, indent=2
    )


def _record(copy: Copy, show_answers: bool) -> dict[str, object]:
    record: dict[str, object] = {
        "generation": copy.generation,
        "partition": copy.partition,
        "offset": copy.offset,
        "appended_at": copy.received_at.isoformat(),
        "occurred_at": copy.occurred_at and copy.occurred_at.isoformat(),
        "group": copy.group and copy.group._asdict(),
        "retracted": copy.retracted,
        "outcome": copy.outcome,
        "reason": copy.reason,
        "pane": copy.pane
        and {
            "hour": copy.pane.hour.isoformat(),
            "measures": copy.pane.measures,
            "version": copy.pane.version,
        },
        "dead_letters": [
            {"stage": x.stage, "reason": x.reason, "attempt": x.attempt, "bytes": x.size}
            for x in copy.letters
        ],
    }
    if show_answers:
        record |= {"answers": copy.answers, "location": copy.location, "comment": copy.comment}
        record["counts"] = copy.pane.counts if copy.pane else None
    return record
