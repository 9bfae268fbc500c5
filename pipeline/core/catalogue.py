"""What services and surveys exist: the part of the world that is configured, not measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from pipeline.core.vocabulary import RESPONSE, Instrument, Scale


@dataclass(frozen=True, slots=True)
class Agency:
    """A reporting organisation, for example `va`."""

    code: str
    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A service of an agency. `provider` is the HISP it belongs to.

    A provider's own code is a service too and means the whole provider (`va` / `va-vha`).
    No `channels` means that they are not stated, not that there are none.
    """

    code: str
    name: str
    agency: str
    provider: str
    aliases: tuple[str, ...] = ()
    designated: bool = False
    is_provider: bool = False
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the measure it feeds and the exact wording shown, with its version."""

    measure: str
    scale: Scale
    text: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class Survey:
    """A fielded survey: instrument, wording, trust variant, interaction type, zone and clearance.

    `service` is the one it asks about: a response must name that service.
    """

    id: str
    title: str
    service: str
    instrument: Instrument
    questions: tuple[Question, ...]
    trust_variant: str | None
    interaction_type: str
    timezone: str
    omb_number: str
    omb_expires: date

    @property
    def measures(self) -> dict[str, Scale]:
        """The measures asked, each with its scale, in the order of the form."""
        return {question.measure: question.scale for question in self.questions}

    @property
    def layout(self) -> tuple[str, ...]:
        """The measures counted for this survey: those asked, then the reserved `response`."""
        return (*(question.measure for question in self.questions), RESPONSE)


@dataclass(frozen=True)
class Catalogue:
    """Everything an event may refer to. `digest` identifies this content: 16 hex digits."""

    agencies: Mapping[str, Agency]
    services: Mapping[str, Service]
    surveys: Mapping[str, Survey]
    digest: str

    @cached_property
    def agency_codes(self) -> dict[str, str]:
        """Code or alias → code, for every agency."""
        return {name: a.code for a in self.agencies.values() for name in (a.code, *a.aliases)}

    @cached_property
    def owners(self) -> dict[str, tuple[str, str]]:
        """Survey → its agency and service, which it keeps for ever."""
        return {
            survey.id: (self.services[survey.service].agency, survey.service)
            for survey in self.surveys.values()
        }

    @cached_property
    def service_codes(self) -> dict[str, str]:
        """Code or alias → code, for every service."""
        return {name: s.code for s in self.services.values() for name in (s.code, *s.aliases)}
