"""A survey entry → a survey: its questions, put together from shared and own wording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline.core.catalogue import Agency, Question, Service, Survey
from pipeline.core.vocabulary import INTERACTION_TYPES, MEASURES, TRUST_VARIANTS, Instrument
from pipeline.errors import CatalogueError
from pipeline.wire.catalogue_files import QuestionEntry, SurveyEntry
from pipeline.wire.suggest import known

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

_DRIVER_FORMS = (Instrument.A11_V2, Instrument.A11_V2_RADIO)
_LEAST_DRIVERS = tuple(
    f"{list_}_{driver}"
    for list_ in ("positive", "negative")
    for driver in ("effectiveness", "ease")
)
"""What both lists of a driver form must offer (GSA/touchpoints checks the same)."""


@dataclass(frozen=True, slots=True)
class SurveyBuilder:
    """Builds the surveys of one file against the agencies, services and wordings already read."""

    path: Path
    agencies: Mapping[str, Agency]
    services: Mapping[str, Service]
    wordings: Mapping[str, Mapping[str, QuestionEntry]]

    def build(self, entry: SurveyEntry) -> Survey:
        """The survey of `entry`. Raises CatalogueError naming file, survey and what to do."""
        where = f"{self.path}: survey {entry.id!r}"
        if entry.service not in self.services:
            hint = known(entry.service, self.services, "the codes of services.yaml")
            raise CatalogueError(f"{where}: service {hint}")
        if entry.interaction_type not in INTERACTION_TYPES:
            hint = known(entry.interaction_type, INTERACTION_TYPES, ", ".join(INTERACTION_TYPES))
            raise CatalogueError(f"{where}: interaction_type {hint}")
        if not _is_zone(entry.timezone):
            raise CatalogueError(
                f"{where}: timezone {entry.timezone!r} is not an IANA zone; "
                "use a name such as America/New_York"
            )
        questions = self._questions(where, entry)
        _check_trust(where, entry, questions)
        return Survey(
            id=entry.id,
            title=entry.title,
            service=entry.service,
            instrument=entry.instrument,
            questions=questions,
            trust_variant=entry.trust_variant,
            interaction_type=entry.interaction_type,
            timezone=entry.timezone,
            omb_number=entry.omb_number,
            omb_expires=entry.omb_expires,
        )

    def _questions(self, where: str, entry: SurveyEntry) -> tuple[Question, ...]:
        """Shared sets in turn, then the survey's own; later ones win. In the order of the form."""
        said = self._said(where, entry)
        scales = MEASURES[entry.instrument]
        for measure, question in said.items():
            if measure not in scales:
                hint = known(measure, scales, f"the measures of {entry.instrument}")
                raise CatalogueError(f"{where}: measure {hint}")
            if question.scale not in (None, scales[measure]):
                raise CatalogueError(
                    f"{where}: measure {measure!r}: scale {question.scale!s} is not that of "
                    f"{entry.instrument}; use {scales[measure]!s} or leave it out"
                )
        missing = [name for name in _LEAST_DRIVERS if name not in said]
        if entry.instrument in _DRIVER_FORMS and missing:
            raise CatalogueError(
                f"{where}: {entry.instrument} must offer {missing[0]!r}; add it to its questions"
            )
        names = self._names(entry.service)
        return tuple(
            Question(m, scale, _fill(where, m, said[m].text, names), said[m].version)
            for m, scale in scales.items()
            if m in said
        )

    def _said(self, where: str, entry: SurveyEntry) -> dict[str, QuestionEntry]:
        said: dict[str, QuestionEntry] = {}
        for wording in entry.wording:
            if wording not in self.wordings:
                hint = known(wording, self.wordings, "wordings.yaml")
                raise CatalogueError(f"{where}: wording {hint}")
            said.update(self.wordings[wording])
        said.update(entry.questions)
        for measure in entry.omits:
            if said.pop(measure, None) is None:
                hint = known(measure, said, "its questions")
                raise CatalogueError(f"{where}: omits {hint}")
        if not said:
            raise CatalogueError(f"{where}: asks nothing; give it wording or questions")
        return said

    def _names(self, code: str) -> dict[str, str]:
        service = self.services[code]
        return {
            "agency": self.agencies[service.agency].name,
            "provider": self.services[service.provider].name,
            "service": service.name,
        }


def _fill(where: str, measure: str, text: str, names: Mapping[str, str]) -> str:
    unknown = [name for name in _PLACEHOLDER.findall(text) if name not in names]
    if unknown:
        raise CatalogueError(
            f"{where}: measure {measure!r}: {{{unknown[0]}}} cannot be filled in; "
            "use {agency}, {provider} or {service}"
        )
    return _PLACEHOLDER.sub(lambda match: names[match[1]], text)


def _check_trust(where: str, entry: SurveyEntry, questions: tuple[Question, ...]) -> None:
    """Trust compares within one wording only, so a survey that asks it says which it uses."""
    asks = any(question.measure == "trust" for question in questions)
    if entry.trust_variant is None:
        if asks:
            raise CatalogueError(
                f"{where}: asks trust without trust_variant; use one of {', '.join(TRUST_VARIANTS)}"
            )
    elif not asks:
        raise CatalogueError(f"{where}: does not ask trust, so leave out trust_variant")
    elif entry.trust_variant not in TRUST_VARIANTS:
        hint = known(entry.trust_variant, TRUST_VARIANTS, ", ".join(TRUST_VARIANTS))
        raise CatalogueError(f"{where}: trust_variant {hint}")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (
        KeyError,
        ValueError,
        OSError,
    ):  # unknown; a path that leaves the database; a folder of it
        return False
    return True
