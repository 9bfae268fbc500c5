"""Which dead letters to replay: those that fit the filters, each original once.

A replayed record that fails again has another place and its own letter. Both hold the same bytes
of one partition and stage, and that is how they are known to be one: the highest attempt counts.
Letters that hold only the beginning of their records must also name the same first record. Those of
stage `sink` are known by the place of their record alone: each place is a row of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from xxhash import xxh3_128_digest

from pipeline.core.catalogue import Catalogue
from pipeline.core.reasons import Reason
from pipeline.errors import SchemaError
from pipeline.wire.dead_letters import DeadLetter, Stage, read_dead_letter
from pipeline.wire.responses import ResponseDecoder
from pipeline.wire.topics import Topics

Place = tuple[int, int]
"""Partition and offset in the topic of dead letters."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to replay. `reasons` and `services` empty: all; times in ms, half-open, of the append of
    the record that the letter is about; `limit` counts letters in the order they are read."""

    stage: Stage = "score"
    reasons: Collection[str] = ()
    services: Collection[str] = ()
    since: int = 0
    until: int = 1 << 62
    limit: int | None = None


@dataclass(slots=True)
class Choice:
    """What was found: the places to replay with their reasons, and why others are left out."""

    places: dict[Place, str] = field(default_factory=dict)
    other: int = 0
    superseded: int = 0
    unreadable: int = 0

    @property
    def reasons(self) -> Counter[str]:
        """How many to replay, by reason."""
        return Counter(self.places.values())


class Chooser:
    """Sees every dead letter once, in any order of partitions; memory is some 200 bytes each."""

    def __init__(self, filters: Filters, topics: Topics, services: Services) -> None:
        self._filters = filters
        self._responses = topics.responses
        self._services = services
        self._newest: dict[bytes, tuple[int, Place, str]] = {}
        self._choice = Choice()

    def see(self, place: Place, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Look at one record of the dead-letter topic."""
        try:
            letter = read_dead_letter(value, headers)
        except SchemaError:
            self._choice.unreadable += 1
            return
        if letter.stage != self._filters.stage:
            return
        known = self._newest.get(key := _identity(letter))
        if known is not None:
            self._choice.superseded += 1
            if known[0] > letter.attempt:
                return
        reason = letter.reason if self._fits(letter) else ""
        self._newest[key] = (letter.attempt, place, reason)

    def chosen(self) -> Choice:
        """The choice, once all were seen."""
        choice = self._choice
        fitting = [(place, reason) for _, place, reason in self._newest.values() if reason]
        choice.other = len(self._newest) - len(fitting)
        choice.places = dict(sorted(fitting)[: self._filters.limit])
        return choice

    def _fits(self, letter: DeadLetter) -> bool:
        filters = self._filters
        if not filters.since <= letter.appended_at < filters.until:
            return False
        if filters.reasons and letter.reason not in filters.reasons:
            return False
        if not filters.services:
            return True
        return letter.topic == self._responses and self._services.has(letter, filters.services)


class Services:
    """Tells the service of a letter that can be decoded; aliases are resolved."""

    def __init__(self, catalogue: Catalogue, confluent_ids: Mapping[int, str]) -> None:
        self._codes = catalogue.service_codes
        self._decoder = ResponseDecoder(confluent_ids)

    def has(self, letter: DeadLetter, services: Collection[str]) -> bool:
        """Whether it is of one of `services`; what cannot be decoded is of none."""
        record = self._decoder.decode(letter.value)
        if isinstance(record, Reason):
            return False
        named = str(record["service"])
        return self._codes.get(named, named) in services


def _identity(letter: DeadLetter) -> bytes:
    if letter.stage == "sink":  # it wants the row of each place: equal bytes are another row
        return xxh3_128_digest(letter.first.encode())
    value = b"-" if letter.value is None else b"+" + letter.value
    place = letter.first if letter.cut else f"{letter.topic}/{letter.partition}"
    return xxh3_128_digest(f"{place}/".encode() + value)
