"""What catalogues have asked so far, as ClickHouse remembers it: table `asked`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.wire.catalogue_moves import Past

TABLE: Final = "asked"
COLUMNS: Final = ("survey", "measure", "scale", "agency", "service")
READ: Final = f"SELECT {', '.join(COLUMNS)} FROM {TABLE} FINAL"


def past_of(rows: Iterable[Sequence[object]]) -> Past:
    """Of the rows that `READ` gives."""
    owners: dict[str, tuple[str, str]] = {}
    scales: dict[tuple[str, str], str] = {}
    for survey, measure, scale, agency, service in rows:
        owners[str(survey)] = (str(agency), str(service))
        scales[str(survey), str(measure)] = str(scale)
    return Past(owners, scales)


def not_yet(past: Past, catalogue: Catalogue) -> list[tuple[str, ...]]:
    """The rows that a catalogue adds."""
    now = Past.of(catalogue)
    return [
        (survey, measure, scale, *now.owners[survey])
        for (survey, measure), scale in sorted(now.scales.items())
        if (survey, measure) not in past.scales
    ]
