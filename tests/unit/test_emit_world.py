"""The simulated world against what is published about the real one (domain report, section 3)."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from random import Random
from statistics import fmean

import pytest

from pipeline.core.response import slots_of
from pipeline.core.vocabulary import Instrument
from pipeline.emit.answers import form
from pipeline.emit.world import cells
from pipeline.resources import resource
from pipeline.wire.catalogue import load_catalogue

CATALOGUE = load_catalogue(resource("deploy", "catalog"))
CELLS = cells(CATALOGUE)


def test_seven_services_give_over_nine_tenths_and_one_a_third() -> None:
    shares: defaultdict[str, float] = defaultdict(float)
    for cell in CELLS:
        shares[cell.group.service] += cell.share
    ranked = sorted(shares.values(), reverse=True)
    assert sum(ranked) == pytest.approx(1)
    assert sum(ranked[:7]) > 0.9
    assert 0.3 < ranked[0] < 0.4
    assert shares["va-vha"] == ranked[0]


def test_many_cells_are_thin_and_every_instrument_is_in_use() -> None:
    thin = [cell for cell in CELLS if cell.share * 10_000 < 30]  # fewer than 30 answers a day
    assert len(thin) > len(CELLS) / 2
    assert {cell.survey.instrument for cell in CELLS} == set(Instrument)


def test_channels_of_one_service_differ_by_about_a_third_of_a_point() -> None:
    means: defaultdict[str, list[float]] = defaultdict(list)
    for cell in CELLS:
        means[cell.group.service].append(cell.mean)
    gaps = [max(values) - min(values) for values in means.values()]
    assert max(gaps) == pytest.approx(0.3)
    assert 3.5 < min(map(min, means.values())) < max(map(max, means.values())) < 4.8


def test_likert_answers_have_the_mean_of_their_cell() -> None:
    fill = form(CATALOGUE.surveys["va-vha-post-visit"], 4.2)
    draw = Random(1).random
    filled = [fill(draw) for _ in range(5000)]
    means = {m: fmean(a[m] for a in filled if m in a) for m in ("satisfaction", "employee")}
    assert means["satisfaction"] == pytest.approx(4.2, abs=0.06)
    assert means["employee"] == pytest.approx(4.5, abs=0.06)
    assert 0.01 < sum("trust" not in a for a in filled) / 5000 < 0.05


@pytest.mark.parametrize(("survey", "content"), [("va-outpatient-visit", 1), ("va-vha-trust", 4)])
def test_only_the_list_that_belongs_to_the_trust_answer_is_shown(survey: str, content: int) -> None:
    asked = CATALOGUE.surveys[survey]
    fill, draw = form(asked, 3.6), Random(2).random
    seen = set()
    for answers in (fill(draw) for _ in range(500)):
        shown = {name.split("_")[0] for name in answers if name != "trust"}
        if "trust" not in answers:
            assert not answers
        else:
            assert shown == {"positive" if answers["trust"] >= content else "negative"}
        seen |= shown
        assert isinstance(slots_of(asked, answers), tuple)
    assert seen == {"positive", "negative"}


def test_a_happier_cell_gives_more_yes() -> None:
    survey = CATALOGUE.surveys["gsa-usa-gov-page"]
    shares = []
    for mean in (3.3, 4.0, 4.7):
        fill, draw = form(survey, mean), Random(3).random
        shares.append(fmean(a["yes_no"] for a in (fill(draw) for _ in range(3000)) if a))
    assert all(low < high for low, high in pairwise(shares))
