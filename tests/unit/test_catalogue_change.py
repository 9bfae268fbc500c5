"""A survey that changes keeps all its counts, also of what it no longer asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core.catalogue import Catalogue, Question
from pipeline.core.partition import PartitionState
from pipeline.core.vocabulary import Scale
from pipeline.wire.catalogue import make_catalogue
from pipeline.wire.cuts import decode_cut, encode_cut
from tests.support.world import CATALOGUE, START, checked, response

SURVEY = "va-vha-post-visit"
QUESTIONS = CATALOGUE.surveys[SURVEY].questions
GONE = make_catalogue(
    CATALOGUE.agencies.values(),
    CATALOGUE.services.values(),
    [survey for survey in CATALOGUE.surveys.values() if survey.id != SURVEY],
)
"""The catalogue without that survey."""


def asking(*questions: Question) -> Catalogue:
    """The catalogue, with other questions in one survey."""
    surveys = {**CATALOGUE.surveys}
    surveys[SURVEY] = replace(surveys[SURVEY], questions=questions)
    return make_catalogue(
        CATALOGUE.agencies.values(), CATALOGUE.services.values(), surveys.values()
    )


def only(*measures: str) -> tuple[Question, ...]:
    return tuple(question for question in QUESTIONS if question.measure in measures)


class Fold:
    """A partition with one answer, whose catalogue changes; checkpoints go through their bytes."""

    def __init__(self, trust: int = 5) -> None:
        self.state = PartitionState(0, 1, 0, CATALOGUE)
        self.trust = trust
        self.send()

    def send(self, retracted: bool = False) -> str:
        offset = self.state.next_offset
        record = response(answers={"trust": self.trust, "ease": 1}, retracted=retracted)
        verdicts = self.state.apply(checked(self.state, [(offset, START, record)]))
        return str(verdicts[0].outcome) if verdicts else "accepted"

    def change(self, catalogue: Catalogue) -> None:
        self.state.emit(START, windows=True)
        self.state.switch(catalogue)
        cut = decode_cut(encode_cut(self.state.cut(full=True)))
        self.state = PartitionState.load([cut], catalogue)

    def told(self) -> dict[str, tuple[dict[str, int], ...]]:
        """Each window, and the hour if it changed → counts that are not zero by `measure=value`."""
        (update,) = self.state.emit(START, windows=True).updates
        rows = {row.window: row.counts for row in update.windows}
        if update.panes:
            rows["hour"] = update.panes[0].counts
        names = [measure for measure, _ in update.measures]
        return {
            name: tuple(
                {f"{names[at // 6]}={at % 6}": n} for at, n in enumerate(counts) if n
            )
            for name, counts in rows.items()
        }  # fmt: skip


def test_questions_in_another_order_keep_their_counts() -> None:
    fold = Fold()
    fold.change(asking(*reversed(QUESTIONS)))
    everything = ({"ease=1": 1}, {"trust=5": 1}, {"response=0": 1})
    assert fold.told() == dict.fromkeys(("1h", "24h", "7d", "28d"), everything)
    assert fold.send(retracted=True) == "retraction"
    assert fold.told() == dict.fromkeys(("hour", "1h", "24h", "7d", "28d"), ())


def test_a_question_that_is_no_longer_asked_is_told_as_long_as_it_counts() -> None:
    fold = Fold()
    fold.change(asking(*only("ease", "satisfaction")))
    assert fold.told()["24h"] == ({"ease=1": 1}, {"response=0": 1}, {"trust=5": 1})


def test_a_measure_that_nobody_answered_goes_with_its_question() -> None:
    fold = Fold()
    fold.change(asking(*only("ease")))
    (panes,) = fold.state.book.groups.values()
    assert [measure for measure, _ in panes.measures] == ["ease", "response", "trust"]


def test_a_question_that_comes_back_finds_its_counts_and_can_lose_them_again() -> None:
    fold = Fold()
    fold.change(asking(*only("ease")))
    assert fold.send(retracted=True) == "dead_letter"  # nobody knows trust by now
    fold.change(CATALOGUE)
    everything = ({"trust=5": 1}, {"ease=1": 1}, {"response=0": 1})
    assert fold.told()["7d"] == everything
    assert fold.send(retracted=True) == "retraction"
    assert fold.told() == dict.fromkeys(("hour", "1h", "24h", "7d", "28d"), ())


def test_a_survey_that_is_gone_for_a_while_keeps_its_counts() -> None:
    fold = Fold()
    fold.change(GONE)
    everything = ({"trust=5": 1}, {"ease=1": 1}, {"response=0": 1})
    assert fold.told()["28d"] == everything
    fold.change(CATALOGUE)
    assert fold.told()["28d"] == everything


def test_a_scale_that_changed_counts_apart_from_the_one_before() -> None:
    fold = Fold()
    trust = replace(only("trust")[0], scale=Scale.THUMBS)
    fold.change(asking(*only("ease"), trust))
    (panes,) = fold.state.book.groups.values()
    assert panes.measures == (
        *(("ease", "likert5"), ("trust", "thumbs"), ("response", "count")),
        ("trust", "likert5"),
    )
    assert fold.told()["28d"] == ({"ease=1": 1}, {"response=0": 1}, {"trust=5": 1})


@pytest.mark.parametrize("windows_kept", [True, False])
def test_taking_back_what_counts_on_another_scale_never_counts_below_zero(
    windows_kept: bool,
) -> None:
    fold = Fold(trust=1)
    trust = replace(only("trust")[0], scale=Scale.THUMBS)
    fold.change(asking(*only("ease"), trust))
    if windows_kept:
        fold.state.emit(START, windows=True)
    assert fold.send(retracted=True) == "retraction"
    assert fold.told() == dict.fromkeys(("hour", "1h", "24h", "7d", "28d"), ({"trust=1": 1},))


def test_windows_must_be_told_before_a_catalogue_changes() -> None:
    fold = Fold()
    fold.state.emit(START, windows=False)
    with pytest.raises(ValueError, match="windows"):
        fold.state.switch(CATALOGUE)


def test_a_cut_of_before_measures_were_held_keeps_a_survey_that_is_gone() -> None:
    fold = Fold()
    fold.state.emit(START, windows=True)
    old = replace(fold.state.cut(full=True), held=())
    fold.state = PartitionState.load([old], GONE)
    everything = ({"trust=5": 1}, {"ease=1": 1}, {"response=0": 1})
    assert fold.told()["28d"] == everything


def test_a_survey_that_is_gone_and_counts_nothing_is_forgotten() -> None:
    fold = Fold()
    fold.send(retracted=True)
    fold.change(GONE)
    assert not fold.state.book.groups
