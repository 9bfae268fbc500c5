"""Bad input of every kind, made from a good response: each is a dead letter for a known reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, cast

from pipeline.core.reasons import Reason
from pipeline.core.response import EARLIEST, MAX_ANSWERS, MAX_COMMENT, MAX_LOCATION
from pipeline.wire.responses import encode_response

Record = Mapping[str, object]

_FAR_AHEAD: Final = 100 * 366 * 86_400_000
"""ms, a century: in the future whatever history is simulated."""
_MARK: Final = "~~~~~~~~"


def _with(record: Record, **changes: object) -> bytes:
    return encode_response({**record, **changes})


def _ahead(record: Record) -> bytes:
    return _with(record, occurred_at=cast(int, record["occurred_at"]) + _FAR_AHEAD)


FAULTS: Final[Mapping[Reason, Callable[[Record], bytes | None]]] = {
    Reason.TOMBSTONE: lambda record: None,
    Reason.EMPTY: lambda record: b"",
    Reason.NOT_AVRO: lambda record: b'{"this is": "JSON"}',
    Reason.UNKNOWN_SCHEMA: lambda record: b"\xc3\x01" + bytes(8) + encode_response(record)[10:],
    Reason.TRUNCATED: lambda record: encode_response(record)[:-3],
    Reason.TRAILING_BYTES: lambda record: encode_response(record) + b"\0",
    Reason.INVALID_UTF8: lambda record: _with(record, comment=_MARK).replace(
        _MARK.encode(), b"\xff" * len(_MARK)
    ),
    Reason.BAD_EVENT_ID: lambda record: _with(record, event_id="not-a-uuid"),
    Reason.UNKNOWN_AGENCY: lambda record: _with(record, agency="no-such-agency"),
    Reason.UNKNOWN_SERVICE: lambda record: _with(record, service="no-such-service"),
    Reason.UNKNOWN_CHANNEL: lambda record: _with(record, channel="pigeon"),
    Reason.UNKNOWN_SURVEY: lambda record: _with(record, survey="no-such-survey"),
    Reason.TOO_MANY_ANSWERS: lambda record: _with(
        record, answers={f"question_{i}": 1 for i in range(MAX_ANSWERS + 1)}
    ),
    Reason.UNKNOWN_MEASURE: lambda record: _with(record, answers={"mood_of_the_day": 1}),
    Reason.COMMENT_TOO_LONG: lambda record: _with(record, comment="x" * (MAX_COMMENT + 1)),
    Reason.LOCATION_TOO_LONG: lambda record: _with(record, location="x" * (MAX_LOCATION + 1)),
    Reason.OCCURRED_TOO_EARLY: lambda record: _with(record, occurred_at=EARLIEST - 1),
    Reason.OCCURRED_IN_FUTURE: _ahead,
}
"""What makes each kind of bad input; None is a tombstone."""

OUT_OF_SCALE: Final = 9
"""A value that no scale has."""


def out_of_scale(record: Record, measure: str) -> bytes:
    """The response with a value that the scale of a measure it asks does not have."""
    return _with(record, answers={measure: OUT_OF_SCALE})
