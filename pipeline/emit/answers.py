"""How simulated customers fill in each of the four forms, branch rules included."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Final

from pipeline.core.catalogue import Survey
from pipeline.core.vocabulary import DRIVERS, Instrument
from pipeline.emit.apportion import shares_with_mean

Draw = Callable[[], float]
Answers = dict[str, int]

MOOD: Final = 0.7
"""How often an answer follows the customer's overall mood rather than the one question."""
SKIPPED: Final = 0.03
"""Share of questions that a customer leaves out."""
PROMOTER: Final = 4
"""On the five-point form 4 and 5 lead to the list of what went well, 1 to 3 to the other
(GSA/touchpoints: neutral goes with negative)."""
OFFSET: Final = {
    "satisfaction": 0.0,
    "trust": -0.1,
    "effectiveness": 0.0,
    "ease": -0.05,
    "efficiency": -0.2,
    "transparency": 0.05,
    "employee": 0.3,
}
"""Employees are rated highest and speed lowest, as in the published government-wide results."""
LEAST_MEAN: Final = 3.2
MOST_MEAN: Final = 4.85
LIKED: Final = dict(zip(DRIVERS, (0.55, 0.5, 0.35, 0.25, 0.3, 0.4, 0.05), strict=True))
DISLIKED: Final = dict(zip(DRIVERS, (0.3, 0.3, 0.45, 0.2, 0.15, 0.15, 0.2), strict=True))
"""Share of those shown a list who tick each driver."""


def form(survey: Survey, mean: float) -> Callable[[Draw], Answers]:
    """A function that fills in the survey's form with answers around `mean` (1..5)."""
    asked = tuple(survey.measures)
    if survey.instrument is Instrument.A11:
        return _likert_form(asked, mean)
    happy = shares_with_mean(_clamped(mean))
    if survey.instrument is Instrument.A11_YES_NO:
        yes = 1 - happy[0] - happy[1]
        return lambda draw: {} if draw() < SKIPPED else {"yes_no": int(draw() < yes)}
    if survey.instrument is Instrument.A11_V2_RADIO:
        cuts = _cuts(mean + OFFSET["trust"])
        return _driver_form(asked, lambda draw: bisect_right(cuts, draw()) + 1, PROMOTER)
    up = happy[4] + happy[3] / 2  # a thumb up is closer to a 5 than to a 4 on five points
    return _driver_form(asked, lambda draw: int(draw() < up), 1)


def _likert_form(asked: tuple[str, ...], mean: float) -> Callable[[Draw], Answers]:
    questions = [(measure, _cuts(mean + OFFSET[measure])) for measure in asked]

    def fill(draw: Draw) -> Answers:
        mood = draw()
        answers = {}
        for measure, cuts in questions:
            chance = draw()
            if chance >= SKIPPED:
                # What is left of `chance` decides between mood and question: one draw less.
                rank = mood if chance < SKIPPED + MOOD * (1 - SKIPPED) else draw()
                answers[measure] = bisect_right(cuts, rank) + 1
        return answers

    return fill


def _driver_form(
    asked: tuple[str, ...], trust: Callable[[Draw], int], promoter: int
) -> Callable[[Draw], Answers]:
    """Trust, then one of the two lists: each driver shown is ticked (1) or not (0)."""
    liked = [(f"positive_{d}", share) for d, share in LIKED.items() if f"positive_{d}" in asked]
    disliked = [
        (f"negative_{d}", share) for d, share in DISLIKED.items() if f"negative_{d}" in asked
    ]

    def fill(draw: Draw) -> Answers:
        if draw() < SKIPPED:
            return {}
        value = trust(draw)
        shown = liked if value >= promoter else disliked
        return {"trust": value} | {driver: int(draw() < share) for driver, share in shown}

    return fill


def _cuts(mean: float) -> list[float]:
    """Where the values 2, 3, 4 and 5 begin among customers from the unhappiest to the happiest."""
    return list(accumulate(shares_with_mean(_clamped(mean))))[:-1]


def _clamped(mean: float) -> float:
    return min(max(mean, LEAST_MEAN), MOST_MEAN)
