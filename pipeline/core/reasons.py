"""Why a record cannot be scored: the closed list of dead-letter reasons and outcomes."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a record; every record read gets exactly one."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LATE = "late"
    RETRACTION = "retraction"
    DEAD_LETTER = "dead_letter"


class Reason(StrEnum):
    """Why a record is a dead letter. The first block is about bytes, the second about content."""

    TOMBSTONE = "tombstone"
    EMPTY = "empty"
    NOT_AVRO = "not_avro"
    UNKNOWN_SCHEMA = "unknown_schema"
    TRUNCATED = "truncated"
    LENGTH_TOO_LARGE = "length_too_large"
    TRAILING_BYTES = "trailing_bytes"
    MALFORMED = "malformed"
    INVALID_UTF8 = "invalid_utf8"

    BAD_EVENT_ID = "bad_event_id"
    UNKNOWN_AGENCY = "unknown_agency"
    UNKNOWN_SERVICE = "unknown_service"
    SERVICE_NOT_OF_AGENCY = "service_not_of_agency"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNKNOWN_SURVEY = "unknown_survey"
    SURVEY_NOT_OF_SERVICE = "survey_not_of_service"
    TOO_MANY_ANSWERS = "too_many_answers"
    UNKNOWN_MEASURE = "unknown_measure"
    VALUE_OUT_OF_SCALE = "value_out_of_scale"
    COMMENT_TOO_LONG = "comment_too_long"
    LOCATION_TOO_LONG = "location_too_long"
    OCCURRED_TOO_EARLY = "occurred_too_early"
    OCCURRED_IN_FUTURE = "occurred_in_future"
    CONFLICTING = "conflicting"
    INTERNAL_ERROR = "internal_error"
