"""How the load test reckons: rates from the ledger, percentiles, verdicts, first sightings."""

from __future__ import annotations

import pytest

from loadtest.corpus import place_keys
from loadtest.result import Result, percentile, ratios
from loadtest.watch import Sightings
from loadtest.workers import Mark, reckon
from pipeline.core.catalogue import Catalogue
from pipeline.emit.world import cells
from pipeline.resources import resource
from pipeline.wire.catalogue import load_catalogue
from pipeline.wire.topics import response_key

CELL = ("va", "va-vha", "email", "va-vha-post-visit", 0)


def test_a_rate_counts_from_the_first_entry_after_the_last_claim_to_the_end_of_the_log() -> None:
    marks = [
        Mark(1_000, 0, 50),  # before the second worker came
        Mark(5_000, 0, 100),
        Mark(5_000, 1, 20),
        Mark(7_000, 1, 300),
        Mark(9_000, 0, 600),
        Mark(9_500, 0, 600),  # nothing new: not the end
    ]
    done = reckon(marks, {0: 600, 1: 300}, claimed=4_000)
    assert (done.records, done.total, done.seconds) == (780, 900, 4.0)
    assert done.rate == 195


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_the_median_decides_whether_a_target_is_met() -> None:
    assert Result("r", "x", (0.4, 0.6, 0.7), at_least=0.5).verdict == "met"
    assert Result("r", "s", (4.0, 6.0, 7.0), at_most=5.0).verdict == "missed"
    assert Result("r", "s", (4.0,)).verdict == ""


def test_ratios_compare_what_ran_in_the_same_round() -> None:
    assert ratios([10.0, 40.0], [20.0, 20.0]) == (0.5, 2.0)


def test_a_record_shows_when_a_version_above_its_offset_was_first_seen() -> None:
    seen = Sightings()
    seen.add(CELL, 10.0, 5)
    seen.add(CELL, 20.0, 5)
    seen.add(CELL, 30.0, 9)
    assert seen.first(CELL, 4) == 10.0
    assert seen.first(CELL, 5) == 30.0
    assert seen.first(CELL, 9) is None
    assert seen.first((*CELL[:4], 1), 0) is None


@pytest.mark.parametrize("partitions", [2, 8])
def test_both_halves_of_the_partitions_get_the_same_load(partitions: int) -> None:
    catalogue: Catalogue = load_catalogue(resource("deploy", "catalog"))
    places = place_keys(catalogue, partitions)
    load = [0.0] * partitions
    for cell in cells(catalogue):
        load[places[response_key(cell.group)]] += cell.share
    assert sum(load[::2]) == pytest.approx(0.5, abs=0.01)
