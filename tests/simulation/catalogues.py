"""Catalogues that follow one another while everything runs: questions, services and aliases come
and go, and every record is judged by one of them only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pipeline.core.catalogue import Catalogue
from pipeline.wire.catalogue_codec import make_catalogue
from tests.support import world

VISIT: Final = "va-vha-post-visit"
CARD: Final = "ssa-replacement-card-done"
CLINIC: Final = "va-outpatient-visit"
ALIAS: Final = "vha-clinics"
"""What one of the catalogues also calls the service of `VISIT`."""


def _catalogue(
    asked: Iterable[str], fielded: Iterable[str] = (VISIT, CARD), aliases: tuple[str, ...] = ()
) -> Catalogue:
    """These surveys of the shipped catalogue, that of the visit with these questions only."""
    whole = world.CATALOGUE
    surveys = {name: whole.surveys[name] for name in fielded}
    visit = surveys[VISIT]
    questions = tuple(q for q in visit.questions if q.measure in asked)
    surveys[VISIT] = replace(visit, questions=questions)
    services = {survey.service: whole.services[survey.service] for survey in surveys.values()}
    services[visit.service] = replace(services[visit.service], aliases=aliases)
    agencies = {whole.agencies[service.agency] for service in services.values()}
    return make_catalogue(agencies, services.values(), surveys.values())


FIRST: Final = _catalogue({"trust", "ease"})
OTHERS: Final = (
    _catalogue({"trust", "ease", "satisfaction"}),
    _catalogue({"trust"}),
    _catalogue({"trust", "ease"}, (VISIT, CARD, CLINIC)),
    _catalogue({"trust", "ease"}, (VISIT,)),
    _catalogue({"trust", "ease"}, aliases=(ALIAS,)),
)
"""A question more, one less; a service more, one less; an alias more."""
BY_DIGEST: Final = {one.digest: one for one in (FIRST, *OTHERS)}
