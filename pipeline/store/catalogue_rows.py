"""The catalogue as rows of ClickHouse: four tables, each with a digest of what it should hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.core.fiscal import quarter_of, quarters

FIRST_FISCAL_YEAR: Final = 2018
"""Section 280 begins in it: nothing that occurred earlier is accepted."""

YEARS_AHEAD: Final = 2
"""Bounds reach this far past the current fiscal year: migrating once a year is early enough."""

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class CatalogueTable:
    """What one table must hold, in the order of its key."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def digest(self) -> str:
        """Identifies columns and rows."""
        return hashlib.sha256(repr((self.columns, self.rows)).encode()).hexdigest()[:32]


def catalogue_tables(catalogue: Catalogue, today: date) -> list[CatalogueTable]:
    """Agencies, services, surveys, and the quarter bounds of each survey in its zone."""
    return [
        _agencies(catalogue),
        _services(catalogue),
        _surveys(catalogue),
        _bounds(catalogue, today),
    ]


def _agencies(catalogue: Catalogue) -> CatalogueTable:
    rows = sorted((a.code, a.name, list(a.aliases)) for a in catalogue.agencies.values())
    return CatalogueTable("agencies", ("agency", "name", "aliases"), tuple(rows))


def _services(catalogue: Catalogue) -> CatalogueTable:
    columns = (
        "agency",
        "service",
        "name",
        "provider",
        "aliases",
        "designated",
        "is_provider",
        "channels",
    )
    rows = sorted(
        (
            s.agency,
            s.code,
            s.name,
            s.provider,
            list(s.aliases),
            s.designated,
            s.is_provider,
            list(s.channels),
        )
        for s in catalogue.services.values()
    )
    return CatalogueTable("services", columns, tuple(rows))


def _surveys(catalogue: Catalogue) -> CatalogueTable:
    columns = (
        "survey",
        "title",
        "service",
        "instrument",
        "trust_variant",
        "interaction_type",
        "timezone",
        "omb_number",
        "omb_expires",
        "questions",
    )
    rows = sorted(
        (
            s.id,
            s.title,
            s.service,
            s.instrument.value,
            s.trust_variant or "",
            s.interaction_type,
            s.timezone,
            s.omb_number,
            s.omb_expires,
            [(q.measure, q.scale.value, q.text, q.version) for q in s.questions],
        )
        for s in catalogue.surveys.values()
    )
    return CatalogueTable("surveys", columns, tuple(rows))


def _bounds(catalogue: Catalogue, today: date) -> CatalogueTable:
    columns = ("survey", "fiscal_year", "quarter", "start_utc", "end_utc")
    return CatalogueTable("survey_quarters", columns, tuple(sorted(_quarters(catalogue, today))))


def _quarters(
    catalogue: Catalogue, today: date
) -> Iterator[tuple[str, int, int, datetime, datetime]]:
    last = quarter_of(today).year + YEARS_AHEAD
    for quarter in quarters(FIRST_FISCAL_YEAR, last):
        by_zone = {
            zone: quarter.bounds(zone) for zone in {s.timezone for s in catalogue.surveys.values()}
        }
        for survey in catalogue.surveys.values():
            start, end = by_zone[survey.timezone]
            yield survey.id, quarter.year, quarter.quarter, _instant(start), _instant(end)


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC)
