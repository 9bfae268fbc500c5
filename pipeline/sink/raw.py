"""Responses topic → table `responses`: one row for every record that can be decoded, valid or not.

The scorer alone judges; a row that it refuses is left out by its outcome. So nothing here may fail
because of what a record says: what a column cannot take is cut, clipped or clamped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, cast

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Reason
from pipeline.core.redaction import redact
from pipeline.core.response import MAX_ANSWERS, MAX_COMMENT, MAX_LOCATION
from pipeline.core.vocabulary import MEASURES
from pipeline.sink.rows import Block, Converted, Record
from pipeline.wire.dead_letters import is_repair
from pipeline.wire.responses import ResponseDecoder

TABLE: Final = "responses"
NO_EVENT: Final = "00000000-0000-0000-0000-000000000000"
MAX_CODE: Final = 64
"""Characters kept of a code that the catalogue does not know; real ones have under 40."""
EARLIEST_MS: Final = 0
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01: times outside 1970..2100 are broken clocks, and DateTime64 ends in 2299."""
KNOWN_MEASURES: Final = frozenset(m for asked in MEASURES.values() for m in asked)
"""Only these names are stored: anything else a producer writes as one is as risky as a comment."""
_UINT8: Final = 255
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch
_CACHE: Final = 50_000
"""Distinct groups remembered: bounds memory when input is hostile, far above what is real."""

_Group = tuple[str, str, str, str]


class _Row(NamedTuple):
    """The columns that come from the record itself, in the order of the table."""

    event_id: str
    occurred_at: int
    agency: str
    service: str
    channel: str
    survey: str
    answers: Mapping[str, int]
    location: str | None
    comment: str | None
    retracted: bool
    repair: bool


class RawRows:
    """Converts batches of the responses topic; a catalogue resolves aliases, and `generation_of`
    gives what the records of a partition do not say themselves."""

    def __init__(
        self, catalogue: Catalogue, decoder: ResponseDecoder, generation_of: Callable[[int], int]
    ) -> None:
        self._decoder = decoder
        self._generation_of = generation_of
        self._names = _Names(catalogue)

    def adopt(self, catalogue: Catalogue) -> None:
        """Resolve aliases by another catalogue from the next batch on; safe from any thread."""
        self._names = _Names(catalogue)

    def convert(self, records: Sequence[Record]) -> Converted:
        """Rows of the records that can be decoded; the scorer makes dead letters of the others."""
        kinds: Counter[str] = Counter()
        places: list[tuple[int, int, int]] = []
        rows: list[_Row] = []
        names = self._names
        for record in records:
            decoded = self._decoder.decode(record.value)
            if not isinstance(decoded, Reason):
                places.append((record.partition, record.offset, record.timestamp))
                rows.append(_row(decoded, names, is_repair(record.headers), kinds))
        if not rows:
            return Converted(())
        partitions, offsets, received = zip(*places, strict=True)
        columns: dict[str, Sequence[object]] = {
            "generation": list(map(self._generation_of, partitions)),
            "partition": partitions,
            "offset": offsets,
            "received_at": received,
        }
        columns.update(zip(_Row._fields, zip(*rows, strict=True), strict=True))
        return Converted((Block(TABLE, columns),), redactions=kinds)


class _Names:
    """What one catalogue calls a group; remembers those it has seen."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._groups: dict[_Group, _Group] = {}

    def resolve(self, key: _Group) -> _Group:
        """The codes of a group given by codes or aliases; what is unknown stays, clipped."""
        return self._groups.get(key) or self._look_up(key)

    def _look_up(self, key: _Group) -> _Group:
        agency, service, channel, survey = key
        found = (
            self._catalogue.agency_codes.get(agency, agency[:MAX_CODE]),
            self._catalogue.service_codes.get(service, service[:MAX_CODE]),
            channel[:MAX_CODE],
            survey[:MAX_CODE],
        )
        # Only what is short is kept: a hostile producer's inventions may have 2 MiB each.
        if len(self._groups) < _CACHE and all(len(code) <= MAX_CODE for code in key):
            self._groups[key] = found
        return found


def _row(decoded: Mapping[str, object], names: _Names, repair: bool, kinds: Counter[str]) -> _Row:
    key = cast(
        _Group,
        (decoded["agency"], decoded["service"], decoded["channel"], decoded["survey"]),
    )
    event_id = cast(str, decoded["event_id"])
    occurred_at = cast(int, decoded["occurred_at"])
    location = cast("str | None", decoded["location"])
    return _Row(
        event_id if _UUID(event_id) else NO_EVENT,
        min(max(occurred_at, EARLIEST_MS), LATEST_MS),
        *names.resolve(key),
        clip_answers(cast("dict[str, int]", decoded["answers"])),
        None if location is None else location[:MAX_LOCATION],
        redacted_comment(cast("str | None", decoded["comment"]), kinds),
        decoded["retracted"] is True,
        repair,
    )


def clip_answers(answers: dict[str, int]) -> dict[str, int]:
    """The answers that the column takes: at most 64, known measures, values of one byte."""
    if (
        len(answers) <= MAX_ANSWERS
        and answers.keys() <= KNOWN_MEASURES
        and min(answers.values(), default=0) >= 0
        and max(answers.values(), default=0) <= _UINT8
    ):
        return answers
    fitting = ((m, v) for m, v in answers.items() if m in KNOWN_MEASURES and 0 <= v <= _UINT8)
    return dict(list(fitting)[:MAX_ANSWERS])


def redacted_comment(comment: str | None, kinds: Counter[str]) -> str | None:
    """The comment as it may be stored; what was taken out is counted by kind in `kinds`.

    One over the limit is left out (the scorer refuses its record): a cut could split a number in
    two and hide it from redaction.
    """
    if comment is None or len(comment) > MAX_COMMENT:
        return None
    result = redact(comment)
    kinds.update(result.counts)
    return result.text
