"""A survey that changes between two checkpoints keeps the counts of what it still asks."""

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
    """A partition with one answer, whose worker restarts with other catalogues."""

    def __init__(self) -> None:
        self.state = PartitionState(0, 1, 0, CATALOGUE)
        self.send()

    def send(self, retracted: bool = False) -> str:
        offset = self.state.next_offset
        record = response(answers={"trust": 5, "ease": 1}, retracted=retracted)
        verdicts = self.state.apply(checked(self.state, [(offset, START, record)]))
        return str(verdicts[0].outcome) if verdicts else "accepted"

    def restart(self, catalogue: Catalogue) -> None:
        self.state.emit(START, windows=True)
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
    fold.restart(asking(*reversed(QUESTIONS)))
    everything = ({"ease=1": 1}, {"trust=5": 1}, {"response=0": 1})
    assert fold.told() == dict.fromkeys(("1h", "24h", "7d", "28d"), everything)
    assert fold.send(retracted=True) == "retraction"
    assert fold.told() == dict.fromkeys(("hour", "1h", "24h", "7d", "28d"), ())


def test_a_question_that_is_no_longer_asked_leaves_the_others() -> None:
    fold = Fold()
    fold.restart(asking(*only("trust", "satisfaction")))
    assert fold.told()["24h"] == ({"trust=5": 1}, {"response=0": 1})


@pytest.mark.parametrize("windows_kept", [True, False])
def test_taking_back_what_is_no_longer_counted_never_counts_below_zero(windows_kept: bool) -> None:
    fold = Fold()
    fold.restart(asking(*only("ease")))
    fold.restart(CATALOGUE)  # trust is asked again, its counts are gone
    if windows_kept:
        fold.state.emit(START, windows=True)
    assert fold.send(retracted=True) == "retraction"
    assert fold.told() == dict.fromkeys(("hour", "1h", "24h", "7d", "28d"), ())


def test_a_scale_that_changed_starts_its_counts_anew() -> None:
    fold = Fold()
    trust = replace(only("trust")[0], scale=Scale.THUMBS)
    fold.restart(asking(*only("ease"), trust))
    assert fold.told()["28d"] == ({"ease=1": 1}, {"response=0": 1})
