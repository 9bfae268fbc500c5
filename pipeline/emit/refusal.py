"""Why a response is not sent: the field and a reason code, never what the customer answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from pipeline.core.catalogue import Survey
from pipeline.core.reasons import Reason
from pipeline.core.vocabulary import MEASURES, VALUES
from pipeline.errors import CxpulseError

FIELDS: Final[dict[Reason, str]] = {
    Reason.BAD_EVENT_ID: "event_id",
    Reason.UNKNOWN_AGENCY: "agency",
    Reason.UNKNOWN_SERVICE: "service",
    Reason.SERVICE_NOT_OF_AGENCY: "service",
    Reason.UNKNOWN_CHANNEL: "channel",
    Reason.UNKNOWN_SURVEY: "survey",
    Reason.SURVEY_NOT_OF_SERVICE: "survey",
    Reason.TOO_MANY_ANSWERS: "answers",
    Reason.UNKNOWN_MEASURE: "answers",
    Reason.VALUE_OUT_OF_SCALE: "answers",
    Reason.COMMENT_TOO_LONG: "comment",
    Reason.LOCATION_TOO_LONG: "location",
    Reason.OCCURRED_TOO_EARLY: "occurred_at",
    Reason.OCCURRED_IN_FUTURE: "occurred_at",
}
"""The field at fault for each reason that a validator can give."""

KNOWN_MEASURES: Final = frozenset(measure for asked in MEASURES.values() for measure in asked)
"""Every measure of every instrument: also the columns that a CSV file may have."""

HINTS: Final[dict[str, str]] = {
    "bad_event_id": "give a UUID such as 6f1c1d0e-8a3b-4c5d-9e0f-1a2b3c4d5e6f",
    "unknown_agency": "use a code of deploy/catalog/agencies.yaml",
    "unknown_service": "use a code of deploy/catalog/services.yaml",
    "unknown_survey": "use an id of deploy/catalog/surveys.yaml",
    "survey_not_of_service": "name the service that the survey asks about",
    "unknown_measure": "send only what the survey asks",
    "no_time_zone": "end the time with Z or an offset such as -05:00",
}
"""What to do about it, where that is not plain from the reason."""

_MISSING_ID: Final = (
    "the collecting system must give each response a UUID once and keep it, "
    "so that sending it again counts it once"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One response that was not sent. `reason` is a `core.reasons.Reason` or the reader's."""

    field: str
    reason: str

    @property
    def hint(self) -> str:
        """What to do, or an empty string."""
        if self.field == "event_id" and self.reason == "missing":
            return _MISSING_ID
        return HINTS.get(self.reason, "")

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.reason}" + (f" ({self.hint})" if self.hint else "")


class ResponseRefusedError(CxpulseError):
    """A response does not hold; it was not sent. `refusal` says which field and why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def refusal_for(
    reason: Reason, survey: Survey | None = None, answers: Mapping[str, int] | None = None
) -> Refusal:
    """The refusal for a validator's reason; with the survey, it names the measure too.

    A measure is named only when it is one of the vocabulary: an unknown name may hold anything.
    """
    field = FIELDS.get(reason, "")
    if survey is not None and reason in (Reason.UNKNOWN_MEASURE, Reason.VALUE_OUT_OF_SCALE):
        asked = survey.measures
        for measure, value in (answers or {}).items():
            if measure not in asked or value not in VALUES[asked[measure]]:
                field += f".{measure}" if measure in KNOWN_MEASURES else ""
                break
    return Refusal(field, reason.value)


def refusal_from(error: ValidationError) -> Refusal:
    """The first fault pydantic found. Only names that are ours are repeated, never input."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    kind = first["type"]
    if kind == "extra_forbidden":
        return Refusal("", "unknown_field")
    ours = [str(part) for part in first["loc"][:1]]
    ours += [str(part) for part in first["loc"][1:2] if part in KNOWN_MEASURES]
    name = ".".join(ours)
    return Refusal(name, kind if kind in _OURS else "wrong_type")


_OURS: Final = frozenset({"missing", "no_time_zone", "not_a_time", "invalid_utf8"})
"""Faults that are reasons as pydantic names them; every other is a wrong type."""
