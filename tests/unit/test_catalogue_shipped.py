"""The catalogue that ships: complete, comparable, and readable by name or by an old name."""

from __future__ import annotations

from functools import cache

import pytest

from pipeline.core.catalogue import Catalogue
from pipeline.core.vocabulary import MEASURES, Instrument, Scale
from pipeline.resources import resource
from pipeline.wire.catalogue import load_catalogue

HISPS = """
doc-patents doc-trademarks ed-fsa hhs-marketplace hhs-medicare dhs-tsa dhs-cbp dhs-uscis dhs-fema
hud-fha doi-ost doi-fws dol-osha dol-deeoic dos-ca treas-irs va-vha va-vba opm-fes opm-rs sba-fo
ssa-oo usda-fsa usda-nrcs multi-rec
"""


@cache
def shipped() -> Catalogue:
    return load_catalogue(resource("deploy", "catalog"))


def test_all_25_providers_are_services_and_their_own_provider() -> None:
    slugs = HISPS.split()
    assert len(slugs) == 25
    for slug in slugs:
        assert shipped().services[slug].is_provider
        assert shipped().services[slug].provider == slug


@pytest.mark.parametrize(
    ("old", "now"), [("ed-fafsa", "ed-fsa"), ("doi-tbcc", "doi-ost"), ("dol-owcp", "dol-deeoic")]
)
def test_a_renamed_provider_is_found_under_both_names(old: str, now: str) -> None:
    assert shipped().service_codes[old] == now
    assert shipped().service_codes[now] == now


def test_the_treasury_is_found_under_its_other_code() -> None:
    assert shipped().agency_codes["usdt"] == "treas"


def test_all_20_designated_services_have_a_survey() -> None:
    designated = {s.code for s in shipped().services.values() if s.designated}
    assert len(designated) == 20
    assert designated <= {survey.service for survey in shipped().surveys.values()}


def test_every_instrument_is_fielded_and_some_services_run_two_at_once() -> None:
    surveys = shipped().surveys.values()
    assert {survey.instrument for survey in surveys} == set(Instrument)
    forms = {(survey.service, survey.instrument) for survey in surveys}
    assert len(forms) - len({service for service, _ in forms}) >= 3


def test_the_survey_of_the_published_figures_asks_all_seven_on_the_likert_scale() -> None:
    survey = shipped().surveys["va-vha-post-visit"]
    assert (survey.service, survey.timezone) == ("va-vha", "America/New_York")
    assert survey.measures == MEASURES[Instrument.A11]
    assert set(survey.measures.values()) == {Scale.LIKERT5}
    assert survey.trust_variant == "increased_my_trust"
    trust = next(question for question in survey.questions if question.measure == "trust")
    assert trust.text == "This interaction increased my trust in Veterans Health Administration."


def test_every_survey_id_begins_with_its_service_and_no_placeholder_is_left() -> None:
    for survey in shipped().surveys.values():
        assert survey.id.startswith(f"{survey.service}-")
        assert not any(set("{}") & set(question.text) for question in survey.questions)
