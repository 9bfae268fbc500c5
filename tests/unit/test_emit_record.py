"""What the client takes for a response, and that a refusal names the field and no value."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from pipeline.core.reasons import Reason
from pipeline.emit.record import SurveyResponse, read_record
from pipeline.emit.refusal import FIELDS, Refusal, ResponseRefusedError, refusal_for
from pipeline.resources import resource
from pipeline.wire.catalogue import load_catalogue

ID = "6f1c1d0e-8a3b-4c5d-9e0f-1a2b3c4d5e6f"
NOON = 1_714_564_800_000  # 2024-05-01 12:00 UTC
GOOD: dict[str, object] = {
    "event_id": ID,
    "occurred_at": NOON,
    "agency": "va",
    "service": "va-vha",
    "channel": "email",
    "survey": "va-vha-post-visit",
    "answers": {"trust": 5},
}


def test_a_response_has_every_field_of_the_schema() -> None:
    record = read_record(GOOD)
    assert record == {**GOOD, "location": None, "comment": None, "retracted": False}
    assert record == SurveyResponse.model_validate(GOOD).record()


@pytest.mark.parametrize(
    "moment",
    [
        str(NOON),
        "2024-05-01T12:00:00Z",
        "2024-05-01T07:00:00-05:00",
        datetime(2024, 5, 1, 14, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_time_may_be_written_in_every_way_that_is_unambiguous(moment: object) -> None:
    assert read_record({**GOOD, "occurred_at": moment})["occurred_at"] == NOON


@pytest.mark.parametrize("name", [ID.upper(), UUID(ID)])
def test_an_id_becomes_canonical(name: object) -> None:
    assert read_record({**GOOD, "event_id": name})["event_id"] == ID


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"occurred_at": "2024-05-01T12:00:00"}, Refusal("occurred_at", "no_time_zone")),
        ({"occurred_at": "yesterday"}, Refusal("occurred_at", "not_a_time")),
        ({"occurred_at": 1.5}, Refusal("occurred_at", "wrong_type")),
        ({"answers": {"trust": "5"}}, Refusal("answers.trust", "wrong_type")),
        ({"answers": {"secret": True}}, Refusal("answers", "wrong_type")),
        ({"secret": 1}, Refusal("", "unknown_field")),
        ({"comment": "\ud800"}, Refusal("comment", "invalid_utf8")),
        ({"retracted": "yes"}, Refusal("retracted", "wrong_type")),
    ],
)
def test_a_fault_is_told_by_field_and_reason(changes: object, refusal: Refusal) -> None:
    assert isinstance(changes, dict)
    with pytest.raises(ResponseRefusedError) as caught:
        read_record({**GOOD, **changes})
    assert caught.value.refusal == refusal


def test_a_missing_id_is_refused_with_what_to_do() -> None:
    with pytest.raises(ResponseRefusedError, match=r"event_id: missing \(the collecting system"):
        read_record({k: v for k, v in GOOD.items() if k != "event_id"})


def test_every_reason_about_content_names_its_field() -> None:
    about_bytes = set(list(Reason)[: list(Reason).index(Reason.BAD_EVENT_ID)])
    by_the_fold = {Reason.CONFLICTING, Reason.INTERNAL_ERROR}
    assert set(FIELDS) == set(Reason) - about_bytes - by_the_fold


def test_the_measure_at_fault_is_named_only_when_its_name_is_ours() -> None:
    survey = load_catalogue(resource("deploy", "catalog")).surveys["va-vha-post-visit"]
    scale = refusal_for(Reason.VALUE_OUT_OF_SCALE, survey, {"ease": 5, "trust": 7})
    other = refusal_for(Reason.UNKNOWN_MEASURE, survey, {"my name is Pat": 1})
    assert (scale.field, other.field) == ("answers.trust", "answers")
