"""What a survey keeps for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core.catalogue import Catalogue
from pipeline.core.vocabulary import Scale
from pipeline.errors import CatalogueError
from pipeline.wire.catalogue_moves import Past
from tests.support.world import CATALOGUE

SURVEY = next(s for s in CATALOGUE.surveys.values() if s.measures.get("trust") is Scale.LIKERT5)


def asking(**scales: Scale) -> Catalogue:
    """The catalogue with only these questions in that survey."""
    kept = {question.measure: question for question in SURVEY.questions}
    questions = tuple(replace(kept[measure], scale=scale) for measure, scale in scales.items())
    survey = replace(SURVEY, questions=questions)
    return replace(CATALOGUE, surveys={**CATALOGUE.surveys, survey.id: survey})


def test_questions_come_and_go() -> None:
    fewer = asking(trust=Scale.LIKERT5)
    past = Past.of(CATALOGUE).followed_by(fewer).followed_by(CATALOGUE)
    assert past == Past.of(CATALOGUE)


def test_a_measure_that_changes_its_scale_is_refused_though_it_was_away() -> None:
    past = Past.of(CATALOGUE).followed_by(asking())
    with pytest.raises(
        CatalogueError, match=rf"{SURVEY.id}.*'trust' is asked on scale thumbs now, was on likert5"
    ):
        past.followed_by(asking(trust=Scale.THUMBS))
