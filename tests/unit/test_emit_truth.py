"""The truth of a simulation: what must be counted in the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.core.reasons import Outcome
from pipeline.core.response import slots_of
from pipeline.core.updates import Group
from pipeline.core.windows import HOUR
from pipeline.emit.truth import Change, Truth
from pipeline.errors import InputError
from pipeline.resources import resource
from pipeline.wire.catalogue import load_catalogue

CATALOGUE = load_catalogue(resource("deploy", "catalog"))
GROUP = Group("va", "va-vha", "email", "va-vha-post-visit")
AT = 500_000 * HOUR + 17


def change(trust: int, sign: int = 1, at: int = AT) -> Change:
    slots = slots_of(CATALOGUE.surveys[GROUP.survey], {"trust": trust})
    assert isinstance(slots, tuple)
    return Change(GROUP, at, slots[0], sign)


def test_rows_count_values_by_hour_and_late_ones_too() -> None:
    truth = Truth(CATALOGUE)
    truth.add(Outcome.ACCEPTED, "", change(5))
    truth.add(Outcome.ACCEPTED, "", change(1))
    truth.add(Outcome.LATE, "", change(5, at=AT - HOUR))
    hour = AT // HOUR * HOUR
    assert list(truth.rows()) == [
        (*GROUP, "likert5", "trust", hour - HOUR, (0, 0, 0, 0, 0, 1)),
        (*GROUP, "count", "response", hour - HOUR, (1, 0, 0, 0, 0, 0)),
        (*GROUP, "likert5", "trust", hour, (0, 1, 0, 0, 0, 1)),
        (*GROUP, "count", "response", hour, (2, 0, 0, 0, 0, 0)),
    ]


def test_what_was_taken_back_leaves_no_row() -> None:
    truth = Truth(CATALOGUE)
    truth.add(Outcome.ACCEPTED, "", change(5))
    truth.add(Outcome.RETRACTION, "", change(5, sign=-1))
    assert list(truth.rows()) == []
    assert truth.sent == 2


def test_the_file_holds_totals_reasons_and_rows(tmp_path: Path) -> None:
    truth = Truth(CATALOGUE)
    truth.add(Outcome.ACCEPTED, "", change(4))
    truth.add(Outcome.DUPLICATE)
    truth.add(Outcome.DEAD_LETTER, "empty")
    truth.write(tmp_path / "truth.json")
    read = json.loads((tmp_path / "truth.json").read_text())
    assert read["totals"] == {
        "sent": 3,
        "accepted": 1,
        "duplicate": 1,
        "late": 0,
        "retraction": 0,
        "dead_letter": 1,
    }
    assert read["reasons"] == {"empty": 1}
    assert dict(zip(read["columns"], read["rows"][0], strict=True)) == {
        **GROUP._asdict(),
        "scale": "likert5",
        "measure": "trust",
        "hour": AT // HOUR * HOUR,
        "counts": [0, 0, 0, 0, 1, 0],
    }
    assert [path.name for path in tmp_path.iterdir()] == ["truth.json"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        Truth(CATALOGUE).write(tmp_path / "nowhere" / "truth.json")
