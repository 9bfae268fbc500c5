"""A survey response as a user of the client writes it, turned into the wire's record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    StrictInt,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from pipeline.emit.refusal import ResponseRefusedError, refusal_from

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def _milliseconds(value: object) -> object:
    """ms since 1970 UTC from an int, an aware datetime or ISO 8601 text with an offset."""
    if isinstance(value, str):
        value = _read_time(value)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise PydanticCustomError("no_time_zone", "a time needs its offset from UTC")
        return (value - _EPOCH) // _MILLISECOND
    return value


def _read_time(text: str) -> int | datetime:
    if text.lstrip("-").isdecimal() and text.isascii() and len(text) < 20:
        return int(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("not_a_time", "not ISO 8601") from None


def _canonical_id(value: object) -> object:
    return (
        str(value)
        if isinstance(value, UUID)
        else value.lower()
        if isinstance(value, str)
        else value
    )


def _encodable(value: str | None) -> str | None:
    """JSON can write half a surrogate pair, which is no text and has no UTF-8."""
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("invalid_utf8", "not text") from None
    return value


FreeText = Annotated[str | None, AfterValidator(_encodable)]


class SurveyResponse(BaseModel):
    """One customer's answer to one survey about one interaction.

    `event_id` is a UUID that the collecting system gives once and keeps; `occurred_at` is when the
    customer answered: an aware datetime, ISO 8601 with an offset, or ms since 1970 UTC.
    `answers` maps a measure to its value; leave out what was not asked or was skipped.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    event_id: Annotated[str, BeforeValidator(_canonical_id)]
    occurred_at: Annotated[StrictInt, BeforeValidator(_milliseconds)]
    agency: str
    service: str
    channel: str
    survey: str
    answers: dict[str, StrictInt] = {}
    location: FreeText = None
    comment: FreeText = None
    retracted: StrictBool = False

    def record(self) -> dict[str, object]:
        """The fields as `schemas/survey_response.avsc` has them."""
        return dict(self.__dict__)


def read_record(response: SurveyResponse | Mapping[str, object]) -> dict[str, object]:
    """The wire's record of a response or a plain mapping. Raises ResponseRefusedError."""
    if isinstance(response, SurveyResponse):
        return response.record()
    try:
        return SurveyResponse.model_validate(response).record()
    except ValidationError as error:
        raise ResponseRefusedError(refusal_from(error)) from None
