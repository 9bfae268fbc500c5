"""Every reason of the validator once, and the values on both sides of each limit."""

from __future__ import annotations

import tracemalloc

import pytest

from pipeline.core.reasons import Reason
from pipeline.core.response import Response, Validator
from pipeline.core.vocabulary import CHANNELS
from tests.support.world import CATALOGUE, START, response

MINUTES = 60_000
FIRST_OF_2018 = 1_514_764_800_000
KIOSK = {"agency": "ssa", "service": "ssa-replacement-card", "survey": "ssa-replacement-card-done"}
THUMBS = {"service": "va-outpatient", "survey": "va-outpatient-visit"}


def check(**changes: object) -> Response | Reason:
    return Validator(CATALOGUE).check(response(**changes), START)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        (Reason.BAD_EVENT_ID, {"event_id": "5A4B8F4E-26AC-4DF9-9C85-0B0E2F7A1C11"}),
        (Reason.BAD_EVENT_ID, {"event_id": "5a4b8f4e-26ac-4df9-9c85-0b0e2f7a1c11\n"}),
        (Reason.BAD_EVENT_ID, {"event_id": "5a4b8f4e26ac4df99c850b0e2f7a1c11"}),
        (Reason.BAD_EVENT_ID, {"event_id": ""}),
        (Reason.UNKNOWN_AGENCY, {"agency": "VA"}),
        (Reason.UNKNOWN_SERVICE, {"service": ""}),
        (Reason.SERVICE_NOT_OF_AGENCY, {"agency": "ssa"}),
        (Reason.UNKNOWN_CHANNEL, {"channel": "pigeon"}),
        (Reason.UNKNOWN_SURVEY, {"survey": "nothing"}),
        (Reason.SURVEY_NOT_OF_SERVICE, {"survey": "va-outpatient-visit"}),
        (Reason.TOO_MANY_ANSWERS, {"answers": {f"m{i}": 1 for i in range(65)}}),
        (Reason.TOO_MANY_ANSWERS, {"answers": {f"m{i}": 1 for i in range(100_000)}}),
        (Reason.UNKNOWN_MEASURE, {"answers": {f"m{i}": 1 for i in range(64)}}),
        (Reason.UNKNOWN_MEASURE, {"answers": {"yes_no": 1}}),
        (Reason.UNKNOWN_MEASURE, {"answers": {"response": 0}}),
        (Reason.VALUE_OUT_OF_SCALE, {"answers": {"trust": 0}}),
        (Reason.VALUE_OUT_OF_SCALE, {"answers": {"trust": 6}}),
        (Reason.VALUE_OUT_OF_SCALE, {"answers": {"trust": -1}}),
        (Reason.VALUE_OUT_OF_SCALE, {**THUMBS, "answers": {"trust": 4}}),
        (Reason.VALUE_OUT_OF_SCALE, {**THUMBS, "answers": {"positive_ease": 2}}),
        (Reason.VALUE_OUT_OF_SCALE, {**KIOSK, "answers": {"yes_no": 2}}),
        (Reason.COMMENT_TOO_LONG, {"comment": "é" * 10_001}),
        (Reason.LOCATION_TOO_LONG, {"location": "x" * 201}),
        (Reason.OCCURRED_TOO_EARLY, {"occurred_at": FIRST_OF_2018 - 1}),
        (Reason.OCCURRED_TOO_EARLY, {"occurred_at": -(2**63)}),
        (Reason.OCCURRED_IN_FUTURE, {"occurred_at": START + 5 * MINUTES + 1}),
        (Reason.OCCURRED_IN_FUTURE, {"occurred_at": 2**63 - 1}),
    ],
)
def test_a_record_that_does_not_hold_gets_its_reason(
    reason: Reason, changes: dict[str, object]
) -> None:
    assert check(**changes) is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": {}},
        {"answers": {"trust": 1}},
        {"answers": {"trust": 5}},
        {**THUMBS, "answers": {"trust": 0, "positive_ease": 1, "negative_ease": 0}},
        {**KIOSK, "answers": {"yes_no": 0}},
        {"comment": "é" * 10_000},
        {"comment": "", "location": ""},
        {"location": "x" * 200},
        {"occurred_at": FIRST_OF_2018},
        {"occurred_at": START + 5 * MINUTES},
        *({"channel": channel} for channel in sorted(CHANNELS)),
    ],
)
def test_a_record_on_the_right_side_of_each_limit_holds(changes: dict[str, object]) -> None:
    assert isinstance(check(**changes), Response)


def test_the_first_reason_in_the_order_of_the_list_is_the_one_given() -> None:
    assert check(agency="nobody", service="nothing") is Reason.UNKNOWN_AGENCY
    assert check(answers={"trust": 9}, comment="x" * 10_001) is Reason.VALUE_OUT_OF_SCALE
    assert check(comment="x" * 10_001, occurred_at=0) is Reason.COMMENT_TOO_LONG


def test_slots_count_each_answer_and_the_response_itself() -> None:
    asked = CATALOGUE.surveys["va-vha-post-visit"].layout
    found = check(answers={"trust": 4, "satisfaction": 5})
    assert isinstance(found, Response)
    expected = {asked.index("trust") * 6 + 4, asked.index("satisfaction") * 6 + 5, 6 * 7}
    assert set(found.slots) == expected
    assert len(found.slots) == 3


def test_what_a_hostile_producer_invents_is_not_remembered() -> None:
    validator = Validator(CATALOGUE)
    tracemalloc.start()
    for number in range(200):
        long = f"{number}" + "x" * 100_000
        for changes in ({"agency": long}, {"survey": long}, {"answers": {long: 1}}):
            assert isinstance(validator.check(response(**changes), START), Reason)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000
