"""What makes two records the same response: everything they say, and not how they say it."""

from __future__ import annotations

import pytest

from pipeline.core.response import Response, Validator
from tests.support.world import CATALOGUE, START, response


def content(**changes: object) -> bytes:
    found = Validator(CATALOGUE).check(response(**changes), START)
    assert isinstance(found, Response)
    return found.content


@pytest.mark.parametrize(
    "changes",
    [
        {"retracted": True},
        {"answers": {"trust": 4, "satisfaction": 5}},
    ],
    ids=["a retraction", "answers in another order"],
)
def test_what_says_the_same_has_the_same_content(changes: dict[str, object]) -> None:
    assert content(**changes) == content()


def test_codes_and_aliases_have_the_same_content() -> None:
    (alias,) = CATALOGUE.agencies["treas"].aliases
    survey = next(
        survey
        for survey in CATALOGUE.surveys.values()
        if CATALOGUE.services[survey.service].agency == "treas"
    )
    named = {"service": survey.service, "survey": survey.id, "answers": {}}
    assert content(agency="treas", **named) == content(agency=alias, **named)


def test_every_difference_is_another_content() -> None:
    other: list[dict[str, object]] = [
        {},
        {"occurred_at": START - 1},
        {"channel": "phone"},
        {"answers": {}},
        {"answers": {"satisfaction": 5}},
        {"answers": {"satisfaction": 4, "trust": 5}},
        {"location": ""},
        {"location": "12"},
        {"comment": ""},
        {"comment": "12"},
        {"location": "1", "comment": "2"},
        {"location": "-", "comment": None},
        {"location": "a", "comment": "b\0+c"},
        {"location": "a\0+b", "comment": "c"},
    ]
    assert len({content(**changes) for changes in other}) == len(other)
